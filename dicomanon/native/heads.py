"""Words in the heads of code streams: segments that no decoder needs are overwritten, scans are not touched."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NONE, JPEG, JPEG_2000 = 0, 1, 2
"""What lies in a range of the file."""
_SOI, _SOS, _EOI, _COM = 0xD8, 0xDA, 0xD9, 0xFE
_APP0, _APP14, _APP15 = 0xE0, 0xEE, 0xEF
_JFIF, _ADOBE = 14, 12
"""Bytes of the two segments that say how the colours are meant; whatever is longer carries more."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""More than twice as fast as `find`, and every byte of a slide is looked at."""
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))
_SOC, _SOT, _SOD, _COM_2000 = 0xFF4F, 0xFF90, 0xFF93, 0xFF64
_JP2 = b"\0\0\0\x0cjP  "
_BOXES = frozenset((b"jP  ", b"ftyp", b"jp2h", b"jp2c"))


@dataclass(slots=True)
class Scrubber:
    """Overwrites heads; most tiles of a slide have the same one, so the last is remembered.

    `count` is how many segments were overwritten so far.
    """

    count: int = 0
    _raw: bytes = b""
    _clean: bytes = b""
    _found: int = 0
    _kind: int = field(default=NONE)

    def scrub(self, data: bytearray, start: int, stop: int, kind: int) -> None:
        """Overwrite what is words in the code stream at `start` up to `stop`: in its head, and behind its end.

        `kind` is negative where the stream goes on behind `stop`.
        """
        whole, kind = kind > 0, abs(kind)
        if kind == NONE:
            return
        end = self._head(data, start, stop, kind)
        if whole and kind == JPEG:
            self.count += jpeg_tail(data, end, stop)

    def _head(self, data: bytearray, start: int, stop: int, kind: int) -> int:
        if self._raw and kind == self._kind and data.startswith(self._raw, start, stop):
            if self._found:
                data[start : start + len(self._raw)] = self._clean
                self.count += self._found
            return start + len(self._raw)
        before = bytes(data[start : min(stop, start + (1 << 16))])
        end, found = jpeg_head(data, start, stop) if kind == JPEG else jpeg_2000_head(data, start, stop)
        self.count += found
        self._kind, self._found = kind, found
        self._raw = before[: end - start] if end - start <= len(before) else b""
        self._clean = bytes(data[start:end])
        return end


def jpeg_head(data: bytearray, start: int, stop: int) -> tuple[int, int]:
    """Overwrite COM and APPn of the JPEG at `start`; return where the scan begins, and how many there were.

    JFIF and Adobe stay as they are: colours depend on them. What is no JPEG is left alone.
    """
    at, found = start, 0
    if data[at : at + 2] != b"\xff\xd8":
        return start, 0
    at += 2
    while at + 4 <= stop and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in _ALONE:
            at += 2
            continue
        if marker == _EOI:
            return at, found
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        end = min(at + 2 + length, stop)
        if marker == _SOS:
            return end, found
        if marker == _COM or _APP0 <= marker <= _APP15:
            found += _blank_segment(data, marker, at + 4, end)
        at = max(end, at + 2)
    return at, found


def jpeg_tail(data: bytearray, scan: int, stop: int) -> int:
    """Overwrite what stands behind the end of the JPEG whose scan begins at `scan`, and text between its scans.

    Returns how much there was. In a scan FF is followed by 00 or is a restart marker (T.81 B.1.1); any other marker is
    the end, or a segment with a length, such as a table in front of another scan.
    """
    count, at = 0, scan
    while found := _MARKER.search(data, at, stop):
        marker, at = found[0][1], found.end()
        if marker == _EOI:
            break
        at = min(at + int.from_bytes(data[at : at + 2], "big"), stop)
        if marker == _COM or _APP0 <= marker <= _APP15:
            count += _blank_segment(data, marker, found.end() + 2, at)
    else:
        at = stop
    if any(data[at:stop]):
        data[at:stop] = bytes(stop - at)
        count += 1
    return count


def _blank_segment(data: bytearray, marker: int, at: int, end: int) -> int:
    if marker == _APP0 and data[at : at + 5] == b"JFIF\0" and end - at == _JFIF:
        return 0
    if marker == _APP14 and data[at : at + 5] == b"Adobe" and end - at == _ADOBE:
        return 0
    if not any(data[at:end]):
        return 0
    data[at:end] = bytes(end - at)
    return 1


def jpeg_2000_head(data: bytearray, start: int, stop: int) -> tuple[int, int]:
    """Overwrite the comments of the main header of a JPEG 2000 code stream, and boxes around it that say more."""
    if data.startswith(_JP2, start):
        return _boxes(data, start, stop)
    at, found = start, 0
    if int.from_bytes(data[at : at + 2], "big") != _SOC:
        return start, 0
    at += 2
    while at + 4 <= stop:
        marker = int.from_bytes(data[at : at + 2], "big")
        if marker in (_SOT, _SOD) or marker < 0xFF00:
            break
        end = min(at + 2 + int.from_bytes(data[at + 2 : at + 4], "big"), stop)
        if marker == _COM_2000 and any(data[at + 6 : end]):
            # Rcom 1 says that it is text: spaces are.
            data[at + 6 : end] = b" " * (end - at - 6)
            found += 1
        at = max(end, at + 2)
    return at, found


def _boxes(data: bytearray, start: int, stop: int) -> tuple[int, int]:
    at, found = start, 0
    while at + 8 <= stop:
        length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
        end = stop if length == 0 else min(at + max(length, 8), stop)
        if kind == b"jp2c":
            inner, more = jpeg_2000_head(data, at + 8, end)
            return inner, found + more
        if kind not in _BOXES and length != 1 and any(data[at + 8 : end]):
            data[at + 4 : end] = b"free" + bytes(end - at - 8)
            found += 1
        at = end
    return at, found
