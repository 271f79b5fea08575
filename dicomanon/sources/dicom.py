"""Whole-slide images that are DICOM already: the instances of a series, joined to images and levels (PS3.3 A.32.8)."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, InstanceError, SlideError, UnsupportedError
from dicomanon.sources._dicom_folder import is_whole_slide, members, series_of
from dicomanon.sources._dicom_set import inner, text_of
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dicomanon.sources._dicom_file import DicomFile
    from dicomanon.sources._fields import Field
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import DataSet, Flavor, SlideImage

_FRAME_OF_REFERENCE, _PYRAMID = 0x00200052, 0x00080019
_MANUFACTURER, _MODEL = 0x00080070, 0x00081090
_CONTAINER, _BARCODE = 0x00400512, 0x22000005
_PATHS, _IDENTIFIER, _ORIGIN, _DEPTH = 0x00480105, 0x00480106, 0x00480008, 0x0040074A
_OTHERS: tuple[Flavor, ...] = ("THUMBNAIL", "OVERVIEW", "LABEL")
_ASPECT = 0.02


def _detect(peek: Peek) -> bool:
    return is_whole_slide(peek.front)


def _open(path: Path) -> SlideSource:
    from dicomanon.sources._dicom_file import read_file  # heavy

    try:
        series = series_of(path)
        files = [read_file(each, series) for each in members(path)]
        return _source(path, files)
    except UnsupportedError as error:
        raise SlideError(str(error)) from None
    except InstanceError as error:
        raise CorruptSlideError(str(error)) from None


def _source(path: Path, files: Sequence[DicomFile]) -> SlideSource:
    from dicomanon.sources._dicom_fields import dicom_fields  # heavy
    from dicomanon.sources._dicom_image import image_of  # heavy

    uids = [each.uid for each in files]
    if len(set(uids)) != len(uids) or not all(uids):
        raise SlideError("two files of the series are the same instance, or one has no SOP Instance UID")
    images = [image_of(parts) for parts in _images(files)]
    levels = tuple(_levels([each for each in images if each.flavor == "VOLUME"]))
    others = tuple(each for flavor in _OTHERS for each in images if each.flavor == flavor)
    fields: list[Field] = []
    for each in files:
        fields += dicom_fields(each, "" if each.path == path else each.path.name)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=hashlib.sha256("\n".join(sorted(uids)).encode()).digest(),
        metadata=_metadata(path, [*levels, *others]),
        levels=levels,
        others=others,
        close=_nothing,
        fields=tuple(fields),
    )


def _nothing() -> None:
    """Close nothing: files are open only while they are read."""


def _images(files: Sequence[DicomFile]) -> Iterator[list[DicomFile]]:
    """Yield the files of each image; raise CorruptSlideError where parts of a concatenation are missing."""
    from dicomanon.sources._dicom_image import CONCATENATION, NUMBER, TOTAL  # heavy

    found: dict[str, list[DicomFile]] = {}
    for each in files:
        found.setdefault(each.said(CONCATENATION) or f"{each.uid} alone", []).append(each)
    for name, parts in found.items():
        if name.endswith(" alone"):
            yield parts
            continue
        ordered = sorted(parts, key=lambda part: part.header.number(NUMBER))
        totals = {each.header.number(TOTAL) for each in ordered} - {0}
        numbers = [each.header.number(NUMBER) for each in ordered]
        if numbers != list(range(1, len(ordered) + 1)) or totals - {len(ordered)}:
            raise CorruptSlideError("parts of a concatenation are missing, or come twice")
        yield ordered


def _levels(images: Sequence[SlideImage]) -> Iterator[SlideImage]:
    """Yield levels pyramid by pyramid, the largest of each first; each pyramid is numbered as a scene.

    Raises SlideError where two are one level, or where they lie in several frames of reference.
    """
    if len({_text(each, _FRAME_OF_REFERENCE) for each in images} - {""}) > 1:
        raise SlideError("the levels of the slide do not lie in one frame of reference")
    named = {_text(each, _PYRAMID) for each in images} - {""}
    pyramids: dict[tuple[object, ...], list[SlideImage]] = {}
    for each in sorted(images, key=lambda image: (-image.columns, -image.rows)):
        pyramid = _text(each, _PYRAMID) or (next(iter(named)) if len(named) == 1 else "")
        pyramids.setdefault((pyramid, *_layers(each)), []).append(each)
    for scene, levels in enumerate(pyramids.values()):
        base = levels[0]
        for number, level in enumerate(levels):
            if number and (level.columns, level.rows) == (
                levels[number - 1].columns,
                levels[number - 1].rows,
            ):
                raise SlideError("two images of the series are the same level")
            ratio = level.columns * base.rows / (level.rows * base.columns)
            padding = level.tile_columns / level.columns + level.tile_rows / level.rows
            if abs(ratio - 1) > _ASPECT + padding:
                raise SlideError("the levels of the slide do not show the same part of it")
            yield replace(level, scene=scene)


def _layers(image: SlideImage) -> tuple[object, ...]:
    """Return what tells channels and focal planes apart that are instances of their own."""
    from dicomanon.sources._dicom_set import identifiers

    dataset = _set(image)
    paths = identifiers(dataset.elements.get(_PATHS), _IDENTIFIER)
    return (paths, text_of(inner(dataset.elements, _ORIGIN, _DEPTH)))


def _metadata(path: Path, images: Sequence[SlideImage]) -> SlideMetadata:
    """Return what tells one slide from others; the rest is in the data sets."""
    barcodes = [_text(each, _BARCODE) for each in images] + [_text(each, _CONTAINER) for each in images]
    return SlideMetadata(
        manufacturer=_text(images[0], _MANUFACTURER),
        model=_text(images[0], _MODEL),
        barcode=next(filter(None, barcodes), ""),
        name=path.stem,
    )


def _set(image: SlideImage) -> DataSet:
    if image.dataset is None:
        raise CorruptSlideError("an image of DICOM has no data set")
    return image.dataset


def _text(image: SlideImage, tag: int) -> str:
    return text_of(_set(image).elements.get(tag))


FORMAT = SlideFormat(
    name="dicom",
    title="DICOM WSI",
    suffixes=(".dcm",),
    detect=_detect,
    open=_open,
    lossless="all frames; TILED_SPARSE and concatenations become TILED_FULL",
    members=members,
    is_dicom=True,
)
