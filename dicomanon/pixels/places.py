"""Boxes found on one level of a pyramid, for all the others: told in mm on the slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dicomanon.pixels.box import Box, Found
    from dicomanon.pixels.header import Header
    from dicomanon.pixels.layout import Layout, Plane

    Place = tuple[float, float, float, float]

_OWNER = (0x0020000D, 0x0020000E, 0x00200052, 0x00400512)
"""Study and Series Instance UID, Frame of Reference UID, Container Identifier."""
_TOLERANCE = 0.02
"""Of its size by which a level may reach over the one that was looked at: they are rounded to whole pixels."""


@dataclass(frozen=True, slots=True)
class Places:
    """What was found on a level: places in mm of a plane, and how far the level that was looked at reaches.

    `owner` tells whose pyramid it is.
    """

    owner: tuple[str, ...]
    plane: Plane
    extent: Place
    found: tuple[tuple[str, float, Place], ...]

    def hold_for(self, owner: tuple[str, ...], plane: Plane | None, layout: Layout) -> bool:
        """Tell whether another level shows what was looked at, so that nothing else needs to be looked for in it."""
        if plane is None or owner != self.owner or plane.frame != self.plane.frame:
            return False
        extent = plane.millimetres(layout.whole)
        larger = _TOLERANCE * max(extent[2] - extent[0], extent[3] - extent[1])
        return all(abs(one - other) <= larger for one, other in zip(extent, self.extent, strict=True))

    def boxes(self, plane: Plane, layout: Layout) -> list[tuple[str, float, Box]]:
        """Return kind, score and box of everything found, in pixels of another level."""
        return [
            (kind, score, plane.pixels(place).within(layout.columns, layout.rows))
            for kind, score, place in self.found
        ]


def owner_of(header: Header) -> tuple[str, ...]:
    """Return what all levels of one pyramid have in common, and no other pyramid has."""
    return tuple(header.raw(tag).decode("latin-1").strip(" \0") for tag in _OWNER)


def places_of(owner: tuple[str, ...], plane: Plane, layout: Layout, found: Iterable[Found]) -> Places:
    """Return what was found on a level as places on the slide."""
    return Places(
        owner,
        plane,
        plane.millimetres(layout.whole),
        tuple((each.kind, each.score, plane.millimetres(each.box)) for each in found),
    )
