"""Every row of Table E.3.4-1 (Clean Structured Content), as content items of an Enhanced SR document.

Each row is asked for under the option alone and together with each option that has a cell for it, by its concept as
the table has it and by the codes that SNOMED concepts had before (PS3.15 E.3.4, note). A depth is the number of
containers above. An item is found by its concept name and value type; coded and measured items beside, whose concepts
the table does not have, stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset

from conformance.kit import generate, judge, objects, sheets, tables, values, write
from conformance.kit.expect import ABSENT, CHANGED, EMPTY, FILLED, REMOVED, SAME, Expectation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.kit.cases import Numbers
    from conformance.kit.run import Plan
    from conformance.kit.sheets import Sheet

ENHANCED_SR = "1.2.840.10008.5.1.4.1.1.88.22"
OPTION = "clean-structured-content"
ALONE = "basic"
FINDINGS = ("121070", "DCM", "Findings")
DEVICE_IDENTIFIER = ("74711-3", "LN", "Unique Device Identifier")
CONTENT, CONCEPT_NAME, TEXT_VALUE = 0x0040A730, 0x0040A043, 0x0040A160
REFERENCE = (0x00081199, 0x00081155)
VALUES = {
    "TEXT": (TEXT_VALUE,),
    "PNAME": (0x0040A123,),
    "DATE": (0x0040A121,),
    "TIME": (0x0040A122,),
    "DATETIME": (0x0040A120,),
    "UIDREF": (0x0040A124,),
    "CODE": (0x0040A168, 0x00080100),
    "NUM": (0x0040A300, 0x0040A30A),
    "IMAGE": REFERENCE,
    "COMPOSITE": REFERENCE,
    "WAVEFORM": REFERENCE,
    "CONTAINER": (CONTENT, TEXT_VALUE),
}
"""Where a content item of each value type has its value; a container has it in an item below."""
CODES = {"121032": ("F", "DCM", "Female"), "121071": ("35917007", "SCT", "Adenocarcinoma")}
UNITS = {"121033": ("a", "UCUM", "year"), "410668003": ("mm", "UCUM", "mm")}
BESIDE = ((("121071", "DCM", "Finding"), "CODE"), (("410668003", "SCT", "Length"), "NUM"))

DUMMY_MAY_STAY = {"113723"}
"""Calibration DateTime is one for all patients of a device: moved, it would tell by how many days. A dummy passes."""
# X passes as gone and as changed alike, also where templates demand an identifier: Specimen Identifier (121041),
# Specimen UID (121039) and Specimen Container Identifier (111700) may be pseudonyms that agree with the slide's.


@dataclass(frozen=True, slots=True)
class Item(sheets.Planting):
    """A content item of a concept."""

    name: tuple[str, str, str]
    value_type: str

    def plant(self, made: Dataset, depth: int) -> None:
        """Put the item below so many containers."""
        item, path = _item(self.name, self.value_type), VALUES[self.value_type]
        if self.value_type == "CODE":
            item.ConceptCodeSequence = [objects.code(*CODES[self.name[0]])]
        if self.value_type == "CONTAINER":
            item.ContinuityOfContent = "SEPARATE"
            item.ContentSequence = [_item(DEVICE_IDENTIFIER, "TEXT")]
        write.put(item, path, self.vr, self.old)
        if path == REFERENCE:
            item.ReferencedSOPSequence[0].ReferencedSOPClassUID = generate.WSI
        if self.value_type == "NUM":
            unit = objects.code(*UNITS.get(self.name[0], ("a", "UCUM", "year")))
            item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [unit]
        _level(made, depth).ContentSequence.append(item)

    def outcome(self, dataset: Dataset, depth: int) -> tuple[str, str]:  # noqa: ARG002 (wherever it is now)
        """Return what became of the item: same where any of its name and type says the same."""
        found = [
            self._state(item)
            for item in _items(dataset)
            if item.get("ValueType") == self.value_type and _is_named(item, self.name)
        ]
        for state in (SAME, CHANGED, EMPTY):
            for each in found:
                if each[0] == state:
                    return each
        return ABSENT, ""

    def _state(self, item: Dataset) -> tuple[str, str]:
        *way, last = VALUES[self.value_type]
        for tag in way:
            below = _below(item, tag)
            if not below:
                return EMPTY, ""
            item = below[0]
        now = values.text_of(item[last]) if last in item else ""
        if not now:
            return EMPTY, ""
        return (SAME if judge.says(now, self.old, self.number, self.vr) else CHANGED), now


def make(options: Sequence[str], plan: Plan, numbers: Numbers) -> list[list[Sheet]]:
    """Return the sheets of each combination of options all of which are chosen."""
    found = []
    for other in (ALONE, *(each for each in tables.OPTIONS if each != OPTION)):
        option = OPTION if other == ALONE else f"{OPTION}{tables.TOGETHER}{other}"
        plantings = items(other)
        if len(plantings) > len(BESIDE) and sheets.chosen(option, options):
            found.append(sheets.make(option, ENHANCED_SR, plantings, plan, numbers))
    return found


def items(other: str = ALONE) -> tuple[Item, ...]:
    """Return what is planted under the option alone or with another: the rows that say something, and those beside."""
    found = []
    for number, concept in enumerate(tables.concepts()):
        code = concept.basic if other == ALONE else concept.options.get(tables.OPTIONS[other][0])
        if code is not None:
            name = (concept.code, concept.scheme, concept.meaning)
            found.append(_planted(name, concept.value_type, number, code, other))
    for number, (name, value_type) in enumerate(BESIDE, len(tables.concepts())):
        found.append(_planted(name, value_type, number, "", other))
    return tuple(found)


def _planted(name: tuple[str, str, str], value_type: str, number: int, code: str, other: str) -> Item:
    tag = VALUES[value_type][-1]
    vr = tables.vr_of(tag)
    row = f"E.3.4-1 {'' if code else 'beside: '}{name[0]} {name[1]} {value_type}"
    path = f"{value_type} {name[2]} ({name[0]}, {name[1]})"
    if value_type == "CODE":
        old = CODES[name[0]][0]
    else:
        old = str(20 + number % 60) if value_type == "NUM" else values.planted(tag, vr, number, number)
    why = f"{code}, {other}" if code else "neither a concept of the table nor a text"
    return Item(row, path, number, vr, old, tuple(_expected(code, vr, other, name[0], why)), name, value_type)


def _expected(code: str, vr: str, other: str, name: str, why: str) -> Iterator[Expectation]:
    """X and D: the item gone, or its value changed; with D it has one; K the same; C as the option says."""
    if code in {"K", ""}:
        yield Expectation("text_retained", frozenset({SAME}), why)
    elif code == "C" and other == "retain-modified-dates" and name not in DUMMY_MAY_STAY:
        if vr == "TM":
            yield Expectation("tag_retained", FILLED, why)
        else:
            yield Expectation("date_shifted", frozenset({CHANGED}), why)
    elif code == "D" and vr == "UI":
        yield Expectation("uid_changed", frozenset({ABSENT, CHANGED}), why)
    else:
        yield Expectation("text_removed", REMOVED, why)
        if "D" in code:
            yield Expectation("text_notnull", FILLED | {ABSENT}, why)


def _item(name: tuple[str, str, str], value_type: str) -> Dataset:
    made = Dataset()
    made.RelationshipType, made.ValueType = "CONTAINS", value_type
    made.ConceptNameCodeSequence = [objects.code(*name)]
    return made


def _level(made: Dataset, depth: int) -> Dataset:
    """Return what has the items at a depth; containers on the way are made."""
    for _ in range(depth):
        if not _below(made, CONTENT) or not _is_named(made.ContentSequence[-1], FINDINGS):
            container = _item(FINDINGS, "CONTAINER")
            container.ContinuityOfContent, container.ContentSequence = "SEPARATE", []
            made.ContentSequence.append(container)
        made = made.ContentSequence[-1]
    return made


def _below(item: Dataset, tag: int) -> Sequence[Dataset]:
    return item[tag].value if tag in item and item[tag].VR == "SQ" else ()


def _items(dataset: Dataset) -> Iterator[Dataset]:
    """Yield every content item, down the tree."""
    for item in _below(dataset, CONTENT):
        yield item
        yield from _items(item)


def _is_named(item: Dataset, name: tuple[str, str, str]) -> bool:
    codes = _below(item, CONCEPT_NAME)
    return any((each.get("CodeValue"), each.get("CodingSchemeDesignator")) == name[:2] for each in codes)
