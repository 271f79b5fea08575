"""What the header of a DICOM file says in words, element by element, with its place: for those who look at a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dicomanon import standard
from dicomanon.characters import decode
from dicomanon.part10.elements import element_items, elements_in, is_sequence
from dicomanon.part10.encoding import DEFLATED
from dicomanon.sources._dicom_grid import PER_FRAME
from dicomanon.sources._fields import Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.sources._dicom_file import DicomFile

_CHARACTER_SET = 0x00080005
_TEXTS = frozenset(b"AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split(b" "))
_NUMBERS = {b"US": 2, b"UL": 4, b"SS": 2, b"SL": 4}
_LONGEST, _MOST = 1 << 14, 1 << 12


def dicom_fields(file: DicomFile, name: str) -> list[Field]:
    """Return the fields of a header without what is said frame by frame; `name` is that of the file, if not the first.

    Of what is neither text nor a whole number the place is told and no value.
    """
    found: list[Field] = []
    header, character_set = file.instance.header, file.header.raw(_CHARACTER_SET)
    deflated = file.instance.meta.transfer_syntax_uid == DEFLATED
    front = len(file.instance.meta.residue)
    for place, element in _walk(header, 0, len(header), file.header.encoding, "", 1):
        raw = header[element.value : element.end][:_LONGEST]
        at, length = (0, 0) if deflated else (front + element.value, element.end - element.value)
        found.append(Field(place, _said(element, raw, character_set), at, length, name))
        if len(found) == _MOST:
            break
    return found


def _walk(
    header: bytes, at: int, stop: int, encoding: Encoding, above: str, depth: int
) -> Iterator[tuple[str, Element]]:
    for element in elements_in(header, at, stop, encoding):
        if element.tag == PER_FRAME or not element.tag & 0xFFFF:
            continue
        place = above + _name(element.tag)
        if is_sequence(element):
            for item in element_items(header, element, depth):
                yield from _walk(header, item.value, item.end, element.encoding, f"{place}/", depth + 1)
        else:
            yield place, element


def _name(tag: int) -> str:
    if tag >> 16 & 1:
        return "private"
    return standard.keyword_of(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _said(element: Element, raw: bytes, character_set: bytes) -> str:
    if element.vr in _TEXTS or element.tag >> 16 & 1:
        return decode(raw, character_set).strip(" \0")
    size = _NUMBERS.get(element.vr, 0)
    if not size or len(raw) % size:
        return ""
    order: Literal["little", "big"] = "little" if element.encoding.little else "big"
    signed = element.vr in (b"SS", b"SL")
    parts = (raw[start : start + size] for start in range(0, len(raw), size))
    return "\\".join(str(int.from_bytes(each, order, signed=signed)) for each in parts)
