"""3DHISTECH TIFF export: `key = value` between bars in each ImageDescription, `3dh_PixelSizeX` among them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources._fields import facts
from dicomanon.sources._peek import DESCRIPTION
from dicomanon.sources._pyramid import (
    fingerprint,
    icc_of,
    level_images,
    number,
    opened,
    other_images,
)
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._pyramid import Spacing
    from dicomanon.sources._slide import Flavor
    from dicomanon.sources._tiff import TiffSlide

_MARK = b"3dh_PixelSizeX"
_NARROWEST, _WIDEST = 0.05, 20
"""Micrometres that a pixel can have; a number that is a thousand times too large is in nanometres."""
_NANOMETRES = 1000
_ASPECT = 0.02


def _detect(peek: Peek) -> bool:
    text = peek.text(DESCRIPTION)
    # Theirs has no vendor in front.
    marked = _MARK in text and not text.startswith(b"Aperio")
    words = () if peek.suffix == ".svs" else (_MARK,)
    return peek.claimed(marked=marked, words=words)


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import piped, tiff_fields  # heavy

    base = max(slide.pages, key=lambda page: page.imagewidth * page.is_tiled)
    if not (base.imagewidth and base.imagelength):
        raise CorruptSlideError("an image has no size")
    roles: dict[str, list[Any]] = {}
    for page in slide.pages:
        roles.setdefault(_role(page, base), []).append(page)
    fields = tuple(tiff_fields(slide, {DESCRIPTION: piped}))
    said = facts(FORMAT.name, fields)
    spacing = _spacing(said)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, (base.description or "").encode("utf-8", "surrogateescape")),
        metadata=SlideMetadata(
            manufacturer="3DHISTECH",
            acquired=_acquired(said),
            objective_power=number(said.get("ImageDescription/AppMag", "")),
            icc_profile=icc_of(base),
            barcode=said.get("ImageDescription/Barcode", ""),
            name=path.stem,
        ),
        levels=level_images(slide, roles.get("VOLUME", []), spacing),
        others=other_images(slide, roles, spacing, (base.imagewidth, base.imagelength)),
        close=slide.close,
        fields=fields,
    )


def _role(page: Any, base: Any) -> Flavor:
    """Return what a page is: a level where it has the proportions of the base, else what may show the label."""
    if not (page.imagewidth and page.imagelength):
        raise CorruptSlideError("an image has no size")
    alike = page.imagewidth * base.imagelength / (page.imagelength * base.imagewidth)
    rounding = 1 / page.imagewidth + 1 / page.imagelength
    return "VOLUME" if page.is_tiled and abs(alike - 1) < _ASPECT + rounding else "OVERVIEW"


def _spacing(said: Mapping[str, str]) -> Spacing:
    """Return mm between rows and columns: MPP, else the size of pixels where that is one they can have."""
    across = _sane(said.get("ImageDescription/MPP", "")) or _sane(
        said.get("ImageDescription/3dh_PixelSizeX", "")
    )
    down = _sane(said.get("ImageDescription/MPP", "")) or _sane(
        said.get("ImageDescription/3dh_PixelSizeY", "")
    )
    down, across = down or across, across or down
    return None if down is None or across is None else (down / 1000, across / 1000)


def _sane(text: str) -> float | None:
    value = number(text)
    for unit in (1, _NANOMETRES):
        if value is not None and _NARROWEST <= value / unit <= _WIDEST:
            return value / unit
    return None


def _acquired(said: Mapping[str, str]) -> dt.datetime | None:
    """Return Date and Time, day first, else DateTime; neither knows its zone."""
    written = f"{said.get('ImageDescription/Date', '')} {said.get('ImageDescription/Time', '')}"
    for text, layout in (
        (written, "%d/%m/%Y %H:%M:%S"),
        (said.get("DateTime", ""), "%Y:%m:%d %H:%M:%S"),
    ):
        try:
            return dt.datetime.strptime(text, layout)  # noqa: DTZ007 - the file knows no zone
        except ValueError:
            continue
    return None


FORMAT = SlideFormat(
    name="histech_tiff",
    title="3DHISTECH TIFF export",
    suffixes=(".tif", ".tiff"),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000; others decoded without loss",
    encoded="tiles in JPEG 2000 with subsampled colour",
)
