"""Words in JPEG 2000 (ITU-T T.800): comments, segments and boxes that no decoder needs; packets are not touched."""

from __future__ import annotations

from dicomanon.errors import CorruptSlideError

_SOC, _SOT, _SOD, _EOC, _COM = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9, 0xFF64
_NEEDED = frozenset(
    (*range(0xFF50, 0xFF54), *range(0xFF55, 0xFF5A), *range(0xFF5C, 0xFF62), 0xFF63, _SOT, 0xFF91, 0xFF92)
)
"""Marker segments that say how the stream is made; T.800 table A.2, and CAP and CPF."""
JP2 = b"\0\0\0\x0cjP  "
_BOXES = frozenset((b"jP  ", b"ftyp"))
_IN_HEADER = frozenset((b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef"))


def jpeg_2000_head(data: bytearray, start: int, stop: int) -> tuple[int, int]:
    """Overwrite words of a JPEG 2000 stream, in its main header, those of its tile-parts, and in boxes around it.

    Returns where the first tile-part begins, and how many segments were overwritten. What is none is left alone.
    """
    if data.startswith(JP2, start):
        return _boxes(data, start, stop)
    if int.from_bytes(data[start : start + 2], "big") != _SOC:
        return start, 0
    first, found = _segments(data, start + 2, stop, (_SOT, _SOD, _EOC))
    at = first
    while int.from_bytes(data[at : at + 2], "big") == _SOT and at + 12 <= stop:
        length = int.from_bytes(data[at + 6 : at + 10], "big")
        end = stop if length == 0 else min(at + length, stop)
        packets, more = _segments(data, at, end, (_SOD, _EOC))
        found += more
        at = max(end, at + 12)
        if length == 0:
            # The last tile-part goes up to the end marker, which cannot stand in packets (T.800 B.10.1).
            at = data.find(b"\xff\xd9", packets, stop)
            at = stop if at < 0 else at
            break
    if int.from_bytes(data[at : at + 2], "big") == _EOC:
        at += 2
    elif at < stop and any(data[at:stop]):
        raise CorruptSlideError("a tile in JPEG 2000 does not end as it should")
    return first, found + _zeros(data, at, stop)


def image_size(data: bytearray, start: int, stop: int) -> tuple[int, int]:
    """Return columns and rows of a stream (SIZ, which comes first).

    Raises CorruptSlideError where it does not say them, or says of size and coding (COD) what cannot be.
    """
    at = data.find(b"\xff\x4f\xff\x51", start, min(stop, start + (1 << 12)))
    if at < 0 or at + 42 > stop:
        raise CorruptSlideError("a tile in JPEG 2000 does not say its size")
    right, bottom, left, top, wide, high, first, upper = (
        int.from_bytes(data[at + n : at + n + 4], "big") for n in range(8, 40, 4)
    )
    samples = int.from_bytes(data[at + 40 : at + 42], "big")
    coding = data.find(b"\xff\x52", at + 42 + 3 * samples, stop)
    plain = first <= left < right and upper <= top < bottom and 0 < wide <= right and 0 < high <= bottom
    small = samples <= 4 and all(
        depth & 0x7F < 38 and max(across, down) <= 4
        for depth, across, down in (data[at + 42 + 3 * n : at + 45 + 3 * n] for n in range(min(samples, 4)))
    )
    if (
        not (plain and small)
        or coding < 0
        or coding + 14 > stop
        or not _is_coding(data[coding + 4 : coding + 14])
    ):
        raise CorruptSlideError("the head of a tile in JPEG 2000 says what cannot be")
    return right - left, bottom - top


def _is_coding(values: bytearray) -> bool:
    """Tell whether the values of COD are such: T.800 tables A.13 to A.20."""
    style, order, _, _, colours, levels, wide, tall, passes, kernel = values
    return (
        style < 8
        and order < 5
        and colours < 2
        and levels <= 32
        and max(wide, tall) <= 8
        and passes < 64
        and kernel < 2
    )


def _segments(data: bytearray, at: int, stop: int, until: tuple[int, ...]) -> tuple[int, int]:
    """Overwrite marker segments that are no structure, up to one of the markers `until`."""
    found = 0
    while at + 4 <= stop:
        marker = int.from_bytes(data[at : at + 2], "big")
        if marker in until or marker < 0xFF00:
            break
        end = min(at + 2 + max(int.from_bytes(data[at + 2 : at + 4], "big"), 2), stop)
        if marker == _COM and data[at + 6 : end].strip(b" "):
            # Rcom 1 says that it is text: spaces are.
            data[at + 4 : at + 6] = b"\0\1"
            data[at + 6 : end] = b" " * (end - at - 6)
            found += 1
        elif marker != _COM and marker not in _NEEDED:
            found += _zeros(data, at + 4, end)
        at = end
    return at, found


def _boxes(data: bytearray, start: int, stop: int) -> tuple[int, int]:
    """Overwrite boxes other than those that say how the stream is made; return where its packets begin."""
    at, found, first = start, 0, start
    while at + 8 <= stop:
        head, end, kind = _box(data, at, stop)
        if kind == b"jp2c":
            first, more = jpeg_2000_head(data, head, end)
            found += more
        elif kind == b"jp2h":
            found += _header(data, head, end)
        elif kind == b"ftyp":
            data[head : min(head + 12, end)] = b"jp2 \0\0\0\0jp2 "[: end - head]
            found += _zeros(data, head + 12, end)
        elif kind not in _BOXES:
            found += _freed(data, at, head, end)
        at = end
    return first, found + _zeros(data, at, stop)


def _box(data: bytearray, at: int, stop: int) -> tuple[int, int, bytes]:
    """Return where the content of a box begins and ends, and its kind."""
    length, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
    head = at + 8
    if length == 1:
        length, head = int.from_bytes(data[at + 8 : at + 16], "big"), at + 16
    end = stop if length == 0 else at + length
    if not head <= end <= stop:
        raise CorruptSlideError("a box of a tile in JPEG 2000 reaches beyond it")
    return head, end, kind


def _header(data: bytearray, at: int, stop: int) -> int:
    found = 0
    while at + 8 <= stop:
        head, end, kind = _box(data, at, stop)
        if kind not in _IN_HEADER and (kind != b"colr" or data[head] != 1):
            found += _freed(data, at, head, end)
        elif kind == b"colr":
            found += _zeros(data, head + 7, end)
        at = end
    return found + _zeros(data, at, stop)


def _freed(data: bytearray, at: int, head: int, end: int) -> int:
    data[at + 4 : at + 8] = b"free"
    return _zeros(data, head, end)


def _zeros(data: bytearray, start: int, stop: int) -> int:
    if start >= stop or not any(data[start:stop]):
        return 0
    data[start:stop] = bytes(stop - start)
    return 1
