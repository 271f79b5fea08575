"""Cases: files with what is planted in them, the answer key, and how a case is split in two."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from conformance.kit import generate, objects, tables, values, write
from conformance.kit.expect import Expectation, expectations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pydicom.dataset import Dataset

    from conformance.kit.generate import Planting

IDENTITY = {0x0020000D: "StudyInstanceUID", 0x0020000E: "SeriesInstanceUID", 0x00080018: "SOPInstanceUID"}
"""Attributes at the top that are planted already: they say what belongs together."""
TEMPORAL = {"retain-full-dates": "UNMODIFIED", "retain-modified-dates": "MODIFIED"}
FLAGS = ("PatientIdentityRemoved", "DeidentificationMethod", "LongitudinalTemporalInformationModified")
"""What each output says of itself."""
METHODS = "DeidentificationMethodCodeSequence"
BASIC_CODE = "113100"
REFERENCES = (0x00081155, 0x0040A123, 0x0040A160)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the answer key: what is expected of one attribute (or of the pixels) of one instance."""

    case: int
    instance: str
    path: str
    action: str
    expected: str
    why: str
    row: str = ""
    option: str = ""
    depth: int = 0
    encoding: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One file: an object of `sop_class` in an encoding under an option, with its plantings; `part` of another."""

    number: int
    option: str
    encoding: str
    sop_class: str
    plantings: tuple[Planting, ...]
    seed: int
    part: bool = False

    @property
    def name(self) -> str:
        """File name: the number alone, so that names help nobody."""
        return f"{self.number:06}.dcm"

    def content(self) -> bytes:
        """Return the file."""
        made = objects.base(self.sop_class, self.number, self.seed)
        for planting in self.plantings:
            if planting.tag == 0x00020003 or (planting.depth == 0 and planting.tag in IDENTITY):
                continue
            value = [item_of(planting)] if planting.vr == "SQ" else value_of(planting, made)
            write.put(made, planting.path, planting.vr, value)
            if planting.row.selector == "PRIVATE":
                creator = planting.tag & 0xFFFF0000 | 0x0010
                write.put(made, (*planting.path[:-1], creator), "LO", "KIT 1.0")
            if planting.row.selector in generate.PLANES:
                _plane(made, planting)
        return write.encoded(made, self.encoding)

    def halves(self, numbers: Numbers) -> list[Case]:
        """Split a case with more than one planting into two."""
        middle = len(self.plantings) // 2
        parts = (self.plantings[:middle], self.plantings[middle:])
        return [replace(self, number=numbers.next(), plantings=part, part=True) for part in parts]


@dataclass(slots=True)
class Numbers:
    """Gives each case a number of its own."""

    last: int = field(default=0)

    def next(self) -> int:
        """Return the next number."""
        self.last += 1
        return self.last


def make(
    options: Sequence[str],
    encodings: Sequence[str],
    depths: tuple[int, ...],
    numbers: Numbers,
    seed: int,
    *,
    only: Callable[[Planting], bool] = lambda _: True,
) -> list[Case]:
    """Pack plantings: one case for each option, SOP Class and encoding."""
    made = []
    for option in options:
        by_class: dict[str, list[Planting]] = {}
        for planting in generate.plantings(option, depths):
            if only(planting):
                by_class.setdefault(planting.sop_class, []).append(planting)
        for sop_class, plantings in by_class.items():
            made += [
                Case(numbers.next(), option, encoding, sop_class, tuple(plantings), seed)
                for encoding in encodings
            ]
    return made


def value_of(planting: Planting, base: Dataset) -> object:
    """Return what is planted; of attributes that say what belongs together, what the base object has."""
    if planting.depth == 0 and planting.tag in IDENTITY:
        return str(base[planting.tag].value)
    if planting.tag == 0x00020003:
        return str(base.SOPInstanceUID)
    if planting.depth == 0 and planting.tag == 0x00100020:
        return objects.PATIENT
    return values.planted(planting.tag, planting.vr, planting.number, planting.shared)


def item_of(planting: Planting) -> Dataset:
    """Return the item of a planted sequence: a harmless code, a reference, and a person and a text to be found."""
    item = objects.code("433466003", "SCT", "Microscope slide")
    reference, person, text = REFERENCES
    item.add_new(0x00081150, "UI", generate.WSI)
    item.add_new(reference, "UI", values.planted(reference, "UI", planting.number, planting.shared))
    item.add_new(person, "PN", values.mark(planting.number))
    item.add_new(text, "UT", values.mark(planting.number))
    return item


def _plane(made: Dataset, planting: Planting) -> None:
    """Plant what makes overlay or curve data readable: its size and type."""
    group, above = planting.tag & 0xFFFF0000, planting.path[:-1]
    curve = ((0x5, "US", 1), (0x10, "US", 4), (0x20, "CS", "TAC"), (0x103, "US", 0))
    overlay = (
        *((0x10, "US", 8), (0x11, "US", 8), (0x40, "CS", "G"), (0x50, "SS", [1, 1])),
        *((0x100, "US", 1), (0x102, "US", 0)),
    )
    words: tuple[tuple[int, str, object], ...] = overlay if planting.tag >= 0x60000000 else curve
    for element, vr, value in words:
        write.put(made, (*above, group | element), vr, value)


@cache
def expected(planting: Planting) -> tuple[Expectation, ...]:
    """Return the expectations of a planting, read once."""
    return tuple(expectations(planting))


def path_text(path: Iterable[int]) -> str:
    """Return a path as the answer key has it: keywords, the first item of each sequence."""
    return "[0].".join(tables.keyword_of(tag) for tag in path)


def line(
    case: Case, path: str, action: str, expected: str, why: str, planting: Planting | None = None
) -> Line:
    """Return a line of the answer key for a planting, or for the whole file."""
    row, depth = (planting.row.selector, planting.depth) if planting else ("", 0)
    return Line(case.number, case.name, path, action, expected, why, row, case.option, depth, case.encoding)


def whole(case: Case) -> list[Line]:
    """Return the lines for the file as such: what it says of itself, its patient, its pixels."""
    removed, method, temporal = FLAGS
    chosen = tables.parts(case.option)
    moved = next((TEMPORAL[each] for each in chosen if each in TEMPORAL), "REMOVED")
    codes = " ".join((BASIC_CODE, *(tables.OPTIONS[each][1] for each in chosen)))
    found = [
        line(case, removed, "text_retained", "YES", "PS3.15 E.1.1: YES is added"),
        line(case, method, "text_notnull", "a text, or codes in (0012,0064)", "PS3.15 E.1.1"),
        line(case, temporal, "text_retained", moved, "PS3.15 E.2, E.3.6"),
        line(
            case,
            METHODS,
            "text_retained",
            codes,
            "PS3.15 E.1.1, E.3: where it names methods, these are among them",
        ),
    ]
    found.append(line(case, "PatientID", "patid_consistent", "one and new", "PS3.15 E.1.1"))
    if objects.has_pixels(case.sop_class):
        why = "no option tested touches pixels"
        found.append(line(case, "PixelData", "pixels_retained", "same", why))
    return found


def key(case: Case) -> list[Line]:
    """Return the answer key of a case."""
    return whole(case) + [
        line(
            case, path_text(planting.path), each.action, " or ".join(sorted(each.passes)), each.why, planting
        )
        for planting in case.plantings
        for each in expected(planting)
    ]
