"""Trestle: a TIFF of MedScan with `key=value;` in each ImageDescription, and a picture of the glass beside it."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._peek import DESCRIPTION, SOFTWARE
from dicomanon.sources._pyramid import fingerprint, icc_of, level_images, number, opened, smaller
from dicomanon.sources._slide import Region, SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Image, PixelImage
    from dicomanon.sources._tiff import TiffSlide

_MARK = b"MedScan"
_OVERLAPS = b"OverlapsXY="
_PROGRAM = re.compile(rb"MedScan(?: v?\d{1,2}(?:\.\d{1,4}){0,3}(?![\w.]))?")
_WIDEST = 50
"""Micrometres: what says that pixels of a level are wider gives another unit."""
_FULL = ".Full"
_SEQUENTIAL = (0xC0, 0xC1)


def _detect(peek: Peek) -> bool:
    marked = peek.text(SOFTWARE).startswith(_MARK) and bool(peek.text(DESCRIPTION))
    return peek.claimed(marked=marked, words=(_OVERLAPS,))


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import lines, tiff_fields  # heavy

    own = tuple(tiff_fields(slide, {DESCRIPTION: lines, SOFTWARE: _program}))
    said = facts(FORMAT.name, own)
    pages = sorted((page for page in slide.pages if page.is_tiled), key=lambda page: -page.imagewidth)
    if not pages or len(pages) != len(slide.pages):
        raise CorruptSlideError("a level has no tiles")
    spacing = _spacing(pages[0])
    overlaps = _overlaps(said.get("ImageDescription/OverlapsXY", ""), slide.pages)
    levels = [
        _pieced(slide, page, level, overlaps[page.index]) if page.index in overlaps else level
        for page, level in zip(pages, level_images(slide, pages, spacing), strict=True)
    ]
    size = (levels[0].columns, levels[0].rows)
    others, beside, digest = _overview(path)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, digest),
        metadata=SlideMetadata(
            manufacturer="Trestle",
            software=(said["Software"],) if "Software" in said else (),
            objective_power=number(said.get("ImageDescription/Objective Power", "")),
            icc_profile=icc_of(pages[0]),
            name=path.stem,
        ),
        levels=tuple(
            replace(each, spacing=smaller(spacing, size, (each.columns, each.rows))) for each in levels
        ),
        others=others,
        close=slide.close,
        fields=(*own, *beside),
    )


def _program(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield the name of the program, by which readers know the slide, and what somebody may have put behind it."""
    known = _PROGRAM.match(text)
    end = known.end() if known else 0
    if end:
        yield "", 0, end
    if text[end:].strip():
        yield "another", end, len(text)


def _spacing(page: Any) -> tuple[float, float] | None:
    """Return mm between rows and columns: the tags for pixels per unit hold micrometres per pixel instead."""
    found = []
    for code in (283, 282):
        tag = page.tags.get(code)
        above, below = tag.value if tag is not None and isinstance(tag.value, tuple) else (0, 1)
        found.append(above / below if below else 0)
    return (found[0] / 1000, found[1] / 1000) if all(0 < each < _WIDEST for each in found) else None


def _overlaps(text: str, pages: Sequence[Any]) -> Mapping[int, tuple[int, int]]:
    """Return by how many pixels tiles of a page overlap, across and down, of those that do, by its place in the file.

    A value of more pairs than pages is as usual as one of fewer.
    """
    try:
        values = [int(each) for each in text.split()]
    except ValueError:
        raise CorruptSlideError("the slide does not say how its tiles overlap") from None
    found = {}
    for page, across, down in zip(pages, values[::2], values[1::2], strict=False):
        if not (0 <= across < max(1, page.tilewidth) and 0 <= down < max(1, page.tilelength)):
            raise CorruptSlideError("tiles overlap more than they can")
        if across or down:
            found[page.index] = (across, down)
    return found


def _pieced(slide: TiffSlide, page: Any, level: Image, overlap: tuple[int, int]) -> PixelImage:
    """Return a level whose tiles overlap by so many pixels, across and down.

    Of two the right one and the lower one are shown, as OpenSlide shows them.
    """
    from dicomanon.sources._pixels import page_pixels  # heavy

    stored = page_pixels(slide.file, page, "VOLUME", None, resampled=level.resampled, scene=0)
    wide, high = page.tilewidth, page.tilelength
    across, down = -(-stored.columns // wide), -(-stored.rows // high)

    def read(region: Region) -> NDArray[Any]:
        import numpy as np  # heavy

        kind = np.uint8 if stored.bits == 8 else np.uint16
        out = np.full((region.rows, region.columns, stored.samples), np.iinfo(kind).max, kind)
        for row in _touched(region.top, region.rows, high, overlap[1], down):
            for column in _touched(region.left, region.columns, wide, overlap[0], across):
                columns = min(wide, stored.columns - column * wide)
                rows = min(high, stored.rows - row * high)
                top, left = row * (high - overlap[1]), column * (wide - overlap[0])
                y0, y1 = max(top, region.top), min(top + rows, region.top + region.rows)
                x0, x1 = max(left, region.left), min(left + columns, region.left + region.columns)
                if y0 < y1 and x0 < x1:
                    tile = stored.read(Region(column * wide, row * high, columns, rows))
                    place = out[y0 - region.top : y1 - region.top, x0 - region.left : x1 - region.left]
                    place[...] = tile[y0 - top : y1 - top, x0 - left : x1 - left]
        return out

    return replace(
        stored,
        columns=stored.columns - (across - 1) * overlap[0],
        rows=stored.rows - (down - 1) * overlap[1],
        read=read,
        tile=(512, 512),
        why="tiles overlap",
    )


def _touched(start: int, length: int, tile: int, overlap: int, count: int) -> range:
    """Return the rows, or columns, of tiles that a stretch of pixels touches."""
    step = tile - overlap
    return range(max(0, (start - tile) // step + 1), min(count, -(-(start + length) // step)))


def _overview(path: Path) -> tuple[tuple[Image, ...], tuple[Field, ...], bytes]:
    """Return the picture of the glass, which shows the label, its words and its digest; it may be missing."""
    from dicomanon.sources._bytes import open_bytes  # heavy

    beside = path.with_suffix(_FULL)
    if not beside.is_file():
        return (), (), b""
    file = open_bytes(beside)
    try:
        return *_picture(file, beside.name), fingerprint(file)
    finally:
        file.close()


def _picture(file: FileBytes, name: str) -> tuple[tuple[Image, ...], tuple[Field, ...]]:
    from dicomanon.sources import _jpeg  # heavy
    from dicomanon.sources._bytes import MAX_RANGE  # heavy
    from dicomanon.sources._restart import Place, read_stream, whole  # heavy
    from dicomanon.sources._tiff import MAX_PIXELS, only_frame  # heavy

    if file.size > MAX_RANGE:
        raise CorruptSlideError("the picture of the glass is absurdly large")
    data = file.read(0, file.size)
    head = _jpeg.read_head(data)
    if not 0 < head.columns * head.rows <= MAX_PIXELS:
        raise CorruptSlideError("the picture of the glass has no size, or an absurd one")
    end = data.rfind(_jpeg.EOI) + len(_jpeg.EOI)
    if end <= head.length:
        raise CorruptSlideError("a JPEG stream has no end")
    fields = tuple(_texts(data, head.length, end, name))
    if head.process in _SEQUENTIAL:
        place = Place(flavor="OVERVIEW", columns=head.columns, rows=head.rows, spacing=None)
        image = whole(read_stream(file, 0, file.size), place)
        if image is not None:
            frame = tuple(image.frames())
            return (replace(image, frames=only_frame(partial(iter, frame))),), fields
    return (_decoded(data[:end]),), fields


def _decoded(data: bytes) -> Image:
    """Return a picture that is a JPEG of a kind that DICOM has no transfer syntax for."""
    import imagecodecs  # heavy

    from dicomanon.sources._openslide import held_pixels  # heavy
    from dicomanon.sources._pixels import DECODING  # heavy

    try:
        pixels = imagecodecs.jpeg8_decode(data)
    except DECODING:
        raise CorruptSlideError("the picture of the glass cannot be decoded") from None
    pixels = pixels.reshape((*pixels.shape[:2], -1))
    return held_pixels(pixels, "OVERVIEW", "DICOM has no transfer syntax for it")


def _texts(data: bytes, begin: int, end: int, name: str) -> Iterator[Field]:
    """Yield what a JPEG says in words, before its scan at `begin` and after its end."""
    from dicomanon.sources._restart_head import texts  # heavy
    from dicomanon.sources._tiff_fields import text_of  # heavy

    for place, start, stop in texts(data[:begin]):
        yield Field(place, text_of(data[start:stop]), start, stop - start, name)
    if end < len(data):
        yield Field("JPEG/after the end", text_of(data[end:]), end, len(data) - end, name)


FORMAT = SlideFormat(
    name="trestle",
    title="Trestle",
    suffixes=(".tif",),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG that do not overlap",
    encoded="tiles that overlap",
)
