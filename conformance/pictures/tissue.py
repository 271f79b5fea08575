"""What lies on the glass of a slide: tissue, the edge of the cover slip, strokes of a pen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from conformance.pictures.truth import box_corners

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from conformance.pictures.sheet import Colour, Sheet

STAINED: tuple[Colour, ...] = (
    (196, 92, 150),
    (160, 80, 160),
    (214, 130, 170),
    (120, 80, 150),
    (170, 120, 90),
)
PENS: tuple[Colour, ...] = ((20, 40, 150), (15, 15, 20), (20, 120, 60), (180, 25, 35))
Region = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels."""


def smooth_noise(rng: Generator, rows: int, columns: int, cells: int) -> NDArray[np.float32]:
    """Return noise between 0 and 1 that changes over a `cells`-th of the picture."""
    coarse = rng.random((cells, cells)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32)


def tissue(rng: Generator, sheet: Sheet, region: Region) -> list[Region]:
    """Put one to four pieces of tissue into the region; where they are."""
    left, top, right, bottom = region
    pieces = []
    count = int(rng.integers(1, 5))
    step = (right - left) // count
    for number in range(count):
        wide = int(step * rng.uniform(0.55, 0.85))
        high = int(min((bottom - top) * rng.uniform(0.4, 0.75), wide * rng.uniform(0.6, 1.8)))
        x = left + number * step + int((step - wide) * rng.random())
        y = top + int((bottom - top - high) * rng.uniform(0.2, 0.8))
        _piece(rng, sheet, (x, y, x + wide, y + high))
        pieces.append((x, y, x + wide, y + high))
    return pieces


def _piece(rng: Generator, sheet: Sheet, region: Region) -> None:
    left, top, right, bottom = region
    rows, columns = bottom - top, right - left
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    shape = 1 - np.sqrt(x * x + y * y) + 0.7 * (smooth_noise(rng, rows, columns, 6) - 0.5)
    shape += 0.3 * (smooth_noise(rng, rows, columns, 24) - 0.5)
    shape[np.maximum(abs(x), abs(y)) > 0.98] = 0
    body = np.clip((shape - 0.12) * 12, 0, 1)
    grain = 0.5 + 0.35 * smooth_noise(rng, rows, columns, 9) + 0.3 * smooth_noise(rng, rows, columns, 60)
    grain *= np.where(smooth_noise(rng, rows, columns, 14) > 0.85, 0.2, 1)
    mask = np.clip(255 * body * grain * rng.uniform(0.6, 0.95), 0, 255).astype(np.uint8)
    sheet.stamp(mask, left, top, STAINED[int(rng.integers(len(STAINED)))])


def cover_slip(rng: Generator, sheet: Sheet, region: Region) -> None:
    """Draw the faint edge of the cover slip."""
    left, top, right, bottom = region
    mask = np.zeros(sheet.image.shape[:2], np.uint8)
    cv2.rectangle(mask, (left, top), (right, bottom), 255, int(rng.integers(1, 4)), cv2.LINE_AA)
    sheet.stamp(mask, 0, 0, (90, 100, 100), strength=float(rng.uniform(0.15, 0.45)))


def pen_marks(rng: Generator, sheet: Sheet, pieces: list[Region]) -> None:
    """Draw strokes around pieces of tissue, or dots beside them, and remember where they run."""
    colour = PENS[int(rng.integers(len(PENS)))]
    for left, top, right, bottom in pieces:
        if rng.random() < 0.35:
            continue
        mask = np.zeros(sheet.image.shape[:2], np.uint8)
        thick = int(rng.integers(4, 10))
        if rng.random() < 0.25:
            middle = (left + int((right - left) * rng.random()), max(top - 4 * thick, 12))
            cv2.circle(mask, middle, thick + 2, 255, -1, cv2.LINE_AA)
        else:
            angle = np.linspace(0, rng.uniform(4.5, 6.6), 60) + rng.uniform(0, 6.3)
            wobble = 1 + 0.05 * np.sin(angle * rng.integers(2, 5) + rng.uniform(0, 6))
            x = (left + right) / 2 + (right - left) * 0.54 * wobble * np.cos(angle)
            y = (top + bottom) / 2 + (bottom - top) * 0.58 * wobble * np.sin(angle)
            line = np.stack((x, y), 1).round().astype(np.int32)
            cv2.polylines(mask, [line], isClosed=False, color=255, thickness=thick, lineType=cv2.LINE_AA)
        x0, y0, x1, y1 = _around(mask)
        sheet.stamp(mask[y0:y1, x0:x1], x0, y0, colour, strength=0.85)
        sheet.pen.append(box_corners(x0, y0, x1, y1))


def _around(mask: NDArray[np.uint8]) -> Region:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
