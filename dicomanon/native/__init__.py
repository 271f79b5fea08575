"""Vendor slides de-identified in their own format: always a copy, checked by its bytes before it gets its name."""

from __future__ import annotations

from dicomanon.native.pages import TIFF_FORMATS
from dicomanon.native.report import Done, Level, NativeResult
from dicomanon.native.run import deidentify_native

NATIVE = (*TIFF_FORMATS, "mirax")
"""Names of the formats that are copied in their own format."""

__all__ = ["NATIVE", "Done", "Level", "NativeResult", "deidentify_native"]
