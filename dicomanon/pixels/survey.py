"""A pyramid looked at on the level that is just fine enough, for all of its levels.

An image is one instance, or a concatenation. What is looked at shows, without gaps, every layer (focal plane in an
optical path) that any level has; what is found on one of them is covered on all.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Generic, TypeVar

from dicomanon.pixels.clean import SOP_INSTANCE, found_in
from dicomanon.pixels.frames import index_frames
from dicomanon.pixels.header import Header, values_in
from dicomanon.pixels.layout import FOCAL_PLANES, FRAME_OFFSET
from dicomanon.pixels.level import LEAST, Part
from dicomanon.pixels.places import Places, owner_of, place_of, reach_as_far
from dicomanon.pixels.verdict import verdict
from dicomanon.pixels.work import Work
from dicomanon.profile.pixels import LOOKED_INTO, looks_into_tissue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.layout import Layout, Plane
    from dicomanon.pixels.places import Place, Seen, Told
    from dicomanon.profile import Profile

Source = TypeVar("Source")
_SAME = 1.2
"""Images whose spacings differ by less are of one level: channels, focal planes, or the parts of a picture."""
_CONCATENATION = 0x00209161
_PATHS, _PATH, _ORIGIN, _Z = 0x00480105, 0x00480106, 0x00480008, 0x0040074A
_BETWEEN_PLANES = 0x00480304


@dataclass(frozen=True, slots=True)
class Level(Generic[Source]):
    """One instance of a pyramid: whose it is, where it lies, what it holds, and where it came from."""

    owner: tuple[str, ...]
    uid: str
    concatenation: str
    plane: Plane
    layout: Layout
    layers: frozenset[str]
    source: Source


@dataclass(frozen=True, slots=True)
class Picture(Generic[Source]):
    """One image of a pyramid: an instance, or the parts of a concatenation.

    `layers` are numbered within its level.
    """

    parts: tuple[Level[Source], ...]
    layers: frozenset[str]

    @property
    def step(self) -> float:
        """How wide its pixels are, in mm."""
        return max(self.parts[0].plane.step)

    @property
    def extent(self) -> Place:
        """What it shows, in mm of the plane."""
        return self.parts[0].plane.millimetres(self.parts[0].layout.whole)

    @property
    def is_full(self) -> bool:
        """Whether there is a frame for every place on every layer."""
        first = self.parts[0].layout
        wide, high = first.frame_columns, first.frame_rows
        places = {
            (part.layout.names[layer], top, left)
            for part in self.parts
            for layer, top, left in zip(part.layout.layers, part.layout.tops, part.layout.lefts, strict=True)
            if not top % high and not left % wide
        }
        layers = len({name for part in self.parts for name in part.layout.names})
        columns, rows = first.told
        return len(places) == layers * -(-columns // wide) * -(-rows // high)


def surveys(profile: Profile) -> bool:
    """Tell whether a profile looks into tissue."""
    return looks_into_tissue(profile.pixels)


def level_of(instance: Instance, profile: Profile, source: Source) -> Level[Source] | None:
    """Return what an instance is of a pyramid, None where it is none that is looked into; raises as `treat` does."""
    judged = verdict(instance, profile)
    if judged.flavour != "VOLUME" or judged.policy not in LOOKED_INTO:
        return None
    work = Work(instance, lambda: instance, judged, profile.pixels)
    uid, plane = work.header.text(SOP_INSTANCE), work.plane
    if plane is None or not uid:
        return None
    return Level(
        owner_of(work.header),
        uid,
        work.header.text(_CONCATENATION),
        plane,
        work.layout,
        frozenset(_layers(work.header, work.layout)) or frozenset(("",)),
        source,
    )


def _layers(header: Header, layout: Layout) -> Iterator[str]:
    """Yield a word for every layer that an instance says it has, the same on every level."""
    paths = [values_in(*item).get(_PATH, b"").strip(b" \0") for item in header.items(_PATHS)]
    planes = header.number(FOCAL_PLANES)
    if planes == 1 and len(paths) == 1:
        yield repr(paths[0])
    elif isinstance(layout.names, range):
        origin = next((values_in(*item) for item in header.items(_ORIGIN)), {})
        layers = planes * len(paths) if FRAME_OFFSET in header else len(layout.names)
        depth = (origin.get(_Z, b""), header.raw(_BETWEEN_PLANES), layers)
        yield from (repr((path, depth)) for path in paths)
    else:
        yield from map(repr, layout.names)


def to_look_at(
    levels: Iterable[Level[Source]], profile: Profile, known: Sequence[Places] = ()
) -> Iterator[tuple[list[Picture[Source]], list[Picture[Source]]]]:
    """Yield of each pyramid the images to look at, and all of its images that are looked into.

    The first choice is the coarsest whose pixels are not wider than `search` and that has pixels enough. Others follow
    that have layers which were not chosen yet or reach elsewhere, and all of them where tiles are missing. `known` is
    what was seen of a pyramid before.
    """
    search = float(profile.pixels["search"]) / 1000
    pyramids: dict[object, list[Level[Source]]] = {}
    for level in levels:
        pyramids.setdefault((level.owner, level.plane.frame), []).append(level)
    for pyramid in pyramids.values():
        earlier = [each for each in known if each.of(pyramid[0].owner, pyramid[0].plane)]
        enough = {uid for each in earlier for uid in each.enough}
        met = [one for each in earlier for one in each.met]
        pictures = list(_pictures([level for level in pyramid if level.uid not in enough], met))
        seen = [one for each in earlier for one in each.seen]
        chosen = []
        for picture in _in_order(pictures, search):
            if _is_seen(picture, seen):
                continue
            chosen.append(picture)
            if picture.is_full:
                seen.append((picture.layers, picture.extent))
        yield chosen, pictures


def _pictures(levels: Sequence[Level[Source]], met: list[tuple[float, str]]) -> Iterator[Picture[Source]]:
    """Yield the images of a pyramid; what a level has twice counts as two layers."""
    met = list(met)

    def key(level: Level[Source]) -> tuple[float, str]:
        return max(level.plane.step), level.concatenation or f"{level.uid} alone"

    for (step, _), group in groupby(sorted(levels, key=key), key):
        parts = tuple(group)
        words = frozenset[str]().union(*(part.layers for part in parts))
        numbered = set()
        for word in words:
            before = sum(other == word and max(one, step) < _SAME * min(one, step) for one, other in met)
            numbered.add(f"{word} {before}")
        met += [(step, word) for word in words]
        yield Picture(parts, frozenset(numbered))


def _in_order(pictures: Sequence[Picture[Source]], search: float) -> list[Picture[Source]]:
    """Return images in the order in which they are worth looking at."""
    ordered = sorted(pictures, key=lambda picture: picture.step)

    def is_fit(picture: Picture[Source]) -> bool:
        return picture.step <= search and max(picture.parts[0].layout.told) >= LEAST // 2

    fit = [picture for picture in ordered if is_fit(picture)]
    return [*reversed(fit), *(picture for picture in ordered if not is_fit(picture))]


def _is_seen(picture: Picture[Source], seen: Sequence[Seen]) -> bool:
    """Tell whether every layer of an image was looked at on another one that shows as much of the slide."""
    return all(
        any(layer in layers and reach_as_far(picture.extent, extent) for layers, extent in seen)
        for layer in picture.layers
    )


def look_at(
    chosen: Sequence[tuple[Picture[Source], Sequence[tuple[Instance, Callable[[], Instance]]]]],
    pictures: Sequence[Picture[Source]],
    profile: Profile,
) -> Places:
    """Return what is found in a pyramid by looking at chosen images of it, each with its parts opened.

    Raises as `treat` does.
    """
    found: list[Told] = []
    for picture, opened in chosen:
        works = [
            Work(instance, again, verdict(instance, profile), profile.pixels) for instance, again in opened
        ]
        parts = [
            Part(work.reopen, index_frames(work.reopen(), work.picture), work.picture, work.layout)
            for work in works
        ]
        found += [place_of(each, picture.parts[0].plane) for each in found_in(works[0], parts)]
    first = pictures[0].parts[0]
    uids = [part.uid for picture in pictures for part in picture.parts]
    return Places(
        *(first.owner, first.plane.frame, tuple(found)),
        frozenset(uid for uid in uids if uids.count(uid) == 1),
        tuple((picture.layers, picture.extent) for picture, _ in chosen if picture.is_full),
        tuple((picture.step, word.rpartition(" ")[0]) for picture in pictures for word in picture.layers),
    )
