from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomanon.actions import ACTIONS, SENTINEL_DATES, Context, dummy, replace_uid, resolve, shift_date
from dicomanon.errors import RefusedError
from dicomanon.pseudonym import Pseudonymizer
from tests.verify.made import KEY, PATIENT_ID, ROOT, STUDY, cleaned, identity, value_at

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements, Found

VRS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV"),
    *("OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"),
)
CONTEXT = Context(Pseudonymizer(KEY), PATIENT_ID, STUDY)
OTHER_PATIENT = Context(Pseudonymizer(KEY), b"MRN-2", STUDY)
NOBODY = Context(Pseudonymizer(KEY), b"", STUDY)
DAYS = CONTEXT.shift()
DATE, MOMENT = 0x00080020, 0x0008002A


def shifted(value: bytes, vr: bytes = b"DA", context: Context = CONTEXT) -> bytes | None:
    return shift_date(DATE if vr == b"DA" else MOMENT, vr, value, context)


def day(text: bytes) -> date:
    return date.fromisoformat(text[:8].decode())


DAYS_THAT_SAY_SOMETHING = st.dates(date(1930, 1, 1), date(2090, 1, 1)).filter(
    lambda day: f"{day:%Y%m%d}" not in SENTINEL_DATES
)


@given(DAYS_THAT_SAY_SOMETHING, DAYS_THAT_SAY_SOMETHING)
def test_intervals_of_one_patient_survive_leap_days_included(first: date, second: date) -> None:
    one, two = shifted(f"{first:%Y%m%d}".encode()), shifted(f"{second:%Y%m%d}".encode())

    assert one is not None
    assert two is not None
    assert day(two) - day(one) == second - first
    assert first - day(one) == timedelta(days=DAYS)


@pytest.mark.parametrize("text", [b"20240229", b"20000229", b"20240301", b"20231231"])
def test_dates_around_leap_days_stay_dates(text: bytes) -> None:
    moved = shifted(text)

    assert moved is not None
    assert day(moved) == day(text) - timedelta(days=DAYS)


def test_two_patients_move_by_different_days() -> None:
    assert shifted(b"20210317") != shifted(b"20210317", context=OTHER_PATIENT)


@pytest.mark.parametrize(
    ("rest", "zone"),
    [
        (b"", b""),
        (b"09", b""),
        (b"0917", b""),
        (b"091733", b""),
        (b"091733.4", b""),
        (b"091733.417253", b""),
        (b"091733.417253", b"+0100"),
        (b"0917", b"-0530"),
        (b"", b"+0000"),
    ],
)
def test_a_moment_keeps_time_of_day_and_fraction_and_its_zone_where_zones_stay(
    rest: bytes, zone: bytes
) -> None:
    moved = shifted(b"20210317" + rest + zone, b"DT")
    with_zone = shifted(b"20210317" + rest + zone, b"DT", replace(CONTEXT, keeps_zone=True))

    assert moved == (shifted(b"20210317") or b"") + rest
    assert with_zone == moved + zone


def test_the_zone_of_a_moment_stays_no_longer_than_the_one_of_the_instance(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'extends = "research-wsi"\n[[override]]\nkeyword = "TimezoneOffsetFromUTC"\naction = "K"\n'
        'reason = "one country"\n'
    )
    elements = identity() | {
        MOMENT: (b"DT", b"20210317091733-0500"),
        0x00080201: (b"SH", b"-0500"),
    }

    gone, stays = cleaned(elements, "research-wsi"), cleaned(elements, str(profile))

    assert (0x00080201,) not in gone
    assert b"-" not in value_at(gone, MOMENT)
    assert value_at(stays, 0x00080201) == b"-0500"
    assert value_at(stays, MOMENT) == value_at(gone, MOMENT) + b"-0500"
    full = cleaned(elements, "basic", ["retain-full-dates"])
    assert value_at(full, MOMENT) == b"20210317091733-0500"


def test_each_of_several_dates_moves() -> None:
    assert shifted(b"20210317\\20210318\\") == b"\\".join(
        (shifted(b"20210317") or b"", shifted(b"20210318") or b"", b"")
    )


@pytest.mark.parametrize(
    "text",
    [
        b"2021",
        b"202103",
        b"20210230",
        b"2021.02.30",
        b"2021-03-17",
        b"20210317 SMITH",
        b"SMITH",
        b"20210317-20210318",
        b"00010101",
        b"20210317\\2021",
    ],
)
def test_a_partial_or_broken_date_is_not_kept(text: bytes) -> None:
    assert shifted(text) is None


@given(st.dates(date(1940, 1, 1), date(2090, 12, 31)), st.dates(date(1940, 1, 1), date(2090, 12, 31)))
def test_partial_moments_keep_their_precision_and_their_order(one: date, other: date) -> None:
    for form in ("%Y%m", "%Y"):
        texts = [f"{each:{form}}".encode() for each in sorted((one, other))]
        moved = [shifted(text, b"DT") for text in texts]
        known = [text for text in texts if any(each.startswith(text.decode()) for each in SENTINEL_DATES)]
        assert [new is None for new in moved] == [text in known for text in texts]
        if not known:
            assert [len(new or b"") for new in moved] == [len(text) for text in texts]
            assert (moved[0] or b"") <= (moved[1] or b"")


def test_a_date_with_full_stops_moves_as_one_without() -> None:
    assert shifted(b"2021.03.17") == shifted(b"20210317")


@pytest.mark.parametrize(
    "rest", [b"12345678901234567", b"..........", b"091733SMITH", b"0917330100555", b"99", b"+9999"]
)
def test_what_follows_a_date_and_is_no_time_is_not_kept(rest: bytes) -> None:
    assert shifted(b"20210317" + rest, b"DT") is None


def test_an_empty_date_stays_empty_even_without_a_patient() -> None:
    assert shifted(b"", context=NOBODY) == b""
    assert shifted(b"  ", context=NOBODY) == b""


def test_without_patient_no_date_is_moved() -> None:
    with pytest.raises(RefusedError, match="scope"):
        shifted(b"20210317", context=NOBODY)


@pytest.mark.parametrize(
    "vr",
    [vr for vr in VRS if vr != "SQ"],
)
def test_a_dummy_is_never_empty_fits_its_vr_and_says_nothing_of_the_value(vr: str) -> None:
    value = b"CANARYVALUE"
    new = dummy(0x00081030, vr.encode(), value, CONTEXT)

    assert new
    assert value not in new
    sizes = {"AT": 4, "FD": 8, "FL": 4, "SL": 4, "SS": 2, "SV": 8, "UL": 4, "US": 2, "UV": 8}
    assert len(new) == sizes.get(vr, len(new))
    assert vr not in ("AE", "SH", "CS") or len(new) <= 16
    assert vr != "CS" or re.fullmatch(rb"[A-Z0-9_ ]+", new)
    assert (
        vr not in ("OB", "OW", "OD", "OF", "OL", "OV", "UN")
        or len(new) % {"OD": 8, "OF": 4, "OL": 4, "OV": 8}.get(vr, 2) == 0
    )


def test_equal_values_stay_equal_and_others_stay_apart() -> None:
    assert dummy(0x00080050, b"SH", b"S21-1", CONTEXT) == dummy(0x00080050, b"SH", b"S21-1 ", CONTEXT)
    assert dummy(0x00080050, b"SH", b"S21-1", CONTEXT) != dummy(0x00080050, b"SH", b"S21-2", CONTEXT)


def test_name_and_id_of_a_patient_become_one_pseudonym() -> None:
    name = dummy(0x00100010, b"PN", b"Smith^Ann", CONTEXT)

    assert name == dummy(0x00100020, b"LO", PATIENT_ID, CONTEXT)
    assert name == dummy(0x00100010, b"PN", b"Smith^A.", CONTEXT)
    assert name != dummy(0x00100010, b"PN", b"Smith^Ann", OTHER_PATIENT)


def test_patients_whom_nobody_names_do_not_become_one() -> None:
    with pytest.raises(RefusedError, match="scope"):
        dummy(0x00100020, b"LO", b"", NOBODY)


def test_container_and_specimen_that_were_equal_stay_equal() -> None:
    container = dummy(0x00400512, b"LO", b"S21-1-A", CONTEXT)

    assert (
        container
        == dummy(0x00400551, b"LO", b"S21-1-A", CONTEXT)
        == dummy(0x0040A160, b"UT", b"S21-1-A ", CONTEXT)
    )
    assert container != dummy(0x00080050, b"SH", b"S21-1-A", CONTEXT)


def test_uids_that_the_standard_defines_stay_and_all_others_are_mapped_each() -> None:
    talairach = b"1.2.840.10008.1.4.1.1"  # a well-known frame of reference (PS3.6 Annex A)
    value = talairach + b"\\1.2.3\\\\1.2.3\0"
    new = replace_uid(0x00200052, b"UI", value, CONTEXT)

    assert new is not None
    standard, one, empty, two = new.split(b"\\")
    assert standard == talairach
    assert one == two == CONTEXT.pseudonymizer.uid(b"1.2.3")
    assert empty == b""
    assert replace_uid(0, b"UI", b"", CONTEXT) == b""


@pytest.mark.parametrize(
    "uid", [b"1.2.840.100081.5", b"1.2.840.10008.7309.177", b"1.2.840.10008.1.4.1.1.7309"]
)
def test_a_uid_that_only_begins_like_the_standards_is_mapped(uid: bytes) -> None:
    assert replace_uid(0x00200052, b"UI", uid, CONTEXT) == CONTEXT.pseudonymizer.uid(uid)


def test_the_uid_of_an_instance_is_mapped_whatever_it_is() -> None:
    for tag in (0x00080018, 0x0020000D, 0x0020000E):
        assert replace_uid(tag, b"UI", b"1.2.840.10008.1.4.1.1", CONTEXT) != b"1.2.840.10008.1.4.1.1"


# The table in the words of PS3.15 Table E.1-1a, with a column for each Type; None: the IOD has it not there.
BY_TYPE = {
    #          1     1C    2     2C    3    None
    "X": ("X", "X", "X", "X", "X", "X"),
    "K": ("K", "K", "K", "K", "K", "K"),
    "U": ("U", "U", "U", "U", "U", "U"),
    "C": ("C", "C", "C", "C", "C", "C"),
    "D": ("D", "D", "D", "D", "D", "X"),
    "Z/D": ("D", "D", "Z", "Z", "Z", "X"),
    "X/Z": ("ZD", "ZD", "Z", "Z", "X", "X"),
    "X/D": ("D", "D", "ZD", "ZD", "X", "X"),
    "X/Z/D": ("D", "D", "Z", "Z", "X", "X"),
}


@pytest.mark.parametrize("code", BY_TYPE)
@pytest.mark.parametrize(("at", "type_"), list(enumerate(("1", "1C", "2", "2C", "3", None))))
def test_a_code_with_a_choice_is_settled_by_the_type_in_the_iod(
    code: str, at: int, type_: str | None
) -> None:
    assert resolve(code, type_) in BY_TYPE[code][at]


@pytest.mark.parametrize("type_", ["1", "1C", "2", "2C", "3"])
def test_an_emptied_attribute_never_breaks_type_1(type_: str) -> None:
    """Z is "zero length, or a non-zero length dummy": Type 1 takes the dummy."""
    assert resolve("Z", type_) == ("D" if type_.startswith("1") else "Z")


def test_references_stay_with_new_uids_where_the_iod_has_them_and_go_where_not() -> None:
    assert {resolve("X/Z/U*", type_) for type_ in ("1", "1C", "2", "2C", "3")} == {"U"}
    assert resolve("X/Z/U*", None) == "X"


def test_the_letters_that_need_no_more_than_a_value_are_all_there() -> None:
    assert set(ACTIONS) == {"X", "Z", "D", "U", "K"}
    assert ACTIONS["X"](0, b"LO", b"a", CONTEXT) is None
    assert ACTIONS["Z"](0, b"LO", b"a", CONTEXT) == b""
    assert ACTIONS["K"](0, b"LO", b"a", CONTEXT) == b"a"


def test_a_scope_lets_instances_without_patient_out_and_two_scopes_are_two_patients() -> None:
    elements = identity(patient=b"") | {0x00080020: (b"DA", b"20210317")}

    with pytest.raises(RefusedError, match="without Patient ID"):
        cleaned(elements, "research-wsi")
    one = cleaned(elements, "research-wsi", scope="one")
    two = cleaned(elements, "research-wsi", scope="two")
    assert value_at(one, 0x00080020) != value_at(two, 0x00080020)
    assert value_at(one, 0x00100020) != value_at(two, 0x00100020)
    assert value_at(one, 0x00100020)


@pytest.mark.parametrize("nobody", [b"", b"UNKNOWN"])
def test_two_studies_of_a_scope_are_two_patients_and_one_study_is_one(nobody: bytes) -> None:
    """One shift for strangers would tell all of their dates to whoever knows one."""
    day: Elements = {0x00080020: (b"DA", b"20210317")}

    def released(study: bytes, instance: bytes) -> Found:
        elements = identity(patient=nobody, study=ROOT + study, instance=ROOT + instance)
        return cleaned(elements | day, "research-wsi", scope="trial 7")

    one, same, other = released(b"8.1", b"7.1"), released(b"8.1", b"7.2"), released(b"8.2", b"7.3")

    for tag in (0x00080020, 0x00100020, 0x00100010):
        assert one.get((tag,)) == same.get((tag,))
    for tag in (0x00080020, 0x00100020):
        assert value_at(one, tag) != value_at(other, tag)


@pytest.mark.parametrize("text", [*sorted(SENTINEL_DATES), "19000101", "18991230", "00010101", "99991231"])
def test_a_date_that_everybody_knows_does_not_give_the_shift_away(text: str) -> None:
    assert shifted(text.encode()) is None


def test_an_optical_path_and_a_reference_to_it_stay_equal() -> None:
    context = Context(Pseudonymizer(KEY), PATIENT_ID, STUDY)

    assert dummy(0x00480106, b"SH", b"1 ", context) == dummy(0x006A000E, b"SH", b"1 ", context)


@pytest.mark.parametrize("value", [b"", b"  ", b"?", b"UNKNOWN "])
def test_two_studies_without_an_identifier_do_not_share_one(value: bytes) -> None:
    one, two = (Context(Pseudonymizer(KEY), PATIENT_ID, study) for study in (b"1.2.3", b"1.2.4"))

    assert dummy(0x00400512, b"LO", value, one) != dummy(0x00400512, b"LO", value, two)
    assert dummy(0x00080050, b"SH", value, one) == b""
