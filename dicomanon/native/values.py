"""The values that must not be found in the copy: those of the original's fields, in the forms that they may have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from dicomanon.native.dates import no_date
from dicomanon.native.kept import kept_value
from dicomanon.native.markup import structure_words
from dicomanon.sources import catalogue, row_of

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

    `anywhere` are the bytes that are overwritten even in a field that stays, as where a name is repeated in a header;
    small and capital letters are the same, as they are to the check.
    """

    texts: frozenset[str]
    anywhere: tuple[bytes, ...]

    def crossed_out(self, text: bytes) -> bytes:
        """Return a text with X for every value in it."""
        found = text.lower()
        for value in self.anywhere:
            if value.lower() in found:
                text = re.sub(re.escape(value), b"X" * len(value), text, flags=re.IGNORECASE)
                found = text.lower()
        return text


def identifying_values(
    format_name: str, fields: Iterable[Field], names: Iterable[str], numbers: AbstractSet[tuple[str, int]]
) -> Values:
    """Return the values of fields that go and can identify, and file names.

    `numbers` are (file, offset) of fields that are no text.
    """
    kept: list[str] = [words_of(format_name)]
    gone: list[tuple[str, str]] = [(name, "file") for name in names]
    for each in fields:
        row = row_of(format_name, each.place)
        if row.native == "keep":
            stays = each.value.encode("latin-1", "replace")
            kept.append(kept_value(format_name, each.place, stays).decode("latin-1"))
        elif row.hides and (each.length == 0 or (each.file, each.offset) not in numbers):
            gone.append((each.value, row.names))
    # A maker is written PHILIPS in one place and Philips in another, and the check takes both for the same.
    text = "\n".join(kept).casefold()
    found: set[str] = set()
    for value, kind in gone:
        whole = value.strip().strip("\0")
        for part in _parts(whole, kind):
            soft = kind in _SOFT or part.isalpha() or part != whole
            if _says_something(part) and not (soft and part.casefold() in text):
                found.add(part)
    return Values(
        frozenset(found), tuple(sorted({b for each in found for b in _encoded(each)}, key=len)[::-1])
    )


def words_of(format_name: str) -> str:
    """Return the names and words that documents of a format are made of, and that stay in every copy."""
    return "\n".join((*catalogue(format_name), *structure_words(format_name)))


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
