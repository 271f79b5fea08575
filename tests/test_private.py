"""Retain Safe Private: what is known to be safe stays with its creator, wherever its block lies; all else goes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import LeakError, MalformedError, ProfileError
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.verify.made import KEY, cleaned, encode, file_of, found_in, identity, opened, route_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.verify.made import Elements, Found

PET, ELSCINT = b"Philips PET Private Group", b"ELSCINT1"
FACTOR, DOSE = b"0.000551", b"310.5 "
OPTION = ("retain-safe-private",)


def private(**more: Elements) -> Elements:
    """Two safe elements, one of them in a block that is not the first, among others of the same blocks."""
    return {
        0x70530010: (b"LO", b"CANARYCREATOR"),
        0x70530012: (b"LO", PET),
        0x70531000: (b"DS", b"7309.1"),
        0x70531200: (b"DS", FACTOR),
        0x70531233: (b"LO", b"CANARY^PRIVATE"),
        0x00E10010: (b"LO", ELSCINT),
        0x00E11021: (b"DS", DOSE),
        **more.get("more", {}),
    }


def groups_of(found: Found) -> dict[tuple[int, ...], bytes]:
    return {path: values[0] for path, values in found.items() if path[-1] >> 16 & 1}


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_rows_of_the_table_stay_with_their_creators_and_nothing_else_does(syntax: str) -> None:
    found = cleaned(identity() | private(), "basic", OPTION, syntax=syntax)

    assert groups_of(found) == {
        (0x70530012,): PET,
        (0x70531200,): FACTOR,
        (0x00E10010,): ELSCINT,
        (0x00E11021,): DOSE.strip(),
    }


def test_without_the_option_nothing_private_stays() -> None:
    assert groups_of(cleaned(identity() | private())) == {}


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_nested_blocks_are_judged_by_the_creators_of_their_own_item(syntax: str) -> None:
    """An element whose creator stands in the item before, or outside, has none."""
    items: list[Elements] = [
        private(),
        {0x70531200: (b"DS", b"0.000777")},
        {0x70530010: (b"LO", PET), 0x70531000: (b"DS", FACTOR)},
    ]
    elements = identity() | {0x70530012: (b"LO", PET), 0x00400560: (b"SQ", items)}

    found = groups_of(cleaned(elements, "basic", OPTION, syntax=syntax))

    assert found == {
        (0x00400560, 0x70530012): PET,
        (0x00400560, 0x70531200): FACTOR,
        (0x00400560, 0x00E10010): ELSCINT,
        (0x00400560, 0x00E11021): DOSE.strip(),
        (0x00400560, 0x70530010): PET,
        (0x00400560, 0x70531000): FACTOR,
    }


def test_a_private_group_may_end_an_item_of_undefined_length() -> None:
    encoding = encoding_of(EXPLICIT_LITTLE)
    inside = encode(
        {0x70530010: (b"LO", PET), 0x70531000: (b"DS", FACTOR), 0x70531001: (b"LO", b"CANARY")}, encoding
    )
    delimited = (
        struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF) + inside + struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    )
    sequence = struct.pack("<HH2sHI", 0x0040, 0x0560, b"SQ", 0, 0xFFFFFFFF) + delimited
    data = bytearray(file_of(identity() | {0x00400560: (b"SQ", [])}))
    at = data.index(struct.pack("<HH2s", 0x0040, 0x0560, b"SQ"))
    data[at : at + 12] = sequence + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)

    found = found_in(clear_in_memory(opened(bytes(data)), route_of("basic", OPTION)))

    assert groups_of(found) == {
        (0x00400560, 0x70530010): PET,
        (0x00400560, 0x70531000): FACTOR,
    }


def test_a_safe_element_in_another_vr_than_the_one_known_goes() -> None:
    elements = identity() | {0x70530010: (b"LO", PET), 0x70531000: (b"LO", b"CANARY7309")}

    assert groups_of(cleaned(elements, "basic", OPTION)) == {}


def characteristics(status: bytes, **more: Elements) -> Elements:
    item: Elements = {
        0x00080301: (b"US", b"\x99\x00"),
        0x00080302: (b"LO", b"ELSCINT1"),
        0x00080303: (b"CS", status),
        **more.get("more", {}),
    }
    return {
        0x00080300: (b"SQ", [item]),
        0x00990010: (b"LO", b"ELSCINT1"),
        0x00991001: (b"DS", b"1.5 "),
        0x00991002: (b"LO", b"CANARY7309"),
    }


def test_an_instance_says_which_of_its_own_elements_are_safe() -> None:
    some = characteristics(b"MIXED", more={0x00080304: (b"US", b"\x01\x00")})

    found = groups_of(cleaned(identity() | some, "basic", OPTION))
    without = groups_of(cleaned(identity() | characteristics(b"UNSAFE"), "basic", OPTION))

    assert found == {(0x00990010,): b"ELSCINT1", (0x00991001,): b"1.5"}
    assert without == {}


def test_a_block_that_is_declared_safe_stays_whole_but_for_uids_and_dates() -> None:
    uid = b"1.2.826.0.1.3680043.10.1947.77"
    elements = (
        identity()
        | characteristics(b"SAFE")
        | {
            0x00991002: (b"LO", b"CANARY sharp"),
            0x00991003: (b"UI", uid),
            0x00991004: (b"DA", b"20210317"),
            0x00991005: (b"PN", b"Canary^Ann"),
        }
    )

    found = groups_of(cleaned(elements, "basic", OPTION))

    assert found == {
        (0x00990010,): b"ELSCINT1",
        (0x00991001,): b"1.5",
        (0x00991003,): Pseudonymizer(KEY).uid(uid),
    }


def test_what_is_declared_identifying_meets_its_recommended_action() -> None:
    actions: list[Elements] = [
        {0x00080306: (b"US", b"\x02\x00"), 0x00080307: (b"CS", b"Z ")},
        {0x00080306: (b"US", b"\x03\x00"), 0x00080307: (b"CS", b"U ")},
        {0x00080306: (b"US", b"\x04\x00"), 0x00080307: (b"CS", b"X ")},
    ]
    uid = b"1.2.826.0.1.3680043.10.1947.77"
    elements = (
        identity()
        | characteristics(b"MIXED", more={0x00080305: (b"SQ", actions)})
        | {
            0x00991003: (b"UI", uid),
            0x00991004: (b"LO", b"CANARYGONE"),
        }
    )

    found = groups_of(cleaned(elements, "basic", OPTION))

    assert found == {
        (0x00990010,): b"ELSCINT1",
        (0x00991002,): b"",
        (0x00991003,): Pseudonymizer(KEY).uid(uid),
    }


def test_a_declaration_that_lies_is_caught_by_value() -> None:
    """The sender says the block is safe; it holds what another attribute says of the patient."""
    elements = identity(patient=b"7309177") | characteristics(b"SAFE") | {0x00991002: (b"IS", b"7309177 ")}

    with pytest.raises(LeakError):
        clear_in_memory(opened(file_of(elements)), route_of("basic", OPTION))


def test_a_sequence_nobody_knows_is_parsed_and_its_parts_judged() -> None:
    inside: Elements = {
        0x70530010: (b"LO", PET),
        0x70531000: (b"DS", FACTOR),
        0x00100010: (b"PN", b"Canary^Ann"),
    }
    elements = identity() | {
        0x00990010: (b"LO", b"ELSCINT1"),
        0x00991001: (b"SQ", [inside]),
        0x00991002: (b"SQ", [{0x00104000: (b"LT", b"CANARY7309")}]),
    }

    found = cleaned(elements, "basic", OPTION)

    assert groups_of(found) == {
        (0x00990010,): b"ELSCINT1",
        (0x00991001,): b"1 items",
        (0x00991001, 0x70530010): PET,
        (0x00991001, 0x70531000): FACTOR,
    }
    assert found.get((0x00991001, 0x00100010)) in (None, [b""])


SITE = """
name = "site"
extends = "basic"
options = ["retain-safe-private"]

[[private]]
creator = "SCANNER 1.0"
element = "(0099,xx10)"
vr = "DS"
reason = "focus score, documented by the maker"
"""


def test_a_site_adds_elements_of_its_own_list(tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(SITE)
    elements = identity() | {
        0x00990010: (b"LO", b"SCANNER 1.0"),
        0x00991010: (b"DS", b"0.75"),
        0x00991011: (b"DS", b"7309.7"),
    }

    found = groups_of(cleaned(elements, str(profile)))

    assert found == {(0x00990010,): b"SCANNER 1.0", (0x00991010,): b"0.75"}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('["retain-safe-private"]', "[]", "is for profiles with the option"),
        ("(0099,xx10)", "(0098,xx10)", "the group odd"),
        ('vr = "DS"', 'vr = "DX"', "no VR 'DX'; did you mean"),
        ('reason = "focus score, documented by the maker"', "", "has no reason"),
        ("creator", "creater", "has no 'creater'; did you mean 'creator'"),
    ],
)
def test_a_list_that_is_not_one_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "site.toml"
    path.write_text(SITE.replace(old, new))

    with pytest.raises(ProfileError, match=words):
        load_profile(str(path))


def test_a_broken_declaration_keeps_the_instance_in() -> None:
    elements = identity() | characteristics(b"SAFE")
    data = bytearray(file_of(elements))
    at = data.index(b"\x08\x00\x00\x03SQ")
    data[at + 8 : at + 12] = (1 << 20).to_bytes(4, "little")

    with pytest.raises(MalformedError):
        clear_in_memory(opened(bytes(data)), route_of("basic", OPTION))


def test_private_values_that_go_are_looked_for_elsewhere() -> None:
    elements = identity() | {
        0x00990010: (b"LO", b"OWN CREATOR"),
        0x00991001: (b"LO", b"CANARY-7309-UNIQUE"),
        0x00400560: (b"SQ", [{0x00991001: (b"LO", b"CANARY-NESTED")}]),
    }
    values = route_of("basic", OPTION).deidentifier(opened(file_of(elements))).values

    needles = {form.needle for form in values.forms()}
    assert {b"canary-7309-unique", b"canary-nested"} <= needles


@pytest.mark.parametrize("vr", [b"SQ", b"UT", b"OB", b"LO"])
def test_a_creator_that_nobody_knows_or_that_is_no_name_does_not_stay(vr: bytes) -> None:
    inside: Elements = {0x00100010: (b"PN", b"Canary^Zeta"), 0x00104000: (b"LT", b"CANARY")}
    value: bytes | list[Elements] = [inside] if vr == b"SQ" else b"Philips PET Private Group CANARY "
    elements = (
        identity()
        | characteristics(b"SAFE")
        | {
            0x00990010: (vr, value),
            0x70530010: (vr, value),
            0x70531000: (b"DS", FACTOR),
        }
    )

    assert groups_of(cleaned(elements, "basic", OPTION)) == {}


@pytest.mark.parametrize(("vr", "value"), [(b"IS", b"Ulrika 017"), (b"UN", b"Ulrika call 0171234567")])
def test_a_safe_element_whose_value_is_not_of_its_vr_goes(vr: bytes, value: bytes) -> None:
    elements = identity() | {0x00190010: (b"LO", b"SIEMENS MR HEADER"), 0x0019100C: (vr, value)}

    assert groups_of(cleaned(elements, "basic", OPTION)) == {}


def test_a_sequence_that_nobody_calls_safe_keeps_no_public_attribute() -> None:
    inside: Elements = {0x00080104: (b"LO", b"Hans CANARY"), 0x00080070: (b"LO", b"Mrs CANARY")}
    elements = identity() | {0x00990010: (b"LO", ELSCINT), 0x00991001: (b"SQ", [inside])}

    assert groups_of(cleaned(elements, "basic", OPTION)) == {}


def test_two_creators_of_one_block_keep_the_instance_in() -> None:
    encoding = encoding_of(EXPLICIT_LITTLE)
    one = encode({0x00190010: (b"LO", b"SIEMENS MR HEADER"), 0x0019100C: (b"IS", b"5 ")}, encoding)
    again = encode({0x00190010: (b"LO", b"Ulrika Miller ")}, encoding)
    data = file_of(identity() | {0x00400560: (b"SQ", [])})
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(one + again)) + one + again
    empty = struct.pack("<HH2sHI", 0x0040, 0x0560, b"SQ", 0, 0)
    full = struct.pack("<HH2sHI", 0x0040, 0x0560, b"SQ", 0, len(item)) + item

    with pytest.raises(MalformedError):
        clear_in_memory(opened(data.replace(empty, full)), route_of("basic", OPTION))


def test_an_override_takes_a_safe_element_away(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'extends = "basic"\noptions = ["retain-safe-private"]\n'
        '[[override]]\ntag = "(7053,1200)"\naction = "X"\nreason = "not for this project"\n'
    )

    found = groups_of(cleaned(identity() | private(), str(profile)))

    assert found == {(0x00E10010,): ELSCINT, (0x00E11021,): DOSE.strip()}


def test_a_private_attribute_is_kept_by_its_creator_or_not_at_all(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text('extends = "basic"\n[[override]]\ntag = "(0099,1001)"\naction = "K"\nreason = "x"\n')

    with pytest.raises(ProfileError, match=r"mine.toml:4: .*stays by its creator: \[\[private\]\]"):
        load_profile(str(profile))


@pytest.mark.parametrize(("vr", "left"), [(b"FD", 2), (b"LO", 0), (b"UN", 0)])
def test_a_row_without_a_vr_is_safe_as_a_number(vr: bytes, left: int) -> None:
    """Table E.3.10-1 does not say what (0119,xx11) is."""
    value = bytes(8) if left else b"CANARY"
    elements = identity() | {0x01190010: (b"LO", b"SIEMENS Ultrasound SC2000"), 0x01191011: (vr, value)}

    assert len(groups_of(cleaned(elements, "basic", OPTION))) == left


def test_local_codes_in_a_sequence_that_is_known_to_be_safe_do_not_stay(tmp_path: Path) -> None:
    profile = tmp_path / "site.toml"
    profile.write_text(SITE.replace('vr = "DS"', 'vr = "SQ"'))
    code: Elements = {
        0x00080100: (b"SH", b"CANARY1"),
        0x00080102: (b"SH", b"99CANARY"),
        0x00080104: (b"LO", b"stain"),
    }
    inside: Elements = {**code, 0x00082218: (b"SQ", [code]), 0x00280030: (b"DS", b"0.5\\0.5")}
    elements = identity() | {0x00990010: (b"LO", b"SCANNER 1.0"), 0x00991010: (b"SQ", [inside])}

    found = cleaned(elements, str(profile))

    assert found[0x00991010, 0x00280030] == [b"0.5\\0.5"]
    assert not any(b"CANARY" in value for values in found.values() for value in values)
