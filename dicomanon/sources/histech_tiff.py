"""TIFF as 3DHISTECH software exports it: a pyramid whose descriptions have `3dh_` fields."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from dicomanon.sources._fields import facts
from dicomanon.sources._peek import DESCRIPTION
from dicomanon.sources._pyramid import fingerprint, icc_of, level_images, number, opened, square
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._tiff import TiffSlide

_MARK = b"3dh_PixelSizeX"
_NARROWEST, _WIDEST = 0.05, 20
"""Micrometres: a pixel size beyond is in nanometres."""


def _detect(peek: Peek) -> bool:
    description = peek.text(DESCRIPTION)
    return peek.claimed(marked=_MARK in description and not description.startswith(b"Aperio"), words=(_MARK,))


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import piped, tiff_fields  # heavy

    fields = tuple(tiff_fields(slide, {DESCRIPTION: piped}))
    said = facts(FORMAT.name, fields)
    base = slide.pages[0]
    levels = level_images(slide, slide.pages, square(_micrometres(said)))
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, (base.description or "").encode("utf-8", "surrogateescape")),
        metadata=SlideMetadata(
            manufacturer="3DHISTECH",
            acquired=_moment(said),
            objective_power=number(said.get("ImageDescription/AppMag", "")),
            icc_profile=icc_of(base),
            name=path.stem,
        ),
        levels=levels,
        others=(),
        close=slide.close,
        fields=fields,
    )


def _micrometres(said: Mapping[str, str]) -> float | None:
    """Return the width of a pixel: MPP, or the field of the vendor, which is in nanometres in some files."""
    for place in ("MPP", "3dh_PixelSizeX"):
        value = number(said.get(f"ImageDescription/{place}", ""))
        for factor in (1, 1000):
            if value is not None and _NARROWEST <= value / factor <= _WIDEST:
                return value / factor
    return None


def _moment(said: Mapping[str, str]) -> dt.datetime | None:
    """Return the time of the scan, day first."""
    text = f"{said.get('ImageDescription/Date', '')} {said.get('ImageDescription/Time', '')}"
    try:
        return dt.datetime.strptime(text, "%d/%m/%Y %H:%M:%S")  # noqa: DTZ007 - the file knows no zone
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="histech_tiff",
    title="3DHISTECH TIFF export",
    suffixes=(".tif", ".tiff"),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG; others decoded without loss",
)
