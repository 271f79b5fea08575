"""One measured line, and the table of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HEADINGS = ("measured", "tool", "seconds", "peak MB", "per second", "ratio", "note")


@dataclass(frozen=True, slots=True)
class Figure:
    """What one tool did in one measurement; None is "does not apply" or, with a note, "could not".

    `peak_mb`: resident memory in units of 10**6 bytes. `ratio` is to what `note` names.
    """

    measured: str
    tool: str
    seconds: float | None = None
    peak_mb: float | None = None
    per_second: float | None = None
    ratio: float | None = None
    note: str = ""

    def cells(self) -> list[str]:
        """Text of each column."""
        return [
            self.measured,
            self.tool,
            _number(self.seconds, 2),
            _number(self.peak_mb, 0),
            _number(self.per_second, 0),
            "" if self.ratio is None else f"{self.ratio:.2f}x",
            self.note,
        ]

    def as_dict(self) -> dict[str, object]:
        """Return the figure for JSON."""
        return asdict(self)


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def markdown(figures: Sequence[Figure]) -> str:
    """Return one Markdown table, columns padded so that it reads as plain text too."""
    rows = [list(HEADINGS), *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    numbers = range(2, 6)
    lines = [
        "| "
        + " | ".join(
            c.rjust(w) if i in numbers else c.ljust(w)
            for i, (c, w) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (w + 1) + (":" if i in numbers else "-") for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
