"""The shipped profiles do what their heads say; the 18 identifiers of Safe Harbor one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon.batch import Job, deidentify_files
from dicomanon.errors import UnsupportedError
from dicomanon.part10.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import clear_in_memory
from dicomanon.pixels import verdict
from dicomanon.profile import load_profile, shipped_folder, shipped_names
from tests.canary import assert_codes_kept, assert_no_canary, make_canary_slide
from tests.peers import dcentvfy, dciodvfy
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


@dataclass(frozen=True, slots=True)
class Identifier:
    """One line of 45 CFR 164.514(b)(2)(i): `elements` are planted at the top level, and `values` looked for."""

    letter: str
    what: str
    values: tuple[bytes, ...]
    elements: Elements


def texts(value: bytes) -> Elements:
    """Return attributes of free text, at the top level and in a sequence, and a private one, that say a value."""
    said = b"patient says " + value + b" is right"
    return {
        0x00104000: (b"LT", said),
        0x00204000: (b"LT", said),
        0x00081030: (b"LO", said[:64]),
        0x00189424: (b"LT", said),
        0x0040051A: (b"LO", said[:64]),
        0x00090010: (b"LO", b"SCANNERCO"),
        0x00091001: (b"LO", said[:64]),
        0x00091002: (b"OB", said + bytes(len(said) % 2)),
        0x00400560: (
            b"SQ",
            [
                {
                    0x00400551: (b"LO", b"A-1"),
                    0x00400554: (b"UI", b"1.2.826.0.1.3680043.10.1947.55.90"),
                    0x00400600: (b"LO", said[:64]),
                    0x00400602: (b"UT", said),
                    0x00400562: (b"SQ", []),
                    0x00400610: (
                        b"SQ",
                        [{0x00400612: (b"SQ", [{0x0040A040: (b"CS", b"TEXT"), 0x0040A160: (b"UT", said)}])}],
                    ),
                }
            ],
        ),
    }


IDENTIFIERS = (
    Identifier(
        "A",
        "names",
        (b"Quimby", b"Hortensia", b"Zwingli", b"Opsimath", b"Fabricius"),
        texts(b"Hortensia Quimby")
        | {
            0x00100010: (b"PN", b"Quimby^Hortensia"),
            0x00101001: (b"PN", b"Zwingli^Hortensia"),
            0x00101005: (b"PN", b"Zwingli"),
            0x00101060: (b"PN", b"Opsimath"),
            0x00102297: (b"PN", b"Quimby^Fabricius"),
            0x00080090: (b"PN", b"Fabricius^Dr"),
            0x00081070: (b"PN", b"Opsimath^O"),
        },
    ),
    Identifier(
        "B",
        "geographic subdivisions smaller than a state",
        (b"7 Canary Lane", b"Birdsville", b"04711", b"Finch County", b"St Elsewhere"),
        texts(b"7 Canary Lane, 04711 Birdsville")
        | {
            0x00101040: (b"LO", b"7 Canary Lane, 04711 Birdsville"),
            0x00102152: (b"LO", b"Finch County"),
            0x00080080: (b"LO", b"St Elsewhere"),
            0x00080081: (b"ST", b"9 Hospital Road, 04711 Birdsville"),
            0x00380300: (b"LO", b"Ward 5, Birdsville"),
            0x00380400: (b"LO", b"Home of Birdsville"),
        },
    ),
    Identifier(
        "C",
        "dates more specific than the year, and ages over 89",
        (
            b"19310417",
            b"17.04.1931",
            b"04/17/1931",
            b"20210317",
            b"091733",
            b"093Y",
            b"93 years",
            b"20200229",
        ),
        texts(b"born 17.04.1931 (04/17/1931), 93 years old, seen 20210317")
        | {
            0x00100030: (b"DA", b"19310417"),
            0x00100032: (b"TM", b"091733"),
            0x00101010: (b"AS", b"093Y"),
            0x00080020: (b"DA", b"20210317"),
            0x00080030: (b"TM", b"091733"),
            0x0008002A: (b"DT", b"20210317091733.000000+0100"),
            0x00080023: (b"DA", b"20210317"),
            0x00080033: (b"TM", b"091733"),
            0x00080012: (b"DA", b"20210317"),
            0x00380020: (b"DA", b"20200229"),
        },
    ),
    Identifier(
        "D",
        "telephone numbers",
        (b"555-0142-77", b"555-0199-88"),
        texts(b"555-0142-77") | {0x00102154: (b"SH", b"555-0142-77"), 0x00080094: (b"SH", b"555-0199-88")},
    ),
    Identifier(
        "E",
        "fax numbers",
        (b"555-0311-66",),
        texts(b"fax 555-0311-66") | {0x00102155: (b"LT", b"fax 555-0311-66")},
    ),
    Identifier(
        "F",
        "electronic mail addresses",
        (b"h.quimby@example.org",),
        texts(b"h.quimby@example.org") | {0x00102155: (b"LT", b"h.quimby@example.org")},
    ),
    Identifier(
        "G",
        "social security numbers",
        (b"078-05-1120", b"078051120"),
        texts(b"078-05-1120")
        | {
            0x00101000: (b"LO", b"078-05-1120"),
            0x00101002: (
                b"SQ",
                [{0x00100020: (b"LO", b"078051120"), 0x00100022: (b"CS", b"TEXT")}],
            ),
        },
    ),
    Identifier(
        "H",
        "medical record numbers",
        (b"MRN-5550777", b"5550777"),
        texts(b"MRN-5550777") | {0x00100020: (b"LO", b"MRN-5550777"), 0x00101090: (b"LO", b"MRN-5550777")},
    ),
    Identifier(
        "I",
        "health plan beneficiary numbers",
        (b"HPB99871234",),
        texts(b"HPB99871234")
        | {
            0x00101050: (b"LO", b"HPB99871234"),
            0x00100050: (
                b"SQ",
                [{0x00080100: (b"SH", b"HPB99871234"), 0x00080104: (b"LO", b"HPB99871234")}],
            ),
        },
    ),
    Identifier(
        "J",
        "account numbers",
        (b"ACCT-778812", b"ADM-662211", b"S21-4711", b"EPI-313131", b"REQ-90909"),
        texts(b"ACCT-778812")
        | {
            0x00380010: (b"LO", b"ADM-662211"),
            0x00380060: (b"LO", b"EPI-313131"),
            0x00080050: (b"SH", b"S21-4711"),
            0x00400275: (
                b"SQ",
                [{0x00401001: (b"SH", b"REQ-90909"), 0x00080050: (b"SH", b"S21-4711")}],
            ),
            0x00402016: (b"LO", b"ACCT-778812"),
        },
    ),
    Identifier(
        "K",
        "certificate and license numbers",
        (b"LIC-20817755",),
        texts(b"LIC-20817755")
        | {
            0x00081049: (
                b"SQ",
                [{0x00401101: (b"SQ", [{0x00080100: (b"SH", b"LIC-20817755")}]), 0x00080080: (b"LO", b"x")}],
            ),
        },
    ),
    Identifier(
        "L",
        "vehicle identifiers and license plates",
        (b"WVWZZZ1JZXW000001", b"B-CD 4711"),
        texts(b"WVWZZZ1JZXW000001 B-CD 4711"),
    ),
    Identifier(
        "M",
        "device identifiers and serial numbers",
        (b"SN-88123477", b"88123477", b"1.2.826.0.1.3680043.10.1947.88", b"GANTRY-31", b"UDI0123456789"),
        texts(b"SN-88123477")
        | {
            0x00181000: (b"LO", b"SN-88123477"),
            0x00181002: (b"UI", b"1.2.826.0.1.3680043.10.1947.88"),
            0x00181008: (b"LO", b"GANTRY-31"),
            0x0018100A: (b"SQ", [{0x00181009: (b"UT", b"(01)UDI0123456789")}]),
            0x0018A001: (
                b"SQ",
                [
                    {
                        0x00080070: (b"LO", b"maker"),
                        0x00181000: (b"LO", b"SN-88123477"),
                        0x00181002: (b"UI", b"1.2.826.0.1.3680043.10.1947.88"),
                    }
                ],
            ),
        },
    ),
    Identifier(
        "N",
        "web URLs",
        (b"portal.example.org/quimby",),
        texts(b"https://portal.example.org/quimby")
        | {
            0x00081190: (b"UR", b"https://portal.example.org/quimby"),
            0x00404073: (b"UR", b"https://portal.example.org/quimby"),
        },
    ),
    Identifier(
        "O",
        "IP addresses",
        (b"192.0.2.147",),
        texts(b"192.0.2.147")
        | {
            0x00081010: (b"SH", b"192.0.2.147"),
            0x00080055: (b"AE", b"192.0.2.147"),
            0x00081000: (b"AE", b"192.0.2.147"),
        },
    ),
    Identifier(
        "P",
        "biometric identifiers",
        (b"FINGERPRINTMINUTIAE", b"VOICEPRINT4711"),
        texts(b"VOICEPRINT4711")
        | {
            0x00290010: (b"LO", b"BIOMETRICS"),
            0x00291001: (b"OB", b"FINGERPRINTMINUTIAE0"),
            0x50002000: (b"US", b"\1\0"),
            0x5000200C: (b"OW", b"VOICEPRINT4711"),
        },
    ),
    Identifier(
        "Q",
        "photographs of faces",
        (b"JPEGOFAFACE",),
        {0x00880200: (b"SQ", [{0x00280010: (b"US", b"\1\0"), 0x7FE00010: (b"OW", b"JPEGOFAFACE0")}])},
    ),
    Identifier(
        "R",
        "any other unique number or code",
        (
            b"TRIAL-SUBJ-31",
            b"STUDY-771",
            b"S21-4711-A-2-1",
            b"BARCODE-S21",
            b"1.2.826.0.1.3680043.10.1947.77",
        ),
        texts(b"S21-4711-A-2-1")
        | {
            0x00120040: (b"LO", b"TRIAL-SUBJ-31"),
            0x00200010: (b"SH", b"STUDY-771"),
            0x00400512: (b"LO", b"S21-4711-A-2-1"),
            0x22000005: (b"LT", b"BARCODE-S21"),
            0x22000002: (b"UT", b"BARCODE-S21"),
            0x00200052: (b"UI", b"1.2.826.0.1.3680043.10.1947.77.1"),
            0x00080014: (b"UI", b"1.2.826.0.1.3680043.10.1947.77.2"),
        },
    ),
)
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


def test_a_limited_data_set_keeps_dates_ages_and_the_region_and_does_not_claim_the_basic_profile() -> None:
    (dates,) = [each for each in IDENTIFIERS if each.letter == "C"]
    region: Elements = {0x00102152: (b"LO", b"Finch County"), 0x00102150: (b"LO", b"Freedonia")}
    _, found = released(LIMITED, dates.elements | region)

    assert value_at(found, 0x00080020) == b"20210317"
    assert value_at(found, 0x0008002A).startswith(b"20210317091733")
    assert value_at(found, 0x00101010) == b"093Y"
    assert value_at(found, 0x00100030) == b""
    assert value_at(found, 0x00102152) == b"Finch County"
    assert value_at(found, 0x00102150) == b"Freedonia"
    assert value_at(found, 0x00280303) == b"UNMODIFIED"
    assert b"113100" not in found[0x00120064, 0x00080100]


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
