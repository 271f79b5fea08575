"""The files of an OME-TIFF that is several: each says in its XML which they are, and any of them opens all."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from dicomanon.errors import SlideError
from dicomanon.sources._peek import DESCRIPTION

if TYPE_CHECKING:
    from pathlib import Path

COMPANION = "a companion file of OME (.companion.ome)"
UNSAFE = re.compile(r".*[/\\:\0].*|\.{1,2}", re.DOTALL)
"""Names of files that are not beside the slide."""
MOST_FILES = 256
_NAMED = re.compile(rb"<(?:\w+:)?UUID\s[^>]*?FileName\s*=\s*(?:\"([^\"]*)\"|'([^']*)')")


def members(path: Path) -> tuple[Path, ...]:
    """Return the files of the set that a file is of, in the order of their names: those that name each other."""
    own = _named_in(path)
    found = {path.name}
    for name in sorted(own)[:MOST_FILES]:
        other = path.parent / name
        if name != path.name and path.name in _named_in(other):
            found.add(name)
    return tuple(path.parent / name for name in sorted(found))


def _named_in(path: Path) -> frozenset[str]:
    try:
        return _names(path, path.stat().st_mtime_ns)
    except OSError:
        return frozenset()


@lru_cache(maxsize=1024)
def _names(path: Path, _changed: int) -> frozenset[str]:
    """Return the names of files that the XML of a file has; none where it has no XML, or is damaged."""
    from dicomanon.sources._tiff import open_tiff  # heavy
    from dicomanon.sources._xml import LARGEST  # heavy

    try:
        slide = open_tiff(path)
    except SlideError:
        return frozenset()
    try:
        tag = slide.pages[0].tags.get(DESCRIPTION) if slide.pages else None
        if tag is None or tag.count > LARGEST:
            return frozenset()
        text = slide.file.read(tag.valueoffset, tag.count)
    except SlideError:
        return frozenset()
    finally:
        slide.close()
    names = (b"".join(each).decode("utf-8", "replace") for each in _NAMED.findall(text))
    return frozenset(name for name in names if name and not UNSAFE.fullmatch(name))
