"""Pages of a TIFF as images of frames: JPEG and JPEG 2000 tiles as they are, anything else decoded."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._bytes import MAX_RANGE, FileBytes, check_ranges, open_bytes
from dicomanon.sources._pixels import page_pixels
from dicomanon.sources._slide import Flavor, Image, Lossy, SlideImage
from dicomanon.sources._tiles import JPEG_METHOD, jpeg_2000_tiles, jpeg_syntax, jpeg_tiles, native_tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dicomanon.sources._slide import Frames

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
MAX_NATIVE = 1 << 31
"""Bytes of decoded frames that are written without compression; more are compressed again."""
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
JPEG, NEW_JPEG_2000 = 7, (33003, 33004, 33005, 34712)
"""TIFF tag 259: JPEG; JPEG 2000 of Aperio (YCbCr, lossless, RGB) and as registered."""
MINISBLACK, RGB, YCBCR = 1, 2, 6
PHOTOMETRICS = (0, MINISBLACK, RGB, YCBCR)
"""TIFF tag 262, white as 0 included."""
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
    if not slide.pages:
        raise CorruptSlideError("the TIFF has no directory")
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


def page_image(
    slide: TiffSlide,
    page: Any,
    flavor: Flavor,
    spacing: tuple[float, float] | None,
    *,
    resampled: bool = False,
    scene: int = 0,
) -> Image:
    """Return a page: its frames as they are where DICOM has a place for them, its pixels where it has none.

    Raises CorruptSlideError, SlideError for what is not supported.
    """
    check_page(page)
    if flavor != "VOLUME" and not page.is_tiled and _is_plain(page) and _pixel_count(page) <= MAX_PIXELS:
        return single_image(slide, page, flavor, spacing)
    if page.is_tiled and _is_plain(page) and _has_frames(page) and _may_be_cut(page, flavor):
        return level_image(slide.file, page, spacing, flavor=flavor, resampled=resampled, scene=scene)
    try:
        check_ranges(slide.file, page.dataoffsets, page.databytecounts)
    except DAMAGE:
        raise CorruptSlideError("an image is damaged") from None
    # Only levels may have more than one frame (PS3.3 C.8.12.4.1.1).
    whole = flavor != "VOLUME"
    if whole and _pixel_count(page) > MAX_PIXELS:
        raise CorruptSlideError("an associated image is absurdly large")
    return page_pixels(slide.file, page, flavor, spacing, resampled=resampled, scene=scene, whole=whole)


def _is_plain(page: Any) -> bool:
    """Whether samples are as DICOM wants them in a frame that was cut by the vendor."""
    return bool(
        page.samplesperpixel in (1, 3)
        and page.bitspersample == 8
        and (page.samplesperpixel == 1 or page.planarconfig == 1)
        and page.photometric in (MINISBLACK, RGB, YCBCR)
        and upright(page)
        and max(page.tilewidth, page.tilelength) <= 0xFFFF
    )


def upright(page: Any) -> bool:
    """Whether the first row is at the top and the first column left (TIFF tag 274); 0 is no orientation at all."""
    tag = page.tags.get(274)
    return tag is None or int(tag.value) in (0, 1)


def _has_frames(page: Any) -> bool:
    if page.compression == JPEG or page.compression in NEW_JPEG_2000:
        return True
    size = page.tilewidth * page.tilelength * page.samplesperpixel * len(page.dataoffsets)
    return bool(page.photometric != YCBCR and size < MAX_NATIVE)


def _may_be_cut(page: Any, flavor: Flavor) -> bool:
    return flavor == "VOLUME" or len(page.dataoffsets) == 1


def _pixel_count(page: Any) -> int:
    return int(page.imagewidth) * int(page.imagelength)


def level_image(
    file: FileBytes,
    page: Any,
    spacing: tuple[float, float] | None,
    *,
    resampled: bool,
    flavor: Flavor = "VOLUME",
    scene: int = 0,
) -> SlideImage:
    """Return a tiled page as its frames; raise CorruptSlideError, SlideError for what is not supported."""
    try:
        check_page(page)
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
        flavor=flavor,
        columns=page.imagewidth,
        rows=page.imagelength,
        tile_columns=page.tilewidth,
        tile_rows=page.tilelength,
        samples=page.samplesperpixel,
        photometric=stream.photometric,
        transfer_syntax_uid=stream.transfer_syntax_uid,
        encapsulated=stream.encapsulated,
        spacing=spacing,
        losses=(Lossy(stream.lossy_method, sum(page.databytecounts)),) if stream.lossy_method else (),
        resampled=resampled,
        scene=scene,
        frame_lengths=stream.lengths,
        frames=stream.frames,
    )


def single_image(
    slide: TiffSlide, page: Any, flavor: Flavor, spacing: tuple[float, float] | None
) -> SlideImage:
    """Return a page as one frame: JPEG strips joined without decoding, anything else decoded to pixels."""
    try:
        check_page(page)
        if page.imagewidth * page.imagelength > MAX_PIXELS:
            raise CorruptSlideError("an associated image is absurdly large")
        check_ranges(slide.file, page.dataoffsets, page.databytecounts)
        if sum(page.databytecounts) > MAX_RANGE:
            raise CorruptSlideError("an associated image is absurdly large")
        joined = None if page.is_tiled or page.compression != JPEG else _joined(slide.file, page)
    except DAMAGE:
        raise CorruptSlideError("an associated image is damaged") from None
    losses = (Lossy(JPEG_METHOD, sum(page.databytecounts)),) if page.compression == JPEG else ()
    photometric = "RGB" if page.samplesperpixel == 3 else "MONOCHROME2"
    syntax = EXPLICIT_LITTLE
    lengths = [page.imagewidth * page.imagelength * page.samplesperpixel]
    frames: Callable[[], Iterator[bytes]] = partial(_pixels, page)
    if joined is not None:
        frame, photometric, syntax = joined
        lengths = [len(frame)]
        frames = partial(iter, (frame,))
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
        losses=losses,
        resampled=flavor == "THUMBNAIL",
        frame_lengths=lengths,
        frames=only_frame(frames),
    )


def check_page(page: Any) -> None:
    """Raise CorruptSlideError for a page that cannot be, SlideError for one that DICOM has no place for."""
    if not (page.imagewidth and page.imagelength) or max(page.imagewidth, page.imagelength) >= 1 << 31:
        raise CorruptSlideError("an image has no size, or an absurd one")
    if page.sampleformat != 1:
        raise SlideError("samples are signed or real numbers: whole-slide images in DICOM have neither")
    if page.imagedepth != 1 or page.bitspersample not in (8, 16):
        raise SlideError("only samples of 8 or 16 bits are supported")
    if page.photometric not in PHOTOMETRICS:
        raise SlideError("the TIFF photometric interpretation is not supported")
    if page.photometric == YCBCR and page.compression not in (6, JPEG, *NEW_JPEG_2000):
        raise SlideError("colours as YCbCr are supported in JPEG and JPEG 2000 only")
    if page.samplesperpixel - len(page.extrasamples) not in (1, 3):
        raise SlideError("only gray and three colours are supported")
    if page.is_tiled and max(page.tilewidth, page.tilelength) > 0xFFFF:
        raise CorruptSlideError("tiles have an absurd size")
    if page.is_tiled and page.tilewidth * page.tilelength > MAX_PIXELS:
        raise CorruptSlideError("tiles have an absurd size")
    if page.is_tiled and not min(page.tilewidth, page.tilelength):
        raise CorruptSlideError("tiles have no size")


def only_frame(frames: Callable[[], Iterator[bytes]]) -> Frames:
    """Return what reads ranges of an image that is one frame."""

    def ranged(first: int = 0, stop: int | None = None) -> Iterator[bytes]:
        return frames() if first == 0 and stop != 0 else iter(())

    return ranged


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
