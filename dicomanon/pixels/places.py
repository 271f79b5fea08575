"""Boxes found on some images of a pyramid, for all of them: told in mm on the slide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dicomanon.pixels.box import Box, Found

if TYPE_CHECKING:
    from dicomanon.pixels.header import Header
    from dicomanon.pixels.layout import Layout, Plane

    Place = tuple[float, float, float, float]

_OWNER = (0x0020000D, 0x0020000E, 0x00200052, 0x00400512)
"""Study and Series Instance UID, Frame of Reference UID, Container Identifier."""
_TOLERANCE = 0.02
"""Of its size by which a level may reach over the one that was looked at: they are rounded to whole pixels."""

Told = tuple[str, float, "Place", "Place", str]
"""Kind, score, place, how far the image reaches in which it was found, and what it says.

The last is in memory only, to be compared with the header.
"""


class Seen(NamedTuple):
    """Layers that were looked at without gaps, how far they reach, and how wide a pixel was to who looked (mm)."""

    layers: frozenset[str]
    extent: Place
    width: float


@dataclass(frozen=True, slots=True)
class Places:
    """What was found in a pyramid: kind, score and place in mm of a plane, by looking at as much of it as is enough.

    `owner` and `frame` tell whose pyramid it is, and on which plane. `enough` are the SOP Instance UIDs in which
    nothing else has to be looked for. `seen` and `met` are for instances that come later: what was looked at, and
    pixel size (mm) and layer of everything that came. `refused` says why no image of the pyramid may leave.
    `all_uids` are those of `enough` before instances that came again with other bytes were taken out.
    """

    owner: tuple[str, ...]
    frame: tuple[str, tuple[float, ...]]
    found: tuple[Told, ...] = field(repr=False)
    enough: frozenset[str]
    seen: tuple[Seen, ...] = ()
    met: tuple[tuple[float, str], ...] = ()
    refused: str = ""
    all_uids: frozenset[str] = frozenset()

    def of(self, owner: tuple[str, ...], plane: Plane) -> bool:
        """Tell whether these are places of the pyramid that an image belongs to."""
        return owner == self.owner and plane.frame == self.frame

    def found_in(self, plane: Plane, layout: Layout) -> list[Found]:
        """Return everything found, with boxes in pixels of an image.

        Two images of one part of a slide may differ a little in what their spacings say: boxes reach over both places.
        """
        extent, whole = plane.millimetres(layout.whole), layout.whole
        found = []
        for kind, score, place, reach, text in self.found:
            box = plane.pixels(place)
            if reach != extent and reach_as_far(reach, extent):
                box = box.united(_share(place, reach, whole))
            found.append(Found(kind, box.within(layout.columns, layout.rows), score, text))
        return found


def owner_of(header: Header) -> tuple[str, ...]:
    """Return what all levels of one pyramid have in common, and no other pyramid has."""
    return tuple(header.raw(tag).decode("latin-1").strip(" \0") for tag in _OWNER)


def place_of(found: Found, plane: Plane, extent: Place) -> Told:
    """Return where on the slide a thing is that was found in an image that reaches so far."""
    return found.kind, found.score, plane.millimetres(found.box), extent, found.text


def _share(place: Place, reach: Place, whole: Box) -> Box:
    """Return the box that has the same share of an image as a place has of what was looked at."""
    wide, high = reach[2] - reach[0], reach[3] - reach[1]
    return Box(
        int(whole.width * (place[0] - reach[0]) / wide) - 1,
        int(whole.height * (place[1] - reach[1]) / high) - 1,
        int(whole.width * (place[2] - reach[0]) / wide) + 2,
        int(whole.height * (place[3] - reach[1]) / high) + 2,
    )


def reach_as_far(one: Place, other: Place) -> bool:
    """Tell whether two levels show the same part of the slide."""
    larger = _TOLERANCE * max(one[2] - one[0], one[3] - one[1])
    return all(abs(left - right) <= larger for left, right in zip(one, other, strict=True))
