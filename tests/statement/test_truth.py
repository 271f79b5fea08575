"""What the statement says is what the code does: it is asked, and compared with real negotiation and real output."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from pynetdicom.presentation import build_context

import dicomanon
from dicomanon import standard
from dicomanon.node.negotiate import narrow_to_first_known, storage_classes
from dicomanon.part10.encoding import EXPLICIT_LITTLE, TRANSFER_SYNTAXES, VIDEO
from dicomanon.profile import load_option, load_profile
from dicomanon.statement import as_page, coverage, of_profile, statement
from dicomanon.statement.choices import choices, decision
from dicomanon.statement.rules import attribute
from tests.canary import make_canary_slide
from tests.cli.test_deid import process
from tests.statement.documents import NODE, node, of_files, page_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.statement import Statement

PACKAGE = Path(dicomanon.__file__).parent
KEY = bytes(32)


def described(folder: Path, text: str = NODE) -> dict[str, list[list[str]]]:
    return page_tables(statement(node(folder, text)))


def test_the_sop_classes_are_those_that_are_negotiated(tmp_path: Path) -> None:
    stated = {row[1] for row in described(tmp_path)["table-a-a-1"]}
    private = "1.2.826.0.1.3680043.2.1.9"
    proposed = [build_context(uid, [EXPLICIT_LITTLE]) for uid in sorted({*stated, private})]
    accepted = {str(context.abstract_syntax) for context in narrow_to_first_known(proposed)}

    assert stated == storage_classes()
    assert accepted == stated | {row[1] for row in described(tmp_path)["table-7-2-1"] if row[1][0].isdigit()}


def test_the_transfer_syntaxes_are_those_that_are_negotiated(tmp_path: Path) -> None:
    stated = {row[1] for row in described(tmp_path)["table-7-2-2"]}
    slide = "1.2.840.10008.5.1.4.1.1.77.1.6"
    proposed = [build_context(slide, [syntax]) for syntax in (*stated, "1.2.840.10008.1.2.4.62")]
    (accepted,) = [found for found in narrow_to_first_known(proposed) if found.abstract_syntax == slide]

    assert stated == TRANSFER_SYNTAXES
    assert {str(syntax) for syntax in accepted.transfer_syntax} == stated


def test_a_sop_class_is_refused_or_not_as_the_table_says() -> None:
    rows = {row[1]: row for row in page_tables(of_files("basic"))["table-a-a-1"]}

    assert {row[2] for row in rows.values()} == {"Y", "N"}
    for uid, (_, _, stated, why) in rows.items():
        assert (stated == "N") == bool(why)
        assert standard.iod_for(uid) is not None or stated == "N"
        assert "(0008,0016)" not in why
    for uid in (
        "1.2.840.10008.5.1.4.1.1.77.1.6",
        "1.2.840.10008.5.1.4.1.1.2",
        "1.2.840.10008.5.1.4.1.1.66.4",
    ):
        assert rows[uid][2] == "Y"
    assert "document" in rows["1.2.840.10008.5.1.4.1.1.104.1"][3]
    assert "voice" in rows["1.2.840.10008.5.1.4.1.1.9.4.1"][3]


def numbers_in(module: str) -> Iterator[int]:
    """Every four-digit status written in a module that answers a sender."""
    for found in re.findall(r"\b0x([0-9A-F]{4})\b", (PACKAGE / module).read_text(encoding="utf-8")):
        if found != "FFFF":  # half a tag, no status
            yield int(found, 16)


def test_every_status_that_the_code_can_answer_is_in_the_table(tmp_path: Path) -> None:
    stated = {int(row[0], 16) for row in described(tmp_path)["table-7-3-1"]}
    written = {*numbers_in("errors.py"), *numbers_in("node/receive.py"), *numbers_in("pipeline.py")}

    assert {0x0000, 0xA700, 0xC003} <= written
    assert stated == written


def test_every_status_of_a_destination_has_one_meaning(tmp_path: Path) -> None:
    meanings: dict[int, str] = {}
    for ranges, meaning in described(tmp_path)["table-7-3-2"]:
        for part in ranges.split(", "):
            first, _, last = part.partition("-")
            for status in range(int(first, 16), int(last or first, 16) + 1):
                assert status not in meanings
                meanings[status] = meaning

    assert len(meanings) == 0x10000
    assert meanings[0x0000] == meanings[0x0111] == meanings[0xB007]
    assert meanings[0xC001] == meanings[0x0122] == meanings[0xA900]
    assert meanings[0xA700] == meanings[0x0110]
    assert len({meanings[0x0000], meanings[0xC001], meanings[0xA700]}) == 3


@pytest.mark.parametrize(
    ("before", "after", "table", "words"),
    [
        ("max_pdu = 65536", "max_pdu = 8192", "table-7-1-1", "8,192 bytes"),
        ("max_associations = 7", "max_associations = 9", "table-7-1-1", "9"),
        ("response = 222", "response = 77", "table-7-1-1", "77 s"),
        ("max_header = 8388608", "max_header = 2097152", "table-n-5-12", "2,097,152 bytes"),
        ("CLEANROOM", "OTHERROOM", "table-6-2-1", "OTHERROOM"),
        ('"PACS", ', '"ELSEWHERE", ', "table-6-2-2", "ELSEWHERE, SCANNER1"),
        ("archive.example", "store.example", "table-4-1-1", "ORTHANC at store.example port 4242 (dicom)"),
    ],
)
def test_what_the_configuration_changes_the_statement_follows(
    tmp_path: Path, before: str, after: str, table: str, words: str
) -> None:
    first = described(tmp_path)[table]
    second = described(tmp_path, NODE.replace(before, after))[table]

    assert words not in [cell for row in first for cell in row]
    assert words in [cell for row in second for cell in row]


def test_a_calling_title_is_said_to_be_rejected_only_where_it_is(tmp_path: Path) -> None:
    closed = described(tmp_path)["table-7-2-3"]
    opened = described(tmp_path, NODE.replace('calling = ["OTHER"]\n', ""))["table-7-2-3"]

    assert [row[2] for row in closed] == ["7", "3", "2"]
    assert [row[2] for row in opened] == ["7", "2"]


def test_the_inserted_attributes_are_those_of_a_real_output(tmp_path: Path) -> None:
    (slide, *_) = make_canary_slide(tmp_path / "in").files
    (tmp_path / "key").write_text("00" * 32)
    (tmp_path / "key").chmod(0o600)
    done = process("deid", slide, "--out", tmp_path / "out", "--key", tmp_path / "key")
    assert done.returncode == 0, done.stderr
    written = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm")), stop_before_pixels=True)
    stated = {row[1]: row[2] for row in page_tables(of_files("research-wsi"))["table-a-c-2-6-4"]}
    codes = [
        row[2] for row in page_tables(of_files("research-wsi"))["table-a-c-2-6-4"] if row[1] == ">(0008,0100)"
    ]

    assert stated["(0012,0062)"] == written.PatientIdentityRemoved
    assert stated["(0012,0063)"] == ", ".join(written.DeidentificationMethod)
    assert stated["(0028,0303)"] == written.LongitudinalTemporalInformationModified
    assert codes == [item.CodeValue for item in written.DeidentificationMethodCodeSequence]
    assert stated[">(0018,1020)"] == written.ContributingEquipmentSequence[-1].SoftwareVersions
    assert stated[">(0008,0070)"] == written.ContributingEquipmentSequence[-1].Manufacturer
    container = {row[1]: row[2] for row in page_tables(of_files("research-wsi"))["table-a-c-2-6-5"]}
    assert container["(0002,0012)"] == written.file_meta.ImplementationClassUID


def test_claimed_options_are_those_of_the_compiled_profile() -> None:
    options = ("retain-uids", "retain-full-dates")
    profile = load_profile("basic", options)
    rows = page_tables(of_files("basic", *options))["table-n-8-7"]

    assert [row[1] for row in rows if row[1] != "none"] == [
        code for code, _ in standard.DEIDENTIFICATION_METHODS.values()
    ]
    assert {row[1] for row in rows if row[6] == "basic: claimed"} == {code for code, _ in profile.codes}
    assert {row[4] for row in rows} == {"N"}


def test_an_override_that_keeps_more_is_said_not_to_claim_the_basic_profile(tmp_path: Path) -> None:
    path = tmp_path / "lax.toml"
    path.write_text(
        'name = "lax"\nextends = "basic"\n[[override]]\nkeyword = "PatientID"\naction = "K"\nreason = "r"\n'
    )
    document = of_files(str(path))

    assert page_tables(document)["table-n-8-7"][0][6] == "lax: not claimed, for overrides keep more"
    assert page_tables(document)["table-1-6-1"][0][3:5] == ["nothing", "NO"]
    assert "PatientID" in as_page(document).split('id="section-a-c-2-6-7"')[1].split("</section>")[0]


DECISIONS = {
    "Retain Device Identity says K, Retain Modified Dates says C": (
        11,
        "C: dates move by the days of the patient",
    ),
    "UIDs without a cell for Retain UIDs": (2, "U: each UID replaced by its keyed counterpart"),
    "Retain Full Dates and Retain Modified Dates together": (0, "refused: "),
    "Device UIDs, which two options name": (2, "K: "),
}


@pytest.mark.parametrize("question", sorted(DECISIONS))
def test_a_question_that_the_standard_leaves_open_has_its_decision(question: str) -> None:
    (choice,) = [choice for choice in choices() if choice.question == question]
    number, words = DECISIONS[question]

    assert len(choice.tags) == number
    assert decision(choice).startswith(words)
    assert choice.reason


def test_every_open_question_is_answered() -> None:
    rows = page_tables(of_files("basic"))["table-a-c-2-6-8"]

    assert len(rows) == len(choices())
    assert all(cell.strip() for row in rows for cell in row)


def test_private_attributes_that_stay_are_listed_and_none_where_none_stays() -> None:
    subject = of_profile("basic")
    (policy,) = subject.policies
    masks = {**policy.profile.masks}
    assert masks[standard.PRIVATE].code == "X"
    masks[standard.PRIVATE] = replace(masks[standard.PRIVATE], code="C")
    keeping = replace(subject, policies=(replace(policy, profile=replace(policy.profile, masks=masks)),))

    assert "table-a-c-2-6-11" not in page_tables(statement(subject))
    rows = page_tables(statement(keeping))["table-a-c-2-6-11"]
    assert len(rows) == len(standard.safe_private()) == 479
    assert ["GEMS_ACQU_01", "(0019,xx23)"] in [row[:2] for row in rows]


def test_options_of_our_own_are_told_after_those_of_the_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    own = replace(load_option("retain-uids"), keyword="keep-suffix", code="", meaning="Suffixes stay")
    monkeypatch.setattr(coverage, "option_keywords", lambda: ["keep-suffix", "retain-uids"])
    monkeypatch.setattr(coverage, "load_option", lambda _: own)
    found = page_tables(of_files("basic"))["table-n-8-7"]

    assert found[-1] == ["Suffixes stay", "none", "files", "Y", "N", "Y", "basic: not chosen"]
    assert len(found) == len(standard.DEIDENTIFICATION_METHODS) + 1


def test_a_rule_for_one_place_is_told_by_its_path() -> None:
    inside = "(0040,0560)/(0040,0610)/(0040,0612)"

    assert attribute(inside)[0].startswith("Specimen Description Sequence / Specimen Preparation Sequence / ")
    assert attribute(f"*/{inside}") == (attribute(inside)[0], f"*/{inside}")
    assert attribute("(0010,0020)") == ("Patient ID", "(0010,0020)")


def test_what_a_site_lists_and_what_becomes_of_documents_is_told(tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(
        'name = "site"\nextends = "basic"\noptions = ["clean-descriptors"]\nwords = ["Testharz"]\n'
        '[objects]\nencapsulated = "drop"\n'
        '[[code]]\nscheme = "99LAB"\nvalue = "HE1"\nmeaning = "HE stain"\nreason = "list"\n'
    )
    tables = page_tables(of_files(str(profile)))
    plain = page_tables(of_files("basic"))

    assert ["site", "word of descriptions", "Testharz"] in tables["table-a-c-2-6-14"]
    assert ["site", "local code", "99LAB HE1: HE stain"] in tables["table-a-c-2-6-14"]
    assert "table-a-c-2-6-14" not in plain
    assert [row[2] for row in tables["table-a-c-2-6-13"]] == ["drop", "quarantine", "drop"]
    assert [row[2] for row in plain["table-a-c-2-6-13"]] == ["quarantine", "quarantine", "drop"]
    (document,) = [row for row in plain["table-n-11-6"] if row[1] == "(0042,0011)"]
    assert "not reached" in document[4]


def test_video_is_said_to_be_quarantined(tmp_path: Path) -> None:
    """That it is: tests/part10/test_no_scan.py."""
    stated = {row[1]: row[2] for row in described(tmp_path)["table-7-2-2"]}

    assert {uid for uid, fate in stated.items() if "quarantined" in fate} == VIDEO


def section(document: Statement, number: str) -> str:
    return as_page(document).split(f'id="section-{number}"')[1].split("</section>")[0]


def test_what_a_site_lists_is_called_a_choice_of_the_site_and_counted(tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(
        'name = "site"\nextends = "basic"\noptions = ["clean-descriptors", "retain-safe-private"]\n'
        'words = ["Testharz", "Probenbad"]\n'
        '[[private]]\ncreator = "SCANNER 1.0"\nelement = "(0099,xx10)"\nvr = "DS"\nreason = "paper"\n'
    )
    document = of_files(str(profile))
    private = page_tables(document)["table-a-c-2-6-11"]

    assert "Lists of the site: 2 words and codes stay" in section(document, "a-c-2-6-9")
    assert "Lists of the site: no profile has" in section(of_files("basic"), "a-c-2-6-9")
    assert [row for row in private if "choice of the site" in row[3]] == [
        [
            "SCANNER 1.0",
            "(0099,xx10)",
            "DS",
            "choice of the site, listed by the profile site (clean-descriptors, retain-safe-private)",
        ]
    ]


def test_documents_and_video_are_said_never_to_be_cleared() -> None:
    document = of_files("basic")
    row = next(row for row in page_tables(document)["table-a-c-2-6-8"] if row[0] == "Encapsulated Document")

    assert "never cleared" in section(document, "a-c-2-6-10")
    assert "Video" in section(document, "a-c-2-6-8")
    assert "no instance meets the rule" in row[4]
    assert ["of them of video, which is quarantined", str(len(VIDEO))] in page_tables(document)["table-1-1-1"]


def test_a_profile_for_anonymous_data_is_said_to_need_a_key_that_nobody_keeps() -> None:
    words = "while somebody keeps a key it was run with, the data are pseudonymous"

    assert words in section(of_files("gdpr-anonymous"), "a-c-2-6-7")
    assert words not in section(of_files("gdpr-pseudonymous"), "a-c-2-6-7")
