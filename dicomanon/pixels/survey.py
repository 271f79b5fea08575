"""A pyramid looked at on the level that is just fine enough, for all of its levels.

What is looked at shows, without gaps, every layer that any image has; what is found on one of them is covered on all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dicomanon.errors import DicomanonError, PixelsError
from dicomanon.pixels.clean import found_in
from dicomanon.pixels.frames import index_frames
from dicomanon.pixels.level import Part
from dicomanon.pixels.places import Places, Seen, place_of
from dicomanon.pixels.pyramid import in_order, pictures_of
from dicomanon.pixels.verdict import verdict
from dicomanon.pixels.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.places import Told
    from dicomanon.pixels.pyramid import Level, Picture
    from dicomanon.profile import Profile

    Opened = tuple[Instance, Callable[[], Instance]]

Source = TypeVar("Source")

UNREADABLE = (DicomanonError, ArithmeticError, ValueError, MemoryError, OSError)
"""What a header or a frame can lead to that is wrong: whoever clears the instance says so, and the others go on."""


def pyramids(levels: Iterable[Level[Source]]) -> Iterator[list[Level[Source]]]:
    """Yield the levels of each slide."""
    found: dict[object, list[Level[Source]]] = {}
    for level in levels:
        found.setdefault((level.owner, level.plane.frame), []).append(level)
    yield from found.values()


def survey_pyramid(
    pyramid: Sequence[Level[Source]],
    profile: Profile,
    known: Sequence[Places],
    opened: Callable[[Picture[Source]], AbstractContextManager[Sequence[Opened]]],
) -> Places | None:
    """Look at as many images of a slide as it takes; None where it takes none.

    `opened` opens the parts of an image. The first choice is the coarsest on which as much is seen as on any other.
    Others follow that have layers which were not seen yet, reach elsewhere or are missing tiles, and where one cannot
    be read. Where something is left after it was covered the places are refused: no image of the slide leaves.
    `known` is what was seen before.
    """
    search = float(profile.pixels["search"]) / 1000
    owner, plane = pyramid[0].owner, pyramid[0].plane
    earlier = [each for each in known if each.of(owner, plane)]
    enough = {uid for each in earlier for uid in each.enough}
    pictures = list(
        pictures_of(
            [level for level in pyramid if level.uid not in enough],
            (one for each in earlier for one in each.met),
        )
    )
    seen = [one for each in earlier for one in each.seen]
    before = len(seen)
    found: list[Told] = []
    failed: list[Picture[Source]] = []
    for picture in in_order(pictures, search):
        if picture.is_shown(seen, search):
            continue
        try:
            with opened(picture) as parts:
                found += _look_at(picture, parts, profile)
        except PixelsError as error:
            return Places(owner, plane.frame, (), frozenset(), refused=f"on a level of this slide: {error}")
        except UNREADABLE:
            failed.append(picture)
            continue
        if picture.is_full:
            seen.append(Seen(picture.layers, picture.extent, picture.width(search)))
    if not pictures:
        return None
    return Places(
        *(
            owner,
            plane.frame,
            tuple(found),
            _enough([each for each in pictures if each not in failed], pyramid),
        ),
        tuple(seen[before:]),
        tuple((picture.step, word.rpartition(" ")[0]) for picture in pictures for word in picture.layers),
    )


def _enough(pictures: Sequence[Picture[Source]], pyramid: Sequence[Level[Source]]) -> frozenset[str]:
    """Return the UIDs of images; one that comes twice tells no image."""
    uids = [level.uid for level in pyramid]
    twice = {uid for uid, other in zip(sorted(uids), sorted(uids)[1:], strict=False) if uid == other}
    return frozenset(part.uid for picture in pictures for part in picture.parts) - twice


def _look_at(picture: Picture[Source], opened: Sequence[Opened], profile: Profile) -> list[Told]:
    works = [Work(instance, again, verdict(instance, profile), profile.pixels) for instance, again in opened]
    parts = []
    for work in works:
        index = index_frames(work.reopen(), work.picture)
        parts.append(Part(work.reopen, index, work.picture, work.layout))
    return [place_of(each, picture.parts[0].plane, picture.extent) for each in found_in(works[0], parts)]
