"""Pixel Data of a converted image as a stream: frames as items, and the tables that find them (PS3.5 A.4)."""

from __future__ import annotations

from itertools import accumulate
from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.part10.readers import ChunkReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.sources import SlideImage

_EMPTY_OFFSET_TABLE = b"\xfe\xff\x00\xe0\0\0\0\0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_ITEM = Struct("<HHI")
_BATCH = 1 << 18


def offset_tables(image: SlideImage) -> tuple[bytes, bytes]:
    """Return Extended Offset Table and Extended Offset Table Lengths (PS3.3 C.7.6.3.1.8)."""
    padded = [length + (length & 1) for length in image.frame_lengths]
    offsets = accumulate((length + 8 for length in padded[:-1]), initial=0)
    layout = Struct(f"<{len(padded)}Q")
    return layout.pack(*offsets), layout.pack(*padded)


def native_length(image: SlideImage) -> int:
    """Return the length of native Pixel Data, padded to even."""
    total = sum(image.frame_lengths)
    return total + (total & 1)


def body(image: SlideImage) -> ChunkReader:
    """Return the value of Pixel Data; reading raises CorruptSlideError where a frame has another length."""
    return ChunkReader(_encapsulated(image) if image.encapsulated else _native(image))


def _encapsulated(image: SlideImage) -> Iterator[bytes]:
    """Yield items in batches, since a slide has more tiles than a loop should have steps."""
    parts = [_EMPTY_OFFSET_TABLE]
    held = 0
    for frame in _checked(image):
        length = len(frame)
        parts.append(_ITEM.pack(0xFFFE, 0xE000, length + (length & 1)))
        parts.append(frame)
        if length & 1:
            parts.append(b"\0")
        held += length
        if held >= _BATCH:
            yield b"".join(parts)
            parts.clear()
            held = 0
    parts.append(_SEQUENCE_END)
    yield b"".join(parts)


def _native(image: SlideImage) -> Iterator[bytes]:
    yield from _checked(image)
    if sum(image.frame_lengths) & 1:
        yield b"\0"


def _checked(image: SlideImage) -> Iterator[bytes]:
    announced = iter(image.frame_lengths)
    for frame in image.frames():
        if len(frame) != next(announced, -1):
            raise CorruptSlideError("a frame is not as long as announced")
        yield frame
    if next(announced, None) is not None:
        raise CorruptSlideError("there are fewer frames than announced")
