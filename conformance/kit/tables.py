"""A second reading of the standard's tables: the data files alone, none of the engine's code.

DICOM PS3.15 2026d, PS3.6 2026c, PS3.3 2026b, (c) NEMA. Tags are integers 0xGGGGEEEE.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "dicomanon" / "standard" / "data"
EDITION = "2026d"

OPTIONS = {
    "retain-safe-private": ("retainSafePrivate", "113111"),
    "retain-uids": ("retainUIDs", "113110"),
    "retain-device-identity": ("retainDeviceIdentity", "113109"),
    "retain-institution-identity": ("retainInstitutionIdentity", "113112"),
    "retain-patient-characteristics": ("retainPatientCharacteristics", "113108"),
    "retain-full-dates": ("retainLongitudinalFullDates", "113106"),
    "retain-modified-dates": ("retainLongitudinalModifiedDates", "113107"),
    "clean-descriptors": ("cleanDescriptors", "113105"),
    "clean-structured-content": ("cleanStructuredContent", "113104"),
    "clean-graphics": ("cleanGraphics", "113103"),
}
"""Keyword of an option: its column in Table E.1-1 and its code in CID 7050."""

BASIC = ""
"""In place of a keyword: the Basic Profile without an option."""
TOGETHER = "+"
"""Between the keywords of options that are asked for together."""
DATE_OPTIONS = ("retain-full-dates", "retain-modified-dates")
"""They exclude each other (PS3.15 E.3.6)."""
COMBINED = tuple(TOGETHER.join(keyword for keyword in OPTIONS if keyword != other) for other in DATE_OPTIONS)
"""All options at once, but for one of the two for dates."""


def label(option: str) -> str:
    """Return what people call the options asked for."""
    if option in COMBINED:
        return f"all options with {next(each for each in parts(option) if each in DATE_OPTIONS)}"
    return option or "basic"


def parts(option: str) -> tuple[str, ...]:
    """Return the keywords that an option asked for is made of, none for the Basic Profile."""
    return tuple(option.split(TOGETHER)) if option else ()


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row of Table E.1-1: `selector` as the table's data has it, the tag it is planted as, and its codes."""

    selector: str
    name: str
    basic: str
    options: dict[str, str]

    @property
    def tag(self) -> int:
        """The attribute that stands for the row at the top level."""
        return self.tag_at(0)

    def tag_at(self, depth: int) -> int:
        """Return what is planted at a depth: of repeating and private groups, another one at each."""
        if self.selector == "PRIVATE":
            return (0x00091001, 0x00411002, 0x20011003)[depth]
        if "X" in self.selector:
            first = {"50XXXXXX": 0x50003000, "60XX3000": 0x60003000, "60XX4000": 0x60004000}
            return first[self.selector] + (0, 0x00020000, 0x001E0000)[depth]
        return int(self.selector, 16)

    def code(self, option: str) -> str | None:
        """Return the action code under options (BASIC: without), None where one says nothing, or several two things."""
        cells = self.codes(option)
        if len(cells) == 1:
            return cells.pop()
        return self.basic if not cells and len(parts(option)) != 1 else None

    def codes(self, option: str) -> set[str]:
        """Return what the options asked for say, each for itself."""
        columns = (OPTIONS[part][0] for part in parts(option))
        return {self.options[column] for column in columns if column in self.options}


@dataclass(frozen=True, slots=True)
class Place:
    """An attribute of an IOD: `type` of PS3.3, `sure` that the module it is in is mandatory."""

    type: str
    sure: bool
    item: int | None


def _load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@cache
def rows() -> tuple[Row, ...]:
    """Return every row of Table E.1-1 in its order."""
    return tuple(Row(line[0], line[1], line[4], line[5]) for line in _load("e1-1")["rows"])


@cache
def row_tags() -> frozenset[int]:
    """Return the tags that have a row of their own."""
    return frozenset(row.tag for row in rows())


@cache
def _dictionary() -> dict[int, tuple[str, str, str, str]]:
    found: dict[int, tuple[str, str, str, str]] = {}
    for tag, vrs, keyword, name, vm, _ in _load("dictionary")["rows"]:
        number = int(tag.replace("x", "0"), 16)
        if number >> 16 in (0x5000, 0x6000) or "x" not in tag:
            found.setdefault(number, (vrs.split(" ")[0], keyword, name, vm))
    return found


def first_of(tag: int) -> int:
    """Return the tag of the first of a repeating group, any other as it is."""
    group = tag >> 16
    return tag & 0xFF00FFFF if group & 0xFF00 in (0x5000, 0x6000) and group & 0xFF <= 0x1E else tag


def vr_of(tag: int) -> str:
    """Return the first VR of PS3.6; LO for a private element and for what PS3.6 does not know."""
    return _dictionary().get(first_of(tag), ("LO", "", "", "1"))[0]


def keyword_of(tag: int) -> str:
    """Return the keyword, or the tag where there is none."""
    return _dictionary().get(tag, ("", "", "", ""))[1] or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def name_and_vm(tag: int) -> tuple[str, str]:
    """Return the name and the value multiplicity of a tag of PS3.6."""
    return _dictionary()[tag][2:]


@cache
def tag_of(keyword: str) -> int:
    """Return the tag of a keyword; an unknown one is a KeyError."""
    return {line[1]: tag for tag, line in reversed(_dictionary().items())}[keyword]


@cache
def tags() -> tuple[int, ...]:
    """Return every tag of PS3.6."""
    return tuple(_dictionary())


@cache
def _iods() -> Any:
    return _load("iods")


def iod_name(sop_class: str) -> str | None:
    """Return the name of the IOD of a SOP Class, or None where the tables have none."""
    name: str | None = _iods()["sop_classes"].get(sop_class)
    return name


@cache
def item_places(index: int) -> dict[int, Place]:
    """Return the attributes of one kind of item by tag."""
    found = {}
    for token in _iods()["items"][index].split(" "):
        tag, code = int(token[:8], 16), token[9:]
        kind, _, inner = code.partition(">")
        found[tag] = Place(kind.rstrip("?"), not kind.endswith("?"), int(inner) if inner else None)
    return found


def top_places(sop_class: str) -> dict[int, Place]:
    """Return the attributes at the top level of the IOD of a SOP Class."""
    return item_places(_iods()["iods"][iod_name(sop_class)])


def place_of(sop_class: str, path: tuple[int, ...]) -> tuple[Place, ...] | None:
    """Return the places along a path of tags, the attribute last; None where the IOD has it not there."""
    places: list[Place] = []
    level = top_places(sop_class)
    for tag in path:
        place = level.get(tag)
        if place is None:
            return None
        places.append(place)
        level = item_places(place.item) if place.item is not None else {}
    return tuple(places)


@dataclass(frozen=True, slots=True)
class Concept:
    """One row of Table E.3.4-1, under its own code or under one that it had before."""

    code: str
    scheme: str
    meaning: str
    value_type: str
    basic: str
    options: dict[str, str]


@cache
def concepts() -> tuple[Concept, ...]:
    """Return every row of Table E.3.4-1, and those of SNOMED again by each of their earlier codes."""
    table = _load("e3-4-1")
    rows = [Concept(*line[:4], *line[6:]) for line in table["rows"]]
    earlier = [
        replace(row, code=table["earlier"][row.code], scheme=scheme)
        for row in rows
        if row.scheme == "SCT"
        for scheme in ("SRT", "SNM3", "99SDM")
    ]
    return (*rows, *earlier)


@dataclass(frozen=True, slots=True)
class SafePrivate:
    """One row of Table E.3.10-1; `low` is the part of the element that does not depend on the block."""

    creator: str
    group: int
    low: int
    vr: str
    vm: str
    meaning: str


@cache
def safe_private() -> tuple[SafePrivate, ...]:
    """Return every row of Table E.3.10-1."""
    return tuple(
        SafePrivate(creator, int(group, 16), int(low, 16), *rest)
        for creator, group, low, *rest in _load("e3-10-1")["rows"]
    )
