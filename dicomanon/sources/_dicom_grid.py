"""Which place of an image a frame is for: by its number (TILED_FULL), or as each frame says (PS3.3 C.7.6.17.3).

What frames say beside their place and is the same in all of them can be said once; anything else cannot, and the image
is refused rather than that be lost.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.elements import element_items, elements_in
from dicomanon.pixels.header import Header, inside, values_in
from dicomanon.sources._dicom_set import explicit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding

TOTAL_COLUMNS, TOTAL_ROWS = 0x00480006, 0x00480007
TILE_ROWS, TILE_COLUMNS = 0x00280010, 0x00280011
SHARED, PER_FRAME = 0x52009229, 0x52009230
PATHS, PATH_COUNT, PLANE_COUNT = 0x00480105, 0x00480302, 0x00480303
PATH_GROUP, PATH_IDENTIFIER = 0x00480207, 0x00480106
DEPTH = 0x0040074A
_POSITION, _COLUMN, _ROW = 0x0048021A, 0x0048021E, 0x0048021F
_CONTENT, _INDEX_VALUES = 0x00209111, 0x00209157
LARGEST_SIDE = 1 << 24
MOST_FRAMES = 1 << 22
_MOST_PLANES = 1 << 12
_SPARSEST, _FEW = 64, 1 << 12
"""Places for each frame that is there, and places in any case: what has more is made to fill a disk."""
CANNOT = "cannot be said as TILED_FULL; `dicomanon deid` takes the file as it is"


@dataclass(frozen=True, slots=True)
class Grid:
    """The size of an image and of a frame in pixels; how many focal planes and optical paths there are of it."""

    columns: int
    rows: int
    tile_columns: int
    tile_rows: int
    planes: int
    paths: int

    @property
    def across(self) -> int:
        """How many tiles lie beside each other."""
        return -(-self.columns // self.tile_columns)

    @property
    def down(self) -> int:
        """How many tiles lie below each other."""
        return -(-self.rows // self.tile_rows)

    @property
    def places(self) -> int:
        """How many frames the whole image has."""
        return self.across * self.down * self.planes * self.paths


def grid_of(header: Header, frames: int) -> Grid:
    """Return the grid that a header tells; raise CorruptSlideError where it contradicts itself.

    An image that is a single frame has one plane and one path, whatever else is said: a label is in none.
    """
    tile = (header.number(TILE_COLUMNS), header.number(TILE_ROWS))
    size = (header.number(TOTAL_COLUMNS), header.number(TOTAL_ROWS))
    if not any(size) and frames == 1:
        size = tile
    if not all((*tile, *size)) or max(*tile, *size) > LARGEST_SIDE:
        raise CorruptSlideError("the image has no size, or an absurd one")
    if frames > MOST_FRAMES:
        raise SlideError("there are more frames than are supported")
    planes = header.number(PLANE_COUNT) or 1
    paths = header.number(PATH_COUNT) or len(path_identifiers(header)) or 1
    if frames == 1 and size[0] <= tile[0] and size[1] <= tile[1]:
        planes = paths = 1
    if planes > _MOST_PLANES or paths > _MOST_PLANES:
        raise CorruptSlideError("the image has absurdly many focal planes or optical paths")
    return Grid(*size, *tile, planes, paths)


def path_identifiers(header: Header) -> list[bytes]:
    """Return the identifiers of the optical paths, in their order."""
    return [values_in(*each).get(PATH_IDENTIFIER, b"").strip(b" \0") for each in header.items(PATHS)]


@dataclass(slots=True)
class Groups:
    """What the frames of a file say one by one: column and row from 1 (0 where none is said), depth and path.

    `depths` and `paths` are numbers in the order of `known_depths` and `known_paths`. `macros` are the functional
    groups that all frames have alike, in Explicit VR Little Endian.
    """

    columns: array[int] = field(default_factory=lambda: array("q"))
    rows: array[int] = field(default_factory=lambda: array("q"))
    depths: array[int] = field(default_factory=lambda: array("q"))
    paths: array[int] = field(default_factory=lambda: array("q"))
    known_depths: dict[bytes, int] = field(default_factory=dict)
    known_paths: dict[bytes, int] = field(default_factory=dict)
    macros: dict[int, bytes] = field(default_factory=dict)


def groups_of(header: Header, frames: int) -> Groups | None:
    """Return what frames say one by one, None where they do not; raise CorruptSlideError, SlideError."""
    if PER_FRAME not in header:
        return None
    groups = Groups()
    common = _common_position(header)
    first: dict[int, bytes] | None = None
    for item, encoding in header.items(PER_FRAME):
        rest: dict[int, bytes] = {}
        position, path = common, b""
        for element in elements_in(item, 0, len(item), encoding):
            if element.tag == _POSITION:
                position = _first(item, element)
            elif element.tag == PATH_GROUP:
                path = _first(item, element).get(PATH_IDENTIFIER, b"").strip(b" \0")
                if first is None:
                    groups.macros[PATH_GROUP] = explicit(item, element)
            elif element.tag == _CONTENT:
                said = _first(item, element)
                said.pop(_INDEX_VALUES, None)
                rest[_CONTENT] = repr(sorted(said.items())).encode()
            else:
                rest[element.tag] = item[element.start : element.next]
                if first is None:
                    groups.macros[element.tag] = explicit(item, element)
        if first is None:
            first = rest
        elif rest != first:
            raise SlideError(f"frames differ in more than their place, which {CANNOT}")
        groups.columns.append(_number(position.get(_COLUMN, b""), encoding))
        groups.rows.append(_number(position.get(_ROW, b""), encoding))
        depth = position.get(DEPTH, b"").strip(b" \0")
        groups.depths.append(groups.known_depths.setdefault(depth, len(groups.known_depths)))
        groups.paths.append(groups.known_paths.setdefault(path, len(groups.known_paths)))
        if len(groups.columns) > frames:
            break
    if len(groups.columns) != frames:
        raise CorruptSlideError("there are not as many places as frames")
    if len(groups.known_paths) > 1:
        groups.macros.pop(PATH_GROUP, None)
    return groups


def _common_position(header: Header) -> dict[int, bytes]:
    """Return the place that all frames are said to have, which is one where there is one frame."""
    shared = next(iter(header.items(SHARED)), None)
    return {} if shared is None else inside(*shared, _POSITION)


def _first(item: bytes, element: Element) -> dict[int, bytes]:
    for each in element_items(item, element):
        return values_in(item[each.value : each.end], element.encoding)
    return {}


def _number(raw: bytes, encoding: Encoding) -> int:
    if len(raw) != 4:
        return 0
    return int.from_bytes(raw, "little" if encoding.little else "big", signed=True)


def depths_of(parts: Sequence[Groups]) -> list[float]:
    """Return the depths of frames in micrometres, from the lowest; raise CorruptSlideError for what is no number."""
    try:
        found = {float(each) if each else 0.0 for groups in parts for each in groups.known_depths}
    except ValueError:
        raise CorruptSlideError("the depth of a frame is no number") from None
    if not all(abs(each) < 1e6 for each in found):
        raise CorruptSlideError("the depth of a frame is absurd")
    return sorted(found)


def places_of(groups: Groups, grid: Grid, depths: Sequence[float], paths: Sequence[bytes]) -> array[int]:
    """Return the number of the place of each frame, in the order of TILED_FULL.

    Raises CorruptSlideError for a frame outside of the image or of a path that is none, SlideError for one that is off
    the grid.
    """
    planes = [depths.index(float(each) if each else 0.0) for each in groups.known_depths]
    numbers = [_path_number(each, paths) for each in groups.known_paths]
    tiles = grid.across * grid.down
    found = array("q")
    for column, row, depth, path in zip(
        groups.columns, groups.rows, groups.depths, groups.paths, strict=True
    ):
        if not column or not row:
            raise CorruptSlideError("a frame does not say where it lies")
        if not (0 < column <= grid.columns and 0 < row <= grid.rows):
            raise CorruptSlideError("a frame lies outside of the image")
        left, off_column = divmod(column - 1, grid.tile_columns)
        top, off_row = divmod(row - 1, grid.tile_rows)
        if off_column or off_row:
            raise SlideError(f"frames lie off the grid or overlap, which {CANNOT}")
        found.append(((numbers[path] * grid.planes + planes[depth]) * tiles) + top * grid.across + left)
    return found


def _path_number(path: bytes, paths: Sequence[bytes]) -> int:
    if path in paths:
        return paths.index(path)
    if len(paths) <= 1 and not path:
        return 0
    raise CorruptSlideError("a frame is of an optical path that is not described")


def ordered(places: Sequence[Sequence[int]], grid: Grid, *, full: bool) -> Sequence[int]:
    """Return for each place which frame is for it, numbered through all files, -1 where there is none.

    `places` are those of the frames of each file; `full` says that none is missing. Raises CorruptSlideError for two
    frames in one place and where one is missing after all, SlideError where nearly all are.
    """
    total, frames = grid.places, sum(map(len, places))
    if len(places) == 1 and isinstance(places[0], range) and places[0] == range(total):
        return places[0]
    if full and frames != total:
        raise CorruptSlideError("there are more or fewer frames than the image has places")
    if total > MOST_FRAMES or total > max(frames * _SPARSEST, _FEW):
        raise SlideError("nearly all of the image has no frames")
    order = array("q", [-1]) * total
    number = 0
    for one in places:
        for place in one:
            if not 0 <= place < total:
                raise CorruptSlideError("a frame lies outside of the image")
            if order[place] >= 0:
                raise CorruptSlideError("two frames lie in one place")
            order[place] = number
            number += 1
    return order
