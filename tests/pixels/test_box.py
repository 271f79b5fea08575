"""Rectangles held against sets of pixels."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dicomanon.pixels.box import Box, Found, distinct

SIDE = 12
BOXES = st.builds(Box, *[st.integers(-4, SIDE + 4)] * 4)
NAME = "GARCIA^MARIA"


def pixels(box: Box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box.left, box.right) for y in range(box.top, box.bottom)}


@given(box=BOXES)
def test_a_box_is_true_where_it_has_a_pixel(box: Box) -> None:
    assert bool(box) == bool(pixels(box))
    if box:
        assert box.width * box.height == len(pixels(box))


@given(box=BOXES, columns=st.integers(0, SIDE), rows=st.integers(0, SIDE))
def test_what_lies_within_a_picture_is_what_both_have(box: Box, columns: int, rows: int) -> None:
    inside = box.within(columns, rows)

    assert pixels(inside) == pixels(box) & pixels(Box(0, 0, columns, rows))
    assert 0 <= inside.left <= inside.right <= columns
    assert 0 <= inside.top <= inside.bottom <= rows
    assert inside.within(columns, rows) == inside


@given(one=BOXES.filter(bool), other=BOXES.filter(bool))
def test_boxes_meet_and_hold_as_their_pixels_do(one: Box, other: Box) -> None:
    assert one.meets(other) == other.meets(one) == bool(pixels(one) & pixels(other))
    assert one.holds(other) == (pixels(one) >= pixels(other))


@given(box=BOXES, columns=st.integers(-5, 5), rows=st.integers(-5, 5))
def test_a_moved_box_is_as_large_and_comes_back(box: Box, columns: int, rows: int) -> None:
    moved = box.moved(columns, rows)

    assert (moved.width, moved.height) == (box.width, box.height)
    assert moved.moved(-columns, -rows) == box
    assert box.padded(2, 0).holds(box)
    assert box.padded(3) == box.padded(3, 3)
    assert box.padded(columns, rows).padded(-columns, -rows) == box


@given(boxes=st.lists(BOXES, max_size=8))
def test_distinct_boxes_cover_the_same_and_none_is_in_another(boxes: list[Box]) -> None:
    kept = distinct(boxes)

    assert set().union(*map(pixels, kept)) == set().union(*map(pixels, boxes))
    assert not any(one.holds(other) for one in kept for other in kept if one is not other)
    assert set(kept) <= set(boxes)
    assert kept == sorted(kept, key=lambda box: (box.top, box.left)) == distinct(kept)


def test_what_was_found_never_shows_its_text() -> None:
    found = Found("text", Box(1, 2, 3, 4), 0.9, NAME)

    assert NAME not in repr(found)
    assert NAME not in str([found])
    assert found.without_text() == Found("text", Box(1, 2, 3, 4), 0.9)
    assert not found.without_text().text
