"""Pages of a TIFF as images of frames: JPEG and JPEG 2000 tiles as they are, anything else decoded."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._bytes import MAX_RANGE, FileBytes, check_ranges, open_bytes
from dicomanon.sources._slide import Flavor, Lossy, SlideImage
from dicomanon.sources._tiles import JPEG_METHOD, jpeg_2000_tiles, jpeg_syntax, jpeg_tiles, native_tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What the TIFF library and its codecs raise on damaged input: they know no base class of their own."""

MAX_PAGES = 4096
MAX_PIXELS = 1 << 26
"""Of what may be decoded at once: an associated image, or a tile."""
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
JPEG, NEW_JPEG_2000 = 7, (33003, 33004, 33005, 34712)
"""TIFF tag 259: JPEG; JPEG 2000 of Aperio (YCbCr, lossless, RGB) and as registered."""
MINISBLACK, RGB, YCBCR = 1, 2, 6
"""TIFF tag 262."""
_TYPE_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""TIFF field types."""


@dataclass(frozen=True, slots=True)
class TiffSlide:
    """An open TIFF: its bytes, and its pages as tifffile reads them."""

    file: FileBytes
    tiff: Any
    pages: tuple[Any, ...]

    def close(self) -> None:
        """Close both handles."""
        self.tiff.close()
        self.file.close()


def open_tiff(path: Path) -> TiffSlide:
    """Open a TIFF and read the directory of every page; raise CorruptSlideError where that fails."""
    import tifffile  # heavy

    # The library logs what it stumbles over, values included.
    logging.getLogger("tifffile").disabled = True
    file = open_bytes(path)
    tiff = None
    try:
        tiff = tifffile.TiffFile(path)
        slide = TiffSlide(file, tiff, tuple(_pages(tiff)))
        _check_directories(slide)
    except DAMAGE:
        if tiff is not None:
            tiff.close()
        file.close()
        raise CorruptSlideError("the TIFF directories cannot be read") from None
    except CorruptSlideError:
        if tiff is not None:
            tiff.close()
        file.close()
        raise
    return slide


def _check_directories(slide: TiffSlide) -> None:
    """Raise CorruptSlideError where a value or a page lies beyond the end: the library passes over it."""
    layout = slide.tiff.tiff
    entry = struct.Struct(f"{layout.byteorder}HH{layout.offsetformat[1:] * 2}")
    following = 0
    for page in slide.pages:
        at = page.offset + layout.tagnosize
        (entries,) = struct.unpack(layout.tagnoformat, slide.file.read(page.offset, layout.tagnosize))
        table = slide.file.read(at, entries * layout.tagsize)
        for _, kind, count, value in entry.iter_unpack(table):
            size = _TYPE_SIZES.get(kind, 0) * count
            if size > layout.tagoffsetthreshold and value + size > slide.file.size:
                raise CorruptSlideError("a value of a TIFF directory lies beyond the end of the file")
        (following,) = struct.unpack(layout.offsetformat, slide.file.read(at + len(table), layout.offsetsize))
    if following:
        raise CorruptSlideError("the chain of TIFF directories is cut short")


def _pages(tiff: Any) -> Iterator[Any]:
    """Yield each page once; a chain that comes back to itself is damage."""
    seen = set()
    for number, page in enumerate(tiff.pages):
        if number >= MAX_PAGES or page.offset in seen:
            raise CorruptSlideError("the chain of TIFF directories has no end")
        seen.add(page.offset)
        yield page


def level_image(
    file: FileBytes, page: Any, spacing: tuple[float, float] | None, *, resampled: bool
) -> SlideImage:
    """Return a tiled page as VOLUME; raise CorruptSlideError, SlideError for what is not supported."""
    try:
        _check_layout(page)
        across = -(-page.imagewidth // page.tilewidth)
        down = -(-page.imagelength // page.tilelength)
        if across * down != len(page.dataoffsets):
            raise CorruptSlideError("the number of tiles does not fit the size of the image")
        check_ranges(file, page.dataoffsets, page.databytecounts)
        if not any(page.databytecounts):
            raise CorruptSlideError("a level has no tile with any data")
        if page.compression == JPEG:
            stream = jpeg_tiles(file, page)
        elif page.compression in NEW_JPEG_2000:
            stream = jpeg_2000_tiles(file, page)
        else:
            stream = native_tiles(file, page)
    except DAMAGE:
        raise CorruptSlideError("a level is damaged") from None
    return SlideImage(
        flavor="VOLUME",
        columns=page.imagewidth,
        rows=page.imagelength,
        tile_columns=page.tilewidth,
        tile_rows=page.tilelength,
        samples=page.samplesperpixel,
        photometric=stream.photometric,
        transfer_syntax_uid=stream.transfer_syntax_uid,
        encapsulated=stream.encapsulated,
        spacing=spacing,
        lossy=Lossy(stream.lossy_method, sum(page.databytecounts)) if stream.lossy_method else None,
        resampled=resampled,
        frame_lengths=stream.lengths,
        frames=stream.frames,
    )


def single_image(
    slide: TiffSlide, page: Any, flavor: Flavor, spacing: tuple[float, float] | None
) -> SlideImage:
    """Return a page as one frame: JPEG strips joined without decoding, anything else decoded to pixels."""
    try:
        _check_layout(page)
        if page.imagewidth * page.imagelength > MAX_PIXELS:
            raise CorruptSlideError("an associated image is absurdly large")
        check_ranges(slide.file, page.dataoffsets, page.databytecounts)
        if sum(page.databytecounts) > MAX_RANGE:
            raise CorruptSlideError("an associated image is absurdly large")
        joined = None if page.is_tiled or page.compression != JPEG else _joined(slide.file, page)
    except DAMAGE:
        raise CorruptSlideError("an associated image is damaged") from None
    lossy = Lossy(JPEG_METHOD, sum(page.databytecounts)) if page.compression == JPEG else None
    photometric = "RGB" if page.samplesperpixel == 3 else "MONOCHROME2"
    syntax = EXPLICIT_LITTLE
    lengths = [page.imagewidth * page.imagelength * page.samplesperpixel]
    frames: Callable[[], Iterator[bytes]] = lambda: _pixels(page)  # noqa: E731 - a def would hide the pair below
    if joined is not None:
        frame, photometric, syntax = joined
        lengths = [len(frame)]
        frames = lambda: iter((frame,))  # noqa: E731 - see above
    return SlideImage(
        flavor=flavor,
        columns=page.imagewidth,
        rows=page.imagelength,
        tile_columns=page.imagewidth,
        tile_rows=page.imagelength,
        samples=page.samplesperpixel,
        photometric=photometric,
        transfer_syntax_uid=syntax,
        encapsulated=joined is not None,
        spacing=spacing,
        lossy=lossy,
        resampled=flavor == "THUMBNAIL",
        frame_lengths=lengths,
        frames=frames,
    )


def _check_layout(page: Any) -> None:
    if not (page.imagewidth and page.imagelength) or max(page.imagewidth, page.imagelength) >= 1 << 31:
        raise CorruptSlideError("an image has no size, or an absurd one")
    if page.samplesperpixel not in (1, 3) or page.bitspersample != 8 or page.imagedepth != 1:
        raise SlideError("only images of 8 bits in 1 or 3 samples are supported")
    if page.samplesperpixel == 3 and page.planarconfig != 1:
        raise SlideError("colour planes apart from each other are not supported")
    if page.photometric not in (MINISBLACK, RGB, YCBCR):
        raise SlideError("the TIFF photometric interpretation is not supported")
    if page.is_tiled and max(page.tilewidth, page.tilelength) > 0xFFFF:
        raise CorruptSlideError("tiles have an absurd size")
    if page.is_tiled and page.tilewidth * page.tilelength > MAX_PIXELS:
        raise CorruptSlideError("tiles have an absurd size")
    if page.is_tiled and not min(page.tilewidth, page.tilelength):
        raise CorruptSlideError("tiles have no size")


def _joined(file: FileBytes, page: Any) -> tuple[bytes, str, str] | None:
    strips = [file.read(o, n) for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not strips or not all(strips):
        return None
    head = _jpeg.read_head(strips[0])
    if head.columns != page.imagewidth or len(head.sampling) != page.samplesperpixel or head.bits != 8:
        return None
    rgb = page.photometric == RGB
    frame = _jpeg.join_strips(strips, _jpeg.tables(page.jpegtables or b""), page.imagelength, rgb=rgb)
    if frame is None:
        return None
    return frame, *jpeg_syntax(head, page.photometric)


def _pixels(page: Any) -> Iterator[bytes]:
    try:
        data = page.asarray(squeeze=True).tobytes()
    except DAMAGE:
        raise CorruptSlideError("an associated image cannot be decoded") from None
    yield data
