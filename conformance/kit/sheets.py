"""Sheets: files with rows of other tables than E.1-1 planted in them, their answer key and their verdicts.

What a row is planted as and where it is looked for is told by content_rows and private_rows. A sheet that does not
come out is split in two, as any case is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from conformance.kit import judge, objects, tables, values, write
from conformance.kit.cases import Line
from conformance.kit.expect import ABSENT, CHANGED, GONE, SAME
from conformance.kit.judge import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydicom.dataset import Dataset

    from conformance.kit.cases import Numbers
    from conformance.kit.expect import Expectation
    from conformance.kit.run import Plan
    from conformance.kit.settle import Output, Settled

FURTHER = "E.3."
"""What the rows of these tables begin with, in the answer key."""


@dataclass(frozen=True, slots=True)
class Planting(ABC):
    """A row that is planted: `number` is its own in the file, `old` the value as text, `path` for people."""

    row: str
    path: str
    number: int
    vr: str
    old: str
    expected: tuple[Expectation, ...]

    @abstractmethod
    def plant(self, made: Dataset, depth: int) -> None:
        """Plant it in an object, so many levels down."""

    @abstractmethod
    def outcome(self, dataset: Dataset, depth: int) -> tuple[str, str]:
        """Return absent, empty, same or changed, and the value that is there now."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file: an object of `sop_class` in an encoding under options, with plantings at one depth."""

    number: int
    option: str
    encoding: str
    depth: int
    sop_class: str
    plantings: tuple[Planting, ...]
    seed: int

    @property
    def name(self) -> str:
        """File name: the number alone, as that of any case."""
        return f"{self.number:06}.dcm"

    def content(self) -> bytes:
        """Return the file."""
        made = objects.base(self.sop_class, self.number, self.seed)
        for planting in self.plantings:
            planting.plant(made, self.depth)
        return write.encoded(made, self.encoding)

    def halves(self, numbers: Numbers) -> list[Sheet]:
        """Split a sheet with more than one planting into two."""
        middle = len(self.plantings) // 2
        parts = (self.plantings[:middle], self.plantings[middle:])
        return [replace(self, number=numbers.next(), plantings=part) for part in parts]

    def line(self, planting: Planting, expectation: Expectation) -> Line:
        """Return a line of the answer key."""
        return Line(
            self.number,
            self.name,
            planting.path,
            expectation.action,
            " or ".join(sorted(expectation.passes)),
            expectation.why,
            planting.row,
            self.option,
            self.depth,
            self.encoding,
        )


def make(
    option: str, sop_class: str, plantings: tuple[Planting, ...], plan: Plan, numbers: Numbers
) -> list[Sheet]:
    """Return a sheet with all plantings for each depth and encoding of a plan."""
    return [
        Sheet(numbers.next(), option, encoding, depth, sop_class, plantings, plan.seed)
        for depth in plan.depths
        for encoding in plan.encodings
    ]


def title(batch: Sequence[Sheet]) -> str:
    """Return the table and the options of sheets that are run together, for people."""
    table = batch[0].plantings[0].row.partition(" ")[0]
    return f"Table {table}, {tables.label(batch[0].option)}"


def chosen(option: str, options: Iterable[str]) -> bool:
    """Tell whether options that are asked for together, or each of them alone, are among those of a run."""
    return option in options or all(part in options for part in tables.parts(option))


def key(sheet: Sheet) -> list[Line]:
    """Return the answer key of a sheet."""
    return [sheet.line(planting, each) for planting in sheet.plantings for each in planting.expected]


def judged(settled: Sequence[Settled[Sheet]]) -> list[Verdict]:
    """Judge the sheets of one option; dates have to move by the days that most of a run move by."""
    found: list[Verdict] = []
    shifts: list[tuple[Line, int, int]] = []
    for each in settled:
        for planting in each.case.plantings:
            for expectation in planting.expected:
                line = each.case.line(planting, expectation)
                if each.output is None:
                    found.append(Verdict(line, passed=False, found=each.reason))
                    continue
                state, now = planting.outcome(each.output.dataset, each.case.depth)
                moved = (
                    _moved(planting.old, now) if (line.action, state) == ("date_shifted", CHANGED) else None
                )
                if moved is not None:
                    shifts.append((line, each.output.run, moved))
                else:
                    found.append(_verdict(line, planting, expectation, each.output, (state, now)))
    return found + judge.one_shift(shifts)


def _moved(old: str, now: str) -> int | None:
    """Return by how many days a date moved, None where it is no date any more."""
    before, after = values.day_of(old), values.day_of(now)
    return (after - before).days if before and after else None


def _verdict(
    line: Line, planting: Planting, expectation: Expectation, output: Output, outcome: tuple[str, str]
) -> Verdict:
    state, now = outcome
    passed, words = state in expectation.passes, state
    if state == GONE:
        passed = ABSENT in expectation.passes
    if line.action == "text_retained" and state == SAME and now != planting.old:
        passed, words = False, "altered"
    if line.action == "date_shifted" and state == CHANGED:
        passed, words = False, "changed into no date"
    if line.action == "uid_changed" and state == CHANGED and not values.is_uid(now):
        passed, words = False, "changed into no UID"
    if line.action in {"text_removed", "uid_changed"} and _stands_in(planting, output):
        passed, words = False, SAME if state == SAME else f"{state}, and its value stands in the file"
    return Verdict(line, passed=passed, found=words)


def _stands_in(planting: Planting, output: Output) -> bool:
    """Tell whether the mark or the UID that was planted stands anywhere in the file."""
    if planting.vr == "UI":
        return planting.old.encode() in output.data
    mark = values.mark(planting.number)
    return mark in planting.old and mark in output.marks
