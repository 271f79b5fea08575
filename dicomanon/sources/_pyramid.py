"""What the drivers of TIFF formats share: pages in their roles to the images of a slide."""

from __future__ import annotations

import hashlib
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
    """Digest the size, both ends and the texts of a file: the middle is tiles that these tell apart."""
    digest = hashlib.sha256(file.size.to_bytes(8, "big"))
    peek = min(_PEEK, file.size)
    for offset in (0, file.size - peek):
        digest.update(file.read(offset, peek))
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
