"""What a vendor file says in words: each field with its place, and what the catalogue has decided about the place."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Names = Literal["patient", "specimen", "person", "device", "site", "time", "file", "text", "nothing"]
"""Whom or what a field tells of; `text` may tell of anything."""
NAMES: tuple[Names, ...] = (
    *("patient", "specimen", "person", "device", "site", "time", "file"),
    *("text", "nothing"),
)
NATIVE = ("X", "0", "space", "date", "keep")
"""How a field is overwritten in a copy in the vendor's own format, at equal length."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a vendor file.

    `place` is a row of the catalogue, such as "ImageDescription/Date"; `file` is which of the files of the slide it is
    in, relative to the one that was opened, and empty for that one. `offset` and `length` are the bytes of the value;
    a length of 0 says that they are packed, in base64 say, and not to be found as they are.
    """

    place: str
    value: str
    offset: int = 0
    length: int = 0
    file: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What is decided about a place: whom it names, the DICOM keyword that carries it, how a native copy treats it."""

    place: str
    names: Names
    attribute: str
    native: str
    why: str

    @property
    def hides(self) -> bool:
        """Whether a value of this place must not be found in anything that leaves, in whatever place."""
        return self.names != "nothing"


UNKNOWN = Row("*", "text", "", "X", "a field that nobody has written down")


@cache
def catalogue(name: str) -> Mapping[str, Row]:
    """Return the rows of a format, from `catalogue/<name>.toml`."""
    text = files(__package__).joinpath(f"catalogue/{name}.toml").read_text(encoding="utf-8")
    return {
        place: Row(place, row["names"], row.get("attribute", ""), row.get("native", "X"), row.get("why", ""))
        for place, row in tomllib.loads(text).items()
    }


def row_of(name: str, place: str) -> Row:
    """Return the row of a place: its own, that of all its neighbours (`ImageDescription/*`), or that of the unknown."""
    rows = catalogue(name)
    if place in rows:
        return rows[place]
    above = place
    while "/" in above:
        above = above.rpartition("/")[0]
        if f"{above}/*" in rows:
            return rows[f"{above}/*"]
    return UNKNOWN


def facts(name: str, fields: Iterable[Field]) -> Mapping[str, str]:
    """Return the values that a format may carry on, by place, the first of each: none whose row has no attribute."""
    found: dict[str, str] = {}
    for each in fields:
        if row_of(name, each.place).attribute:
            found.setdefault(each.place, each.value.strip())
    return found
