"""A search that cries wolf is switched off: what is no leak is no finding."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

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
