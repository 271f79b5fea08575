"""Where each frame lies in the whole picture (PS3.3 C.7.6.17.3, C.8.12.6.1)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.pixels.box import Box
from dicomanon.pixels.header import inside, values_in

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from dicomanon.pixels.header import Header
    from dicomanon.pixels.picture import Picture

TOTAL_COLUMNS, TOTAL_ROWS = 0x00480006, 0x00480007
ORGANIZATION = 0x00209311
FRAME_OFFSET = 0x00209228
PER_FRAME = 0x52009230
FOCAL_PLANES = 0x00480303
_POSITION, _COLUMN, _ROW, _Z = 0x0048021A, 0x0048021E, 0x0048021F, 0x0040074A
_PATH, _PATH_NUMBER = 0x00480207, 0x00480106
LARGEST_SIDE = 1 << 24
_FINEST, _COARSEST = 1e-5, 1.0
"""Spacings in mm that a slide can have: any other is a mistake, and nothing is told by it."""
_MOST_FRAMES = 1 << 32


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of all that is stored and of a frame in pixels; left, top and layer of every frame.

    What is stored may reach over the Total Pixel Matrix, which ends inside the last tiles: it leaves with them.
    `told` is the size of that.

    A layer is what one picture is made of: a focal plane in an optical path, or one frame of those that are no tiles.
    `layers` are indices into `names`, which are the same in all parts of a concatenation.
    """

    columns: int
    rows: int
    frame_columns: int
    frame_rows: int
    lefts: Sequence[int]
    tops: Sequence[int]
    layers: Sequence[int]
    names: Sequence[Hashable]
    told: tuple[int, int] = (0, 0)

    @property
    def tiled(self) -> bool:
        """Whether frames are parts of a picture that is larger than they are."""
        return (self.columns, self.rows) != (self.frame_columns, self.frame_rows)

    @property
    def whole(self) -> Box:
        """All of the picture, without what is stored beyond its end."""
        return Box(0, 0, self.told[0] or self.columns, self.told[1] or self.rows)

    def place(self, frame: int) -> Box:
        """Return what of the whole picture a frame shows."""
        left, top = self.lefts[frame], self.tops[frame]
        return Box(left, top, left + self.frame_columns, top + self.frame_rows)

    def frames_at(self, boxes: Sequence[Box]) -> dict[int, list[Box]]:
        """Return the frames that a box touches, on all layers, with the boxes in pixels of the frame."""
        found: dict[int, list[Box]] = {}
        if not boxes:
            return found
        wide, high = self.frame_columns, self.frame_rows
        for number, (left, top) in enumerate(zip(self.lefts, self.tops, strict=True)):
            for box in boxes:
                if box.left < left + wide and left < box.right and box.top < top + high and top < box.bottom:
                    found.setdefault(number, []).append(box.moved(-left, -top).within(wide, high))
        return found


def layout_of(header: Header, picture: Picture) -> Layout:
    """Return the layout that the header tells; raise MalformedError where it contradicts itself."""
    columns, rows = header.number(TOTAL_COLUMNS), header.number(TOTAL_ROWS)
    if not columns or not rows:
        zeros = array("q", bytes(8 * picture.frames))
        return Layout(
            *(picture.columns, picture.rows, picture.columns, picture.rows),
            *(zeros, zeros, range(picture.frames), range(picture.frames)),
            (picture.columns, picture.rows),
        )
    if max(columns, rows) > LARGEST_SIDE:
        raise MalformedError("the whole picture is larger than the limit", tag=TOTAL_COLUMNS)
    if header.text(ORGANIZATION) == "TILED_FULL" or (picture.frames == 1 and PER_FRAME not in header):
        lefts, tops, layers, names = _full(header, picture, columns, rows)
    else:
        lefts, tops, layers, names = _sparse(header, picture)
    if min(lefts) < 0 or min(tops) < 0 or max(lefts) >= columns or max(tops) >= rows:
        raise MalformedError("a frame lies outside of the whole picture", tag=TOTAL_COLUMNS)
    if len(set(zip(layers, tops, lefts, strict=True))) != len(lefts):
        raise MalformedError("two frames lie in one place", tag=PER_FRAME)
    stored = (max(lefts) + picture.columns, max(tops) + picture.rows)
    return Layout(*stored, picture.columns, picture.rows, lefts, tops, layers, names, (columns, rows))


def _full(
    header: Header, picture: Picture, columns: int, rows: int
) -> tuple[array[int], array[int], array[int], Sequence[Hashable]]:
    across, down = -(-columns // picture.columns), -(-rows // picture.rows)
    first = header.number(FRAME_OFFSET)
    if first >= _MOST_FRAMES:
        raise MalformedError("the number of frames in front is larger than the limit", tag=FRAME_OFFSET)
    lefts, tops, layers = array("q"), array("q"), array("q")
    for number in range(first, first + picture.frames):
        layer, tile = divmod(number, across * down)
        row, column = divmod(tile, across)
        lefts.append(column * picture.columns)
        tops.append(row * picture.rows)
        layers.append(layer - first // (across * down))
    return lefts, tops, layers, range(first // (across * down), layer + 1)


def _sparse(
    header: Header, picture: Picture
) -> tuple[array[int], array[int], array[int], Sequence[Hashable]]:
    lefts, tops, layers = array("q"), array("q"), array("q")
    known: dict[tuple[bytes, bytes], int] = {}
    flat = header.number(FOCAL_PLANES) == 1  # though each tile may have been focused at a depth of its own
    for item, encoding in header.items(PER_FRAME):
        position = inside(item, encoding, _POSITION)
        path = inside(item, encoding, _PATH).get(_PATH_NUMBER, b"")
        if _COLUMN not in position or _ROW not in position:
            raise MalformedError("a frame does not say where it lies", tag=PER_FRAME)
        if len(position[_COLUMN]) != 4 or len(position[_ROW]) != 4:
            raise MalformedError("a frame does not say where it lies", tag=PER_FRAME)
        order = "little" if encoding.little else "big"
        lefts.append(int.from_bytes(position[_COLUMN], order, signed=True) - 1)  # type: ignore[arg-type]
        tops.append(int.from_bytes(position[_ROW], order, signed=True) - 1)  # type: ignore[arg-type]
        depth = b"" if flat else position.get(_Z, b"")
        layers.append(known.setdefault((path, depth), len(known)))
    if len(lefts) != picture.frames:
        raise MalformedError("there are not as many places as frames", tag=PER_FRAME)
    return lefts, tops, layers, tuple(known)


@dataclass(frozen=True, slots=True)
class Plane:
    """Where the whole picture lies on the slide: mm along its rows and columns, in the plane that `frame` names.

    `frame` is Frame of Reference and orientation; `across` and `down` are the mm of the first pixel, `step` those from
    column to column and from row to row.
    """

    frame: tuple[str, tuple[float, ...]]
    across: float
    down: float
    step: tuple[float, float]
    origin: tuple[float, float]
    orientation: tuple[float, ...]

    def slide(self, column: int, row: int) -> tuple[float, float]:
        """Return X and Y of a pixel in the slide coordinate system, in mm (PS3.3 C.8.12.2.1)."""
        across, down = column * self.step[0], row * self.step[1]
        x, y = self.origin
        along, downwards = self.orientation[:2], self.orientation[3:5]
        return x + across * along[0] + down * downwards[0], y + across * along[1] + down * downwards[1]

    def millimetres(self, box: Box) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of a box on the slide."""
        across, down = self.step
        return (
            self.across + box.left * across,
            self.down + box.top * down,
            self.across + box.right * across,
            self.down + box.bottom * down,
        )

    def pixels(self, place: tuple[float, float, float, float]) -> Box:
        """Return the box of whole pixels around a place on the slide, a pixel wider at each side."""
        left, top, right, bottom = place
        across, down = self.step
        return Box(
            int((left - self.across) // across) - 1,
            int((top - self.down) // down) - 1,
            int(-(-(right - self.across) // across)) + 1,
            int(-(-(bottom - self.down) // down)) + 1,
        )


_FRAME_OF_REFERENCE, _ORIENTATION, _ORIGIN = 0x00200052, 0x00480102, 0x00480008
_X, _Y, _SHARED, _MEASURES, _SPACING = 0x0040072A, 0x0040073A, 0x52009229, 0x00289110, 0x00280030


def plane_of(header: Header) -> Plane | None:
    """Return where the whole picture lies on the slide, None where the header does not say (PS3.3 C.8.12.2.1)."""
    try:
        orientation = tuple(float(each) for each in header.texts(_ORIENTATION))
        origin = next(iter(header.items(_ORIGIN)), None)
        shared = next(iter(header.items(_SHARED)), None)
        if len(orientation) != 6 or origin is None or shared is None or not header.raw(_FRAME_OF_REFERENCE):
            return None
        place = values_in(*origin)
        x, y = float(place[_X].strip(b" \0")), float(place[_Y].strip(b" \0"))
        spacing = inside(shared[0], shared[1], _MEASURES)[_SPACING]
        down, across = (float(each) for each in spacing.decode("ascii").strip(" \0").split("\\"))
    except (KeyError, ValueError):
        return None
    possible = _FINEST <= across <= _COARSEST and _FINEST <= down <= _COARSEST
    if not possible or not all(map(isfinite, (*orientation, x, y))):
        return None
    # Directions lie along the axes, or nearly; what is told of one picture holds for the others of its frame.
    along, downwards = orientation[:2], orientation[3:5]
    return Plane(
        (header.text(_FRAME_OF_REFERENCE), tuple(round(each, 3) for each in orientation)),
        x * along[0] + y * along[1],
        x * downwards[0] + y * downwards[1],
        (across, down),
        (x, y),
        orientation,
    )
