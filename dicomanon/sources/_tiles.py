"""The tiles of one TIFF page as DICOM frames; what the page says of colour is made true of the stream."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _jpeg, _jpeg2000
from dicomanon.sources._bytes import FileBytes, spans, windows
from dicomanon.sources._pieces import PiecedFrames
from dicomanon.sources._pixels import LOSSY
from dicomanon.sources._white import white_jpeg, white_jpeg_2000

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dicomanon.sources._pieces import Pieces
    from dicomanon.sources._slide import Frames

JPEG_METHOD, JPEG_2000_METHOD = "ISO_10918_1", "ISO_15444_1"
_BASELINE, _EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
_JPEG_2000_LOSSLESS, _JPEG_2000 = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_RGB, _YCBCR = 2, 6
_APERIO_YCBCR = 33003


@dataclass(frozen=True, slots=True)
class FrameStream:
    """Frames of one image, and how they are to be read."""

    transfer_syntax_uid: str
    encapsulated: bool
    photometric: str
    lossy_method: str
    lengths: Sequence[int]
    frames: Frames


def jpeg_syntax(head: _jpeg.Head, photometric: int) -> tuple[str, str]:
    """Return Photometric Interpretation and Transfer Syntax UID of a JPEG stream in a TIFF page."""
    if head.process not in (0xC0, 0xC1) or head.bits != 8:
        raise SlideError("the JPEG process is not one that DICOM has a transfer syntax for")
    syntax = _BASELINE if head.process == 0xC0 else _EXTENDED
    if len(head.sampling) == 1:
        return "MONOCHROME2", syntax
    if photometric == _YCBCR:
        return "YBR_FULL_422", syntax  # the one YCbCr that PS3.5 8.2.1 has for JPEG, subsampled or not
    if photometric != _RGB:
        raise CorruptSlideError("the colour model of a page is not that of its tiles")
    return "RGB", syntax


def jpeg_tiles(file: FileBytes, page: Any) -> FrameStream:
    """Return JPEG tiles with the page's tables in front, the scans untouched (TIFF Technical Note 2)."""
    sample = _first_tile(file, page)
    head = _jpeg.read_head(sample)
    photometric, syntax = jpeg_syntax(head, page.photometric)
    rgb = photometric == "RGB"
    front = _jpeg.SOI + (_jpeg.ADOBE_RGB if rgb else b"") + _jpeg.tables(page.jpegtables or b"")
    growth = len(front) - len(_jpeg.SOI)

    def clean(stream: bytes) -> tuple[int, bytes]:
        found = _jpeg.read_head(stream)
        same = (found.rows, found.columns) == (page.tilelength, page.tilewidth)
        if not same or (found.process, found.bits, found.sampling) != (
            head.process,
            head.bits,
            head.sampling,
        ):
            raise CorruptSlideError("a JPEG tile has another shape than its page")
        own = stream[: found.length]
        return found.length, front + (_jpeg.as_rgb(own) if rgb else own)[len(_jpeg.SOI) :]

    if len(head.sampling) != page.samplesperpixel:
        raise CorruptSlideError("a JPEG tile has another number of components than its page")
    clean(sample)
    blank = b""
    if 0 in page.databytecounts:
        blank = white_jpeg(page, head, rgb=rgb)
    return FrameStream(
        transfer_syntax_uid=syntax,
        encapsulated=True,
        photometric=photometric,
        lossy_method=JPEG_METHOD,
        lengths=_lengths(page.databytecounts, growth, len(blank)),
        frames=PiecedFrames(partial(_pieces, file, page, clean, blank)),
    )


def jpeg_2000_tiles(file: FileBytes, page: Any) -> FrameStream:
    """Return JPEG 2000 tiles as they are (PS3.5 A.4.4)."""
    sample = _first_tile(file, page)
    header = _jpeg2000.read_main_header(sample)
    if header.subsampled:
        raise SlideError(
            "JPEG 2000 tiles with subsampled colour have no place in DICOM and would need decoding"
        )
    if header.bits != 8 or header.components != page.samplesperpixel:
        raise CorruptSlideError("a JPEG 2000 tile has another number of components or bits than its page")
    shape = (header.transformed, header.reversible, header.subsampled, header.bits, header.components)

    def clean(stream: bytes) -> tuple[int, bytes]:
        found = _jpeg2000.read_main_header(stream)
        same = (found.rows, found.columns) == (page.tilelength, page.tilewidth)
        own = (found.transformed, found.reversible, found.subsampled, found.bits, found.components)
        if not same or own != shape:
            raise CorruptSlideError("a JPEG 2000 tile has another shape than its page")
        main = stream[: found.length]
        return found.length, _jpeg2000.as_transformed(main, found) if ycbcr else main

    ycbcr = page.compression == _APERIO_YCBCR and header.components > 1 and not header.transformed
    if ycbcr and header.reversible:
        raise SlideError("reversible JPEG 2000 tiles in YCbCr have no place in DICOM and would need decoding")
    clean(sample)
    transformed = header.transformed or ycbcr
    blank = white_jpeg_2000(page, header, transformed=transformed) if 0 in page.databytecounts else b""
    return FrameStream(
        transfer_syntax_uid=_JPEG_2000_LOSSLESS if header.reversible else _JPEG_2000,
        encapsulated=True,
        photometric=_jpeg_2000_photometric(header, transformed=transformed),
        lossy_method="" if header.reversible else JPEG_2000_METHOD,
        lengths=_lengths(page.databytecounts, 0, len(blank)),
        frames=PiecedFrames(partial(_pieces, file, page, clean, blank)),
    )


def _jpeg_2000_photometric(header: _jpeg2000.MainHeader, *, transformed: bool) -> str:
    if header.components == 1:
        return "MONOCHROME2"
    if transformed:
        return "YBR_RCT" if header.reversible else "YBR_ICT"
    return "RGB"


def native_tiles(file: FileBytes, page: Any) -> FrameStream:
    """Return tiles of any other compression decoded to pixels, sample by sample."""
    size = page.tilewidth * page.tilelength * page.samplesperpixel
    if page.photometric == _YCBCR:
        raise SlideError("uncompressed tiles are supported in RGB or gray only")
    shape = (page.tilelength, page.tilewidth, page.samplesperpixel)

    def frames(first: int = 0, last: int | None = None) -> Iterator[bytes]:
        import numpy as np  # heavy

        wanted = slice(first, last)
        found = spans(file, page.dataoffsets[wanted], page.databytecounts[wanted])
        for index, (window, start, stop) in enumerate(found, first):
            if start == stop:
                yield b"\xff" * size
                continue
            try:
                pixels = page.decode(window[start:stop], index)[0]
                whole = np.full(shape, 255, np.uint8)
                tile = pixels.reshape(pixels.shape[-3:])
                whole[: tile.shape[0], : tile.shape[1]] = tile
            except (
                ArithmeticError,
                LookupError,
                MemoryError,
                RuntimeError,
                TypeError,
                ValueError,
                AttributeError,
            ):
                raise CorruptSlideError("a tile cannot be decoded") from None
            yield whole.tobytes()

    return FrameStream(
        transfer_syntax_uid=_EXPLICIT_LITTLE,
        encapsulated=False,
        photometric="RGB" if page.samplesperpixel == 3 else "MONOCHROME2",
        lossy_method=LOSSY.get(int(page.compression), ""),
        lengths=array("Q", (size,)) * len(page.dataoffsets),
        frames=frames,
    )


def _first_tile(file: FileBytes, page: Any) -> bytes:
    counts = page.databytecounts
    index = next(number for number, count in enumerate(counts) if count)
    return file.read(page.dataoffsets[index], counts[index])


def _lengths(counts: Sequence[int], growth: int, blank: int) -> array[int]:
    return array("Q", (count + growth if count else blank for count in counts))


def _pieces(
    file: FileBytes,
    page: Any,
    clean: Callable[[bytes], tuple[int, bytes]],
    blank: bytes,
    first: int,
    last: int | None,
) -> Pieces:
    """Yield each tile as a cleaned head and what follows it; most tiles share one head, so it is read once."""
    seen = front = b""
    length = 0
    offsets, counts = page.dataoffsets[first:last], page.databytecounts[first:last]
    for window, begin, numbers in windows(file, offsets, counts):
        view = memoryview(window)
        for number in numbers:
            count = counts[number]
            if not count:
                yield blank, b""
                continue
            start = offsets[number] - begin
            stop = start + count
            if not seen or not window.startswith(seen, start, stop):
                length, front = clean(window[start:stop])
                seen = window[start : start + length]
            yield front, view[start + length : stop]
