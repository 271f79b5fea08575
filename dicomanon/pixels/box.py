"""Rectangles in pixels, and what was found in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Box:
    """Pixel columns from `left` and rows from `top`, up to but without `right` and `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    def __bool__(self) -> bool:
        return self.right > self.left and self.bottom > self.top

    def within(self, columns: int, rows: int) -> Box:
        """Return the part that lies in a picture of this size."""
        left, top = min(max(self.left, 0), columns), min(max(self.top, 0), rows)
        return Box(left, top, max(min(self.right, columns), left), max(min(self.bottom, rows), top))

    def padded(self, columns: int, rows: int | None = None) -> Box:
        """Return the box with so many more columns at both sides, and rows above and below."""
        rows = columns if rows is None else rows
        return Box(self.left - columns, self.top - rows, self.right + columns, self.bottom + rows)

    def moved(self, columns: int, rows: int) -> Box:
        """Return the box as far to the right and down."""
        return Box(self.left + columns, self.top + rows, self.right + columns, self.bottom + rows)

    def united(self, other: Box) -> Box:
        """Return the smallest box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def meets(self, other: Box) -> bool:
        """Tell whether the two have a pixel in common."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Tell whether all of the other lies in this one."""
        return (
            other.left >= self.left
            and other.right <= self.right
            and other.top >= self.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True, slots=True)
class Found:
    """Something found in a picture: `kind` is text, barcode, label, pen or mask; `score` how sure that is, up to 1.

    `text` is what it says, for comparison in memory only: it is no part of what is printed or stored. `turn` is by how
    many quarters to the left the picture was turned when it was read.
    """

    kind: str
    box: Box
    score: float
    text: str = ""
    turn: int = 0

    def __repr__(self) -> str:
        return f"Found({self.kind!r}, {self.box!r}, {self.score:.2f})"

    def without_text(self) -> Found:
        """Return what may be kept: where it is and what kind of thing."""
        return Found(self.kind, self.box, self.score)


def distinct(boxes: Iterable[Box]) -> list[Box]:
    """Return the boxes that no other one holds, in reading order."""
    given = sorted({box for box in boxes if box}, key=lambda box: -box.width * box.height)
    kept: list[Box] = []
    for box in given:
        if not any(other.holds(box) for other in kept):
            kept.append(box)
    return sorted(kept, key=lambda box: (box.top, box.left))
