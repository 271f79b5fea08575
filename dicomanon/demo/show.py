"""What the demo shows: lines as it goes, the table, and the files of ``--keep``."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

from dicomanon.part10.write import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dicomanon.demo.checks import Check
    from dicomanon.demo.compare import Row

WIDEST = 44
"""Longer values of the table are cut in the middle (characters)."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the way: what happened, and how long it took in seconds."""

    name: str
    happened: str
    seconds: float


@dataclass(slots=True)
class Story:
    """Everything that is told, as it is told; `current` is the step that is being made."""

    say: Callable[[str], object]
    terminal: bool
    current: str = ""
    stages: list[Stage] = field(default_factory=list)
    table: list[Row] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def tell(self, line: str) -> None:
        """Say a line, and keep it for the report."""
        self.lines.append(line)
        self.say(line)

    @contextmanager
    def stage(self, name: str) -> Iterator[list[str]]:
        """Time one step; the block appends what happened to the list it is given."""
        self.current = name
        happened: list[str] = []
        started = time.monotonic()
        yield happened
        self.stages.append(Stage(name, "; ".join(happened), time.monotonic() - started))
        self.tell(
            f"{len(self.stages)}. {name:<12} {self.stages[-1].seconds:5.1f} s  {self.stages[-1].happened}"
        )

    def show_table(self) -> None:
        """Show the rows: ruled on a terminal, in plain columns elsewhere."""
        plain = _plain(self.table)
        self.lines += plain
        for line in _ruled(self.table) if self.terminal else plain:
            self.say(line)

    def show_checks(self) -> None:
        """Show what each check found."""
        for check in self.checks:
            self.tell(f"   {'ok  ' if check.passed else 'FAIL'} {check.what}: {check.found}")

    @property
    def passed(self) -> bool:
        """Whether every check and every row is as it should be."""
        return (
            bool(self.checks)
            and all(check.passed for check in self.checks)
            and all(row.as_expected for row in self.table)
        )

    def as_document(self, **more: Any) -> dict[str, Any]:
        """Return the whole story for machines."""
        return {
            "passed": self.passed,
            **more,
            "stages": [asdict(stage) for stage in self.stages],
            "table": [{**asdict(row), "as_expected": row.as_expected} for row in self.table],
            "checks": [asdict(check) for check in self.checks],
        }

    def keep(self, folder: Path, **more: Any) -> None:
        """Write the report for people and for machines; raises StorageError."""
        note = "The column 'before' holds what the slide said: keep this report with the originals.\n\n"
        with storage_errors():
            (folder / "report.txt").write_text(note + "\n".join(self.lines) + "\n", encoding="utf-8")
            document = json.dumps(self.as_document(**more), indent=1, ensure_ascii=False)
            (folder / "report.json").write_text(document + "\n", encoding="utf-8")


def short(text: str) -> str:
    """Return `text`, the middle of a long one left out."""
    half = (WIDEST - 3) // 2
    return text if len(text) <= WIDEST else f"{text[:half]}...{text[-half:]}"


def _mark(row: Row) -> str:
    return row.expected if row.as_expected else f"NOT {row.expected}"


def _cells(table: list[Row]) -> list[tuple[str, str, str, str]]:
    return [(row.what, short(row.before) or "-", short(row.after) or "-", _mark(row)) for row in table]


def _plain(table: list[Row]) -> list[str]:
    cells = [("", "before", "after", ""), *_cells(table)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _ruled(table: list[Row]) -> list[str]:
    from rich.console import Console  # only for a terminal
    from rich.table import Table
    from rich.text import Text

    ruled = Table("", "before", "after", "")
    for row, cells in zip(table, _cells(table), strict=True):
        colour = "green" if row.as_expected else "bold red"
        ruled.add_row(*(Text(cell) for cell in cells[:3]), Text(cells[3], style=colour))
    out = StringIO()
    Console(file=out, force_terminal=True).print(ruled)
    return out.getvalue().splitlines()
