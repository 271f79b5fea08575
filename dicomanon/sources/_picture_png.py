"""A PNG file: its chunks, what they say, and the few that its pixels need."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field
from dicomanon.sources._picture_texts import (
    exif_fields,
    icc_profile,
    iptc_fields,
    orientation_of,
    runs,
    xmp_fields,
)
from dicomanon.sources._tiff_fields import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_STRUCTURE = _PIXELS | {
    *(b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD", b"hIST", b"pHYs", b"cICP", b"mDCV", b"cLLI"),
}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_GRAY = (0, 4)
_XMP = "XML:com.adobe.xmp"
_RAW = "Raw profile type "
_KEYWORDS = frozenset(
    (
        *(
            "Title",
            "Author",
            "Description",
            "Copyright",
            "Creation Time",
            "Software",
            "Disclaimer",
            "Warning",
        ),
        *("Source", "Comment", "Collection", _XMP),
    )
)
"""Keywords that are registered: others may be anything, so they are fields and not places."""
_MAX_CHUNKS = 1 << 18
_MAX_TEXT = 1 << 22
_MOST_PACKED = 1032
"""How many times smaller Deflate can make its input."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk: its type and the range of its bytes."""

    kind: bytes
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class PngFile:
    """What a PNG file is; `needed` are the ranges of the file that its pixels need, signature and frames included."""

    columns: int
    rows: int
    samples: int
    bits: int
    needed: tuple[range, ...]
    orientation: int
    spacing: tuple[float, float] | None
    icc: bytes | None


def read_png(data: bytes) -> PngFile:
    """Read what a PNG file is; raise CorruptSlideError, SlideError for what is not supported."""
    chunks = list(_chunks(data))
    head = chunks[0]
    if head.kind != b"IHDR" or head.stop - head.start != 13:
        raise CorruptSlideError("a PNG picture does not begin with its header")
    columns, rows, depth, colour, compression, filters, interlace = struct.unpack_from(
        ">IIBBBBB", data, head.start
    )
    known = depth in _DEPTHS.get(colour, ()) and not (compression or filters) and interlace in (0, 1)
    if not (columns and rows and known) or max(columns, rows) >= 1 << 31:
        raise CorruptSlideError("a PNG picture has no size, or samples that no PNG has")
    if any(each.kind == b"acTL" for each in chunks):
        raise SlideError("a picture that moves is no slide")
    packed = sum(each.stop - each.start for each in chunks if each.kind == b"IDAT")
    if rows * (-(-columns * _CHANNELS[colour] * depth // 8)) > _MOST_PACKED * packed:
        raise CorruptSlideError("a PNG picture says that it is larger than its data can be")
    exif = next((each for each in chunks if each.kind == b"eXIf"), None)
    return PngFile(
        columns=columns,
        rows=rows,
        samples=1 if colour in _GRAY else 3,
        bits=max(8, depth),
        needed=(
            range(len(SIGNATURE)),
            *(range(each.start - 8, each.stop + 4) for each in chunks if each.kind in _PIXELS),
        ),
        orientation=1 if exif is None else orientation_of(data, exif.start, exif.stop),
        spacing=_spacing(data, chunks),
        icc=_icc(data, chunks),
    )


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """Yield every chunk up to IEND, each with a sound checksum."""
    at = len(SIGNATURE)
    view = memoryview(data)
    for _ in range(_MAX_CHUNKS):
        kind, start = data[at + 4 : at + 8], at + 8
        stop = start + int.from_bytes(data[at : at + 4], "big")
        if stop + 4 > len(data) or not (kind.isascii() and kind.isalpha()):
            raise CorruptSlideError("a PNG picture is cut short, or has a chunk that is none")
        if zlib.crc32(view[at + 4 : stop]) != int.from_bytes(data[stop : stop + 4], "big"):
            raise CorruptSlideError("a PNG chunk does not have the checksum that it says")
        yield _Chunk(kind, start, stop)
        if kind == b"IEND":
            return
        at = stop + 4
    raise CorruptSlideError("a PNG picture has more chunks than any has")


def _spacing(data: bytes, chunks: Sequence[_Chunk]) -> tuple[float, float] | None:
    for each in chunks:
        if each.kind == b"pHYs" and each.stop - each.start == 9:
            across, down, unit = struct.unpack_from(">IIB", data, each.start)
            return (1000 / down, 1000 / across) if unit == 1 and across and down else None
    return None


def _icc(data: bytes, chunks: Sequence[_Chunk]) -> bytes | None:
    for each in chunks:
        if each.kind == b"iCCP":
            _, found, rest = data[each.start : each.stop].partition(b"\0")
            return icc_profile(_unpacked(rest[1:])) if found else None
    return None


def _unpacked(raw: bytes) -> bytes:
    """Return what zlib packed, no more than a text or profile can be, nothing where it is damaged."""
    try:
        return zlib.decompressobj().decompress(raw, _MAX_TEXT)
    except zlib.error:
        return b""


def png_fields(data: bytes) -> Iterator[Field]:
    """Yield what a PNG file says beside its picture, the bytes behind its end included."""
    end = len(data)
    for each in _chunks(data):
        end = each.stop + 4
        if each.kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield from _text_fields(data, each)
        elif each.kind == b"tIME" and each.stop - each.start == 7:
            year, *others = struct.unpack_from(">HBBBBB", data, each.start)
            month, day, hour, minute, second = others
            value = f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
            yield Field("tIME", value, each.start)
        elif each.kind == b"eXIf":
            yield from exif_fields(data, each.start, each.stop)
        elif each.kind == b"iCCP":
            name = data[each.start : each.stop].partition(b"\0")[0]
            yield Field("iCCP", text_of(name), each.start, len(name))
        elif each.kind not in _STRUCTURE:
            yield from runs("another chunk", data, each.start, each.stop)
    yield from runs("after the end", data, end, len(data))


def _text_fields(data: bytes, chunk: _Chunk) -> Iterator[Field]:
    """Yield the keyword where it is none of the registered, and the text."""
    kind = chunk.kind.decode()
    keyword_end = data.find(b"\0", chunk.start, chunk.stop)
    if keyword_end < 0:
        yield from runs(f"{kind}/other", data, chunk.start, chunk.stop)
        return
    keyword = data[chunk.start : keyword_end].decode("latin-1")
    place = f"{kind}/{keyword}" if keyword in _KEYWORDS else f"{kind}/other"
    if keyword not in _KEYWORDS and not keyword.startswith(_RAW):
        yield Field(f"{kind}/keyword", keyword, chunk.start, keyword_end - chunk.start)
    at, packed = keyword_end + 1, kind == "zTXt"
    if kind == "zTXt":
        at += 1
    elif kind == "iTXt":
        packed = data[at : at + 1] == b"\x01"
        at += 2
        for name in ("language", "keyword"):
            stop = data.find(b"\0", at, chunk.stop)
            if stop < 0:
                yield from runs(f"{kind}/other", data, at, chunk.stop)
                return
            if stop > at:
                yield Field(f"{kind}/{name}", text_of(data[at:stop]), at, stop - at)
            at = stop + 1
    text = _unpacked(data[at : chunk.stop]) if packed else data[at : chunk.stop]
    yield from _of_text(place, keyword, text, at, packed=packed)


def _of_text(place: str, keyword: str, text: bytes, at: int, *, packed: bool) -> Iterator[Field]:
    if keyword == _XMP:
        for each in xmp_fields(text, 0, len(text), packed=at):
            yield each if packed else Field(each.place, each.value, at)
    elif keyword.startswith(_RAW):  # as ImageMagick writes EXIF and IPTC: name, length, hexadecimal digits
        lines = text.split(b"\n", 3)
        digits = b"".join(lines[3].split()) if len(lines) == 4 else b""
        try:
            raw = bytes.fromhex(digits.decode("ascii", "replace"))
        except ValueError:
            raw = b""
        yield from iptc_fields(raw, 0, len(raw), packed=at)
    elif text:
        value = text_of(text) if place.startswith("iTXt") else text.decode("latin-1")
        yield Field(place, value, at, 0 if packed else len(text))
