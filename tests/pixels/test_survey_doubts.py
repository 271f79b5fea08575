"""Nothing counts as seen that nobody looked at well enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydicom import dcmread

from dicomanon.pipeline import Quarantined
from dicomanon.pixels.box import Box
from dicomanon.profile import load_profile
from dicomanon.survey import survey, survey_files
from tests.pixels.marks import (
    BASE,
    COLUMNS,
    HALF,
    QUARTER,
    Looks,
    assert_all_clean,
    cleared,
    levels_of,
    marked,
    marks_in,
    outcome_of,
    sources,
)
from tests.pixels.parts import cut, frames_of, in_channels, stacked, with_frames

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.profile import Profile

    Image = NDArray[np.uint8]


def test_what_comes_later_is_looked_at_only_where_nobody_looked_before(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    base, half, _ = levels_of(tmp_path / "in", marked(Box(900, 700, 1200, 800)))

    first = survey(sources(half), profile, alone=True)
    later = survey(sources(base), profile, known=first, alone=True)

    assert looks == [HALF]
    assert marks_in(cleared(base, profile, (*first, *later), tmp_path)) == 0
    assert looks.finds == 2
    other = dcmread(levels_of(tmp_path / "other", marked())[1])
    plane = with_frames(other, tmp_path / "plane.dcm", frames_of(other), 9)
    last = survey(sources(plane), profile, known=(*first, *later), alone=True)
    assert looks == [HALF, HALF]  # a second image of a level that was seen: it may be another plane
    boxed = cleared(plane, profile, (*first, *last), tmp_path)
    assert frames_of(dcmread(boxed)) != frames_of(other)


def test_what_was_seen_on_a_coarse_level_says_nothing_of_a_finer_one_that_comes_later(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    low = Box(900, 700, 1300, 724)  # can be read down to a third of its size
    base, half, quarter = levels_of(tmp_path / "in", marked(low))

    first = survey(sources(quarter), profile, alone=True)
    assert [each.found for each in first] == [()]
    later = survey(sources(base, half), profile, known=first, alone=True)

    assert looks == [QUARTER, HALF]
    for path in (base, half):
        assert marks_in(cleared(path, profile, (*first, *later), tmp_path)) == 0


def test_where_the_level_to_look_at_is_damaged_the_next_one_is_looked_at(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    base, half, quarter = levels_of(tmp_path / "in", marked(Box(900, 700, 1200, 800)))
    damaged = dcmread(half)
    frames = frames_of(damaged)
    frames[-1] = frames[-1][:200] + bytes(len(frames[-1]) - 200)
    bad = with_frames(damaged, tmp_path / "bad.dcm", frames, 3)

    places = survey_files([base, bad, quarter], profile)

    assert looks == [HALF, BASE]
    for path in (base, quarter):
        assert marks_in(cleared(path, profile, places, tmp_path)) == 0
    assert isinstance(outcome_of(bad, profile, places, tmp_path), Quarantined)


@pytest.mark.parametrize("policy", ["clean", "gate"])
def test_no_level_leaves_where_one_of_them_is_a_reason_to_stay(
    tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch, looks: Looks
) -> None:
    path = tmp_path / "p.toml"
    path.write_text(
        f'extends = "research-wsi"\noptions = ["clean-pixel-data"]\n[pixels]\nsearch = "1"\nVOLUME = "{policy}"\n'
    )
    rules = load_profile(str(path))
    levels = levels_of(tmp_path / "in", marked(Box(900, 700, 1200, 800)))
    if policy == "clean":  # it looks as if what is covered were still there
        monkeypatch.setattr("dicomanon.pixels.find.again._hide", lambda *_: None)

    places = survey_files(levels, rules)

    assert looks == [HALF]
    for level in levels:
        assert isinstance(outcome_of(level, rules, places, tmp_path), Quarantined)


def test_parts_that_lie_on_each_other_are_each_looked_at(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    one, other = (
        levels_of(tmp_path / str(n), marked(*boxes))[0]
        for n, boxes in enumerate(((), (Box(900, 700, 1200, 800),)))
    )
    parts = [*cut(other, tmp_path, 1)]
    again = dcmread(cut(one, tmp_path / "0", 1)[0])
    parts.append(with_frames(again, tmp_path / "again.dcm", frames_of(again), 44))

    assert_all_clean(parts, profile, tmp_path / "out")
    assert looks == [BASE, BASE]


def test_a_concatenation_without_its_last_part_shows_nothing_for_others(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    first = levels_of(tmp_path / "one", marked())
    second = levels_of(tmp_path / "two", marked(Box(900, 700, 1200, 800)))
    base = in_channels([first[0], second[0]], tmp_path / "base.dcm")
    half = in_channels([first[1], second[1]], tmp_path / "half.dcm")
    parts = cut(half, tmp_path, 2)  # a channel each

    assert_all_clean([base, parts[0]], profile, tmp_path / "out")
    assert looks == [HALF, BASE]


@pytest.mark.parametrize("lie", [{"OpticalPathSequence": None}, {"TotalPixelMatrixFocalPlanes": 1}])
def test_layers_are_counted_by_what_is_stored(
    tmp_path: Path, profile: Profile, looks: Looks, lie: dict[str, Any]
) -> None:
    first = levels_of(tmp_path / "one", marked())
    second = levels_of(tmp_path / "two", marked(Box(900, 700, 1200, 800)))
    paths = [stacked([first[0], second[0]], tmp_path / "base.dcm"), first[1]]
    for number, path in enumerate(paths):
        dataset = dcmread(path)
        paths[number] = with_frames(dataset, tmp_path / f"lie{number}.dcm", frames_of(dataset), 8, **lie)

    assert_all_clean(paths, profile, tmp_path / "out")
    assert BASE in looks


def test_a_thumbnail_gets_the_boxes_of_its_slide(tmp_path: Path, profile: Profile, looks: Looks) -> None:
    base, half, quarter = levels_of(tmp_path / "in", marked(Box(900, 700, 1300, 724)))
    small = dcmread(quarter)
    kind = ["DERIVED", "PRIMARY", "THUMBNAIL", "RESAMPLED"]
    thumbnail = with_frames(small, tmp_path / "thumbnail.dcm", frames_of(small), 6, ImageType=kind)

    assert_all_clean([base, half, thumbnail], profile, tmp_path / "out")
    assert looks == [HALF]


def test_boxes_reach_over_both_places_where_spacings_disagree_a_little(
    tmp_path: Path, profile: Profile, looks: Looks
) -> None:
    base, half, _ = levels_of(tmp_path / "in", marked(Box(COLUMNS - 300, 900, COLUMNS - 100, 960)))
    wrong = dcmread(base)
    measures = wrong.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    measures.PixelSpacing = [float(each) * 0.985 for each in measures.PixelSpacing]
    other = with_frames(wrong, tmp_path / "wrong.dcm", frames_of(wrong), 7)

    assert_all_clean([other, half], profile, tmp_path / "out")
    assert looks == [HALF]
