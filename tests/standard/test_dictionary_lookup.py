"""VR, keyword and name by tag, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dicomanon import standard

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("tag", "vrs", "keyword"),
    [
        (0x00100010, ("PN",), "PatientName"),
        (0x00280106, ("US", "SS"), "SmallestImagePixelValue"),
        (0x7FE00010, ("OB", "OW"), "PixelData"),
        (0x60003000, ("OB", "OW"), "OverlayData"),
        (0x601E3000, ("OB", "OW"), "OverlayData"),
        (0x50020022, ("LO",), "CurveDescription"),
        (0x002031A5, ("CS",), "SourceImageIDs"),
        (0x00280432, ("LO",), "CoefficientCoding"),
        (0x1010ABCD, ("US",), "ZonalMap"),
        (0x00080000, ("UL",), None),
        (0x00090000, ("UL",), None),
        (0x00090010, ("LO",), None),
        (0x00091001, (), None),
        (0x60203000, (), None),
        (0x60013000, (), None),
        (0x00080202, (), None),
    ],
)
def test_a_tag_has_its_vr_and_keyword(tag: int, vrs: tuple[str, ...], keyword: str | None) -> None:
    assert standard.vrs_of(tag) == vrs
    assert standard.vr_of(tag) == (vrs[0] if vrs else None)
    assert standard.keyword_of(tag) == keyword


def test_every_attribute_of_the_dictionary_is_known_with_its_vr(standard_folder: Path) -> None:
    entries = json.loads((standard_folder / "dictionary-2026c.json").read_text())["entries"]
    known = [entry for entry in entries if entry["vr"]]

    assert len(known) > 5200
    for entry in known:
        member = entry["tag"].replace("xxx", "002").replace("xx", "02").replace("x", "2")
        tag = int(member, 16)
        assert standard.vrs_of(tag) == tuple(entry["vr"])
        assert standard.name_of(tag) == (entry["name"] or None)
        if entry["keyword"] and member == entry["tag"]:
            assert standard.tag_of(entry["keyword"]) == tag


def test_every_attribute_of_the_table_has_a_vr_but_commands_and_the_one_newer_than_the_dictionary() -> None:
    unknown = {row.selector for row in standard.rows() if row.tag and standard.vr_of(row.tag) is None}

    assert unknown == {"00001000", "00001001", "3004007F"}


def test_a_keyword_of_a_repeating_group_gives_its_first_member() -> None:
    assert standard.tag_of("OverlayData") == 0x60003000
    assert standard.tag_of("CurveData") == 0x50003000


def test_an_unknown_keyword_has_no_tag() -> None:
    assert standard.tag_of("NotAKeyword") is None
    assert standard.tag_of("") is None
