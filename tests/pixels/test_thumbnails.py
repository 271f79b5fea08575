from __future__ import annotations

import io

import numpy as np
from PIL import Image

from dicomanon.pixels.box import Box, Found
from dicomanon.pixels.thumbnails import LARGEST, thumbnail


def red(picture: bytes) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what is red."""
    image = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    rows, columns = np.nonzero((image[..., 0] > 150) & (image[..., 1] < 90))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def test_a_frame_stands_where_its_box_is_in_a_picture_made_smaller() -> None:
    found = [Found("text", Box(800, 400, 1200, 600), 1.0)]
    small = np.full((300, 400, 3), 250, np.uint8)

    assert np.allclose(red(thumbnail(small, found, 4)), (200, 100, 300, 150), atol=3)
    assert np.allclose(
        red(thumbnail(np.full((1200, 1800, 3), 250, np.uint8), found)), (400, 200, 600, 300), atol=3
    )


def test_a_large_picture_becomes_a_small_one() -> None:
    picture = Image.open(io.BytesIO(thumbnail(np.zeros((100, 4000, 3), np.uint8))))

    assert max(picture.size) == LARGEST
