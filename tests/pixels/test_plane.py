"""Where the whole picture lies on the slide, and places in millimetres of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dicomanon.errors import MalformedError
from dicomanon.pixels.box import Box, Found
from dicomanon.pixels.layout import Layout, plane_of
from dicomanon.pixels.places import Places, place_of, reach_as_far
from tests.part10.building import EXPLICIT, Coding
from tests.pixels.headers import (
    LYING,
    MEASURES,
    ORIENTATION,
    ORIENTATIONS,
    ORIGIN,
    REFERENCE,
    SHARED,
    SPACING,
    STANDING,
    SYNTAXES,
    X,
    Y,
    header_of,
)

if TYPE_CHECKING:
    from dicomanon.pixels.layout import Plane


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


def told(where: Plane, *found: Found) -> Places:
    return Places(
        ("owner",),
        where.frame,
        tuple(place_of(each, where, where.millimetres(Box(0, 0, 2000, 2000))) for each in found),
        frozenset(),
    )


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
    big = Layout(2000 * scale, 2000 * scale, 256, 256, [0], [0], [0], [0])
    level = Layout(2000, 2000, 256, 256, [0], [0], [0], [0])
    (there,) = told(coarse, Found("text", small, 0.5, "secret")).found_in(fine, big)
    found = there.box
    exact = Box(small.left * scale, small.top * scale, small.right * scale, small.bottom * scale)

    assert (there.kind, there.score, there.text) == ("text", 0.5, "secret")
    assert reach_as_far(coarse.millimetres(level.whole), fine.millimetres(big.whole))
    assert found.holds(exact)
    assert exact.padded(2).holds(found)
    (again,) = told(fine, Found("text", exact, 0.5)).found_in(coarse, level)
    back = again.box
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


def test_places_are_those_of_one_slide_in_one_plane() -> None:
    coarse, fine = (plane(EXPLICIT, (step, step), (20.0, 40.0), LYING) for step in (0.01, 0.001))
    places = told(coarse)

    assert places.of(("owner",), fine)
    assert not places.of(("another",), coarse)
    assert not places.of(("owner",), plane(EXPLICIT, (0.01, 0.01), (20.0, 40.0), STANDING))


def test_levels_reach_as_far_when_they_show_the_same_part_of_the_slide() -> None:
    coarse, fine = (plane(EXPLICIT, (step, step), (20.0, 40.0), LYING) for step in (0.01, 0.001))
    moved = plane(EXPLICIT, (0.01, 0.01), (10.0, 40.0), LYING)
    whole = coarse.millimetres(Box(0, 0, 100, 100))

    assert reach_as_far(whole, fine.millimetres(Box(0, 0, 1000, 1000)))
    assert reach_as_far(whole, fine.millimetres(Box(0, 0, 1010, 990)))
    assert not reach_as_far(whole, fine.millimetres(Box(0, 0, 1100, 1000)))
    assert not reach_as_far(whole, moved.millimetres(Box(0, 0, 100, 100)))


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
