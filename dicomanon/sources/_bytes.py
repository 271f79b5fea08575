"""Ranges of a file, read in windows: many small neighbours cost one read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WINDOW = 1 << 20
GAP = 512
"""Bytes between two ranges that are read along: scanners align tiles."""
MAX_RANGE = 1 << 28
"""No tile or strip is larger; a length that says so is damage, and must not cost memory."""


@dataclass(frozen=True, slots=True)
class FileBytes:
    """An open file and its size."""

    descriptor: int
    size: int

    def read(self, offset: int, count: int) -> bytes:
        """Return exactly `count` bytes; raise CorruptSlideError where the file has fewer."""
        try:
            data = os.pread(self.descriptor, count, offset)
            while len(data) < count:
                more = os.pread(self.descriptor, count - len(data), offset + len(data))
                if not more:
                    raise CorruptSlideError("the file ends inside a tile")
                data += more
        except OSError as error:
            raise CorruptSlideError(f"the file cannot be read ({error.strerror})") from None
        return data

    def close(self) -> None:
        """Close the file."""
        os.close(self.descriptor)


def open_bytes(path: Path) -> FileBytes:
    """Open `path` for reading; raise CorruptSlideError where that fails."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise CorruptSlideError(f"the file cannot be read ({error.strerror})") from None
    return FileBytes(descriptor, os.fstat(descriptor).st_size)


def check_ranges(file: FileBytes, offsets: Sequence[int], counts: Sequence[int]) -> None:
    """Raise CorruptSlideError unless every range lies in the file."""
    if len(offsets) != len(counts):
        raise CorruptSlideError("there are not as many lengths as offsets")
    for offset, count in zip(offsets, counts, strict=True):
        if count > MAX_RANGE or offset + count > file.size:
            raise CorruptSlideError("a tile lies beyond the end of the file")


def windows(
    file: FileBytes, offsets: Sequence[int], counts: Sequence[int]
) -> Iterator[tuple[bytes, int, range]]:
    """Yield windows with their offset and the numbers of the ranges in them: neighbours, nearly without gaps."""
    total = len(offsets)
    first = 0
    while first < total:
        begin = offsets[first]
        end = begin + counts[first]
        after = first + 1
        while after < total:
            count = counts[after]
            if count:
                at = offsets[after]
                if not end <= at <= end + GAP or at + count - begin > WINDOW:
                    break
                end = at + count
            after += 1
        yield file.read(begin, end - begin), begin, range(first, after)
        first = after


def spans(file: FileBytes, offsets: Sequence[int], counts: Sequence[int]) -> Iterator[tuple[bytes, int, int]]:
    """Yield each range as (window, start, stop), an empty one where it has no bytes."""
    for window, begin, numbers in windows(file, offsets, counts):
        for number in numbers:
            start = offsets[number] - begin if counts[number] else 0
            yield window, start, start + counts[number]
