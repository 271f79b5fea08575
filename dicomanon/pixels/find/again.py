"""A picture looked at again with what was found hidden, until nothing is seen any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import PixelsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.pixels.box import Box, Found

    Image = NDArray[np.uint8]

LOOKS = 3
"""How often a picture is looked at again: what is seen after that is too much for a machine."""
_RING = 4


def find_again(image: Image, look: Callable[[Image], Sequence[Found]], looks: int = LOOKS) -> list[Found]:
    """Return everything that `look` finds in a picture (8-bit RGB), also what it finds when that is hidden.

    Without further `looks`, what is found at once. Raises PixelsError where something is still found at last.
    """
    hidden = image.copy()
    found: list[Found] = []
    for number in range(looks + 1):
        seen = [each for each in look(hidden) if not number or _is_left(each)]
        if not seen:
            break
        if looks and number == looks:
            raise PixelsError("text is left in the picture after it was covered")
        found += seen
        _hide(hidden, [each.box for each in seen])
    return found


def _is_left(found: Found) -> bool:
    """Tell whether what is seen around hidden places is writing: their corners look like single letters."""
    if found.kind == "label":
        return False  # the other end of the glass
    return found.kind != "text" or (found.score >= 0.5 and sum(each.isalnum() for each in found.text) > 1)


def _hide(image: Image, boxes: Sequence[Box]) -> None:
    """Give boxes the colour of what is around them: a box in a colour of its own would look like something."""
    import numpy as np  # heavy

    rows, columns = image.shape[:2]
    for each in boxes:
        box, outer = each.within(columns, rows), each.padded(_RING).within(columns, rows)
        around = image[outer.top : outer.bottom, outer.left : outer.right].reshape(-1, 3)
        edge = np.ones((outer.height, outer.width), bool)
        edge[box.top - outer.top : box.bottom - outer.top, box.left - outer.left : box.right - outer.left] = (
            False
        )
        ring = around[edge.reshape(-1)]
        image[box.top : box.bottom, box.left : box.right] = np.median(ring, axis=0) if len(ring) else 255
