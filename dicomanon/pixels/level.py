"""A picture of many frames made small enough to be looked at, and boxes back in its own pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.pixels.box import Box
from dicomanon.pixels.codecs import decode
from dicomanon.pixels.colour import shown
from dicomanon.pixels.frames import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.frames import FrameIndex
    from dicomanon.pixels.layout import Layout, Plane
    from dicomanon.pixels.picture import Picture

    Image = NDArray[np.uint8]

LARGEST = 48 << 20
"""Pixels of a picture that is looked at: it takes three bytes each."""
LEAST = 2400
"""Columns or rows, whichever are more, that a picture is not made smaller than."""
MOST_LAYERS = 64
"""Focal planes, optical paths or frames that are no tiles: so many are looked at one by one, and not more."""


def shrinking(layout: Layout, plane: Plane | None, search: float) -> int:
    """Return how many columns and rows of pixels become one, so that one is about `search` mm wide.

    A picture whose spacing nobody knows is looked at as large as it may be, and none smaller than `LEAST`: what is said
    of spacing may be wrong.
    """
    factor = 1 if plane is None or not layout.tiled else max(1, int(search / max(plane.step)))
    factor = min(factor, max(1, max(layout.columns, layout.rows) // LEAST))
    while (layout.columns // factor) * (layout.rows // factor) > LARGEST:
        factor += 1
    return factor


def pictures(
    reopen: Callable[[], Instance], index: FrameIndex, picture: Picture, layout: Layout, factor: int
) -> Iterator[Image]:
    """Yield each layer of a picture as 8-bit RGB, `factor` times smaller; frames are decoded one by one."""
    import numpy as np  # heavy

    layers = sorted(set(layout.layers))
    for layer in layers:
        wanted = [number for number, each in enumerate(layout.layers) if each == layer]
        image = np.full((-(-layout.rows // factor), -(-layout.columns // factor), 3), 255, np.uint8)
        for number, frame in read_frames(reopen().body, index, picture, wanted):
            tile = _smaller(shown(decode(frame, picture), picture), factor)
            top, left = layout.tops[number] // factor, layout.lefts[number] // factor
            part = image[top : top + tile.shape[0], left : left + tile.shape[1]]
            part[:] = tile[: part.shape[0], : part.shape[1]]
        yield image


def sees_all(layout: Layout) -> bool:
    """Tell whether there are not more layers than are looked at one by one."""
    return len(set(layout.layers)) <= MOST_LAYERS


def _smaller(tile: Image, factor: int) -> Any:
    import cv2  # heavy

    if factor == 1:
        return tile
    size = (max(1, tile.shape[1] // factor), max(1, tile.shape[0] // factor))
    return cv2.resize(tile, size, interpolation=cv2.INTER_AREA)


def enlarged(box: Box, factor: int) -> Box:
    """Return a box of a smaller picture in pixels of the whole one, a smaller pixel wider at each side."""
    if factor == 1:
        return box
    return Box(box.left * factor, box.top * factor, box.right * factor, box.bottom * factor).padded(factor)
