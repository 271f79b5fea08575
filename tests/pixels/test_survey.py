from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread

import dicomanon.pixels.clean
from dicomanon.part10.read import read_instance, replayed
from dicomanon.pipeline import Cleared, clear, make_route
from dicomanon.pixels.box import Box, Found
from dicomanon.pixels.codecs import decode
from dicomanon.pixels.colour import shown
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from dicomanon.survey import survey, survey_files
from tests.pixels.parts import cut, frames_of, in_channels, loose, stacked, with_frames
from tests.pixels.pyramids import PATIENT, TILE, tissue, write_pyramid

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.pixels.places import Places
    from dicomanon.pixels.report import PixelReport
    from dicomanon.profile import Profile

    Image = NDArray[np.uint8]
    Looks = list[tuple[int, int]]

JPEG = "1.2.840.10008.1.2.4.50"
MARK = (255, 0, 255)
"""Where a picture has this colour there is something to find: what the readers do with text has tests of its own."""
SCALES = (1, 2, 4)
COLUMNS, ROWS = 2560, 1024


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Find marks in the place of text; return the sizes of all pictures that were looked at."""
    sizes: Looks = []

    def find(image: Image) -> tuple[Found, ...]:
        sizes.append((image.shape[1], image.shape[0]))
        near = np.abs(image.astype(int) - MARK).max(axis=2) < 60
        rows, columns = np.nonzero(near)
        if len(rows) < 8:
            return ()
        edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return (Found("text", Box(*map(int, edges)), 1.0, PATIENT),)

    monkeypatch.setitem(dicomanon.pixels.clean._LOOKS, "VOLUME", find)
    return sizes


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    path = tmp_path / "cleaned.toml"
    path.write_text('extends = "research-wsi"\noptions = ["clean-pixel-data"]\n[pixels]\nsearch = "1"\n')
    return load_profile(str(path))


def marked(*boxes: Box) -> Image:
    image = tissue(COLUMNS, ROWS)
    for box in boxes:
        image[box.top : box.bottom, box.left : box.right] = MARK
    return image


def levels_of(folder: Path, image: Image) -> list[Path]:
    return [level.path for level in write_pyramid(folder, image, JPEG, scales=SCALES)]


def cleared(path: Path, profile: Profile, places: tuple[Places, ...], folder: Path) -> Path:
    route = make_route("test", profile, Pseudonymizer(bytes(range(32))), durable=False)
    with io.FileIO(path) as file:
        outcome = clear(
            partial(read_instance, file), replace(route, places=places), folder, again=partial(replayed, file)
        )
    assert isinstance(outcome, Cleared), outcome
    return outcome.path


def marks_in(path: Path) -> int:
    """Count the pixels of all frames that are still of the colour that counts as text."""
    dataset = dcmread(path)
    with io.FileIO(path) as file:
        from dicomanon.pixels.picture import picture_of

        picture = picture_of(read_instance(file))
    images = (shown(decode(frame, picture), picture) for frame in frames_of(dataset))
    return sum(int((np.abs(image.astype(int) - MARK).max(axis=2) < 60).sum()) for image in images)


def assert_all_clean(paths: list[Path], profile: Profile, folder: Path) -> tuple[Places, ...]:
    places = survey_files(paths, profile)
    folder.mkdir(exist_ok=True)
    assert len(places) == 1
    assert any(marks_in(path) for path in paths)
    for path in paths:
        assert marks_in(cleared(path, profile, places, folder)) == 0, path.name
    return places


def test_a_mark_across_the_parts_of_a_concatenation_is_one_and_covered_in_each(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    box = Box(500, 430, 700, 590)  # tiles of the first two rows, in two parts
    base, half, _ = levels_of(tmp_path / "in", marked(box))
    parts = cut(base, tmp_path, 3)

    places = assert_all_clean([*parts, half], profile, tmp_path / "out")

    assert [kind for kind, *_ in places[0].found] == ["text"]
    assert set(looks) == {(COLUMNS // 2, ROWS // 2)}
    alone = survey_files(parts, profile)
    assert [kind for kind, *_ in alone[0].found] == ["text"]
    for part in parts:
        assert marks_in(cleared(part, profile, alone, tmp_path / "out")) == 0
    assert (
        looks.count((COLUMNS, ROWS)) == 2
    )  # once with the mark, once with it covered: not once for each part


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
    assert set(looks) == {(COLUMNS // 2, ROWS // 2)}


def test_a_layer_that_only_the_base_has_is_looked_at_there(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    first = levels_of(tmp_path / "one", marked())
    second = levels_of(tmp_path / "two", marked(Box(900, 700, 1200, 800)))
    base = stacked([first[0], second[0]], tmp_path / "base.dcm")

    assert_all_clean([base, first[1], first[2]], profile, tmp_path / "out")

    assert (COLUMNS, ROWS) in looks


def test_focal_planes_in_instances_of_their_own_are_each_looked_at_once(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    first = levels_of(tmp_path / "one", marked())
    second = dcmread(levels_of(tmp_path / "two", marked(Box(900, 700, 1200, 800)))[0])
    other = with_frames(second, tmp_path / "plane.dcm", frames_of(second), 5)

    assert_all_clean([*first, other], profile, tmp_path / "out")

    assert looks.count((COLUMNS // 2, ROWS // 2)) == 1
    assert looks.count((COLUMNS, ROWS)) in (2, 3)  # one of the two planes, with the mark and with it covered


def test_where_tiles_are_missing_other_levels_are_looked_at_too(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    box = Box(TILE * 2 + 20, TILE * 2 + 20, TILE * 2 + 200, TILE * 2 + 120)
    base, half, quarter = levels_of(tmp_path / "in", marked(box))
    gap = loose(half, tmp_path / "gap.dcm", lambda number: number != 6)  # where the mark is

    assert_all_clean([base, gap], profile, tmp_path / "out")
    assert (COLUMNS, ROWS) in looks

    looks.clear()
    whole = loose(half, tmp_path / "whole.dcm", lambda _: True)
    sparse = loose(base, tmp_path / "sparse.dcm", lambda number: number % 3 != 0)
    assert_all_clean([sparse, whole, quarter], profile, tmp_path / "out")
    assert set(looks) == {(COLUMNS // 2, ROWS // 2)}


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

    assert (COLUMNS + 512, ROWS) in looks
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


def test_what_comes_later_is_looked_at_only_where_nobody_looked_before(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    box = Box(900, 700, 1200, 800)
    base, half, quarter = levels_of(tmp_path / "in", marked(box))

    def source(path: Path, _: object) -> object:
        file = io.FileIO(path)
        instance = read_instance(file)
        return instance, replayed(file, instance)

    first = survey([partial(source, half)], profile, alone=True)  # type: ignore[list-item]
    seen = Counter(looks)
    later = survey([partial(source, base)], profile, known=first, alone=True)  # type: ignore[list-item]

    assert Counter(looks) == seen
    assert marks_in(cleared(base, profile, (*first, *later), tmp_path)) == 0
    assert Counter(looks) == seen
    other = dcmread(levels_of(tmp_path / "other", marked())[1])
    plane = with_frames(other, tmp_path / "plane.dcm", frames_of(other), 9)
    last = survey([partial(source, plane)], profile, known=(*first, *later), alone=True)  # type: ignore[list-item]
    assert Counter(looks) != seen  # a second image of a level that was seen: it may be another plane
    boxed = cleared(plane, profile, (*first, *last), tmp_path)
    assert frames_of(dcmread(boxed)) != frames_of(other)
    assert quarter
