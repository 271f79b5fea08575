"""Tables E.1-1, E.1-1a, E.3.4-1 and E.3.10-1 of PS3.15, in the shape of our data files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dicomanon.errors import UsageError
from dicomanon.standard.generate.edition import STEPS
from dicomanon.standard.table import OPTION_COLUMNS, PRIVATE

if TYPE_CHECKING:
    from dicomanon.standard.generate.docbook import Docbook

Table = dict[str, Any]

TAG = re.compile(r"\(([0-9A-Fa-fx]{4}),([0-9A-Fa-fx]{4})\)")
PRIVATE_TAG = "(gggg,eeee) where gggg is odd"

CONCEPT_COLUMNS = OPTION_COLUMNS[1:8]
"""Table E.3.4-1 has the columns of Table E.1-1 from Retain UIDs to Clean Descriptors."""

EARLIER = {
    "440252007": "PA-30029",
    "398164008": "DF-0070B",
    "398325003": "DF-0068E",
    "371524004": "R-42B89",
    "116224001": "DD-60002",
    "271921002": "F-00033",
    "363698007": "G-C0E3",
    "160476009": "F-02455",
    "398201009": "G-D321",
    "397898000": "G-D320",
}
"""SNOMED CT codes of Table E.3.4-1, with the SNOMED-RT codes that older objects have (PS3.16 8.1)."""


def e1_1(book: Docbook, edition: str) -> Table:
    """Return Table E.1-1 as of `edition`, stepping on from the edition of the book where it is older."""
    rows = [_attribute(cells) for cells in book.table("E.1-1")]
    for step in _steps(book.edition(), edition):
        rows = step(rows)
    return {**_head(edition, "E.1-1"), "rows": rows}


def e1_1a(book: Docbook, edition: str) -> Table:
    """Return the action codes and their meanings."""
    return {**_head(edition, "E.1-1a"), "rows": book.table("E.1-1a")}


def e3_4_1(book: Docbook, edition: str) -> Table:
    """Return the concepts of structured content; 2026d changed none of them."""
    rows = []
    for cells in book.table("E.3.4-1"):
        meaning, code, scheme, value_type, retired, template, basic, *options = cells
        found = _options(CONCEPT_COLUMNS, options)
        rows.append([code, scheme, meaning, value_type, retired == "Y", template == "Y", basic, found])
    return {**_head(edition, "E.3.4-1"), "earlier": EARLIER, "rows": rows}


def e3_10_1(book: Docbook, edition: str) -> Table:
    """Return the safe private attributes; 2026d changed none of them."""
    rows = []
    for element, creator, vr, vm, meaning in book.table("E.3.10-1"):
        group, low = _tag(element)
        rows.append([creator, group, low.removeprefix("XX"), vr, vm, meaning])
    return {**_head(edition, "E.3.10-1"), "rows": rows}


def _head(edition: str, table: str) -> Table:
    acknowledgement = f"DICOM PS3.15 {edition}, (c) NEMA"
    return {"acknowledgement": acknowledgement, "edition": edition, "table": table}


def _tag(text: str) -> tuple[str, str]:
    found = TAG.fullmatch(text)
    if found is None:
        raise UsageError(f"{text!r} is not a tag of the table")
    return found[1].upper(), found[2].upper()


def _attribute(cells: list[str]) -> list[Any]:
    name, tag, retired, standard, basic, *options = cells
    selector = PRIVATE if tag == PRIVATE_TAG else "".join(_tag(tag))
    return [selector, name, retired == "Y", standard == "Y", basic, _options(OPTION_COLUMNS, options)]


def _options(columns: tuple[str, ...], cells: list[str]) -> dict[str, str]:
    return {column: cell for column, cell in zip(columns, cells, strict=True) if cell}


def _steps(have: str, want: str) -> list[Any]:
    steps = []
    while have != want:
        if have not in STEPS:
            raise UsageError(f"no step leads from edition {have} to {want}")
        have, step = STEPS[have]
        steps.append(step)
    return steps
