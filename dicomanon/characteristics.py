"""What content items say of the patient by other codes than those of Table E.3.4-1, and numbers too telling to stay."""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING

from dicomanon.codes import read_code
from dicomanon.part10.elements import element_at, element_items, elements_in, read_header
from dicomanon.part10.encoding import ITEM_DELIMITER
from dicomanon.profile import shipped_folder
from dicomanon.profile.files import read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding

MEASURED_VALUE, NUMERIC_VALUE, FLOATING_POINT_VALUE, UNITS = 0x0040A300, 0x0040A30A, 0x0040A161, 0x004008EA
STANDS_FOR: Mapping[str, tuple[str, str]] = {
    "NUM": ("121033", "DCM"),
    "NUMERIC": ("121033", "DCM"),
    "CODE": ("121032", "DCM"),
    "TEXT": ("121030", "DCM"),
    "DATE": ("121031", "DCM"),
    "PNAME": ("121029", "DCM"),
}
"""The row of the table that a characteristic meets by its value type: Subject Age, Sex, ID, Birth Date, Name."""
YEARS: Mapping[str, float] = {
    "mo": 1 / 12,
    "wk": 7 / 365.25,
    "d": 1 / 365.25,
    "h": 1 / 8766,
    "min": 1 / 525960,
}
"""Years in other units of UCUM; what is of none of them counts as years."""
OLDEST = 89
"""Years, beyond which an age is not told: so few people are as old (45 CFR 164.514(b)(2)(i)(C))."""
LONGEST_COUNT = 4
"""Digits of a whole number under a name that nobody but the site knows; one with more is like those of a case."""


@cache
def characteristics() -> frozenset[tuple[str, str]]:
    """Return code and scheme of each concept that is about the patient."""
    return _listed("characteristics") | ages()


@cache
def ages() -> frozenset[tuple[str, str]]:
    """Return code and scheme of each concept that is an age of the patient."""
    return _listed("ages") | {STANDS_FOR["NUM"]}


def _listed(word: str) -> frozenset[tuple[str, str]]:
    lines = read_toml(shipped_folder() / "options" / "clean-structured-content.toml")["patient"][word]
    return frozenset((code, scheme) for scheme, codes in lines.items() for code in codes)


def is_too_old(buffer: bytes, at: int, stop: int, encoding: Encoding) -> bool:
    """Tell whether a measured age is over 89 years, or no number."""
    for number, unit in _measured(buffer, at, stop, encoding):
        try:
            years = float(number) * YEARS.get(unit, 1)
        except ValueError:
            return True
        if not years < OLDEST + 1:
            return True
    return False


def is_long_number(buffer: bytes, at: int, stop: int, encoding: Encoding) -> bool:
    """Tell whether a measured value is a whole number of so many digits that it could be that of a person or a case."""
    numbers = (number for number, _ in _measured(buffer, at, stop, encoding))
    return any(
        number.lstrip("+-").isdigit() and len(number.lstrip("+-0")) > LONGEST_COUNT for number in numbers
    )


def _measured(buffer: bytes, at: int, stop: int, encoding: Encoding) -> list[tuple[str, str]]:
    """Return number and unit of each measured value of a content item, whose elements begin at `at`."""
    found = []
    while at < stop and read_header(buffer, at, encoding)[0] != ITEM_DELIMITER:
        element = element_at(buffer, at, stop, encoding)
        at = element.next
        if element.tag == MEASURED_VALUE:
            for item in element_items(buffer, element):
                inner = {
                    each.tag: each for each in elements_in(buffer, item.value, item.end, element.encoding)
                }
                unit = _unit(buffer, inner.get(UNITS))
                if value := inner.get(NUMERIC_VALUE):
                    texts = buffer[value.value : value.end].decode("ascii", "replace").split("\\")
                    found += [(text.strip(" \0"), unit) for text in texts]
                if exact := inner.get(FLOATING_POINT_VALUE):
                    found += [(repr(number), unit) for number in _doubles(buffer, exact)]
    return found


def _doubles(buffer: bytes, element: Element) -> list[float]:
    order = "<" if element.encoding.little else ">"
    count = (element.end - element.value) // 8
    return list(struct.unpack_from(f"{order}{count}d", buffer, element.value))


def _unit(buffer: bytes, sequence: Element | None) -> str:
    items = list(element_items(buffer, sequence)) if sequence else []
    return read_code(buffer, items[0].value, items[0].end, sequence.encoding)[0] if items and sequence else ""
