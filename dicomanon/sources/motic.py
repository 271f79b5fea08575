"""Motic TIFF: an ImageDescription laid out as Aperio's, under the name of Motic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dicomanon.sources._peek import DESCRIPTION
from dicomanon.sources._pyramid import icc_of, number, opened
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource
from dicomanon.sources.mikroscan import described_slide

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._tiff import TiffSlide

_SOFTWARE = re.compile(r"Motic V\d{1,2}(?:\.\d{1,3}){1,3}(?![\w.])")


def _detect(peek: Peek) -> bool:
    text = peek.text(DESCRIPTION)
    marked = text.startswith(b"Motic ") and b"AppMag" in text
    # A file of theirs under the name of an SVS whose directories are lost is claimed as a damaged SVS.
    words = () if peek.suffix == ".svs" else (b"Motic V",)
    return peek.claimed(marked=marked, words=words)


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import piped  # heavy

    return described_slide(slide, path, FORMAT.name, piped, _metadata)


def _metadata(said: Mapping[str, str], page: Any, stem: str) -> SlideMetadata:
    software = _SOFTWARE.match(said.get("ImageDescription", ""))
    return SlideMetadata(
        manufacturer="Motic",
        software=(software[0],) if software else (),
        objective_power=number(said.get("ImageDescription/AppMag", "")),
        icc_profile=icc_of(page),
        barcode=said.get("ImageDescription/Barcode", ""),
        label_text=said.get("ImageDescription/Title", ""),
        name=stem,
    )


FORMAT = SlideFormat(
    name="motic",
    title="Motic TIFF",
    suffixes=(".tif", ".tiff"),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000",
    encoded="tiles in JPEG 2000 with subsampled colour",
)
