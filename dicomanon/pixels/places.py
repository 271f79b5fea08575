"""Boxes found on some images of a pyramid, for all of them: told in mm on the slide."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dicomanon.pixels.box import Found

if TYPE_CHECKING:
    from dicomanon.pixels.header import Header
    from dicomanon.pixels.layout import Layout, Plane

    Place = tuple[float, float, float, float]

_OWNER = (0x0020000D, 0x0020000E, 0x00200052, 0x00400512)
"""Study and Series Instance UID, Frame of Reference UID, Container Identifier."""
_TOLERANCE = 0.02
"""Of its size by which a level may reach over the one that was looked at: they are rounded to whole pixels."""

Told = tuple[str, float, "Place", str]
"""Kind, score, place, and what it says: the last in memory only, to be compared with the header."""
Seen = tuple[frozenset[str], "Place"]
"""Layers that were looked at, and how far they reach."""


@dataclass(frozen=True, slots=True)
class Places:
    """What was found in a pyramid: kind, score and place in mm of a plane, by looking at as much of it as is enough.

    `owner` and `frame` tell whose pyramid it is, and on which plane. `enough` are the SOP Instance UIDs in which
    nothing else has to be looked for. `seen` and `met` are for instances that come later: what was looked at without
    gaps, and pixel size (mm) and layer of everything that came.
    """

    owner: tuple[str, ...]
    frame: tuple[str, tuple[float, ...]]
    found: tuple[Told, ...] = field(repr=False)
    enough: frozenset[str]
    seen: tuple[Seen, ...] = ()
    met: tuple[tuple[float, str], ...] = ()

    def of(self, owner: tuple[str, ...], plane: Plane) -> bool:
        """Tell whether these are places of the pyramid that an image belongs to."""
        return owner == self.owner and plane.frame == self.frame

    def found_in(self, plane: Plane, layout: Layout) -> list[Found]:
        """Return everything found, with boxes in pixels of an image."""
        return [
            Found(kind, plane.pixels(place).within(layout.columns, layout.rows), score, text)
            for kind, score, place, text in self.found
        ]


def owner_of(header: Header) -> tuple[str, ...]:
    """Return what all levels of one pyramid have in common, and no other pyramid has."""
    return tuple(header.raw(tag).decode("latin-1").strip(" \0") for tag in _OWNER)


def place_of(found: Found, plane: Plane) -> Told:
    """Return where on the slide a thing is that was found."""
    return found.kind, found.score, plane.millimetres(found.box), found.text


def reach_as_far(one: Place, other: Place) -> bool:
    """Tell whether two levels show the same part of the slide."""
    larger = _TOLERANCE * max(one[2] - one[0], one[3] - one[1])
    return all(abs(left - right) <= larger for left, right in zip(one, other, strict=True))
