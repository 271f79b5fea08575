"""One image of a slide in DICOM: an instance, or the parts of a concatenation, with its frames in their places."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.encoding import ENCAPSULATED, EXPLICIT_LE, EXPLICIT_LITTLE, pack_element
from dicomanon.sources._dicom_blank import blank_frame
from dicomanon.sources._dicom_layout import layout_of
from dicomanon.sources._dicom_set import explicit_elements, inner, text_of
from dicomanon.sources._pieces import PiecedFrames
from dicomanon.sources._slide import DataSet, Lossy, OpticalPath, SlideImage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.sources._dicom_file import DicomFile
    from dicomanon.sources._dicom_layout import Layout
    from dicomanon.sources._dicom_stored import Stored
    from dicomanon.sources._pieces import Pieces

CONCATENATION, NUMBER, TOTAL = 0x00209161, 0x00209162, 0x00209163
_OFFSET, _SOURCE = 0x00209228, 0x00200242
_ORGANIZATION, _FRAMES, _PER_FRAME = 0x00209311, 0x00280008, 0x52009230
_STRUCTURE = frozenset(
    (
        *(CONCATENATION, NUMBER, TOTAL, _OFFSET, _SOURCE, _ORGANIZATION, _FRAMES, _PER_FRAME),
        *(0x7FE00001, 0x7FE00002, 0x7FE00003),
    )
)
"""What tells of the structure of pixels, and is said anew."""
_PIXEL_GROUP = 0x7FE00000
_REPRESENTATIVE, _INDEX = 0x00286010, 0x00209222
_IMAGE_TYPE, _SAMPLES, _BITS, _PHOTOMETRIC = 0x00080008, 0x00280002, 0x00280100, 0x00280004
_RATIO, _METHOD, _LOST = 0x00282112, 0x00282114, 0x00282110
_OF_PARTS = frozenset(
    (
        *(0x00080012, 0x00080013, 0x00080018, 0x00080023, 0x0008002A, 0x00080033),
        *(0x00189073, 0x00189074, 0x00200013, _RATIO, _REPRESENTATIVE, _INDEX),
    )
)
"""What the parts of a concatenation may say differently: the first is taken at its word."""
_SHARED, _MEASURES, _SPACING, _BETWEEN = 0x52009229, 0x00289110, 0x00280030, 0x00180088
_FINEST, _COARSEST = 1e-6, 10.0
_SOFT = 0x00020016
"""A tag of group 0002 whose value is looked for as the name of a thing is."""


@dataclass(frozen=True, slots=True)
class _Frames:
    """Frames of several files in their order; -1 stands for `blank`."""

    parts: tuple[Stored, ...]
    order: Sequence[int]
    blank: bytes

    def pieces(self, first: int, stop: int | None) -> Pieces:
        """Yield the frames of a range of places."""
        wanted = self.order[first:stop]
        if len(self.parts) == 1 and not self.blank:
            yield from ((b"", each) for each in self.parts[0].read(wanted))
            return
        begins = [0, *accumulate(len(each.lengths) for each in self.parts)]
        for part, run in groupby(wanted, lambda each: bisect_right(begins, each) - 1):
            if part < 0:
                yield from ((b"", self.blank) for _ in run)
            else:
                local = [each - begins[part] for each in run]
                yield from ((b"", each) for each in self.parts[part].read(local))


def image_of(files: Sequence[DicomFile]) -> SlideImage:
    """Return the image that one file is, or several that are parts of a concatenation, in their order.

    Raises CorruptSlideError, SlideError and MalformedError.
    """
    elements = _elements(files)
    layout = layout_of(files, elements)
    order = layout.order
    missing = 0 if isinstance(order, range) else order.count(-1)
    moved = bool(missing) or not all(one < other for one, other in pairwise(order))
    if moved:
        elements.pop(_REPRESENTATIVE, None)
    stored = tuple(each.stored for each in files)
    if moved and any(each.inflated for each in stored):
        raise SlideError("frames of a deflated data set that are not in order are not supported")
    blank = blank_frame(files[0].instance, bytes(next(stored[0].read([0])))) if missing else b""
    own = array("Q", (length for each in stored for length in each.lengths))
    lengths = array("Q", (own[each] if each >= 0 else len(blank) for each in order))
    uid, same = _identity(files)
    dataset = DataSet(
        elements=MappingProxyType({tag: elements[tag] for tag in sorted(elements)}),
        container=_containers(files),
        uid=uid,
        trailer=stored[0].trailer,
        renumbered=moved or not same,
    )
    return _image(files[0], layout, dataset, lengths, _Frames(stored, order, blank), missing)


def _image(
    base: DicomFile,
    layout: Layout,
    dataset: DataSet,
    lengths: Sequence[int],
    frames: _Frames,
    missing: int,
) -> SlideImage:
    header, grid = base.header, layout.grid
    syntax = base.instance.meta.transfer_syntax_uid
    encapsulated = syntax in ENCAPSULATED
    shared = (_SHARED, _MEASURES)
    between = _decimals(inner(dataset.elements, *shared, _BETWEEN), 1)
    filled = "frames that were not stored are blank" if missing else ""
    return SlideImage(
        flavor=base.flavor,
        columns=grid.columns,
        rows=grid.rows,
        samples=header.number(_SAMPLES),
        spacing=_spacing(inner(dataset.elements, *shared, _SPACING)),
        bits=header.number(_BITS),
        planes=grid.planes,
        plane_spacing=between[0] if between else None,
        paths=(OpticalPath(),) * grid.paths,
        losses=_losses(base, lengths),
        resampled=header.texts(_IMAGE_TYPE)[3:4] == ["RESAMPLED"],
        tile_columns=grid.tile_columns,
        tile_rows=grid.tile_rows,
        photometric=header.text(_PHOTOMETRIC),
        transfer_syntax_uid=syntax if encapsulated else EXPLICIT_LITTLE,
        encapsulated=encapsulated,
        frame_lengths=lengths,
        frames=PiecedFrames(frames.pieces),
        derivation=filled,
        dataset=dataset,
    )


def _elements(files: Sequence[DicomFile]) -> dict[int, bytes]:
    """Return what all files say; raise SlideError where the parts of a concatenation do not say the same."""
    found = [
        explicit_elements(each.instance.header, each.header.entries, each.header.encoding, without=_STRUCTURE)
        for each in files
    ]
    first = {tag: value for tag, value in found[0].items() if tag not in _OF_PARTS}
    for other in found[1:]:
        if {tag: value for tag, value in other.items() if tag not in _OF_PARTS} != first:
            raise SlideError("the parts of a concatenation do not say the same of their image")
    if any(each.stored.trailer != files[0].stored.trailer for each in files):
        raise SlideError("the parts of a concatenation do not say the same behind their pixels")
    if any(tag >= _PIXEL_GROUP for tag in found[0]):
        raise CorruptSlideError("an element stands in front of Pixel Data that belongs behind it")
    return found[0]


def _identity(files: Sequence[DicomFile]) -> tuple[str, bool]:
    """Return the UID of an image as a whole, and whether it is that of an instance with these frames."""
    if len(files) == 1:
        return files[0].uid, True
    sources = {each.said(_SOURCE) for each in files}
    source = sources.pop()
    if source and not sources and source not in {each.uid for each in files}:
        return source, True
    return files[0].said(CONCATENATION), False


def _containers(files: Sequence[DicomFile]) -> bytes:
    """Return preamble and group 0002 of one file, or what those of several say as one."""
    residues = [each.instance.meta.residue for each in files]
    if len(residues) == 1:
        return residues[0]
    said: dict[bytes, None] = {}
    for residue in residues:
        whole = residue[128:132] == b"DICM"
        if whole and residue[:128].strip(b"\0"):
            said[pack_element(_SOFT, b"UN", residue[:128], EXPLICIT_LE)] = None
        said[residue[132:] if whole else residue] = None
    return b"".join(said)


def _spacing(element: bytes) -> tuple[float, float] | None:
    found = _decimals(element, 2)
    return (found[0], found[1]) if found else None


def _decimals(element: bytes, count: int) -> list[float]:
    """Return sizes in mm, nothing where there are none or they cannot be."""
    try:
        found = [float(each) for each in text_of(element).split("\\")]
    except ValueError:
        return []
    good = len(found) == count and all(isfinite(each) and _FINEST <= each <= _COARSEST for each in found)
    return found if good else []


def _losses(base: DicomFile, lengths: Sequence[int]) -> tuple[Lossy, ...]:
    """Return the lossy compressions that an image tells of, the last of them with its own size."""
    if base.header.text(_LOST) != "01":
        return ()
    methods, ratios = base.header.texts(_METHOD), base.header.texts(_RATIO)
    size = sum(lengths)
    try:
        last = float(ratios[-1])
        sizes = [round(size * last / float(each)) for each in ratios]
    except (ArithmeticError, ValueError, IndexError):
        return (Lossy(methods[-1] if methods else "", size),)
    if len(methods) != len(sizes) or min(sizes) < 1:
        return (Lossy(methods[-1] if methods else "", size),)
    return tuple(Lossy(*each) for each in zip(methods, sizes, strict=True))
