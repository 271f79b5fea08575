from __future__ import annotations

import json
import re
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
        (("basic", "Manufacturer"), "K, kept; items of a sequence meet their own rules; supplement"),
        (
            ("basic", "CodeMeaning"),
            "any other text becomes what the code means in PS3.16, or its number; supplement",
        ),
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

    said = {"profile", "title", "options", "claims", "instance_claims", "note"}
    assert set(document) == said | {"pixels", "masks", "objects", "rules"}
    assert document["claims"] == ["113100", "113107", "113104"]
    assert len(document["rules"]) == len(profile.rules) + len(profile.masks) + len(profile.by_vr) + 1
    assert all(
        rule["action"] and rule["meaning"] and rule["origin"] and rule["selector"]
        for rule in document["rules"]
    )
    assert len(process("explain", "research-wsi").stdout.splitlines()) == len(document["rules"]) + 4


def test_a_rule_for_one_place_is_told_with_its_attribute_and_by_its_path() -> None:
    option = ("--option", "keep-retired-specimen")
    of_tag = process("explain", "basic", "SpecimenIdentifier", *option).stdout
    of_place = process("explain", "basic", "SpecimenSequence/SpecimenIdentifier", *option).stdout
    elsewhere = process("explain", "basic", "SpecimenDescriptionSequence/SpecimenIdentifier", *option).stdout

    assert "\n(0040,0551) SpecimenIdentifier: D, replaced" in of_tag
    place = "(0040,0550)/(0040,0551) SpecimenSequence/SpecimenIdentifier: C, replaced by a keyed pseudonym; option"
    assert f"*/{place} keep-retired-specimen (" in of_tag
    assert of_place.splitlines()[2].startswith(place)
    assert "PS3.15 Table E.1-1 2026d, Basic Profile" in elsewhere.splitlines()[2]


def mine(folder: Path) -> str:
    path = folder / "mine.toml"
    path.write_text(
        'name = "mine"\nextends = "research-wsi"\n[pixels]\nTHUMBNAIL = "drop"\n'
        '[[override]]\nvr = "TM"\naction = "X/Z/D"\nreason = "no times"\n'
        '[[override]]\npath = "ContributingEquipmentSequence/StationName"\naction = "K"\nreason = "it is ours"\n'
    )
    return str(path)


def test_two_profiles_differ_in_groups_of_one_action_and_one_origin(tmp_path: Path) -> None:
    found = json.loads(process("explain", "--diff", "research-wsi", mine(tmp_path), "--json").stdout)
    one, other = load_profile("research-wsi"), load_profile(mine(tmp_path))

    assert (found["one"]["profile"], found["other"]["profile"]) == ("research-wsi", "mine")
    assert found["pixels"] == [{"flavour": "THUMBNAIL", "one": "keep", "other": "drop"}]
    differing = {tag for tag in other.rules if one.rules[tag].code != other.rules[tag].code}
    assert found["count"] == len(differing) + 2  # the place, and any other TM
    assert all(group["count"] == len(group["attributes"]) for group in found["groups"])
    attributes = [(each, group) for group in found["groups"] for each in group["attributes"]]
    assert len(attributes) == found["count"]
    (group,) = [group for each, group in attributes if each["keyword"] == "StudyTime"]
    assert (group["one"]["action"], group["other"]["action"]) == ("K", "X/Z/D")
    assert group["one"]["origin"].endswith("option retain-modified-dates")
    assert group["other"]["origin"] == "mine.toml, override"
    (place,) = [each for each, _ in attributes if "/" in each["selector"]]
    assert place["selector"] == "(0018,A001)/(0008,1010)"
    assert (place["reason_one"], place["reason_other"]) == ("", "it is ours")
    assert found["other"]["note"].startswith("The overrides keep more")


def test_a_difference_is_told_in_lines_the_largest_group_first(tmp_path: Path) -> None:
    said = process("explain", "--diff", "basic", mine(tmp_path)).stdout.splitlines()

    counts = [int(line.split()[0]) for line in said if re.match(r"\d+ x ", line)]
    assert said[0].startswith("basic -> mine: ")
    assert sum(counts) == int(said[0].split()[3])
    assert counts == sorted(counts, reverse=True)
    assert "options: none -> retain-modified-dates, clean-structured-content" in said
    assert "pixels: THUMBNAIL keep -> drop" in said
    assert "  AccessionNumber, PatientName, StudyID" in said


def test_a_profile_does_not_differ_from_itself_and_an_option_is_given_to_both() -> None:
    for options in ((), ("--option", "retain-uids")):
        said = process("explain", "--diff", "basic", "basic", *options).stdout
        assert said == "basic -> basic: 0 attributes differ\n"


def test_a_difference_tells_lists_and_objects(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text(
        'extends = "basic"\noptions = ["clean-descriptors", "retain-safe-private"]\nwords = ["Testharz"]\n'
        '[objects]\nencapsulated = "drop"\n'
        '[[private]]\ncreator = "SCANNER"\nelement = "(0099,xx10)"\nvr = "DS"\nreason = "focus"\n'
        '[[code]]\nscheme = "99LAB"\nvalue = "HE1"\nmeaning = "HE stain"\nreason = "list"\n'
    )

    said = process("explain", "--diff", "basic", str(path)).stdout.splitlines()
    found = json.loads(process("explain", "--diff", str(path), "basic", "--json").stdout)

    assert "objects: encapsulated quarantine -> drop" in said
    assert "words: + Testharz" in said
    assert "private: + SCANNER (0099,xx10) DS" in said
    assert "codes: + 99LAB HE1" in said
    assert found["words"] == {"one": ["Testharz"], "other": []}


def test_what_is_said_of_pixels_is_told_and_what_differs_too(tmp_path: Path) -> None:
    path, masks = tmp_path / "site.toml", tmp_path / "scanners.txt"
    masks.write_text("{ true. } (0,0,9,9)")
    path.write_text(
        'extends = "basic"\noptions = ["clean-pixel-data"]\nmasks = ["scanners.txt"]\n'
        '[pixels]\nLABEL = "replace"\nproject = "Study 7"\n'
    )

    whole = process("explain", str(path)).stdout.splitlines()
    said = process("explain", "--diff", "basic", str(path)).stdout.splitlines()

    assert "CID 7050 codes: 113100; of instances where it was done: 113101" in whole[1]
    (pixels,) = [line for line in whole if line.startswith("pixels: ")]
    assert "VOLUME clean" in pixels
    assert "project Study 7" in pixels
    assert "masks: scanners.txt" in whole
    assert "instance claims: none -> 113101" in said
    assert {"pixels: LABEL drop -> replace", "pixels: project none -> Study 7"} <= set(said)
    assert [line for line in said if line.startswith("masks: + scanners.txt (")]
    assert "of instances" not in process("explain", "basic", "PatientID").stdout


def test_a_difference_needs_two_profiles() -> None:
    done = process("explain", "--diff", "basic")

    assert done.returncode == 2
    assert done.stderr == "dicomanon: --diff takes two profiles: `dicomanon explain --diff A B`\n"


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"

    assert process("key", path).returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = process("key", path)
    assert again.returncode == 2
    assert again.stderr == f"dicomanon: {path} exists already; it is left as it is\n"
    assert path.read_text() not in process("key", tmp_path / "other").stdout
