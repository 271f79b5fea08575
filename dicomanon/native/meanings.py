"""What the numbers of a TIFF directory may say: only tags that a reader needs stay, with what they can mean.

A name fits into numbers as well as into text: four letters into a LONG, a whole one into an array. So what has no row
here goes, an array stays only where each of its numbers is checked, and a range ends below four letters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from dicomanon.native.tiff import Directory, Entry, Tiff

_INTEGERS = frozenset((3, 4, 16))
_SIGNED = frozenset((3, 4, 8, 9, 16))
_REAL = frozenset((3, 4, 9, 11))
_RATIONAL, _FLOAT = 5, 11
_WIDTH, _HEIGHT, _SAMPLES, _ROWS, _PLANAR = 256, 257, 277, 278, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_COUNTS, _STRIPS, _STRIP_COUNTS = 322, 323, 324, 325, 273, 279
_ACROSS, _DOWN, _DEPTH = 282, 283, 32997
_MCU_STARTS, _MCU_STARTS_HIGH = 65426, 65432
NEEDED = frozenset(
    (_WIDTH, _HEIGHT, 258, 259, 262, _SAMPLES, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_COUNTS, _STRIPS)
) | {_STRIP_COUNTS, 65420, 65421, _MCU_STARTS, _MCU_STARTS_HIGH}
"""Tags that an image is not read without: where one says what it cannot, the slide is refused."""
COMPRESSIONS = frozenset((1, 5, 7, 8, 32773, 32946, 33003, 33004, 33005, 34712))
"""Compressions whose streams are looked into; any other could hold anything."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which numbers a tag may hold: from `lowest` to `highest`, or `allowed`; `most` is how many at most."""

    lowest: float = 0
    highest: float = 0
    most: int = 1
    allowed: frozenset[int] = frozenset()
    kinds: frozenset[int] = _INTEGERS


def _one_of(*allowed: int, most: int = 1) -> Meaning:
    return Meaning(allowed=frozenset(allowed), most=most)


_MOST_SAMPLES = 64
STRUCTURE_MEANINGS: Mapping[int, Meaning] = {
    254: Meaning(0, 31),
    _WIDTH: Meaning(1, 1 << 28),
    _HEIGHT: Meaning(1, 1 << 28),
    258: _one_of(1, 2, 4, 8, 10, 12, 14, 16, 24, 32, 64, most=_MOST_SAMPLES),
    259: Meaning(allowed=COMPRESSIONS),
    262: Meaning(0, 10),
    266: _one_of(1, 2),
    274: Meaning(0, 8),
    _SAMPLES: Meaning(1, _MOST_SAMPLES),
    _PLANAR: _one_of(1, 2),
    296: _one_of(1, 2, 3),
    317: _one_of(1, 2, 3),
    _TILE_WIDTH: Meaning(1, 1 << 16),
    _TILE_HEIGHT: Meaning(1, 1 << 16),
    338: _one_of(0, 1, 2, most=_MOST_SAMPLES),
    339: Meaning(1, 6, most=_MOST_SAMPLES),
    530: _one_of(1, 2, 4, most=2),
    531: _one_of(1, 2),
    _DEPTH: Meaning(1, 4096),
}
"""TIFF 6.0; whatever else it has is for printers, palettes and page layout, or has a default that readers take."""
_NANOMETRES = 1e8
HAMAMATSU_MEANINGS: Mapping[int, Meaning] = {
    65420: Meaning(0, 255),
    65421: Meaning(-2, 400, kinds=_REAL),
    65422: Meaning(-_NANOMETRES, _NANOMETRES, kinds=_SIGNED),
    65423: Meaning(-_NANOMETRES, _NANOMETRES, kinds=_SIGNED),
    65424: Meaning(-1e6, 1e6, kinds=_SIGNED),
    65425: Meaning(0, 255),
    **dict.fromkeys((65433, 65435, 65436, 65437, 65438), Meaning(0, 65535)),
    65441: Meaning(0, 255),
    65443: Meaning(0, 65535),
    65444: Meaning(0, 100),
    **dict.fromkeys((65445, 65446), Meaning(-1e6, 1e6, kinds=_SIGNED)),
    65447: Meaning(0, 65535),
    65450: Meaning(0, 255),
    65451: Meaning(0, 2000, kinds=_REAL),
    **dict.fromkeys((65454, 65455, 65456, 65457), Meaning(0, 1e6)),
    65458: Meaning(0, 255),
    65500: Meaning(0, 10, kinds=_REAL),
}
"""Offsets on the glass and depths are in nm."""


def checked(tiff: Tiff, page: Directory, entry: Entry, format_name: str) -> bytes | None:
    """Return the bytes that stand for the numbers of a tag, as many as they were; None where the tag goes.

    Raises CorruptSlideError where a tag that readers need says what it cannot.
    """
    found = _checked(tiff, page, entry, format_name)
    if found is None and entry.tag in NEEDED and not _is_idle(page, entry.tag):
        raise CorruptSlideError(f"TIFF tag {entry.tag} of an image holds what it cannot hold")
    return found


def _is_idle(page: Directory, tag: int) -> bool:
    """Tell whether a tag is that of strips where there are tiles, or the other way round."""
    tiled = _TILES in page.entries
    return tag in ((_STRIPS, _STRIP_COUNTS, _ROWS) if tiled else (_TILE_WIDTH, _TILE_HEIGHT, _TILE_COUNTS))


def _checked(tiff: Tiff, page: Directory, entry: Entry, format_name: str) -> bytes | None:
    if _is_idle(page, entry.tag):
        return None
    if entry.tag in (_TILES, _TILE_COUNTS, _STRIPS, _STRIP_COUNTS):
        return _data(tiff, page, entry)
    if entry.tag in (_ACROSS, _DOWN):
        return _resolution(tiff, page, entry)
    if entry.tag == _ROWS:
        return _rows(tiff, page, entry)
    meanings = STRUCTURE_MEANINGS
    if format_name == "hamamatsu":
        if entry.tag in (_MCU_STARTS, _MCU_STARTS_HIGH):
            return _restarts(tiff, page, entry)
        if entry.tag in (65324, 65325):
            return _upper_half(tiff, page, entry)
        meanings = {**STRUCTURE_MEANINGS, **HAMAMATSU_MEANINGS}
    meaning = meanings.get(entry.tag)
    fits = meaning is not None and _fits(tiff, page, entry, meaning)
    return tiff.value(page, entry.tag) if fits else None


def _fits(tiff: Tiff, page: Directory, entry: Entry, meaning: Meaning) -> bool:
    if entry.kind not in meaning.kinds or not 0 < entry.count <= meaning.most:
        return False
    numbers = tiff.numbers(page, entry.tag).tolist()
    if meaning.most == _MOST_SAMPLES and entry.count not in (1, *_sample_counts(tiff, page)):
        return False
    if meaning.allowed:
        return meaning.allowed.issuperset(numbers)
    if not all(meaning.lowest <= each <= meaning.highest for each in numbers):
        return False
    return entry.kind != _FLOAT or all(_is_short(each) for each in numbers)


def _sample_counts(tiff: Tiff, page: Directory) -> range:
    return range(int(tiff.number(page, _SAMPLES, 1)) + 1)


def _is_short(value: float) -> bool:
    """Tell whether a real number is one of few places, and not any four bytes."""
    import struct

    return struct.pack("<f", round(value, 4)) == struct.pack("<f", value)


def places(tiff: Tiff, page: Directory) -> int:
    """Return how many tiles or strips an image has places for; raise CorruptSlideError where it has no size."""
    width, height = (int(tiff.number(page, tag)) for tag in (_WIDTH, _HEIGHT))
    planes = int(tiff.number(page, _SAMPLES, 1)) if tiff.number(page, _PLANAR, 1) == 2 else 1
    if _TILES in page.entries:
        across, down = (int(tiff.number(page, tag)) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        if across < 1 or down < 1:
            raise CorruptSlideError("tiles have no size")
        planes *= max(1, int(tiff.number(page, _DEPTH, 1)))
        return -(-width // across) * -(-height // down) * planes
    rows = int(tiff.number(page, _ROWS)) or height
    return -(-height // max(1, min(rows, height))) * planes


def tile_size(tiff: Tiff, page: Directory) -> tuple[int, int]:
    """Return columns and rows of the tiles or strips of an image."""
    if _TILES in page.entries:
        return int(tiff.number(page, _TILE_WIDTH)), int(tiff.number(page, _TILE_HEIGHT))
    wide, high = int(tiff.number(page, _WIDTH)), int(tiff.number(page, _HEIGHT))
    return wide, max(1, min(int(tiff.number(page, _ROWS)) or high, high))


def unpacked_sizes(tiff: Tiff, page: Directory) -> NDArray[Any]:
    """Return how many bytes each tile or strip that there is has at most when it is unpacked."""
    import numpy as np  # heavy

    planar = tiff.number(page, _PLANAR, 1) == 2
    samples = 1 if planar else int(tiff.number(page, _SAMPLES, 1))
    bits = int(max(tiff.numbers(page, 258).tolist(), default=1))
    tiled = _TILES in page.entries
    wide, tall = tile_size(tiff, page)
    total = places(tiff, page)
    rows = np.full(total, tall, np.int64)
    if not tiled:
        high = int(tiff.number(page, _HEIGHT))
        rows = np.minimum(tall, high - tall * (np.arange(total) % -(-high // tall)))
    offsets, counts = (
        tiff.numbers(page, tag) for tag in ((_TILES, _TILE_COUNTS) if tiled else (_STRIPS, _STRIP_COUNTS))
    )
    if len(offsets) > total:
        raise CorruptSlideError("an image has more tiles than places for them")
    sizes = -(-wide * samples * bits // 8) * rows[: len(offsets)]
    return np.asarray(sizes[(offsets > 0) & (counts > 0)])


def _data(tiff: Tiff, page: Directory, entry: Entry) -> bytes | None:
    """Return offsets or lengths, each 0 where a place has no tile: one of the two may then say anything."""
    import numpy as np  # heavy

    tiled = _TILES in page.entries
    found = tiff.numbers(page, entry.tag)
    other = _TILES if tiled else _STRIPS
    if entry.tag == other:
        other = _TILE_COUNTS if tiled else _STRIP_COUNTS
    partner = tiff.numbers(page, other)
    if entry.kind not in _INTEGERS or len(found) != len(partner):
        return None
    if len(found) > places(tiff, page):
        raise CorruptSlideError("an image has more tiles than places for them")
    if entry.inline and entry.count == 1:
        return tiff.value(page, entry.tag) if found[0] and partner[0] else bytes(entry.size)
    return bytes(np.where(partner == 0, 0, found).astype(found.dtype).tobytes())


def _rows(tiff: Tiff, page: Directory, entry: Entry) -> bytes | None:
    """Return RowsPerStrip, no larger than the image: beyond that it may be any number."""
    if entry.kind not in _INTEGERS or entry.count != 1:
        return None
    height = int(tiff.number(page, _HEIGHT))
    rows = int(tiff.number(page, _ROWS))
    if 0 < rows <= height:
        return tiff.value(page, _ROWS)
    return height.to_bytes(entry.size, tiff.layout.byteorder) if height < 1 << 8 * entry.size else None


_LARGEST_DENOMINATOR = 1 << 25
_FINEST = 10_000_000
_LETTERS = re.compile(rb"[ -~]{4}")


def _resolution(tiff: Tiff, page: Directory, entry: Entry) -> bytes | None:
    """Return a resolution that can be one; where its two halves read as letters, the same number in other terms."""
    order = tiff.layout.byteorder
    raw = tiff.value(page, entry.tag)
    if entry.kind != _RATIONAL or entry.count != 1:
        return None
    above, below = (int.from_bytes(raw[at : at + 4], order) for at in (0, 4))
    if above == below == 1:
        return raw
    if not 0 < below <= _LARGEST_DENOMINATOR or not 2 * below <= above <= _FINEST * below:
        return None
    for _ in range(4):
        if above >= 1 << 32:
            return None
        raw = above.to_bytes(4, order) + below.to_bytes(4, order)
        if not _LETTERS.search(raw):
            return raw
        # Twice as much of both is the same to the last bit, whatever it is divided into.
        above, below = 2 * above, 2 * below
    return None


def _upper_half(tiff: Tiff, page: Directory, entry: Entry) -> bytes | None:
    found: Any = tiff.numbers(page, entry.tag)
    if entry.kind not in _INTEGERS or len(found) != 1 or int(found[0]) > tiff.file.size >> 32:
        return None
    return tiff.value(page, entry.tag)


def _restarts(tiff: Tiff, page: Directory, entry: Entry) -> bytes | None:
    """Return where restart intervals begin, if each of them does: behind a restart marker, or the head."""
    import numpy as np  # heavy

    kinds = {each.kind for tag in (_MCU_STARTS, _MCU_STARTS_HIGH) if (each := page.entries.get(tag))}
    if not kinds <= _INTEGERS:
        return None
    starts = tiff.numbers(page, _MCU_STARTS).astype(np.int64)
    highs = tiff.numbers(page, _MCU_STARTS_HIGH).astype(np.int64)
    if not len(starts) or len(highs) not in (0, len(starts)):
        return None
    starts = starts + (highs << 32 if len(highs) else 0)
    begin, length = int(tiff.number(page, _STRIPS)), int(tiff.number(page, _STRIP_COUNTS))
    if (np.diff(starts) < 2).any() or starts[0] < 2 or starts[-1] > length or begin + length > tiff.file.size:
        return None
    for at in starts[1:].tolist():
        marker = tiff.file.read(begin + at - 2, 2)
        if marker[0] != 0xFF or not 0xD0 <= marker[1] <= 0xD7:
            return None
    return tiff.value(page, entry.tag)
