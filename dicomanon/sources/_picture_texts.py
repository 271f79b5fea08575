"""What pictures say beside their pixels: EXIF, XMP, IPTC, and any run of letters in what nobody names."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.sources._fields import Field
from dicomanon.sources._tiff_fields import NAMES, STRUCTURE, text_of
from dicomanon.sources._xml import xml_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RUN = re.compile(rb"(?:[\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}){6,}")
WIDE = re.compile(rb"(?:[\x20-\x7e\xa0-\xff]\x00){4,}")
"""Text of one byte a letter (or UTF-8), and of two bytes as Windows writes it."""
_IPTC = re.compile(rb"\x1c([\x01-\x09])(.)([\x00-\x7f].)", re.DOTALL)
_IPTC_NAMES = {
    b"\x02\x05": "ObjectName",
    b"\x02\x19": "Keywords",
    b"\x02\x37": "DateCreated",
    b"\x02\x3c": "TimeCreated",
    b"\x02\x50": "By-line",
    b"\x02\x69": "Headline",
    b"\x02\x74": "CopyrightNotice",
    b"\x02\x78": "Caption",
    b"\x02\x7a": "Writer",
}
_EXIF_NAMES: Mapping[int, str] = {
    **NAMES,
    0x9003: "DateTimeOriginal",
    0x9004: "DateTimeDigitized",
    0x927C: "MakerNote",
    0xA420: "ImageUniqueID",
    0xA430: "CameraOwnerName",
    0xA431: "BodySerialNumber",
    0xA433: "LensMake",
    0xA434: "LensModel",
    0xA435: "LensSerialNumber",
    0x9C9B: "XPTitle",
    0x9C9C: "XPComment",
    0x9C9D: "XPAuthor",
    0x9C9E: "XPKeywords",
    0x9C9F: "XPSubject",
}
_ROOT, _PLACE = "Exif", "Exif/GPS"
_BELOW = {0x8769: _ROOT, 0x8825: _PLACE, 0xA005: "Exif/Interoperability"}
_WINDOWS = range(0x9C9B, 0x9CA0)
_ORIENTATION = 274
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}
_ASCII, _SHORT, _BYTES = (2, 129), 3, (1, 6, 7)
_MAX_DIRECTORIES, _MAX_ENTRIES = 16, 4096


def runs(place: str, data: bytes, start: int, stop: int, *, packed: int | None = None) -> Iterator[Field]:
    """Yield every run of text in a range; `packed` is the offset of what it was unpacked from."""
    for pattern, coding in ((RUN, "utf-8"), (WIDE, "utf-16-le")):
        for found in pattern.finditer(data, start, stop):
            raw = found.group()
            if raw.strip(b"\0 "):
                yield _field(place, raw.decode(coding, "replace"), found.start(), len(raw), packed)


def xmp_fields(data: bytes, start: int, stop: int, *, packed: int | None = None) -> Iterator[Field]:
    """Yield the texts of XMP, or the runs of what is none."""
    document = data[start:stop].rstrip(b"\0")
    try:
        texts = xml_texts(document)
    except CorruptSlideError:
        yield from runs("XMP", data, start, stop, packed=packed)
        return
    for text in texts:
        name = text.attribute or (text.path[-1] if text.path else "")
        raw = document[text.start : text.stop]
        begin = start + text.start + len(raw) - len(raw.lstrip())
        yield _field(f"XMP/{name}", text.value.strip(), begin, len(raw.strip()), packed)


def iptc_fields(data: bytes, start: int, stop: int, *, packed: int | None = None) -> Iterator[Field]:
    """Yield the records of IPTC (IIM) in a range, then every run of text, which may hold others."""
    for found in _IPTC.finditer(data, start, stop):
        begin, size = found.end(), int.from_bytes(found[3], "big")
        raw = data[begin : min(begin + size, stop)]
        if len(raw) == size and raw.strip(b"\0 "):
            key = found[1] + found[2]
            name = _IPTC_NAMES.get(key, f"{key[0]}:{key[1]}")
            yield _field(f"IPTC/{name}", text_of(raw), begin, size, packed)
    yield from runs("Photoshop", data, start, stop, packed=packed)


def exif_fields(data: bytes, start: int, stop: int, *, packed: int | None = None) -> Iterator[Field]:
    """Yield the texts of EXIF, a TIFF of its own; what cannot be followed is searched for runs of text."""
    try:
        entries = list(_entries(data, start, stop))
    except (struct.error, ValueError):
        yield from runs(_ROOT, data, start, stop, packed=packed)
        return
    for above, code, kind, at, size in entries:
        if above == _ROOT and code in STRUCTURE:
            continue
        place = f"{above}/{_name(above, code)}"
        raw = data[at : at + size]
        if kind in _ASCII:
            raw = raw.rstrip(b"\0")
            if raw:
                yield _field(place, text_of(raw), at, len(raw), packed)
        elif code in _WINDOWS and above == _ROOT:
            text = raw[: len(raw) // 2 * 2].decode("utf-16-le", "replace").rstrip("\0")
            if text:
                yield _field(place, text, at, len(text.encode("utf-16-le", "replace")), packed)
        elif kind in _BYTES and size > 4:
            yield from runs(place, data, at, at + size, packed=packed)
        elif above == _PLACE:
            yield _field(place, raw.hex(" "), at, size, packed)


def _field(place: str, value: str, offset: int, length: int, packed: int | None) -> Field:
    return Field(place, value, offset, length) if packed is None else Field(place, value, packed)


def _name(above: str, code: int) -> str:
    return _EXIF_NAMES.get(code, f"tag {code}") if above == _ROOT else f"tag {code}"


def orientation_of(data: bytes, start: int, stop: int) -> int:
    """Return how the picture is to be turned (TIFF 6.0, Orientation), 1 where EXIF does not say."""
    try:
        order = _order(data, start)
        for _, code, kind, at, size in _entries(data, start, stop):
            if code == _ORIENTATION and kind == _SHORT and size == 2:
                value = int(struct.unpack_from(order + "H", data, at)[0])
                return value if 1 <= value <= 8 else 1
    except (struct.error, ValueError):
        return 1
    return 1


def _order(data: bytes, start: int) -> str:
    mark = data[start : start + 4]
    if mark not in (b"II*\0", b"MM\0*"):
        raise ValueError
    return "<" if mark[:1] == b"I" else ">"


def _entries(data: bytes, start: int, stop: int) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield the name of the directory, tag, type, offset in `data` and bytes of every entry.

    Raises ValueError, struct.error where a directory lies outside the range; an entry that does is passed over.
    """
    order = _order(data, start)
    (first,) = struct.unpack_from(order + "I", data, start + 4)
    waiting: list[tuple[str, int]] = [(_ROOT, first)]
    seen: set[int] = set()
    while waiting:
        name, offset = waiting.pop(0)
        if not offset or offset in seen:
            continue
        seen.add(offset)
        at = start + offset
        (count,) = struct.unpack_from(order + "H", data, at)
        if len(seen) > _MAX_DIRECTORIES or count > _MAX_ENTRIES or at + 2 + 12 * count > stop:
            raise ValueError
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            code, kind, number, value = struct.unpack_from(order + "HHII", data, entry)
            size = _SIZES.get(kind, 1) * number
            where = entry + 8 if size <= 4 else start + value
            if code in _BELOW and size == 4:
                waiting.append((_BELOW[code], value))
            elif where + size <= stop:
                yield name, code, kind, where, size
        if at + 6 + 12 * count <= stop:
            waiting.append((name, struct.unpack_from(order + "I", data, at + 2 + 12 * count)[0]))


def icc_profile(raw: bytes) -> bytes | None:
    """Return an ICC profile where it is a sound one."""
    return raw if raw[36:40] == b"acsp" else None
