"""What a statement is made of: numbered sections of paragraphs, lists and tables, without any markup."""

from __future__ import annotations

from dataclasses import dataclass

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph of plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Bullets:
    """Points of plain text, in no order."""

    points: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its label (`N.8-7`) and title; every row has a cell for every column, or ValueError."""

    label: str
    title: str
    columns: Row
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"Table {self.label} has a row that is not as wide as its head")


@dataclass(frozen=True, slots=True)
class Contents:
    """The place of the table of contents."""


Block = Paragraph | Bullets | Table | Contents


@dataclass(frozen=True, slots=True)
class Section:
    """A section, nested by its number; `mark` names one of the things that the standard wants described."""

    number: str
    title: str
    blocks: tuple[Block, ...] = ()
    mark: str = ""

    @property
    def depth(self) -> int:
        """Return how deep its number is: 1 for `4`, 2 for `4.1` and `A.C`."""
        return self.number.count(".") + 1


@dataclass(frozen=True, slots=True)
class Statement:
    """The whole document: what the cover page says, and the sections in reading order."""

    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def anchor(kind: str, word: str) -> str:
    """Return the name of a place that links lead to: of a `section`, a `table` or a `mark`, by its number or words."""
    return f"{kind}-" + "".join(letter if letter.isalnum() else "-" for letter in word.lower())
