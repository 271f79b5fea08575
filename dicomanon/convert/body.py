"""Pixel Data of a converted image as a stream: frames as items, and the tables that find them (PS3.5 A.4)."""

from __future__ import annotations

from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element
from dicomanon.part10.readers import ChunkReader
from dicomanon.sources import pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.sources import SlideImage

_EMPTY_OFFSET_TABLE = b"\xfe\xff\x00\xe0\0\0\0\0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_ITEM = Struct("<HHI")
_OFFSETS, _LENGTHS = 0x7FE00001, 0x7FE00002
_BATCH = 7 << 18
"""Enough to be written by a thread of its own (part10.behind), and less than a window of it."""


def offset_elements(image: SlideImage) -> bytes:
    """Return Extended Offset Table and Extended Offset Table Lengths (PS3.3 C.7.6.3.1.8) as elements."""
    padded = [length + (length & 1) for length in image.frame_lengths]
    offsets = accumulate((length + 8 for length in padded[:-1]), initial=0)
    layout = Struct(f"<{len(padded)}Q")
    offset_table = pack_element(_OFFSETS, b"OV", layout.pack(*offsets), EXPLICIT_LE)
    return offset_table + pack_element(_LENGTHS, b"OV", layout.pack(*padded), EXPLICIT_LE)


def native_length(image: SlideImage) -> int:
    """Return the length of native Pixel Data, padded to even."""
    total = sum(image.frame_lengths)
    return total + (total & 1)


def body(image: SlideImage) -> ChunkReader:
    """Return the value of Pixel Data; reading raises CorruptSlideError where a frame has another length."""
    return ChunkReader(_encapsulated(image) if image.encapsulated else _native(image))


def _encapsulated(image: SlideImage) -> Iterator[bytes]:
    """Yield items in batches, since a slide has more tiles than a loop should have steps."""
    parts: list[bytes | memoryview] = [_EMPTY_OFFSET_TABLE]
    held = 0
    pack = _ITEM.pack
    announced = iter(image.frame_lengths)
    for front, rest in pieces_of(image.frames):
        length = len(front) + len(rest)
        if length != next(announced, -1):
            raise CorruptSlideError("a frame is not as long as announced")
        if length & 1:
            parts += (pack(0xFFFE, 0xE000, length + 1), front, rest, b"\0")
        else:
            parts += (pack(0xFFFE, 0xE000, length), front, rest)
        held += length
        if held >= _BATCH:
            yield b"".join(parts)
            parts.clear()
            held = 0
    if next(announced, None) is not None:
        raise CorruptSlideError("there are fewer frames than announced")
    parts.append(_SEQUENCE_END)
    yield b"".join(parts)


def _native(image: SlideImage) -> Iterator[bytes]:
    announced = iter(image.frame_lengths)
    for frame in image.frames():
        if len(frame) != next(announced, -1):
            raise CorruptSlideError("a frame is not as long as announced")
        yield frame
    if next(announced, None) is not None:
        raise CorruptSlideError("there are fewer frames than announced")
    if sum(image.frame_lengths) & 1:
        yield b"\0"
