"""Words in PNG (ISO/IEC 15948) and BMP, as tiles of MRXS are in: overwritten at equal length, check sums made right."""

from __future__ import annotations

import struct
import zlib

from dicomanon.errors import CorruptSlideError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NOBODY = b"naDa"
"""A chunk that no decoder needs and that may be copied, by the letters of its name (clause 5.4)."""
_STRUCTURE = frozenset((b"IHDR", b"IEND"))
_SAMPLES = {0: 1, 2: 3, 4: 2, 6: 4}
"""By type of colour; palettes could hold anything."""
_FILE_HEADER, _INFO_HEADER = 14, 40


def png_words(data: bytearray, start: int, stop: int) -> int:
    """Overwrite every chunk of a PNG that is no picture, and what is behind its end; return how many there were.

    Raises CorruptSlideError where it is no PNG, or has a chunk that is damaged or that nobody knows.
    """
    if data[start : start + 8] != _SIGNATURE or data[start + 12 : start + 16] != b"IHDR":
        raise CorruptSlideError("a tile is not in the compression that it is said to be in")
    at, found = start + 8, 0
    pixels: list[tuple[int, int]] = []
    ended = False
    while not ended:
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > stop or at + 12 > stop:
            raise CorruptSlideError("a chunk of a tile in PNG reaches beyond it")
        kind = bytes(data[at + 4 : at + 8])
        if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise CorruptSlideError("a chunk of a tile in PNG is damaged")
        if kind == b"IDAT":
            pixels.append((at, end))
        elif kind not in _STRUCTURE:
            if kind == b"tRNS" or (kind != b"PLTE" and not kind[0] & 0x20):
                raise CorruptSlideError("a tile in PNG has a chunk that nobody knows")
            found += _nobody(data, at, end)
        if kind in _STRUCTURE and end - at - 12 != (13 if kind == b"IHDR" else 0):
            raise CorruptSlideError("a chunk of a tile in PNG is damaged")
        ended = kind == b"IEND"
        at = end
    found += _beyond_pixels(data, start, pixels)
    if any(data[at:stop]):
        data[at:stop] = bytes(stop - at)
        found += 1
    return found


def _nobody(data: bytearray, at: int, end: int) -> int:
    empty = _NOBODY + bytes(end - at - 12)
    changed = data[at + 4 : end - 4] != empty
    data[at + 4 : end - 4] = empty
    data[end - 4 : end] = struct.pack(">I", zlib.crc32(empty))
    return int(changed)


def _beyond_pixels(data: bytearray, start: int, chunks: list[tuple[int, int]]) -> int:
    """Overwrite what stands in the chunks of pixels behind the packed picture."""
    width, height, bits, colour = struct.unpack_from(">IIBB", data, start + 16)
    row = -(-width * _SAMPLES.get(colour, 0) * bits // 8)
    if not row or width * height > 1 << 26 or data[start + 28]:
        raise CorruptSlideError("a tile in PNG is of a kind that is not looked into")
    engine = zlib.decompressobj()
    try:
        unpacked = engine.decompress(
            b"".join(bytes(data[at + 8 : end - 4]) for at, end in chunks), height * (row + 1) + 1
        )
    except zlib.error:
        raise CorruptSlideError("a tile cannot be unpacked") from None
    if len(unpacked) > height * (row + 1):
        raise CorruptSlideError("a tile holds more than its pixels")
    left = len(engine.unused_data)
    if not left or not any(engine.unused_data):
        return 0
    for at, end in reversed(chunks):
        count = min(left, end - at - 12)
        data[end - 4 - count : end - 4] = bytes(count)
        data[end - 4 : end] = struct.pack(">I", zlib.crc32(data[at + 4 : end - 4]))
        left -= count
    return 1


def bmp_words(data: bytearray, start: int, stop: int) -> int:
    """Overwrite all of a BMP of 24 or 32 bits that is no pixel; return 1 where there was anything.

    Raises CorruptSlideError where it is none: of other kinds nobody knows what they hold.
    """
    if stop - start < _FILE_HEADER + _INFO_HEADER or data[start : start + 2] != b"BM":
        raise CorruptSlideError("a tile is not in the compression that it is said to be in")
    pixels_at = int.from_bytes(data[start + 10 : start + 14], "little")
    size, width, height, planes, bits, packing = struct.unpack_from("<IiiHHI", data, start + _FILE_HEADER)
    if size != _INFO_HEADER or planes != 1 or bits not in (24, 32) or packing or not 0 < width < 1 << 16:
        raise CorruptSlideError("a tile in BMP is of a kind that is not looked into")
    row, stride = width * bits // 8, -(-width * bits // 32) * 4
    first = start + pixels_at
    end = first + stride * abs(height)
    if not height or pixels_at < _FILE_HEADER + _INFO_HEADER or end > stop:
        raise CorruptSlideError("a tile in BMP ends too early")
    before = bytes(data[start:stop])
    struct.pack_into("<IHH", data, start + 2, stop - start, 0, 0)
    struct.pack_into("<IiiII", data, start + 34, 0, 0, 0, 0, 0)
    data[start + _FILE_HEADER + _INFO_HEADER : first] = bytes(pixels_at - _FILE_HEADER - _INFO_HEADER)
    if stride > row:
        for at in range(first + row, end, stride):
            data[at : at + stride - row] = bytes(stride - row)
    data[end:stop] = bytes(stop - end)
    return int(data[start:stop] != before)
