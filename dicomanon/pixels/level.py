"""A picture of many frames made small enough to be looked at, and boxes back in its own pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from dicomanon.pixels.box import Box
from dicomanon.pixels.codecs import decode
from dicomanon.pixels.colour import shown
from dicomanon.pixels.frames import read_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
_ROUND = 1.1
"""Pixels may be so much wider than asked for: spacings are no round numbers."""
MOST_LAYERS = 64
"""Focal planes, optical paths or frames that are no tiles: so many are looked at one by one, and not more."""


@dataclass(frozen=True, slots=True)
class Part:
    """The frames of one instance: all of a picture, or a part of a concatenation. `reopen` gives the instance anew."""

    reopen: Callable[[], Instance]
    index: FrameIndex
    picture: Picture
    layout: Layout


class Laid(Protocol):
    """Anything that has a layout."""

    @property
    def layout(self) -> Layout:
        """Where frames lie."""
        ...


def whole_of(parts: Sequence[Laid]) -> Layout:
    """Return the layout of one part, as large as all of them together are."""
    layouts = [part.layout for part in parts]
    columns, rows = max(each.columns for each in layouts), max(each.rows for each in layouts)
    return replace(layouts[0], columns=columns, rows=rows)


def shrinking(layout: Layout, plane: Plane | None, search: float) -> int:
    """Return how many columns and rows of pixels become one, so that one is about `search` mm wide.

    A picture whose spacing nobody knows is looked at as large as it may be, and none smaller than `LEAST`: what is said
    of spacing may be wrong.
    """
    factor = 1 if plane is None or not layout.tiled else max(1, int(_ROUND * search / max(plane.step)))
    factor = min(factor, max(1, max(layout.columns, layout.rows) // LEAST))
    while (layout.columns // factor) * (layout.rows // factor) > LARGEST:
        factor += 1
    return factor


def pictures(parts: Sequence[Part], factor: int) -> Iterator[Image]:
    """Yield each layer of a picture as 8-bit RGB, `factor` times smaller; frames are decoded one by one."""
    import numpy as np  # heavy

    whole = whole_of(parts)
    for name in {name: None for part in parts for name in part.layout.names}:
        image = np.full((-(-whole.rows // factor), -(-whole.columns // factor), 3), 255, np.uint8)
        for part in parts:
            if name in part.layout.names:
                _lay(image, part, part.layout.names.index(name), factor)
        yield image


def _lay(image: Image, part: Part, layer: int, factor: int) -> None:
    """Put the frames of a layer where they belong."""
    layout, picture = part.layout, part.picture
    wanted = [number for number, each in enumerate(layout.layers) if each == layer]
    for number, frame in read_frames(part.reopen().body, part.index, picture, wanted):
        tile = _smaller(shown(decode(frame, picture), picture), factor)
        top, left = layout.tops[number] // factor, layout.lefts[number] // factor
        place = image[top : top + tile.shape[0], left : left + tile.shape[1]]
        place[:] = tile[: place.shape[0], : place.shape[1]]


def sees_all(parts: Sequence[Part]) -> bool:
    """Tell whether there are not more layers than are looked at one by one."""
    return len({name for part in parts for name in part.layout.names}) <= MOST_LAYERS


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
