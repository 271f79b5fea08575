"""A pyramid looked at once, on the level that is just fine enough, for all of its levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from dicomanon.pixels.clean import found_in
from dicomanon.pixels.frames import index_frames
from dicomanon.pixels.header import Header
from dicomanon.pixels.layout import plane_of
from dicomanon.pixels.places import Places, places_of
from dicomanon.pixels.verdict import verdict
from dicomanon.pixels.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.layout import Plane
    from dicomanon.profile import Profile

Source = TypeVar("Source")
PYRAMID = ("VOLUME", "THUMBNAIL")
LOOKED_INTO = ("clean", "gate")
_SAME = 1.2
"""Channels and focal planes in instances of their own have the spacing of their level, or nearly."""


@dataclass(frozen=True, slots=True)
class Level(Generic[Source]):
    """One instance of a pyramid: where it lies on the slide, how wide its pixels are in mm, and where it came from."""

    plane: Plane
    step: float
    source: Source


def surveys(profile: Profile) -> bool:
    """Tell whether a profile looks into tissue."""
    return any(profile.pixels[flavour] in LOOKED_INTO for flavour in PYRAMID)


def level_of(instance: Instance, profile: Profile, source: Source) -> Level[Source] | None:
    """Return the level that an instance is, None where it is none that is looked into."""
    judged = verdict(instance, profile)
    if judged.flavour not in PYRAMID or judged.policy not in LOOKED_INTO:
        return None
    plane = plane_of(Header.of(instance))
    return None if plane is None else Level(plane, max(plane.step), source)


def to_look_at(levels: Iterable[Level[Source]], profile: Profile) -> list[Level[Source]]:
    """Return of each pyramid of several levels the instances of the one to look at.

    That is the coarsest whose pixels are not wider than `search`, the finest where all are.
    """
    search = float(profile.pixels["search"]) / 1000
    pyramids: dict[object, list[Level[Source]]] = {}
    for level in levels:
        pyramids.setdefault(level.plane.frame, []).append(level)
    chosen = []
    for pyramid in pyramids.values():
        if len(pyramid) < 2:
            continue  # it is looked at when its turn comes
        steps = [level.step for level in pyramid]
        step = max((each for each in steps if each <= search), default=min(steps))
        chosen += [level for level in pyramid if step / _SAME <= level.step <= step * _SAME]
    return chosen


def look_at(instance: Instance, again: Callable[[], Instance], profile: Profile) -> Places | None:
    """Return what is found on a level, None where it does not lie anywhere; raises as `treat` does."""
    work = Work(instance, again, verdict(instance, profile), profile.pixels)
    plane = work.plane
    if plane is None:
        return None
    return places_of(plane, work.layout, found_in(work, index_frames(again(), work.picture)))


def together(found: Iterable[Places]) -> tuple[Places, ...]:
    """Return one record for each pyramid: what was found on any of its instances holds for all."""
    joined: dict[object, Places] = {}
    for each in found:
        known = joined.get(each.plane.frame)
        joined[each.plane.frame] = each if known is None else known.with_others(each)
    return tuple(joined.values())
