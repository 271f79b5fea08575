"""Huron TissueScope TIFF: lines `Key = Value` in the first ImageDescription, made by Huron."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from dicomanon.sources._fields import Field, facts
from dicomanon.sources._peek import DESCRIPTION, MAKE
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
from dicomanon.sources.generic_tiff import resolution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._pyramid import Spacing
    from dicomanon.sources._slide import Flavor
    from dicomanon.sources._tiff import TiffSlide
    from dicomanon.sources._tiff_fields import Parts

_SIZE, _RESOLUTION = b"Image Dimensions =", b"Resolution ="
_MODEL = re.compile(r"(?:TissueScope[ -]?)?(?:LE(?:120)?|iQ|PE|HS|4000)|TissueScope")
_SOFTWARE = re.compile(
    r"(?:MACROscan|TissueScope)(?: (?:LE|HS|PE|iQ)\d?(?:\.\d)?)? v\d{1,2}(?:\.\d{1,4}){1,3}"
)
"""The tags may hold the number of one scanner: what is not known to be a product does not pass."""
_MICROMETRES = re.compile(r"(\d+(?:\.\d+)?) ?(?:um|µm|microns?)", re.IGNORECASE)
_WORDS: Mapping[str, Flavor] = {"label": "LABEL", "macro": "OVERVIEW", "thumbnail": "THUMBNAIL"}
_REDUCED, _MACRO = 1, 9
_ROUNDING = 0.02
_ASPECT = 0.02


def _detect(peek: Peek) -> bool:
    text = peek.text(DESCRIPTION)
    marked = peek.text(MAKE).startswith(b"Huron") or (_SIZE in text and _RESOLUTION in text)
    # They are also sold as SVS, and are then described as such.
    marked = marked and not text.startswith(b"Aperio")
    words = () if peek.suffix == ".svs" else (b"Huron Digital Pathology", _SIZE)
    return peek.claimed(marked=marked, words=words)


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    base = slide.pages[0]
    roles: dict[str, list[Any]] = {}
    for index, page in enumerate(slide.pages):
        roles.setdefault(_role(index, page, slide.pages), []).append(page)
    fields = tuple(_with_barcode(tiff_fields(slide, {DESCRIPTION: _parts})))
    said = facts(FORMAT.name, fields)
    spacing = _spacing(said, base)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, (base.description or "").encode("utf-8", "surrogateescape")),
        metadata=_metadata(said, base, path.stem),
        levels=level_images(slide, roles.get("VOLUME", []), spacing),
        others=other_images(slide, roles, spacing, (base.imagewidth, base.imagelength)),
        close=slide.close,
        fields=fields,
    )


def _parts(text: bytes) -> Parts:
    from dicomanon.sources._tiff_fields import lines  # heavy

    return lines(text, ends=rb"[\r\n]+")


def _role(number: int, page: Any, pages: Sequence[Any]) -> Flavor:
    """Return what a page is: by its own word, its subfile type, its place; what is not sure may show the label."""
    word = _WORDS.get((page.description or "").strip().lower())
    if page.is_tiled:
        return "VOLUME"
    if word is not None:
        return word
    if number == 1 and _alike(page, pages[0]):
        others = [each for each in pages[2:] if not each.is_tiled and each.subfiletype == page.subfiletype]
        if page.subfiletype not in (_REDUCED, _MACRO) or others:
            return "THUMBNAIL"
    return "LABEL" if page.subfiletype == _REDUCED else "OVERVIEW"


def _alike(page: Any, base: Any) -> bool:
    """Whether a page has the proportions of the base, which a picture of the whole glass has not."""
    sizes = (page.imagewidth, page.imagelength, base.imagewidth, base.imagelength)
    if not all(sizes):
        return False
    proportion = sizes[0] * sizes[3] / (sizes[1] * sizes[2])
    return bool(abs(proportion - 1) < _ASPECT + 1 / sizes[0] + 1 / sizes[1])


def _with_barcode(fields: Iterator[Field]) -> Iterator[Field]:
    """Yield the fields, and behind a barcode in base64 what it says."""
    for each in fields:
        yield each
        if each.place == "ImageDescription/Barcode" and (plain := _plain(each.value)):
            yield Field("ImageDescription/Barcode/plain", plain, each.offset)


def _plain(text: str) -> str:
    try:
        found = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return found if found.isprintable() else ""


def _spacing(said: Mapping[str, str], page: Any) -> Spacing:
    """Return what the description says; the tags say it with more digits, where they say the same."""
    match = _MICROMETRES.fullmatch(said.get("ImageDescription/Resolution", ""))
    written = square(number(match[1]) if match else None)
    tagged = resolution(page)
    if written is None or tagged is None:
        return written or tagged
    near = all(abs(each / written[0] - 1) < _ROUNDING for each in tagged)
    return tagged if near else written


def _metadata(said: Mapping[str, str], page: Any, stem: str) -> SlideMetadata:
    model, software = said.get("Model", ""), said.get("Software", "")
    written = said.get("ImageDescription/Barcode", "")
    return SlideMetadata(
        manufacturer="Huron Digital Pathology",
        model=model if _MODEL.fullmatch(model) else "",
        serial=said.get("ImageDescription/DeviceID", ""),
        software=(software,) if _SOFTWARE.fullmatch(software) else (),
        acquired=_moment(said.get("ImageDescription/Scan Started", "")) or _moment(said.get("DateTime", "")),
        icc_profile=icc_of(page),
        barcode=said.get("ImageDescription/Barcode/plain", written),
        name=stem,
    )


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 - the file knows no zone
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="huron",
    title="Huron TissueScope TIFF",
    suffixes=(".tif", ".tiff"),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000; others decoded without loss",
    encoded="tiles in JPEG 2000 with subsampled colour",
)
