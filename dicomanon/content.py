"""Clean Structured Content for specimen preparation steps (PS3.15 E.3.4, PS3.3 C.7.6.22, PS3.16 TID 8001 ff.).

Coded and measured content stays: stain, fixative, embedding medium, procedure. Of text only identifiers of
specimens stay, this one's and its parent's, as the pseudonyms they have elsewhere; when a step was done stays where
the profile lets dates stay, moved as they are; persons, descriptions and references go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.part10.elements import element_items, elements_in
from dicomanon.standard.content import PUBLIC_SCHEMES

if TYPE_CHECKING:
    from dicomanon.part10.encoding import Encoding

STEPS = 0x00400610
CONTENT = 0x00400612
VALUE_TYPE = 0x0040A040
CONCEPT_NAME = 0x0040A043
CONCEPT_CODE = 0x0040A168
CODE_VALUE = 0x00080100
SCHEME = 0x00080102

SPECIMEN_IDENTIFIERS = frozenset(((b"121041", b"DCM"), (b"111705", b"DCM")))
"""Specimen Identifier and Parent Specimen Identifier: which block a slide was cut from, which part a block is of."""
TIME_OF_PROCESSING = (b"111702", b"DCM")


def keeps_item(
    buffer: bytes, at: int, stop: int, encoding: Encoding, sequence: int, *, dates_stay: bool
) -> bool:
    """Tell whether an item of Specimen Preparation Sequence, or of its content items, may stay.

    A step without content items cannot: the sequence of them is Type 1.
    """
    if sequence == CONTENT:
        return _keeps_content(buffer, at, stop, encoding, dates_stay=dates_stay)
    if sequence != STEPS:
        return True
    return any(
        _keeps_content(buffer, item.value, item.end, element.encoding, dates_stay=dates_stay)
        for element in elements_in(buffer, at, stop, encoding)
        if element.tag == CONTENT
        for item in element_items(buffer, element)
    )


def _keeps_content(buffer: bytes, at: int, stop: int, encoding: Encoding, *, dates_stay: bool) -> bool:
    value_type, name, codes = b"", (b"", b""), []
    for element in elements_in(buffer, at, stop, encoding):
        if element.tag == VALUE_TYPE:
            value_type = buffer[element.value : element.end].strip(b" \0")
        elif element.tag in (CONCEPT_NAME, CONCEPT_CODE):
            for item in element_items(buffer, element):
                code = _code(buffer, item.value, item.end, element.encoding)
                if element.tag == CONCEPT_NAME:
                    name = code
                codes.append(code)
    if any(scheme not in PUBLIC_SCHEMES for _, scheme in codes):
        return False
    if value_type == b"DATETIME":
        return dates_stay and name == TIME_OF_PROCESSING
    return value_type in (b"CODE", b"NUMERIC", b"NUM") or (
        value_type == b"TEXT" and name in SPECIMEN_IDENTIFIERS
    )


def _code(buffer: bytes, at: int, stop: int, encoding: Encoding) -> tuple[bytes, bytes]:
    found = {
        element.tag: buffer[element.value : element.end].strip(b" \0")
        for element in elements_in(buffer, at, stop, encoding)
        if element.tag in (CODE_VALUE, SCHEME)
    }
    return found.get(CODE_VALUE, b""), found.get(SCHEME, b"")
