"""Specimen preparation steps: what is coded or measured stays, who and in which words does not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from dicomanon.actions import Context, dummy
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from dicomanon.pipeline import clear_in_memory
from dicomanon.pseudonym import Pseudonymizer
from tests.peers import dciodvfy
from tests.verify.made import KEY, PATIENT_ID, STUDY, cleaned, found_in, identity, opened, route_of, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements, Found

SPECIMEN, STEPS, CONTENT = 0x00400560, 0x00400610, 0x00400612
NAME, VALUE_TYPE, TEXT, CODE, NUMBER = 0x0040A043, 0x0040A040, 0x0040A160, 0x0040A168, 0x0040A30A
AT = (SPECIMEN, STEPS, CONTENT)


def code(value: bytes, scheme: bytes = b"SCT", meaning: bytes = b"Staining") -> Elements:
    return {0x00080100: (b"SH", value), 0x00080102: (b"SH", scheme), 0x00080104: (b"LO", meaning)}


def content(value_type: bytes, name: Elements, **more: Elements) -> Elements:
    return {VALUE_TYPE: (b"CS", value_type), NAME: (b"SQ", [name]), **more.get("value", {})}


IDENTIFIER = code(b"121041", b"DCM", b"Specimen Identifier")
DESCRIBED = code(b"111703", b"DCM", b"Processing step description")
STAIN = content(
    b"CODE", code(b"424361007"), value={CODE: (b"SQ", [code(b"12710003", meaning=b"hematoxylin stain")])}
)
WHO = content(b"PNAME", code(b"111704", b"DCM"), value={0x0040A123: (b"PN", b"CANARY^ANN")})
WHEN = content(b"DATETIME", code(b"111702", b"DCM"), value={0x0040A120: (b"DT", b"20210317091733")})
PARTIAL = content(b"DATETIME", code(b"111702", b"DCM"), value={0x0040A120: (b"DT", b"2021-03")})
OTHER_TIME = content(b"DATETIME", code(b"118247008"), value={0x0040A120: (b"DT", b"20210317091733")})
PARENT = content(b"TEXT", code(b"111705", b"DCM"), value={TEXT: (b"UT", b"S21-7309")})
ISSUER = content(b"TEXT", code(b"111706", b"DCM"), value={TEXT: (b"UT", b"CANARYISSUER")})
WORDS = content(b"TEXT", DESCRIBED, value={TEXT: (b"UT", b"CANARYWORDS")})
WHOSE = content(b"TEXT", IDENTIFIER, value={TEXT: (b"UT", b"S21-7309-A")})
LOCAL_NAME = content(b"CODE", code(b"CANARY1", b"99SITE"), value={CODE: (b"SQ", [code(b"12710003")])})
LOCAL_VALUE = content(b"CODE", code(b"424361007"), value={CODE: (b"SQ", [code(b"CANARY2", b"99SITE")])})
REFERENCE = content(
    b"UIDREF", code(b"121041", b"DCM"), value={0x0040A124: (b"UI", b"1.2.826.0.1.3680043.10.1947.9")}
)
HEAT = content(
    b"NUMERIC",
    code(b"246205007", meaning=b"Temperature"),
    value={NUMBER: (b"DS", b"37.5"), 0x004008EA: (b"SQ", [code(b"Cel", b"UCUM")])},
)


def prepared(
    *steps: list[Elements],
    syntax: str = EXPLICIT_LITTLE,
    profile: str = "research-wsi",
    options: tuple[str, ...] = (),
) -> Found:
    specimen: Elements = {
        0x00400551: (b"LO", b"S21-7309-A"),
        0x00400554: (b"UI", b"1.2.826.0.1.3680043.10.1947.8"),
        STEPS: (b"SQ", [{CONTENT: (b"SQ", step)} for step in steps]),
    }
    elements = identity() | {0x00400512: (b"LO", b"S21-7309-A"), SPECIMEN: (b"SQ", [specimen])}
    return cleaned(elements, profile, options, syntax=syntax)


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_codes_and_numbers_of_a_step_stay_and_persons_and_words_go(syntax: str) -> None:
    found = prepared(
        [STAIN, WHO, OTHER_TIME, WORDS, ISSUER, HEAT, LOCAL_NAME, LOCAL_VALUE, REFERENCE], syntax=syntax
    )

    assert value_at(found, *AT) == b"2 items"
    assert value_at(found, *AT, CODE, 0x00080100) == b"12710003"
    assert value_at(found, *AT, CODE, 0x00080104) == b"hematoxylin stain"
    assert value_at(found, *AT, NUMBER) == b"37.5"
    assert value_at(found, *AT, 0x004008EA, 0x00080100) == b"Cel"
    assert not any(b"CANARY" in value for values in found.values() for value in values)


def test_the_specimen_identifier_in_a_step_gets_the_pseudonym_it_has_elsewhere() -> None:
    found = prepared([WHOSE, STAIN])

    pseudonym = value_at(found, *AT, TEXT)
    assert pseudonym
    assert b"S21" not in pseudonym
    assert pseudonym == value_at(found, SPECIMEN, 0x00400551) == value_at(found, 0x00400512)


def test_a_step_of_which_nothing_may_stay_goes_as_a_whole() -> None:
    """Content items of a step are Type 1: none are not allowed."""
    found = prepared([WHO, OTHER_TIME], [STAIN], [WORDS])

    assert value_at(found, SPECIMEN, STEPS) == b"1 items"
    assert value_at(prepared([WHO]), SPECIMEN, STEPS) == b"0 items"


def test_the_basic_profile_empties_the_steps() -> None:
    assert value_at(prepared([STAIN], profile="basic"), SPECIMEN, STEPS) == b"0 items"


def test_an_item_that_lies_about_its_value_type_keeps_no_text() -> None:
    """A CODE item with a text, a person and a date beside its code."""
    liar = STAIN | {
        TEXT: (b"UT", b"CANARYTEXT"),
        0x0040A123: (b"PN", b"CANARY^PERSON"),
        0x0040A120: (b"DT", b"20210317091733"),
    }

    found = prepared([liar])

    assert not any(
        b"CANARY" in value or b"20210317" in value for values in found.values() for value in values
    )


def test_a_code_without_a_scheme_is_not_public() -> None:
    nameless = content(b"CODE", code(b"CANARY3", b""), value={CODE: (b"SQ", [code(b"12710003")])})

    assert value_at(prepared([nameless, STAIN]), *AT) == b"1 items"


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_the_parent_of_a_specimen_gets_the_pseudonym_it_has_as_a_specimen_of_its_own(syntax: str) -> None:
    as_child = content(b"TEXT", IDENTIFIER, value={TEXT: (b"UT", b"S21-7309")})

    found = prepared([WHOSE, PARENT, ISSUER, STAIN], [as_child], syntax=syntax)

    child, parent, itself = found[*AT, TEXT]
    assert parent == itself != child
    assert child == value_at(found, SPECIMEN, 0x00400551)
    assert not any(b"S21" in value for values in found.values() for value in values)


def test_the_moment_of_a_step_moves_by_the_days_of_the_patient() -> None:
    days = timedelta(days=Context(Pseudonymizer(KEY), PATIENT_ID, STUDY).shift())

    found = prepared([WHEN, STAIN])

    assert value_at(found, *AT, 0x0040A120) == f"{date(2021, 3, 17) - days:%Y%m%d}091733".encode()
    assert found[*AT, NAME, 0x00080100] == [b"111702", b"424361007"]


def test_the_moment_of_a_step_stays_with_full_dates_and_goes_without_dates() -> None:
    structured = "clean-structured-content"

    full = prepared([WHEN, STAIN], profile="basic", options=(structured, "retain-full-dates"))
    none = prepared([WHEN, STAIN], profile="basic", options=(structured,))

    assert value_at(full, *AT, 0x0040A120) == b"20210317091733"
    assert value_at(none, *AT) == b"1 items"


def test_a_moment_that_cannot_be_moved_is_not_kept() -> None:
    assert value_at(prepared([PARTIAL, STAIN]), *AT, 0x0040A120)[:8] == b"19000101"


@pytest.mark.peer
def test_where_a_real_block_came_from_can_still_be_told(corpus: Path, tmp_path: Path) -> None:
    context = Context(Pseudonymizer(KEY), b"", STUDY)
    source = corpus / "dicom/wsi/highdicom/sm_image.dcm"
    before = found_in(source.read_bytes())
    data = clear_in_memory(opened(source.read_bytes()), route_of("research-wsi", scope="test"))
    after = found_in(data)
    written = tmp_path / "after.dcm"
    written.write_bytes(data)

    meant = (b"121041", b"111705", b"111702")
    names = [[name for name in found[*AT, NAME, 0x00080100] if name in meant] for found in (before, after)]
    assert names[0] == names[1]
    assert names[0].count(b"111705") == 2
    assert names[0].count(b"111702") == 3
    identifiers = [text for text in before[*AT, TEXT] if text.startswith(b"S19")]
    assert after[*AT, TEXT] == [dummy(TEXT, b"UT", each, context) for each in identifiers]
    assert set(dciodvfy(written)) <= set(dciodvfy(source))
