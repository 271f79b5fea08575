"""Vendor slides: a module here without an underscore is a format, and ends in `FORMAT = SlideFormat(...)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from dicomanon.errors import AmbiguousSlideError, UnknownSlideError
from dicomanon.sources._slide import Flavor, Lossy, SlideFormat, SlideImage, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Flavor",
    "Lossy",
    "SlideFormat",
    "SlideImage",
    "SlideMetadata",
    "SlideSource",
    "formats",
    "looks_like_slide",
    "open_slide",
]


SLIDE_SUFFIXES = frozenset(
    (
        *(".bif", ".czi", ".isyntax", ".mrxs", ".ndpi", ".qptiff", ".scn", ".svs", ".svslide"),
        *(".vms", ".vmu", ".vsi"),
    )
)
"""File names of whole slides, read here or not."""
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def looks_like_slide(path: Path) -> bool:
    """Tell whether a file that no format claims may be a slide all the same: by its name, or because it is a TIFF."""
    if path.suffix.lower() in SLIDE_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            return file.read(4) in TIFF_MAGIC
    except OSError:
        return False


def formats() -> tuple[SlideFormat, ...]:
    """Return every format of this package, in the order of their names."""
    import pkgutil  # half the import time of this package

    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    found = (importlib.import_module(f"{__name__}.{name}").FORMAT for name in names)
    return tuple(record for record in found if isinstance(record, SlideFormat))


def open_slide(path: Path) -> SlideSource:
    """Open the slide at `path` with the one format that claims it.

    Raises UnknownSlideError, AmbiguousSlideError, CorruptSlideError; SlideError for what is sound and not
    supported. No message carries the file name or a value: file names hold patients' names.
    """
    claims = [record for record in formats() if _claims(record, path)]
    if not claims:
        raise UnknownSlideError("no slide format claims the file")
    if len(claims) > 1:
        raise AmbiguousSlideError(
            "more than one format claims the file: " + ", ".join(c.name for c in claims)
        )
    return claims[0].open(path)


def _claims(record: SlideFormat, path: Path) -> bool:
    try:
        return record.detect(path)
    except OSError as error:
        raise UnknownSlideError(f"the file cannot be read ({error.strerror})") from None
