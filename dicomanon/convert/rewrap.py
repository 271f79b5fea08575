"""The header of an image that is DICOM already: its own data set, and anew what tells of the structure of its pixels.

UIDs stay where they can: an image that is written whole, its frames numbered as they were, is still the instance that
others refer to. Parts, made levels and renumbered frames get UIDs made of the one that they come from.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from dicomanon import standard
from dicomanon.convert.dataset import Dataset
from dicomanon.convert.items import code, item
from dicomanon.convert.known import with_laboratory
from dicomanon.convert.places import per_frame_groups
from dicomanon.convert.sparse import dimension_index
from dicomanon.convert.text import decimal
from dicomanon.convert.uids import uid
from dicomanon.part10.encoding import EXPLICIT_LE, pack_sequence
from dicomanon.sources import inner, item_of, smaller, text_of, value_of, values_of, with_elements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.convert.options import ConvertOptions
    from dicomanon.convert.prepare import ReadySlide
    from dicomanon.sources import DataSet, Part, SlideImage

_SERIES, _FRAME_OF_REFERENCE, _PYRAMID, _INSTANCE_NUMBER = 0x0020000E, 0x00200052, 0x00080019, 0x00200013
_IMAGE_TYPE, _DERIVATION = 0x00080008, 0x00082111
_SHARED, _PER_FRAME = 0x52009229, 0x52009230
_MEASURES, _SPACING, _FRAME_TYPES = 0x00289110, 0x00280030, 0x00400710
_PATH_GROUP, _POSITION_GROUP = 0x00480207, 0x0048021A
_ORGANIZATIONS, _ORGANIZATION = 0x00209221, 0x00209164
_REPRESENTATIVE = 0x00286010
_EXTREMES = (0x00280106, 0x00280107)
"""Smallest and Largest Image Pixel Value, which are others in a level that is made."""
_RESAMPLED = ("113085", "DCM", "Spatial resampling")
_COMPRESSED = ("113040", "DCM", "Lossy Compression")
_LONGEST = 1024


def rewrapped(
    slide: ReadySlide, image: SlideImage, dataset: DataSet, options: ConvertOptions, *, described: bool
) -> tuple[bytes, str]:
    """Return the elements in front of offset tables and Pixel Data, and the SOP Instance UID.

    With `described` what was done to pixels is among them. Raises SlideError where the laboratory says something else
    than the data set, or a part of an image cannot say where it lies.
    """
    elements = with_laboratory(dict(dataset.elements), slide.laboratory, dataset.uid)
    whole = _whole_uid(image, dataset)
    elements |= _said(NumberOfFrames=len(image.frame_lengths), DimensionOrganizationType="TILED_FULL")
    for tag, element in _said(
        TotalPixelMatrixColumns=image.columns,
        TotalPixelMatrixRows=image.rows,
        NumberOfOpticalPaths=len(image.paths),
        TotalPixelMatrixFocalPlanes=image.planes,
        DimensionOrganizationSequence=[
            item(DimensionOrganizationUID=_derived(whole, "dimension organization"))
        ],
    ).items():
        if not value_of(elements.get(tag)):
            elements[tag] = element
    if image.flavor == "VOLUME":
        _agree(elements, slide, image)
        _measure(elements, slide, image, options)
    if dataset.made:
        _made(elements, slide, image)
    if described and image.derivation:
        before = value_of(elements.get(_DERIVATION)).strip(b" \0")
        text = b"; ".join(filter(None, (before, image.derivation.encode())))
        elements |= _said(DerivationDescription=text if len(text) <= _LONGEST else image.derivation)
    own = whole
    if image.part is not None:
        own = _part(elements, image, image.part, whole)
    elements |= _said(SOPInstanceUID=own)
    return b"".join(elements[tag] for tag in sorted(elements)), own


def _said(**elements: Any) -> dict[int, bytes]:
    """Return elements by tag, as encoded."""
    found = {}
    for keyword, value in elements.items():
        tag = standard.tag_of(keyword)
        if tag is None:
            raise KeyError(keyword)
        found[tag] = Dataset(**{keyword: value}).encoded()
    return found


def _derived(source: str, role: str) -> str:
    """Return the UID of something that is made of what has a UID."""
    return uid(hashlib.sha256(source.encode()).digest(), role)


def _whole_uid(image: SlideImage, dataset: DataSet) -> str:
    if dataset.made:
        size = f"{image.columns}x{image.rows}"
        return _derived(dataset.uid, f"level {size} {image.derivation}")
    return _derived(dataset.uid, "frames in order") if dataset.renumbered else dataset.uid


def _agree(elements: dict[int, bytes], slide: ReadySlide, image: SlideImage) -> None:
    """Say which pyramid a level is of, and where it lies, as the other levels do; keep what it says itself."""
    series = text_of(elements.get(_SERIES))
    for tag, role in ((_PYRAMID, f"pyramid {image.scene}"), (_FRAME_OF_REFERENCE, "frame of reference")):
        if text_of(elements.get(tag)):
            continue
        same = (each for each in _levels(slide) if tag != _PYRAMID or each.scene == image.scene)
        found = (text_of(each.dataset.elements.get(tag)) for each in same if each.dataset is not None)
        value = next(filter(None, found), "") or _derived(series, role)
        elements |= _said(PyramidUID=value) if tag == _PYRAMID else _said(FrameOfReferenceUID=value)


def _levels(slide: ReadySlide) -> Iterator[SlideImage]:
    return (each for each in slide.images if each.flavor == "VOLUME")


def _measure(
    elements: dict[int, bytes], slide: ReadySlide, image: SlideImage, options: ConvertOptions
) -> None:
    """Say how large pixels are, where the data set does not or is that of a larger level."""
    spacing = _spacing(slide, image, options)
    if spacing is None or (image.spacing is not None and not _is_made(image)):
        return
    shared = item_of(elements.get(_SHARED))
    measures = item_of(values_of(shared).get(_MEASURES))
    new = _said(PixelSpacing=[decimal(each) for each in spacing])
    group = pack_sequence(_MEASURES, [with_elements(measures, new)], EXPLICIT_LE)
    _share(elements, {_MEASURES: group})


def _spacing(slide: ReadySlide, image: SlideImage, options: ConvertOptions) -> tuple[float, float] | None:
    if image.spacing is not None or options.spacing is None:
        return image.spacing
    base = slide.base(image.scene)
    given = (options.spacing, options.spacing)
    return smaller(given, (base.columns, base.rows), (image.columns, image.rows))


def _is_made(image: SlideImage) -> bool:
    return image.dataset is not None and image.dataset.made > 0


def _share(elements: dict[int, bytes], new: dict[int, bytes], without: tuple[int, ...] = ()) -> None:
    """Say something of all frames."""
    every = {**values_of(item_of(elements.get(_SHARED))), **new}
    kept = b"".join(every[tag] for tag in sorted(every) if tag not in without)
    elements[_SHARED] = pack_sequence(_SHARED, [kept], EXPLICIT_LE)


def _made(elements: dict[int, bytes], slide: ReadySlide, image: SlideImage) -> None:
    """Say what a level is that was made of a larger one."""
    kind = [*text_of(elements.get(_IMAGE_TYPE)).split("\\"), "", "", ""][:3]
    kind = ["DERIVED", kind[1] or "PRIMARY", image.flavor, "RESAMPLED"]
    elements |= _said(
        ImageType=kind,
        InstanceNumber=_last_number(slide) + _number_made(slide, image),
        PhotometricInterpretation=image.photometric,
        Rows=image.tile_rows,
        Columns=image.tile_columns,
        BitsAllocated=image.bits,
        BitsStored=image.bits,
        HighBit=image.bits - 1,
        TotalPixelMatrixColumns=image.columns,
        TotalPixelMatrixRows=image.rows,
        LossyImageCompression="01" if image.losses else "00",
    )
    done = [_RESAMPLED]
    if image.losses:
        size = image.rows * image.columns * image.samples * image.bits // 8
        elements |= _said(
            LossyImageCompressionRatio=[decimal(size / max(each.size, 1)) for each in image.losses],
            LossyImageCompressionMethod=[each.method for each in image.losses],
        )
        done += [_COMPRESSED] * (len(image.losses) > 1)
    elements |= _said(DerivationCodeSequence=[code(*each) for each in done])
    for tag in (*_EXTREMES, _REPRESENTATIVE):
        elements.pop(tag, None)
    types = _said(WholeSlideMicroscopyImageFrameTypeSequence=[item(FrameType=kind)])
    _share(elements, types)


def _last_number(slide: ReadySlide) -> int:
    """Return the highest Instance Number of the slide."""
    texts = (text_of(each.dataset.elements.get(_INSTANCE_NUMBER)) for each in slide.images if each.dataset)
    return max((int(text) for text in texts if text.isdigit() and len(text) < 9), default=0)


def _number_made(slide: ReadySlide, image: SlideImage) -> int:
    """Return which of the made levels this one is, from 1; the parts of one have its number."""
    made = dict.fromkeys((each.scene, each.columns, each.rows) for each in _levels(slide) if _is_made(each))
    return list(made).index((image.scene, image.columns, image.rows)) + 1


def _part(elements: dict[int, bytes], image: SlideImage, part: Part, whole: str) -> str:
    """Say which part of an image this is and where its frames lie (PS3.3 C.7.6.16.2.2.4); return its UID."""
    organization = text_of(inner(elements, _ORGANIZATIONS, _ORGANIZATION))
    elements |= _said(
        ConcatenationUID=_derived(whole, f"concatenation {part.total}"),
        SOPInstanceUIDOfConcatenationSource=whole,
        InConcatenationNumber=part.number,
        InConcatenationTotalNumber=part.total,
        ConcatenationFrameOffsetNumber=part.offset,
        DimensionOrganizationType="TILED_SPARSE",
        DimensionIndexSequence=dimension_index(organization),
    )
    elements.pop(_REPRESENTATIVE, None)
    _share(elements, {}, (_PATH_GROUP, _POSITION_GROUP))
    elements[_PER_FRAME] = per_frame_groups(elements, image)
    return _derived(whole, f"part {part.number} of {part.total} from {part.offset}")
