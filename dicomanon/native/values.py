"""The values that must not be found in the copy: those of the original's fields, in the forms that they may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from dicomanon.native.dates import no_date
from dicomanon.sources import row_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from dicomanon.sources import Field

SHORTEST = 6
PIECE = 64
"""Longer values are looked for in pieces."""
_MOST_PIECES = 64
_PERSONAL = ("patient", "specimen", "person", "file")
_SOFT = ("device", "site", "time")
_TOKEN = re.compile(r"[^\s,;|=/\\\"'()]+")
_HUFFMAN = ("456789:CDEFGHIJSTUVWXYZcdefghijstuvwxyz", "56789:CDEFGHIJSTUVWXYZcdefghijstuvwxyz")
"""Printable bytes of the tables that most JPEG streams have (ITU-T T.81 K.3.3)."""


@dataclass(frozen=True, slots=True)
class Values:
    """Texts that identify.

    `anywhere` are the bytes that are overwritten even in a field that stays, as where a name is repeated in a header.
    """

    texts: frozenset[str]
    anywhere: tuple[bytes, ...]


def identifying_values(
    format_name: str, fields: Iterable[Field], names: Iterable[str], numbers: AbstractSet[tuple[str, int]]
) -> Values:
    """Return the values of fields that go and can identify, and file names.

    `numbers` are (file, offset) of fields that are no text.
    """
    kept: list[str] = []
    gone: list[tuple[str, str]] = [(name, "file") for name in names]
    for each in fields:
        row = row_of(format_name, each.place)
        if row.native == "keep":
            kept.append(each.value)
        elif row.hides and (each.length == 0 or (each.file, each.offset) not in numbers):
            gone.append((each.value, row.names))
    text = "\n".join(kept)
    found: set[str] = set()
    for value, kind in gone:
        for part in _parts(value.strip().strip("\0"), kind):
            soft = kind in _SOFT or part.isalpha()
            if _says_something(part) and not (soft and part in text):
                found.add(part)
    return Values(
        frozenset(found), tuple(sorted({b for each in found for b in _encoded(each)}, key=len)[::-1])
    )


def _parts(value: str, kind: str) -> Iterable[str]:
    """Yield a value whole or in pieces, and the numbers and names of a person that are in it."""
    if len(value) <= PIECE:
        yield value
    else:
        yield from (value[at : at + PIECE] for at in range(0, min(len(value), PIECE * _MOST_PIECES), PIECE))
    if kind in _PERSONAL and len(value) <= 4 * PIECE:
        yield from (token for token in _TOKEN.findall(value) if len(token) > SHORTEST and not token.isalpha())


def _says_something(value: str) -> bool:
    return (
        len(value) >= SHORTEST
        and len(set(value)) > 2
        and not any(value in run for run in _HUFFMAN)
        and no_date(value.encode()) != value.encode()
    )


def _encoded(value: str) -> Iterable[bytes]:
    yield value.encode()
    yield escape(value, {'"': "&quot;"}).encode()
    try:
        yield value.encode("latin-1")
    except UnicodeEncodeError:
        return
