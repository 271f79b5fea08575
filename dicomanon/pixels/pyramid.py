"""The images of one slide, of any size: what each shows, and which layers it has.

An image is one instance, or a concatenation. A layer is a focal plane in an optical path.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Generic, TypeVar

from dicomanon.pixels.clean import SOP_INSTANCE, TISSUE
from dicomanon.pixels.header import Header, values_in
from dicomanon.pixels.layout import FOCAL_PLANES, FRAME_OFFSET
from dicomanon.pixels.level import shrinking, whole_of
from dicomanon.pixels.places import Seen, owner_of, reach_as_far
from dicomanon.pixels.verdict import verdict
from dicomanon.pixels.work import Work
from dicomanon.profile.pixels import LOOKED_INTO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.layout import Layout, Plane
    from dicomanon.pixels.places import Place
    from dicomanon.profile import Profile

Source = TypeVar("Source")
SAME = 1.2
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
        """Whether there is a frame for every place on every layer that its header promises."""
        first = self.parts[0].layout
        wide, high = first.frame_columns, first.frame_rows
        places = {place for place in _places(self.parts) if not place[1] % high and not place[2] % wide}
        columns, rows = first.told
        return len(places) == len(self.layers) * -(-columns // wide) * -(-rows // high)

    def width(self, search: float) -> float:
        """Return how wide a pixel is, in mm, when somebody looks at it."""
        return self.step * shrinking(whole_of(self.parts), self.parts[0].plane, search)

    def is_shown(self, seen: Iterable[Seen], search: float) -> bool:
        """Tell whether every layer of it was looked at on images that show as much of the slide, and as well."""
        width = self.width(search) * SAME
        return all(
            any(
                layer in each.layers and each.width <= width and reach_as_far(self.extent, each.extent)
                for each in seen
            )
            for layer in self.layers
        )


def _places(parts: Sequence[Level[Source]]) -> Iterator[tuple[object, int, int]]:
    for part in parts:
        layout = part.layout
        for layer, top, left in zip(layout.layers, layout.tops, layout.lefts, strict=True):
            yield layout.names[layer], top, left


def level_of(instance: Instance, profile: Profile, source: Source) -> Level[Source] | None:
    """Return what an instance is of a pyramid, None where it is none that is looked into; raises as `treat` does."""
    judged = verdict(instance, profile)
    if judged.flavour not in TISSUE or judged.policy not in LOOKED_INTO:
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
        frozenset(_layers(work.header, work.layout)),
        source,
    )


def _layers(header: Header, layout: Layout) -> Iterator[str]:
    """Yield a word for every layer that an instance has or promises, the same on every level."""
    paths = [values_in(*item).get(_PATH, b"").strip(b" \0") for item in header.items(_PATHS)]
    planes = header.number(FOCAL_PLANES)
    total = len(layout.names)
    if isinstance(layout.names, range) and (FRAME_OFFSET in header or _CONCATENATION in header):
        total = max(planes * len(paths), layout.names.stop)
    if total == 1:
        yield repr(paths)
    elif isinstance(layout.names, range):
        origin = next((values_in(*item) for item in header.items(_ORIGIN)), {})
        depth = (origin.get(_Z, b""), header.raw(_BETWEEN_PLANES), planes)
        yield from (repr((paths, depth, total, number)) for number in range(total))
    else:
        yield from map(repr, layout.names)


def pictures_of(
    levels: Sequence[Level[Source]], met: Iterable[tuple[float, str]]
) -> Iterator[Picture[Source]]:
    """Yield the images of a pyramid; what a level has twice, here or in what was `met` before, counts as two layers."""
    met = list(met)
    for step, parts in _images(levels):
        words = frozenset[str]().union(*(part.layers for part in parts))
        numbered = set()
        for word in words:
            before = sum(other == word and max(one, step) < SAME * min(one, step) for one, other in met)
            numbered.add(f"{word} {before}")
        met += [(step, word) for word in words]
        yield Picture(parts, frozenset(numbered))


def _images(levels: Sequence[Level[Source]]) -> Iterator[tuple[float, tuple[Level[Source], ...]]]:
    """Yield the parts of each image, finest first; parts that lie on each other are images of their own."""

    def key(level: Level[Source]) -> tuple[float, str]:
        return max(level.plane.step), level.concatenation or f"{level.uid} alone"

    for (step, _), group in groupby(sorted(levels, key=key), key):
        parts = tuple(group)
        places = list(_places(parts)) if len(parts) > 1 else []
        if len(set(places)) == len(places):
            yield step, parts
        else:
            yield from ((step, (part,)) for part in parts)


def in_order(pictures: Sequence[Picture[Source]], search: float) -> list[Picture[Source]]:
    """Return images in the order in which they are worth looking at.

    First those on which as much is seen as on any other, the coarsest before all; then the others, the finest before.
    """
    ordered = sorted(pictures, key=lambda picture: picture.step)
    widths = [picture.width(search) for picture in ordered]
    finest = min(widths, default=0.0) * SAME
    good = [picture for picture, width in zip(ordered, widths, strict=True) if width <= finest]
    return [*reversed(good), *(picture for picture in ordered if picture not in good)]
