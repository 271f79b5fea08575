"""What stands behind the end of a packed tile: found by unpacking it, for the length of a tile may say anything."""

from __future__ import annotations

import zlib

from dicomanon.errors import CorruptSlideError

_TAIL = 4
"""Bytes at the end of LZW without which something is always missing: its last code and the end of data."""
_END_OF_DATA = 2
"""Bytes into which the last code of LZW reaches behind the one before."""


def packed_tail(data: bytearray, start: int, stop: int, codec: str, size: int) -> int:
    """Overwrite what stands behind the end of a packed tile of `size` bytes; return 1 where there was anything.

    Raises CorruptSlideError where the tile cannot be unpacked, or holds more than its pixels.
    """
    if not any(data[start:stop]):
        return 0
    raw = bytes(data[start:stop])
    end = start + {"deflate": _deflated, "lzw": _lzw, "packbits": _packbits}[codec](raw, size)
    # Decoders of PackBits go on behind the last pixel: there 128 says nothing.
    nothing = b"\x80" if codec == "packbits" else b"\0"
    if not any(data[end:stop]) or not data[end:stop].strip(nothing):
        return 0
    data[end:stop] = nothing * (stop - end)
    return 1


def _deflated(raw: bytes, size: int) -> int:
    engine = zlib.decompressobj()
    try:
        unpacked = engine.decompress(raw, size + 1)
    except zlib.error:
        raise CorruptSlideError("a tile cannot be unpacked") from None
    if len(unpacked) > size:
        raise CorruptSlideError("a tile holds more than its pixels")
    # Some writers do not finish the stream; then all of it has been read.
    return len(raw) - len(engine.unused_data) if engine.eof else len(raw)


def _packbits(raw: bytes, size: int) -> int:
    at = made = 0
    while made < size and at < len(raw):
        head = raw[at]
        literal = head + 1 if head < 128 else 1
        at += 1 if head == 128 else 1 + literal
        made += head + 1 if head < 128 else (257 - head) % 129
    if made > size:
        raise CorruptSlideError("a tile holds more than its pixels")
    return min(at, len(raw))


def _lzw(raw: bytes, size: int) -> int:
    """Return the least bytes that give as much as all of them do, with the end of data behind them."""
    import imagecodecs  # heavy

    def unpacked(count: int) -> int:
        try:
            return len(imagecodecs.lzw_decode(raw[:count]))
        except (RuntimeError, ValueError):
            return -1

    whole = unpacked(len(raw))
    if whole < 0:
        raise CorruptSlideError("a tile cannot be unpacked")
    if whole > size:
        raise CorruptSlideError("a tile holds more than its pixels")
    if unpacked(len(raw) - _TAIL) < whole:
        return len(raw)
    low, high = 0, len(raw) - _TAIL
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if unpacked(middle) == whole else (middle + 1, high)
    return min(low + _END_OF_DATA, len(raw))
