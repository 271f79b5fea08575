"""The top level of a data set as a list of offsets: one pass, nothing copied."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from dicomanon.errors import MalformedError
from dicomanon.part10.elements import element_at, read_header
from dicomanon.part10.encoding import LONG_VRS, SHORT_VRS, UNDEFINED, Encoding, u32

PIXEL_TAGS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))


class Entry(NamedTuple):
    """Where one top-level element lies; `length` is None where it was undefined."""

    tag: int
    vr: bytes
    start: int
    value: int
    next: int
    length: int | None


_EXPLICIT = {True: Struct("<HH2sH").unpack_from, False: Struct(">HH2sH").unpack_from}


def index(buffer: bytes | bytearray, at: int, encoding: Encoding, entries: list[Entry]) -> tuple[int, bool]:
    """Append the entries from `at` on; return where it stopped, and whether a Pixel Data element stands there.

    It stops without complaint before an element that is not wholly in `buffer`: only the caller knows whether
    there is more to come. Broken headers raise MalformedError.
    """
    size = len(buffer)
    unpack = _EXPLICIT[encoding.little]
    unpack_long = u32(encoding).unpack_from
    explicit = encoding.explicit
    append = entries.append
    while at + 8 <= size:
        if explicit:
            group, element, vr, length = unpack(buffer, at)
            tag = group << 16 | element
            value = at + 8
            if vr not in SHORT_VRS:
                if vr not in LONG_VRS:
                    raise MalformedError("an element has no valid VR", offset=at, tag=tag)
                if at + 12 > size:
                    break
                length = unpack_long(buffer, value)[0]
                value = at + 12
        else:
            tag, vr, value, length = read_header(buffer, at, encoding)
        if tag in PIXEL_TAGS:
            return at, True
        if length == UNDEFINED:
            element_ = element_at(buffer, at, size, encoding)
            append(Entry(tag, vr, at, value, element_.next, None))
            at = element_.next
            continue
        following = value + length
        if following > size:
            break
        append(Entry(tag, vr, at, value, following, length))
        at = following
    return at, False


def index_header(header: bytes, encoding: Encoding) -> list[Entry]:
    """Return the entries of a whole header; raise MalformedError where it does not end with an element."""
    entries: list[Entry] = []
    at, pixels = index(header, 0, encoding, entries)
    if pixels or at != len(header):
        raise MalformedError("the data set ends inside an element", offset=at)
    return entries
