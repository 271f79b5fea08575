from __future__ import annotations

import io
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydicom import dcmread

from conformance.pictures import pictures
from conformance.pictures.truth import moved
from dicomanon import batch
from dicomanon.batch import Job, deidentify_files
from dicomanon.part10.read import read_instance, replayed
from dicomanon.pipeline import Cleared, clear, make_route
from dicomanon.pixels.box import Box
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from dicomanon.survey import survey_files
from tests.peers import dciodvfy
from tests.pixels.pyramids import pasted, tissue, write_pyramid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.pixels.places import Places
    from dicomanon.profile import Profile
    from tests.pixels.pyramids import Written

UID = "1.2.840.10008.1.2.4."
FACTOR = 2
"""A label of some hundred pixels is that much larger in the tissue of a 20x slide, so that each level shows it."""
MARGIN = {UID + "50": 18}
"""Pixels around a box that change with it: an MCU, and what decoders smooth of its colours."""
SYNTAXES = {
    "JPEG baseline": (UID + "50", "YBR_FULL_422"),
    "JPEG of RGB": (UID + "50", "RGB"),
    "JPEG 2000 lossless": (UID + "90", "YBR_RCT"),
    "JPEG 2000": (UID + "91", "YBR_ICT"),
    "JPEG-LS": (UID + "80", "RGB"),
    "HTJ2K": (UID + "201", "YBR_RCT"),
    "RLE": ("1.2.840.10008.1.2.5", "RGB"),
    "native": ("1.2.840.10008.1.2.1", "RGB"),
}
PROFILE = """
name = "cleaned"
extends = "research-wsi"
options = ["clean-pixel-data"]
[pixels]
search = "1"
"""


@dataclass(frozen=True, slots=True)
class Planted:
    """Tissue with pictures of labels in it: where they are, corners of what they say, and what a survey finds."""

    base: NDArray[np.uint8]
    boxes: list[Box]
    corners: list[NDArray[np.float64]]
    places: tuple[Places, ...]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    base = tissue(2304, 1792)
    labels = [each for each in pictures(40) if each.flavour == "LABEL" and "upright" in each.traits]
    boxes, corners = [], []
    for picture, (left, top) in zip(labels[:2], ((40, 40), (1150, 860)), strict=False):
        part = picture.image[:450, :550]
        boxes.append(pasted(base, part, left, top, FACTOR))
        matrix = np.array(((FACTOR, 0, left), (0, FACTOR, top), (0, 0, 1)), float)
        corners += [
            np.array(moved(each.corners, matrix))
            for each in picture.planted
            if all(0 <= x < part.shape[1] and 0 <= y < part.shape[0] for x, y in each.corners)
        ]
    folder = tmp_path_factory.mktemp("survey")
    levels = write_pyramid(folder / "in", base, *SYNTAXES["JPEG baseline"])
    places = survey_files([level.path for level in levels], profile_of(folder))
    assert len(corners) > 5
    assert len(places) == 1
    return Planted(base, boxes, corners, places)


def profile_of(folder: Path, text: str = PROFILE) -> Profile:
    path = folder / "cleaned.toml"
    path.write_text(text)
    return load_profile(str(path))


def cleared(folder: Path, level: Written, profile: Profile, places: tuple[Places, ...] = ()) -> Path:
    """Clear one level as the run of a survey would, and return the file."""
    route = make_route("test", profile, Pseudonymizer(bytes(range(32))), durable=False)
    with io.FileIO(level.path) as file:
        outcome = clear(
            partial(read_instance, file), replace(route, places=places), folder, again=partial(replayed, file)
        )
    assert isinstance(outcome, Cleared), outcome
    return outcome.path


@pytest.mark.parametrize("codec", SYNTAXES)
def test_writing_in_tissue_is_covered_on_every_level_and_other_frames_stay_as_they_were(
    planted: Planted, tmp_path: Path, codec: str
) -> None:
    levels = write_pyramid(tmp_path / "in", planted.base, *SYNTAXES[codec])
    cleaning, keeping = profile_of(tmp_path), load_profile("research-wsi")

    for level in levels:
        after = cleared(tmp_path, level, cleaning, planted.places)
        assert_only_boxes_changed(level, cleared(tmp_path, level, keeping), after, planted.boxes)
        image = level.image(after)
        for quadrilateral in planted.corners:
            left, top = (quadrilateral.min(axis=0) / level.scale).astype(int)
            right, bottom = (quadrilateral.max(axis=0) / level.scale).astype(int)
            assert (image[top:bottom, left:right].max(axis=2) < 16).mean() > 0.95
        dataset = dcmread(after, stop_before_pixels=True)
        assert dataset.BurnedInAnnotation == "NO"
        assert "113101" in [each.CodeValue for each in dataset.DeidentificationMethodCodeSequence]
        assert set(dciodvfy(after)) <= set(dciodvfy(level.path))


def test_a_run_over_a_folder_looks_at_a_pyramid_once_and_covers_all_of_it(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels = write_pyramid(tmp_path / "in", planted.base, *SYNTAXES["JPEG baseline"])
    profile_of(tmp_path)
    looked: list[int] = []

    def surveyed(paths: list[Path], _: Profile) -> tuple[Places, ...]:
        looked.append(len(paths))
        return planted.places

    monkeypatch.setattr(batch, "survey_files", surveyed)
    monkeypatch.setattr("dicomanon.pixels.clean.find_in_tissue", lambda _: pytest.fail("looked at again"))
    job = Job(tmp_path / "out", str(tmp_path / "cleaned.toml"), (), bytes(32), ephemeral=False, durable=False)

    results = [each for found in deidentify_files([tmp_path / "in"], job) for each in found]

    assert looked == [3]
    assert [each.outcome for each in results] == ["cleared"] * 3
    for level, result in zip(levels, sorted(results, key=lambda each: each.source), strict=True):
        assert (level.image(tmp_path / "out" / result.output) != level.image()).any()


def test_labels_in_a_large_slide_are_covered_on_every_level_by_a_run_with_the_settings_that_nobody_changed(
    tmp_path: Path,
) -> None:
    base = tissue(9728, 2560)
    labels = [each for each in pictures(60) if each.flavour == "LABEL" and "upright" in each.traits]
    corners = []
    for picture, (left, top) in zip(labels, ((300, 200), (4000, 1300), (7900, 700)), strict=False):
        part = picture.image[:450, :550]
        pasted(base, part, left, top, FACTOR)
        corners += [
            np.array([(x * FACTOR + left, y * FACTOR + top) for x, y in each.corners])
            for each in picture.planted
            if all(0 <= x < part.shape[1] and 0 <= y < part.shape[0] for x, y in each.corners)
        ]
    levels = write_pyramid(tmp_path / "in", base, *SYNTAXES["JPEG baseline"], scales=(1, 4, 16))
    job = Job(
        *(tmp_path / "out", "research-wsi", ("clean-pixel-data",), bytes(32)), ephemeral=False, durable=False
    )

    results = [each for found in deidentify_files([tmp_path / "in"], job) for each in found]

    assert [each.outcome for each in results] == ["cleared"] * 3
    assert len(corners) > 12
    for level, result in zip(levels, sorted(results, key=lambda each: each.source), strict=True):
        image = level.image(tmp_path / "out" / result.output)
        for quadrilateral in corners:
            left, top = (quadrilateral.min(axis=0) / level.scale).astype(int)
            right, bottom = (quadrilateral.max(axis=0) / level.scale).astype(int) + 1
            assert (image[top:bottom, left:right].max(axis=2) < 16).mean() > 0.9, (level.scale, quadrilateral)
        frames = zip(level.frames(), level.frames(tmp_path / "out" / result.output), strict=True)
        same = sum(one == other for one, other in frames)
        assert same > len(level.frames()) // 2 or level.scale > 1


def assert_only_boxes_changed(level: Written, kept: Path, after: Path, boxes: list[Box]) -> None:
    """Frames that show nothing of a box are the bytes of a run that looks at none; others differ in boxes."""
    old, new = level.frames(kept), level.frames(after)
    assert len(old) == len(new)
    margin = 200 // level.scale  # boxes reach over letters at the edge
    near = [
        Box(*(value // level.scale for value in (box.left, box.top, box.right, box.bottom))).padded(margin)
        for box in boxes
    ]
    touched = 0
    for number, (before, now) in enumerate(zip(old, new, strict=True)):
        if not any(level.place(number).meets(box) for box in near):
            assert sha256(before).digest() == sha256(now).digest()
        touched += before != now
    assert 0 < touched <= len(old)
    assert touched < len(old) or level.scale > 2
    whole_before, whole_now = level.image(), level.image(after)
    different = (whole_before != whole_now).any(axis=2)
    covered = whole_now.max(axis=2) < 16
    reach = MARGIN.get(level.picture.transfer_syntax_uid, 0)
    assert not (different & ~grown(covered, reach)).any()


def grown(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """Return a mask with so many pixels more at each side."""
    import cv2

    if not reach:
        return mask
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel), bool)
