"""The head of a JPEG that is to be cut: what its scan is coded with, and the head that frames of it get (T.81 B.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _jpeg

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SEQUENTIAL = (0xC0, 0xC1)
"""Processes of one scan with Huffman codes: baseline, extended (T.81 B.1.1.3)."""
_DHT, _DQT, _SOS, _APP0, _APP14, _COM = 0xC4, 0xDB, 0xDA, 0xE0, 0xEE, 0xFE
_ADOBE_YCBCR = _jpeg.ADOBE_RGB[:-1] + b"\x01"
_RGB_IDENTIFIERS = b"RGB"


@dataclass(frozen=True, slots=True)
class Component:
    """A component of a scan: its blocks in an MCU, and what codes them.

    `step` quantises its DC coefficient; `dc` and `ac` are Huffman codes by symbol, each as its bits in digits.
    """

    blocks: int
    step: int
    dc: Mapping[int, str]
    ac: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Coding:
    """How a stream is coded. `rgb` is what decoders take three components for; otherwise they are YCbCr.

    `components` are empty where there are several scans, or a process that is not sequential.
    """

    head: _jpeg.Head
    rgb: bool
    identifiers: bytes
    interleaved: bool
    components: tuple[Component, ...]

    @property
    def mcu_columns(self) -> int:
        """Pixels that an MCU is wide; that of one component is a block (T.81 A.2.2)."""
        return 8 * max(across for across, _ in self.head.sampling) if len(self.head.sampling) > 1 else 8

    @property
    def mcu_rows(self) -> int:
        """Pixels that an MCU is high."""
        return 8 * max(down for _, down in self.head.sampling) if len(self.head.sampling) > 1 else 8

    @property
    def colour(self) -> tuple[object, ...]:
        """What must be the same in all streams of an image."""
        return self.head.process, self.head.sampling, self.rgb


def read_coding(data: bytes) -> Coding:
    """Read the head of a stream; raise CorruptSlideError where it has no frame, no scan or not its tables.

    A progressive stream defines tables in front of each of its scans, so there they are not asked for (T.81 G.1).
    """
    head = _jpeg.read_head(data)
    segments = list(_jpeg.segments(data))
    frame = next(each for each in segments if each.code == head.process)
    scan = segments[-1]
    if not head.sampling or any(not (0 < a <= 4 and 0 < d <= 4) for a, d in head.sampling):
        raise CorruptSlideError("a JPEG frame header has absurd sampling factors")
    body, count = data[frame.start + 10 : frame.stop], len(head.sampling)
    identifiers, quantisers = body[0::3], body[2::3]
    selectors = data[scan.start + 4 : scan.stop]
    if len(selectors) < 4 or len(selectors) != 4 + 2 * selectors[0]:
        raise CorruptSlideError("a JPEG scan header has the wrong length")
    interleaved = selectors[0] == count and selectors[1 : 1 + 2 * count : 2] == identifiers
    steps, codes = _quantisers(data, segments), _codes(data, segments)
    components = []
    for number in range(count) if interleaved and head.process in SEQUENTIAL else ():
        dc, ac = selectors[2 + 2 * number] >> 4, selectors[2 + 2 * number] & 15
        across, down = head.sampling[number]
        blocks = across * down if count > 1 else 1
        found = (steps.get(quantisers[number]), codes.get((0, dc)), codes.get((1, ac)))
        if found[0] is None or found[1] is None or found[2] is None:
            raise CorruptSlideError("a JPEG stream lacks a table")
        components.append(Component(blocks, found[0], found[1], found[2]))
    rgb = _is_rgb(data, segments, identifiers)
    return Coding(head, rgb, identifiers, interleaved, tuple(components))


def clean_head(stream_head: bytes, coding: Coding, rows: int, columns: int) -> bytes:
    """Return the head that a frame gets: tables, size and scan; of APPn only what tells the colour model."""
    parts = [_jpeg.SOI]
    if coding.rgb:
        parts.append(_jpeg.ADOBE_RGB)
    elif coding.identifiers == _RGB_IDENTIFIERS:
        parts.append(_ADOBE_YCBCR)
    interval = coding.head.restart_interval
    for segment in _jpeg.segments(stream_head):
        body = stream_head[segment.start : segment.stop]
        if segment.code in (_DHT, _DQT):
            parts.append(body)
        elif segment.code == coding.head.process:
            parts.append(body[:5] + rows.to_bytes(2, "big") + columns.to_bytes(2, "big") + body[9:])
        elif segment.code == _SOS:
            parts += (b"\xff\xdd\x00\x04" + interval.to_bytes(2, "big") if interval else b"", body)
    return b"".join(parts)


def texts(head: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield the segments of a head that may hold texts: COM, and APPn but for JFIF's and Adobe's own."""
    for segment in _jpeg.segments(head):
        body = head[segment.start + 4 : segment.stop]
        plain = (segment.code == _APP0 and body.startswith(b"JFIF\0") and len(body) == 14) or (
            segment.code == _APP14 and body.startswith(b"Adobe") and len(body) == 12
        )
        if segment.code == _COM or (_APP0 <= segment.code < _APP0 + 16 and not plain):
            name = "COM" if segment.code == _COM else f"APP{segment.code - _APP0}"
            yield f"JPEG/{name}", segment.start + 4, segment.stop


def _is_rgb(data: bytes, segments: list[_jpeg.Segment], identifiers: bytes) -> bool:
    """Tell what decoders take three components for: by JFIF, then Adobe's transform, then their identifiers."""
    transform = None
    for each in segments:
        body = data[each.start + 4 : each.stop]
        if each.code == _APP0 and body.startswith(b"JFIF\0"):
            return False
        if each.code == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            transform = body[11]
    if transform is not None:
        return transform == 0 and len(identifiers) == 3
    return identifiers == _RGB_IDENTIFIERS


def _quantisers(data: bytes, segments: list[_jpeg.Segment]) -> dict[int, int]:
    """Return the step of the DC coefficient in each quantisation table (T.81 B.2.4.1)."""
    found = {}
    for segment in segments:
        at = segment.start + 4
        while segment.code == _DQT and at < segment.stop:
            size = 2 if data[at] >> 4 else 1
            step = int.from_bytes(data[at + 1 : at + 1 + size], "big")
            if at + 1 + 64 * size > segment.stop or not step:
                raise CorruptSlideError("a quantisation table is damaged")
            found[data[at] & 15] = step
            at += 1 + 64 * size
    return found


def _codes(data: bytes, segments: list[_jpeg.Segment]) -> dict[tuple[int, int], dict[int, str]]:
    """Return the codes of each Huffman table by its class and number (T.81 C.2)."""
    found = {}
    for segment in segments:
        at = segment.start + 4
        while segment.code == _DHT and at < segment.stop:
            counts = data[at + 1 : at + 17]
            symbols = iter(data[at + 17 : at + 17 + sum(counts)])
            if at + 17 + sum(counts) > segment.stop:
                raise CorruptSlideError("a Huffman table is damaged")
            codes, code = {}, 0
            for length, count in enumerate(counts, 1):
                for _ in range(count):
                    codes[next(symbols)] = format(code, f"0{length}b")
                    code += 1
                if code > 1 << length:
                    raise CorruptSlideError("a Huffman table is damaged")
                code <<= 1
            found[data[at] >> 4, data[at] & 15] = codes
            at += 17 + sum(counts)
    return found
