"""Table E.1-1 as it ships, row by row against the shared copy of the standard."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from dicomanon import standard

if TYPE_CHECKING:
    from pathlib import Path

BASIC = {"X": 417, "D": 93, "U": 55, "Z": 42, "X/D": 23, "X/Z": 11, "X/Z/D": 8, "Z/D": 6, "X/Z/U*": 2}
OPTIONS = {
    ("retainSafePrivate", "C"): 1,
    ("retainUIDs", "K"): 60,
    ("retainDeviceIdentity", "K"): 48,
    ("retainDeviceIdentity", "C"): 11,
    ("retainInstitutionIdentity", "K"): 10,
    ("retainPatientCharacteristics", "K"): 14,
    ("retainPatientCharacteristics", "C"): 5,
    ("retainLongitudinalFullDates", "K"): 169,
    ("retainLongitudinalModifiedDates", "C"): 169,
    ("cleanDescriptors", "C"): 141,
    ("cleanStructuredContent", "C"): 4,
    ("cleanGraphics", "C"): 4,
}


def test_the_table_has_every_row_and_cell_of_2026d() -> None:
    rows = standard.rows()

    assert standard.EDITION == "2026d"
    assert len(rows) == 657
    assert sum(row.retired for row in rows) == 102
    assert sum(row.in_standard_iod for row in rows) == 473
    assert Counter(row.basic for row in rows) == BASIC
    assert Counter(cell for row in rows for cell in row.options.items()) == OPTIONS
    assert len({row.selector for row in rows}) == 657


def test_each_row_equals_the_one_of_the_shared_table(standard_folder: Path) -> None:
    expected = json.loads((standard_folder / "e1-1.json").read_text())

    assert tuple(expected["optionKeys"]) == standard.OPTION_COLUMNS
    for row, other in zip(standard.rows(), expected["rows"], strict=True):
        assert (row.name, row.retired, row.in_standard_iod) == (
            other["name"],
            other["retired"],
            other["inStandardIOD"],
        )
        assert (row.basic, dict(row.options)) == (other["basic"], other["options"])
        if row.tag is not None:
            assert other["tag"] == f"({row.tag >> 16:04X},{row.tag & 0xFFFF:04X})"


def test_all_codes_of_the_table_have_a_meaning() -> None:
    used = {row.basic for row in standard.rows()}.union(*(row.options.values() for row in standard.rows()))

    assert used == set(standard.action_code_meanings())


@pytest.mark.parametrize(
    ("tag", "selector"),
    [
        (0x00100020, "00100020"),
        (0x3004007F, "3004007F"),
        (0x50000010, "50XXXXXX"),
        (0x501E3000, "50XXXXXX"),
        (0x60003000, "60XX3000"),
        (0x601E4000, "60XX4000"),
        (0x50010010, "PRIVATE"),
        (0x00090010, "PRIVATE"),
        (0x00091001, "PRIVATE"),
        (0xFFFFFFFF, "PRIVATE"),
    ],
)
def test_a_tag_finds_its_row_by_number_mask_or_odd_group(tag: int, selector: str) -> None:
    row = standard.row_for(tag)

    assert row is not None
    assert row.selector == selector


@pytest.mark.parametrize("tag", [0x00080016, 0x50200010, 0x60003001, 0x60203000, 0x00200242, 0x00081167])
def test_a_tag_the_table_is_silent_on_has_no_row(tag: int) -> None:
    assert standard.row_for(tag) is None


def test_what_2026_changed_is_in_the_table() -> None:
    patient_id = standard.row_for(0x00100020)
    dose_model = standard.row_for(0x3004007F)
    label = standard.row_for(0x001811BB)

    assert patient_id is not None
    assert patient_id.basic == "Z/D"
    assert dose_model is not None
    assert (dose_model.basic, dict(dose_model.options)) == ("X", {"cleanDescriptors": "C"})
    assert label is not None
    assert label.name == "Acquisition Field of View Label"
