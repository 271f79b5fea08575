"""What a picture is known to show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Corners: TypeAlias = tuple[tuple[float, float], ...]
"""Four points (column, row) in pixels; whole numbers are the edges of pixels, not their middles."""

PRINTED, HANDWRITTEN, BARCODE = "printed", "handwritten", "barcode "
MIDDLE = 0.5


@dataclass(frozen=True)
class Planted:
    """One thing that tells of a person: its kind, what it says, and the quadrilateral around its ink.

    `kind`: "printed", "handwritten", or "barcode " and the name of a symbology.
    """

    kind: str
    text: str
    corners: Corners


@dataclass(frozen=True)
class Picture:
    """One picture of rows x columns x red, green, blue; `flavour` is LABEL or OVERVIEW.

    `label`: where the label lies on an overview. `pen`: one quadrilateral per pen stroke around tissue.
    """

    name: str
    flavour: str
    image: NDArray[np.uint8]
    planted: tuple[Planted, ...]
    label: Corners | None
    traits: frozenset[str]
    pen: tuple[Corners, ...] = ()


def box_corners(left: float, top: float, right: float, bottom: float) -> Corners:
    """Return the corners of an upright box, clockwise from the upper left."""
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def moved(corners: Corners, matrix: NDArray[np.float64]) -> Corners:
    """Return corners after a 3 x 3 matrix that maps middles of pixels, as OpenCV's do."""
    points = np.array([(x - MIDDLE, y - MIDDLE, 1.0) for x, y in corners]) @ matrix.T
    flat = points[:, :2] / points[:, 2:] + MIDDLE
    return tuple((float(x), float(y)) for x, y in flat)


def moved_thing(thing: Planted, matrix: NDArray[np.float64]) -> Planted:
    """Return the same thing at the place where the matrix brings it."""
    return replace(thing, corners=moved(thing.corners, matrix))


def quarter_turn(rows: int, columns: int, turns: int) -> NDArray[np.float64]:
    """Return the matrix that moves points as `numpy.rot90(image, turns)` moves the pixels of that size."""
    matrices = {
        0: ((1, 0, 0), (0, 1, 0)),
        1: ((0, 1, 0), (-1, 0, columns - 1)),
        2: ((-1, 0, columns - 1), (0, -1, rows - 1)),
        3: ((0, -1, rows - 1), (1, 0, 0)),
    }
    return np.array([*matrices[turns % 4], (0, 0, 1)], np.float64)
