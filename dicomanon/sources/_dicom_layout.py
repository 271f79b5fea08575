"""The frames of one or several files in the order of TILED_FULL, and what of theirs is then said once for all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element, pack_sequence
from dicomanon.sources._dicom_grid import (
    CANNOT,
    PATH_GROUP,
    PLANE_COUNT,
    SHARED,
    depths_of,
    grid_of,
    groups_of,
    ordered,
    path_identifiers,
    places_of,
)
from dicomanon.sources._dicom_set import inner, item_of, text_of, values_of, with_elements

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.sources._dicom_file import DicomFile
    from dicomanon.sources._dicom_grid import Grid, Groups

_ORGANIZATION, _INDEX = 0x00209311, 0x00209222
_OFFSET = 0x00209228
_ORIGIN, _Z = 0x00480008, 0x0040074A
_MEASURES, _BETWEEN = 0x00289110, 0x00180088
_TOLERANCE = 0.01
_MICROMETRES = 1000


@dataclass(frozen=True, slots=True)
class Layout:
    """Which frame is for which place, numbered through all files, -1 where there is none."""

    grid: Grid
    order: Sequence[int]


def layout_of(files: Sequence[DicomFile], elements: dict[int, bytes]) -> Layout:
    """Return where the frames of an image belong; what they say one by one, and alike, is said in `elements` then.

    Raises CorruptSlideError, SlideError.
    """
    frames = sum(each.frames for each in files)
    grid = grid_of(files[0].header, frames)
    if any(grid_of(each.header, frames) != grid for each in files):
        raise CorruptSlideError("the parts of an image are not of one size")
    groups = [groups_of(each.header, each.frames) for each in files]
    told = [each for each in groups if each is not None]
    full = {each.header.text(_ORGANIZATION) == "TILED_FULL" for each in files}
    if (told and len(told) != len(groups)) or len(full) > 1:
        raise CorruptSlideError("the parts of an image do not say alike where their frames lie")
    _say_once(elements, told)
    if grid.places == 1 and frames == 1:
        if any(each.rows[0] > 1 or each.columns[0] > 1 for each in told):
            raise CorruptSlideError("a frame lies outside of the image")
        if full == {False}:
            elements.pop(_INDEX, None)
        return Layout(grid, range(1))
    if full == {True}:
        places = _counted(files, grid)
        _check_told(files, told, grid, places)
        return Layout(grid, ordered(places, grid, full=True))
    if not told:
        raise CorruptSlideError("the image does not say where its frames lie")
    depths, paths = depths_of(told), path_identifiers(files[0].header)
    grid = _with_planes(files[0], grid, depths, frames)
    used = {path for each in told for path in each.known_paths}
    if len(used) != grid.paths:
        raise SlideError(f"not every optical path has frames, which {CANNOT}")
    _say_depths(elements, depths)
    elements.pop(_INDEX, None)
    order = ordered([places_of(each, grid, depths, paths) for each in told], grid, full=False)
    return Layout(grid, order)


def _counted(files: Sequence[DicomFile], grid: Grid) -> list[range]:
    """Return the places of frames that are known by their number; raise CorruptSlideError for a gap between parts."""
    found, first = [], 0
    for each in files:
        if len(files) > 1 and _OFFSET in each.header and each.header.number(_OFFSET) != first:
            raise CorruptSlideError("a part of a concatenation does not begin where the one before ends")
        found.append(range(first, first + each.frames))
        first += each.frames
    if first != grid.places:
        raise CorruptSlideError("there are more or fewer frames than the image has places")
    return found


def _check_told(
    files: Sequence[DicomFile], told: Sequence[Groups], grid: Grid, places: Sequence[Sequence[int]]
) -> None:
    """Raise CorruptSlideError where frames say that they lie elsewhere than their number tells."""
    if not any(any(each.columns) or any(each.rows) for each in told):
        return
    depths, paths = depths_of(told), path_identifiers(files[0].header)
    if len(depths) > grid.planes:
        raise SlideError(f"each frame has a depth of its own, which {CANNOT}")
    for each, counted in zip(told, places, strict=True):
        if list(places_of(each, grid, depths, paths)) != list(counted):
            raise CorruptSlideError("frames say that they lie elsewhere than their number tells")


def _with_planes(file: DicomFile, grid: Grid, depths: Sequence[float], frames: int) -> Grid:
    """Return a grid of as many planes as there are depths; raise SlideError where these are no planes."""
    tiles = grid.across * grid.down * grid.paths
    said = PLANE_COUNT in file.header
    if len(depths) == 1 and not (said and grid.planes > 1):
        return replace(grid, planes=1)
    if len(depths) != grid.planes if said else frames != tiles * len(depths):
        raise SlideError(f"frames have depths that are no focal planes, which {CANNOT}")
    steps = [other - one for one, other in pairwise(depths)]
    if max(steps) - min(steps) > _TOLERANCE * max(steps):
        raise SlideError(f"focal planes are not equally far from each other, which {CANNOT}")
    return replace(grid, planes=len(depths))


def _say_once(elements: dict[int, bytes], told: Sequence[Groups]) -> None:
    """Say in Shared Functional Groups what all frames say alike; raise CorruptSlideError where these say another."""
    if not told:
        return
    macros = told[0].macros
    paths = {path for each in told for path in each.known_paths}
    if any({**each.macros, PATH_GROUP: b""} != {**macros, PATH_GROUP: b""} for each in told):
        raise SlideError(f"frames differ in more than their place, which {CANNOT}")
    new = {tag: macro for tag, macro in macros.items() if tag != PATH_GROUP or len(paths) == 1}
    if not new:
        return
    item = item_of(elements.get(SHARED))
    own = values_of(item)
    if any(own.get(tag, macro) != macro for tag, macro in new.items()):
        raise CorruptSlideError("what is said of all frames is not what they say one by one")
    elements[SHARED] = pack_sequence(SHARED, [with_elements(item, new)], EXPLICIT_LE)


def _say_depths(elements: dict[int, bytes], depths: Sequence[float]) -> None:
    """Say of all frames how deep the lowest plane lies, and how far planes are apart."""
    origin = item_of(elements.get(_ORIGIN))
    said = text_of(inner(elements, _ORIGIN, _Z))
    if said:
        try:
            same = abs(float(said) - depths[0]) <= _TOLERANCE
        except ValueError:
            same = False
        if not same:
            raise SlideError(f"frames have another depth than the image, which {CANNOT}")
    elif depths[0]:
        z = pack_element(_Z, b"DS", _decimal(depths[0]), EXPLICIT_LE)
        elements[_ORIGIN] = pack_sequence(_ORIGIN, [with_elements(origin, {_Z: z})], EXPLICIT_LE)
    if len(depths) < 2:
        return
    step = (depths[-1] - depths[0]) / (len(depths) - 1) / _MICROMETRES
    shared = item_of(elements.get(SHARED))
    between = text_of(inner(elements, SHARED, _MEASURES, _BETWEEN))
    try:
        agrees = not between or abs(float(between) - step) <= _TOLERANCE * step
    except ValueError:
        agrees = False
    if not agrees:
        raise SlideError(f"focal planes are not as far from each other as the image says, which {CANNOT}")
    if not between:
        new = pack_element(_BETWEEN, b"DS", _decimal(step), EXPLICIT_LE)
        measures = with_elements(item_of(inner(elements, SHARED, _MEASURES)), {_BETWEEN: new})
        group = pack_sequence(_MEASURES, [measures], EXPLICIT_LE)
        elements[SHARED] = pack_sequence(SHARED, [with_elements(shared, {_MEASURES: group})], EXPLICIT_LE)


def _decimal(value: float) -> bytes:
    return f"{value:.9g}".encode()
