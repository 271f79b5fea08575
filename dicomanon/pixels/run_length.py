"""Run-length coded frames read byte by byte (PS3.5 annex G): whatever is in them, nothing but an error comes of it."""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, Any

from dicomanon.errors import MalformedError

if TYPE_CHECKING:
    from dicomanon.pixels.picture import Picture


def run_length_decoded(frame: bytes, picture: Picture) -> Any:
    """Decode the segments of a frame (PS3.5 annex G); the codec for it does not survive what is damaged."""
    import numpy as np  # heavy

    width = picture.bits_allocated // 8
    count, *offsets = unpack_from("<16I", frame.ljust(64, b"\0"))
    if count != picture.samples * width:
        raise MalformedError("a frame does not have the segments that the header says")
    stops = [*offsets[1:count], len(frame)]
    size = picture.rows * picture.columns
    segments = [
        np.frombuffer(_unpacked(frame, start, stop, size), np.uint8)
        for start, stop in zip(offsets[:count], stops, strict=True)
    ]
    # The higher byte of a sample has its segment first.
    kind = ">u2" if width == 2 else "u1"
    planes = [
        np.stack(segments[first : first + width], axis=1).reshape(-1).view(kind)
        for first in range(0, count, width)
    ]
    whole = np.stack(planes, axis=1).reshape(picture.rows, picture.columns, picture.samples)
    return whole.astype(np.uint16 if width == 2 else np.uint8)


def _unpacked(frame: bytes, at: int, stop: int, size: int) -> bytes:
    """Return exactly `size` bytes of a segment."""
    if not 64 <= at <= stop <= len(frame):
        raise MalformedError("a segment of a frame lies outside of it")
    out = bytearray()
    while len(out) < size and at < stop:
        head = frame[at]
        if head < 128:
            out += frame[at + 1 : min(at + 2 + head, stop)]
            at += 2 + head
        elif head > 128:
            out += frame[at + 1 : at + 2] * (257 - head)
            at += 2
        else:
            at += 1
    if len(out) < size:
        raise MalformedError("a frame is cut short")
    return bytes(out[:size])
