"""Words in JPEG streams (ITU-T T.81): whatever a decoder does not need is overwritten, scans are not touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.native.jpeg_segments import (
    ALONE,
    DHT,
    DNL,
    DQT,
    DRI,
    EOI,
    FRAMES,
    MARKER,
    SOI,
    SOS,
    Segment,
    read_head,
    tables,
    used,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_APP0, _APP14 = 0xE0, 0xEE
_NEEDED = FRAMES | {SOS, DHT, DQT, DRI, DNL, 0xCC}
"""Segments that decoders need; of all others (COM, APPn, JPGn, reserved ones) only JFIF and Adobe stay."""
_SEQUENTIAL = frozenset((0xC0, 0xC1))
_JFIF, _ADOBE = 14, 12
"""Bytes of the two segments that say how the colours are meant; whatever is longer carries more."""
_ADOBE_FLAGS = frozenset((0, 0x4000, 0x8000, 0xC000))


def jpeg_head(data: bytearray, start: int, stop: int) -> tuple[int, int]:
    """Overwrite what is words in the head of the JPEG at `start`; return where the scan begins, and how much there was.

    JFIF and Adobe stay: colours depend on them. What is no JPEG is left alone.
    """
    if data[start : start + 2] != SOI:
        return start, 0
    head = read_head(data, start, stop)
    # Decoders pass over what stands between two segments.
    found = sum(_zeros(data, *gap) for gap in head.gaps)
    found += sum(_clean(data, segment) for segment in head.segments)
    if head.frame is not None and head.scan is not None:
        found += _unused(data, head.segments, head.frame, head.scan)
    return head.stop, found


def jpeg_tables(data: bytearray) -> int:
    """Overwrite what is words in a stream of tables (TIFF tag 347), and what is behind its end."""
    at, found = jpeg_head(data, 0, len(data))
    return found + _zeros(data, at + 2, len(data))


def _clean(data: bytearray, segment: Segment) -> int:
    """Overwrite a segment, or what it has beyond its meaning; return 1 where there was anything."""
    marker, at, end = segment
    if marker == _APP0 and data[at : at + 5] == b"JFIF\0" and end - at == _JFIF:
        return _plain_jfif(data, at)
    if marker == _APP14 and data[at : at + 5] == b"Adobe" and end - at == _ADOBE:
        return _plain_adobe(data, at)
    if marker not in _NEEDED:
        return _zeros(data, at, end)
    return _zeros(data, at + used(data, segment), end)


def _unused(data: bytearray, segments: Sequence[Segment], frame: Segment, scan: Segment) -> int:
    """Overwrite tables that no component asks for: their values may be any bytes."""
    _, at, _ = frame
    if any(each[1] + used(data, each) > each[2] or each[1] == each[2] for each in (frame, scan)):
        return 0
    components = data[at + 5]
    quantisers = {data[at + 8 + 3 * number] for number in range(components)}
    # Where one scan has all components no later one asks for a table.
    whole = frame[0] in _SEQUENTIAL and data[scan[1]] == components
    coders = set()
    for number in range(data[scan[1]]):
        pair = data[scan[1] + 2 + 2 * number]
        coders |= {pair >> 4, 0x10 | pair & 15}
    found = 0
    later: set[tuple[int, int]] = set()
    for segment in reversed(segments):
        marker = segment[0]
        if marker == DRI:
            found += _zeros(data, segment[1], segment[2]) if (marker, 0) in later else 0
            later.add((marker, 0))
        if marker not in (DQT, DHT):
            continue
        for name, first, stop in reversed(tables(data, segment)):
            key = (marker, name & 15 if marker == DQT else name)
            asked = name & 15 in quantisers if marker == DQT else not whole or name in coders
            # A table in front of another of its name is never asked for.
            if (not asked or key in later) and set(data[first:stop]) - {1}:
                data[first:stop] = b"\1" * (stop - first)
                found += 1
            later.add(key)
    return found


def _plain_jfif(data: bytearray, at: int) -> int:
    """Leave version and the shape of pixels; a density in letters becomes none."""
    known = data[at + 5] == 1 and data[at + 6] <= 2 and data[at + 7] <= 2
    small = all(0 < int.from_bytes(data[at + n : at + n + 2], "big") <= 1200 for n in (8, 10))
    if known and small and not any(data[at + 12 : at + 14]):
        return 0
    plain = bytes((1, 1, 0, 0, 1, 0, 1, 0, 0))
    changed = data[at + 5 : at + 14] != plain
    data[at + 5 : at + 14] = plain
    return int(changed)


def _plain_adobe(data: bytearray, at: int) -> int:
    """Leave the transformation of colours, which is all that decoders read."""
    version, first, second = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (5, 7, 9))
    if version in (100, 101) and {first, second} <= _ADOBE_FLAGS:
        return 0
    data[at + 5 : at + 11] = bytes((0, 100, 0, 0, 0, 0))
    return 1


def _zeros(data: bytearray, start: int, stop: int) -> int:
    if start >= stop or not any(data[start:stop]):
        return 0
    data[start:stop] = bytes(stop - start)
    return 1


@dataclass(slots=True)
class JpegTail:
    """Overwrites words between scans and behind the end, in as many windows as the stream comes in.

    In a scan FF is followed by 00 or is a restart marker (T.81 B.1.1); any other marker is the end, or a segment with a
    length, such as a table in front of another scan. `count` is how many segments were overwritten.
    """

    count: int = 0
    _ended: bool = False
    _in_scan: bool = True
    _left: int = 0
    _blank: bool = False
    _held: bytes = b""

    def feed(self, data: bytearray, start: int, stop: int) -> None:
        """Take the next bytes of the stream behind its head, and overwrite those that are words."""
        at = self._from_before(data, start, stop) if self._held else start
        while at < stop:
            if self._ended:
                self.count += _zeros(data, at, stop)
                return
            if self._left:
                at = self._within(data, at, stop)
                continue
            match = MARKER.search(data, at, stop)
            behind = match.start() if match else stop - (data[stop - 1] == 0xFF)
            if not self._in_scan and data[at:behind].strip(b"\xff\0"):
                self.count += _zeros(data, at, behind)
            if match is None:
                self._held = bytes(data[behind:stop])
                return
            at = self._marked(data, match.start(), stop)

    def _from_before(self, data: bytearray, start: int, stop: int) -> int:
        """Go on with a marker that began in the window before."""
        held, self._held = self._held, b""
        joined = bytearray(held + data[start : min(stop, start + 4)])
        match = MARKER.match(joined)
        if match is None and len(joined) > 1:
            return start
        return max(start, start + self._marked(joined, 0, len(joined)) - len(held))

    def _marked(self, data: bytearray, at: int, stop: int) -> int:
        """Read the marker at `at`, with the length of its segment; return where that begins."""
        if stop - at < 2:
            self._held = bytes(data[at:stop])
            return stop
        marker = data[at + 1]
        if marker == EOI:
            self._ended = True
            return at + 2
        if marker in ALONE:
            return at + 2
        if stop - at < 4:
            self._held = bytes(data[at:stop])
            return stop
        length = max(int.from_bytes(data[at + 2 : at + 4], "big") - 2, 0)
        self._left, self._blank = length, marker not in _NEEDED
        self._in_scan = marker == SOS
        if marker in _NEEDED and at + 4 + length <= stop:
            self.count += _clean(data, (marker, at + 4, at + 4 + length))
        return at + 4

    def _within(self, data: bytearray, at: int, stop: int) -> int:
        end = min(at + self._left, stop)
        if self._blank:
            self.count += _zeros(data, at, end)
        self._left -= end - at
        return end


def jpeg_tail(data: bytearray, scan: int, stop: int) -> int:
    """Overwrite words behind the head of a whole JPEG, whose scan begins at `scan`; return how much there was."""
    tail = JpegTail()
    tail.feed(data, scan, stop)
    return tail.count
