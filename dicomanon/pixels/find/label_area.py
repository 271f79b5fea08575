"""Where on an overview the label of the slide is, whichever way the slide lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.pixels.box import Box, Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

_NEAREST, _FARTHEST = 0.17, 0.48
"""How far from its end of the slide a label ends, in parts of the length: 76 mm long slides have labels of 20 to 30."""
_STEP = 3
_CLEAR = 9.0
"""Levels of grey by which the two sides of a border differ all the way across."""
_MARGIN = 0.01
_ACROSS = 15
"""Percent of the rows that a border may leave out: frames that are drawn around tissue do not reach across."""
_LETTER = 30.0


def find_label(image: Image, found: Sequence[Found]) -> Found | None:
    """Return the part of an overview that holds the label, None where nothing tells for sure.

    A label ends with a straight border across the slide, and what is written is on its side. `found` is what was found
    in the picture: text and barcodes say at which end to look, and no cut leaves one of them on both sides.
    """
    rows, columns = image.shape[:2]
    lying = columns >= rows
    picture = image if lying else image.transpose(1, 0, 2)
    length = max(rows, columns)
    borders = _borders(picture)
    marks = [
        (*_along(each.box, lying=lying), _letters(each)) for each in found if each.kind in ("text", "barcode")
    ]
    turned = [(length - stop, length - start, letters) for start, stop, letters in marks]
    ends = [_cut(borders, marks, length), _cut(borders[::-1], turned, length)]
    weights = [0 if end is None else end[1] for end in ends]
    side = max((0, 1), key=lambda each: weights[each])
    chosen = ends[side]
    if chosen is None or weights[1 - side] > 0.5 * weights[side]:
        return None
    cut = min(chosen[0] + int(length * _MARGIN) + _STEP, length - 1)
    start, stop = (0, cut) if side == 0 else (length - cut, length)
    box = Box(start, 0, stop, rows) if lying else Box(0, start, columns, stop)
    return Found("label", box, min(1.0, weights[side] / 100))


def _letters(found: Found) -> int:
    return 10 if found.kind == "barcode" else sum(each.isalnum() for each in found.text)


def _along(box: Box, *, lying: bool) -> tuple[int, int]:
    return (box.left, box.right) if lying else (box.top, box.bottom)


def _borders(picture: Image) -> Any:
    """Return for each column how much its two sides differ nearly all the way across."""
    import cv2  # heavy
    import numpy as np  # heavy

    rows = picture.shape[0]
    middle = np.ascontiguousarray(picture[rows // 8 : rows - rows // 8])
    smooth = cv2.GaussianBlur(middle, (5, 5), 0).astype(np.int16)
    difference = np.zeros(picture.shape[1])
    steps = np.abs(smooth[:, 2 * _STEP :] - smooth[:, : -2 * _STEP]).max(axis=2)
    difference[_STEP:-_STEP] = np.percentile(steps, _ACROSS, axis=0)
    return difference


def _cut(borders: Any, marks: Sequence[tuple[int, int, int]], length: int) -> tuple[int, float] | None:
    """Return where the label at the front ends and how much speaks for it, None where nothing does."""
    zone = int(length * _FARTHEST)
    near = [(stop, letters) for start, stop, letters in marks if (start + stop) / 2 < zone]
    written = _LETTER * sum(letters for _, letters in near)
    nearest = max([int(length * _NEAREST), *(stop for stop, _ in near)])
    if nearest >= zone:
        return nearest, written
    window = borders[nearest:zone]
    strongest = nearest + int(window.argmax())
    clear = float(borders[strongest])
    if clear < _CLEAR:
        return (nearest, written) if written else None
    # Of several clear borders the farthest one that is nearly as clear: a label has frames and stickers of its own.
    far = [at for at in range(strongest, zone) if borders[at] >= max(_CLEAR, 0.5 * clear)]
    return max(far, default=strongest), clear + written
