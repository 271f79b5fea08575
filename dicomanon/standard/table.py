"""PS3.15 Table E.1-1: the action for each attribute, by the Basic Profile and by each option."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.standard.stored import load

if TYPE_CHECKING:
    from collections.abc import Mapping

PRIVATE = "PRIVATE"
"""Selector of the row for every attribute of an odd group."""

CURVES = "50XXXXXX"
OVERLAYS = "60XX"

OPTION_COLUMNS = (
    "retainSafePrivate",
    "retainUIDs",
    "retainDeviceIdentity",
    "retainInstitutionIdentity",
    "retainPatientCharacteristics",
    "retainLongitudinalFullDates",
    "retainLongitudinalModifiedDates",
    "cleanDescriptors",
    "cleanStructuredContent",
    "cleanGraphics",
)
"""Keys of `Row.options`, in the order of the columns of the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of Table E.1-1.

    `selector` is eight hex digits, a mask (`50XXXXXX`, `60XX3000`, `60XX4000`) or `PRIVATE`; `tag` is None
    unless the selector names one attribute. `basic` and the values of `options` are action codes of
    Table E.1-1a; an option that says nothing of the attribute has no key.
    """

    selector: str
    tag: int | None
    name: str
    retired: bool
    in_standard_iod: bool
    basic: str
    options: Mapping[str, str]


@cache
def rows() -> tuple[Row, ...]:
    """Return all rows in the order of the standard (by name)."""
    return tuple(
        Row(
            selector=selector,
            tag=None if "X" in selector or selector == PRIVATE else int(selector, 16),
            name=name,
            retired=retired,
            in_standard_iod=in_standard_iod,
            basic=basic,
            options=MappingProxyType(options),
        )
        for selector, name, retired, in_standard_iod, basic, options in load("e1-1")["rows"]
    )


@cache
def _by_selector() -> dict[str, Row]:
    return {row.selector: row for row in rows()}


@cache
def _by_tag() -> dict[int, Row]:
    return {row.tag: row for row in rows() if row.tag is not None}


def row_for(tag: int) -> Row | None:
    """Return the row that decides for `tag` (0xGGGGEEEE), or None where the table is silent.

    Masks count even groups 5000-501E and 6000-601E only (PS3.5 7.6); every odd group is private.
    """
    row = _by_tag().get(tag)
    if row is not None:
        return row
    group = tag >> 16
    if group & 1:
        return _by_selector()[PRIVATE]
    if 0x5000 <= group <= 0x501E:
        return _by_selector()[CURVES]
    if 0x6000 <= group <= 0x601E:
        return _by_selector().get(f"{OVERLAYS}{tag & 0xFFFF:04X}")
    return None
