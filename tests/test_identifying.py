from __future__ import annotations

import pytest

from dicomanon.identifying import IdentifyingValues, forms_of, is_soft
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element


def needles(vr: bytes, raw: bytes, character_set: bytes = b"ISO_IR 192") -> set[bytes]:
    return {form.needle for form in forms_of(vr, raw, character_set)}


@pytest.mark.parametrize(
    "spelling",
    [
        *(
            "canarysmith^maryann",
            "canarysmith maryann",
            "canarysmith, maryann",
            "maryann canarysmith",
            "canarysmith",
        ),
        *(
            "maryann",
            "canarysmith_maryann",
            "maryann_canarysmith",
            "canarysmithmaryann",
            "maryann.canarysmith",
        ),
    ],
)
def test_a_name_is_looked_for_in_every_order_and_by_its_components(spelling: str) -> None:
    assert spelling.encode() in needles(b"PN", b"CANARYSMITH^MaryAnn^^Dr^")


def test_each_part_of_a_component_is_looked_for() -> None:
    assert {b"johann", b"sebastian", b"m\xc3\xbcller", b"l\xc3\xbcdenscheidt"} <= needles(
        b"PN", "Müller-Lüdenscheidt^Johann Sebastian".encode()
    )


@pytest.mark.parametrize("raw", [b"Canarysmith, Mary", b"Canarysmith Mary", b"Mary Canarysmith"])
def test_a_name_without_components_is_taken_apart_all_the_same(raw: bytes) -> None:
    assert {b"canarysmith", b"mary", b"canarysmith, mary", b"mary canarysmith"} <= needles(b"PN", raw)


def test_every_component_group_of_a_name_is_looked_for() -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"

    found = needles(b"PN", name.encode())

    for part in ("yamada", "山田", "太郎", "やまだ"):
        assert part.encode() in found
    assert "山田".encode("utf-16-le") in found


def test_a_name_in_code_extensions_is_looked_for_in_the_bytes_it_has() -> None:
    raw = "Yamada^Tarou=山田^太郎".encode("iso2022_jp")

    found = needles(b"PN", raw, b"\\ISO 2022 IR 87")

    assert "山田".encode("iso2022_jp").lower() in found
    assert "山田".encode() in found


@pytest.mark.parametrize("codec", ["utf-8", "latin-1", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("spelling", ["Jörgünßøn", "JÖRGÜNSSØN", "jörgünßøn"])
def test_accents_are_looked_for_in_every_encoding_and_case(spelling: str, codec: str) -> None:
    assert spelling.encode(codec).lower() in needles(b"PN", "Jörgünßøn^A".encode())


@pytest.mark.parametrize(
    "notation",
    [
        *("20210317", "2021-03-17", "2021.03.17", "2021/03/17", "17.03.2021", "17-03-2021", "17/03/2021"),
        *(
            "03/17/2021",
            "03/17/21",
            "17 mar 2021",
            "mar 17, 2021",
            "17-mar-2021",
            "17 march 2021",
            "march 17, 2021",
        ),
    ],
)
@pytest.mark.parametrize(("vr", "raw"), [(b"DA", b"20210317"), (b"DT", b"20210317091733.417253+0100")])
def test_a_date_is_looked_for_in_every_notation(vr: bytes, raw: bytes, notation: str) -> None:
    assert notation.encode() in needles(vr, raw)


@pytest.mark.parametrize(
    "notation",
    [
        *("03021948", "02031948", "480203", "030248", "020348"),
        *("03.02.48", "03/02/48", "03-02-48", "3 feb 48", "03 feb 48", "3-feb-48"),
    ],
)
def test_a_date_is_looked_for_in_short_as_well(notation: str) -> None:
    assert notation.encode() in needles(b"DA", b"19480203")


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        *(("0007309112", "7309112"), ("MRN 7309112", "7309112"), ("MRN 7309112", "mrn7309112")),
        *(("A-73091123-B", "73091123"), ("A-73091123-B", "a73091123b"), ("12-34-56-78", "12345678")),
        *(("S19-730911", "s19730911"), ("S19-730911", "730911"), ("000-730911", "730911")),
    ],
)
def test_an_identifier_is_looked_for_without_what_stands_around_its_digits(value: str, spelling: str) -> None:
    assert spelling.encode() in needles(b"LO", value.encode())


@pytest.mark.parametrize(
    "value", ["000012", "A-000000", "0.345678", "1.2.840.113619.2.55", "2021-03-17", "CT 5 mm"]
)
def test_no_number_is_made_of_what_is_no_identifier(value: str) -> None:
    whole = {value.lower().encode(), value.lower().encode("utf-16-le")[:-1]}

    assert not any(each.isdigit() for each in needles(b"LO", value.encode()) - whole)


def test_a_few_digits_of_an_identifier_do_not_count_beside_letters() -> None:
    kinds = {form.needle: form.kind for form in forms_of(b"LO", b"MRN-730911", b"")}
    long = {form.needle: form.kind for form in forms_of(b"LO", b"MRN-73091123", b"")}

    assert (kinds[b"730911"], long[b"73091123"]) == ("letter", "digit")


@pytest.mark.parametrize("spelling", ["Joerg Mueller", "Jorg Muller", "Mueller^Joerg", "MULLER, JORG"])
def test_a_name_with_accents_is_looked_for_without_them(spelling: str) -> None:
    assert spelling.lower().encode() in needles(b"PN", "Müller^Jörg".encode())


def test_sharp_s_and_letters_of_other_tongues_are_looked_for_in_ascii() -> None:
    assert b"strauss" in needles(b"PN", "Strauß^A".encode())
    assert {b"soerensen", b"sorensen"} <= needles(b"PN", "Sørensen^A".encode())
    assert b"dvorak" in needles(b"PN", "Dvořák^A".encode())


def test_a_dummy_date_is_no_date() -> None:
    assert needles(b"DA", b"19000101") == set()
    assert needles(b"DT", b"00010101000000") == set()


def test_a_time_is_looked_for_to_the_second_and_midnight_is_not() -> None:
    assert {b"091733", b"09:17:33"} <= needles(b"TM", b"091733.417253")
    assert needles(b"TM", b"000000") == set()
    assert needles(b"TM", b"09") == set()


def test_each_uid_is_looked_for_and_those_of_the_standard_are_not() -> None:
    assert needles(b"UI", b"1.2.840.10008.1.2.1\\1.2.826.0.1.77\\1.2.826.0.1.78\0") == {
        b"1.2.826.0.1.77",
        b"1.2.826.0.1.78",
    }


def test_lines_fields_and_values_of_free_text_are_looked_for() -> None:
    text = b"Aperio Image Library v11\r\nScanScope ID = CANARYSCOPE|User = CANARYUSER;Title: CANARYTITLE 9"

    found = needles(b"LT", text)

    assert {b"canaryscope", b"canaryuser", b"canarytitle 9", text.lower()} <= found


def test_backslashes_part_values_only_where_the_vr_has_several() -> None:
    assert {b"canaryone", b"canarytwo"} <= needles(b"LO", b"CANARYONE\\CANARYTWO")
    assert b"canaryone\\canarytwo" in needles(b"ST", b"CANARYONE\\CANARYTWO")


def test_text_in_bytes_of_unknown_shape_is_looked_for() -> None:
    assert b"canaryinside" in needles(b"UN", b"\x01\x02\x00CANARYINSIDE\0\xff\x01")
    assert b"canaryinside" in needles(b"OB", b"\0\0CANARYINSIDE\0")


@pytest.mark.parametrize("raw", [b"Unknown", b"ANONYMOUS", b"none", b"N/A", b"  ", b"abc", b"10008", b"^^^^"])
def test_what_names_nobody_is_not_looked_for(raw: bytes) -> None:
    assert needles(b"LO", raw) == set()
    assert needles(b"PN", raw) == set()


def test_a_long_number_is_looked_for_and_a_count_is_not() -> None:
    assert needles(b"IS", b"7309177") == {b"7309177"}
    assert needles(b"IS", b"12") == set()
    assert needles(b"DS", b"0.000250") == set()


def test_soft_and_hard_values_of_one_form_count_as_hard() -> None:
    values = IdentifyingValues()
    values.add(b"LO", b"CANARYWORD", soft=True)
    assert set(values.forms().values()) == {True}
    values.add(b"SH", b"CANARYWORD", soft=False)
    assert set(values.forms().values()) == {False}


def test_persons_dates_and_identifiers_are_hard_and_descriptions_soft() -> None:
    for tag, vr in (
        (0x00100010, b"PN"),
        (0x00100020, b"LO"),
        (0x00080050, b"SH"),
        (0x00080020, b"DA"),
        (0x00091001, b"PN"),
    ):
        assert not is_soft(tag, vr)
    for tag, vr in ((0x00081030, b"LO"), (0x00080080, b"LO"), (0x00181000, b"LO"), (0x00091001, b"LO")):
        assert is_soft(tag, vr)


def test_the_container_of_the_source_is_looked_for_apart_from_what_every_file_says() -> None:
    values = IdentifyingValues()
    values.add_residue(
        b"CANARYPREAMBLE".ljust(128, b"\0")
        + b"DICM"
        + pack_element(0x00020002, b"UI", b"1.2.840.10008.5.1.4.1.1.77.1.6", EXPLICIT_LE)
        + pack_element(0x00020003, b"UI", b"1.2.826.0.1.77", EXPLICIT_LE)
        + pack_element(0x00020013, b"SH", b"SCANNERSOFT", EXPLICIT_LE)
        + pack_element(0x00020016, b"AE", b"CANARYSENDER", EXPLICIT_LE)
        + pack_element(0x00020102, b"OB", b"\0CANARYPRIVATE\0\0", EXPLICIT_LE)
    )

    found = {form.needle for form in values.forms()}

    assert {b"canarypreamble", b"1.2.826.0.1.77", b"canarysender", b"canaryprivate"} <= found
    assert b"scannersoft" not in found


def test_where_uids_are_retained_they_are_not_looked_for() -> None:
    values = IdentifyingValues(keeps_uids=True)
    values.add(b"UI", b"1.2.826.0.1.77")

    assert values.forms() == {}


def test_a_date_that_another_one_moved_to_is_not_looked_for() -> None:
    values = IdentifyingValues()
    values.add(b"DA", b"20210317")
    values.add(b"DA", b"20210315")
    values.add_written_date(b"20210315")

    assert {form.needle for form in values.forms()} >= {b"20210317"}
    assert b"20210315" not in {form.needle for form in values.forms()}
