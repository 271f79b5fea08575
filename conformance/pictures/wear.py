"""What makes pictures hard to read, each so much that a person still reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Wear = Callable[[NDArray[np.uint8], Generator, float], NDArray[np.uint8]]

LEAST_FOR_TWO = 13
"""Writing with a cap height of less, in pixels, suffers one kind of wear at a time."""


def low_contrast(image: NDArray[np.uint8], rng: Generator, _finest: float) -> NDArray[np.uint8]:
    """Bring everything nearer to one grey."""
    share, grey = rng.uniform(0.33, 0.5), rng.uniform(110, 190)
    return np.asarray(np.rint(grey + (image - grey) * share), np.uint8)


def glare(image: NDArray[np.uint8], rng: Generator, _finest: float) -> NDArray[np.uint8]:
    """Shine a lamp on a part."""
    rows, columns, _ = image.shape
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    middle = (rng.uniform(0.15, 0.85) * columns, rng.uniform(0.15, 0.85) * rows)
    size = rng.uniform(0.12, 0.35, 2) * max(rows, columns)
    spot = np.exp(-(((x - middle[0]) / size[0]) ** 2) - ((y - middle[1]) / size[1]) ** 2)
    share = (spot * rng.uniform(0.45, 0.72))[..., None]
    return np.asarray(np.rint(image + (255 - image.astype(np.float32)) * share), np.uint8)


def blur(image: NDArray[np.uint8], rng: Generator, finest: float) -> NDArray[np.uint8]:
    """Put the lens out of focus, by no more than small letters and modules of 2.5 pixels bear."""
    most = min(1.5, 0.075 * finest)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.6, 1) * most)), np.uint8)


def noise(image: NDArray[np.uint8], rng: Generator, _finest: float) -> NDArray[np.uint8]:
    """Add the noise of a sensor."""
    grain = rng.standard_normal(image.shape, np.float32) * np.float32(rng.uniform(5, 14))
    return np.clip(np.rint(image + grain), 0, 255).astype(np.uint8)


def jpeg(image: NDArray[np.uint8], rng: Generator, _finest: float) -> NDArray[np.uint8]:
    """Compress until squares and ringing show."""
    done, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(28, 55))])
    if not done:
        raise RuntimeError("OpenCV did not write a JPEG")
    return np.ascontiguousarray(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)[..., ::-1])


WEARS: dict[str, Wear] = {
    "low contrast": low_contrast,
    "glare": glare,
    "blur": blur,
    "noise": noise,
    "jpeg": jpeg,
}
ORDER = tuple(WEARS)
"""As in a camera: what the light does first, then the lens, the sensor and the file."""


def worn(
    image: NDArray[np.uint8], rng: Generator, finest: float, *, codes: bool
) -> tuple[NDArray[np.uint8], set[str]]:
    """Wear half of the pictures with one or two kinds; `codes`: there are barcodes, whose modules are fine."""
    if rng.random() < 0.5:
        return image, set()
    two = finest >= LEAST_FOR_TWO and rng.random() < 0.4
    names = {str(name) for name in rng.choice(ORDER, 2 if two else 1, replace=False)}
    if names == {"low contrast", "glare"}:  # together they leave nothing of a grey print
        names = {"glare"}
    for name in ORDER:
        if name in names:
            image = WEARS[name](image, rng, min(finest, 14) if codes else finest)
    return image, names
