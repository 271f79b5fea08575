from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from dicomanon.profile import load_profile
from tests.cli.test_deid import process

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("basic", "PatientName"),
            "(0010,0010) PatientName: Z, emptied; PS3.15 Table E.1-1 2026d, Basic Profile",
        ),
        (
            ("basic", "(0010,0020)"),
            "Z/D, emptied, or replaced where the IOD demands a value; PS3.15 Table E.1-1",
        ),
        (
            ("research-wsi", "PatientName"),
            "D, replaced by a dummy or a keyed pseudonym; research-wsi.toml, override (the same pseudonym",
        ),
        (
            ("research-wsi", "StudyDate"),
            "C, dates move by the days of the patient; PS3.15 Table E.1-1 2026d, option retain-modified-dates",
        ),
        (
            ("basic", "SOPInstanceUID", "--option", "retain-uids"),
            "K, kept; items of a sequence meet their own rules; PS3.15 Table E.1-1 2026d, option retain-uids",
        ),
        (
            ("basic", "ICCProfile"),
            "C, colours stay, words and dates go; supplement (colours need the numbers",
        ),
        (("basic", "00991001"), "(0099,1001): X, removed; PS3.15 Table E.1-1 2026d, Basic Profile"),
        (
            ("basic", "60023000"),
            "(6002,3000) OverlayData: X, removed; PS3.15 Table E.1-1 2026d, Basic Profile",
        ),
        (
            ("basic", "00200242"),
            "ConcatenationSource: U, each UID replaced by its keyed counterpart; supplement",
        ),
        (("research-wsi", "SpecimenPreparationSequence"), "coded and measured content stays"),
        (
            ("basic", "ReferencedSOPClassUID"),
            "K, kept where it is a UID of the standard or of a public registry",
        ),
        (("basic", "CodeMeaning"), "K, kept; items of a sequence meet their own rules; supplement"),
    ],
)
def test_the_rule_of_an_attribute_names_its_row_and_its_option(arguments: tuple[str, ...], said: str) -> None:
    done = process("explain", *arguments)

    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 3
    assert said in done.stdout.splitlines()[2]


def test_a_whole_profile_has_every_rule_it_is_made_of() -> None:
    document = json.loads(process("explain", "research-wsi", "--json").stdout)
    profile = load_profile("research-wsi")

    assert set(document) == {"profile", "title", "options", "claims", "note", "pixels", "objects", "rules"}
    assert document["claims"] == ["113100", "113107", "113104"]
    assert len(document["rules"]) == len(profile.rules) + len(profile.masks) + len(profile.by_vr) + 1
    assert all(
        rule["action"] and rule["meaning"] and rule["origin"] and rule["selector"]
        for rule in document["rules"]
    )
    assert len(process("explain", "research-wsi").stdout.splitlines()) == len(document["rules"]) + 4


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"

    assert process("key", path).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = process("key", path)
    assert again.returncode == 2
    assert again.stderr == f"dicomanon: {path} exists already; it is left as it is\n"
    assert path.read_text() not in process("key", tmp_path / "other").stdout
