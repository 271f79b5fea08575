"""profiles/supplement.toml decides for what an IOD has and Table E.1-1 has not."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dicomanon import standard

if TYPE_CHECKING:
    from dicomanon.standard import IodNode

SUPPLEMENT = Path(__file__).resolve().parents[2] / "profiles" / "supplement.toml"
WSI = "1.2.840.10008.5.1.4.1.1.77.1.6"
TEXT = {"AE", "LO", "SH", "LT", "ST", "UT", "UC", "UR", "PN", "UI", "DA", "TM", "DT", "AS", "UN"}


@pytest.fixture(scope="module")
def supplement() -> dict[str, Any]:
    return tomllib.loads(SUPPLEMENT.read_text())


def tag_of_row(row: dict[str, str]) -> int:
    return int(row["tag"].strip("()").replace(",", ""), 16)


def attributes(node: IodNode, seen: set[int]) -> set[int]:
    """All tags at any depth below `node`."""
    found = set(node.children)
    for child in node.children.values():
        if child.children and id(child.children) not in seen:
            seen.add(id(child.children))
            found |= attributes(child, seen)
    return found


def all_attributes() -> set[int]:
    found = set()
    for uid in standard.sop_classes():
        iod = standard.iod_for(uid)
        assert iod is not None
        found |= attributes(iod.root, set())
    return found


def test_each_row_names_a_real_attribute_that_the_table_leaves_open(supplement: dict[str, Any]) -> None:
    in_iods = all_attributes()

    assert len(supplement["row"]) > 200
    for row in supplement["row"]:
        cleaned = {"cleaner"} if row["action"] == "C" else set()
        assert set(row) == {"tag", "keyword", "action", "reason"} | cleaned
        tag = tag_of_row(row)
        assert standard.keyword_of(tag) == row["keyword"]
        assert standard.row_for(tag) is None, row["keyword"]
        assert tag in in_iods, row["keyword"]
        assert row["action"] in standard.action_code_meanings()
        assert len(row["reason"]) > 10


def test_no_attribute_is_decided_twice(supplement: dict[str, Any]) -> None:
    assert max(Counter(row["tag"] for row in supplement["row"]).values()) == 1


def test_every_vr_of_the_dictionary_has_a_catch_all(supplement: dict[str, Any]) -> None:
    open_tags = {tag for tag in all_attributes() if standard.row_for(tag) is None}
    vrs = {vr for tag in open_tags for vr in standard.vrs_of(tag)}

    assert vrs <= set(supplement["vr"])
    assert set(supplement["vr"].values()) <= set(standard.action_code_meanings())


def test_text_dates_and_uids_nobody_looked_at_are_denied(supplement: dict[str, Any]) -> None:
    assert {vr for vr in TEXT if supplement["vr"][vr] == "K"} == set()


def test_every_text_of_a_slide_is_decided_by_a_row(supplement: dict[str, Any]) -> None:
    iod = standard.iod_for(WSI)
    assert iod is not None
    decided = {tag_of_row(row) for row in supplement["row"]}
    texts = {
        tag
        for tag in attributes(iod.root, set())
        if standard.row_for(tag) is None and TEXT.intersection(standard.vrs_of(tag))
    }

    assert len(texts) > 60
    assert {standard.keyword_of(tag) for tag in texts - decided} == set()


@pytest.mark.parametrize(
    "keyword",
    [
        "IssuerOfAccessionNumberSequence",
        "IssuerOfPatientIDQualifiersSequence",
        "LocalNamespaceEntityID",
        "UniversalEntityID",
        "PatientBirthDateInAlternativeCalendar",
        "PatientDeathDateInAlternativeCalendar",
        "MultiFrameSourceSOPInstanceUID",
        "SOPInstanceUIDOfConcatenationSource",
        "ContainerComponentDescription",
        "FrameLabel",
        "DimensionDescriptionLabel",
        "OpticalPathIdentifier",
        "OpticalPathDescription",
        "TextValue",
        "EncryptedAttributesSequence",
    ],
)
def test_what_can_name_a_patient_or_a_site_is_not_kept(supplement: dict[str, Any], keyword: str) -> None:
    (row,) = (row for row in supplement["row"] if row["keyword"] == keyword)

    assert row["action"] != "K"


@pytest.mark.parametrize(
    "keyword",
    ["Manufacturer", "ManufacturerModelName", "SoftwareVersions", "CodeValue", "SOPClassUID"],
)
def test_what_science_and_viewers_need_is_kept(supplement: dict[str, Any], keyword: str) -> None:
    (row,) = (row for row in supplement["row"] if row["keyword"] == keyword)

    assert row["action"] == "K"


def test_colour_profiles_are_cleaned_and_not_lost(supplement: dict[str, Any]) -> None:
    (row,) = (row for row in supplement["row"] if row["keyword"] == "ICCProfile")

    assert (row["action"], row["cleaner"]) == ("C", "icc")
