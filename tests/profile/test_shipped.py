"""The shipped profiles do what their heads say; the 18 identifiers of Safe Harbor one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon.batch import Job, deidentify_files
from dicomanon.errors import ProfileError, UnsupportedError
from dicomanon.part10.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import clear_in_memory
from dicomanon.pixels import verdict
from dicomanon.profile import load_profile, option_keywords, shipped_folder, shipped_names
from tests.canary import assert_codes_kept, assert_no_canary, make_canary_slide
from tests.peers import dcentvfy, dciodvfy
from tests.profile.safe_harbor import IDENTIFIERS, Identifier
from tests.verify.made import (
    SOP_INSTANCE,
    Elements,
    Found,
    encode,
    file_of,
    found_in,
    identity,
    opened,
    route_of,
    value_at,
)

if TYPE_CHECKING:
    from pathlib import Path

    from tests.canary import CanarySlide

NEW = ("gdpr-anonymous", "gdpr-pseudonymous", "hipaa-limited-data-set", "hipaa-safe-harbor", "teaching")
HARBOR, LIMITED = "hipaa-safe-harbor", "hipaa-limited-data-set"
DIRECT = (*"ABDEFGHIJKLMNOP",)
"""What both a limited data set and Safe Harbor want removed; B of it without what may stay."""


IMAGE_TYPE: Elements = {0x00080008: (b"CS", b"DERIVED\\PRIMARY\\VOLUME\\NONE")}


def released(profile: str, elements: Elements, syntax: str = EXPLICIT_LITTLE) -> tuple[bytes, Found]:
    """Clear and verify an instance, and return its bytes and its elements."""
    data = file_of(identity() | IMAGE_TYPE | elements, syntax)
    out = clear_in_memory(opened(data), route_of(profile))
    return out, found_in(out)


def spellings(value: bytes) -> set[bytes]:
    """Return a value in other cases, encodings, and without its separators."""
    text = value.decode()
    compact = re.sub(r"[- ]", "", text)
    return {value, text.lower().encode(), text.upper().encode(), text.encode("utf-16-le"), compact.encode()}


def test_the_list_of_safe_harbor_is_whole_and_stands_in_the_profile() -> None:
    head = (shipped_folder() / f"{HARBOR}.toml").read_text().partition("name = ")[0]

    assert [each.letter for each in IDENTIFIERS] == list("ABCDEFGHIJKLMNOPQR")
    assert re.findall(r"^#  \(([A-Z])\)", head, re.MULTILINE) == list("ABCDEFGHIJKLMNOPQR")


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE], ids=["explicit", "implicit"])
@pytest.mark.parametrize("identifier", IDENTIFIERS, ids=lambda each: f"{each.letter} {each.what}")
def test_each_identifier_of_safe_harbor_is_gone(identifier: Identifier, syntax: str) -> None:
    source = file_of(identity() | IMAGE_TYPE | identifier.elements, syntax)
    out, found = released(HARBOR, identifier.elements, syntax)

    for value in identifier.values:
        assert value in source
        assert not [each for each in spellings(value) if each in out], value
    assert value_at(found, 0x00120062) == b"YES"
    assert found[0x00120064, 0x00080100][0] == b"113100"


@pytest.mark.parametrize(
    "identifier",
    [each for each in IDENTIFIERS if each.letter in DIRECT],
    ids=lambda each: f"{each.letter} {each.what}",
)
def test_each_direct_identifier_is_gone_from_a_limited_data_set(identifier: Identifier) -> None:
    may_stay = {0x00102152: b"Finch County"}
    out, found = released(LIMITED, identifier.elements)

    for value in identifier.values:
        if value not in may_stay.values():
            assert not [each for each in spellings(value) if each in out], value
    assert value_at(found, 0x00120062) == b"YES"


def test_a_limited_data_set_keeps_dates_and_ages_up_to_89_but_no_place() -> None:
    (dates,) = [each for each in IDENTIFIERS if each.letter == "C"]
    region: Elements = {0x00102152: (b"LO", b"12 Elm Street, Finch"), 0x00102150: (b"LO", b"Freedonia")}
    _, found = released(LIMITED, dates.elements | region)

    assert value_at(found, 0x00080020) == b"20210317"
    assert value_at(found, 0x0008002A).startswith(b"20210317091733")
    assert value_at(found, 0x00101010) == b"090Y"
    assert value_at(found, 0x00100030) == b""
    assert not {(0x00102152,), (0x00102150,)} & set(found)
    assert value_at(found, 0x00280303) == b"UNMODIFIED"
    assert b"113100" in found[0x00120064, 0x00080100]


UNDOES_NOTHING = {
    "clean-descriptors": "words that are known to be harmless",
    "clean-graphics": "shapes without words",
    "clean-pixel-data": "kept pictures are looked into; what is dropped or quarantined stays so",
    "clean-recognizable-visual-features": "pictures that may show a face are quarantined",
    "clean-structured-content": "what both profiles have",
    "keep-barcode-pseudonym": "a keyed value, as the container has",
    "keep-dimension-labels": "names of attributes and words of microscopy",
    "keep-retired-specimen": "keyed values, as the attributes of today have",
    "no-scan-time": "takes away",
}
"""Options that a profile may be given whose promise is that nobody is named; any other has to be decided."""


REFUSED = r"forbids the option|exclude each other"


@pytest.mark.parametrize("name", [HARBOR, "gdpr-anonymous"])
@pytest.mark.parametrize("option", option_keywords())
def test_a_profile_refuses_every_option_that_would_undo_it(name: str, option: str) -> None:
    allowed = {*UNDOES_NOTHING, "scan-year"} if name == HARBOR else UNDOES_NOTHING  # 164.514(b)(2)(i)(C)
    if option in allowed:
        assert load_profile(name, (option,)).identity_removed == "YES"
    else:
        with pytest.raises(ProfileError, match=REFUSED):
            load_profile(name, (option,))


def test_under_safe_harbor_the_year_of_a_scan_may_be_chosen_and_no_more() -> None:
    (dates,) = [each for each in IDENTIFIERS if each.letter == "C"]
    data = file_of(identity() | IMAGE_TYPE | dates.elements)
    out = clear_in_memory(opened(data), route_of(HARBOR, ["scan-year"]))

    assert value_at(found_in(out), 0x0008002A) == b"2021"
    assert value_at(found_in(out), 0x00080023) == b"20210101"
    assert not [value for value in dates.values if value in out]


@pytest.mark.parametrize("profile", NEW)
@pytest.mark.parametrize(
    ("image_type", "burned_in", "policy"),
    [
        (b"DERIVED\\PRIMARY\\VOLUME\\NONE", b"NO", "keep"),
        (b"DERIVED\\PRIMARY\\THUMBNAIL\\RESAMPLED", b"NO", "keep"),
        (b"DERIVED\\PRIMARY\\LABEL\\NONE", b"NO", "drop"),
        (b"DERIVED\\PRIMARY\\OVERVIEW\\NONE", b"NO", "drop"),
        (b"DERIVED\\PRIMARY\\VOLUME\\NONE", b"YES", "quarantine"),
        (b"ORIGINAL\\PRIMARY", b"NO", "a photograph"),
    ],
)
def test_images_that_show_a_label_words_or_perhaps_a_face_do_not_leave(
    profile: str, image_type: bytes, burned_in: bytes, policy: str
) -> None:
    elements: Elements = {0x00080008: (b"CS", image_type), 0x00280301: (b"CS", burned_in)}
    if policy == "a photograph":
        policy = "keep" if profile == "gdpr-pseudonymous" else "quarantine"

    found = verdict(opened(file_of(identity() | elements)), load_profile(profile))

    assert found.policy == policy


def test_a_recorded_voice_is_refused() -> None:
    voice = b"1.2.840.10008.5.1.4.1.1.9.4.1"
    elements = identity() | {0x00080016: (b"UI", voice)}
    data = file_meta(voice.decode(), SOP_INSTANCE.decode(), EXPLICIT_LITTLE)
    data += encode(elements, encoding_of(EXPLICIT_LITTLE))

    with pytest.raises(UnsupportedError, match="recorded voices"):
        clear_in_memory(opened(data), route_of(HARBOR))


def test_anonymous_and_safe_harbor_let_no_date_out() -> None:
    (dates,) = [each for each in IDENTIFIERS if each.letter == "C"]
    for profile in ("gdpr-anonymous", HARBOR, "teaching"):
        _, found = released(profile, dates.elements)
        values = {value[:8] for path in found for value in found[path] if re.match(rb"(19|20)\d{6}", value)}
        assert values <= {b"19000101"}
        assert value_at(found, 0x00280303) == b"REMOVED"


def test_anonymous_data_do_not_tell_two_scanners_apart_by_their_uid_nor_two_studies_of_a_patient() -> None:
    linking: Elements = {
        0x00181002: (b"UI", b"1.2.826.0.1.3680043.10.1947.88"),
        0x00100010: (b"PN", b"Quimby^Hortensia"),
        0x00080050: (b"SH", b"S21-4711"),
        0x00200010: (b"SH", b"STUDY-771"),
    }
    _, found = released("gdpr-anonymous", linking)

    assert (0x00181002,) not in found
    assert [value_at(found, tag) for tag in (0x00100010, 0x00100020, 0x00080050, 0x00200010)] == [b""] * 4


def test_pseudonymous_data_keep_moved_days_and_one_pseudonym_a_patient_but_no_time_of_day() -> None:
    (dates,) = [each for each in IDENTIFIERS if each.letter == "C"]
    _, found = released("gdpr-pseudonymous", dates.elements | {0x00081070: (b"PN", b"Opsimath^O")})

    assert re.fullmatch(rb"(20[12]\d)\d{4}", value_at(found, 0x00080020))
    assert value_at(found, 0x00080020) != b"20210317"
    assert value_at(found, 0x0008002A) == value_at(found, 0x00080020)
    assert value_at(found, 0x00080030) in (b"", b"000000")
    assert re.fullmatch(rb"[A-Z2-7]{16}", value_at(found, 0x00100020))
    assert re.fullmatch(rb"[A-Z2-7]{16}", value_at(found, 0x00081070))
    assert [code for code, _ in load_profile("gdpr-pseudonymous").codes] == ["113100", "113107", "113104"]


def test_a_teaching_case_keeps_age_and_sex_and_its_slides_together() -> None:
    case: Elements = {
        0x00100040: (b"CS", b"F"),
        0x00101010: (b"AS", b"052Y"),
        0x00080050: (b"SH", b"S21-4711"),
        0x00100010: (b"PN", b"Quimby^Hortensia"),
    }
    _, one = released("teaching", case)
    _, two = released("teaching", case | {0x00080018: (b"UI", b"1.2.826.0.1.3680043.10.1947.55.2")})

    assert (value_at(one, 0x00100040), value_at(one, 0x00101010)) == (b"F", b"052Y")
    for tag in (0x00100020, 0x00100010, 0x00080050):
        assert value_at(one, tag) == value_at(two, tag) != b""


@pytest.mark.parametrize("profile", shipped_names())
def test_a_shipped_profile_says_what_it_is_for_what_it_keeps_and_what_it_does_not_promise(
    profile: str,
) -> None:
    text = (shipped_folder() / f"{profile}.toml").read_text()
    head = text.partition("name = ")[0]

    assert load_profile(profile).title
    assert head.startswith("# ")
    if profile in NEW:
        assert "\n# Keeps: " in head
        assert "\n# What it does not promise:\n# - " in head
    assert {key: load_profile(profile).pixels[key] for key in ("LABEL", "OVERVIEW", "burned-in")} == {
        "LABEL": "drop",
        "OVERVIEW": "drop",
        "burned-in": "quarantine",
    }


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> CanarySlide:
    return make_canary_slide(tmp_path_factory.mktemp("canary") / "in")


@pytest.mark.peer
@pytest.mark.parametrize("profile", NEW)
def test_a_slide_has_no_new_error_of_its_iod_nor_an_inconsistency(
    slide: CanarySlide, tmp_path: Path, profile: str
) -> None:
    job = Job(tmp_path / "out", profile, (), bytes(range(32)), ephemeral=False, durable=False)
    before = {error for path in slide.files for error in dciodvfy(path)}

    list(deidentify_files(list(slide.files), job))

    files = sorted((tmp_path / "out").rglob("*.dcm"))
    assert len(files) == 3
    assert {error for path in files for error in dciodvfy(path)} - before == set()
    dropped = "Missing SOPInstanceUID that was referenced"  # the THUMBNAIL refers to the LABEL
    assert [line for line in dcentvfy(files) if dropped not in line] == []


@pytest.mark.parametrize("profile", NEW)
def test_nothing_planted_in_a_slide_leaves_and_its_codes_do(
    slide: CanarySlide, tmp_path: Path, profile: str
) -> None:
    job = Job(tmp_path / "out", profile, (), bytes(range(32)), ephemeral=False, deep=True, durable=False)

    results = [result for batch in deidentify_files(list(slide.files), job) for result in batch]

    assert [each.outcome for each in results] == ["cleared", "cleared", "cleared", "dropped", "dropped"]
    if profile == LIMITED:  # it keeps all dates but that of birth
        birth = {place: value for place, value in slide.dates.items() if "Birth" in place}
        slide = replace(slide, dates=birth)
    assert_no_canary([tmp_path / "out"], slide)
    assert_codes_kept(sorted((tmp_path / "out").rglob("*.dcm")), slide)
    for path in (tmp_path / "out").rglob("*.dcm"):
        assert dcmread(path).PatientIdentityRemoved == "YES"
