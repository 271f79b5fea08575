"""A surface that remembers what was put on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np

from conformance.pictures.truth import Corners, Planted, box_corners, moved, moved_thing, quarter_turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

Colour = tuple[int, int, int]


class Sheet:
    """An image of red, green, blue, and everything planted on it; `finest` is its least cap height in pixels."""

    def __init__(self, columns: int, rows: int, colour: Colour) -> None:
        self.image: NDArray[np.uint8] = np.full((rows, columns, 3), colour, np.uint8)
        self.planted: list[Planted] = []
        self.pen: list[Corners] = []
        self.label: Corners | None = None
        self.finest = math.inf

    def stamp(
        self, mask: NDArray[np.uint8], left: int, top: int, colour: Colour, strength: float = 1
    ) -> None:
        """Put ink of a colour where the mask has it, so much of it that `strength` of the ground is hidden."""
        rows, columns = mask.shape
        ground = self.image[top : top + rows, left : left + columns]
        share = (mask[: ground.shape[0], : ground.shape[1]].astype(np.float32) * (strength / 255))[..., None]
        ground[...] = np.rint(ground * (1 - share) + np.array(colour, np.float32) * share)

    def plant(
        self,
        mask: NDArray[np.uint8],
        place: tuple[int, int],
        colour: Colour,
        kind: str,
        text: str,
        angle: float = 0,
    ) -> None:
        """Stamp ink with its upper left at `place` (column, row), turned by degrees, and remember it."""
        left, top = place
        rows, columns = mask.shape
        corners = box_corners(0, 0, columns, rows)
        if angle:
            matrix, size = turn(columns, rows, angle)
            mask = np.asarray(cv2.warpPerspective(mask, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
            corners = moved(corners, matrix)
        self.stamp(mask, left, top, colour)
        self.planted.append(Planted(kind, text, tuple((x + left, y + top) for x, y in corners)))

    def paste(self, other: Sheet, left: int, top: int) -> None:
        """Lay another sheet on this one."""
        rows, columns, _ = other.image.shape
        self.image[top : top + rows, left : left + columns] = other.image
        shift = np.array(((1, 0, left), (0, 1, top), (0, 0, 1)), np.float64)
        self.planted += [moved_thing(thing, shift) for thing in other.planted]
        self.finest = min(self.finest, other.finest)

    def _move(self, matrix: NDArray[np.float64]) -> None:
        self.planted = [moved_thing(thing, matrix) for thing in self.planted]
        self.pen = [moved(corners, matrix) for corners in self.pen]
        if self.label:
            self.label = moved(self.label, matrix)

    def rotate(self, turns: int) -> None:
        """Turn by quarters, against the clock, without touching a pixel's value."""
        rows, columns, _ = self.image.shape
        self.image = np.ascontiguousarray(np.rot90(self.image, turns))
        self._move(quarter_turn(rows, columns, turns))

    def warp(self, matrix: NDArray[np.float64], size: tuple[int, int], border: Colour | None) -> None:
        """Draw anew through a matrix on `size` (columns, rows); outside is a colour, or (None) what is nearest."""
        self.image = np.asarray(
            cv2.warpPerspective(
                self.image,
                matrix,
                size,
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT,
                borderValue=border or (0, 0, 0),
            ),
            np.uint8,
        )
        self._move(matrix)


def turn(columns: int, rows: int, angle: float) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return the matrix that turns by degrees, and the size (columns, rows) that holds all of the result."""
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    size = (
        math.ceil(columns * abs(cosine) + rows * abs(sine)),
        math.ceil(columns * abs(sine) + rows * abs(cosine)),
    )
    middle, target = ((columns - 1) / 2, (rows - 1) / 2), ((size[0] - 1) / 2, (size[1] - 1) / 2)
    across = target[0] - cosine * middle[0] + sine * middle[1]
    down = target[1] - sine * middle[0] - cosine * middle[1]
    return np.array(((cosine, -sine, across), (sine, cosine, down), (0, 0, 1)), np.float64), size
