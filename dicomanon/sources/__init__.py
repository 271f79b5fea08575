"""Vendor slides: a module here without an underscore is a format, and ends in `FORMAT = SlideFormat(...)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from dicomanon.errors import AmbiguousSlideError, SlideError, UnknownSlideError
from dicomanon.sources._dicom_set import (
    identifiers,
    inner,
    item_of,
    text_of,
    value_of,
    values_of,
    with_elements,
)
from dicomanon.sources._fields import Field, Row, catalogue, row_of
from dicomanon.sources._peek import peek
from dicomanon.sources._pieces import PiecedFrames, pieces_of
from dicomanon.sources._pyramid import smaller
from dicomanon.sources._slide import (
    DataSet,
    Flavor,
    Frames,
    Image,
    Lossy,
    OpticalPath,
    Part,
    PixelImage,
    Region,
    Shape,
    SlideFormat,
    SlideImage,
    SlideMetadata,
    SlideSource,
)

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources._peek import Peek

__all__ = [
    "DataSet",
    "Field",
    "Flavor",
    "Frames",
    "Image",
    "Lossy",
    "OpticalPath",
    "Part",
    "PiecedFrames",
    "PixelImage",
    "Region",
    "Row",
    "Shape",
    "SlideFormat",
    "SlideImage",
    "SlideMetadata",
    "SlideSource",
    "catalogue",
    "claims",
    "formats",
    "identifiers",
    "inner",
    "item_of",
    "looks_like_slide",
    "members",
    "open_slide",
    "pieces_of",
    "row_of",
    "smaller",
    "text_of",
    "value_of",
    "values_of",
    "with_elements",
]


def formats() -> tuple[SlideFormat, ...]:
    """Return every format of this package, in the order of their names."""
    import pkgutil  # half the import time of this package

    names = sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )
    found = (importlib.import_module(f"{__name__}.{name}").FORMAT for name in names)
    return tuple(record for record in found if isinstance(record, SlideFormat))


def claims(path: Path) -> tuple[SlideFormat, ...]:
    """Return the formats that claim a file: those of a vendor, or else those for files of any; raise OSError."""
    glance = peek(path)
    every = formats()
    own = _claiming(every, glance, fallback=False)
    return own or _claiming(every, glance, fallback=True)


def _claiming(every: tuple[SlideFormat, ...], glance: Peek, *, fallback: bool) -> tuple[SlideFormat, ...]:
    return tuple(each for each in every if each.fallback == fallback and each.detect(glance))


def members(path: Path) -> tuple[Path, ...]:
    """Return every file of the slide that a file belongs to and could stand for; itself, where that is all.

    Raises SlideError where the others cannot be looked for.
    """
    try:
        found = (each.members for each in claims(path) if each.members is not None)
        return next((every(path) for every in found), (path,))
    except OSError:
        return (path,)


def _unknown(path: Path) -> str:
    if peek(path).front[128:132] == b"DICM":
        return "this is DICOM, but no whole-slide image: `dicomanon deid` takes it"
    return "no slide format claims the file; `dicomanon formats` lists them"


def looks_like_slide(path: Path) -> bool:
    """Tell whether a file that no format claims has the name of a slide all the same."""
    every = formats()
    shared = (each for each in every if each.fallback or each.named_only or each.is_dicom)
    common = {suffix for each in shared for suffix in each.suffixes}
    suffix = path.suffix.lower()
    return suffix not in common and any(suffix in each.suffixes for each in every)


def open_slide(path: Path, *, named: bool = True) -> SlideSource:
    """Open the slide at `path` with the one format that claims it; `named` tells that somebody asked for this file.

    Raises UnknownSlideError, AmbiguousSlideError, CorruptSlideError; SlideError for what is sound and not
    supported, or needs a module that is not installed. No message carries the file name or a value: file names hold
    patients' names.
    """
    try:
        claimed = claims(path)
    except OSError as error:
        raise UnknownSlideError(f"the file cannot be read ({error.strerror})") from None
    if not claimed:
        raise UnknownSlideError(_unknown(path))
    if len(claimed) > 1:
        raise AmbiguousSlideError(
            "more than one format claims the file: " + ", ".join(each.name for each in claimed)
        )
    only = claimed[0]
    if only.named_only and not named:
        raise UnknownSlideError("a picture, and no slide unless it is named itself")
    if only.missing:
        raise SlideError(
            f"{only.title} needs {' and '.join(only.missing)}: pip install 'dicomanon[{only.extra}]'"
        )
    return only.open(path)
