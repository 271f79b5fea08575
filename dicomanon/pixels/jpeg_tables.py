"""What stands in front of the scan of a JPEG frame: quantisation, Huffman tables, components (ITU-T T.81 annex B)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from struct import unpack_from
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable

_DQT, _DHT, _DRI, _SOS = 0xDB, 0xC4, 0xDD, 0xDA
_SEQUENTIAL = frozenset((0xC0, 0xC1))
_OTHER_FRAMES = frozenset((*range(0xC2, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
END_OF_BLOCK = 0x00
_LONGEST = 16
_WHOLE = 1 << _LONGEST


@dataclass(frozen=True, slots=True)
class Huffman:
    """A Huffman table: how many codes there are of each length, and their symbols in order (T.81 annex C)."""

    counts: tuple[int, ...]
    symbols: bytes

    def codes(self) -> dict[int, tuple[int, int]]:
        """Return code and length by symbol."""
        found, code, at = {}, 0, 0
        for length, count in enumerate(self.counts, 1):
            for symbol in self.symbols[at : at + count]:
                found[symbol] = code, length
                code += 1
            at += count
            code <<= 1
        return found

    def with_symbols(self, wanted: frozenset[int]) -> Huffman:
        """Return a table that has these symbols too, and gives every symbol it had the code it had.

        New ones get codes of sixteen bits, behind all others. Raises UnsupportedError where there is no room.
        """
        missing = sorted(wanted - set(self.symbols))
        if not missing:
            return self
        used = sum(count << (_LONGEST - length) for length, count in enumerate(self.counts, 1))
        if used + len(missing) >= _WHOLE or self.counts[-1] + len(missing) > 255:
            raise UnsupportedError(
                "the Huffman tables of a JPEG frame have no room for what is to be written"
            )
        counts = (*self.counts[:-1], self.counts[-1] + len(missing))
        return Huffman(counts, self.symbols + bytes(missing))

    def segment(self, number: int) -> bytes:
        """Return the DHT segment that defines the table under a class and number."""
        body = bytes((number, *self.counts)) + self.symbols
        return b"\xff\xc4" + (len(body) + 2).to_bytes(2, "big") + body


@dataclass(frozen=True, slots=True)
class Component:
    """One component in the order of the scan: blocks across and down in an MCU, DC quantiser, its two tables."""

    across: int
    down: int
    quantiser: int
    dc: int
    ac: int


@dataclass(frozen=True, slots=True)
class Tables:
    """A frame of one sequential scan. Sizes are pixels; `restart` is MCUs between restart markers, 0 for none.

    `head_end` is the offset behind the header of the scan, `scan_header` that of its marker.
    """

    columns: int
    rows: int
    precision: int
    components: tuple[Component, ...]
    huffman: dict[int, Huffman]
    restart: int
    scan_header: int
    head_end: int

    @property
    def mcu(self) -> tuple[int, int]:
        """Columns and rows of pixels of an MCU (T.81 A.2)."""
        if len(self.components) == 1:
            return 8, 8
        return 8 * max(each.across for each in self.components), 8 * max(
            each.down for each in self.components
        )


@dataclass(frozen=True, slots=True)
class _Frame:
    precision: int
    rows: int
    columns: int
    components: dict[int, tuple[int, int, int]]


def read_tables(data: bytes) -> Tables:
    """Read the segments up to the scan.

    Raises UnsupportedError for what is no single sequential Huffman scan (progressive, lossless, arithmetic),
    MalformedError for segments that contradict themselves.
    """
    if data[:2] != b"\xff\xd8":
        raise MalformedError("a JPEG frame has no start")
    quantisers: dict[int, int] = {}
    huffman: dict[int, Huffman] = {}
    frame: _Frame | None = None
    restart, at = 0, 2
    while True:
        while data[at : at + 2] == b"\xff\xff":
            at += 1
        if at + 4 > len(data) or data[at] != 0xFF:
            raise MalformedError("a JPEG frame ends before its scan", offset=at)
        marker = data[at + 1]
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            raise MalformedError("a segment of a JPEG frame is cut short", offset=at)
        try:
            if marker == _DQT:
                quantisers.update(_quantisers(body))
            elif marker == _DHT:
                huffman.update(_huffman(body))
            elif marker == _DRI:
                restart = int.from_bytes(body[:2], "big")
            elif marker in _SEQUENTIAL:
                frame = _frame(body)
            elif marker in _OTHER_FRAMES:
                raise UnsupportedError("a JPEG frame that is not sequential is not redacted")
            elif marker == _SOS:
                return _tables(at, body, frame, quantisers, huffman, restart)
        except (IndexError, KeyError, ValueError):
            raise MalformedError("a segment of a JPEG frame contradicts itself", offset=at) from None
        at += 2 + length


def _quantisers(body: bytes) -> dict[int, int]:
    """Return the first (DC) entry of each quantisation table."""
    found, at = {}, 0
    while at < len(body):
        wide = body[at] >> 4
        if wide > 1 or at + 1 + 64 * (1 + wide) > len(body):
            raise ValueError
        found[body[at] & 15] = int.from_bytes(body[at + 1 : at + 2 + wide], "big")
        at += 1 + 64 * (1 + wide)
    return found


def _huffman(body: bytes) -> dict[int, Huffman]:
    found, at = {}, 0
    while at < len(body):
        counts = tuple(body[at + 1 : at + 17])
        symbols = body[at + 17 : at + 17 + sum(counts)]
        if len(counts) != _LONGEST or len(symbols) != sum(counts):
            raise ValueError
        if sum(count << (_LONGEST - length) for length, count in enumerate(counts, 1)) > _WHOLE:
            raise ValueError
        found[body[at]] = Huffman(counts, symbols)
        at += 17 + len(symbols)
    return found


def _frame(body: bytes) -> _Frame:
    precision, rows, columns, count = unpack_from(">BHHB", body.ljust(6, b"\0"))
    components = {
        body[at]: (body[at + 1] >> 4, body[at + 1] & 15, body[at + 2]) for at in range(6, 6 + 3 * count, 3)
    }
    if precision not in (8, 12) or not rows or not columns or not 0 < count == len(components):
        raise ValueError
    return _Frame(precision, rows, columns, components)


def _tables(
    at: int,
    body: bytes,
    frame: _Frame | None,
    quantisers: dict[int, int],
    huffman: dict[int, Huffman],
    restart: int,
) -> Tables:
    count = body[0]
    if frame is None:
        raise ValueError
    if count != len(frame.components):
        raise UnsupportedError("a JPEG frame of several scans is not redacted")
    components = []
    for number in range(count):
        name, tables = body[1 + 2 * number], body[2 + 2 * number]
        across, down, quantiser = frame.components[name]
        if not (0 < across <= 4 and 0 < down <= 4):
            raise ValueError
        dc, ac = tables >> 4, 0x10 | (tables & 15)
        components.append(Component(across, down, quantisers[quantiser] or 1, dc, ac))
        _ = huffman[dc], huffman[ac]
    return Tables(
        columns=frame.columns,
        rows=frame.rows,
        precision=frame.precision,
        components=tuple(components),
        huffman=huffman,
        restart=restart,
        scan_header=at,
        head_end=at + 4 + len(body),
    )


@lru_cache(maxsize=32)
def dc_lookup(table: Huffman) -> list[int]:
    """Return by the next sixteen bits: length of the code, and from bit 5 on its symbol; 0 where there is no code."""
    return _lookup(table, lambda symbol, length: length | symbol << 5)


@lru_cache(maxsize=32)
def ac_lookup(table: Huffman) -> list[int]:
    """Return by the next sixteen bits: bits of code and value, and from bit 5 on the coefficients that they stand for.

    An end of block stands for 128.
    """

    def entry(symbol: int, length: int) -> int:
        run, size = symbol >> 4, symbol & 15
        if not size:
            return length | (16 if run == 15 else 128) << 5
        return (length + size) | (run + 1) << 5

    return _lookup(table, entry)


def _lookup(table: Huffman, entry: Callable[[int, int], int]) -> list[int]:
    found = [0] * _WHOLE
    for symbol, (code, length) in table.codes().items():
        first = code << (_LONGEST - length)
        span = 1 << (_LONGEST - length)
        found[first : first + span] = [entry(symbol, length)] * span
    return found
