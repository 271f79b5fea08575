"""Pixel Data anew: frames that changed in place of the old ones, everything else as it comes from the source."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

from dicomanon.part10.readers import skip
from dicomanon.pixels.frames import DELIMITER, ITEM, ITEM_HEADER, LARGEST_FRAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dicomanon.part10.instance import Reader
    from dicomanon.part10.readers import Buffer
    from dicomanon.pixels.frames import FrameIndex

_STEP = 1 << 20
_END = ITEM_HEADER.pack(DELIMITER, 0)
_LARGEST_OFFSET = 1 << 32


def as_item(frame: bytes) -> bytes:
    """Return a frame as one item, padded to even length."""
    padded = frame + b"\0" if len(frame) & 1 else frame
    return ITEM_HEADER.pack(ITEM, len(padded)) + padded


def new_offsets(index: FrameIndex, changed: Mapping[int, bytes]) -> array[int]:
    """Return where each frame begins when those are changed, from the front of the first item."""
    offsets, moved = array("Q"), 0
    for number, start in enumerate(index.starts):
        offsets.append(start - index.front + moved)
        if number in changed:
            first, end = index.span(number)
            moved += len(as_item(changed[number])) - (end - first)
    return offsets


def new_lengths(offsets: array[int], end: int) -> array[int]:
    """Return the length of each frame as the Extended Offset Table Lengths say it: without the item header."""
    stops = [*offsets[1:], end]
    return array("Q", (stop - start - 8 for start, stop in zip(offsets, stops, strict=True)))


def new_end(index: FrameIndex, changed: Mapping[int, bytes]) -> int:
    """Return where the last frame ends when those are changed, from the front of the first item."""
    moved = sum(
        len(as_item(frame)) - (index.span(number)[1] - index.span(number)[0])
        for number, frame in changed.items()
    )
    return index.end - index.front + moved


def packed(numbers: array[int]) -> bytes:
    """Return numbers as bytes, the lowest byte first."""
    if sys.byteorder == "big":
        numbers = numbers[:]
        numbers.byteswap()
    return numbers.tobytes()


def basic_table(offsets: array[int]) -> bytes:
    """Return the item of a Basic Offset Table, an empty one where an offset does not fit."""
    fits = not offsets or offsets[-1] < _LARGEST_OFFSET
    table = packed(array("I", offsets)) if fits else b""
    return ITEM_HEADER.pack(ITEM, len(table)) + table


def spliced(
    body: Reader, index: FrameIndex, changed: Mapping[int, bytes], *, encapsulated: bool
) -> Iterator[Buffer]:
    """Yield the value of Pixel Data and what follows it, with these frames in place of the old ones."""
    skip(body, index.front)
    if encapsulated:
        yield basic_table(new_offsets(index, changed) if index.basic else array("Q"))
    at = index.front
    for number in sorted(changed):
        start, end = index.span(number)
        yield from _through(body, start - at)
        skip(body, end - start)
        yield as_item(changed[number]) if encapsulated else changed[number]
        at = end
    while True:
        window = bytearray(_STEP)
        count = body.readinto(memoryview(window))
        if not count:
            return
        yield memoryview(window)[:count]


def _through(body: Reader, size: int) -> Iterator[Buffer]:
    while size:
        window = bytearray(min(size, _STEP))
        count = body.readinto(memoryview(window))
        if not count:
            return  # whoever reads finds that it is cut short
        size -= count
        yield memoryview(window)[:count]


def value_of(frames: Iterable[bytes], *, encapsulated: bool, with_table: bool) -> Iterator[bytes]:
    """Yield the value of Pixel Data made of whole new frames."""
    if not encapsulated:
        size = 0
        for frame in frames:
            size += len(frame)
            yield frame
        if size & 1:
            yield b"\0"
        return
    items: list[bytes] = []
    last: bytes | None = None
    for frame in frames:
        items.append(items[-1] if frame is last else as_item(frame))  # blank frames are one and the same
        last = frame
    offsets, at = array("Q"), 0
    for item in items:
        offsets.append(at)
        at += len(item)
    yield basic_table(offsets if with_table else array("Q"))
    yield from items
    yield _END


__all__ = ["LARGEST_FRAME", "new_end", "new_lengths", "new_offsets", "packed", "spliced", "value_of"]
