"""Barcodes of any kind and direction, by zxing-cpp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.errors import UnsupportedError
from dicomanon.pixels.box import Box, Found

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

_MARGIN = 6
_CELL, _ENERGY = 15, 130.0
"""Side of a window (pixels), and the mean of its steps from dark to light: lines of text have less."""
_ANGLES = (0, -6, 6, -12, 12)
"""Degrees by which a picture is turned: lines are scanned straight, and leave a long code that lies askew."""
_CONTRAST = 25.0
"""Levels of grey by which dark and light of a code spread."""
_SHORTEST, _MISSES, _SHIFT, _ALIKE, _INSIDE = 16, 6, 8, 0.35, 0.8
_SMALL = 900
"""Pictures with a shorter side than this are looked at a second time at twice their size."""


def find_barcodes(image: Image) -> Iterator[Found]:
    """Yield the barcodes of a picture; those that are there and cannot be read too."""
    try:
        import cv2
        import zxingcpp
    except ImportError:
        raise UnsupportedError(
            "looking for barcodes needs the packages of the extra 'pixels', which are not installed"
        ) from None
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    linear = _linear(zxingcpp)
    high, wide = grey.shape
    for size in (1, 2) if min(grey.shape) < _SMALL else (1,):
        for angle in _ANGLES:
            matrix = _turning(grey, angle, size)
            seen = cv2.warpAffine(
                grey, matrix, (wide * size, high * size), flags=cv2.INTER_CUBIC, borderValue=255
            )
            for code in zxingcpp.read_barcodes(seen, return_errors=not angle):
                corners = _corners(code.position)
                if code.format in linear:
                    corners = extended(seen, corners)
                box = _box(cv2.transform(corners[None], cv2.invertAffineTransform(matrix))[0]).within(
                    wide, high
                )
                if code.valid or _has_contrast(grey, box):
                    yield Found("barcode", box, 1.0 if code.valid else 0.5, code.text)


def find_texture(image: Image) -> Iterator[Found]:
    """Yield places where dark and light change as often and as much as in a barcode, whether it reads or not."""
    import cv2  # heavy
    import numpy as np  # heavy

    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    energy = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    dense = (cv2.blur(energy, (_CELL, _CELL)) >= _ENERGY).astype(np.uint8)
    count, _, boxes, _ = cv2.connectedComponentsWithStats(dense)
    measured: list[list[int]] = boxes.tolist()
    high, wide = grey.shape
    for number in range(1, count):
        left, top, columns, rows, _ = measured[number]
        if min(columns, rows) >= _CELL:
            box = Box(left, top, left + columns, top + rows).padded(_CELL // 2).within(wide, high)
            yield Found("barcode", box, 0.5)


def _turning(grey: Any, angle: int, size: int) -> Any:
    """Return the matrix that turns a picture around its middle by degrees and makes it so many times larger."""
    import cv2  # heavy

    high, wide = grey.shape
    matrix = cv2.getRotationMatrix2D((wide / 2, high / 2), angle, size)
    matrix[:, 2] += (wide * (size - 1) / 2, high * (size - 1) / 2)
    return matrix


def _linear(zxing: Any) -> frozenset[Any]:
    matrix = ("DataMatrix", "QR", "RMQR", "MicroQR", "PDF417", "MicroPDF", "CompactPDF", "Aztec", "Maxi")
    return frozenset(
        getattr(zxing.BarcodeFormat, name)
        for name in dir(zxing.BarcodeFormat)
        if name[0].isupper() and not name.startswith(matrix)
    )


def _corners(position: Any) -> Any:
    import numpy as np  # heavy

    corners = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return np.array([(corner.x, corner.y) for corner in corners], float)


def _box(corners: Any) -> Box:
    left, top = (int(each) for each in corners.min(axis=0))
    right, bottom = (int(each) for each in corners.max(axis=0))
    return Box(left, top, right + 1, bottom + 1).padded(_MARGIN)


def _has_contrast(grey: Any, box: Box) -> bool:
    """Tell whether what is suspected to be a code is dark and light: noise on glass is suspected too."""
    return float(grey[box.top : box.bottom, box.left : box.right].std()) >= _CONTRAST


def extended(grey: Any, corners: Any) -> Any:
    """Return the corners of a linear code, read along some of its lines, with all of the height of its bars.

    Lines beside it belong to it as long as they look alike.
    """
    import numpy as np  # heavy

    start, end = (corners[0] + corners[3]) / 2, (corners[1] + corners[2]) / 2
    length = float(np.hypot(*(end - start)))
    if length < _SHORTEST:
        return corners
    across = np.array((-(end - start)[1], (end - start)[0])) / length
    reach = [0.0, 0.0]
    middle = _line(grey, start, end)
    for side, sign in enumerate((-1, 1)):
        misses, step = 0, 0
        while step < length and misses < _MISSES:
            step += 1
            line = _line(grey, start + across * sign * step, end + across * sign * step)
            alike = line is not None and middle is not None and _alike(middle, line)
            misses = 0 if alike else misses + 1
            if alike:
                reach[side] = step
    first, last = across * -reach[0], across * reach[1]
    return np.vstack((corners, (start + first, end + first, start + last, end + last)))


def _line(grey: Any, start: Any, end: Any) -> Any:
    """Return the grey values from one point to another, None where the line leaves the picture."""
    import numpy as np  # heavy

    count = max(2, int(np.hypot(*(end - start))))
    columns, rows = (np.linspace(start[each], end[each], count).round().astype(int) for each in (0, 1))
    high, wide = grey.shape
    inside = (columns >= 0) & (columns < wide) & (rows >= 0) & (rows < high)
    if inside.mean() < _INSIDE:
        return None
    values = grey[rows.clip(0, high - 1), columns.clip(0, wide - 1)].astype(float)
    values[~inside] = values[inside].mean()
    return values


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two lines go up and down together, though one may lie a few pixels farther on."""
    import numpy as np  # heavy

    size = min(len(one), len(other))
    first = one[:size] - one[:size].mean()
    if other.std() < 0.2 * one.std():
        return False
    best = 0.0
    for shift in range(-_SHIFT, _SHIFT + 1):
        second = np.roll(other[:size], shift)
        second = second - second.mean()
        best = max(
            best, float((first * second).sum() / (np.sqrt((first**2).sum() * (second**2).sum()) + 1e-9))
        )
    return best >= _ALIKE
