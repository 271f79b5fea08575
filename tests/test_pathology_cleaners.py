"""The cleaners of the options for pathology, value by value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomanon.actions import CLEANERS, Context
from dicomanon.identifying import names_nobody
from dicomanon.labels import is_label
from dicomanon.pseudonym import Pseudonymizer
from tests.verify.made import KEY, STUDY

CONTEXT = Context(Pseudonymizer(KEY), b"MRN-1", STUDY)


def accession(case: str) -> str:
    return Pseudonymizer(KEY).identifier("AccessionNumber", case.encode())


@pytest.mark.parametrize(
    ("identifier", "case", "suffix"),
    [
        ("S21-1234-A-2-1", "S21-1234", "-A-2-1"),
        ("S21-1234-A", "S21-1234", "-A"),
        ("2021-00123.B1.2 ", "2021-00123", ".B1.2"),
        ("H 4711 C 3", "H 4711", " C 3"),
        ("S21-1234_A12", "S21-1234", "_A12"),
        ("S21-1234", "S21-1234", ""),
        ("S21-1234-2-1", "S21-1234-2-1", ""),
        ("2021-03-17", "2021-03-17", ""),
        ("S21-A-1", "S21-A-1", ""),
        ("S21-12-A-1", "S21-12-A-1", ""),
        ("Smith-J-2", "Smith-J-2", ""),
        ("4711-JD", "4711-JD", ""),
        ("4711-J-Doe", "4711-J-Doe", ""),
        ("4711-D17-03-21", "4711-D17-03-21", ""),
        ("4711-A-2-1-9", "4711-A-2-1-9", ""),
        ("4711-A-123", "4711-A-123", ""),
        ("4711-A 5678-B-2", "4711-A 5678", "-B-2"),
        ("4711-A\\5678-B", "4711-A\\5678-B", ""),
    ],
)
def test_only_short_parts_behind_the_number_of_the_case_survive(
    identifier: str, case: str, suffix: str
) -> None:
    found = CLEANERS["suffix"](0x00400551, b"LO", identifier.encode(), CONTEXT)

    assert found == (accession(case) + suffix).encode()


@given(
    st.text("AS2019-_. /:-\\Jd^", min_size=1, max_size=24).filter(
        lambda text: not names_nobody(text.encode())
    )
)
def test_of_any_identifier_no_three_letters_or_digits_in_a_row_survive(identifier: str) -> None:
    found = CLEANERS["suffix"](0x00400551, b"LO", identifier.encode(), CONTEXT)

    assert found is not None
    pseudonym, suffix = found[:16].decode(), found[16:].decode()
    assert re.fullmatch("[A-Z2-7]{16}", pseudonym)
    assert sum(map(str.isdigit, suffix)) <= 4
    assert not re.search(r"[A-Za-z]{2}|[0-9]{3}|\\|\^", suffix)
    assert not suffix or identifier.strip(" ").endswith(suffix)
    assert not suffix or re.search("[0-9]{3}$", identifier.strip(" ").removesuffix(suffix))


@pytest.mark.parametrize("value", [b"", b" ", b"?", b"UNKNOWN"])
def test_an_identifier_that_names_nothing_is_no_case(value: bytes) -> None:
    assert CLEANERS["suffix"](0x00400551, b"LO", value, CONTEXT) is None
    assert CLEANERS["suffix"](0x00400551, b"OB", b"S21-1234-A", CONTEXT) is None


@pytest.mark.parametrize("cleaner", ["day", "month", "year", "shift-day", "shift-month", "shift-year"])
@pytest.mark.parametrize(
    "value", [b"yesterday", b"20211", b"20210230", b"19000101", b"21500101", b"20210317x", b"20210317\\x"]
)
def test_what_is_no_date_is_not_made_coarse_but_goes(cleaner: str, value: bytes) -> None:
    assert CLEANERS[cleaner](0x0008002A, b"DT", value, CONTEXT) is None


@pytest.mark.parametrize(
    ("cleaner", "vr", "value", "left"),
    [
        ("month", b"DT", b"20210317091733.417253+0100", b"202103"),
        ("month", b"DT", b"202103", b"202103"),
        ("year", b"DT", b"202103", b"2021"),
        ("month", b"DT", b"2021", b"202101"),
        ("month", b"DA", b"20210317\\20200229", b"20210301\\20200201"),
        ("month", b"DA", b"", b""),
        ("day", b"TM", b"101112", None),
        ("day", b"LO", b"20210317", None),
    ],
)
def test_a_coarse_date_is_a_valid_one(cleaner: str, vr: bytes, value: bytes, left: bytes | None) -> None:
    assert CLEANERS[cleaner](0x0008002A, vr, value, CONTEXT) == left


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("Brightfield illumination", True),
        ("Fluorescence (DAPI, 405nm)", True),
        ("Channel 3", True),
        ("TotalPixelMatrixOriginSequence", True),
        ("Patient's Name", True),
        ("", True),
        ("Brightfield Smith", False),
        ("555-123-45", False),
        ("1-2-3", False),
        ("17 red", False),
        ("Dr. Green", False),
        ("S21-4711", False),
    ],
)
def test_a_label_of_any_other_word_goes(text: str, *, harmless: bool) -> None:
    assert is_label(text) == harmless
    kept = CLEANERS["label"](0x00480107, b"ST", text.encode(), CONTEXT)
    assert kept == (text.encode() if harmless else None)
