"""The front of a file and of its first TIFF directories, read once for every format that may claim it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DESCRIPTION, MAKE, SOFTWARE, XMP, NDPI = 270, 271, 305, 700, 65420
FRONT = 1 << 16
_NEAR = 1 << 20
_MAX_PAGES, _MAX_ENTRIES, _MAX_VALUE = 16, 4096, 1 << 14
_MAX_NEAR = 0xFFFFFFFF
_NEAR_VALUE = 4
"""Bytes that a classic TIFF can point at, and bytes of a value that is in its entry."""
_SIZES = {
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
"""Bytes of the TIFF field types."""


@dataclass(frozen=True, slots=True)
class Peek:
    """What can be said of a file at a glance.

    `pages` are the first TIFF directories, each a tag with the front of its value; empty where there are none or the
    first cannot be read. `suffix` is in lower case.
    """

    path: Path
    suffix: str
    size: int
    front: bytes
    back: bytes
    pages: tuple[Mapping[int, bytes], ...]

    @property
    def is_tiff(self) -> bool:
        """Whether the file begins as a TIFF does."""
        return self.front.startswith(TIFF_MAGIC)

    def mentions(self, *words: bytes) -> bool:
        """Whether one of the words is near the front or the end of the file."""
        return any(word in part for word in words for part in (self.front, self.back))

    def text(self, tag: int, page: int = 0) -> bytes:
        """Return the front of a value of a directory, empty where it is not there."""
        return self.pages[page].get(tag, b"") if page < len(self.pages) else b""

    def claimed(self, *, marked: bool, words: tuple[bytes, ...] = (), suffixes: tuple[str, ...] = ()) -> bool:
        """Whether a TIFF belongs to a format: by its mark, and by words or its name where the directory is lost."""
        if not self.is_tiff:
            return False
        return marked if self.pages else self.suffix in suffixes or self.mentions(*words)


def peek(path: Path) -> Peek:
    """Read the front of a file; raise OSError."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        front = file.read(_NEAR)
        file.seek(max(0, size - _NEAR))
        back = file.read(_NEAR)
        read = _far_pages if _has_far_pages(file, front, size) else _pages
        pages = tuple(read(file, front)) if front.startswith(TIFF_MAGIC) else ()
        return Peek(path, path.suffix.lower(), size, front, back, pages)


def _pages(file: BinaryIO, front: bytes) -> Iterator[Mapping[int, bytes]]:
    order = "<" if front[:1] == b"I" else ">"
    big = front[2:4] in (b"+\0", b"\0+")
    count, entry, word = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    seen: set[int] = set()
    try:
        (at,) = struct.unpack_from(order + word, front, 8 if big else 4)
        while at and at not in seen and len(seen) < _MAX_PAGES:
            seen.add(at)
            file.seek(at)
            (entries,) = struct.unpack(order + count, file.read(struct.calcsize(order + count)))
            if not 0 < entries <= _MAX_ENTRIES:
                return
            layout = struct.Struct(order + entry)
            table = file.read(entries * layout.size)
            (following,) = struct.unpack(order + word, file.read(struct.calcsize(order + word)))
            yield MappingProxyType(dict(_values(file, layout, table, order + word)))
            at = following
    except (struct.error, OSError, OverflowError, ValueError):
        return


def _has_far_pages(file: BinaryIO, front: bytes, size: int) -> bool:
    """Whether pointers between directories have 8 bytes: an NDPI of more than 4 GB, as its first directory says."""
    if size <= _MAX_NEAR or not front.startswith(TIFF_MAGIC[0]):
        return False
    return any(NDPI in page for page in _far_pages(file, front, 1))


def _far_pages(file: BinaryIO, front: bytes, most: int = _MAX_PAGES) -> Iterator[Mapping[int, bytes]]:
    """Yield directories of an NDPI: behind each is a word for each entry, the upper half of its offset."""
    seen: set[int] = set()
    layout = struct.Struct("<HHIQ")
    try:
        (at,) = struct.unpack_from("<Q", front, 4)
        while at and at not in seen and len(seen) < most:
            seen.add(at)
            file.seek(at)
            (entries,) = struct.unpack("<H", file.read(2))
            if not 0 < entries <= _MAX_ENTRIES:
                return
            table = file.read(12 * entries)
            (following,) = struct.unpack("<Q", file.read(8))
            highs = file.read(4 * entries)
            wide = b"".join(table[12 * n : 12 * n + 12] + highs[4 * n : 4 * n + 4] for n in range(entries))
            yield MappingProxyType(dict(_far_values(file, layout, wide)))
            at = following
    except (struct.error, OSError, OverflowError, ValueError):
        return


def _far_values(file: BinaryIO, layout: struct.Struct, table: bytes) -> Iterator[tuple[int, bytes]]:
    for tag, kind, length, value in layout.iter_unpack(table):
        size = _SIZES.get(kind, 1) * length
        if size <= _NEAR_VALUE:
            yield tag, value.to_bytes(8, "little")[:size]
        else:
            file.seek(value)
            yield tag, file.read(min(size, _MAX_VALUE))


def _values(file: BinaryIO, layout: struct.Struct, table: bytes, word: str) -> Iterator[tuple[int, bytes]]:
    for tag, kind, length, value in layout.iter_unpack(table):
        size = _SIZES.get(kind, 1) * length
        if size <= len(value):
            yield tag, bytes(value[:size])
        else:
            file.seek(struct.unpack(word, value)[0])
            yield tag, file.read(min(size, _MAX_VALUE))
