"""What the statement says of pixels is true of the profile it is made from, with the two options and without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pydicom
import pytest
from pydicom.uid import UID

from dicomanon.batch import Job, deidentify_files
from dicomanon.part10.encoding import TRANSFER_SYNTAXES
from dicomanon.pixels import codecs
from dicomanon.pixels.verdict import FACES
from dicomanon.profile import PIXEL_POLICIES, load_profile
from dicomanon.statement import as_markdown, as_page, statement
from dicomanon.statement.pixels import JUDGED, PROSE
from tests.canary import make_canary_slide
from tests.statement.documents import NODE, node, of_files, page_tables

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS = ("clean-pixel-data", "clean-recognizable-visual-features")
CODES = ("113101", "113102")


def site(folder: Path, policies: str) -> str:
    path = folder / "site.toml"
    path.write_text(f'name = "site"\nextends = "basic"\n{policies}')
    return str(path)


@pytest.mark.parametrize(("code", "option"), list(zip(CODES, OPTIONS, strict=True)))
def test_an_option_on_pixels_is_said_to_be_claimed_of_instances(code: str, option: str) -> None:
    plain, chosen = page_tables(of_files("basic")), page_tables(of_files("basic", option))

    for found, state in (
        (plain, "basic: not chosen"),
        (chosen, "basic: claimed of instances, see A.C.2.6.10"),
    ):
        (row,) = [row for row in found["table-n-8-7"] if row[1] == code]
        assert row[3:] == ["Y", "N", "Y", state]
    assert (
        f"{code} {load_profile('basic', (option,)).instance_codes[0][1]} (of instances)"
        in (chosen["table-1-6-1"][0][3])
    )
    assert {row[1]: row[2] for row in plain["table-a-c-2-6-18"]}[
        code
    ] == "not claimed: the option is not chosen"
    assert {row[1]: row[2] for row in chosen["table-a-c-2-6-18"]}[code].startswith("claimed of an i")
    assert code not in [row[2] for row in chosen["table-a-c-2-6-4"]]


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Clean Pixel Data", "VOLUME clean in place of keep; THUMBNAIL clean in place of keep"),
        ("Clean Recognizable Visual Features", "recognizable quarantine in place of keep"),
    ],
)
def test_the_questions_on_pixels_are_answered_by_what_the_options_do(question: str, words: str) -> None:
    (row,) = [row for row in page_tables(of_files("basic"))["table-a-c-2-6-8"] if row[0] == question]

    assert row[3].startswith(words)
    assert row[3].endswith("claimed of instances where it was carried out")


def test_no_option_of_the_standard_is_said_never_to_be_claimed() -> None:
    document = of_files("basic")

    assert "table-a-c-2-6-9" not in page_tables(document)
    assert "Every option of PS3.15 E.3 can be claimed" in as_markdown(document)


@pytest.mark.parametrize("profile", ["basic", "research-wsi", "hipaa-safe-harbor"])
def test_pixels_are_said_to_pass_as_bytes_where_no_policy_looks_at_them(profile: str) -> None:
    text = as_markdown(of_files(profile))

    assert text.count(PROSE["not_decoded"]) == 2
    assert "Text in pixels is not looked for" in text
    assert "OCR" not in text
    assert ["Pixel Data", "none of its own"] in page_tables(of_files(profile))["table-n-5-12"]


def test_what_is_looked_for_and_what_is_not_found_is_said_where_a_policy_looks(tmp_path: Path) -> None:
    document = of_files(site(tmp_path, '[pixels]\nOVERVIEW = "crop"\n'))
    text = as_markdown(document)

    assert PROSE["not_decoded"] not in text
    assert "decoded only where a policy says so (site: OVERVIEW crop)" in text
    assert "Text in pixels is not looked for" not in text
    for words in (
        "four directions",
        "Barcodes",
        "strokes of a pen",
        "area of the label",
        "handwriting above all",
    ):
        assert words in text
    assert "Pixel Data that passes as bytes" in [row[0] for row in page_tables(document)["table-n-5-12"]]


def test_a_policy_that_only_draws_is_not_said_to_look(tmp_path: Path) -> None:
    text = as_markdown(of_files(site(tmp_path, '[pixels]\nLABEL = "blank"\n')))

    assert "decoded only where a policy says so (site: LABEL blank)" in text
    assert "Text in pixels is not looked for" in text
    assert "handwriting" not in text


def test_every_policy_is_explained_and_those_in_use_are_marked(tmp_path: Path) -> None:
    found = page_tables(of_files(site(tmp_path, '[pixels]\nLABEL = "replace"\nproject = "Study 7"\n')))
    rows = {row[0]: row[1] for row in found["table-a-c-2-6-15"]}

    assert set(rows) == set(PROSE["does"]) == PIXEL_POLICIES
    assert {word for word, used in rows.items() if used == "Y"} == {"keep", "drop", "quarantine", "replace"}
    assert [row[1] for row in found["table-a-c-2-6-7"]] == list(JUDGED)
    assert ["site", "project", "Study 7"] in found["table-a-c-2-6-16"]


def test_masks_are_named_and_change_the_digest_of_the_rules(tmp_path: Path) -> None:
    masks = tmp_path / "scanners.txt"
    profile = site(tmp_path, 'masks = ["scanners.txt"]\n[pixels]\nother = "clean"\n')
    masks.write_text("{ true. } (0,0,9,9)")
    one = of_files(profile)
    masks.write_text("{ true. } (0,0,9,10)")
    other = of_files(profile)

    assert ["site", "masks", "scanners.txt"] in page_tables(one)["table-a-c-2-6-16"]
    assert dict(one.facts)["Digest of the rules"] != dict(other.facts)["Digest of the rules"]


def test_every_transfer_syntax_says_how_a_frame_is_written_and_those_without_codec_say_so() -> None:
    rows = {row[1]: row[2] for row in page_tables(of_files("basic", OPTIONS[0]))["table-a-c-2-6-17"]}

    assert set(rows) == TRANSFER_SYNTAXES
    assert {uid for uid, words in rows.items() if "compressed domain" in words} == codecs.JPEG
    assert {uid for uid, words in rows.items() if "reversibly" in words} == codecs.JPEG_2000
    assert not {uid for uid, words in rows.items() if words.startswith("none")} & codecs.DECODED


def test_the_classes_that_may_show_a_face_are_named_where_they_do_not_leave() -> None:
    plain, chosen = (as_page(of_files("basic", *each)) for each in ((), OPTIONS[1:]))
    section = chosen.split('id="section-a-c-2-6-10"')[1].split("</section>")[0]

    for uid in FACES:
        assert UID(uid).name in section
    assert "recognizable is keep" in plain


def test_a_node_is_said_to_hold_pictures_in_memory_or_encrypted_only_where_it_looks(tmp_path: Path) -> None:
    looking = NODE.replace('"retain-uids"', '"clean-pixel-data"')
    plain, held = (as_markdown(statement(node(tmp_path, text))) for text in (NODE, looking))

    assert "encrypted (AES" not in plain
    assert "encrypted (AES" in held
    assert "encrypted (AES" not in as_markdown(of_files("basic", OPTIONS[0]))


def test_a_slide_claims_what_the_statement_says_of_instances_that_show_no_face(tmp_path: Path) -> None:
    (slide, *_) = make_canary_slide(tmp_path / "in").files
    job = Job(tmp_path / "out", "basic", OPTIONS[1:], bytes(range(32)), ephemeral=False, durable=False)

    ((result,),) = deidentify_files([slide], job)

    assert result.outcome == "cleared"
    written = pydicom.dcmread(next((tmp_path / "out").rglob("*.dcm")), stop_before_pixels=True)
    assert [each.CodeValue for each in written.DeidentificationMethodCodeSequence] == ["113100", "113102"]
    assert written.RecognizableVisualFeatures == "NO"
    rows = page_tables(of_files("basic", OPTIONS[1]))["table-a-c-2-6-18"]
    assert {row[1]: row[2].split()[0] for row in rows} == {"113101": "not", "113102": "claimed"}


def test_the_audit_is_said_to_have_what_was_found_without_its_text() -> None:
    rows = dict(page_tables(of_files("basic"))["table-a-c-2-2-1"])

    assert "no text" in rows["pixels"]
