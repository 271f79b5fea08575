"""Where the tiles of a BIF lie: areas of the glass, and joints of neighbouring tiles (EncodeInfo).

Tiles lie in the file in rows, from the top left. Joints number them by the way of the stage: from the bottom, there
and back again. So only how far neighbours overlap is read from them, not which they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dicomanon.sources._xml import Text

    Attributes = Mapping[str, str]
    Element = tuple[tuple[str, ...], Attributes]

_IMAGE = ("EncodeInfo", "SlideStitchInfo", "ImageInfo")
_JOINT = (*_IMAGE, "TileJointInfo")
_ORIGINS = ("EncodeInfo", "AoiOrigin")
_ACROSS, _DOWN = frozenset(("LEFT", "RIGHT")), frozenset(("UP", "DOWN"))
_OPENSLIDE = frozenset(("RIGHT", "UP"))
_FARTHEST = float(1 << 31)


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle that was scanned.

    `column` and `row` are its first tile in the grid of the file; `left` and `bottom` are pixels on the glass, upwards.
    """

    column: int
    row: int
    across: int
    down: int
    left: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Stitching:
    """Areas, and by how many pixels neighbours overlap in the mean; `overlaps` tells whether any two do."""

    areas: tuple[Area, ...]
    tile: tuple[int, int]
    overlap: tuple[float, float]
    overlaps: bool
    directions: frozenset[str]

    @property
    def is_plain(self) -> bool:
        """Whether the picture is the grid of tiles of the file, side by side."""
        wide, high = self.tile
        places = {
            (left - area.column * wide, top - area.row * high)
            for area, (left, top) in zip(self.areas, self._corners(), strict=True)
        }
        return not self.overlaps and len(places) == 1

    @property
    def margin(self) -> int:
        """Pixels left of all areas."""
        return int(min(left for left, _ in self._corners()))

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the picture put together, its margin included."""
        columns = rows = 0.0
        for area, (left, top) in zip(self.areas, self._corners(), strict=True):
            columns = max(columns, left + self._extent(area)[0])
            rows = max(rows, top + self._extent(area)[1])
        return math.ceil(columns), math.ceil(rows)

    def check_readable(self) -> None:
        """Raise SlideError for joints that OpenSlide does not know."""
        if not self.directions <= _OPENSLIDE:
            raise SlideError(
                "tiles overlap and are joined leftwards or downwards, as by VENTANA DP 200: OpenSlide reads neither"
            )
        if self.margin < 0 or max(self.size) > _FARTHEST:
            raise SlideError("an area lies beyond the glass")

    def _extent(self, area: Area) -> tuple[float, float]:
        wide, high = self.tile
        return (
            (area.across - 1) * (wide - self.overlap[0]) + wide,
            (area.down - 1) * (high - self.overlap[1]) + high,
        )

    def _corners(self) -> list[tuple[float, float]]:
        """Return the top left corner of each area, from that of the highest downwards."""
        heights = [int(self._extent(area)[1]) for area in self.areas]
        top = max(int(area.bottom) + high for area, high in zip(self.areas, heights, strict=True))
        return [
            (int(area.left), top - int(area.bottom) - high)
            for area, high in zip(self.areas, heights, strict=True)
        ]


def read_stitching(texts: Iterable[Text], tile: tuple[int, int], grid: tuple[int, int]) -> Stitching:
    """Read EncodeInfo of a level of `grid` tiles, across and down.

    Raises CorruptSlideError where it contradicts them.
    """
    images: list[tuple[Attributes, list[Attributes]]] = []
    origins: list[Attributes] = []
    for path, attributes in _elements(texts):
        if path == _IMAGE:
            images.append((attributes, []))
        elif path == _JOINT and images:
            images[-1][1].append(attributes)
        elif path[:-1] == _ORIGINS:
            origins.append(attributes)
    if len(images) != len(origins):
        raise CorruptSlideError("the slide does not say where all its areas are")
    areas: list[Area] = []
    joints: list[tuple[str, float, int]] = []
    for (image, own), origin in zip(images, origins, strict=True):
        if _whole(image, "AOIScanned"):
            area = _area(image, origin, tile, grid)
            areas.append(area)
            joints += [_joint(each, area, tile) for each in own]
    if not areas:
        raise CorruptSlideError("no area of the slide was scanned")
    return Stitching(
        areas=tuple(areas),
        tile=tile,
        overlap=(_mean(joints, _ACROSS), _mean(joints, _DOWN)),
        overlaps=any(_overlap(joints, directions) for directions in (_ACROSS, _DOWN)),
        directions=frozenset(direction for direction, _, _ in joints),
    )


def _elements(texts: Iterable[Text]) -> Iterator[Element]:
    """Yield each element that has attributes, in order."""
    before: Attributes | None = None
    for text in texts:
        if text.attribute and text.attributes is not before:
            before = text.attributes
            yield text.path, before


def _area(image: Attributes, origin: Attributes, tile: tuple[int, int], grid: tuple[int, int]) -> Area:
    if (_whole(image, "Width"), _whole(image, "Height")) != tile:
        raise CorruptSlideError("an area has tiles of another size than its level")
    left, top = _whole(origin, "OriginX"), _whole(origin, "OriginY")
    if left % tile[0] or top % tile[1]:
        raise CorruptSlideError("an area does not begin at a tile")
    area = Area(
        column=left // tile[0],
        row=top // tile[1],
        across=_whole(image, "NumCols"),
        down=_whole(image, "NumRows"),
        left=_real(image, "Pos-X"),
        bottom=_real(image, "Pos-Y"),
    )
    sound = area.column >= 0 and area.row >= 0 and area.across > 0 and area.down > 0
    if not sound or area.column + area.across > grid[0] or area.row + area.down > grid[1]:
        raise CorruptSlideError("an area has tiles that its level has not")
    return area


def _joint(said: Attributes, area: Area, tile: tuple[int, int]) -> tuple[str, float, int]:
    """Return direction, overlap in pixels and weight of a joint."""
    direction = said.get("Direction", "")
    if direction not in _ACROSS | _DOWN:
        raise CorruptSlideError("tiles are joined in a direction that there is not")
    overlaps = (_real(said, "OverlapX"), _real(said, "OverlapY"))
    axis = 0 if direction in _ACROSS else 1
    numbers = (_whole(said, "Tile1"), _whole(said, "Tile2"))
    if not all(0 < each <= area.across * area.down for each in numbers):
        raise CorruptSlideError("a tile is joined that there is not")
    weight = _whole(said, "Confidence")
    if not 0 <= weight <= 100 or abs(overlaps[axis]) >= tile[axis]:
        raise CorruptSlideError("tiles overlap more than they can")
    return direction, overlaps[axis], weight


def _overlap(joints: Sequence[tuple[str, float, int]], directions: frozenset[str]) -> bool:
    """Tell whether neighbours overlap: what the scanner was not sure of counts where it was sure of nothing."""
    counted = [(overlap, weight) for direction, overlap, weight in joints if direction in directions]
    sure = [overlap for overlap, weight in counted if weight]
    return any(sure or [overlap for overlap, _ in counted])


def _mean(joints: Sequence[tuple[str, float, int]], directions: frozenset[str]) -> float:
    """Return the overlap of neighbours in pixels, each pair weighed by how sure the scanner was of it."""
    counted = [(overlap, weight) for direction, overlap, weight in joints if direction in directions]
    total = sum(weight for _, weight in counted)
    return sum(overlap * weight for overlap, weight in counted) / total if total else 0.0


def _whole(said: Attributes, name: str) -> int:
    try:
        return int(said[name])
    except (KeyError, ValueError):
        raise CorruptSlideError("the slide does not say where its tiles are") from None


def _real(said: Attributes, name: str) -> float:
    try:
        value = float(said[name])
    except (KeyError, ValueError):
        raise CorruptSlideError("the slide does not say where its tiles are") from None
    if not abs(value) < _FARTHEST:
        raise CorruptSlideError("the slide says that a tile is where none can be")
    return value
