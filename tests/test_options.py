"""Options whose C is a way of its own: AE titles, patient characteristics, graphics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import LeakError
from dicomanon.part10.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE, encoding_of
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import clear_in_memory
from tests.verify.made import SERIES, SOP_INSTANCE, WSI, cleaned, encode, found_in, identity, opened, route_of

if TYPE_CHECKING:
    from tests.verify.made import Elements, Found

RETRIEVE, STATION, SCHEDULED = 0x00080054, 0x00080055, 0x00400001
ALLERGIES, STATE, SEX, WEIGHT, AGE = 0x00102110, 0x00380500, 0x00100040, 0x00101030, 0x00101010
GSPS = b"1.2.840.10008.5.1.4.1.1.11.1"
ANNOTATIONS, TEXTS, TEXT, GRAPHICS, POINTS = 0x00700001, 0x00700008, 0x00700006, 0x00700009, 0x00700022


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_an_ae_title_becomes_the_same_keyed_one_wherever_it_stood(syntax: str) -> None:
    elements = identity() | {
        RETRIEVE: (b"AE", b"CANARYPACS\\OTHERPACS"),
        STATION: (b"AE", b"CANARYPACS"),
        0x00400275: (b"SQ", [{SCHEDULED: (b"AE", b"CANARYPACS  ")}]),
    }

    found = cleaned(elements, "basic", ("retain-device-identity",), syntax=syntax)

    (station,) = found[(STATION,)]
    first, second = found[(RETRIEVE,)][0].split(b"\\")
    assert first == station != second
    assert len(station) == len(second) == 16
    assert b"CANARY" not in station
    assert cleaned(elements, "basic", ()).get((STATION,)) is None


def test_patient_characteristics_stay_and_the_words_about_them_are_cleaned() -> None:
    elements = identity() | {
        ALLERGIES: (b"LO", b"penicillin allergy, told by Anna Canary\\CANARY7309"),
        STATE: (b"LO", b"CANARY7309"),
        SEX: (b"CS", b"F"),
        WEIGHT: (b"DS", b"73.5"),
        AGE: (b"AS", b"073Y"),
    }

    found = cleaned(elements, "basic", ("retain-patient-characteristics",))

    assert found[(SEX,)] == [b"F"]
    assert found[(WEIGHT,)] == [b"73.5"]
    assert found[(AGE,)] == [b"073Y"]
    assert (STATE,) not in found
    assert not any(b"CANARY" in value.upper() for values in found.values() for value in values)


@pytest.mark.parametrize(
    ("age", "left"), [(b"089Y", b"089Y"), (b"090Y", b"090Y"), (b"104Y", b"090Y"), (b"011M", b"011M")]
)
def test_ages_over_89_are_all_90(age: bytes, left: bytes) -> None:
    found = cleaned(identity() | {AGE: (b"AS", age)}, "basic", ("retain-patient-characteristics",))

    assert found[(AGE,)] == [left]


@pytest.mark.parametrize(
    ("tag", "vr", "value"), [(0x00080032, b"TM", b"765432"), (0x00080033, b"TM", b"01712345678")]
)
def test_a_number_that_is_no_time_of_day_does_not_hide_in_one(tag: int, vr: bytes, value: bytes) -> None:
    found = cleaned(identity() | {tag: (vr, value)}, "basic", ("retain-modified-dates",))

    assert found.get((tag,)) != [value]


def test_a_name_encoded_as_un_is_known_as_a_name() -> None:
    elements = identity() | {
        0x00100010: (b"UN", b"Liver^Breast"),
        0x0008103E: (b"LO", b"biopsy of breast liver margin"),
    }

    assert cleaned(elements, "basic", ("clean-descriptors",))[(0x0008103E,)] == [b"biopsy of"]


def test_a_component_of_the_patient_s_name_in_image_type_keeps_an_instance_in() -> None:
    elements = identity() | {
        0x00080008: (b"CS", b"ORIGINAL\\PRIMARY\\JONATHAN\\FEATHERSTONE"),
        0x00100010: (b"PN", b"Featherstone^Jonathan"),
    }

    with pytest.raises(LeakError):
        cleaned(elements)


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ((0x00080050, b"SH", b"H21-482"), b"left breast slide 482"),
        ((0x00321033, b"LO", b"Gross, Salt"), b"Salt Gross biopsy"),
    ],
)
def test_parts_of_an_identifier_are_cut_from_descriptions(
    identifier: tuple[int, bytes, bytes], text: bytes
) -> None:
    tag, vr, value = identifier
    elements = identity() | {tag: (vr, value), 0x0008103E: (b"LO", text)}

    left = cleaned(elements, "basic", ("clean-descriptors",)).get((0x0008103E,), [b""])

    assert not {b"482", b"Gross", b"Salt"} & set(left[0].split())


def presentation_state(options: tuple[str, ...]) -> Found:
    graphic: Elements = {0x00700005: (b"CS", b"PIXEL"), POINTS: (b"FL", b"\0\0\x80?" * 4)}
    image: Elements = {0x00081150: (b"UI", WSI), 0x00081155: (b"UI", SOP_INSTANCE)}
    annotation: Elements = {
        0x00081140: (b"SQ", [image]),
        0x00700002: (b"CS", b"LAYER"),
        TEXTS: (b"SQ", [{TEXT: (b"ST", b"tumor margin, Anna Canary")}]),
        GRAPHICS: (b"SQ", [graphic]),
    }
    instance = SERIES + b".7"
    elements = identity(instance=instance) | {
        0x00080016: (b"UI", GSPS),
        ANNOTATIONS: (b"SQ", [annotation]),
        0x60003000: (b"OW", b"CANARYOVERLAY\0"),
        0x60004000: (b"LT", b"CANARYOVERLAY"),
        0x50000005: (b"US", b"\0\0"),
    }
    container = file_meta(GSPS.decode(), instance.decode(), EXPLICIT_LITTLE)
    data = container + encode(elements, encoding_of(EXPLICIT_LITTLE))
    return found_in(clear_in_memory(opened(data), route_of("basic", options)))


def test_graphics_stay_with_their_references_and_their_text_is_cleaned() -> None:
    shapes = presentation_state(("clean-graphics",))
    words = presentation_state(("clean-graphics", "clean-descriptors"))

    assert shapes[ANNOTATIONS, TEXTS, TEXT] != [b"tumor margin, Anna Canary"]
    assert words[ANNOTATIONS, TEXTS, TEXT] == [b"tumor margin"]
    for found in (shapes, words):
        assert found[ANNOTATIONS, GRAPHICS, POINTS] == [b"\0\0\x80?" * 4]
        assert found[ANNOTATIONS, 0x00081140, 0x00081155] == cleaned(identity())[(0x00080018,)]
        assert not {path[-1] for path in found} & {0x60003000, 0x60004000, 0x50000005}
