"""Attributes set as bytes, read back by pydicom."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from dicomanon.errors import MalformedError
from dicomanon.part10.read import read_instance
from dicomanon.pixels.header import Header, inside, packed_number, values_in, with_values
from tests.part10.building import BIG, EXPLICIT, IMPLICIT, Coding, data_set, file_of, group_two
from tests.pixels.single import Dribble

if TYPE_CHECKING:
    from dicomanon.part10.instance import Instance

SYNTAXES = (IMPLICIT, EXPLICIT, BIG)
COMMENT, SERIES, BURNED, ROWS, SEQUENCE = 0x00204000, 0x0008103E, 0x00280301, 0x00280010, 0x00082218
TAGS: dict[int, tuple[bytes, str]] = {
    0x00080008: (b"CS", "ImageType"),
    0x00080060: (b"CS", "Modality"),
    0x0008103E: (b"LO", "SeriesDescription"),
    0x00100010: (b"PN", "PatientName"),
    0x00100040: (b"CS", "PatientSex"),
    0x00204000: (b"LT", "ImageComments"),
    0x00280301: (b"CS", "BurnedInAnnotation"),
    0x00282110: (b"CS", "LossyImageCompression"),
    0x00401001: (b"SH", "RequestedProcedureID"),
}


def an_instance(syntax: str, more: dict[int, bytes] | None = None) -> Instance:
    return read_instance(Dribble(file_of(syntax, data_set(Coding(syntax), more))))


def read(instance: Instance) -> Any:
    syntax = instance.meta.transfer_syntax_uid
    return dcmread(io.BytesIO(bytes(128) + b"DICM" + group_two(syntax) + instance.header))


def tags_in_order(instance: Instance) -> list[int]:
    return [entry.tag for entry in Header.of(instance).entries]


def nested(coding: Coding) -> dict[int, bytes]:
    item = coding.element(COMMENT, b"LT", "inside") + coding.element(BURNED, b"CS", "YES")
    return {
        SEQUENCE: coding.sequence(SEQUENCE, [item], defined=False, defined_items=False),
        0x00400555: coding.sequence(0x00400555, []),
    }


VALUES = st.dictionaries(
    st.sampled_from(sorted(TAGS)),
    st.none() | st.text("ABCXYZ 12", min_size=1, max_size=14).map(lambda text: text.strip().encode() or b"A"),
)


@settings(max_examples=120, deadline=None)
@given(syntax=st.sampled_from(SYNTAXES), values=VALUES, first=VALUES)
def test_any_attributes_are_set_replaced_or_gone_and_all_others_stay(
    syntax: str, values: dict[int, bytes | None], first: dict[int, bytes | None]
) -> None:
    laid = [
        {tag: None if value is None else (TAGS[tag][0], value) for tag, value in each.items()}
        for each in (first, values)
    ]
    source = with_values(an_instance(syntax, nested(Coding(syntax))), laid[0])
    before = read(source)
    result = with_values(source, laid[1])
    after = read(result)

    for tag, value in values.items():
        if value is None:
            assert tag not in after
        else:
            assert after.get_item(tag).value.rstrip(b" \0") == value
    for element in before:
        if element.tag not in values:
            assert after[element.tag] == element
    assert {int(each.tag) for each in after} - {int(each.tag) for each in before} == {
        tag for tag, value in values.items() if value is not None and tag not in before
    }
    assert tags_in_order(result) == sorted(tags_in_order(result))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_attributes_in_front_of_and_behind_all_others_find_their_place(syntax: str) -> None:
    values = {0x00080001: (b"UL", b"\1\0\0\0"), 0x7FDF0010: (b"LO", b"last"), 0x00080006: (b"CS", b"EARLY")}
    result = with_values(an_instance(syntax), values)
    tags = tags_in_order(result)

    assert tags[0] == 0x00080001
    assert tags[-1] == 0x7FDF0010
    assert tags == sorted(tags)
    assert len(tags) == len(set(tags))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_what_lies_in_sequences_is_not_touched(syntax: str) -> None:
    instance = an_instance(syntax, nested(Coding(syntax)))
    result = with_values(instance, {COMMENT: None, BURNED: (b"CS", b"NO")})
    found = read(result)

    assert found.BurnedInAnnotation == "NO"
    assert "ImageComments" not in found
    assert found[SEQUENCE].value[0].ImageComments == "inside"
    assert found[SEQUENCE].value[0].BurnedInAnnotation == "YES"
    assert with_values(instance, {COMMENT: None}).header == instance.header
    assert with_values(instance, {}).header == instance.header
    assert SEQUENCE not in Header.of(with_values(instance, {SEQUENCE: None}))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_numbers_and_texts_are_read_in_the_order_of_their_bytes(syntax: str) -> None:
    coding = Coding(syntax)
    more = {
        0x00480006: coding.element(0x00480006, b"UL", 70_000),
        0x00280008: coding.element(0x00280008, b"IS", "+12"),
        0x0020000D: b"",
    }
    instance = an_instance(syntax, more)
    header = Header.of(instance)
    encoding = header.encoding

    assert header.number(ROWS) == 4
    assert header.number(0x00480006) == 70_000
    assert header.number(0x00480007) == 0
    assert header.whole(0x00280008) == 12
    assert header.whole(0x00080060) == 0
    assert header.texts(0x00080008) == ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    assert header.texts(0x0020000D) == []
    assert header.kind(ROWS) == b"US"
    assert header.kind(0x0020000D) == b""
    assert Header.of(with_values(instance, {ROWS: (b"US", packed_number(513, encoding))})).number(ROWS) == 513


@pytest.mark.parametrize("defined", [False, True])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_items_and_what_is_inside_of_them_are_found(syntax: str, *, defined: bool) -> None:
    coding = Coding(syntax)
    deep = coding.element(ROWS, b"US", 77)
    middle = coding.sequence(SEQUENCE, [deep, b""], defined=defined, defined_items=defined)
    outer = coding.sequence(0x52009230, [middle, b""], defined=defined, defined_items=defined)
    header = Header.of(an_instance(syntax, {0x52009230: outer}))
    found = list(header.items(0x52009230))

    assert len(found) == 2
    assert set(values_in(*found[0])) == {SEQUENCE}
    assert int.from_bytes(inside(*found[0], SEQUENCE)[ROWS], header.order) == 77
    assert inside(*found[0], COMMENT) == {}
    assert inside(*found[1], SEQUENCE) == {}
    assert list(header.items(0x52009229)) == []
    assert header.raw(0x52009230) == b"" or defined


def test_a_value_that_does_not_fit_its_length_is_malformed() -> None:
    with pytest.raises(MalformedError):
        with_values(an_instance(EXPLICIT), {COMMENT: (b"LT", bytes(70_000))})

    assert len(with_values(an_instance(IMPLICIT), {COMMENT: (b"LT", bytes(70_000))}).header) > 70_000
