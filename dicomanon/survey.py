"""The inputs of a run looked through for pyramids, before the first of their levels is cleared."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING

from dicomanon.errors import DicomanonError
from dicomanon.part10.read import read_instance, replayed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.places import Places
    from dicomanon.profile import Profile


UNREADABLE = (DicomanonError, ArithmeticError, ValueError, MemoryError)
"""What a header can lead to that is wrong: whoever clears the instance says so, and the others go on."""


def survey_files(paths: Sequence[Path], profile: Profile) -> tuple[Places, ...]:
    """Return what is found in the tissue of DICOM files; those that cannot be read are left to whoever clears them.

    Only headers are read, and one level of each pyramid.
    """
    from dicomanon.pixels.survey import level_of, look_at, surveys, to_look_at  # heavy

    if not surveys(profile):
        return ()
    levels = []
    for path in paths:
        try:
            with io.FileIO(path) as file:
                levels.append(level_of(read_instance(file), profile, path))
        except (*UNREADABLE, OSError):
            continue
    found = []
    for level in to_look_at([level for level in levels if level is not None], profile):
        try:
            with io.FileIO(level.source) as file:
                instance = read_instance(file)
                found.append(look_at(instance, replayed(file, instance), profile))
        except (*UNREADABLE, OSError):
            continue
    return tuple(each for each in found if each is not None)


def survey_instances(sources: Sequence[Callable[[], Instance]], profile: Profile) -> tuple[Places, ...]:
    """Return what is found in the tissue of instances that can be opened again and again: the images of a slide.

    What cannot be looked at is left to whoever clears it.
    """
    from dicomanon.pixels.survey import level_of, look_at, surveys, to_look_at  # heavy

    if not surveys(profile):
        return ()
    levels = []
    for source in sources:
        with suppress(*UNREADABLE):
            levels.append(level_of(source(), profile, source))
    found = []
    for level in to_look_at([level for level in levels if level is not None], profile):
        with suppress(*UNREADABLE):
            found.append(look_at(level.source(), level.source, profile))
    return tuple(each for each in found if each is not None)
