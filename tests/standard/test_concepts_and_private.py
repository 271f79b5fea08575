"""Structured content concepts, safe private attributes and CID 7050."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pydicom.sr.codedict import codes

from dicomanon import standard

if TYPE_CHECKING:
    from pathlib import Path


def test_every_concept_of_the_table_is_found_with_its_action(standard_folder: Path) -> None:
    rows = json.loads((standard_folder / "e-3-4-1.json").read_text())["rows"]

    assert len(rows) == 214
    for meaning, code, scheme, value_type, _, _, basic, *options in rows:
        concept = standard.concept_for(code, scheme, value_type)
        assert concept is not None
        assert (concept.meaning, concept.basic) == (meaning, basic)
        assert list(concept.options.values()) == [cell for cell in options if cell]


def test_one_concept_can_differ_by_value_type() -> None:
    image = standard.concept_for("121112", "DCM", "IMAGE")
    waveform = standard.concept_for("121112", "DCM", "WAVEFORM")

    assert image is not None
    assert waveform is not None
    assert (image.basic, waveform.basic) == ("D", "X")
    assert standard.concept_for("121112", "DCM", "TEXT") is None


def test_options_of_a_concept_are_columns_of_the_table() -> None:
    concept = standard.concept_for("111702", "DCM", "DATETIME")

    assert concept is not None
    assert dict(concept.options) == {
        "retainLongitudinalFullDates": "K",
        "retainLongitudinalModifiedDates": "C",
    }


def test_a_concept_in_retired_snomed_codes_is_recognised() -> None:
    current = standard.concept_for("398325003", "SCT", "DATETIME")

    assert current is not None
    for scheme in ("SRT", "SNM3", "99SDM"):
        assert standard.concept_for("DF-0068E", scheme, "DATETIME") is current


def test_every_safe_private_attribute_is_found_by_creator_and_low_byte(standard_folder: Path) -> None:
    rows = json.loads((standard_folder / "safe-private-normalised.json").read_text())

    assert len(rows) == len(standard.safe_private()) == 479
    for row in rows:
        tag = int(row["group"], 16) << 16 | 0x4200 | int(row["element"], 16)
        found = standard.safe_private_for(row["private_creator"] + " ", tag)
        assert found is not None
        assert "/".join(found.vrs) == row["vr"]
        assert (found.vm, found.meaning) == (row["vm"], row["meaning"])


def test_an_attribute_of_another_creator_is_not_safe() -> None:
    assert standard.safe_private_for("ELSCINT1", 0x00E11021) is not None
    assert standard.safe_private_for("SOMEBODY", 0x00E11021) is None
    assert standard.safe_private_for("ELSCINT1", 0x00E11022) is None


def test_methods_are_the_codes_of_cid_7050() -> None:
    expected = {code.value: code.meaning for code in codes.cid7050.concepts.values()}

    assert len(standard.DEIDENTIFICATION_METHODS) == 13
    assert dict(standard.DEIDENTIFICATION_METHODS.values()) == expected


def test_each_column_belongs_to_one_option() -> None:
    assert set(standard.COLUMN_OF_OPTION.values()) == set(standard.OPTION_COLUMNS)
    assert set(standard.COLUMN_OF_OPTION) < set(standard.DEIDENTIFICATION_METHODS)
