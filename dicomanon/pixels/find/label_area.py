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
_LINES, _LEAN, _LEANINGS = 64, 0.16, 6
"""Rows that are looked at; by how much of the height a border may lean, and in how many steps to each side."""
_CLEAR = 9.0
"""Levels of grey by which the two sides of a border differ all the way across."""
_MARGIN = 0.01
_ACROSS = 15
"""Percent of the rows that a border may leave out: frames that are drawn around tissue do not reach across."""
_LETTER = 30.0
_SHORTLY = 0.12
"""Of the length: how far the end of a label may be behind the last of its writing that was found."""


def find_label(image: Image, found: Sequence[Found]) -> Found | None:
    """Return the part of an overview that holds the label, None where nothing tells for sure.

    A label ends with a straight border across the slide, and what is written is on its side. `found` is what was found
    in the picture: text and barcodes say at which end to look, and no cut leaves one of them on both sides.
    """
    rows, columns = image.shape[:2]
    lying = columns >= rows
    picture = image if lying else image.transpose(1, 0, 2)
    length = max(rows, columns)
    borders, leaning = _borders(picture)
    marks = [
        (*_along(each.box, lying=lying), _letters(each)) for each in found if each.kind in ("text", "barcode")
    ]
    turned = [(length - stop, length - start, letters) for start, stop, letters in marks]
    ends = [_cut(borders, leaning, marks, length), _cut(borders[::-1], leaning[::-1], turned, length)]
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


def _borders(picture: Image) -> tuple[Any, Any]:
    """Return for each column how much its two sides differ nearly all the way across, and how far the border leans.

    A border that leans is told by the column that it has in the middle.
    """
    import cv2  # heavy
    import numpy as np  # heavy

    rows = picture.shape[0]
    smooth = cv2.GaussianBlur(np.ascontiguousarray(picture), (5, 5), 0).astype(np.int16)
    lines = np.linspace(rows // 8, rows - rows // 8 - 1, _LINES).round().astype(int)
    steps = np.abs(smooth[lines, 2 * _STEP :] - smooth[lines, : -2 * _STEP]).max(axis=2)
    difference, leaning = np.zeros(picture.shape[1]), np.zeros(picture.shape[1])
    for lean in np.linspace(-_LEAN, _LEAN, 2 * _LEANINGS + 1) * rows:
        shifts = ((lines / rows - 0.5) * lean).round().astype(int)
        moved = np.stack([np.roll(line, shift) for line, shift in zip(steps, shifts, strict=True)])
        found = np.percentile(moved, _ACROSS, axis=0)
        better = found > difference[_STEP:-_STEP]
        difference[_STEP:-_STEP][better] = found[better]
        leaning[_STEP:-_STEP][better] = abs(lean) / 2
    return difference, leaning


def _cut(
    borders: Any, leaning: Any, marks: Sequence[tuple[int, int, int]], length: int
) -> tuple[int, float] | None:
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
    if written:
        # The last clear border shortly behind the writing, or the first one: a label has frames of its own, and edges
        # of tissue or of the cover slip that are farther away may be clearer.
        clear_ones = [at for at in range(nearest, zone) if borders[at] >= _CLEAR]
        near_ones = [at for at in clear_ones if at < nearest + length * _SHORTLY]
        last = max(near_ones) if near_ones else min(clear_ones)
        return last + int(leaning[last]), float(borders[last]) + written
    # Of several clear borders the farthest one that is nearly as clear: a label has frames and stickers of its own.
    far = [at for at in range(strongest, zone) if borders[at] >= max(_CLEAR, 0.5 * clear)]
    last = max(far, default=strongest)
    return last + int(leaning[last]), clear
