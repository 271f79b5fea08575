"""Which files of a folder are of one slide: those of one series that are whole-slide images (PS3.3 A.32.8).

Of each file only as much is read as it takes to know its series; a folder is looked through once.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, get_args

from dicomanon.errors import CorruptSlideError, InstanceError
from dicomanon.part10.elements import CutShortError, read_header
from dicomanon.part10.encoding import (
    DEFLATED,
    EXPLICIT_LE,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    UNDEFINED,
    encoding_of,
)
from dicomanon.part10.index import Entry, index
from dicomanon.part10.read import read_instance
from dicomanon.sources._slide import Flavor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
IMAGE_TYPE, SOP_CLASS, SERIES = 0x00080008, 0x00080016, 0x0020000E
_META_CLASS, _META_SYNTAX = 0x00020002, 0x00020010
_FRONT, _MOST = 1 << 16, 1 << 26
_MOST_FILES = 4096


class Container(NamedTuple):
    """What stands in front of a data set: SOP Class and transfer syntax, empty where it does not say; its length."""

    sop_class: str
    syntax: str
    length: int


def container(front: bytes) -> Container | None:
    """Return what the container of a file says, None where the front of a file is none of DICOM's."""
    at = 132 if front[128:132] == b"DICM" else 0
    said = {}
    try:
        while front[at : at + 2] == b"\x02\x00":
            tag, _, value, length = read_header(front, at, EXPLICIT_LE)
            if length == UNDEFINED or value + length > len(front):
                return None
            said[tag] = front[value : value + length].decode("ascii", "replace").strip(" \0")
            at = value + length
    except InstanceError:
        return None
    syntax = said.get(_META_SYNTAX, "")
    if not at or not syntax:
        syntax = _guessed(front[at : at + 6])
    return Container(said.get(_META_CLASS, ""), syntax, at) if syntax else None


def _guessed(first: bytes) -> str:
    """Return the transfer syntax of a data set that begins with group 0008 and says nothing, as most do."""
    if first[:2] != b"\x08\x00":
        return ""
    has_vr = first[4:6] in SHORT_VRS or first[4:6] in LONG_VRS
    return EXPLICIT_LITTLE if has_vr else IMPLICIT_LITTLE


def is_whole_slide(front: bytes) -> bool:
    """Tell whether the front of a file is that of a whole-slide image."""
    said = container(front)
    if said is None:
        return False
    if said.sop_class:
        return said.sop_class == WHOLE_SLIDE
    try:
        entries, _ = _entries(front, said)
    except InstanceError:
        return False
    return _text(front, entries, SOP_CLASS) == WHOLE_SLIDE


def _entries(data: bytes, said: Container) -> tuple[list[Entry], bool]:
    """Return the elements that are wholly in the front of a file, and whether there is nothing more to come of them."""
    entries: list[Entry] = []
    try:
        _, ended = index(data, said.length, encoding_of(said.syntax), entries)
    except CutShortError:
        ended = False
    return entries, ended


def _text(data: bytes, entries: Iterable[Entry], tag: int) -> str:
    for entry in entries:
        if entry.tag == tag and entry.length is not None:
            return data[entry.value : entry.next].decode("ascii", "replace").strip(" \0")
    return ""


def flavor_of(image_type: str) -> Flavor | None:
    """Return the flavour that Image Type tells, None where it is none that a slide has."""
    values = [each.strip(" \0").upper() for each in image_type.split("\\")]
    return next((each for each in get_args(Flavor) if values[2:3] == [each]), None)


def series_of(path: Path) -> str:
    """Return the series of a whole-slide image of a known flavour, nothing where the file is none or is damaged."""
    try:
        with io.FileIO(path) as file:
            size = _FRONT
            while True:
                file.seek(0)
                data = file.read(size) or b""
                said = container(data)
                if said is None or not is_whole_slide(data):
                    return ""
                if said.syntax == DEFLATED:
                    file.seek(0)
                    instance = read_instance(file)
                    data, entries, ended = instance.header, instance.entries or [], True
                else:
                    entries, ended = _entries(data, said)
                if ended or len(data) < size or size > _MOST or (entries and entries[-1].tag > SERIES):
                    known = flavor_of(_text(data, entries, IMAGE_TYPE)) is not None
                    return _text(data, entries, SERIES) if known else ""
                size *= 4
    except (InstanceError, OSError):
        return ""


def members(path: Path) -> tuple[Path, ...]:
    """Return the files of the slide that a file belongs to, in the order of their names.

    Raises CorruptSlideError where the folder cannot be read or there are too many.
    """
    series = series_of(path)
    if not series:
        return (path,)
    try:
        found = _folder(path.parent.resolve(), path.parent.stat().st_mtime_ns).get(series, ())
    except OSError as error:
        raise CorruptSlideError(f"the folder of the slide cannot be read ({error.strerror})") from None
    if len(found) > _MOST_FILES:
        raise CorruptSlideError("the series has more files than a slide can have")
    names = {*found, path.name}
    return tuple(path.parent / name for name in sorted(names))


@lru_cache(maxsize=64)
def _folder(folder: Path, _changed: int) -> dict[str, tuple[str, ...]]:
    """Return the names of files by their series."""
    found: dict[str, list[str]] = {}
    for each in sorted(folder.iterdir()):
        if each.is_file():
            series = series_of(each)
            if series:
                found.setdefault(series, []).append(each.name)
    return {series: tuple(names) for series, names in found.items()}
