"""A white tile for a place where the scanner stored none, encoded by the TIFF library as its page is."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.sources._jpeg import Head
    from dicomanon.sources._jpeg2000 import MainHeader

_JPEG, _APERIO_JPEG_2000 = 7, 33005
_JPEG_QUALITY, _JPEG_2000_DECIBEL = 90, 60


def white_jpeg(page: Any, head: Head, *, rgb: bool) -> bytes:
    """Return a white JPEG tile in the colour model of the page; one in RGB says so in an Adobe segment."""
    arguments: dict[str, Any] = {"level": _JPEG_QUALITY}
    if page.samplesperpixel > 1:
        arguments["outcolorspace"] = "RGB" if rgb else "YCBCR"
        arguments["subsampling"] = head.sampling[0] if head.subsampled else (1, 1)
    return _encoded(page, _JPEG, arguments)


def white_jpeg_2000(page: Any, header: MainHeader, *, transformed: bool) -> bytes:
    """Return a white JPEG 2000 tile with the wavelet and the colour transform of the page's others."""
    arguments = {"level": _JPEG_2000_DECIBEL, "reversible": header.reversible, "mct": transformed}
    return _encoded(page, _APERIO_JPEG_2000, arguments)


def _encoded(page: Any, compression: int, arguments: Mapping[str, Any]) -> bytes:
    import numpy as np  # heavy, and rarely needed
    import tifffile  # heavy, and rarely needed

    size = (page.tilelength, page.tilewidth)
    gray = page.samplesperpixel == 1
    file = BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(
            np.full(size if gray else (*size, 3), 255, np.uint8),
            tile=size,
            photometric="minisblack" if gray else "rgb",
            compression=compression,
            compressionargs=dict(arguments),
            metadata=None,
        )
    file.seek(0)
    with tifffile.TiffFile(file) as written:
        only = written.pages[0]
        return file.getvalue()[only.dataoffsets[0] :][: only.databytecounts[0]]
