"""An output claims no more than its profile does: overrides that keep more cost the claim."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from dicomanon import standard
from dicomanon.profile import load_profile, parse_tag, shipped_folder, shipped_names
from tests.cli.test_deid import process
from tests.verify.made import cleaned, identity, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements

REMOVED, METHOD, CODES, CODE = 0x00120062, 0x00120063, 0x00120064, 0x00080100
KEPT = b"S21-4711"
CLAIMED_BEFORE: Elements = {
    REMOVED: (b"CS", b"YES"),
    CODES: (b"SQ", [{CODE: (b"SH", each)} for each in (b"113100", b"113105")]),
}


def written(folder: Path, keyword: str, action: str, base: str = "basic", options: str = "[]") -> str:
    path = folder / "mine.toml"
    path.write_text(
        f'extends = "{base}"\noptions = {options}\n[[override]]\nkeyword = "{keyword}"\n'
        f'action = "{action}"\nreason = "because"\n'
    )
    return str(path)


@pytest.mark.parametrize(
    ("tag", "vr", "keyword"),
    [
        (0x00100010, b"PN", "PatientName"),
        (0x00100020, b"LO", "PatientID"),
        (0x00080050, b"SH", "AccessionNumber"),
    ],
)
def test_an_output_that_keeps_who_it_is_does_not_say_that_the_identity_is_removed(
    tmp_path: Path, tag: int, vr: bytes, keyword: str
) -> None:
    profile = written(tmp_path, keyword, "K")

    found = cleaned(identity() | {tag: (vr, KEPT)}, profile)

    assert value_at(found, tag) == KEPT
    assert value_at(found, REMOVED) == b"NO"
    assert (CODES,) not in found
    assert b"overrides keep more than the Basic Profile" in value_at(found, METHOD).split(b"\\")


def test_an_output_that_keeps_what_names_nobody_claims_no_basic_profile_and_yet_no_identity(
    tmp_path: Path,
) -> None:
    profile = written(tmp_path, "PatientSex", "K", options='["retain-uids"]')

    found = cleaned(identity() | {0x00100040: (b"CS", b"F")}, profile)

    assert value_at(found, 0x00100040) == b"F"
    assert value_at(found, REMOVED) == b"YES"
    assert found[CODES, CODE] == [b"113110"]


@pytest.mark.parametrize("base", ["basic", "research-wsi"])
def test_dates_that_an_override_keeps_are_not_said_to_be_moved_or_removed(tmp_path: Path, base: str) -> None:
    study_date: Elements = {0x00080020: (b"DA", b"20210317")}

    found = cleaned(identity() | study_date, written(tmp_path, "StudyDate", "K", base))

    assert value_at(found, 0x00080020) == b"20210317"
    assert value_at(found, 0x00280303) == b"UNMODIFIED"


def test_a_claim_of_the_source_does_not_stand_in_for_one_that_we_do_not_make(tmp_path: Path) -> None:
    found = cleaned(identity() | CLAIMED_BEFORE, written(tmp_path, "PatientID", "K"))

    assert found[CODES, CODE] == [b"113105"]
    assert value_at(found, REMOVED) == b"NO"


@pytest.mark.parametrize(
    ("keyword", "action", "laxer"),
    [
        ("PatientName", "D", False),  # a dummy for Z
        ("PatientName", "X", False),
        ("StudyDate", "K", True),
        ("PatientInsurancePlanCodeSequence", "D", True),  # its items would stay
        ("PatientInsurancePlanCodeSequence", "X/Z", False),
        ("ReferencedImageSequence", "X", False),
        ("OpticalPathIdentifier", "K", False),  # the table has it not
        ("SeriesNumber", "K", False),
    ],
)
def test_laxer_is_what_lets_out_more_than_the_table(
    tmp_path: Path, keyword: str, action: str, *, laxer: bool
) -> None:
    profile = load_profile(written(tmp_path, keyword, action))

    assert profile.laxer == ((standard.tag_of(keyword),) if laxer else ())
    assert bool(profile.note) == laxer


def test_an_option_that_covers_an_override_keeps_the_claim(tmp_path: Path) -> None:
    option = '["retain-patient-characteristics"]'

    assert load_profile(written(tmp_path, "PatientSex", "K", options=option)).laxer == ()
    assert load_profile(written(tmp_path, "PatientSex", "K")).laxer == (0x00100040,)


def test_shipped_profiles_keep_no_more_than_they_claim() -> None:
    for name in shipped_names():
        profile = load_profile(name)
        assert (profile.laxer, profile.note, profile.identity_removed) == ((), "", "YES")
        assert profile.codes[0][0] == "113100"


def test_explain_names_what_is_kept_beyond_the_claim(tmp_path: Path) -> None:
    profile = written(tmp_path, "PatientName", "K")

    said = process("explain", profile, "StudyDate").stdout
    document = json.loads(process("explain", profile, "--json").stdout)

    assert "CID 7050 codes: none\n" in said
    assert "more than the Basic Profile: PatientName." in said
    assert "Patient Identity Removed NO for PatientName" in said
    assert document["claims"] == []
    assert "PatientName" in document["note"]


def test_a_run_says_what_its_profile_keeps(tmp_path: Path) -> None:
    (tmp_path / "no-dicom.dcm").write_bytes(b"nothing")

    done = process(
        "deid",
        tmp_path / "no-dicom.dcm",
        "--out",
        tmp_path / "out",
        "--profile",
        written(tmp_path, "PatientID", "K"),
    )

    assert "more than the Basic Profile: PatientID." in done.stderr


def test_every_attribute_that_says_who_it_is_has_a_row_and_a_reason() -> None:
    lines = tomllib.loads((shipped_folder() / "supplement.toml").read_text())["direct"]

    assert len(lines) > 20
    for line in lines:
        assert standard.keyword_of(parse_tag(line["tag"])) == line["keyword"]
        assert standard.row_for(parse_tag(line["tag"]))
        assert len(line["reason"]) > 10
