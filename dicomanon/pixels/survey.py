"""A pyramid looked at once, on the level that is just fine enough, for all of its levels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from dicomanon.pixels.clean import found_in
from dicomanon.pixels.frames import index_frames
from dicomanon.pixels.header import Header
from dicomanon.pixels.layout import TOTAL_COLUMNS, TOTAL_ROWS, plane_of
from dicomanon.pixels.level import LEAST
from dicomanon.pixels.places import owner_of, places_of
from dicomanon.pixels.verdict import verdict
from dicomanon.pixels.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.places import Places
    from dicomanon.profile import Profile

Source = TypeVar("Source")
LOOKED_INTO = ("clean", "gate")
_APART = 1.2
"""Levels differ by at least so much in their spacing: instances that do not are channels, focal planes or parts."""
_PATHS, _PLANES, _CONCATENATION = 0x00480302, 0x00480303, 0x00209161


@dataclass(frozen=True, slots=True)
class Level(Generic[Source]):
    """One instance of a pyramid: whose it is, how wide its pixels are in mm, how many, and where it came from.

    `alone` tells that it is the whole of its level: one optical path, one focal plane, no part of a concatenation.
    """

    owner: tuple[str, ...]
    step: float
    side: int
    alone: bool
    source: Source


def surveys(profile: Profile) -> bool:
    """Tell whether a profile looks into tissue."""
    return profile.pixels["VOLUME"] in LOOKED_INTO


def level_of(instance: Instance, profile: Profile, source: Source) -> Level[Source] | None:
    """Return the level that an instance is, None where it is none that is looked into."""
    judged = verdict(instance, profile)
    if judged.flavour != "VOLUME" or judged.policy not in LOOKED_INTO:
        return None
    header = Header.of(instance)
    plane = plane_of(header)
    if plane is None:
        return None
    alone = header.number(_PATHS) == 1 and header.number(_PLANES) == 1 and _CONCATENATION not in header
    side = max(header.number(TOTAL_COLUMNS), header.number(TOTAL_ROWS))
    return Level((*owner_of(header), repr(plane.frame)), max(plane.step), side, alone, source)


def to_look_at(levels: Iterable[Level[Source]], profile: Profile) -> list[Level[Source]]:
    """Return of each pyramid the level to look at for all of them.

    That is the coarsest whose pixels are not wider than `search`, and that has pixels enough; the finest where there is
    none. Where a level has several instances each one is left to be looked at by itself.
    """
    search = float(profile.pixels["search"]) / 1000
    pyramids: dict[object, list[Level[Source]]] = {}
    for level in levels:
        pyramids.setdefault(level.owner, []).append(level)
    chosen = []
    for pyramid in pyramids.values():
        ordered = sorted(pyramid, key=lambda level: level.step)
        apart = all(one.step * _APART <= other.step for one, other in pairwise(ordered))
        if len(pyramid) < 2 or not apart or not all(level.alone for level in pyramid):
            continue
        fit = [level for level in ordered if level.step <= search and level.side >= LEAST // 2]
        chosen.append(fit[-1] if fit else ordered[0])
    return chosen


def look_at(instance: Instance, again: Callable[[], Instance], profile: Profile) -> Places | None:
    """Return what is found on a level, None where it does not lie anywhere; raises as `treat` does."""
    work = Work(instance, again, verdict(instance, profile), profile.pixels)
    plane = work.plane
    if plane is None:
        return None
    found = found_in(work, index_frames(again(), work.picture))
    return places_of(owner_of(work.header), plane, work.layout, found)
