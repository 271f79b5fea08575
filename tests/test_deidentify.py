from __future__ import annotations

import itertools
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom._dicom_dict import DicomDictionary

from dicomanon import standard
from dicomanon.errors import MalformedError, RefusedError, UnsupportedError
from dicomanon.part10.encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LE,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    pack_element,
)
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import shipped_names
from dicomanon.pseudonym import Pseudonymizer
from tests.verify.made import (
    KEY,
    ROOT,
    SOP_INSTANCE,
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
    from tests.verify.made import Elements, Found

SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)
TEXT_VRS = ("LO", "SH", "LT", "ST", "UT", "UC", "PN", "AE")
PATIENT_ID, PATIENT_NAME, SPECIMEN = 0x00100020, 0x00100010, 0x00400560


def slide(patient: bytes, number: int, **more: bytes) -> Elements:
    name = more.get("name", b"Smith^Ann")
    uids = {
        "instance": ROOT + b"7.%d" % number,
        "study": ROOT + b"8.%d" % number,
        "series": ROOT + b"9.%d" % number,
    }
    return identity(patient=patient, **uids) | {PATIENT_NAME: (b"PN", name), 0x00080020: (b"DA", b"20210317")}


def test_two_slides_of_one_patient_share_a_pseudonym_and_two_patients_do_not() -> None:
    one, two = (
        cleaned(slide(b"MRN-1", 1), "research-wsi"),
        cleaned(slide(b"MRN-1", 2, name=b"SMITH^A."), "research-wsi"),
    )
    other = cleaned(slide(b"MRN-2", 3), "research-wsi")

    for tag in (PATIENT_ID, PATIENT_NAME, 0x00080020):
        assert value_at(one, tag) == value_at(two, tag) != value_at(other, tag)
    assert value_at(one, PATIENT_ID) == value_at(one, PATIENT_NAME)
    assert value_at(one, 0x00080018) != value_at(two, 0x00080018)


def test_the_padding_of_a_patient_id_is_no_other_patient() -> None:
    assert value_at(cleaned(slide(b"MRN-10", 1), "research-wsi"), PATIENT_ID) == value_at(
        cleaned(slide(b" MRN-10 ", 2), "research-wsi"), PATIENT_ID
    )


def test_the_order_and_company_of_slides_changes_nothing() -> None:
    files = [file_of(slide(b"MRN-%d" % (number % 2), number)) for number in range(4)]
    alone = [clear_in_memory(opened(data), route_of("research-wsi")) for data in files]

    for order in itertools.permutations(range(4)):
        route = route_of("research-wsi")
        assert {at: clear_in_memory(opened(files[at]), route) for at in order} == dict(enumerate(alone))


def test_a_reference_leads_to_the_instance_wherever_it_stands() -> None:
    reference: Elements = {0x00081150: (b"UI", WSI), 0x00081155: (b"UI", SOP_INSTANCE)}
    series: Elements = {0x0020000E: (b"UI", ROOT + b"3"), 0x0008114A: (b"SQ", [dict(reference)])}
    elements = identity() | {
        0x00081115: (b"SQ", [series]),
        0x00081140: (b"SQ", [dict(reference)]),
        0x00200242: (b"UI", SOP_INSTANCE),
    }

    found = cleaned(elements)

    new = Pseudonymizer(KEY).uid(SOP_INSTANCE)
    assert value_at(found, 0x00080018) == new
    assert value_at(found, 0x00081115, 0x0008114A, 0x00081155) == new
    assert value_at(found, 0x00081140, 0x00081155) == new
    assert value_at(found, 0x00200242) == new
    assert value_at(found, 0x00081140, 0x00081150) == WSI


def test_container_and_specimen_that_were_equal_are_equal_after() -> None:
    elements = identity() | {
        0x00400512: (b"LO", b"S21-1-A"),
        SPECIMEN: (b"SQ", [{0x00400551: (b"LO", b"S21-1-A")}, {0x00400551: (b"LO", b"S21-1-B")}]),
    }

    found = cleaned(elements)

    assert value_at(found, 0x00400512) == found[SPECIMEN, 0x00400551][0] != found[SPECIMEN, 0x00400551][1]


@pytest.mark.parametrize("missing", [0x00080016, 0x00080018, 0x0020000D, 0x0020000E])
def test_an_instance_without_one_of_its_uids_is_refused(missing: int) -> None:
    elements = identity() | {0x7FE00010: (b"OB", bytes(8))}
    del elements[missing]
    container = opened(file_of(identity())).meta.residue
    if missing == 0x00080016:
        container = (
            bytes(128) + b"DICM" + pack_element(0x00020010, b"UI", EXPLICIT_LITTLE.encode(), EXPLICIT_LE)
        )

    with pytest.raises(MalformedError, match="lacks one of its UIDs"):
        clear_in_memory(opened(container + encode(elements, EXPLICIT_LE)), route_of())


def test_a_sop_class_without_rules_is_refused() -> None:
    elements = identity() | {0x00080016: (b"UI", b"1.2.826.0.1.3680043.10.9")}

    with pytest.raises((UnsupportedError, RefusedError)):
        cleaned(elements)


def test_a_container_that_names_another_sop_class_is_refused() -> None:
    elements = identity() | {0x00080016: (b"UI", b"1.2.840.10008.5.1.4.1.1.2")}

    with pytest.raises(RefusedError, match="different SOP Classes"):
        cleaned(elements)


@pytest.mark.parametrize("depth", [33, 200])
def test_sequences_nested_too_deep_are_refused(depth: int) -> None:
    item: Elements = {0x00080100: (b"SH", b"1")}
    for _ in range(depth):
        item = {0x0040A730: (b"SQ", [item])}
    elements = identity() | {0x00400555: (b"SQ", [item]), 0x00081115: (b"SQ", [item])}

    with pytest.raises(MalformedError, match="nested deeper"):
        cleaned(elements)


def test_group_lengths_never_lie() -> None:
    elements = identity() | {0x00080000: (b"UL", b"\xff\0\0\0"), 0x00100000: (b"UL", b"\x10\0\0\0")}

    assert not any(tag & 0xFFFF == 0 for path in cleaned(elements) for tag in path)


KEPT_TEXT = {0x00080005, 0x00080070, 0x00081090, 0x00181020, 0x00080100, 0x00080102, 0x00080103, 0x00080104}


def removable() -> list[tuple[int, str]]:
    """Return text attributes that no rule of the basic profile keeps, in and out of the IOD, table and dictionary."""
    profile = route_of().deidentifier.profile
    tags = []
    for tag in DicomDictionary:
        vr = standard.vr_of(tag)
        if (
            vr in TEXT_VRS
            and tag >> 16 > 4
            and tag not in KEPT_TEXT
            and profile.rule_for(tag, vr or "").code != "K"
        ):
            tags.append((tag, vr or ""))
    return tags


REMOVABLE = removable()
SEQUENCES = (SPECIMEN, 0x00400610, 0x00480105, 0x00081115, 0x0018A001, 0x00400555, 0x52009229, 0x00091002)
WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", min_size=6, max_size=12).map(
    lambda word: f"Qx{word}"
)


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 0) -> tuple[Elements, list[str]]:
    """Build a data set with words in text attributes at any depth; return it and the words."""
    elements: Elements = {}
    words = []
    for tag, vr in draw(
        st.lists(st.sampled_from([*REMOVABLE, (0x00091001, "LO"), (0x00189F77, "UT")]), max_size=6)
    ):
        word = draw(WORDS)
        words.append(word)
        elements[tag] = (vr.encode(), (f"{word}^{word[::-1]}" if vr == "PN" else word).encode())
    if depth < 3:
        for tag in draw(st.lists(st.sampled_from(SEQUENCES), max_size=2, unique=True)):
            items = draw(st.lists(data_sets(depth + 1), max_size=2))
            elements[tag] = (b"SQ", [item for item, _ in items])
            words += [word for _, inside in items for word in inside]
    return elements, words


DENYING = [name for name in shipped_names() if name != "hipaa-limited-data-set"]
"""Profiles under which no text stays; a limited data set has the region of residence."""


@settings(max_examples=80, deadline=None)
@given(data_sets(), st.sampled_from(SYNTAXES), st.sampled_from(DENYING))
def test_no_word_of_any_text_attribute_at_any_depth_survives(
    made: tuple[Elements, list[str]], syntax: str, profile: str
) -> None:
    elements, words = made
    elements = elements | {tag: value for tag, value in identity().items() if tag != PATIENT_ID}
    elements.setdefault(PATIENT_ID, (b"LO", b"MRN-1"))

    done = clear_in_memory(opened(file_of(elements, syntax)), route_of(profile))

    lowered = done.lower()
    assert [word for word in words if word.lower().encode() in lowered] == []
    dcmread(BytesIO(done)).to_json_dict()


@settings(max_examples=40, deadline=None)
@given(data_sets(), st.sampled_from(SYNTAXES), st.sampled_from(shipped_names()))
def test_doing_it_again_changes_no_shape(made: tuple[Elements, list[str]], syntax: str, profile: str) -> None:
    elements = made[0] | identity()

    once = clear_in_memory(opened(file_of(elements, syntax)), route_of(profile))
    twice = clear_in_memory(opened(once), route_of(profile))

    assert shape(found_in(once)) == shape(found_in(twice))


def shape(found: Found) -> dict[tuple[int, ...], list[bool]]:
    return {path: [bool(value) for value in values] for path, values in found.items()}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_each_syntax_gives_the_same_values(syntax: str) -> None:
    elements = slide(b"MRN-1", 1) | {SPECIMEN: (b"SQ", [{0x00400551: (b"LO", b"S21-1-A")}])}
    one, other = cleaned(elements, "research-wsi", syntax=syntax), cleaned(elements, "research-wsi")
    numbers = {
        path for path in one if path[-1] >> 16 == 0x0028
    }  # their bytes stand in the order of the syntax
    assert one.keys() == other.keys()
    assert all(one[path] == other[path] for path in one.keys() - numbers)


def test_the_counts_say_how_often_each_letter_was_used() -> None:
    elements = identity() | {
        0x00080050: (b"SH", b"S21-1"),
        0x00100010: (b"PN", b"A"),
        0x00091001: (b"LO", b"x"),
    }

    counts = route_of().deidentifier(opened(file_of(elements))).counts

    assert counts["U"] == 3
    assert counts["Z"] == 3
    assert counts["X"] == 1
