"""Every row of Table E.3.10-1 (Retain Safe Private), in the slide and in its items.

Each stands under its creator, in another block at each depth. Beside them stand in each block an element that the
table does not have, and in each group a block of an unknown creator with an element that the table has of a known one.
"""

from __future__ import annotations

import struct
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from conformance.kit import generate, sheets, tables, values, write
from conformance.kit.expect import ABSENT, CHANGED, EMPTY, FILLED, GONE, SAME, Expectation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conformance.kit.cases import Numbers
    from conformance.kit.run import Plan
    from conformance.kit.sheets import Sheet
    from conformance.kit.tables import SafePrivate

OPTION = "retain-safe-private"
UNKNOWN = "KIT UNKNOWN 1.0"
FIRST_BLOCK, LAST_BLOCK = 0x10, 0xFF
FOR_EACH_DEPTH = 0x11
"""Blocks begin with 10, 21 and 32: nobody finds a creator by the number of its block."""
ROWS = 0x00280010
"""What stands in the items of a sequence: harmless wherever it is."""
BYTES = {"OB", "OW"}


@dataclass(frozen=True, slots=True)
class Element(sheets.Planting):
    """A private element of a creator; `place` is that of the creator among those of the group."""

    creator: str
    group: int
    low: int
    place: int
    value: Any

    def plant(self, made: Dataset, depth: int) -> None:
        """Put the element and its creator so many items down."""
        block = FIRST_BLOCK + depth * FOR_EACH_DEPTH + self.place
        above, tag = generate.GENERIC[depth], self.group << 16
        write.put(made, (*above, tag | block), "LO", self.creator)
        value = [_item(self.number)] if self.vr == "SQ" else self.value
        write.put(made, (*above, tag | block << 8 | self.low), self.vr, value)

    def outcome(self, dataset: Dataset, depth: int) -> tuple[str, str]:
        """Return what became of the element, in whichever block its creator is now."""
        for tag in generate.GENERIC[depth]:
            if tag not in dataset or dataset[tag].VR != "SQ" or not dataset[tag].value:
                return GONE, ""
            dataset = dataset[tag].value[0]
        for block in _blocks(dataset, self.group, self.creator):
            tag = self.group << 16 | block << 8 | self.low
            if tag in dataset:
                return self._state(dataset[tag])
        return ABSENT, ""

    def _state(self, element: DataElement) -> tuple[str, str]:
        if element.is_empty:
            return EMPTY, ""
        now = _raw(element.VR, element.value)
        if self.vr == "SQ":
            return (SAME if _raw(self.vr, [_item(self.number)])[8:] in now else CHANGED), self.old
        same = now == _raw(self.vr, self.value)
        return (SAME, self.old) if same else (CHANGED, values.text_of(element))


def make(options: Sequence[str], plan: Plan, numbers: Numbers) -> list[list[Sheet]]:
    """Return the sheets of the option, if it is chosen."""
    if not sheets.chosen(OPTION, options):
        return []
    return [sheets.make(OPTION, generate.WSI, elements(), plan, numbers)]


def untested(options: Sequence[str]) -> list[str]:
    """Name the rows that nothing can be planted for."""
    return [
        f"E.3.10-1 {_named(row.creator, row.group, row.low)} {row.meaning}: the table has no VR for it"
        for row in tables.safe_private()
        if not row.vr and sheets.chosen(OPTION, options)
    ]


@cache
def elements() -> tuple[Element, ...]:
    """Return what is planted: the rows, and what stands beside them."""
    known: dict[int, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for row in tables.safe_private():
        known[row.group][row.creator].add(row.low)
    found = []
    for number, row in enumerate(tables.safe_private()):
        if row.vr:
            place = 2 * list(known[row.group]).index(row.creator)
            found.append(_retained(row, number, place))
    number = len(tables.safe_private())
    for group, creators in known.items():
        for place, (creator, lows) in enumerate(creators.items()):
            unlisted = next(low for low in range(0xFF, 0, -1) if low not in lows)
            found.append(_removed(creator, group, unlisted, number, 2 * place))
            number += 1
        listed = next(row.low for row in tables.safe_private() if row.group == group)
        found.append(_removed(UNKNOWN, group, listed, number, 1))
        number += 1
    return tuple(found)


def _retained(row: SafePrivate, number: int, place: int) -> Element:
    vr = row.vr.split("/")[0]
    value = _value(vr, int(row.vm[0]), number)
    if vr == "SQ":
        asked = Expectation("tag_retained", FILLED, "listed as safe")
    elif vr == "UI":
        # It may lead to another instance, whose UID is a new one: a new one is right here too.
        asked = Expectation("text_retained", FILLED, "listed as safe; a UID may meet the rule for UIDs")
    else:
        asked = Expectation("text_retained", frozenset({SAME}), "listed as safe")
    name = _named(row.creator, row.group, row.low)
    path = f"{name} {row.meaning}".rstrip()
    return Element(
        *(f"E.3.10-1 {name} {vr}", path, number, vr, str(value), (asked,)),
        *(row.creator, row.group, row.low, place, value),
    )


def _removed(creator: str, group: int, low: int, number: int, place: int) -> Element:
    name, mark = _named(creator, group, low), values.mark(number)
    why = "an unknown creator" if creator == UNKNOWN else "not listed as safe"
    asked = Expectation("text_removed", frozenset({ABSENT}), why)
    return Element(
        f"E.3.10-1 beside: {name}", name, number, "LO", mark, (asked,), creator, group, low, place, mark
    )


def _named(creator: str, group: int, low: int) -> str:
    return f"{creator} ({group:04X},xx{low:02X})"


def _value(vr: str, several: int, number: int) -> Any:
    """Return values that are plausible for a VR: as many as the table demands at least, bytes an even number."""
    texts = {"CS": f"TERM {number}", "LO": f"Term {number}", "SH": f"Term {number}", "ST": f"Term {number}"}
    singles: dict[str, Any] = {
        **texts,
        "LT": f"Term {number}",
        "UI": f"{values.UID_ROOT}.{7000 + number}.32",
        "DS": f"{number}.500000"[:8],
        "IS": str(number),
        "AT": ROWS,
        "FL": number + 0.5,
        "FD": number + 0.5,
    }
    if vr in BYTES:
        return struct.pack("<4H", *range(number, number + 4))
    single = singles.get(vr, number)
    return [single] * several if several > 1 else single


def _item(number: int) -> Dataset:
    made = Dataset()
    made.add_new(ROWS, "US", number)
    return made


def _raw(vr: str, value: Any) -> bytes:
    """Return a value as it is encoded in implicit VR, little-endian, without its padding."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, True
    write_data_element(buffer, DataElement(0x00091001, vr, value))
    return buffer.getvalue()[8:].rstrip(b" \0")


def _blocks(dataset: Dataset, group: int, creator: str) -> Iterator[int]:
    """Yield the blocks that a creator has in a group."""
    for element in dataset:
        block = element.tag.element
        names_one = element.tag.group == group and FIRST_BLOCK <= block <= LAST_BLOCK
        if names_one and values.text_of(element).strip() == creator:
            yield block
