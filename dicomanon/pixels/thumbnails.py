"""Small pictures for people: JPEG, with frames around what was found."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.pixels.box import Found

LARGEST = 900
"""Columns or rows of a small picture."""
COLOURS = {"text": "red", "barcode": "blue", "label": "orange", "pen": "green", "mask": "magenta"}


def thumbnail(image: NDArray[np.uint8], found: Sequence[Found] = (), smaller: int = 1) -> bytes:
    """Return an 8-bit RGB picture as JPEG, smaller where it is large.

    Boxes are in pixels of a picture that is `smaller` times larger.
    """
    from PIL import Image, ImageDraw  # heavy

    picture = Image.fromarray(image)
    factor = min(1.0, LARGEST / max(picture.size))
    if factor < 1:
        picture = picture.resize((max(1, int(picture.width * factor)), max(1, int(picture.height * factor))))
    draw = ImageDraw.Draw(picture)
    for each in found:
        corners = [each.box.left, each.box.top, each.box.right - 1, each.box.bottom - 1]
        scaled = [min(max(value * factor / smaller, 0), max(picture.size)) for value in corners]
        if scaled[2] > scaled[0] and scaled[3] > scaled[1]:
            draw.rectangle(scaled, outline=COLOURS.get(each.kind, "red"), width=2)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
