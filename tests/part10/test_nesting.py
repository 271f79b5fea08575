"""Sequences: lengths defined and not, at every depth, behind UN, too deep, and made to cost time."""

from __future__ import annotations

import io
import struct
import time
from itertools import product
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon.errors import MalformedError
from dicomanon.part10.elements import MAX_DEPTH, element_at, element_items, elements_in
from dicomanon.part10.encoding import EXPLICIT_LE
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Quarantined
from tests.part10.building import (
    BIG,
    CANARY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    Coding,
    cleared,
    sent,
    slide_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from dicomanon.pipeline import Route

SPECIMENS, STEPS, CONTENT = 0x00400560, 0x00400610, 0x00400612
NAME, VALUE, EQUIVALENT, CONTAINER_TYPE = 0x0040A043, 0x0040A168, 0x00080121, 0x00400518
STAIN = "12710003"
LENGTHS = tuple(product((True, False), repeat=2))


def _planted(coding: Coding, depth: int) -> bytes:
    """Elements in ascending order that must not leave, whatever sequence they stand in."""
    name = CANARY + b"%d^INSIDE" % depth
    inner = coding.item(coding.element(0x00100010, b"PN", name), defined=False)
    return b"".join(
        (
            coding.element(0x00100010, b"PN", name),
            coding.head(0x00101002, b"SQ", UNDEFINED) + inner + coding.tag(0xFFFEE0DD) + bytes(4),
            coding.element(0x00110010, b"LO", CANARY),
            coding.element(0x00111001, b"LO", CANARY),
        )
    )


def _specimens(
    coding: Coding, *, defined: bool = True, defined_items: bool = True, plant: bool = True
) -> bytes:
    """Encode Specimen Description Sequence with a stain five sequences down, identifiers planted in each."""

    def nest(tag: int, depth: int, *items: bytes) -> bytes:
        planted = _planted(coding, depth) if plant else b""
        filled = (planted + each if tag == SPECIMENS else each + planted for each in items)
        return coding.sequence(tag, filled, defined=defined, defined_items=defined_items)

    equivalent = nest(EQUIVALENT, 5, coding.code("44400004", "haematoxylin"))
    content = b"".join(
        (
            coding.element(0x0040A040, b"CS", "CODE"),
            nest(NAME, 4, coding.code("424361007", "Using substance")),
            nest(VALUE, 4, coding.code(STAIN, "hematoxylin stain", equivalent)),
        )
    )
    return nest(SPECIMENS, 1, nest(STEPS, 2, nest(CONTENT, 3, content)))


def _stain(dataset: Dataset) -> Dataset:
    step = dataset.SpecimenDescriptionSequence[0].SpecimenPreparationSequence[0]
    content: Dataset = step.SpecimenPreparationStepContentItemSequence[0]
    return content.ConceptCodeSequence[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("defined", "defined_items"), LENGTHS)
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_identifiers_go_and_codes_stay_five_sequences_down_whatever_the_lengths(
    syntax: str, *, defined: bool, defined_items: bool, route: Route, tmp_path: Path
) -> None:
    specimens = _specimens(Coding(syntax), defined=defined, defined_items=defined_items)

    written = cleared(slide_file(syntax, {SPECIMENS: specimens}), route, tmp_path / "out")

    after = dcmread(io.BytesIO(written))
    stain = _stain(after)
    assert stain.CodeValue == STAIN
    assert stain.EquivalentCodeSequence[0].CodeValue == "44400004"
    assert sum(CANARY.decode() in str(element.value) for element in after.iterall()) == 0
    assert not any(
        element.tag.is_private or element.keyword == "OtherPatientIDsSequence" for element in after.iterall()
    )
    if syntax != DEFLATED:
        assert CANARY not in written


@pytest.mark.parametrize(("defined", "defined_items"), LENGTHS)
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_a_sequence_that_needs_no_change_keeps_its_bytes_and_its_kind_of_length(
    syntax: str, *, defined: bool, defined_items: bool, route: Route, tmp_path: Path
) -> None:
    coding = Coding(syntax)
    specimens = _specimens(coding, defined=defined, defined_items=defined_items, plant=False)
    steps = specimens[specimens.index(coding.tag(STEPS)) :]

    written = cleared(slide_file(syntax, {SPECIMENS: specimens}), route, tmp_path / "out")

    end = len(steps) - (
        16 if not defined and not defined_items else 8 if not (defined and defined_items) else 0
    )
    assert steps[:end] in written


@pytest.mark.parametrize("lengths", list(product((True, False), repeat=5)))
def test_identifiers_go_from_every_mix_of_defined_and_undefined_lengths(
    lengths: tuple[bool, ...], route: Route, tmp_path: Path
) -> None:
    coding = Coding(EXPLICIT)
    tags = (SPECIMENS, STEPS, CONTENT, VALUE, EQUIVALENT)
    inside = coding.code("44400004", "haematoxylin") + _planted(coding, 5)
    for depth in range(4, -1, -1):
        sequence = coding.sequence(
            tags[depth], [inside], defined=lengths[depth], defined_items=lengths[-1 - depth]
        )
        if tags[depth] == EQUIVALENT:
            inside = coding.code(STAIN, "hematoxylin stain", sequence)
        elif tags[depth] == VALUE:
            name = coding.sequence(NAME, [coding.code("424361007", "Using substance")])
            inside = coding.element(0x0040A040, b"CS", "CODE") + name + sequence
        else:
            inside = sequence

    written = cleared(slide_file(EXPLICIT, {SPECIMENS: inside}), route, tmp_path / "out")

    assert CANARY not in written
    assert _stain(dcmread(io.BytesIO(written))).EquivalentCodeSequence[0].CodeMeaning == "haematoxylin"


@pytest.mark.parametrize("defined", [True, False])
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG])
def test_an_un_that_hides_a_known_sequence_is_walked(
    syntax: str, *, defined: bool, route: Route, tmp_path: Path
) -> None:
    # Inside UN everything is Implicit VR Little Endian, whatever is around it (PS3.5 6.2.2).
    hidden = _specimens(Coding(IMPLICIT), defined=defined, defined_items=False)
    value = hidden[8:]
    element = Coding(syntax).head(SPECIMENS, b"UN", len(value) if defined else UNDEFINED) + value

    written = cleared(slide_file(syntax, {SPECIMENS: element}), route, tmp_path / "out")

    assert CANARY not in written
    assert STAIN.encode() in written
    if syntax != BIG:  # pydicom reads what is inside UN in the byte order of the rest
        assert _stain(dcmread(io.BytesIO(written))).CodeValue == STAIN


@pytest.mark.parametrize("defined", [True, False])
def test_an_un_inside_a_sequence_is_walked_with_the_encoding_of_its_own(
    *, defined: bool, route: Route, tmp_path: Path
) -> None:
    implicit, explicit = Coding(IMPLICIT), Coding(EXPLICIT)
    code = implicit.code(STAIN, "stain") + implicit.element(0x00100010, b"PN", CANARY + b"^INSIDE")
    value = implicit.item(code, defined=False) + (b"" if defined else implicit.tag(0xFFFEE0DD) + bytes(4))
    equivalent = explicit.head(EQUIVALENT, b"UN", len(value) if defined else UNDEFINED) + value
    kind = explicit.sequence(CONTAINER_TYPE, [explicit.code("433466003", "Slide", equivalent)], defined=False)

    written = cleared(slide_file(EXPLICIT, {CONTAINER_TYPE: kind}), route, tmp_path / "out")

    assert CANARY not in written
    inner = dcmread(io.BytesIO(written)).ContainerTypeCodeSequence[0].EquivalentCodeSequence[0]
    assert inner.CodeValue == STAIN


@pytest.mark.parametrize("defined", [True, False])
def test_a_private_un_that_hides_a_sequence_goes_as_a_whole(
    *, defined: bool, route: Route, tmp_path: Path
) -> None:
    implicit, explicit = Coding(IMPLICIT), Coding(EXPLICIT)
    value = implicit.item(implicit.element(0x00100010, b"PN", CANARY), defined=False)
    value += b"" if defined else implicit.tag(0xFFFEE0DD) + bytes(4)
    more = {
        0x00110010: explicit.element(0x00110010, b"LO", "MAKER"),
        0x00111001: explicit.head(0x00111001, b"UN", len(value) if defined else UNDEFINED) + value,
    }

    written = cleared(slide_file(EXPLICIT, more), route, tmp_path / "out")

    assert CANARY not in written
    assert b"MAKER" not in written


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG])
@pytest.mark.parametrize("items", [0, 1])
def test_empty_sequences_and_empty_items_are_no_error(
    syntax: str, items: int, route: Route, tmp_path: Path
) -> None:
    coding = Coding(syntax)
    for defined, defined_items in LENGTHS:
        kind = coding.sequence(CONTAINER_TYPE, [b""] * items, defined=defined, defined_items=defined_items)
        written = cleared(slide_file(syntax, {CONTAINER_TYPE: kind}), route, tmp_path / "out")
        assert kind in written
        assert len(dcmread(io.BytesIO(written)).ContainerTypeCodeSequence) == items


def _deep(depth: int, *, defined: bool, tag: int = EQUIVALENT, vr: bytes = b"SQ") -> bytes:
    coding = Coding(EXPLICIT)
    inside = coding.code("1", "1")
    for _ in range(depth):
        inside = coding.sequence(tag, [inside], defined=defined, defined_items=defined, vr=vr)
    return inside


@pytest.mark.parametrize("defined", [True, False])
@pytest.mark.parametrize("tag", [EQUIVALENT, CONTAINER_TYPE, 0x00101002, 0x00091010])
def test_sequences_nested_deeper_than_the_limit_are_refused(
    tag: int, *, defined: bool, route: Route, tmp_path: Path
) -> None:
    deep = {tag: _deep(MAX_DEPTH + 8, defined=defined, tag=tag)}
    outcome = sent(slide_file(EXPLICIT, deep), route, tmp_path / "out")

    if isinstance(outcome, Quarantined):
        assert outcome.reason == "malformed"
        assert "nested deeper" in outcome.message
    else:  # what goes as a whole by its length need not be opened
        assert tag == 0x00091010
        assert defined


@pytest.mark.parametrize("defined", [True, False])
def test_thousands_of_nested_sequences_end_at_the_limit(
    *, defined: bool, route: Route, tmp_path: Path
) -> None:
    coding = Coding(EXPLICIT)
    depth = 3000
    length = 12 + 8
    heads = []
    for level in range(depth, 0, -1):
        inner = level * length if defined else UNDEFINED
        heads.append(coding.head(EQUIVALENT, b"SQ", inner - 12 if defined else inner))
        heads.append(coding.tag(0xFFFEE000) + struct.pack("<I", inner - length if defined else inner))
    deep = b"".join(heads)
    start = time.monotonic()

    outcome = sent(slide_file(EXPLICIT, {EQUIVALENT: deep}), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert time.monotonic() - start < 2


def test_nesting_made_to_be_walked_again_and_again_takes_a_bounded_time(route: Route, tmp_path: Path) -> None:
    coding = Coding(EXPLICIT)
    inside = coding.element(0x00100010, b"PN", "") * 8192
    for depth in range(MAX_DEPTH - 2):
        tag = 0x00101002 if depth == MAX_DEPTH - 3 else EQUIVALENT
        inside = coding.sequence(tag, [inside], defined=False, defined_items=False)
    start = time.monotonic()

    sent(slide_file(EXPLICIT, {0x00101002: inside}), route, tmp_path / "out")

    assert time.monotonic() - start < 15


def _first(buffer: bytes) -> None:
    for element in elements_in(buffer, 0, len(buffer), EXPLICIT_LE):
        for item in element_items(buffer, element):
            list(elements_in(buffer, item.value, item.end, element.encoding))


@pytest.mark.parametrize(
    ("broken", "offset"),
    [
        (Coding(EXPLICIT).sequence(STEPS, [b""])[:-4] + b"\x10\0\0\0", 12),
        (Coding(EXPLICIT).head(STEPS, b"SQ", 8) + b"\x08\0\x05\0\0\0\0\0", 12),
        (
            Coding(EXPLICIT).head(STEPS, b"SQ", UNDEFINED) + Coding(EXPLICIT).element(0x00080005, b"CS", ""),
            12,
        ),
        (Coding(EXPLICIT).head(STEPS, b"SQ", UNDEFINED) + b"\xfe\xff\x0d\xe0" + bytes(4), 12),
        (Coding(EXPLICIT).head(0x00080005, b"UT", UNDEFINED), 0),
        (b"\xfe\xff\x00\xe0" + bytes(4), 0),
        (Coding(EXPLICIT).element(0x00080005, b"CS", "")[:4] + b"zz\0\0", 0),
    ],
    ids=[
        "item too long",
        "no item",
        "element for item",
        "wrong end",
        "text without length",
        "lone item",
        "no VR",
    ],
)
def test_items_out_of_place_are_refused_at_their_offset(broken: bytes, offset: int) -> None:
    with pytest.raises(MalformedError) as raised:
        _first(broken)

    assert raised.value.offset == offset


def test_a_sequence_without_end_is_refused_wherever_it_is_cut() -> None:
    whole = _specimens(Coding(EXPLICIT), defined=False, defined_items=False)
    assert element_at(whole, 0, len(whole), EXPLICIT_LE).next == len(whole)

    for size in range(len(whole)):
        with pytest.raises(MalformedError) as raised:
            element_at(whole[:size], 0, size, EXPLICIT_LE)
        assert raised.value.offset is not None


def test_a_header_of_undefined_lengths_is_read_however_slowly_it_arrives() -> None:
    class Dripping:
        def __init__(self, data: bytes) -> None:
            self.left = memoryview(data)

        def readinto(self, buffer: memoryview, /) -> int:
            count = min(len(buffer), len(self.left), 7)
            buffer[:count] = self.left[:count]
            self.left = self.left[count:]
            return count

    data = slide_file(EXPLICIT, {SPECIMENS: _specimens(Coding(EXPLICIT), defined=False, defined_items=False)})

    slow, fast = read_instance(Dripping(data)), read_instance(io.BytesIO(data))

    assert slow.header == fast.header
    assert slow.entries == fast.entries
