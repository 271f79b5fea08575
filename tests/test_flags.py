from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon import __version__
from dicomanon.explain import explain
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from dicomanon.pipeline import clear_in_memory
from tests.verify.made import cleaned, file_of, found_in, identity, opened, route_of, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements, Found

REMOVED, METHOD, CODES, TEMPORAL, EQUIPMENT = 0x00120062, 0x00120063, 0x00120064, 0x00280303, 0x0018A001
CODE, SCHEME, MEANING, PURPOSE = 0x00080100, 0x00080102, 0x00080104, 0x0040A170

CLAIMS = [
    ((), [b"113100"], b"REMOVED"),
    (("retain-uids",), [b"113100", b"113110"], b"REMOVED"),
    (("retain-device-identity",), [b"113100", b"113109"], b"REMOVED"),
    (("retain-institution-identity",), [b"113100", b"113112"], b"REMOVED"),
    (("retain-patient-characteristics",), [b"113100", b"113108"], b"REMOVED"),
    (("retain-full-dates",), [b"113100", b"113106"], b"UNMODIFIED"),
    (("retain-full-dates", "no-scan-time"), [b"113100", b"113106"], b"MODIFIED"),
    (("retain-modified-dates",), [b"113100", b"113107"], b"MODIFIED"),
    (("keep-icc-text",), [b"113100"], b"REMOVED"),
    (("clean-structured-content",), [b"113100", b"113104"], b"REMOVED"),
    (("clean-descriptors",), [b"113100", b"113105"], b"REMOVED"),
    (("clean-graphics",), [b"113100", b"113103"], b"REMOVED"),
    (("retain-safe-private",), [b"113100", b"113111"], b"REMOVED"),
    (
        ("retain-uids", "clean-descriptors", "retain-modified-dates"),
        [b"113100", b"113110", b"113105", b"113107"],
        b"MODIFIED",
    ),
]


@pytest.mark.parametrize(("options", "codes", "temporal"), CLAIMS)
def test_the_output_claims_what_was_done_and_nothing_more(
    options: tuple[str, ...], codes: list[bytes], temporal: bytes
) -> None:
    found = cleaned(identity(), "basic", options)

    assert value_at(found, REMOVED) == b"YES"
    assert found[CODES, CODE] == codes
    assert set(found[CODES, SCHEME]) == {b"DCM"}
    assert len(found[CODES, MEANING]) == len(codes)
    assert value_at(found, TEMPORAL) == temporal


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_flags_stand_at_their_places_in_every_encoding(syntax: str) -> None:
    elements = identity() | {
        0x0018A001: (b"SQ", []),
        0x00280002: (b"US", b"\0\1" if syntax == EXPLICIT_BIG else b"\1\0"),
    }
    data = clear_in_memory(opened(file_of(elements, syntax)), route_of())
    tags = [entry.tag for entry in opened(data).entries or []]

    assert tags == sorted(set(tags))
    assert {REMOVED, METHOD, CODES, TEMPORAL, EQUIPMENT} <= set(tags)


def test_the_method_names_program_version_and_profile() -> None:
    assert value_at(cleaned(identity()), METHOD) == f"dicomanon {__version__}\\profile basic".encode()


def test_an_ephemeral_key_is_named_in_the_output() -> None:
    data = clear_in_memory(opened(file_of(identity())), route_of(ephemeral=True))

    values = value_at(found_in(data), METHOD).split(b"\\")
    assert b"ephemeral key: replacement values cannot be repeated" in values
    assert all(len(value) <= 64 for value in values)


def test_a_profile_with_a_foreign_name_breaks_no_character_set(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('extends = "basic"\nname = "Färbung\\\\heute"', encoding="utf-8")

    values = value_at(cleaned(identity(), str(path)), METHOD).split(b"\\")

    assert values[1] == b"profile F?rbung/heute"


def code(value: bytes, meaning: bytes = b"CANARYMEANING") -> Elements:
    return {CODE: (b"SH", value), SCHEME: (b"SH", b"DCM"), MEANING: (b"LO", meaning)}


def test_codes_of_an_earlier_de_identification_stay_in_the_words_of_the_standard() -> None:
    earlier: Elements = {
        REMOVED: (b"CS", b"NO"),
        METHOD: (b"LO", b"CANARYMETHOD of Dr Smith"),
        CODES: (b"SQ", [code(b"113105"), code(b"CANARYCODE"), code(b"113100")]),
    }

    found = cleaned(identity() | earlier, "basic", ["retain-uids"])

    assert found[CODES, CODE] == [b"113105", b"113100", b"113110"]
    assert found[CODES, MEANING][0] == b"Clean Descriptors Option"
    assert value_at(found, REMOVED) == b"YES"
    assert not any(b"CANARY" in value for values in found.values() for value in values)


def equipment(found: Found) -> list[bytes]:
    return found.get((EQUIPMENT, 0x00081090), [])


def test_the_program_is_among_the_contributing_equipment_once_even_after_another_run() -> None:
    scanner: Elements = {
        0x00080070: (b"LO", b"Scanner Works"),
        0x00081090: (b"LO", b"Model 7"),
        PURPOSE: (b"SQ", [code(b"109101")]),
    }
    elements = identity() | {EQUIPMENT: (b"SQ", [scanner])}

    once = clear_in_memory(opened(file_of(elements)), route_of())
    twice = clear_in_memory(opened(once), route_of())

    assert equipment(found_in(once)) == equipment(found_in(twice)) == [b"Model 7", b"dicomanon"]
    assert found_in(twice)[EQUIPMENT, PURPOSE, CODE][-1] == b"109104"
    assert value_at(found_in(twice), CODES) == value_at(found_in(once), CODES) == b"1 items"


def test_the_program_is_among_the_contributing_equipment_where_there_was_none() -> None:
    assert equipment(cleaned(identity())) == [b"dicomanon"]
    assert equipment(cleaned(identity() | {EQUIPMENT: (b"SQ", [])})) == [b"dicomanon"]


def test_what_other_equipment_says_of_people_and_places_goes() -> None:
    other: Elements = {
        0x00080070: (b"LO", b"Scanner Works"),
        0x00080080: (b"LO", b"CANARYHOSPITAL"),
        0x00081070: (b"PN", b"CANARY^OPERATOR"),
        0x0018A002: (b"DT", b"20210317091733"),
        0x0018A003: (b"ST", b"CANARYWORDS"),
        PURPOSE: (b"SQ", [code(b"109101", b"Acquisition Equipment")]),
    }

    found = cleaned(identity() | {EQUIPMENT: (b"SQ", [other])})

    assert not any(
        b"CANARY" in value or b"20210317" in value for values in found.values() for value in values
    )
    assert found[EQUIPMENT, 0x00080070] == [b"Scanner Works", b"dicomanon"]


@pytest.mark.parametrize(
    ("before", "option", "after"),
    [
        (b"MODIFIED", "retain-full-dates", b"MODIFIED"),
        (b"REMOVED", "retain-full-dates", b"REMOVED"),
        (b"REMOVED", "retain-modified-dates", b"REMOVED"),
        (b"MODIFIED", "retain-modified-dates", b"MODIFIED"),
        (b"UNMODIFIED", "retain-modified-dates", b"MODIFIED"),
        (b"UNMODIFIED", "retain-full-dates", b"UNMODIFIED"),
        (b"MODIFIED", "", b"REMOVED"),
        (b"", "retain-full-dates", b"UNMODIFIED"),
        (b"CANARYWORD", "retain-full-dates", b"UNMODIFIED"),
    ],
)
def test_what_was_done_to_the_dates_before_is_never_taken_back(
    before: bytes, option: str, after: bytes
) -> None:
    found = cleaned(identity() | {TEMPORAL: (b"CS", before)}, "basic", [option] if option else [])

    assert value_at(found, TEMPORAL) == after


def test_a_method_that_the_source_names_is_replaced_and_explain_says_so() -> None:
    (rule,) = explain("research-wsi", (), "DeidentificationMethod")["rules"]

    found = cleaned(identity() | {METHOD: (b"LO", b"CANARYMETHOD of Dr Smith")}, "research-wsi")

    assert rule["action"] == "X/Z/D"
    assert "in its place" in rule["reason"]
    assert value_at(found, METHOD) == f"dicomanon {__version__}\\profile research-wsi".encode()


def test_codes_come_in_the_order_of_the_options_and_those_of_an_instance_last() -> None:
    options = ["clean-recognizable-visual-features", "retain-uids", "clean-descriptors", "clean-pixel-data"]
    deidentifier = route_of("basic", options).deidentifier
    instance = opened(file_of(identity()))
    codes = (b"113100", b"113110", b"113105", b"113102")

    held = deidentifier(instance, ("113102",)).header
    places = [held.index(code) for code in codes]

    assert places == sorted(places)
    assert b"113101" not in held
    assert b"113102" not in deidentifier(instance).header


def test_what_holds_of_an_instance_is_not_claimed_where_the_option_is_not_chosen() -> None:
    held = route_of("basic").deidentifier(opened(file_of(identity())), ("113101", "113102")).header

    assert b"11310" in held
    assert b"113101" not in held
    assert b"113102" not in held
