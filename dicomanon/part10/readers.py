"""Byte sources for `Instance.body`: joined chunks, a first part put back in front of a source, and steps ahead."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.part10.instance import Reader

Buffer = bytes | bytearray | memoryview
_STEP = 1 << 20


class ChunkReader:
    """Read an iterable of chunks as one stream; a chunk is asked for only when the one before is used up."""

    def __init__(self, chunks: Iterable[Buffer]) -> None:
        self._chunks: Iterator[Buffer] = iter(chunks)
        self._rest = memoryview(b"")

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the front of `buffer`; 0 at the end."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk).cast("B")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class PrefixedReader:
    """Bytes already taken from a source, then the source itself."""

    def __init__(self, prefix: Buffer, source: Reader) -> None:
        self._prefix = memoryview(prefix)
        self._source = source

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill the front of `buffer`; 0 at the end."""
        if not self._prefix:
            return self._source.readinto(buffer)
        count = min(len(buffer), len(self._prefix))
        buffer[:count] = self._prefix[:count]
        self._prefix = self._prefix[count:]
        return count

    @property
    def held(self) -> int:
        """Bytes that were taken from the source and not given yet."""
        return len(self._prefix)

    def skip(self, count: int) -> None:
        """Step over so many bytes."""
        held = min(count, len(self._prefix))
        self._prefix = self._prefix[held:]
        skip(self._source, count - held)


def skip(reader: Reader, count: int) -> None:
    """Step over so many bytes: without reading them where the source is a file; raise MalformedError at its end."""
    if not count:
        return
    if isinstance(reader, PrefixedReader):
        reader.skip(count)
    elif isinstance(reader, io.FileIO):
        reader.seek(count, io.SEEK_CUR)  # behind the end of a file the next read finds nothing
    else:
        window = memoryview(bytearray(min(count, _STEP)))
        while count:
            passed = reader.readinto(window[: min(count, _STEP)])
            if not passed:
                raise MalformedError("Pixel Data is cut short")
            count -= passed


def take(reader: Reader, size: int) -> bytearray:
    """Read exactly so many bytes; raise MalformedError where there are fewer."""
    data = bytearray(size)
    view = memoryview(data)
    at = 0
    while at < size:
        count = reader.readinto(view[at:])
        if not count:
            raise MalformedError("Pixel Data is cut short", offset=at)
        at += count
    return data
