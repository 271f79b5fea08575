"""Strokes of a marker on the glass of a slide: colours that neither tissue nor stains have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.pixels.box import Box, Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

_INKS = (((35, 70, 40), (88, 255, 230)), ((95, 110, 40), (122, 255, 235)))
"""Green and blue in hue (0 to 179), saturation and value; tissue is red, purple or brown."""
_SMALLEST = 0.0002
"""Of the picture: less than this is dust."""
_CELL = 24
"""Side of the boxes (pixels) that a stroke is told in: a circle around tissue is not all that it surrounds."""


def find_pen(image: Image) -> Iterator[Found]:
    """Yield boxes along green and blue strokes of a marker in an overview."""
    import cv2  # heavy
    import numpy as np  # heavy

    hue = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    ink: Any = np.zeros(image.shape[:2], np.uint8)
    for least, most in _INKS:
        ink |= cv2.inRange(hue, np.array(least), np.array(most))
    ink = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    rows, columns = image.shape[:2]
    count, components, sizes, _ = cv2.connectedComponentsWithStats(ink)
    measured: list[list[int]] = sizes.tolist()
    for number in range(1, count):
        left, top, wide, high, inked = measured[number]
        if inked < _SMALLEST * rows * columns or inked > 0.1 * rows * columns:
            continue
        for row in range(top, top + high, _CELL):
            for column in range(left, left + wide, _CELL):
                cell = Box(column, row, column + _CELL, row + _CELL).within(columns, rows)
                if (components[cell.top : cell.bottom, cell.left : cell.right] == number).any():
                    yield Found("pen", cell, 0.6)
