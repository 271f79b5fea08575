"""Where frames lie in the whole picture, and the whole picture on the slide."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomanon.errors import MalformedError
from dicomanon.pixels.box import Box
from dicomanon.pixels.layout import LARGEST_SIDE, Layout, layout_of
from tests.part10.building import EXPLICIT, Coding
from tests.pixels.headers import (
    COLUMN,
    OFFSET,
    ORGANIZATION,
    PATH,
    PATH_NUMBER,
    PER_FRAME,
    POSITION,
    ROW,
    SYNTAXES,
    TOTAL_COLUMNS,
    TOTAL_ROWS,
    Z,
    header_of,
)
from tests.pixels.single import a_picture


def total(coding: Coding, columns: int, rows: int, organization: str = "TILED_FULL") -> dict[int, bytes]:
    return {
        TOTAL_COLUMNS: coding.element(TOTAL_COLUMNS, b"UL", columns),
        TOTAL_ROWS: coding.element(TOTAL_ROWS, b"UL", rows),
        ORGANIZATION: coding.element(ORGANIZATION, b"CS", organization),
    }


def layout(syntax: str, more: dict[int, bytes], frames: int, *, columns: int = 10, rows: int = 8) -> Layout:
    return layout_of(header_of(syntax, more), a_picture(syntax, columns, rows, frames=frames))


@dataclass(frozen=True, slots=True)
class Position:
    """What a frame of TILED_SPARSE says of itself."""

    column: int
    row: int
    path: str = "1"
    z: str = "0"
    more: dict[int, bytes] = field(default_factory=dict)


def sparse(coding: Coding, positions: list[Position], *, defined: bool = True) -> dict[int, bytes]:
    order = coding.order
    items = []
    for each in positions:
        parts = {
            Z: coding.element(Z, b"DS", each.z),
            COLUMN: coding.element(COLUMN, b"SL", struct.pack(order + "i", each.column)),
            ROW: coding.element(ROW, b"SL", struct.pack(order + "i", each.row)),
        } | each.more
        place = b"".join(value for _, value in sorted(parts.items()))
        path = coding.element(PATH_NUMBER, b"SH", each.path)
        items.append(
            coding.sequence(PATH, [path], defined=defined, defined_items=defined)
            + coding.sequence(POSITION, [place], defined=defined, defined_items=defined)
        )
    return {PER_FRAME: coding.sequence(PER_FRAME, items, defined=defined, defined_items=defined)}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_full_tiles_lie_row_by_row_and_one_layer_behind_the_other(syntax: str) -> None:
    found = layout(syntax, total(Coding(syntax), 25, 16), 18)

    assert found.tiled
    assert list(found.lefts) == [0, 10, 20] * 6
    assert list(found.tops) == [0, 0, 0, 8, 8, 8] * 3
    assert list(found.layers) == [0] * 6 + [1] * 6 + [2] * 6
    assert found.place(5) == Box(20, 8, 30, 16)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("first", [0, 1, 4, 6, 13])
def test_a_part_of_a_concatenation_goes_on_where_the_one_before_ended(syntax: str, first: int) -> None:
    coding = Coding(syntax)
    more = total(coding, 25, 16) | {OFFSET: coding.element(OFFSET, b"UL", first)}
    whole, part = layout(syntax, total(coding, 25, 16), 18), layout(syntax, more, 5)

    assert list(part.lefts) == list(whole.lefts)[first : first + 5]
    assert list(part.tops) == list(whole.tops)[first : first + 5]
    assert [part.names[each] for each in part.layers] == list(whole.layers)[first : first + 5]


@pytest.mark.parametrize("defined", [True, False])
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_sparse_tiles_lie_where_each_of_them_says(syntax: str, *, defined: bool) -> None:
    coding = Coding(syntax)
    positions = [Position(1, 1), Position(21, 9), Position(1, 1, path="22"), Position(11, 1, z="0.5")]
    more = total(coding, 25, 16, "TILED_SPARSE") | sparse(coding, positions, defined=defined)
    found = layout(syntax, more, 4)

    assert list(found.lefts) == [0, 20, 0, 10]
    assert list(found.tops) == [0, 8, 0, 0]
    assert list(found.layers) == [0, 0, 1, 2]
    assert (found.columns, found.rows) == (30, 16)
    for wrong in (Position(-4, 1), Position(1, 0), Position(70_000, 1), Position(21, 9)):
        with pytest.raises(MalformedError):
            layout(syntax, total(coding, 25, 16, "TILED_SPARSE") | sparse(coding, [*positions, wrong]), 5)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_single_images_and_frames_of_a_film_are_pictures_of_their_own(syntax: str) -> None:
    film, single = layout(syntax, {}, 4), layout(syntax, {}, 1)
    one_tile = layout(syntax, total(Coding(syntax), 10, 8, "TILED_SPARSE"), 1)

    assert not film.tiled
    assert not single.tiled
    assert not one_tile.tiled
    assert list(film.layers) == [0, 1, 2, 3]
    assert {film.place(number) for number in range(4)} == {Box(0, 0, 10, 8)}
    assert film.frames_at([Box(9, 7, 20, 20)]) == {number: [Box(9, 7, 10, 8)] for number in range(4)}
    assert one_tile.frames_at([Box(0, 0, 1, 1)]) == {0: [Box(0, 0, 1, 1)]}


BOXES = st.lists(
    st.builds(
        lambda left, top, wide, high: Box(left, top, left + wide, top + high),
        st.integers(-9, 40),
        st.integers(-9, 40),
        st.integers(1, 30),
        st.integers(1, 30),
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(
    columns=st.integers(1, 9),
    rows=st.integers(1, 9),
    places=st.lists(st.tuples(st.integers(-9, 40), st.integers(-9, 40)), max_size=12),
    boxes=BOXES,
)
def test_the_frames_a_box_meets_are_those_that_have_a_pixel_of_it(
    columns: int, rows: int, places: list[tuple[int, int]], boxes: list[Box]
) -> None:
    lefts, tops = [left for left, _ in places], [top for _, top in places]
    found = Layout(50, 50, columns, rows, lefts, tops, [0] * len(places), [0]).frames_at(boxes)

    for number, (left, top) in enumerate(places):
        expected = {
            (x - left, y - top)
            for box in boxes
            for x in range(max(box.left, left), min(box.right, left + columns))
            for y in range(max(box.top, top), min(box.bottom, top + rows))
        }
        told = {
            (x, y)
            for box in found.get(number, [])
            for x in range(box.left, box.right)
            for y in range(box.top, box.bottom)
        }
        assert told == expected
        assert (number in found) == bool(expected)
        assert all(box.within(columns, rows) == box for box in found.get(number, []))


@settings(max_examples=60, deadline=None)
@given(columns=st.integers(1, 60), rows=st.integers(1, 60), layers=st.integers(1, 3), boxes=BOXES)
def test_full_tiles_together_show_every_pixel_of_a_box_on_every_layer(
    columns: int, rows: int, layers: int, boxes: list[Box]
) -> None:
    count = -(-columns // 10) * -(-rows // 8)
    found = layout(EXPLICIT, total(Coding(EXPLICIT), columns, rows), count * layers)
    inside = [each for each in (box.within(columns, rows) for box in boxes) if each]
    touched = found.frames_at(inside)
    expected = {
        (x, y) for box in inside for x in range(box.left, box.right) for y in range(box.top, box.bottom)
    }
    for layer in range(layers):
        told: set[tuple[int, int]] = set()
        for number, parts in touched.items():
            if found.layers[number] == layer:
                place = found.place(number)
                moved = [box.moved(place.left, place.top) for box in parts]
                told |= {
                    (x, y)
                    for box in moved
                    for x in range(box.left, box.right)
                    for y in range(box.top, box.bottom)
                }
        assert told == expected


def test_sparse_tiles_that_do_not_say_where_they_lie_are_malformed() -> None:
    coding = Coding(EXPLICIT)
    total_of = total(coding, 25, 16, "TILED_SPARSE")
    faults = [
        [Position(1, 1), Position(1, 9, more={COLUMN: b""})],
        [Position(1, 1), Position(1, 9, more={ROW: b""})],
        [Position(1, 1), Position(1, 9, more={ROW: coding.element(ROW, b"SL", b"")})],
        [Position(1, 1), Position(1, 9, more={COLUMN: coding.element(COLUMN, b"SL", bytes([255] * 12))})],
        [Position(1, 1)],
        [Position(1, 1)] * 3,
        [],
    ]
    for positions in faults:
        with pytest.raises(MalformedError):
            layout(EXPLICIT, total_of | sparse(coding, positions), 2)
    with pytest.raises(MalformedError):
        layout(EXPLICIT, total_of, 2)


def test_sizes_and_offsets_beyond_reason_are_malformed() -> None:
    coding = Coding(EXPLICIT)
    for columns, rows in ((LARGEST_SIDE + 1, 5), (5, 0xFFFFFFFF)):
        with pytest.raises(MalformedError):
            layout(EXPLICIT, total(coding, columns, rows), 1)
    for value in (bytes([255] * 8), bytes([255] * 40)):
        with pytest.raises(MalformedError):
            layout(EXPLICIT, total(coding, 25, 16) | {OFFSET: coding.element(OFFSET, b"UL", value)}, 1)
        rows_of = coding.element(TOTAL_ROWS, b"UL", value)
        with pytest.raises(MalformedError):
            layout(EXPLICIT, total(coding, 25, 16) | {TOTAL_ROWS: rows_of}, 1)


def test_layers_of_many_tiles_never_go_back() -> None:
    found = layout(EXPLICIT, total(Coding(EXPLICIT), 95, 79), 300)

    assert all(one <= other for one, other in pairwise(found.layers))
    assert found.layers[-1] == 299 // 100
