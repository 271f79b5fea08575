"""Boxes found on one level of a pyramid, for all the others: told in mm on the slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.pixels.box import Box

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dicomanon.pixels.box import Found
    from dicomanon.pixels.layout import Layout, Plane

    Place = tuple[float, float, float, float]

_TOLERANCE = 0.02
"""Of its size by which a level may reach over the one that was looked at: they are rounded to whole pixels."""


@dataclass(frozen=True, slots=True)
class Places:
    """What was found on a level: places in mm of a plane, and how far the level that was looked at reaches."""

    plane: Plane
    extent: Place
    found: tuple[tuple[str, float, Place], ...]

    def hold_for(self, plane: Plane | None, layout: Layout) -> bool:
        """Tell whether a level lies within what was looked at, so that nothing else needs to be looked for in it."""
        if plane is None or plane.frame != self.plane.frame:
            return False
        left, top, right, bottom = plane.millimetres(_whole(layout))
        across, down = _TOLERANCE * (right - left), _TOLERANCE * (bottom - top)
        return (
            left >= self.extent[0] - across
            and top >= self.extent[1] - down
            and right <= self.extent[2] + across
            and bottom <= self.extent[3] + down
        )

    def with_others(self, other: Places) -> Places:
        """Return what was found on this and on another instance of the same pyramid."""
        mine, others = self.extent, other.extent
        extent = (*map(min, mine[:2], others[:2]), *map(max, mine[2:], others[2:]))
        return Places(self.plane, (extent[0], extent[1], extent[2], extent[3]), (*self.found, *other.found))

    def boxes(self, plane: Plane, layout: Layout) -> list[tuple[str, float, Box]]:
        """Return kind, score and box of everything found, in pixels of another level."""
        return [
            (kind, score, plane.pixels(place).within(layout.columns, layout.rows))
            for kind, score, place in self.found
        ]


def places_of(plane: Plane, layout: Layout, found: Iterable[Found]) -> Places:
    """Return what was found on a level as places on the slide."""
    return Places(
        plane,
        plane.millimetres(_whole(layout)),
        tuple((each.kind, each.score, plane.millimetres(each.box)) for each in found),
    )


def _whole(layout: Layout) -> Box:
    return Box(0, 0, layout.columns, layout.rows)
