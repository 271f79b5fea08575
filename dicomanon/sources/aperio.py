"""Aperio and Leica SVS: a TIFF with an ImageDescription in each page that begins with "Aperio"."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from dicomanon.sources._fields import facts
from dicomanon.sources._peek import DESCRIPTION
from dicomanon.sources._pyramid import (
    believed,
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
    from collections.abc import Mapping
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor
    from dicomanon.sources._tiff import TiffSlide

_SCANNERS = "AT2?|AT Turbo|CS[25O]?|FL|GLE?|GT ?(?:180|450)(?: ?DX)?|LV1|OS|T[23]|VERSA(?: 8| 200)?|XT[2e]?"
_MODEL = re.compile(rf"(?:Aperio )?(?:ScanScope|(?:ScanScope )?(?:{_SCANNERS}))", re.IGNORECASE)
_SOFTWARE = re.compile(
    rf"(?<!\w)Aperio (?:Image(?: Library)?|Leica Biosystems (?:{_SCANNERS}))"
    r" v(?:\d{1,2}(?:\.\d{1,3}){1,3}|FS\d\d \d\d)(?![\w.])"
)
"""Both texts can be set by hand, at the scanner or in the file: what is not known to be a product does not pass."""
_ZONE = re.compile(r"GMT([+-])(\d\d):?(\d\d)")
_REDUCED, _MACRO = 1, 9


def _detect(peek: Peek) -> bool:
    return peek.claimed(
        marked=peek.text(DESCRIPTION).startswith(b"Aperio"), words=(b"Aperio Image",), suffixes=(".svs",)
    )


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import piped, tiff_fields  # heavy

    roles: dict[str, list[Any]] = {}
    for index, page in enumerate(slide.pages):
        roles.setdefault(_role(index, page), []).append(page)
    roles = believed(roles)
    fields = tuple(tiff_fields(slide, {DESCRIPTION: piped}))
    said = facts(FORMAT.name, fields)
    spacing = square(number(said.get("ImageDescription/MPP", "")))
    levels = level_images(slide, roles.get("VOLUME", []), spacing)
    base = max(roles["VOLUME"], key=lambda page: page.imagewidth)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, (base.description or "").encode("utf-8", "surrogateescape")),
        metadata=_metadata(said, base, path.stem),
        levels=levels,
        others=other_images(slide, roles, spacing, (base.imagewidth, base.imagelength)),
        close=slide.close,
        fields=fields,
    )


def _role(number: int, page: Any) -> Flavor:
    """Return what a page is: by its own word, then by its subfile type, then by its place and layout."""
    lines = (page.description or "").split("|")[0].splitlines()
    word = lines[1].strip().split(" ")[0].lower() if len(lines) > 1 and lines[1].strip() else ""
    if word == "label":
        return "LABEL"
    if word == "macro":
        return "OVERVIEW"
    if number and page.subfiletype in (_REDUCED, _MACRO):
        return "OVERVIEW" if page.subfiletype == _MACRO else "LABEL"
    return "VOLUME" if page.is_tiled else "THUMBNAIL"


def _metadata(said: Mapping[str, str], page: Any, stem: str) -> SlideMetadata:
    header = said.get("ImageDescription", "")
    serial = said.get("ImageDescription/ScanScope ID", "")
    return SlideMetadata(
        manufacturer="Leica Biosystems" if "Leica" in header else "Aperio",
        model=_model(header, said.get("ImageDescription/ScannerType", ""), serial),
        serial=serial,
        software=_software(header),
        acquired=_acquired(said) or _parsed(said.get("DateTime", ""), "%Y:%m:%d %H:%M:%S"),
        objective_power=number(said.get("ImageDescription/AppMag", "")),
        icc_profile=icc_of(page),
        barcode=said.get("ImageDescription/Barcode", ""),
        label_text=said.get("ImageDescription/Title", ""),
        name=stem,
    )


def _model(header: str, scanner_type: str, serial: str) -> str:
    """Return the model of the scanner if it is a known one, as far as the file says."""
    if _MODEL.fullmatch(scanner_type):
        return scanner_type
    for model in ("GT450 DX", "GT450"):
        if model in header:
            return model
    return "ScanScope" if serial else ""


def _software(header: str) -> tuple[str, ...]:
    """Return names and versions of known programs in the header line, and nothing else of that line."""
    return tuple(dict.fromkeys(match.group() for match in _SOFTWARE.finditer(header)))


def _acquired(said: Mapping[str, str]) -> dt.datetime | None:
    """Return Date and Time (month first, year of two or four digits), with Time Zone where it is given."""
    date, time = said.get("ImageDescription/Date", ""), said.get("ImageDescription/Time", "")
    zone = _ZONE.fullmatch(said.get("ImageDescription/Time Zone", ""))
    offset = ""
    if zone is not None:
        offset = "".join(zone.groups())
    for year in ("%Y", "%y"):
        moment = _parsed(f"{date} {time}{offset}", f"%m/%d/{year} %H:%M:%S{'%z' if offset else ''}")
        if moment is not None:
            return moment
    return None


def _parsed(text: str, layout: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, layout)  # noqa: DTZ007 - the file may not know its zone
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="aperio",
    title="Aperio and Leica SVS (AT2, GT450)",
    suffixes=(".svs",),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000",
    encoded="tiles in JPEG 2000 with subsampled colour",
)
