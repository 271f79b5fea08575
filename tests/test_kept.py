"""A place for a code or a number holds no free text, even where the profile keeps what it has."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from dicomanon import standard
from dicomanon.deidentify import Deidentifier
from dicomanon.errors import MalformedError
from dicomanon.kept import check_for, most_values
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.verify.made import KEY, PIXEL_DATA, cleaned, file_of, identity, opened, value_at

if TYPE_CHECKING:
    from dicomanon.identifying import Value
    from tests.verify.made import Elements

SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)
CHARACTER_SET = 0x00080005
PER_FRAME, PLANE_POSITION, FRAME_CONTENT = 0x52009230, 0x0048021A, 0x00209111
OPTICAL_PATH, CONTAINER_COMPONENT = 0x00480105, 0x00400520
DIMENSION_INDEX, FRAME_TYPE = 0x00209222, 0x00400710
CANARIES = [
    (b"CS", b"canaryfocus^Jane", (0x00480011,)),
    (b"CS", b"CANARY.JANE", (0x00080060,)),
    (b"CS", b"CANARY JANE DOE 19500101", (0x00080060,)),
    (b"CS", b"VOLUME\\CANARY", (0x00080060,)),
    (b"CS", b"Canary\\Doe", (PER_FRAME, FRAME_TYPE, 0x00089007)),
    (b"IS", b"CANARYIS D", (0x00200013,)),
    (b"DS", b"CANARY^Jane", (OPTICAL_PATH, 0x00480112)),
    (b"DS", b"CANARY\\Jane", (PER_FRAME, PLANE_POSITION, 0x0040072A)),
    (b"FL", b"CANARYFL Jane Do", (0x00480001,)),
    (b"FL", b"CANARYFL", (OPTICAL_PATH, 0x00220055)),
    (b"FD", b"CANARY^Jane^Doe^", (CONTAINER_COMPONENT, 0x00500013)),
    (b"UL", b"CANARYUL Jane Do", (0x00480006,)),
    (b"UL", b"CANARY", (PER_FRAME, FRAME_CONTENT, 0x00209157)),
    (b"SL", b"CANARY^D", (PER_FRAME, PLANE_POSITION, 0x0048021E)),
    (b"US", b"CANARYUS", (0x00480013,)),
    (b"US", b"CANARY", (OPTICAL_PATH, 0x00220004)),
    (b"AT", b"CANARY^D", (DIMENSION_INDEX, 0x00209165)),
    (b"UV", b"CANARY^Jane^Doe^", (0x7FE00003,)),
]


def planted(vr: bytes, value: bytes, path: tuple[int, ...]) -> Elements:
    """Return an instance with a value at a path."""
    inner: Elements = {path[-1]: (vr, value)}
    for tag in reversed(path[:-1]):
        inner = {tag: (b"SQ", [inner])}
    return instance() | inner


def instance() -> Elements:
    """Return an instance whose Pixel Data is empty, so that nothing has to say how long it is."""
    return identity() | {PIXEL_DATA: (b"OB", b"")}


def collected(elements: Elements) -> set[Value]:
    deidentifier = Deidentifier(load_profile("research-wsi"), Pseudonymizer(KEY))
    return deidentifier(opened(file_of(elements))).values.values


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("vr", "value", "path"), CANARIES)
@pytest.mark.parametrize("profile", ["basic", "research-wsi"])
def test_text_where_a_code_or_a_number_belongs_does_not_come_out(
    profile: str, vr: bytes, value: bytes, path: tuple[int, ...], syntax: str
) -> None:
    found = cleaned(planted(vr, value, path), profile, syntax=syntax)

    assert path[:-1] == () or path[:-1] in found
    assert not any(b"canary" in each.lower() for values in found.values() for each in values)


@pytest.mark.parametrize(("vr", "value", "path"), CANARIES)
def test_text_where_a_code_or_a_number_belongs_is_remembered_as_identifying(
    vr: bytes, value: bytes, path: tuple[int, ...]
) -> None:
    searched = b"LO" if vr in (b"CS", b"DS", b"IS") else b"UN"

    assert [
        one.raw
        for one in collected(planted(vr, value, path))
        if (one.vr, one.raw.rstrip()) == (searched, value)
    ]


def test_what_stands_in_for_such_text_is_what_the_type_in_the_iod_demands() -> None:
    wanted = planted(b"CS", b"canary", (0x00080060,))  # Type 1
    spare = planted(b"DS", b"canary", (OPTICAL_PATH, 0x00480112))  # Type 3

    assert value_at(cleaned(wanted), 0x00080060) == b"REMOVED"
    assert (OPTICAL_PATH, 0x00480112) not in cleaned(spare)


GOOD = [
    (b"CS", b"ORIGINAL\\PRIMARY\\VOLUME\\NONE", (0x00080008,)),
    (b"CS", b"ISO_10918_1", (0x00282114,)),
    (b"DS", b"-0.00025", (OPTICAL_PATH, 0x00480112)),
    (b"DS", b"0.00025039999999999999", (PER_FRAME, PLANE_POSITION, 0x0040072A)),
    (b"DS", b"6.29\\15.44            ", (0x00282112,)),
    (b"IS", b"+17", (0x00200013,)),
    (b"FL", b"\x01\x02\x03\x04", (0x00480001,)),
    (b"UL", b"ABCD", (0x00480006,)),
    (b"UL", bytes(range(1, 41)), (PER_FRAME, FRAME_CONTENT, 0x00209157)),
    (b"US", b"\x01\x02\x03\x04", (OPTICAL_PATH, 0x00220004)),
    (b"SS", b"\x01\x02", (0x00280106,)),
    (b"UV", bytes(range(1, 9)), (0x7FE00003,)),
]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(("vr", "value", "path"), GOOD)
def test_a_code_or_a_number_stays_to_the_byte(
    vr: bytes, value: bytes, path: tuple[int, ...], syntax: str
) -> None:
    assert value_at(cleaned(planted(vr, value, path), "research-wsi", syntax=syntax), *path) == value.rstrip()


def test_an_empty_value_stays_empty() -> None:
    found = cleaned(planted(b"DS", b"", (OPTICAL_PATH, 0x00480112)))

    assert value_at(found, OPTICAL_PATH, 0x00480112) == b""


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00280004, b"CS", b"canary"),
        (0x00280004, b"CS", b"Rgb"),
        (0x00280103, b"US", b"CANARYUS"),
        (0x00280010, b"US", b"CANARY"),
        (0x00280008, b"IS", b"CANARY"),
        (0x00282112, b"DS", b"CANARY"),
    ],
)
def test_text_where_the_pixels_are_described_is_refused(
    tag: int, vr: bytes, value: bytes, syntax: str
) -> None:
    """A dummy there would make another image of them."""
    with pytest.raises(MalformedError) as refused:
        cleaned(planted(vr, value, (tag,)), syntax=syntax)

    assert refused.value.tag == tag
    assert value.decode() not in str(refused.value)


@pytest.mark.parametrize("path", [(CHARACTER_SET,), (0x00400560, CHARACTER_SET)])
@pytest.mark.parametrize("value", [b"CANARYCHARSET", b"ISO_IR 100\\CANARY", b"iso_ir 100", b"ISO_IR 999"])
def test_a_character_set_that_the_standard_does_not_define_is_refused(
    value: bytes, path: tuple[int, ...]
) -> None:
    with pytest.raises(MalformedError) as refused:
        cleaned(planted(b"CS", value, path))

    assert refused.value.tag == CHARACTER_SET
    assert b"CANARY" not in str(refused.value).encode()


@pytest.mark.parametrize(
    "value",
    [b"", b"ISO_IR 100", b"ISO_IR 192 ", b"GB18030", b"\\ISO 2022 IR 87", b"ISO 2022 IR 13\\ISO 2022 IR 159"],
)
def test_the_character_sets_of_the_standard_stay(value: bytes) -> None:
    assert value_at(cleaned(planted(b"CS", value, (CHARACTER_SET,))), CHARACTER_SET) == value.rstrip()


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [(0x00080020, b"DA", b"Jane Doe"), (0x00080030, b"TM", b"Jane"), (0x0008002A, b"DT", b"1950 Jane")],
)
def test_a_date_kept_in_full_is_a_date(tag: int, vr: bytes, value: bytes) -> None:
    option = ["retain-full-dates"]

    found = cleaned(planted(vr, value, (tag,)), options=option)
    kept = cleaned(planted(b"DA", b"20210317", (0x00080020,)), options=option)

    assert b"J" not in found.get((tag,), [b""])[0]
    assert value_at(kept, 0x00080020) == b"20210317"


def test_an_age_kept_is_an_age() -> None:
    option = ["retain-patient-characteristics"]

    kept = cleaned(planted(b"AS", b"073Y", (0x00101010,)), options=option)
    found = cleaned(planted(b"AS", b"Jane", (0x00101010,)), options=option)

    assert value_at(kept, 0x00101010) == b"073Y"
    assert b"Jane" not in found.get((0x00101010,), [b""])[0]


def test_a_number_of_a_known_attribute_is_checked_where_its_vr_is_unknown() -> None:
    found = cleaned(planted(b"UN", b"CANARYUL Jane Do", (0x00480006,)))
    kept = cleaned(planted(b"UN", b"\x01\x02\x03\x04", (0x00480006,)))

    assert b"CANARY" not in value_at(found, 0x00480006)
    assert value_at(kept, 0x00480006) == b"\x01\x02\x03\x04"


def test_every_frame_is_checked_and_not_only_the_first() -> None:
    frames: list[Elements] = [
        {PLANE_POSITION: (b"SQ", [{0x0048021E: (b"SL", struct.pack("<i", 7)), 0x0040072A: (b"DS", text)}])}
        for text in (b"1.5", b"CANARY", b"2.5")
    ]

    found = cleaned(instance() | {PER_FRAME: (b"SQ", frames)})

    assert found[PER_FRAME, PLANE_POSITION, 0x0040072A] == [b"1.5", b"0", b"2.5"]
    assert found[PER_FRAME, PLANE_POSITION, 0x0048021E] == [b"\x07"] * 3


def test_the_number_of_values_is_that_of_the_dictionary() -> None:
    assert most_values(0x00480006) == 1
    assert most_values(0x00220004) == 2
    assert most_values(0x0008030B) == 2  # 1-2
    assert most_values(0x00209157) is None  # 1-n
    assert most_values(0x00091001) is None


def test_a_value_without_end_takes_no_longer_than_its_length() -> None:
    """Neither a code nor a number is matched in more than one way."""
    text = check_for(0x00080008, b"CS")
    number = check_for(0x00281052, b"DS")
    assert text
    assert number
    long = b"A" * 16 + b"\\" + b" " * 30 + (b"\\" + b"B " * 8) * 200_000

    assert text.passes(long, 0, len(long))
    assert not text.passes(long + b"!", 0, len(long) + 1)
    assert not number.passes(b"1" * 100_000, 0, 100_000)


@pytest.mark.parametrize("vr", [b"LO", b"PN", b"UI", b"OB", b"UT", b"UN"])
def test_a_vr_that_allows_any_text_or_bytes_has_no_check_here(vr: bytes) -> None:
    assert check_for(0x00080070, vr) is None


REFERENCES = 0x00081140
KINDS_OF_UID = [
    (REFERENCES, 0x00081150),
    (REFERENCES, 0x0040A170, 0x00080117),
    (0x00080110, 0x0008010C),
    (REFERENCES, 0x0040A170, 0x00080118),
    (0x0008001A,),
    (0x0008001B,),
]
PUBLIC = [
    b"1.2.840.10008.5.1.4.1.1.77.1.6",
    b"1.2.840.10008.6.1.1021",
    b"1.2.840.10008.2.16.4",
    b"1.2.840.10008",
    b"2.16.840.1.113883.6.96",
    b"2.16.840.1.113883.6.1",
    b"2.16.840.1.113883.6.8",
    b"",
]
NOT_PUBLIC = [
    b"1.2.826.0.1.3680043.10.1947.7309177",
    b"1.2.840.10008.5.1.4.7309177",
    b"1.2.840.100081.5",
    b"2.16.840.1.113883.6.96.7309",
    b"2.16.840.1.113883.6.961",
]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("path", KINDS_OF_UID)
@pytest.mark.parametrize("uid", NOT_PUBLIC)
def test_a_kept_uid_that_no_public_registry_has_becomes_a_keyed_one(
    uid: bytes, path: tuple[int, ...], syntax: str
) -> None:
    assert value_at(cleaned(planted(b"UI", uid, path), syntax=syntax), *path) == Pseudonymizer(KEY).uid(uid)
    assert value_at(cleaned(planted(b"UN", uid, path)), *path) == Pseudonymizer(KEY).uid(uid)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("path", KINDS_OF_UID)
@pytest.mark.parametrize("uid", PUBLIC)
def test_a_uid_that_the_standard_or_a_registry_has_stays(
    uid: bytes, path: tuple[int, ...], syntax: str
) -> None:
    assert value_at(cleaned(planted(b"UI", uid, path), syntax=syntax), *path) == uid


def test_each_sop_class_of_the_standard_passes_as_one() -> None:
    check = check_for(0x00081150, b"UI", registered=True)
    assert check
    for uid in map(str.encode, standard.sop_classes()):
        assert check.passes(uid, 0, len(uid))
        assert check.passes(uid + b"\0", 0, len(uid) + 1)
    assert not check.passes(uid + b"\\" + uid, 0, 2 * len(uid) + 1)


def test_a_uid_that_was_mapped_is_remembered_as_identifying() -> None:
    private = NOT_PUBLIC[0]

    assert private in {
        one.raw.rstrip(b"\0")
        for one in collected(planted(b"UI", private, KINDS_OF_UID[0]))
        if one.vr == b"UI"
    }


def test_with_retained_uids_a_private_sop_class_stays() -> None:
    private, path = b"1.2.826.0.1.3680043.10.1947.42", KINDS_OF_UID[0]

    assert value_at(cleaned(planted(b"UI", private, path), options=["retain-uids"]), *path) == private
