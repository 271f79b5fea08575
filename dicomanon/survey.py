"""The inputs of a run looked through for pyramids, before the first of their levels is cleared."""

from __future__ import annotations

import io
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from dicomanon.part10.read import read_instance, replayed
from dicomanon.profile.pixels import looks_into_tissue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.places import Places
    from dicomanon.pixels.pyramid import Picture
    from dicomanon.profile import Profile

    Opened = tuple[Instance, Callable[[], Instance]]
    Source = Callable[[ExitStack], Opened]


def survey_files(paths: Sequence[Path], profile: Profile) -> tuple[Places, ...]:
    """Return what is found in the tissue of DICOM files; those that cannot be read are left to whoever clears them.

    Only headers are read, and as many images of each pyramid as it takes.
    """
    return survey([partial(_file, path) for path in paths], profile)


def survey_instances(sources: Sequence[Callable[[], Instance]], profile: Profile) -> tuple[Places, ...]:
    """Return what is found in the tissue of instances that can be opened again and again: the images of a slide."""
    return survey([partial(_opened, source) for source in sources], profile)


def survey(
    sources: Iterable[Source], profile: Profile, *, known: Sequence[Places] = (), alone: bool = False
) -> tuple[Places, ...]:
    """Return what is found in the tissue of instances, which `sources` open until their stack is closed.

    What cannot be looked at is left to whoever clears it, and so is, unless `alone`, what is the only instance of its
    pyramid. `known` is what was found in earlier instances of the same pyramids.
    """
    from dicomanon.pixels.pyramid import level_of  # heavy
    from dicomanon.pixels.survey import UNREADABLE, pyramids, survey_pyramid  # heavy

    if not looks_into_tissue(profile.pixels):
        return ()
    levels = []
    for source in sources:
        try:
            with ExitStack() as stack:
                levels.append(level_of(source(stack)[0], profile, source))
        except UNREADABLE:
            continue
    found = (
        survey_pyramid(pyramid, profile, known, _parts)
        for pyramid in pyramids(level for level in levels if level is not None)
        if alone or len(pyramid) > 1
    )
    return tuple(each for each in found if each is not None)


@contextmanager
def _parts(picture: Picture[Source]) -> Iterator[list[Opened]]:
    with ExitStack() as stack:
        yield [part.source(stack) for part in picture.parts]


def _file(path: Path, stack: ExitStack) -> Opened:
    file = stack.enter_context(io.FileIO(path))
    instance = read_instance(file)
    return instance, replayed(file, instance)


def _opened(source: Callable[[], Instance], _: ExitStack) -> Opened:
    return source(), source
