"""Which pages of a TIFF stay: levels and thumbnails of tissue. Whatever else there is may show the label, and goes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from dicomanon.errors import SlideError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.native.tiff import Directory, Tiff

Fate = Literal["stays", "unlinked", "blanked"]
"""A blanked page keeps its directory, because readers count on it, and shows nothing."""
_LABEL_WORD = re.compile(r"\b(label|macro|overview|barcode)", re.IGNORECASE)
_LEVEL = re.compile(r"\blevel\s*=\s*\d")
_ASPECT = 0.02
_WIDTH, _HEIGHT, _SUBFILE, _TILE_WIDTH, _TILE_HEIGHT, _TILES = 256, 257, 254, 322, 323, 324
_LENS = 65421
_LABEL, _MACRO = 1, 9
"""NewSubfileType, as Aperio writes it."""


def fates(format_name: str, tiff: Tiff) -> tuple[Fate, ...]:
    """Return what becomes of each page of the chain; raise SlideError where there is no image of tissue."""
    rule = _RULES[format_name]
    pages = tiff.directories
    base = max(pages, key=lambda page: (_is_tiled(page), _size(tiff, page)[0]))
    if format_name == "generic_tiff":
        base = pages[0]
    found = tuple(rule(tiff, number, page, base) for number, page in enumerate(pages))
    if "stays" not in found:
        raise SlideError("no page of the file is known to be an image of tissue")
    return found


def children_that_stay(format_name: str, tiff: Tiff, page: Directory) -> tuple[Directory, ...]:
    """Return the directories below a page, where all of them are what would stay of the chain; none otherwise.

    No format of a vendor has such directories: readers do not look for them, and they go.
    """
    if format_name != "generic_tiff":
        return ()
    return page.children if all(_of_generic(tiff, 1, each, page) == "stays" for each in page.children) else ()


def _is_tiled(page: Directory) -> bool:
    return _TILES in page.entries


def _size(tiff: Tiff, page: Directory) -> tuple[int, int]:
    return int(tiff.number(page, _WIDTH)), int(tiff.number(page, _HEIGHT))


def is_alike(tiff: Tiff, page: Directory, base: Directory, *, tiles: bool = False) -> bool:
    """Tell whether a page has the shape of the base, or a smaller one; `tiles`: as far as whole tiles let it."""
    width, height = _size(tiff, page)
    base_width, base_height = _size(tiff, base)
    if not (width and height and base_width and base_height) or width > base_width:
        return False
    alike = abs(width * base_height / (height * base_width) - 1)
    if alike < _ASPECT + 1 / width + 1 / height:
        return True
    if not tiles:
        return False
    factor = 1 << max(round(base_width / width).bit_length() - 1, 0)
    across, down = int(tiff.number(page, _TILE_WIDTH)), int(tiff.number(page, _TILE_HEIGHT))
    return any(
        0 <= width * each - base_width < 2 * across * each
        and 0 <= height * each - base_height < 2 * down * each
        for each in (factor, factor * 2)
    )


def is_called_label(tiff: Tiff, page: Directory) -> bool:
    """Tell whether the description of a page says that it shows a label."""
    return _LABEL_WORD.search(tiff.text(page).partition("|")[0]) is not None


def _of_aperio(tiff: Tiff, number: int, page: Directory, base: Directory) -> Fate:
    """By its own word and its type; a strip image in the shape of the tissue is its thumbnail."""
    if page is base:
        return "stays" if _is_tiled(page) else "unlinked"
    if is_called_label(tiff, page) or (number and int(tiff.number(page, _SUBFILE)) in (_LABEL, _MACRO)):
        return "unlinked"
    return "stays" if is_alike(tiff, page, base) else "unlinked"


def _of_generic(tiff: Tiff, _: int, page: Directory, base: Directory) -> Fate:
    if page is base:
        return "stays"
    if _LABEL_WORD.match(tiff.text(page).strip()):
        return "unlinked"
    return "stays" if is_alike(tiff, page, base) else "unlinked"


def _of_hamamatsu(tiff: Tiff, _: int, page: Directory, __: Directory) -> Fate:
    """By the lens: -1 is the macro, -2 a map that is made of it."""
    return "stays" if tiff.number(page, _LENS) > 0 else "unlinked"


def _of_philips(tiff: Tiff, number: int, page: Directory, base: Directory) -> Fate:
    """Levels are tiled and counted in whole tiles."""
    text = tiff.text(page).strip()
    if not _is_tiled(page) or (number and _LABEL_WORD.search(text[:64])):
        return "unlinked"
    return "stays" if page is base or is_alike(tiff, page, base, tiles=True) else "unlinked"


def _of_ventana(tiff: Tiff, _: int, page: Directory, base: Directory) -> Fate:
    """Readers count pages, and the first holds the label and the XMP that they need: nothing is unlinked."""
    text = tiff.text(page).strip()
    if _is_tiled(page) and _LEVEL.search(text):
        return "stays"
    if text.lower().startswith("thumbnail") and is_alike(tiff, page, base):
        return "stays"
    return "blanked"


_RULES: dict[str, Callable[[Tiff, int, Directory, Directory], Fate]] = {
    "aperio": _of_aperio,
    "generic_tiff": _of_generic,
    "hamamatsu": _of_hamamatsu,
    "philips": _of_philips,
    "ventana": _of_ventana,
}
TIFF_FORMATS = tuple(_RULES)
