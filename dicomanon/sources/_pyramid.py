"""What the drivers of TIFF formats share: pages in their roles to the images of a slide."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._slide import Flavor, Image, SlideSource
    from dicomanon.sources._tiff import TiffSlide

    Spacing = tuple[float, float] | None
_PEEK = 1 << 20
_ASPECT = 0.02
_GLASS = re.compile(r"(?<![a-z])(?:label|macro|overview|barcode)(?![a-z])", re.IGNORECASE)
"""What pages that show the glass are called."""
_SAMPLES, _SAMPLE = 64, 1 << 10
"""How many pieces of the middle are looked at, and their bytes."""
_ICC_PROFILE = 34675


def opened(path: Path, source: Callable[[TiffSlide, Path], SlideSource]) -> SlideSource:
    """Open a TIFF and make a slide of it; whatever is wrong, nothing stays open, and the error is one of ours."""
    from dicomanon.sources._tiff import DAMAGE, open_tiff  # heavy

    slide = open_tiff(path)
    try:
        return source(slide, path)
    except DAMAGE:
        slide.close()
        raise CorruptSlideError("the TIFF pages contradict themselves") from None
    except SlideError:
        slide.close()
        raise


def level_images(
    slide: TiffSlide, pages: Sequence[Any], spacing: Spacing, *, scene: int = 0
) -> tuple[Image, ...]:
    """Return pages as the levels of a pyramid, the largest first; `spacing` is that of the largest.

    Raises CorruptSlideError where there is none, SlideError where two are of one size.
    """
    from dicomanon.sources._tiff import page_image  # heavy

    levels = sorted(pages, key=lambda page: -page.imagewidth)
    if not levels:
        raise CorruptSlideError("there is no image of tissue")
    sizes = [(page.imagewidth, page.imagelength) for page in levels]
    if len(set(sizes)) != len(sizes):
        raise SlideError("two levels have the same size, as focal planes would have that nobody names")
    return tuple(
        page_image(
            slide,
            page,
            "VOLUME",
            smaller(spacing, sizes[0], sizes[number]),
            resampled=number > 0,
            scene=scene,
        )
        for number, page in enumerate(levels)
    )


def smaller(spacing: Spacing, base: tuple[int, int], size: tuple[int, int]) -> Spacing:
    """Return mm between rows and columns of a level; it is a whole number of times smaller, rounded down."""
    if spacing is None:
        return None
    factor = round(base[0] / size[0])
    if factor and all(abs(small * factor - large) <= factor for small, large in zip(size, base, strict=True)):
        return spacing[0] * factor, spacing[1] * factor
    return spacing[0] * base[1] / size[1], spacing[1] * base[0] / size[0]


def alike(page: Any, base: Any) -> bool:
    """Tell whether a page has the proportions of the largest level: a picture of the whole glass has not."""
    if not (page.imagewidth and page.imagelength and base.imagewidth and base.imagelength):
        return True
    ratio = page.imagewidth * base.imagelength / (page.imagelength * base.imagewidth)
    rounding = 1 / page.imagewidth + 1 / page.imagelength
    return bool(abs(ratio - 1) < _ASPECT + rounding)


def believed(roles: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return pages in their roles, none as tissue that calls itself a label or has other proportions than the base.

    Raises SlideError where the largest level calls itself label or macro.
    """
    found: dict[str, list[Any]] = {role: [] for role in ("VOLUME", "THUMBNAIL", "OVERVIEW", "LABEL")}
    doubted: list[tuple[str, Any]] = []
    tissue = roles.get("VOLUME", [])
    base = max(tissue, key=lambda page: page.imagewidth * page.imagelength, default=None)
    for role, pages in roles.items():
        for page in pages:
            word = _GLASS.search(" ".join(_words(page)))
            if role in ("VOLUME", "THUMBNAIL") and word and page is base:
                raise SlideError("the largest image calls itself a label or a macro")
            if role in ("VOLUME", "THUMBNAIL") and word:
                doubted.append(("LABEL" if word[0].lower().startswith("label") else "OVERVIEW", page))
            elif role in ("VOLUME", "THUMBNAIL") and base is not None and not alike(page, base):
                doubted.append(("OVERVIEW", page))
            else:
                found[role].append(page)
    for role, page in doubted:
        if not found[role]:  # one of each is carried: where there is a real one, what is doubted is left out
            found[role].append(page)
    return found


def _words(page: Any) -> list[str]:
    """Return what a page calls itself: the first lines of its description, without fields, and its name."""
    lines = (page.description or "").split("|")[0].splitlines()[:2]
    name = page.tags.get(285)
    return [*(line[:200] for line in lines), str(name.value)[:200] if name is not None else ""]


def other_images(
    slide: TiffSlide, roles: dict[str, list[Any]], thumbnail: Spacing, base: tuple[int, int]
) -> tuple[Image, ...]:
    """Return THUMBNAIL, OVERVIEW and LABEL, one of each at most; `thumbnail` is the spacing of the base level."""
    from dicomanon.sources._tiff import page_image  # heavy

    found: list[Image] = []
    flavors: tuple[Flavor, ...] = ("THUMBNAIL", "OVERVIEW", "LABEL")
    for flavor in flavors:
        pages = roles.get(flavor, [])
        if len(pages) > 1:
            raise CorruptSlideError(f"there is more than one {flavor}")
        for page in pages:
            size = (page.imagewidth, page.imagelength)
            is_small = flavor == "THUMBNAIL"
            spacing = smaller(thumbnail, base, size) if is_small else None
            found.append(page_image(slide, page, flavor, spacing, resampled=is_small))
    return tuple(found)


def fingerprint(file: FileBytes, *more: bytes) -> bytes:
    """Digest the size, both ends, samples of the middle and the texts of a file."""
    digest = hashlib.sha256(file.size.to_bytes(8, "big"))
    peek = min(_PEEK, file.size)
    for offset in (0, file.size - peek):
        digest.update(file.read(offset, peek))
    step = max(1, file.size // _SAMPLES)
    for offset in range(step, file.size - _SAMPLE, step):
        digest.update(file.read(offset, _SAMPLE))
    for part in more:
        digest.update(part)
    return digest.digest()


def icc_of(page: Any) -> bytes | None:
    """Return the ICC profile of a page, where it has a sound one."""
    tag = page.tags.get(_ICC_PROFILE)
    profile = bytes(tag.value) if tag is not None and isinstance(tag.value, bytes) else b""
    return profile if profile[36:40] == b"acsp" else None


def number(text: str) -> float | None:
    """Return a text as a number greater than 0, None where it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < 1e6 else None


def square(micrometres: float | None) -> Spacing:
    """Return spacing in mm of pixels as wide as high."""
    return None if micrometres is None else (micrometres / 1000, micrometres / 1000)
