"""JPEG heads of TIFF tiles and strips: read, joined with tables, made to say the colour model (T.81 B).

The entropy-coded scan is never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOI = b"\xff\xd8"
EOI = b"\xff\xd9"
ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
"""APP14 with transform 0: three components are RGB. Without it decoders take them for YCbCr."""

_SOF = frozenset((0xC0, 0xC1, 0xC2, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0)))
_DHT, _DQT, _DAC, _DRI, _SOS, _APP0, _APP14 = 0xC4, 0xDB, 0xCC, 0xDD, 0xDA, 0xE0, 0xEE
_TABLES = frozenset((_DHT, _DQT, _DAC))
_MAX_HEAD = 1 << 18


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment: its code and the range of bytes it takes, marker included."""

    code: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Head:
    """What a code stream says of itself before its scan; `length` is where the scan begins."""

    process: int
    bits: int
    rows: int
    columns: int
    sampling: tuple[tuple[int, int], ...]
    restart_interval: int
    length: int

    @property
    def subsampled(self) -> bool:
        """Whether colour has fewer samples than brightness."""
        return len(set(self.sampling)) > 1


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments between SOI and the first scan, or EOI in a stream of tables only."""
    if not data.startswith(SOI):
        raise CorruptSlideError("a JPEG stream does not begin with SOI")
    at = 2
    while True:
        if at + 4 > min(len(data), _MAX_HEAD):
            if data[at : at + 2] == EOI:
                return
            raise CorruptSlideError("a JPEG stream ends in its head")
        if data[at] != 0xFF:
            raise CorruptSlideError("a JPEG marker is missing")
        code = data[at + 1]
        if code == 0xFF:
            at += 1
            continue
        if code == 0xD9:
            return
        stop = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if stop < at + 4 or stop > len(data):
            raise CorruptSlideError("a JPEG segment is longer than its stream")
        yield Segment(code, at, stop)
        if code == _SOS:
            return
        at = stop


def read_head(data: bytes) -> Head:
    """Read the head of a code stream; raise CorruptSlideError where it has no frame or no scan."""
    frame: Segment | None = None
    restart = 0
    for segment in segments(data):
        if segment.code in _SOF:
            frame = segment
        elif segment.code == _DRI and segment.stop - segment.start == 6:
            restart = int.from_bytes(data[segment.start + 4 : segment.stop], "big")
        elif segment.code == _SOS:
            if frame is None:
                break
            return _head(data, frame, restart, segment.stop)
    raise CorruptSlideError("a JPEG stream has no frame or no scan")


def _head(data: bytes, frame: Segment, restart: int, length: int) -> Head:
    body = data[frame.start + 4 : frame.stop]
    if len(body) < 6 or len(body) != 6 + 3 * body[5]:
        raise CorruptSlideError("a JPEG frame header has the wrong length")
    factors = [body[7 + 3 * n] for n in range(body[5])]
    return Head(
        process=frame.code,
        bits=body[0],
        rows=int.from_bytes(body[1:3], "big"),
        columns=int.from_bytes(body[3:5], "big"),
        sampling=tuple((factor >> 4, factor & 15) for factor in factors),
        restart_interval=restart,
        length=length,
    )


def tables(stream: bytes) -> bytes:
    """Return quantization and entropy tables of a JPEGTables value (TIFF tag 347), nothing else of it."""
    if not stream:
        return b""
    kept = [stream[s.start : s.stop] for s in segments(stream) if s.code in _TABLES]
    return b"".join(kept)


def as_rgb(head: bytes) -> bytes:
    """Return a head, of the same length, that no longer contradicts APP14 with transform 0.

    JFIF means YCbCr to every decoder, so its identifier is overwritten; a transform of Adobe's becomes 0.
    """
    out = bytearray(head)
    for segment in segments(head):
        body = segment.start + 4
        if segment.code == _APP0:
            out[body : segment.stop] = bytes(segment.stop - body)
        elif segment.code == _APP14 and head.startswith(b"Adobe", body) and segment.stop - body >= 12:
            out[body + 11] = 0
    return bytes(out)


def join_strips(strips: Sequence[bytes], table_bytes: bytes, rows: int, *, rgb: bool) -> bytes | None:
    """Join strips into one code stream with a restart marker between them, or None where that cannot be.

    It can where all heads agree but for the height, no strip restarts by itself, every strip but the last
    ends on a whole row of blocks, and there are fewer than 65,536 blocks in a strip (T.81 B.2.4.4).
    """
    heads = [read_head(strip) for strip in strips]
    first = heads[0]
    shapes = {(h.process, h.bits, h.columns, h.sampling, h.restart_interval, h.length) for h in heads}
    across = max(h for h, _ in first.sampling)
    down = max(v for _, v in first.sampling)
    if len(first.sampling) == 1:  # one component: a block is 8x8 whatever its factors say (T.81 A.2.2)
        across = down = 1
    blocks = -(-first.columns // (8 * across)) * -(-first.rows // (8 * down))
    sound = (
        len(shapes) == 1
        and first.process in (0xC0, 0xC1)
        and first.restart_interval == 0
        and blocks < 1 << 16
        and all(head.rows == first.rows for head in heads[:-1])
        and (len(heads) == 1 or first.rows % (8 * down) == 0)
        and sum(head.rows for head in heads) == rows
        and len({_without_height(strip[: head.length]) for strip, head in zip(strips, heads, strict=True)})
        == 1
        and all(strip.endswith(EOI) for strip in strips)
    )
    if not sound:
        return None
    head = bytearray(strips[0][: first.length])
    frame = next(segment for segment in segments(bytes(head)) if segment.code == first.process)
    head[frame.start + 5 : frame.start + 7] = rows.to_bytes(2, "big")
    changed = as_rgb(bytes(head)) if rgb else bytes(head)
    scan = next(segment for segment in segments(changed) if segment.code == _SOS)
    interval = b"\xff\xdd\x00\x04" + blocks.to_bytes(2, "big") if len(strips) > 1 else b""
    parts = [
        SOI,
        ADOBE_RGB if rgb else b"",
        table_bytes,
        changed[2 : scan.start],
        interval,
        changed[scan.start :],
    ]
    for number, strip in enumerate(strips):
        if number:
            parts.append(bytes((0xFF, 0xD0 + (number - 1) % 8)))
        parts.append(strip[first.length : -2])
    parts.append(EOI)
    return b"".join(parts)


def _without_height(head: bytes) -> bytes:
    frame = next(segment for segment in segments(head) if segment.code in _SOF)
    return head[: frame.start + 5] + head[frame.start + 7 :]
