"""Mikroscan TIFF (SL5): an ImageDescription laid out as Aperio's, under the name of Mikroscan."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from dicomanon.sources._fields import facts
from dicomanon.sources._peek import DESCRIPTION
from dicomanon.sources._pyramid import (
    fingerprint,
    icc_of,
    level_images,
    number,
    opened,
    other_images,
    square,
)
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor
    from dicomanon.sources._tiff import TiffSlide
    from dicomanon.sources._tiff_fields import Parts, Splitter

    Facts = Callable[[Mapping[str, str], Any, str], SlideMetadata]

_HEADER = b"Mikroscan Image Structure"
_SERIAL = " SERIAL #"
_MODEL = re.compile(r"SL[1-9]|SLx[A-Z]{1,6}|D[1-9]")
"""The key of the serial number begins with the model: what is no model stays a key of its own."""
_REDUCED, _MACRO = 1, 9


def _detect(peek: Peek) -> bool:
    # A file of theirs under the name of an SVS whose directories are lost is claimed as a damaged SVS.
    words = () if peek.suffix == ".svs" else (_HEADER,)
    return peek.claimed(marked=peek.text(DESCRIPTION).startswith(_HEADER), words=words)


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    return described_slide(slide, path, FORMAT.name, _parts, _metadata)


def described_slide(
    slide: TiffSlide, path: Path, name: str, splitter: Splitter, metadata: Facts
) -> SlideSource:
    """Return the slide of a TIFF whose pages say what they are in the second line of their ImageDescription.

    `metadata` is given the facts, the base page and the stem of the file name.
    """
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    roles: dict[str, list[Any]] = {}
    for page in slide.pages:
        roles.setdefault(_role(page), []).append(page)
    fields = tuple(tiff_fields(slide, {DESCRIPTION: splitter}))
    said = facts(name, fields)
    spacing = square(number(said.get("ImageDescription/MPP", "")))
    levels = level_images(slide, roles.get("VOLUME", []), spacing)
    base = max(roles["VOLUME"], key=lambda page: page.imagewidth)
    return SlideSource(
        format=name,
        fingerprint=fingerprint(slide.file, (base.description or "").encode("utf-8", "surrogateescape")),
        metadata=metadata(said, base, path.stem),
        levels=levels,
        others=other_images(slide, roles, spacing, (base.imagewidth, base.imagelength)),
        close=slide.close,
        fields=fields,
    )


def _role(page: Any) -> Flavor:
    """Return what a page is; what is not sure may show the label."""
    lines = (page.description or "").split("|")[0].splitlines()
    line = lines[1].strip().lower() if len(lines) > 1 else ""
    if line.startswith("label"):
        return "LABEL"
    if line.startswith("macro"):
        return "OVERVIEW"
    if page.is_tiled:
        return "VOLUME"
    if page.subfiletype in (_REDUCED, _MACRO):
        return "OVERVIEW" if page.subfiletype == _MACRO else "LABEL"
    return "THUMBNAIL" if "->" in line else "OVERVIEW"


def _parts(text: bytes) -> Parts:
    """Yield the parts of an ImageDescription, that of the serial number under one name for every model."""
    from dicomanon.sources._tiff_fields import piped  # heavy

    for name, start, stop in piped(text):
        known = name.endswith(_SERIAL) and _MODEL.fullmatch(name.removesuffix(_SERIAL))
        yield (_SERIAL.strip() if known else name), start, stop


def _metadata(said: Mapping[str, str], page: Any, stem: str) -> SlideMetadata:
    found = re.search(rf"\|\s*({_MODEL.pattern}){re.escape(_SERIAL)}\s*=", page.description or "")
    return SlideMetadata(
        manufacturer="Mikroscan",
        model=found[1] if found else "",
        serial=said.get("ImageDescription/SERIAL #", ""),
        acquired=_acquired(said),
        objective_power=number(said.get("ImageDescription/AppMag", "")),
        icc_profile=icc_of(page),
        barcode=said.get("ImageDescription/Barcode", ""),
        label_text=said.get("ImageDescription/Title", ""),
        name=stem,
    )


def _acquired(said: Mapping[str, str]) -> dt.datetime | None:
    """Return Date and Time: month first, year of two or four digits, no zone."""
    moment = f"{said.get('ImageDescription/Date', '')} {said.get('ImageDescription/Time', '')}"
    for year in ("%y", "%Y"):
        try:
            return dt.datetime.strptime(moment, f"%m/%d/{year} %H:%M:%S")  # noqa: DTZ007 - it knows no zone
        except ValueError:
            continue
    return None


FORMAT = SlideFormat(
    name="mikroscan",
    title="Mikroscan TIFF (SL5)",
    suffixes=(".tif", ".tiff"),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000",
    encoded="tiles in JPEG 2000 with subsampled colour",
)
