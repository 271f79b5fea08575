"""Where frames lie in the whole picture, and the whole picture on the slide."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dicomanon.errors import MalformedError
from dicomanon.part10.read import read_instance
from dicomanon.pixels.box import Box, Found
from dicomanon.pixels.header import Header
from dicomanon.pixels.layout import LARGEST_SIDE, Layout, layout_of, plane_of
from dicomanon.pixels.places import places_of
from tests.part10.building import BIG, EXPLICIT, IMPLICIT, Coding, data_set, file_of
from tests.pixels.single import Dribble, a_picture

if TYPE_CHECKING:
    from dicomanon.pixels.layout import Plane

SYNTAXES = (IMPLICIT, EXPLICIT, BIG)
TOTAL_COLUMNS, TOTAL_ROWS, ORGANIZATION, OFFSET = 0x00480006, 0x00480007, 0x00209311, 0x00209228
PER_FRAME, SHARED, POSITION, COLUMN, ROW, Z = (
    0x52009230,
    0x52009229,
    0x0048021A,
    0x0048021E,
    0x0048021F,
    0x0040074A,
)
PATH, PATH_NUMBER, REFERENCE = 0x00480207, 0x00480106, 0x00200052
ORIENTATION, ORIGIN, X, Y, MEASURES, SPACING = (
    0x00480102,
    0x00480008,
    0x0040072A,
    0x0040073A,
    0x00289110,
    0x00280030,
)
LYING, STANDING = "0\\-1\\0\\-1\\0\\0", "1\\0\\0\\0\\1\\0"
ORIENTATIONS = (
    LYING,
    STANDING,
    "0\\1\\0\\1\\0\\0",
    "-1\\0\\0\\0\\1\\0",
    "1\\0\\0\\0\\-1\\0",
    "0\\1\\0\\-1\\0\\0",
)


def header_of(syntax: str, more: dict[int, bytes]) -> Header:
    return Header.of(read_instance(Dribble(file_of(syntax, data_set(Coding(syntax), more)))))


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
    assert list(part.layers) == list(whole.layers)[first : first + 5]


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
    found = Layout(50, 50, columns, rows, lefts, tops, [0] * len(places)).frames_at(boxes)

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


def placed(
    coding: Coding, spacing: tuple[float, float], origin: tuple[float, float], orientation: str
) -> dict[int, bytes]:
    e = coding.element
    measures = coding.sequence(MEASURES, [e(SPACING, b"DS", f"{spacing[1]!r}\\{spacing[0]!r}")])
    place = e(X, b"DS", repr(origin[0])) + e(Y, b"DS", repr(origin[1]))
    return {
        REFERENCE: e(REFERENCE, b"UI", "1.2.3.4"),
        ORIENTATION: e(ORIENTATION, b"DS", orientation),
        ORIGIN: coding.sequence(ORIGIN, [place]),
        SHARED: coding.sequence(SHARED, [measures]),
    }


def plane(syntax: str, *how: Any) -> Plane:
    found = plane_of(header_of(syntax, placed(Coding(syntax), *how)))
    assert found is not None
    return found


@settings(max_examples=150, deadline=None)
@given(
    syntax=st.sampled_from(SYNTAXES),
    orientation=st.sampled_from(ORIENTATIONS),
    origin=st.tuples(st.floats(0, 30), st.floats(0, 80)).map(
        lambda each: (round(each[0], 4), round(each[1], 4))
    ),
    scale=st.sampled_from((1, 2, 4, 16, 64)),
    box=st.tuples(*[st.integers(0, 900)] * 4),
)
def test_a_box_of_one_level_is_the_same_place_on_another_to_a_pixel(
    syntax: str, orientation: str, origin: tuple[float, float], scale: int, box: tuple[int, int, int, int]
) -> None:
    left, top, wide, high = box
    assume(wide and high)
    small = Box(left, top, left + wide, top + high)
    fine = plane(syntax, (0.0005, 0.00025), origin, orientation)
    coarse = plane(syntax, (0.0005 * scale, 0.00025 * scale), origin, orientation)
    big = Layout(2000 * scale, 2000 * scale, 256, 256, [0], [0], [0])
    level = Layout(2000, 2000, 256, 256, [0], [0], [0])
    places = places_of(("owner",), coarse, level, [Found("text", small, 0.5, "secret")])
    ((kind, score, found),) = places.boxes(fine, big)
    exact = Box(small.left * scale, small.top * scale, small.right * scale, small.bottom * scale)

    assert (kind, score) == ("text", 0.5)
    assert places.hold_for(("owner",), fine, big)
    assert found.holds(exact)
    assert exact.padded(2).holds(found)
    ((_, _, back),) = places_of(("owner",), fine, big, [Found("text", exact, 0.5)]).boxes(coarse, level)
    assert back.holds(small)
    assert small.padded(2).holds(back)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_level_that_begins_elsewhere_finds_the_same_millimetres(orientation: str) -> None:
    one = plane(EXPLICIT, (0.001, 0.002), (20.0, 40.0), orientation)
    x, y = one.slide(100, 50)
    other = plane(EXPLICIT, (0.001, 0.002), (round(x, 6), round(y, 6)), orientation)
    found = other.pixels(one.millimetres(Box(110, 60, 130, 80)))

    assert found.holds(Box(10, 10, 30, 30))
    assert Box(8, 8, 32, 32).holds(found)
    assert one.slide(0, 0) == (20.0, 40.0)


def test_pixels_go_the_way_that_the_orientation_says() -> None:
    lying = plane(EXPLICIT, (0.5, 0.25), (20.0, 40.0), LYING)
    standing = plane(EXPLICIT, (0.5, 0.25), (20.0, 40.0), STANDING)

    assert lying.slide(2, 4) == (19.0, 39.0)
    assert standing.slide(2, 4) == (21.0, 41.0)
    assert lying.frame != standing.frame
    assert lying.millimetres(Box(0, 0, 2, 4)) == (-40.0, -20.0, -39.0, -19.0)


def test_places_hold_only_for_what_was_looked_at() -> None:
    coarse, fine = (plane(EXPLICIT, (step, step), (20.0, 40.0), LYING) for step in (0.01, 0.001))
    level = Layout(100, 100, 50, 50, [0], [0], [0])
    places = places_of(("owner",), coarse, level, [])

    assert places.hold_for(("owner",), fine, Layout(1000, 1000, 50, 50, [0], [0], [0]))
    assert places.hold_for(("owner",), fine, Layout(1010, 990, 50, 50, [0], [0], [0]))
    assert not places.hold_for(("owner",), fine, Layout(1100, 1000, 50, 50, [0], [0], [0]))
    assert not places.hold_for(("owner",), None, level)
    assert not places.hold_for(("another",), coarse, level)
    assert not places.hold_for(("owner",), plane(EXPLICIT, (0.01, 0.01), (20.0, 40.0), STANDING), level)
    assert not places.hold_for(("owner",), plane(EXPLICIT, (0.01, 0.01), (10.0, 40.0), LYING), level)


NONSENSE_SPACING = ["", "0\\0", "-1\\1", "1", "1\\2\\3", "nan\\nan", "inf\\inf", "1e999\\1", "a\\b", "\\"]


@pytest.mark.parametrize("spacing", NONSENSE_SPACING)
def test_nonsense_in_a_spacing_is_no_plane(spacing: str) -> None:
    coding = Coding(EXPLICIT)
    more = placed(coding, (1, 1), (0, 0), LYING)
    measures = coding.sequence(MEASURES, [coding.element(SPACING, b"DS", spacing)])

    assert plane_of(header_of(EXPLICIT, more | {SHARED: coding.sequence(SHARED, [measures])})) is None


@pytest.mark.parametrize("tag", [REFERENCE, ORIENTATION, ORIGIN, SHARED])
def test_a_plane_needs_all_of_its_attributes(tag: int) -> None:
    more = placed(Coding(EXPLICIT), (1, 1), (0, 0), LYING)
    assert plane_of(header_of(EXPLICIT, more)) is not None
    del more[tag]

    assert plane_of(header_of(EXPLICIT, more)) is None


@pytest.mark.parametrize(
    "orientation", ["", "1", "0\\-1\\0", "a\\b\\c\\d\\e\\f", "nan\\0\\0\\0\\1\\0", "inf\\0\\0\\0\\1\\0"]
)
def test_nonsense_in_an_orientation_is_no_plane(orientation: str) -> None:
    assert plane_of(header_of(EXPLICIT, placed(Coding(EXPLICIT), (1, 1), (0, 0), orientation))) is None


@settings(max_examples=150, deadline=None)
@given(
    x=st.binary(max_size=12),
    orientation=st.text("01-.e\\naif ", max_size=20),
    spacing=st.text("01-.e\\naif ", max_size=12),
)
def test_a_plane_is_none_or_has_finite_places(x: bytes, orientation: str, spacing: str) -> None:
    coding = Coding(EXPLICIT)
    more = placed(coding, (1, 1), (0, 0), orientation)
    measures = coding.sequence(MEASURES, [coding.element(SPACING, b"DS", spacing)])
    place = coding.element(X, b"DS", x) + coding.element(Y, b"DS", "1")
    more |= {SHARED: coding.sequence(SHARED, [measures]), ORIGIN: coding.sequence(ORIGIN, [place])}
    try:
        found = plane_of(header_of(EXPLICIT, more))
    except MalformedError:
        return
    if found is not None:
        assert found.pixels(found.millimetres(Box(0, 0, 10, 10))).holds(Box(1, 1, 9, 9))


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
