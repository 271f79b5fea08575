"""The tags of an Olympus VSI: a tree of volumes beside the directories of the TIFF, in binary."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.sources._bytes import FileBytes

VOLUME_MAGIC = b"\x18\0IS"
"""Length of the header of a volume, and what marks it; the first one follows the header of the TIFF."""
COLLECTION, IMAGE, FRAME, STACK, DIMENSION, DIMENSION_PARTS, EXTERNAL = (
    2000,
    2001,
    2002,
    2005,
    2007,
    2008,
    2018,
)
BOUNDARY, SCALE, UNIT, STACK_NAME, STACK_TYPE, MEANING = 2053, 2019, 2020, 2030, 2074, 2023
Z_INCREMENT, EMISSION, EXCITATION, VALUE, VALUE_UNIT = 2013, 2417, 2474, 268435458, 268435456
FOLDER = 175122
_CHARS, _WHOLE, _UNSIGNED = 1, frozenset((5, 6, 14)), frozenset((6, 14))
_LONG, _DOUBLE = frozenset((7, 8, 17)), frozenset((10, 18))
_TEXT = frozenset((13, 8192, 8194))
_INTS = frozenset((256, 257, 258, 259, 267, 274, 275, 276, 277, 8195, 8199, 8200))
_DOUBLES = frozenset((260, 261, 262, 263, 268, 279, 280))
_NESTED = frozenset((0, 1, 2))
"""Extended types that are volumes themselves; those of what is none are below zero."""
DIRECTORY = -11
"""Type of what is a directory of the TIFF with its picture."""
_HEADER, _TAG = struct.Struct("<4sIqII"), struct.Struct("<IiII")
_DEEPEST, _MOST, _LONGEST = 48, 1_000_000, 1 << 24
NAMES = {
    11: "DocumentName",
    12: "DocumentPath",
    13: "DocumentNote",
    14: "DocumentTime",
    15: "DocumentAuthor",
    16: "DocumentCompany",
    17: "DocumentCreator",
    18: "CreatorMajorVersion",
    19: "CreatorMinorVersion",
    20: "CreatorSubVersion",
    21: "CreatorBuild",
    22: "CreatorPackage",
    23: "DocumentModified",
    34: "ProductName",
    35: "ProductVersion",
    50: "DocumentIdentifier",
    2015: "CreationTime",
    2020: "CalibrationUnit",
    2021: "DimensionName",
    STACK_NAME: "StackName",
    2055: "Specimen",
    2057: "Tissue",
    2058: "Preparation",
    2059: "Staining",
    2060: "SlideInfo",
    2061: "SlideName",
    2419: "ChannelName",
    120060: "ObjectiveMagnification",
    120061: "NumericalAperture",
    120063: "ObjectiveName",
    120065: "ObjectiveDescription",
    120079: "RefractiveIndex",
    120116: "DeviceName",
    120129: "DeviceUnit",
    120132: "DeviceModel",
    120133: "DeviceManufacturer",
    120635: "SlideBarcode",
    120637: "SlideNumber",
    120638: "TrayNumber",
    FOLDER: "StackFolder",
    VALUE_UNIT: "Units",
}
"""Names of tags whose values are words, times, or facts of a slide."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: its number and which of several it is, the type of its value and the bytes of it, or tags below it."""

    code: int
    second: int
    kind: int
    at: int
    size: int
    inline: bool
    below: tuple[Tag, ...]


def read_tags(file: FileBytes) -> tuple[Tag, ...]:
    """Read the tree of a file; raise CorruptSlideError where it is cut short or has no end."""
    left = [_MOST]
    return _volume(file, 8, 0, left)


def _volume(file: FileBytes, start: int, depth: int, left: list[int]) -> tuple[Tag, ...]:
    """Return the tags of a volume; `left` is how many the file may have still."""
    if depth > _DEEPEST or start + _HEADER.size > file.size:
        raise CorruptSlideError("the tags of the slide cannot be read")
    magic, _, first, flags, _ = _HEADER.unpack(file.read(start, _HEADER.size))
    if magic != VOLUME_MAGIC:
        raise CorruptSlideError("the tags of the slide cannot be read")
    found = []
    following = first
    for _ in range(flags & 0xFFFFFFF):
        at = start + following
        left[0] -= 1
        if following < _HEADER.size or left[0] < 0 or at + _TAG.size > file.size:
            raise CorruptSlideError("the tags of the slide cannot be read")
        tag, after = _tag(file, at, depth, left)
        if tag.code < 0:
            break
        found.append(tag)
        if not after:
            break
        if after <= following:
            raise CorruptSlideError("the tags of the slide have no end")
        following = after
    return tuple(found)


def _tag(file: FileBytes, at: int, depth: int, left: list[int]) -> tuple[Tag, int]:
    kind, code, following, size = _TAG.unpack(file.read(at, _TAG.size))
    data = at + _TAG.size
    second = -1
    if kind >> 27 & 1:
        (second,) = struct.unpack("<i", file.read(data, 4))
        data += 4
    extended, inline = kind >> 28 & 1, bool(kind >> 30 & 1)
    kind &= 0xFFFFFF
    if extended and kind in _NESTED and file.read(data, len(VOLUME_MAGIC)) == VOLUME_MAGIC:
        below = _volume(file, data, depth + 1, left)
        return Tag(code, second, kind, data, 0, inline=False, below=below), following
    if inline:
        return Tag(code, second, kind, data - 4, 4, inline=True, below=()), following
    if data + size > file.size:
        raise CorruptSlideError("the value of a tag lies beyond the end of the file")
    return Tag(code, second, -kind - 1 if extended else kind, data, size, inline=False, below=()), following


def every(tags: Iterable[Tag]) -> Iterator[Tag]:
    """Yield all tags of a tree, in order."""
    for tag in tags:
        yield tag
        yield from every(tag.below)


def under(tags: Iterable[Tag], *codes: int) -> Iterator[Tag]:
    """Yield the tags that lie behind a path of numbers."""
    for tag in tags:
        if tag.code == codes[0]:
            if len(codes) == 1:
                yield tag
            else:
                yield from under(tag.below, *codes[1:])


def numbers(file: FileBytes, tag: Tag) -> tuple[float, ...]:
    """Return the numbers of a value, none where it has none."""
    if tag.inline:
        return struct.unpack("<I" if tag.kind in _UNSIGNED else "<i", file.read(tag.at, 4))
    for kinds, layout, length in ((_WHOLE | _INTS, "i", 4), (_LONG, "q", 8), (_DOUBLE | _DOUBLES, "d", 8)):
        if tag.kind in kinds:
            count = min(tag.size // length, 64)
            return struct.unpack(f"<{count}{layout}", file.read(tag.at, count * length))
    return ()


def text(file: FileBytes, tag: Tag) -> tuple[str, int]:
    """Return a value as words, and how many bytes of it they take; empty where it has none."""
    if tag.inline or tag.size > _LONGEST or tag.kind not in (_TEXT | {_CHARS}):
        return "", 0
    raw = file.read(tag.at, tag.size)
    if tag.kind in _TEXT and not tag.size % 2:
        while raw.endswith(b"\0\0"):
            raw = raw[:-2]
        return raw.decode("utf-16-le", "replace"), len(raw)
    found = raw.decode("utf-8", "replace").rstrip("\0")
    return ("", 0) if "\0" in found or "\ufffd" in found else (found, len(found.encode()))
