"""What one image of a slide shows is covered on all of them."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread

from dicomanon.part10.read import read_instance, replayed
from dicomanon.pipeline import clear, make_route
from dicomanon.pixels.box import Box
from dicomanon.pseudonym import Pseudonymizer
from dicomanon.survey import survey_files
from tests.pixels.marks import (
    BASE,
    COLUMNS,
    HALF,
    JPEG,
    MARK,
    Looks,
    assert_all_clean,
    cleared,
    levels_of,
    marked,
    marks_in,
)
from tests.pixels.parts import cut, frames_of, in_channels, loose, stacked, with_frames
from tests.pixels.pyramids import PATIENT, TILE, write_pyramid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.pixels.report import PixelReport
    from dicomanon.profile import Profile

    Image = NDArray[np.uint8]


def test_a_mark_across_the_parts_of_a_concatenation_is_one_and_covered_in_each(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    box = Box(500, 430, 700, 590)  # tiles of the first two rows, in two parts
    base, half, _ = levels_of(tmp_path / "in", marked(box))
    parts = cut(base, tmp_path, 3)

    places = assert_all_clean([*parts, half], profile, tmp_path / "out")

    assert [kind for kind, *_ in places[0].found] == ["text"]
    assert looks == [HALF]
    alone = survey_files(parts, profile)
    assert [kind for kind, *_ in alone[0].found] == ["text"]
    for part in parts:
        assert marks_in(cleared(part, profile, alone, tmp_path / "out")) == 0
    assert looks == [HALF, BASE]  # all parts at once
    assert looks.finds == 4  # with the mark, and with it covered


@pytest.mark.parametrize("together", [stacked, in_channels])
def test_what_one_layer_shows_is_covered_on_all_layers_and_levels(
    tmp_path: Path, profile: Profile, looks: Looks, together: Callable[[list[Path], Path], Path]
) -> None:
    first = levels_of(tmp_path / "one", marked(Box(100, 100, 300, 200)))
    second = levels_of(tmp_path / "two", marked(Box(900, 700, 1200, 800)))
    paths = [
        together([one, two], tmp_path / f"{number}.dcm")
        for number, (one, two) in enumerate(zip(first, second, strict=True))
    ]

    places = assert_all_clean(paths, profile, tmp_path / "out")

    assert len(places[0].found) == 2
    assert looks == [HALF]


def test_a_layer_that_only_the_base_has_is_looked_at_there(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    first = levels_of(tmp_path / "one", marked())
    second = levels_of(tmp_path / "two", marked(Box(900, 700, 1200, 800)))
    base = stacked([first[0], second[0]], tmp_path / "base.dcm")

    assert_all_clean([base, first[1], first[2]], profile, tmp_path / "out")

    assert BASE in looks


def test_focal_planes_in_instances_of_their_own_are_each_looked_at_once(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    first = levels_of(tmp_path / "one", marked())
    second = dcmread(levels_of(tmp_path / "two", marked(Box(900, 700, 1200, 800)))[0])
    other = with_frames(second, tmp_path / "plane.dcm", frames_of(second), 5)

    assert_all_clean([*first, other], profile, tmp_path / "out")

    assert looks == [HALF, BASE]  # one of the two planes


def test_where_tiles_are_missing_other_levels_are_looked_at_too(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    box = Box(TILE * 2 + 20, TILE * 2 + 20, TILE * 2 + 200, TILE * 2 + 120)
    base, half, quarter = levels_of(tmp_path / "in", marked(box))
    gap = loose(half, tmp_path / "gap.dcm", lambda number: number != 11)  # where the mark is

    assert_all_clean([base, gap], profile, tmp_path / "out")
    assert BASE in looks

    looks.clear()
    whole = loose(half, tmp_path / "whole.dcm", lambda _: True)
    sparse = loose(base, tmp_path / "sparse.dcm", lambda number: number % 3 != 0)
    assert_all_clean([sparse, whole, quarter], profile, tmp_path / "out")
    assert looks == [HALF]


def test_a_level_that_shows_more_of_the_slide_is_looked_at_itself(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    base, half, _ = levels_of(tmp_path / "in", marked())
    wide = write_pyramid(
        tmp_path / "wide",
        np.pad(marked(Box(COLUMNS - 36, 10, COLUMNS, 90)), ((0, 0), (0, 512), (0, 0)), "edge"),
        JPEG,
    )[0].path

    assert_all_clean([wide, half], profile, tmp_path / "out")

    assert BASE in looks
    assert base


@pytest.mark.usefixtures("looks")
def test_who_reviews_sees_small_levels_and_each_says_how_much_is_of_its_own_header(
    tmp_path: Path, profile: Profile
) -> None:
    paths = levels_of(tmp_path / "in", marked(Box(900, 700, 1200, 800)))
    places = survey_files(paths, profile)
    reports: list[PixelReport] = []
    made = make_route("test", profile, Pseudonymizer(bytes(range(32))), durable=False)
    route = replace(made, places=places, review=reports.append)

    for path in paths:
        with io.FileIO(path) as file:
            clear(partial(read_instance, file), route, tmp_path, again=partial(replayed, file))

    assert [report.own for report in reports] == [1, 1, 1]
    assert PATIENT not in repr((places, reports))
    for report in reports:
        ((look),) = report.looks
        assert look.after is not None
        before, after = (
            (np.abs(each.astype(int) - MARK).max(axis=2) < 60).sum() for each in (look.before, look.after)
        )
        assert before > 100
        assert after == 0


@pytest.mark.usefixtures("looks")
def test_a_uid_that_comes_twice_is_looked_at_whatever_the_other_one_showed(
    tmp_path: Path, profile: Profile
) -> None:
    base, half, _ = levels_of(tmp_path / "in", marked())
    same, _, _ = levels_of(tmp_path / "same", marked(Box(900, 700, 1200, 800)))

    assert_all_clean([base, half, same], profile, tmp_path / "out")
