"""A search that cries wolf is switched off: what is no leak is no finding."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from dicomanon.standard.codes import SCHEMES, is_public
from tests.verify.made import Elements, route_of
from tests.verify.planted import check, cleared, source, with_text


def stained(name: str, **more: bytes) -> Elements:
    code: Elements = {
        0x00080100: (b"SH", b"103128001"),
        0x00080102: (b"SH", b"SCT"),
        0x00080104: (b"LO", b"Bismarck brown stain"),
    }
    return source(name, **more) | {0x00400518: (b"SQ", [code])}


@pytest.mark.parametrize(
    "elements",
    [
        stained("Brown^Charles"),
        stained("Bismarck"),
        source("Philips^Hans", manufacturer=b"Philips"),
        source("Philips", manufacturer=b"PHILIPS MEDICAL"),
        source(patient=b"10008"),
        source(patient=b"456789"),
        source(patient=b"56789"),
        source(accession=b"64"),
        source()
        | {0x00280030: (b"DS", b"0.000250\\0.345678"), 0x00280008: (b"IS", b"1000")}
        | {0x00100020: (b"LO", b"345678")},
        source(patient=b"1000") | {0x00280008: (b"IS", b"1000")},
        source() | {0x00091001: (b"LO", b"Scanner Works"), 0x00081010: (b"SH", b"Scanner Works")},
    ],
)
def test_a_common_word_or_number_is_no_false_alarm(elements: Elements) -> None:
    data, values, verifier = cleared(elements)

    assert check(data, values, verifier, deep=True) == []
    assert b"canary" not in data.lower()


BORN_12_OCTOBER_1941 = {0x00100030: (b"DA", b"19411012")}


@pytest.mark.parametrize(
    ("tag", "vr", "text"),
    [
        (0x00280008, b"IS", b"121041"),
        (0x00280030, b"DS", b"411012\\121041"),
        (0x00080033, b"TM", b"101241.5"),
        (0x0008002A, b"DT", b"20100101121041"),
        (0x00080018, b"UI", b"2.25.121041.7"),
        (0x00200010, b"SH", b"KQ121041AB"),
    ],
)
def test_a_date_in_short_says_nothing_in_numbers_times_uids_and_pseudonyms(
    tag: int, vr: bytes, text: bytes
) -> None:
    data, values, verifier = cleared(source() | BORN_12_OCTOBER_1941)
    planted = check(with_text(data, text, tag, vr), values, verifier)

    assert [each for each in planted if each.check == "value"] == []
    assert check(with_text(data, b"121041"), values, verifier)


@pytest.mark.parametrize(("tag", "vr"), [(0x00080033, b"TM"), (0x00080013, b"TM")])
def test_six_digits_of_an_identifier_say_nothing_in_a_time(tag: int, vr: bytes) -> None:
    data, values, verifier = cleared(source(accession=b"S19-121041"))

    assert check(with_text(data, b"121041", tag, vr), values, verifier) == []


@pytest.mark.parametrize(
    "elements", [source(patient=b"MRN 113100"), source() | {0x00100030: (b"DA", b"20001131")}]
)
def test_six_digits_that_are_a_public_code_are_no_false_alarm(elements: Elements) -> None:
    data, values, verifier = cleared(elements)

    assert b"113100" in data  # De-identification Method Code Sequence
    assert check(data, values, verifier, deep=True) == []


def test_the_day_that_an_accession_number_begins_with_is_looked_for_as_a_date_alone() -> None:
    data, values, verifier = cleared(source(accession=b"20210317-0091"))

    assert {form.kind for form in values.forms() if form.needle == b"20210317"} == {"date"}
    assert check(with_text(data, b"202103170091"), values, verifier)


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if is_public("121041", scheme)])
def test_six_digits_that_are_a_code_of_any_public_vocabulary_are_no_false_alarm(scheme: str) -> None:
    code: Elements = {
        0x00080100: (b"SH", b"121041"),
        0x00080102: (b"SH", scheme.encode()),
        0x00080104: (b"LO", b"stain"),
    }
    data, values, verifier = cleared(source(accession=b"S19-121041") | {0x00400518: (b"SQ", [code])})

    assert b"121041" in data
    assert check(data, values, verifier) == []


def test_the_same_name_in_free_text_is_an_alarm_all_the_same() -> None:
    data, values, verifier = cleared(stained("Brown^Charles"))

    assert check(with_text(data, b"slide of Mr Brown"), values, verifier)
    assert check(with_text(data, b"Brown, Charles", 0x00080070, b"LO"), values, verifier)


def test_dates_that_move_onto_other_dates_of_the_source_are_no_false_alarm() -> None:
    route = route_of("research-wsi")
    days = route.deidentifier.pseudonymizer.date_shift(b"MRN-7309177")
    study = date(2021, 3, 17)
    series = study - timedelta(days=days)
    elements = source() | {0x00080021: (b"DA", f"{series:%Y%m%d}".encode())}

    data, values, verifier = cleared(elements, "research-wsi")

    assert f"{series:%Y%m%d}".encode() in data  # where Study Date went
    assert check(data, values, verifier, deep=True) == []


@pytest.mark.parametrize("patient", [b"456789", b"56789"])
def test_a_patient_id_that_every_jpeg_frame_has_in_its_tables_is_no_false_alarm(patient: bytes) -> None:
    data, values, verifier = cleared(source(patient=patient))

    assert b"*" + patient + b":" in data
    assert check(data, values, verifier) == []
    assert check(with_text(data, b"MRN " + patient), values, verifier)
