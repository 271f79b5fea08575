"""TIFF of no vendor: a pyramid of tiles, or one flat image; what it is not sure of is no tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._pyramid import believed, fingerprint, icc_of, level_images, opened, other_images
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._tiff import TiffSlide

_UNITS = {2: 25.4, 3: 10.0}
"""Millimetres of the units of TIFF tag 296: inch and centimetre."""
_WIDEST = 0.05
"""Millimetres: what says that pixels are wider gives the resolution of a printer, not of a microscope."""
_ASPECT = 0.02
_WORDS = {"label": "LABEL", "macro": "OVERVIEW", "overview": "OVERVIEW", "thumbnail": "THUMBNAIL"}


def _detect(peek: Peek) -> bool:
    return peek.is_tiff


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    base = slide.pages[0]
    roles: dict[str, list[Any]] = {"VOLUME": [base]}
    for page in slide.pages[1:]:
        roles.setdefault(_role(page, base), []).append(page)
    roles = believed(roles)
    spacing = resolution(base)
    levels = level_images(slide, roles["VOLUME"], spacing)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file),
        metadata=SlideMetadata(icc_profile=icc_of(base), name=path.stem),
        levels=levels,
        others=other_images(slide, roles, spacing, (base.imagewidth, base.imagelength)),
        close=slide.close,
        fields=tuple(tiff_fields(slide)),
    )


def _role(page: Any, base: Any) -> str:
    """Return what a page is: by its own word, then by its shape; raise SlideError where it may be anything."""
    word = _WORDS.get((page.description or "").strip().lower())
    if word is not None:
        return word
    if not (page.imagewidth and page.imagelength):
        raise CorruptSlideError("a page has no size")
    if (page.imagewidth, page.imagelength) == (base.imagewidth, base.imagelength):
        raise SlideError("pages have the same size: planes, channels or time points that nobody names")
    alike = page.imagewidth * base.imagelength / (page.imagelength * base.imagewidth)
    rounding = 1 / page.imagewidth + 1 / page.imagelength
    if page.imagewidth < base.imagewidth and abs(alike - 1) < _ASPECT + rounding:
        return "VOLUME"
    return "OVERVIEW"


def resolution(page: Any) -> tuple[float, float] | None:
    """Return mm between rows and columns as the tags of a page say, None where they do not, or say what cannot be."""
    unit = _UNITS.get(int(page.tags[296].value) if 296 in page.tags else 2)
    found = []
    for code in (283, 282):
        tag = page.tags.get(code)
        value = tag.value if tag is not None else (0, 1)
        above, below = value if isinstance(value, tuple) else (value, 1)
        found.append(unit * below / above if unit and above and below else 0)
    return (found[0], found[1]) if all(0 < each < _WIDEST for each in found) else None


FORMAT = SlideFormat(
    name="generic_tiff",
    title="TIFF, pyramidal or flat",
    suffixes=(".tif", ".tiff", ".btf", ".tf8"),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000; others decoded without loss",
    encoded="strips, 16 bits, pages on their side",
    fallback=True,
)
