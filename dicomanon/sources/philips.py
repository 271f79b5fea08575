"""Philips TIFF, exported from iSyntax: tiles in JPEG, with a DPUfsImport document in the first page."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _philips_xml
from dicomanon.sources._fields import facts
from dicomanon.sources._peek import DESCRIPTION
from dicomanon.sources._pyramid import fingerprint, icc_of, opened, other_images
from dicomanon.sources._slide import SlideFormat, SlideSource

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor, Image
    from dicomanon.sources._tiff import TiffSlide

    Spacing = tuple[float, float] | None
_PREFIX = "ImageDescription"
_LEVEL = re.compile(rb"level=(\d{1,2})(?: (?:mag|quality)=\d{1,4}){0,2}")
_SPACING = "DICOM_PIXEL_SPACING"
_SMALLEST = 24
"""Halvings of the smallest level: none could be that small."""


def _detect(peek: Peek) -> bool:
    return peek.claimed(
        marked=_philips_xml.MARK in peek.text(DESCRIPTION)[:4096], words=(_philips_xml.MARK, b"Philips DP v")
    )


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    said = _philips_xml.read_import(_description(slide, slide.pages[0]))
    may = facts(FORMAT.name, said.fields(_PREFIX))
    spacing = _philips_xml.spacing_of(may, f"{_PREFIX}/{_SPACING}")
    if spacing is None and said.levels:
        spacing = _philips_xml.spacing_of(said.levels[0], _SPACING)
    base = slide.pages[0]
    icc = icc_of(base) or _philips_xml.icc_profile(said)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, _description(slide, base)),
        metadata=_philips_xml.metadata(may, _PREFIX, icc, path.stem),
        levels=_levels(slide, said, spacing),
        others=_others(slide, said),
        close=slide.close,
        fields=tuple(_philips_xml.told(tiff_fields(slide, {DESCRIPTION: _parts}), FORMAT.name)),
    )


def _description(slide: TiffSlide, page: Any) -> bytes:
    tag = page.tags.get(DESCRIPTION)
    if tag is None or tag.count > slide.file.size:
        return b""
    return slide.file.read(tag.valueoffset, tag.count).rstrip(b"\0")


def _parts(text: bytes) -> Iterator[tuple[str, int, int]]:
    if text.lstrip().startswith(b"<"):
        yield from _philips_xml.parts(text, _PREFIX, FORMAT.name)
    elif _LEVEL.fullmatch(text.strip()):
        yield "level", 0, len(text)
    else:
        yield "", 0, len(text)


def _levels(slide: TiffSlide, said: _philips_xml.Import, spacing: Spacing) -> tuple[Image, ...]:
    """Return the levels in their true size: the tags of all but the first count whole tiles."""
    pages = [page for page in slide.pages if page.is_tiled]
    if not pages or pages[0] is not slide.pages[0]:
        raise CorruptSlideError("there is no image of tissue")
    found: dict[int, Image] = {}
    for position, page in enumerate(pages):
        factor = _factor(slide, page, position, said)
        if factor in found:
            raise CorruptSlideError("two levels are the same")
        found[factor] = _level(slide, page, pages[0], factor, spacing)
    return tuple(found[factor] for factor in sorted(found))


def _factor(slide: TiffSlide, page: Any, position: int, said: _philips_xml.Import) -> int:
    """Return how many times smaller than the first a level is: by its own word, by its spacing, by its place."""
    if not position:
        return 1
    match = _LEVEL.match(_description(slide, page))
    halvings = int(match[1]) if match else position
    if not match and position < len(said.levels):
        first, own = (_philips_xml.spacing_of(said.levels[at], _SPACING) for at in (0, position))
        if first is not None and own is not None:
            halvings = round(own[0] / first[0]).bit_length() - 1
    if not 0 < halvings <= _SMALLEST:
        raise CorruptSlideError("a level has a number that cannot be")
    return 1 << halvings


def _level(slide: TiffSlide, page: Any, base: Any, factor: int, spacing: Spacing) -> Image:
    from dicomanon.sources._tiff import page_image  # heavy

    # A tile that was not scanned has neither place nor length; either of them is enough.
    page.databytecounts = tuple(
        count if offset else 0 for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
    )
    own = None if spacing is None else (spacing[0] * factor, spacing[1] * factor)
    image = page_image(slide, page, "VOLUME", own, resampled=factor > 1)
    columns = min(image.columns, max(1, base.imagewidth // factor))
    rows = min(image.rows, max(1, base.imagelength // factor))
    for true, stored, tile in (
        (columns, image.columns, page.tilewidth),
        (rows, image.rows, page.tilelength),
    ):
        if -(-true // tile) != -(-stored // tile):
            raise CorruptSlideError("the size of a level does not follow from that of the first")
    return replace(image, columns=columns, rows=rows)


def _others(slide: TiffSlide, said: _philips_xml.Import) -> tuple[Image, ...]:
    """Return OVERVIEW and LABEL: the pages, or the pictures in the document where there is no page."""
    roles: dict[str, list[Any]] = {}
    for page in slide.pages:
        if not page.is_tiled:
            roles.setdefault(_role(_description(slide, page)), []).append(page)
    pages = {image.flavor: image for image in other_images(slide, roles, None, (1, 1))}
    flavors: tuple[Flavor, ...] = ("OVERVIEW", "LABEL")
    found = (pages.get(flavor) or _philips_xml.picture(said, flavor) for flavor in flavors)
    return tuple(image for image in found if image is not None)


def _role(description: bytes) -> str:
    """Return what a page without tiles is, nothing where it does not say; such pages are left out."""
    if _LEVEL.match(description):
        raise CorruptSlideError("a level has no tiles")
    if description.startswith(b"Label"):
        return "LABEL"
    return "OVERVIEW" if description.startswith(b"Macro") else ""


FORMAT = SlideFormat(
    name="philips",
    title="Philips TIFF",
    suffixes=(".tiff",),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG, label and macro",
    encoded="label or macro in progressive JPEG",
)
