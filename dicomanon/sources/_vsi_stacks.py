"""The stacks of an Olympus VSI: which file of tiles is which image of the tags, and what its dimensions are."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _vsi_tags as vsi
from dicomanon.sources._bytes import FileBytes, open_bytes
from dicomanon.sources._ets import Ets, Use, read_ets
from dicomanon.sources._slide import BRIGHTFIELD, OpticalPath

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from dicomanon.sources._slide import Flavor

_PLANES, _CHANNELS = 1, 4
_MEANINGS = {2: "several points in time", 3: "several spectral bands of a channel", 9: "several phases"}
"""Of the dimensions of a stack: what DICOM has no place for in a slide."""
_TISSUE, _GLASS = frozenset((0, 64)), frozenset((1, 256))
"""Types of stacks: a scan, and one of extended focus; overview and macro. All others are masks and maps."""
_UNIT = re.compile(r"10\^(-?\d{1,2})m\^1")
_MICROMETRE = -6
_WIDEST = 0.05
"""Millimetres: wider pixels are not those of a microscope."""
_FOLDER = re.compile(r"stack(\d{1,9})", re.IGNORECASE)
_MOST_STACKS = 1000


@dataclass(frozen=True, slots=True)
class Stack:
    """A file of tiles, and what the tags say of it: `tag` is None where they say nothing that fits."""

    ets: Ets
    tag: vsi.Tag | None
    name: str
    kind: int
    columns: int
    rows: int
    spacing: tuple[float, float] | None

    @property
    def flavor(self) -> Flavor | None:
        """Return what it shows by its type and name, None for masks and maps."""
        name = self.name.lower()
        if "label" in name or "barcode" in name:
            return "LABEL"
        if self.kind in _GLASS or "overview" in name or "macro" in name:
            return "OVERVIEW"
        return "VOLUME" if self.kind in _TISSUE else None


def area(stack: Stack) -> int:
    """Return how many pixels a stack has."""
    return stack.columns * stack.rows


def alike(stack: Stack, largest: Stack) -> bool:
    """Whether a stack is surely another scan of the same slide: of the same scale, which no overview has."""
    if stack.spacing is None or largest.spacing is None or stack.tag is None:
        return False
    return all(abs(a / b - 1) < 0.01 for a, b in zip(stack.spacing, largest.spacing, strict=True))


def stacks_beside(file: FileBytes, path: Path, tags: Sequence[vsi.Tag], files: ExitStack) -> list[Stack]:
    """Return the stacks that lie beside a file, one a folder; each is open until `files` are closed.

    Raises CorruptSlideError where there are none, or one is damaged; SlideError where the largest is not supported.
    """
    folder = path.parent / f"_{path.stem}_"
    found = sorted(each for each in folder.glob("*/*") if each.suffix.lower() == ".ets")
    if not found:
        raise CorruptSlideError("the folder with the tiles of the slide is missing, or is empty")
    if len(found) > _MOST_STACKS:
        raise CorruptSlideError("the folder of the slide has too many files of tiles")
    images = list(vsi.under(tags, vsi.COLLECTION, vsi.IMAGE))
    by_folder: dict[str, Stack] = {}
    refused: list[tuple[int, SlideError]] = []
    for each in found:
        tiles = open_bytes(each)
        files.callback(tiles.close)
        try:
            ets = read_ets(tiles)
        except CorruptSlideError:
            raise
        except SlideError as reason:
            refused.append((tiles.size, reason))
            continue
        stack = _stack(file, ets, _told(file, ets, each.parent.name, images))
        name = each.parent.name
        if name not in by_folder or area(by_folder[name]) < area(stack):
            by_folder[name] = stack
    largest = max((stack.ets.file.size for stack in by_folder.values()), default=0)
    for size, why in refused:
        if size > largest:
            raise why
    return list(by_folder.values())


def _told(file: FileBytes, ets: Ets, folder: str, images: Sequence[vsi.Tag]) -> vsi.Tag | None:
    """Return the image of the tags that a file of tiles holds: by the name or number of its folder, or by its size."""
    across, down = ets.extents[:2]
    numbered = _FOLDER.fullmatch(folder)
    fitting = []
    for image in images:
        size = _boundary(file, image)
        if size is None:
            continue
        named = folder in _folders(file, image)
        if size[0] <= (across - 1) * ets.columns or size[1] <= (down - 1) * ets.rows:
            if named:
                raise CorruptSlideError("a stack has more tiles than its image is large")
        elif named or (numbered is not None and image.second == int(numbered[1])):
            return image
        elif size[0] <= across * ets.columns and size[1] <= down * ets.rows:
            fitting.append(image)
    return fitting[0] if len(fitting) == 1 else None


def _folders(file: FileBytes, image: vsi.Tag) -> set[str]:
    return {vsi.text(file, tag)[0] for tag in vsi.every(image.below) if tag.code == vsi.FOLDER}


def _boundary(file: FileBytes, image: vsi.Tag) -> tuple[int, int] | None:
    for tag in vsi.under(image.below, vsi.FRAME, vsi.EXTERNAL, vsi.BOUNDARY):
        found = vsi.numbers(file, tag)
        if len(found) == 4 and min(found[2:]) > 0:
            return int(found[2]), int(found[3])
    return None


def _stack(file: FileBytes, ets: Ets, tag: vsi.Tag | None) -> Stack:
    across, down = ets.extents[:2]
    size = None if tag is None else _boundary(file, tag)
    if tag is None or size is None:
        return Stack(ets, None, "", 0, across * ets.columns, down * ets.rows, None)
    kinds = [vsi.numbers(file, each) for each in vsi.under(tag.below, vsi.STACK, vsi.STACK_TYPE)]
    names = [vsi.text(file, each)[0] for each in vsi.under(tag.below, vsi.STACK, vsi.STACK_NAME)]
    kind = int(kinds[0][0]) if kinds and kinds[0] else 0
    return Stack(ets, tag, " ".join(names), kind, *size, _spacing(file, tag))


def _spacing(file: FileBytes, image: vsi.Tag) -> tuple[float, float] | None:
    """Return mm between rows and columns, None where the tags do not say, or say what cannot be."""
    scales = [vsi.numbers(file, each) for each in vsi.under(image.below, vsi.STACK, vsi.SCALE)]
    exponent = _exponent(file, vsi.under(image.below, vsi.STACK, vsi.UNIT))
    if not scales or len(scales[0]) != 2 or exponent is None:
        return None
    columns, rows = (each * 10.0 ** (exponent + 3) for each in scales[0])
    return (rows, columns) if 0 < min(rows, columns) <= max(rows, columns) < _WIDEST else None


def _exponent(file: FileBytes, units: Iterable[vsi.Tag]) -> int | None:
    """Return which power of ten of a metre a unit is; micrometres where none is given."""
    for tag in units:
        found = _UNIT.fullmatch(vsi.text(file, tag)[0])
        return None if found is None else int(found[1])
    return _MICROMETRE


def scan_of(file: FileBytes, stack: Stack, scene: int) -> Use:
    """Return what a scan shows, its planes and channels included.

    Raises SlideError for dimensions that a slide in DICOM does not have, or that the tags do not name.
    """
    use = Use("VOLUME", stack.columns, stack.rows, stack.spacing, scene=scene)
    gray = stack.ets.samples == 1
    below = () if stack.tag is None else stack.tag.below
    channels = next(
        (each for each in vsi.under(below, vsi.DIMENSION) if _meaning(file, each) == _CHANNELS), None
    )
    plane = path = None
    for at, extent in enumerate(stack.ets.extents[2:], 2):
        if extent == 1:
            continue
        named = next((each for each in vsi.under(below, vsi.DIMENSION) if each.second == at - 2), None)
        meaning = None if named is None else _meaning(file, named)
        if named is not None and meaning == _PLANES and plane is None:
            plane, use = at, replace(use, plane=at, plane_spacing=_step(file, named))
        elif named is not None and meaning == _CHANNELS and path is None:
            path, use = at, replace(use, path=at)
        else:
            what = _MEANINGS.get(meaning or 0, "several pictures of a place, and no word of what they are")
            raise SlideError(f"there are {what}: whole-slide images in DICOM have no place for them")
    count = 1 if path is None else stack.ets.extents[path]
    if gray:
        parts = () if channels is None else tuple(vsi.under(channels.below, vsi.DIMENSION_PARTS))
        lit = {each.second: _fluorescent(file, each) for each in parts}
        paths = tuple(lit.get(index, OpticalPath(fluorescence=True)) for index in range(count))
        return replace(use, paths=paths)
    return replace(use, paths=(BRIGHTFIELD,) * count)


def _meaning(file: FileBytes, dimension: vsi.Tag) -> int | None:
    for tag in vsi.under(dimension.below, vsi.DIMENSION_PARTS, vsi.MEANING):
        return int(next(iter(vsi.numbers(file, tag)), 0))
    return None


def _step(file: FileBytes, dimension: vsi.Tag) -> float | None:
    """Return mm between planes."""
    for tag in vsi.under(dimension.below, vsi.DIMENSION_PARTS, vsi.Z_INCREMENT):
        exponent = _exponent(file, vsi.under(tag.below, vsi.VALUE_UNIT))
        values = [vsi.numbers(file, each) for each in vsi.under(tag.below, vsi.VALUE)]
        if values and values[0] and exponent is not None and 0 < abs(values[0][0]) < 1e6:
            return float(abs(values[0][0])) * 10.0 ** (exponent + 3)
    return None


def _fluorescent(file: FileBytes, channel: vsi.Tag) -> OpticalPath:
    waves = {}
    for code in (vsi.EXCITATION, vsi.EMISSION):
        for tag in vsi.under(channel.below, code, vsi.VALUE):
            values = vsi.numbers(file, tag)
            if len(values) == 1 and 100 < values[0] < 3000:  # nm
                waves[code] = float(values[0])
    return OpticalPath(True, waves.get(vsi.EXCITATION), waves.get(vsi.EMISSION))  # noqa: FBT003
