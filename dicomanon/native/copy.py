"""The copy: what is known to be needed passes, with patches; every other byte becomes a zero."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.native.heads import KINDS, WHOLE, Scrubber
from dicomanon.sources._bytes import MAX_RANGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dicomanon.native.ranges import Ranges
    from dicomanon.sources._bytes import FileBytes

WINDOW = 4 << 20
_ZEROS = memoryview(bytes(1 << 20))


@dataclass(frozen=True, slots=True)
class Patch:
    """Bytes that stand at an offset of the copy."""

    offset: int
    data: bytes

    @property
    def stop(self) -> int:
        """The offset behind the last byte."""
        return self.offset + len(self.data)


def patches_in_order(patches: Sequence[Patch]) -> tuple[Patch, ...]:
    """Return patches sorted, each once; raise CorruptSlideError where two want other bytes in one place."""
    found: list[Patch] = []
    for each in sorted(set(patches), key=lambda patch: (patch.offset, patch.stop)):
        if found and each.offset < found[-1].stop:
            last = found[-1]
            overlap = min(each.stop, last.stop) - each.offset
            at = each.offset - last.offset
            if last.data[at : at + overlap] != each.data[:overlap]:
                raise CorruptSlideError("two values of the file lie in one place")
            if each.stop > last.stop:
                found.append(Patch(last.stop, each.data[overlap:]))
            continue
        if each.data:
            found.append(each)
    return tuple(found)


def copied(
    file: FileBytes,
    kept: Ranges,
    patches: Sequence[Patch],
    size: int,
    write: Callable[[memoryview], object],
) -> int:
    """Write `size` bytes: `kept` of the file, zeros between, patches over both; return the segments scrubbed.

    Patches are sorted and do not overlap. Raises CorruptSlideError, and whatever `write` raises.
    """
    offsets = [patch.offset for patch in patches]
    scrubber = Scrubber()
    at = 0
    for begin, end, parts in _windows(kept):
        _zeros(at, begin, patches, offsets, write)
        buffer = bytearray(file.read(begin, end - begin))
        behind = begin
        for start, stop, kind in parts:
            if start > behind:
                buffer[behind - begin : start - begin] = bytes(start - behind)
            if kind:
                scrubber.scrub(buffer, start - begin, stop - begin, kind)
            behind = stop
        _patch(buffer, begin, patches, offsets)
        write(memoryview(buffer))
        at = end
    if at > size:
        raise CorruptSlideError("what stays is larger than the file")
    _zeros(at, size, patches, offsets, write)
    return scrubber.count


def _windows(kept: Ranges) -> Iterator[tuple[int, int, list[tuple[int, int, int]]]]:
    """Yield windows of the file with the ranges in each; a large range is cut, the kind of all but its end negative."""
    parts: list[tuple[int, int, int]] = []
    for start, stop, kind in kept:
        if parts and stop - parts[0][0] > WINDOW:
            yield parts[0][0], parts[-1][1], parts
            parts = []
        begin = start
        if kind % KINDS in WHOLE:
            if stop - start > MAX_RANGE:
                raise CorruptSlideError("a tile is absurdly large")
        else:
            while stop - begin > WINDOW:
                yield begin, begin + WINDOW, [(begin, begin + WINDOW, -kind)]
                begin += WINDOW
        parts.append((begin, stop, kind))
    if parts:
        yield parts[0][0], parts[-1][1], parts


def _zeros(
    begin: int,
    end: int,
    patches: Sequence[Patch],
    offsets: Sequence[int],
    write: Callable[[memoryview], object],
) -> None:
    at = begin
    while at < end:
        count = min(end - at, len(_ZEROS))
        if _touched(at, at + count, patches, offsets):
            buffer = bytearray(count)
            _patch(buffer, at, patches, offsets)
            write(memoryview(buffer))
        else:
            write(_ZEROS[:count])
        at += count


def _touched(begin: int, end: int, patches: Sequence[Patch], offsets: Sequence[int]) -> range:
    """Return the numbers of the patches that reach into a window."""
    first = max(bisect_right(offsets, begin) - 1, 0)
    if first < len(patches) and patches[first].stop <= begin:
        first += 1
    return range(first, bisect_left(offsets, end))


def _patch(buffer: bytearray, begin: int, patches: Sequence[Patch], offsets: Sequence[int]) -> None:
    end = begin + len(buffer)
    for number in _touched(begin, end, patches, offsets):
        patch = patches[number]
        start, stop = max(patch.offset, begin), min(patch.stop, end)
        buffer[start - begin : stop - begin] = patch.data[start - patch.offset : stop - patch.offset]
