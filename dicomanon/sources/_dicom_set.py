"""The elements of a data set in Explicit VR Little Endian, whatever they were encoded in (PS3.5 7, A)."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.part10.elements import element_at, element_items, elements_in
from dicomanon.part10.encoding import EXPLICIT_LE, UNDEFINED, pack_element, pack_header, pack_sequence

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry

_WIDTHS = {
    **dict.fromkeys((b"AT", b"US", b"SS", b"OW"), "H"),
    **dict.fromkeys((b"UL", b"SL", b"FL", b"OL", b"OF"), "I"),
    **dict.fromkeys((b"UV", b"SV", b"FD", b"OV", b"OD"), "Q"),
}
"""VRs whose bytes depend on the byte order, and the width of their numbers."""
_LONGEST = 0xFFFF


def explicit_elements(
    header: bytes, entries: list[Entry], encoding: Encoding, *, without: Collection[int]
) -> dict[int, bytes]:
    """Return the elements of the top level by tag, in their order, without those and without group lengths.

    Raises CorruptSlideError where one comes twice, MalformedError where a sequence does not parse.
    """
    found: dict[int, bytes] = {}
    for entry in entries:
        if entry.tag in without or not entry.tag & 0xFFFF:
            continue
        if entry.tag in found:
            raise CorruptSlideError("an attribute of the data set comes twice")
        if encoding == EXPLICIT_LE:
            found[entry.tag] = header[entry.start : entry.next]
        else:
            found[entry.tag] = explicit(header, element_at(header, entry.start, entry.next, encoding))
    return found


def explicit(buffer: bytes, element: Element, depth: int = 1) -> bytes:
    """Return an element encoded anew; what has no known VR stays as it is (UN)."""
    tag, vr = element.tag, element.vr
    if (
        element.length is None and vr == b"UN"
    ):  # its items are in Implicit VR wherever it stands (PS3.5 6.2.2)
        return pack_header(tag, vr, UNDEFINED, EXPLICIT_LE) + buffer[element.value : element.next]
    if vr == b"SQ":
        items = [
            b"".join(
                explicit(buffer, each, depth + 1)
                for each in elements_in(buffer, item.value, item.end, element.encoding)
                if each.tag & 0xFFFF
            )
            for item in element_items(buffer, element, depth)
        ]
        return pack_sequence(tag, items, EXPLICIT_LE)
    value = buffer[element.value : element.end]
    if not element.encoding.little:
        value = swapped(value, _WIDTHS.get(vr, ""))
    if len(value) > _LONGEST - 1:
        vr = {b"US": b"OW", b"SS": b"OW"}.get(vr, vr)
    return pack_element(tag, vr, value, EXPLICIT_LE)


def swapped(value: bytes, width: str) -> bytes:
    """Return numbers of a width (of `array`) in the other byte order; nothing changes without a width."""
    if not width or len(value) % array(width).itemsize:
        return value
    numbers = array(width, value)
    numbers.byteswap()
    return numbers.tobytes()


def values_of(item: bytes) -> dict[int, bytes]:
    """Return the elements of an item in Explicit VR Little Endian by tag, each as encoded."""
    return {each.tag: item[each.start : each.next] for each in elements_in(item, 0, len(item), EXPLICIT_LE)}


def with_elements(item: bytes, new: Mapping[int, bytes]) -> bytes:
    """Return an item with these elements, each as encoded, in the place of its own."""
    every = {**values_of(item), **new}
    return b"".join(every[tag] for tag in sorted(every))


def item_of(element: bytes | None) -> bytes:
    """Return the first item of a sequence in Explicit VR Little Endian, nothing where there is none."""
    if not element:
        return b""
    sequence = element_at(element, 0, len(element), EXPLICIT_LE)
    first = next(element_items(element, sequence), None)
    return b"" if first is None else element[first.value : first.end]


def identifiers(element: bytes | None, tag: int) -> tuple[str, ...]:
    """Return a text of every item of a sequence in Explicit VR Little Endian."""
    if not element:
        return ()
    sequence = element_at(element, 0, len(element), EXPLICIT_LE)
    items = (element[each.value : each.end] for each in element_items(element, sequence))
    return tuple(text_of(values_of(item).get(tag)) for item in items)


def inner(elements: Mapping[int, bytes], *path: int) -> bytes:
    """Return an element by its path, through the first item of each sequence; nothing where there is none."""
    found: Mapping[int, bytes] = elements
    for tag in path[:-1]:
        found = values_of(item_of(found.get(tag)))
    return found.get(path[-1], b"")


def value_of(element: bytes | None) -> bytes:
    """Return the value of an element in Explicit VR Little Endian, nothing where there is none."""
    if not element:
        return b""
    found = element_at(element, 0, len(element), EXPLICIT_LE)
    return element[found.value : found.end]


def text_of(element: bytes | None) -> str:
    """Return a value as text without padding; what is not ASCII becomes a question mark."""
    return value_of(element).decode("ascii", "replace").strip(" \0")
