"""The head of a JPEG (ITU-T T.81 annex B): its segments, what of them has a meaning, and whether it can be meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dicomanon.errors import CorruptSlideError

SOI = b"\xff\xd8"
SOS, EOI, DHT, DQT, DRI, DNL = 0xDA, 0xD9, 0xC4, 0xDB, 0xDD, 0xDC
FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""More than twice as fast as `find`, and every byte of a slide is looked at."""
ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_HUFFMAN = frozenset((0xC0, 0xC1, 0xC2))
_IDENTIFIERS = frozenset((*range(11), *b"RGBA", *b"\x22\x23"))
"""Numbers of components, or the letters of their colours."""
_LARGEST_DC, _LARGEST_AC = 11, 10
"""Bits of the largest coefficients of samples of 8 bits (F.1.2.1 and F.1.2.2)."""

Segment = tuple[int, int, int]
"""Marker, and the bytes behind its length."""


@dataclass(frozen=True, slots=True)
class Head:
    """Segments up to the scan, what stands between them, and where the scan begins."""

    segments: tuple[Segment, ...]
    gaps: tuple[tuple[int, int], ...]
    stop: int

    @property
    def frame(self) -> Segment | None:
        """What says the size of the picture."""
        return next((each for each in self.segments if each[0] in FRAMES), None)

    @property
    def scan(self) -> Segment | None:
        """The head of the first scan."""
        return next((each for each in self.segments if each[0] == SOS), None)


def read_head(data: bytes | bytearray, start: int, stop: int) -> Head:
    """Return the head of the JPEG at `start`, as far as it goes up to `stop`."""
    segments: list[Segment] = []
    gaps: list[tuple[int, int]] = []
    at = start + 2
    while at < stop:
        match = MARKER.search(data, at, stop)
        behind = match.start() if match else stop
        if data[at:behind].strip(b"\xff\0"):
            gaps.append((at, behind))
        if match is None:
            return Head(tuple(segments), tuple(gaps), stop)
        marker, at = match[0][1], match.end()
        if marker == EOI:
            return Head(tuple(segments), tuple(gaps), at - 2)
        if marker in ALONE:
            continue
        end = min(at + max(int.from_bytes(data[at : at + 2], "big"), 2), stop)
        segments.append((marker, min(at + 2, end), end))
        at = end
        if marker == SOS:
            break
    return Head(tuple(segments), tuple(gaps), at)


def used(data: bytes | bytearray, segment: Segment) -> int:
    """Return how many bytes of a segment have a meaning."""
    marker, at, end = segment
    if marker in (DHT, DQT):
        found = tables(data, segment)
        return found[-1][2] - at if found else 0
    if marker in FRAMES:
        return 6 + 3 * data[at + 5] if at + 5 < end else 0
    if marker == SOS:
        return 4 + 2 * data[at] if at < end else 0
    return 2 if marker in (DRI, DNL) else end - at


def tables(data: bytes | bytearray, segment: Segment) -> list[Segment]:
    """Return the whole tables of a segment: class and number as one byte, and the bytes of their values."""
    marker, at, end = segment
    found = []
    while at < end:
        name = data[at]
        first, length = at + 1, 128 if name >> 4 else 64
        if marker == DHT:
            first, length = at + 17, sum(data[at + 1 : min(at + 17, end)])
        if first + length > end:
            break
        found.append((name, first, first + length))
        at = first + length
    return found


def frame_size(data: bytes | bytearray, head: Head) -> tuple[int, int] | None:
    """Return columns and rows that the head of a JPEG says, None where it does not."""
    if head.frame is None or head.frame[2] - head.frame[1] < 6:
        return None
    at = head.frame[1]
    return int.from_bytes(data[at + 3 : at + 5], "big"), int.from_bytes(data[at + 1 : at + 3], "big")


def check_head(data: bytes | bytearray, head: Head) -> None:
    """Raise CorruptSlideError where a head says what no encoder means: it could be letters."""
    frame = head.frame
    if frame is None:
        return
    marker, at, end = frame
    if end - at < 6 or end - at < 6 + 3 * data[at + 5]:
        raise CorruptSlideError("the head of a JPEG is cut short")
    identifiers = set()
    for number in range(data[at + 5]):
        identifier, sampling, table = data[at + 6 + 3 * number : at + 9 + 3 * number]
        if identifier not in _IDENTIFIERS or not (0x11 <= sampling <= 0x44) or table > 3:
            raise CorruptSlideError("the head of a JPEG names components that cannot be")
        identifiers.add(identifier)
    if head.scan is not None:
        _check_scan(data, head.scan, identifiers, sequential=marker in (0xC0, 0xC1))
    if data[at] == 8 and marker in _HUFFMAN:
        check_codes(data, head, progressive=marker == 0xC2)


def _check_scan(data: bytes | bytearray, scan: Segment, identifiers: set[int], *, sequential: bool) -> None:
    _, at, end = scan
    count = data[at] if at < end else 0
    if end - at < 4 + 2 * count:
        raise CorruptSlideError("the head of a JPEG is cut short")
    pairs = [data[at + 1 + 2 * number : at + 3 + 2 * number] for number in range(count)]
    known = all(name in identifiers and coders & 0xCC == 0 for name, coders in pairs)
    if not known or (sequential and data[at + 1 + 2 * count : at + 4 + 2 * count] != b"\0\x3f\0"):
        raise CorruptSlideError("the head of a scan in a JPEG says what cannot be")


def check_codes(data: bytes | bytearray, head: Head, *, progressive: bool = True) -> None:
    """Raise CorruptSlideError where a table of codes, for samples of 8 bits, holds what it cannot hold."""
    for segment in head.segments:
        if segment[0] == DHT:
            _check_codes(data, segment, progressive=progressive)


def _check_codes(data: bytes | bytearray, segment: Segment, *, progressive: bool) -> None:
    """Raise CorruptSlideError where a table has a code twice, or codes for coefficients that cannot be."""
    for name, first, stop in tables(data, segment):
        symbols = bytes(data[first:stop])
        if not symbols.strip(b"\1"):
            continue
        if name >> 4:
            bad = any(each & 15 > _LARGEST_AC for each in symbols)
            bad |= not progressive and any(each & 15 == 0 and each not in (0, 0xF0) for each in symbols)
        else:
            bad = max(symbols) > _LARGEST_DC
        if bad or len(set(symbols)) < len(symbols):
            raise CorruptSlideError("a table of codes in a JPEG holds what it cannot hold")
