"""PS3.6: VR, keyword and name of an attribute by its tag; repeating groups and group lengths included."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import NamedTuple

from dicomanon.standard.stored import load

GROUP_LENGTH = 0x0000
REPEATING = (0x5000, 0x6000)


class Entry(NamedTuple):
    """One line of the data dictionary; `keyword` and `name` are empty for a few retired attributes."""

    vrs: tuple[str, ...]
    keyword: str
    name: str
    vm: str
    retired: bool


MOST_REMEMBERED = 8192
"""More than PS3.6 has: what senders invent pushes out the oldest."""
_Line = tuple[str, str, str, str, str, int]
"""Tag, VRs, keyword, name, VM, and whether it is retired, as stored: few of the lines become an Entry in a run."""


@cache
def _dictionary() -> tuple[dict[int, _Line], dict[int, dict[int, _Line]]]:
    """Return lines by tag, and those with an x in their tag by mask and masked tag."""
    plain: dict[int, _Line] = {}
    masked: dict[int, dict[int, _Line]] = {}
    for line in load("dictionary")["rows"]:
        tag = line[0]
        if "x" in tag:
            mask = int("".join("0" if digit == "x" else "F" for digit in tag), 16)
            masked.setdefault(mask, {})[int(tag.replace("x", "0"), 16)] = line
        else:
            plain[int(tag, 16)] = line
    return plain, masked


def _entry(line: _Line) -> Entry:
    _, vrs, keyword, name, vm, retired = line
    return Entry(tuple(vrs.split(" ")), keyword, name, vm, retired == 1)


@cache
def _tags() -> dict[str, int]:
    plain, masked = _dictionary()
    found = {line[2]: tag for tag, line in plain.items()}
    for lines in masked.values():
        found.update((line[2], tag) for tag, line in lines.items())
    found.pop("", None)
    return found


_LENGTH = Entry(("UL",), "", "Group Length", "1", retired=True)
_CREATOR = Entry(("LO",), "", "Private Creator", "1", retired=False)


@lru_cache(maxsize=MOST_REMEMBERED)
def entry_for(tag: int) -> Entry | None:
    """Return the dictionary's line for `tag` (0xGGGGEEEE), or None for what PS3.6 does not know.

    Masks stand for even groups 5000-501E and 6000-601E, and for the element masks of retired attributes. Any
    (gggg,0000) is a group length and any (odd,0010-00FF) a private creator (PS3.5 7.2, 7.8).
    """
    plain, masked = _dictionary()
    line = plain.get(tag)
    if line is not None:
        return _entry(line)
    group, element = tag >> 16, tag & 0xFFFF
    if element == GROUP_LENGTH:
        return _LENGTH
    if group & 1:
        return _CREATOR if 0x10 <= element <= 0xFF else None
    if group & 0xFF00 in REPEATING and group & 0xFF > 0x1E:
        return None
    for mask, lines in masked.items():
        line = lines.get(tag & mask)
        if line is not None:
            return _entry(line)
    return None


def vrs_of(tag: int) -> tuple[str, ...]:
    """Return every VR PS3.6 allows for `tag`, most often one; none where the tag is unknown."""
    entry = entry_for(tag)
    return entry.vrs if entry else ()


def vr_of(tag: int) -> str | None:
    """Return the (first) VR of `tag`, or None where PS3.6 does not know it."""
    entry = entry_for(tag)
    return entry.vrs[0] if entry else None


def keyword_of(tag: int) -> str | None:
    """Return the keyword of `tag`, or None; all members of a repeating group share one."""
    entry = entry_for(tag)
    return entry.keyword or None if entry else None


def name_of(tag: int) -> str | None:
    """Return the name of `tag`, or None."""
    entry = entry_for(tag)
    return entry.name or None if entry else None


def tag_of(keyword: str) -> int | None:
    """Return the tag of `keyword`, or None; of a repeating group, its first member."""
    return _tags().get(keyword)
