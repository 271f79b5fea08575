"""Barcodes as patterns of ink."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp

if TYPE_CHECKING:
    from numpy.typing import NDArray

MATRIX = ("DataMatrix", "QRCode", "Aztec")
LINEAR = ("Code128", "Code39", "ITF")
SHARES = {
    "DataMatrix": 0.15,
    "QRCode": 0.14,
    "Aztec": 0.1,
    "PDF417": 0.12,
    "Code128": 0.15,
    "Code39": 0.24,
    "ITF": 0.1,
}
"""How often each symbology is tried; a wide one fits less often."""

LEAST_MODULE = 2.8
"""In pixels, before a perspective takes a tenth of it."""

QUIET = {"DataMatrix": 2, "QRCode": 4, "Aztec": 2, "PDF417": 3, "Code128": 10, "Code39": 10, "ITF": 10}
"""Modules of empty background on every side (linear codes: on the left and the right)."""

FINE = 8


@cache
def modules(symbology: str, text: str) -> NDArray[np.uint8]:
    """Return the pattern, 255 where there is ink, a pixel per module; a linear code has one row."""
    symbol = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, symbology))
    drawn = np.array(zxingcpp.write_barcode_to_image(symbol, scale=1, add_quiet_zones=False))
    return 255 - (drawn[:1] if symbology in LINEAR else drawn)


def drawn(pattern: NDArray[np.uint8], module: float, height: int | None = None) -> NDArray[np.uint8]:
    """Return the pattern with modules of that many pixels, also of parts of pixels; `height` for linear codes."""
    rows, columns = pattern.shape
    fine = np.repeat(np.repeat(pattern, FINE, 0), FINE, 1)
    size = (round(columns * module), height or round(rows * module))
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), np.uint8)
