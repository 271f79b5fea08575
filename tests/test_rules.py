"""Every row of PS3.15 Table E.1-1, crossed with every option, at two depths of a whole-slide image."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import pytest

from dicomanon import rules, standard
from dicomanon.part10.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import rule as profile_rules
from dicomanon.pseudonym import Pseudonymizer
from dicomanon.standard import COLUMN_OF_OPTION
from tests.verify.made import (
    KEY,
    ROOT,
    STUDY,
    WSI,
    cleaned,
    encode,
    file_of,
    found_in,
    identity,
    opened,
    route_of,
    value_at,
)

if TYPE_CHECKING:
    from dicomanon.standard import Row
    from tests.verify.made import Elements, Found

OUTER = 0x00400560  # its items have attributes of Type 1, 2 and 3
PATIENT_NAME = 0x00100010
NOT_IN_A_DATA_SET = frozenset((0x0000, 0x0002))
OTHERWISE = {0x00080018, 0x0020000D, 0x0020000E, 0x00100020}
VALUES = {
    "DA": b"20210317",
    "DT": b"20210317091733.417253+0100",
    "TM": b"091733.417253",
    "AS": b"073Y",
    "DS": b"73.09",
    "IS": b"73091",
    "US": b"\x73\x09",
    "CS": b"CANARYCODE",
    "UR": b"http://canary.example/7309",
}
BYTES, OPTIONS = (b"OB", b"OW", b"UN", b"US"), (None, *COLUMN_OF_OPTION)
STRUCTURED = (0x00400555, 0x00400610, 0x0040A730)
DESCRIBED = {("clean-descriptors", vr) for vr in ("LO", "LT", "SH", "ST", "UC", "UT")}
DESCRIBED |= {("retain-patient-characteristics", vr) for vr in ("LO", "UT")}
CLEANED_BY = {"DA": "shift", "DT": "shift", "TM": "keep"}


def rows() -> list[Row]:
    return [row for row in standard.rows() if row.tag is not None and row.tag >> 16 not in NOT_IN_A_DATA_SET]


def planted(row: Row) -> tuple[bytes, bytes | list[Elements]]:
    """Return VR and value (for a sequence: one item) that row's attribute is given."""
    tag = row.tag or 0
    vr = standard.vr_of(tag) or "UN"
    if vr == "SQ":
        item: Elements = {
            PATIENT_NAME: (b"PN", b"CANARYINSIDE%08X" % tag),
            0x00081155: (b"UI", ROOT + b"9.%d" % tag),
            0x00091001: (b"LO", b"CANARYPRIVATE"),
        }
        return b"SQ", [item]
    if vr == "UI":
        return b"UI", ROOT + b"8.%d" % tag
    return vr.encode(), VALUES.get(vr, b"CANARY%08X" % tag)


def with_every_row() -> Elements:
    inside = {row.tag: planted(row) for row in rows() if row.tag}
    return inside | identity() | {OUTER: (b"SQ", [dict(inside)])}


@cache
def cleared(option: str | None, syntax: str) -> Found:
    options = [option] if option else []
    data = file_of(with_every_row(), syntax)
    return found_in(clear_in_memory(opened(data), route_of("basic", options), verified=False))


def code_of(row: Row, option: str | None) -> str:
    """Return what the table demands of a row: the option's cell before the basic one; C by what can be cleaned."""
    cell = row.options.get(COLUMN_OF_OPTION[option]) if option else None
    if (row.tag or 0) >> 16 == 0x0004:
        return "X"  # of anything but a DICOMDIR (E.1.1)
    if cell == "K":
        return "K"
    if cell == "C" and option == "retain-modified-dates":
        cleaner = CLEANED_BY.get(standard.vr_of(row.tag or 0) or "", "")
        return {"shift": "C", "keep": "K"}.get(cleaner, row.basic)
    if cell == "C" and option == "clean-structured-content" and row.tag in STRUCTURED:
        return "steps"
    vr = standard.vr_of(row.tag or 0) or ""
    if cell == "C" and option == "retain-device-identity":
        return "title"
    if cell == "C" and vr == "SQ" and option in ("clean-descriptors", "clean-graphics"):
        return "items"
    if cell == "C" and (option, vr) in DESCRIBED:
        return "X/Z/D"  # no word of what is planted here may stay
    return row.basic


def expected(code: str, type_: str | None) -> str:
    """Settle a code in the words of Table E.1-1a: what the IOD requires (Type 1 a value, Type 2 the attribute)."""
    if code == "items":
        return "K" if type_ else "X"
    if code in ("K", "C", "U", "X", "title"):
        return code
    if type_ is None:
        return "X"  # "may be treated as X" where the IOD does not define it (E.1.1)
    if code == "steps":
        return code
    needs_value, needs_attribute = type_.startswith("1"), not type_.startswith("3")
    if code == "X/Z/U*":
        return "U"
    if needs_value or code == "D" or (code == "X/D" and needs_attribute):
        return "D"
    if code.startswith("X/") and not needs_attribute:
        return "X"
    return "Z"


def type_of(tag: int, *, nested: bool) -> str | None:
    iod = standard.iod_for(WSI.decode())
    assert iod is not None
    children = iod.root.children[OUTER].children if nested else iod.root.children
    node = children.get(tag)
    return node.type if node else None


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
@pytest.mark.parametrize("nested", [False, True], ids=["depth 0", "depth 1"])
def test_every_row_of_the_table_is_met_at_each_depth(
    option: str | None, syntax: str, *, nested: bool
) -> None:
    found = cleared(option, syntax)
    wrong = []
    checked = 0
    for row in rows():
        tag = row.tag or 0
        if not nested and tag in OTHERWISE:
            continue
        path = (OUTER, tag) if nested else (tag,)
        letter = expected(code_of(row, option), type_of(tag, nested=nested))
        vr, value = planted(row)
        complaint = complain(letter, vr, value, found, path)
        checked += 1
        if complaint:
            wrong.append(f"({tag:08X}) {row.name}: {letter}: {complaint}")
    assert checked > 640
    assert wrong == []


def complain(
    letter: str, vr: bytes, value: bytes | list[Elements], found: Found, path: tuple[int, ...]
) -> str:
    """Say what is wrong with what became of an attribute, nothing if it is right."""
    if letter == "X":
        return "it is there" if path in found else ""
    if path not in found:
        return "it is gone"
    (new,) = found[path]
    if isinstance(value, list):
        return complain_of_items(letter, new, found, path)
    old = value.rstrip(b"\0 ")
    right = {
        "Z": new == b"",
        "K": new == old,
        "U": new == Pseudonymizer(KEY).uid(value),
        "C": new[8:] == value[8:].removesuffix(b"+0100") and new[:8] != value[:8],
        "title": new == Pseudonymizer(KEY).identifier("AE title", value).encode(),
        "D": new != old
        and (bool(new) or vr in BYTES),  # a dummy of bytes is zeros, which look like padding here
    }
    return "" if right[letter] else "its value is not what it should be"


def complain_of_items(letter: str, new: bytes, found: Found, path: tuple[int, ...]) -> str:
    if letter in ("Z", "steps"):
        return "" if new == b"0 items" else "it has items"
    if new != b"1 items":
        return "its item is gone"
    if any(
        value.startswith(b"CANARY") for inner in found if inner[: len(path)] == path for value in found[inner]
    ):
        return "its item says what it said"
    if any(inner[-1] >> 16 & 1 for inner in found if inner[: len(path)] == path):
        return "its item has private attributes"
    reference = found.get((*path, 0x00081155))
    return "its reference is as it was" if letter == "U" and reference == [ROOT + b"9.%d" % path[-1]] else ""


def test_the_data_set_of_the_crossed_test_has_every_row() -> None:
    elements = with_every_row()

    assert len(rows()) == 650
    assert {row.tag for row in rows()} <= set(elements)
    assert len(encode(elements, encoding_of(EXPLICIT_LITTLE))) > 20_000


STEPS, DIMENSIONS, ACQUISITION = 0x00400610, 0x00209221, 0x0008002A
"""Specimen Preparation (Type 2), Dimension Organization (Type 1), Acquisition DateTime (Type 1)."""


@pytest.mark.parametrize(
    ("tag", "vr", "code", "type_", "letter"),
    [
        (0x00080020, b"DA", "Z", "2", "Z"),
        (0x00100010, b"PN", "Z", "2", "Z"),
        (0x00100020, b"LO", "Z/D", "2", "Z"),
        (0x00080023, b"DA", "Z/D", "1", "D"),
        (0x00080033, b"TM", "Z/D", "1", "D"),
        (0x00100040, b"CS", "Z", "2", "Z"),
        (0x00400555, b"SQ", "X/Z", "2", "Z"),
        (0x0008002A, b"DT", "X/Z/D", "1", "D"),
        (0x00181000, b"LO", "X/Z/D", "1", "D"),
        (0x00080012, b"DA", "X/D", "3", "X"),
        (0x00181030, b"LO", "X/D", "3", "X"),
        (0x00080080, b"LO", "X/Z/D", "3", "X"),
        (0x00081140, b"SQ", "X/Z/U*", "3", "U"),
        (0x22000005, b"LO", "X/Z", "2", "Z"),
        (0x00400512, b"LO", "D", "1", "D"),
    ],
)
def test_codes_with_a_choice_are_settled_by_the_iod_of_whole_slide_images(
    tag: int, vr: bytes, code: str, type_: str, letter: str
) -> None:
    """The rows are from PS3.3 A.32.8 and PS3.15, read by hand."""
    row = standard.row_for(tag)
    assert row is not None
    assert row.basic == code
    assert type_of(tag, nested=False) == type_

    value: bytes | list[Elements] = (
        [{0x00081155: (b"UI", ROOT + b"77")}] if vr == b"SQ" else VALUES.get(vr.decode(), b"CANARY")
    )
    found = cleaned(identity() | {tag: (vr, value)}, verified=False)
    assert complain(letter, vr, value, found, (tag,)) == ""


def test_a_label_where_the_iod_has_it_not_is_removed() -> None:
    """An attribute that neither table nor IOD has is removed, whatever its VR."""
    elements = identity() | {
        0x00189999: (b"LO", b"CANARY"),
        0x0018FFFF: (b"US", b"\1\0"),
        0x30060002: (b"SH", b"CANARY"),  # Structure Set Label: of another IOD
    }

    assert set(cleaned(elements)) & {(0x00189999,), (0x0018FFFF,), (0x30060002,)} == set()


@pytest.mark.parametrize("tag", [0x00091001, 0x00090010, 0x7FDF1001, 0x00011001, 0xFFFD1001])
def test_private_attributes_are_removed_at_every_depth(tag: int) -> None:
    private: Elements = {
        tag: (b"LO", b"CANARY"),
        (tag & 0xFFFF0000) | 0x11: (b"SQ", [{0x00100010: (b"PN", b"CANARY")}]),
    }
    deep: Elements = {0x00400610: (b"SQ", [private])}
    elements = identity() | private | {OUTER: (b"SQ", [private | deep | {0x00400551: (b"LO", b"S1")}])}

    found = cleaned(elements)

    assert not any(tag >> 16 & 1 for path in found for tag in path)
    assert value_at(found, OUTER) == b"1 items"


@pytest.mark.parametrize("vr", [b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UR", b"UT", b"AE", b"OB", b"OW"])
def test_text_in_the_place_of_a_number_is_removed(vr: bytes) -> None:
    """Numbers are kept for what they are, not for what somebody hides there."""
    elements = identity() | {
        0x00480007: (vr, b"CANARYAA"),
        0x00480006: (vr, b"CANARYBB"),
        0x00280100: (b"US", b"\x08\0"),
    }

    found = cleaned(elements)

    assert not any(b"CANARY" in value for values in found.values() for value in values)
    assert value_at(found, 0x00280100) == b"\x08"


@pytest.mark.parametrize("vr", [b"CS", b"DS", b"IS", b"DA", b"TM", b"UI", b"FD", b"UL", b"AT", b"OL"])
def test_another_vr_than_the_dictionary_has_is_not_kept(vr: bytes) -> None:
    elements = identity() | {0x00480006: (vr, b"7309177 "), 0x00280301: (vr, b"7309177 ")}
    if vr == b"CS":
        del elements[0x00280301]

    found = cleaned(elements)

    assert not any(b"7309177" in value for values in found.values() for value in values)


def test_an_overlay_goes_as_a_whole_and_curves_go() -> None:
    elements = identity() | {
        0x60020010: (b"US", b"\1\0"),
        0x60020022: (b"LO", b"CANARY"),
        0x60023000: (b"OW", b"CANARYXX"),
        0x50020010: (b"US", b"\1\0"),
        0x50023000: (b"OW", b"CANARYXX"),
    }

    assert not any(path[0] >> 24 in (0x50, 0x60) for path in cleaned(elements))


def test_the_shape_of_the_pixels_stays() -> None:
    assert {(0x00280002,), (0x00280010,), (0x00280011,), (0x00280100,)} <= set(cleaned(identity()))


def test_an_attribute_of_unknown_vr_meets_the_rule_of_its_tag() -> None:
    name = b"CANARYNAME"
    hidden = encode({0x00100010: (b"PN", name)}, encoding_of(IMPLICIT_LITTLE))
    item = b"\xfe\xff\x00\xe0" + len(hidden).to_bytes(4, "little") + hidden
    elements = identity() | {
        0x00100010: (b"UN", name),
        OUTER: (b"UN", item),
        0x00480006: (b"UN", b"\x10\0\0\0"),
    }

    found = cleaned(elements)

    assert not any(re.search(b"CANARY", value) for values in found.values() for value in values)
    assert value_at(found, 0x00480006) == b"\x10"


def test_a_study_uid_is_the_same_at_the_top_and_in_references() -> None:
    elements = identity() | {0x00081110: (b"SQ", []), 0x00081115: (b"SQ", [{0x0020000E: (b"UI", STUDY)}])}

    found = cleaned(elements)

    assert (
        value_at(found, 0x00081115, 0x0020000E)
        == value_at(found, 0x0020000D)
        == Pseudonymizer(KEY).uid(STUDY)
    )


@pytest.mark.parametrize("profile", ["basic", "research-wsi"])
def test_free_text_beside_a_code_or_a_pointer_says_nothing(profile: str) -> None:
    code: Elements = {
        0x00080100: (b"SH", b"12710003"),
        0x00080102: (b"SH", b"SCT"),
        0x00080104: (b"LO", b"hematoxylin stain"),
        0x00080105: (b"CS", b"DCMR"),
        0x00080122: (b"LO", b"CANARYRESOURCE"),
    }
    pointer: Elements = {0x00209165: (b"AT", b"\x09\0\x01\x10"), 0x00209213: (b"LO", b"CANARYCREATOR")}
    elements = identity() | {
        0x00102201: (b"LO", b"CANARYSPECIES"),
        0x0018A001: (b"SQ", [{0x0040A170: (b"SQ", [code])}]),
        0x00209222: (b"SQ", [pointer | {0x00209238: (b"LO", b"CANARYCREATOR")}]),
    }

    found = cleaned(elements, profile)

    assert not any(b"CANARY" in value for values in found.values() for value in values)
    assert (0x0018A001, 0x0040A170, 0x00080122) not in found
    # Type 1C: what a private pointer or an animal demands is there, and says nothing.
    assert value_at(found, 0x00209222, 0x00209213)
    assert value_at(found, 0x00102201)


def test_attributes_that_a_sender_invents_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    invented = {0x00091000 + 0x20000 * number: (b"LO", b"x") for number in range(200)}
    data = file_of(identity() | {0x00080060: (b"CS", b"SM"), 0x00200011: (b"IS", b"1 ")} | invented)
    usual = clear_in_memory(opened(data), route_of("research-wsi"))
    monkeypatch.setattr(rules, "MOST_REMEMBERED", 8)
    monkeypatch.setattr(profile_rules, "MOST_REMEMBERED", 8)
    route = route_of("research-wsi")

    assert [clear_in_memory(opened(data), route) for _ in range(3)] == [usual] * 3

    places = route.deidentifier._places.values()
    assert [len(place.plan) <= 8 for place in places] == [True]
    assert len(route.deidentifier.profile._cache) <= 8
