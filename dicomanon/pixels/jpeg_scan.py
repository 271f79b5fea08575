"""Redaction of a JPEG frame without decoding its pixels: blocks of the scan are replaced, all others stay as they are.

Sequential Huffman-coded scans of 8 and 12 bits (ITU-T T.81, processes 1, 2 and 4) are sequences of blocks whose bits
can be copied; only the first block behind a replaced one is coded anew, because its DC is told as a difference. What is
not replaced has the same coefficients before and after.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.pixels.jpeg_tables import END_OF_BLOCK, Tables, ac_lookup, dc_lookup, read_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.pixels.box import Box

_REFILL = 6
# A run of fill bytes is passed once: markers are looked for at its front only, and it gives nothing back.
_RESTART = re.compile(rb"(?<!\xff)\xff++([\xd0-\xd7])")
_END = re.compile(rb"(?<!\xff)\xff++[^\x00\xd0-\xd7]")


def redact_jpeg(data: bytes, boxes: Sequence[Box], fill: Sequence[int]) -> bytes:
    """Return the frame with every MCU that meets a box made of one colour; `fill` is a sample value a component.

    Raises MalformedError for a scan that does not decode, UnsupportedError as `read_tables` does.
    """
    tables = read_tables(data)
    if len(fill) != len(tables.components):
        raise MalformedError("a JPEG frame has not the samples that the header says")
    touched = _touched(tables, boxes)
    if not any(touched):
        return data
    writer = _Scan(tables, fill)
    end = _END.search(data, tables.head_end)
    if end is None:
        raise MalformedError("a JPEG frame has no end")
    parts = _RESTART.split(data[tables.head_end : end.start()])
    intervals, markers = parts[::2], parts[1::2]
    step = tables.restart or len(touched)
    if len(intervals) != -(-len(touched) // step):
        raise MalformedError("a JPEG frame has not the restart markers that it says")
    out = [data[: tables.scan_header], *writer.segments(), data[tables.scan_header : tables.head_end]]
    for number, interval in enumerate(intervals):
        if number:
            out.append(b"\xff" + markers[number - 1])
        part = touched[number * step : (number + 1) * step]
        out.append(writer.redacted(interval, part) if any(part) else interval)
    out.append(data[end.start() :])
    return b"".join(out)


def _touched(tables: Tables, boxes: Sequence[Box]) -> list[bool]:
    """Return for each MCU, in the order of the scan, whether a box has a pixel of it."""
    wide, high = tables.mcu
    across, down = -(-tables.columns // wide), -(-tables.rows // high)
    touched = [False] * (across * down)
    for box in boxes:
        inside = box.within(tables.columns, tables.rows)
        if not inside:
            continue
        first, last = inside.left // wide, -(-inside.right // wide)
        for row in range(inside.top // high, -(-inside.bottom // high)):
            touched[row * across + first : row * across + last] = [True] * (last - first)
    return touched


class _Scan:
    """Rewrites restart intervals of one frame."""

    def __init__(self, tables: Tables, fill: Sequence[int]) -> None:
        middle = 1 << (tables.precision - 1)
        self._single = len(tables.components) == 1
        self._dc_fill = [
            round((value - middle) * 8 / component.quantiser)
            for value, component in zip(fill, tables.components, strict=True)
        ]
        categories = frozenset(range(12 if tables.precision == 8 else 16))
        self._huffman = dict(tables.huffman)
        for component in tables.components:
            self._huffman[component.dc] = self._huffman[component.dc].with_symbols(categories)
            self._huffman[component.ac] = self._huffman[component.ac].with_symbols(frozenset((END_OF_BLOCK,)))
        self._changed = {
            number: table for number, table in self._huffman.items() if table != tables.huffman[number]
        }
        blocks = [
            index
            for index, component in enumerate(tables.components)
            for _ in range(1 if self._single else component.across * component.down)
        ]
        self._blocks = blocks
        self._in = [
            (dc_lookup(tables.huffman[each.dc]), ac_lookup(tables.huffman[each.ac]))
            for each in tables.components
        ]
        self._out = [
            (self._huffman[each.dc].codes(), self._huffman[each.ac].codes()[END_OF_BLOCK])
            for each in tables.components
        ]

    def segments(self) -> list[bytes]:
        """Return the tables that had to be extended, to be put in front of the scan."""
        return [table.segment(number) for number, table in self._changed.items()]

    def redacted(self, interval: bytes, touched: Sequence[bool]) -> bytes:
        """Return one restart interval (without markers) with the MCUs replaced that are touched."""
        data = interval.replace(b"\xff\x00", b"\xff")
        source, out = _Bits(data), _Writer()
        count = len(self._in)
        before, after = [0] * count, [0] * count
        last = max(number for number, flag in enumerate(touched) if flag)
        copied = 0
        number = 0
        for number, flag in enumerate(touched):  # used behind the loop
            if flag:
                out.copy(data, copied, source.at)
                for index in self._blocks:
                    before[index] += source.block(*self._in[index])[0]
                    self._fill(out, index, after)
                copied = source.at
            elif before == after:
                if number > last:
                    break
                for index in self._blocks:
                    difference = source.block(*self._in[index])[0]
                    before[index] += difference
                    after[index] += difference
            else:
                for index in self._blocks:
                    difference, coefficients = source.block(*self._in[index])
                    before[index] += difference
                    self._put_dc(out, index, before[index] - after[index])
                    after[index] = before[index]
                    out.copy(data, coefficients, source.at)
                copied = source.at
        else:
            number += 1
        tail = out.with_rest(data, copied)
        if tail is None:  # what looks like padding may be data: only the end of the last block tells
            for _ in range(number, len(touched)):
                for index in self._blocks:
                    source.block(*self._in[index])
            out.copy(data, copied, source.at)
            tail = out.finished()
        return tail.replace(b"\xff", b"\xff\x00")

    def _fill(self, out: _Writer, index: int, after: list[int]) -> None:
        self._put_dc(out, index, self._dc_fill[index] - after[index])
        after[index] = self._dc_fill[index]
        out.put(*self._out[index][1])

    def _put_dc(self, out: _Writer, index: int, difference: int) -> None:
        size = abs(difference).bit_length()
        code = self._out[index][0].get(size)
        if code is None:
            raise MalformedError("the DC coefficients of a JPEG frame are out of range")
        out.put(*code)
        if size:
            out.put(difference if difference > 0 else difference + (1 << size) - 1, size)


class _Bits:
    """Walks blocks; `at` is the number of bits passed."""

    def __init__(self, data: bytes) -> None:
        self._data = data + b"\xff" * (2 * _REFILL)
        self._size = 8 * len(data)
        self.at = 0

    def block(self, dc: list[int], ac: list[int]) -> tuple[int, int]:
        """Pass one block; return the difference of its DC, and where its other coefficients begin."""
        data, at = self._data, self.at
        position = at >> 3
        held = 8 * _REFILL - (at & 7)
        bits = int.from_bytes(data[position : position + _REFILL], "big")
        position += _REFILL
        entry = dc[(bits >> (held - 16)) & 0xFFFF]
        size = entry >> 5
        if not entry or size > 16:
            raise MalformedError("the scan of a JPEG frame does not decode")
        held -= entry & 31
        difference = 0
        if size:
            held -= size
            difference = (bits >> held) & ((1 << size) - 1)
            if not difference >> (size - 1):
                difference -= (1 << size) - 1
        coefficients = 8 * position - held
        index = 1
        while index < 64:
            if held < 16:
                bits = (bits & ((1 << held) - 1)) << 48 | int.from_bytes(
                    data[position : position + 6].ljust(6, b"\xff"), "big"
                )
                position += 6
                held += 48
            entry = ac[(bits >> (held - 16)) & 0xFFFF]
            length = entry & 31
            if not length:
                raise MalformedError("the scan of a JPEG frame does not decode")
            if length > held:
                bits = (bits & ((1 << held) - 1)) << 48 | int.from_bytes(
                    data[position : position + 6].ljust(6, b"\xff"), "big"
                )
                position += 6
                held += 48
            held -= length
            index += entry >> 5
        self.at = 8 * position - held
        if (index != 64 and index < 128) or self.at > self._size:
            raise MalformedError("the scan of a JPEG frame does not decode")
        return difference, coefficients


class _Writer:
    """Bits one behind the other."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._bits = 0
        self._held = 0

    def put(self, value: int, count: int) -> None:
        """Add the `count` lower bits of `value`."""
        self._bits = self._bits << count | value
        self._held += count
        if self._held >= 4096:
            self._settle()

    def copy(self, data: bytes, start: int, stop: int) -> None:
        """Add bits of `data`, numbered from its front."""
        if stop <= start:
            return
        last = -(-stop // 8)
        value = int.from_bytes(data[start >> 3 : last], "big") >> (8 * last - stop)
        self.put(value & ((1 << (stop - start)) - 1), stop - start)

    def with_rest(self, data: bytes, start: int) -> bytes | None:
        """Return all bytes with the rest of `data`, its padding included; None where that may be a byte too many."""
        self.copy(data, start, 8 * len(data))
        end = self.finished()
        zeros = (data[-1] & -data[-1]).bit_length() - 1 if data[-1] else 8  # some pad with them
        if end[-1:] != b"\xff" and zeros + -self._held % 8 < 8:
            return end
        # Take the rest back: it was the last thing added.
        self._take_back(8 * len(data) - start)
        return None

    def finished(self) -> bytes:
        """Return all bytes, the last one padded with ones (T.81 F.1.2.3)."""
        pad = -self._held % 8
        value = (self._bits << pad) | ((1 << pad) - 1)
        return bytes(self._done) + value.to_bytes((self._held + pad) // 8, "big")

    def _take_back(self, count: int) -> None:
        whole = int.from_bytes(self._done, "big") << self._held | self._bits
        total = 8 * len(self._done) + self._held - count
        self._done.clear()
        self._bits, self._held = whole >> count, total

    def _settle(self) -> None:
        left = self._held & 7
        self._done += (self._bits >> left).to_bytes(self._held >> 3, "big")
        self._bits &= (1 << left) - 1
        self._held = left
