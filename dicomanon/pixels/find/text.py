"""Text in any of four directions, by RapidOCR (PP-OCR models, which its package carries)."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from dicomanon.errors import UnsupportedError
from dicomanon.pixels.box import Box, Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

_AGAIN = (0.7, 1.3)
_ALIKE = 0.6
_THINNEST = 6
"""Times that a picture may be longer than it is high."""
_one_at_a_time = Lock()


@cache
def _engine() -> Any:
    try:
        from rapidocr import RapidOCR
    except ImportError:
        raise UnsupportedError(
            "looking for text needs the packages of the extra 'pixels', which are not installed"
        ) from None
    return RapidOCR(params={"Global.log_level": "critical", "Global.text_score": 0.0, "Det.box_thresh": 0.4})


def find_text(image: Image, turns: Iterable[int] = range(4)) -> Iterator[Found]:
    """Yield lines of text in a picture, with the score of the reading; `turns` are quarters to the left."""
    import numpy as np  # heavy

    rows, columns = image.shape[:2]
    image = _thicker(image)
    for turn in turns:
        turned = np.ascontiguousarray(np.rot90(image, turn)[:, :, ::-1])
        with _one_at_a_time:
            result = _engine()(turned, use_cls=False)
        if result.boxes is None:
            continue
        for corners, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
            left, top = corners.min(axis=0)
            right, bottom = corners.max(axis=0)
            short = min(right - left, bottom - top)
            box = Box(int(left), int(top), int(right) + 1, int(bottom) + 1).padded(int(short * 0.2) + 2)
            place = turned_back(box, turn, image.shape[1], image.shape[0]).within(columns, rows)
            yield Found("text", place, float(score), str(text), turn)


def _thicker(image: Image) -> Any:
    """Return a picture that is no strip: detectors enlarge the shorter side, and a strip to no end."""
    import numpy as np  # heavy

    rows, columns = image.shape[:2]
    least = -(-max(rows, columns) // _THINNEST)
    return np.pad(
        image, ((0, max(least - rows, 0)), (0, max(least - columns, 0)), (0, 0)), constant_values=255
    )


def reads_again(image: Image, found: Found) -> bool:
    """Tell whether a text reads nearly the same in a smaller and in a larger picture of it; patterns do not."""
    import cv2  # heavy

    rows, columns = image.shape[:2]
    short = min(found.box.width, found.box.height)
    box = found.box.padded(short // 2).within(columns, rows)
    part = image[box.top : box.bottom, box.left : box.right]
    for factor in _AGAIN:
        sized: Any = cv2.resize(part, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        if not any(_alike(found.text, each.text) for each in find_text(sized, (found.turn,))):
            return False
    return True


def _alike(one: str, other: str) -> bool:
    return SequenceMatcher(None, one.lower(), other.lower()).ratio() >= _ALIKE


def turned_back(box: Box, turn: int, columns: int, rows: int) -> Box:
    """Return a box of a picture turned by so many quarters to the left in pixels of the picture as it was."""
    for step in range(turn, 0, -1):
        wide = columns if step % 2 else rows  # of the picture before its last quarter
        box = Box(wide - box.bottom, box.left, wide - box.top, box.right)
    return box
