"""Levels of a slide with marks that stand for writing, and what becomes of them."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom import dcmread

from dicomanon.part10.read import read_instance, replayed
from dicomanon.pipeline import Cleared, Outcome, clear, make_route
from dicomanon.pixels.codecs import decode
from dicomanon.pixels.colour import shown
from dicomanon.pseudonym import Pseudonymizer
from dicomanon.survey import survey_files
from tests.pixels.parts import frames_of
from tests.pixels.pyramids import tissue, write_pyramid

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.pixels.box import Box
    from dicomanon.pixels.places import Places
    from dicomanon.profile import Profile

    Image = NDArray[np.uint8]

JPEG = "1.2.840.10008.1.2.4.50"
MARK = (255, 0, 255)
"""Where a picture has this colour there is something to find: what the readers do with text has tests of its own."""
SCALES = (1, 2, 4)
COLUMNS, ROWS = 5120, 1024
BASE, HALF, QUARTER = 0.5, 1.0, 2.0
"""How wide the pixels of levels are, in micrometres."""


class Looks(list[float]):
    """How wide pixels were (micrometres) of images that a survey looked at; `finds` counts all that was looked at."""

    finds = 0


def marked(*boxes: Box) -> Image:
    image = tissue(COLUMNS, ROWS)
    for box in boxes:
        image[box.top : box.bottom, box.left : box.right] = MARK
    return image


def levels_of(folder: Path, image: Image) -> list[Path]:
    return [level.path for level in write_pyramid(folder, image, JPEG, scales=SCALES)]


def cleared(path: Path, profile: Profile, places: tuple[Places, ...], folder: Path) -> Path:
    outcome = outcome_of(path, profile, places, folder)
    assert isinstance(outcome, Cleared), outcome
    return outcome.path


def outcome_of(path: Path, profile: Profile, places: tuple[Places, ...], folder: Path) -> Outcome:
    route = make_route("test", profile, Pseudonymizer(bytes(range(32))), durable=False)
    with io.FileIO(path) as file:
        return clear(
            partial(read_instance, file), replace(route, places=places), folder, again=partial(replayed, file)
        )


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


def sources(*paths: Path) -> list[Any]:
    """Return what opens files, as a survey wants it."""

    def source(path: Path, _: object) -> object:
        file = io.FileIO(path)
        instance = read_instance(file)
        return instance, replayed(file, instance)

    return [partial(source, path) for path in paths]
