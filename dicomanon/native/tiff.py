"""The structure of a TIFF, read for itself: directories, values and image data with their bytes in the file.

Classic TIFF, BigTIFF, and NDPI, which is a classic TIFF with 64-bit links: the pointers to directories take 8 bytes,
and behind each directory follow the high halves of its values.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from dicomanon.errors import CorruptSlideError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes

SUB_IFDS = 330
POINTER_KINDS = frozenset((4, 13, 16, 18))
TEXTS = frozenset((1, 2, 6, 7))
MAX_DIRECTORIES, MAX_ENTRIES = 4096, 4096
MAX_VALUE = 1 << 28
NDPI_MARK = 65420
_SIZES = {**dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1)), **dict.fromkeys((16, 17, 18), 8)}
"""Bytes of the TIFF field types."""
_NUMBERS = {1: "u1", 3: "u2", 4: "u4", 7: "u1", 9: "i4", 11: "f4", 13: "u4", 16: "u8", 17: "i8", 18: "u8"}


@dataclass(frozen=True, slots=True)
class Layout:
    """How numbers and pointers lie in this file."""

    order: str
    big: bool
    ndpi: bool

    @property
    def byteorder(self) -> Literal["little", "big"]:
        """The order of bytes, as Python calls it."""
        return "big" if self.order == ">" else "little"

    @property
    def count(self) -> struct.Struct:
        """How many entries a directory has."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def entry(self) -> struct.Struct:
        """Tag, type, count, and the value or where it is."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    @property
    def pointer(self) -> struct.Struct:
        """A pointer to a directory."""
        return struct.Struct(self.order + ("Q" if self.big or self.ndpi else "I"))

    @property
    def first(self) -> int:
        """Where the pointer to the first directory is."""
        return 8 if self.big else 4

    @property
    def inline(self) -> int:
        """Bytes of a value that fit into its entry."""
        return 8 if self.big else 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a directory: `size` bytes at `offset`, which is within the entry itself where it is `inline`."""

    tag: int
    kind: int
    count: int
    raw: bytes
    high: int
    offset: int
    size: int
    inline: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory: `length` bytes at `offset`, the pointer to the next and high halves of values included."""

    offset: int
    length: int
    highs: bool
    entries: Mapping[int, Entry]
    children: tuple[Directory, ...] = ()


@dataclass(frozen=True, slots=True)
class Tiff:
    """The directories of a file, in the order of the chain."""

    file: FileBytes
    layout: Layout
    directories: tuple[Directory, ...]

    def value(self, directory: Directory, tag: int) -> bytes:
        """Return the bytes of a value, none where there is none."""
        entry = directory.entries.get(tag)
        return b"" if entry is None else self.file.read(entry.offset, entry.size)

    def numbers(self, directory: Directory, tag: int) -> NDArray[Any]:
        """Return a value as numbers, none where there is none or it is text."""
        import numpy as np  # heavy

        entry = directory.entries.get(tag)
        if entry is None or entry.kind not in _NUMBERS:
            return np.zeros(0, np.int64)
        found = np.frombuffer(self.value(directory, tag), self.layout.order + _NUMBERS[entry.kind])
        if entry.high and entry.inline and entry.count == 1:
            return found.astype(np.int64) + (entry.high << 32)
        return found

    def number(self, directory: Directory, tag: int, default: float = 0) -> float:
        """Return the first number of a value."""
        found = self.numbers(directory, tag)
        return found[0].item() if len(found) else default

    def text(self, directory: Directory, tag: int = 270) -> str:
        """Return a value as text, far enough to know what it is."""
        entry = directory.entries.get(tag)
        if entry is None:
            return ""
        return self.file.read(entry.offset, min(entry.size, 4096)).rstrip(b"\0").decode("latin-1")


def read_tiff(file: FileBytes, *, ndpi: bool = False) -> Tiff:
    """Return the structure of a TIFF; raise CorruptSlideError where it is cut, loops, or points beyond the end."""
    layout = _layout(file.read(0, min(16, file.size)), ndpi=ndpi)
    seen: set[int] = set()
    found: list[Directory] = []
    (at,) = layout.pointer.unpack(file.read(layout.first, layout.pointer.size))
    while at:
        directory, at = _directory(file, layout, at, seen)
        found.append(directory)
    if not found:
        raise CorruptSlideError("there is no TIFF directory")
    return Tiff(file, layout, tuple(found))


def _layout(head: bytes, *, ndpi: bool) -> Layout:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise CorruptSlideError("the file does not begin like a TIFF")
    (magic,) = struct.unpack(f"{order}H", head[2:4])
    big = magic == 43
    if magic not in (42, 43) or (big and struct.unpack(f"{order}HH", head[4:8]) != (8, 0)):
        raise CorruptSlideError("the file does not begin like a TIFF")
    return Layout(order, big, ndpi and not big)


def _directory(file: FileBytes, layout: Layout, at: int, seen: set[int]) -> tuple[Directory, int]:
    if at in seen or len(seen) >= MAX_DIRECTORIES:
        raise CorruptSlideError("the chain of TIFF directories has no end")
    seen.add(at)
    (count,) = layout.count.unpack(file.read(at, layout.count.size))
    if not 0 < count <= MAX_ENTRIES:
        raise CorruptSlideError("a TIFF directory has an absurd number of entries")
    table_at = at + layout.count.size
    table = file.read(table_at, count * layout.entry.size)
    stop = table_at + len(table)
    (following,) = layout.pointer.unpack(file.read(stop, layout.pointer.size))
    stop += layout.pointer.size
    highs, has_highs = [0] * count, False
    if layout.ndpi and stop + 4 * count <= file.size:
        highs = list(struct.unpack(f"{layout.order}{count}I", file.read(stop, 4 * count)))
        # Where the file is small all of them are 0, or it has none and other bytes follow.
        highs = highs if max(highs) <= file.size >> 32 else [0] * count
        has_highs = any(highs) or bool(file.size >> 32)
        stop += 4 * count if has_highs else 0
    entries: dict[int, Entry] = {}
    for number, fields in enumerate(layout.entry.iter_unpack(table)):
        where = table_at + number * layout.entry.size + layout.entry.size - layout.inline
        entry = _entry(file, layout, fields, highs[number], where)
        # Some writers give a description twice: readers take the first, and the second one goes.
        entries.setdefault(entry.tag, entry)
    found = Directory(at, stop - at, has_highs, entries)
    if SUB_IFDS in entries and entries[SUB_IFDS].kind in POINTER_KINDS:
        offsets = Tiff(file, layout, ()).numbers(found, SUB_IFDS).tolist()
        children = tuple(_directory(file, layout, offset, seen)[0] for offset in offsets)
        found = replace(found, children=children)
    return found, following


def _entry(
    file: FileBytes, layout: Layout, fields: tuple[int, int, int, bytes], high: int, where: int
) -> Entry:
    tag, kind, count, raw = fields
    size = _SIZES.get(kind, 0) * count
    if kind not in _SIZES:
        raise CorruptSlideError("a value of a TIFF directory has an unknown type")
    if size <= layout.inline:
        return Entry(tag, kind, count, raw, high, where, size, inline=True)
    offset = int.from_bytes(raw, layout.byteorder) + (high << 32)
    if offset + size > file.size or size > MAX_VALUE:
        raise CorruptSlideError("a value of a TIFF directory lies beyond the end of the file")
    return Entry(tag, kind, count, raw, high, offset, size, inline=False)


def descendants(page: Directory) -> Iterator[Directory]:
    """Yield every directory below one."""
    for each in page.children:
        yield each
        yield from descendants(each)


def written(layout: Layout, directory: Directory, entries: Iterable[Entry], following: int) -> bytes:
    """Return the bytes of a directory with these entries that leads to another; the rest of its place is zeros."""
    chosen = sorted(entries, key=lambda entry: entry.tag)
    packed = [layout.entry.pack(entry.tag, entry.kind, entry.count, entry.raw) for entry in chosen]
    table = layout.count.pack(len(chosen)) + b"".join(packed) + layout.pointer.pack(following)
    if directory.highs:
        table += struct.pack(f"{layout.order}{len(chosen)}I", *(entry.high for entry in chosen))
    return table.ljust(directory.length, b"\0")


def data_of(tiff: Tiff, directory: Directory) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return offsets and lengths of the tiles or strips that there are; a place without a tile lacks either.

    Raises CorruptSlideError where one is not in the file.
    """
    import numpy as np  # heavy

    tiled = 324 in directory.entries
    offsets = tiff.numbers(directory, 324 if tiled else 273).astype(np.uint64)
    counts = tiff.numbers(directory, 325 if tiled else 279).astype(np.uint64)
    if len(offsets) != len(counts) or not len(offsets):
        raise CorruptSlideError("there are not as many lengths as offsets of tiles")
    filled = (counts > 0) & (offsets > 0)
    far = np.uint64(tiff.file.size)
    if (offsets[filled] > far).any() or (counts[filled] > far - offsets[filled]).any():
        raise CorruptSlideError("a tile lies beyond the end of the file")
    return offsets[filled].astype(np.int64), counts[filled].astype(np.int64)
