"""Every row of Table E.1-1 by every option with a cell for it, at depth 0, 1 and 2: what is planted where.

A row is planted where the Type of its attribute matters: in the slide if the IOD of VL Whole Slide Microscopy has
it at that depth, else in the first of SOP_CLASSES whose IOD has it there, else in the slide all the same, where it
may simply be removed (PS3.15 E.1.1, note). Only sequences that the table leaves alone are used as the way down.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from conformance.kit import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conformance.kit.tables import Place, Row

WSI = "1.2.840.10008.5.1.4.1.1.77.1.6"
SOP_CLASSES = (
    WSI,
    "1.2.840.10008.5.1.4.1.1.77.1.4",  # VL Photographic
    "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for Presentation
    "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
    "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame
    "1.2.840.10008.5.1.4.1.1.12.1.1",  # Enhanced XA
    "1.2.840.10008.5.1.4.1.1.130",  # Enhanced PET
    "1.2.840.10008.5.1.4.1.1.77.1.7",  # Dermoscopic Photography
    "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
    "1.2.840.10008.5.1.4.1.1.481.5",  # RT Plan
    "1.2.840.10008.5.1.4.1.1.481.3",  # RT Structure Set
    "1.2.840.10008.5.1.4.1.1.481.4",  # RT Beams Treatment Record
    "1.2.840.10008.5.1.4.1.1.11.10",  # Volume Rendering Volumetric Presentation State
    "1.2.840.10008.5.1.4.1.1.9.1.1",  # 12-lead ECG
)
DEPTHS = (0, 1, 2)
ENCODINGS = ("explicit", "undefined", "implicit")
"""Explicit VR with lengths, explicit VR with undefined lengths of sequences and items, implicit VR."""

SPECIMENS, LOCALIZATION = 0x00400560, 0x00400620
GENERIC = {0: (), 1: (SPECIMENS,), 2: (SPECIMENS, LOCALIZATION)}
"""The way down for an attribute that no IOD has: two sequences that the slide has and the table leaves alone."""

NOT_A_WAY = {
    *(0x00080051, 0x00080110, 0x00080123, 0x00080124, 0x00080300, 0x00100024, 0x00100026, 0x00100027),
    *(0x00120064, 0x00120083, 0x0040A390, 0x04000500, 0x4FFE0001, 0x00080220, 0x00321034, 0x00400026),
    *(0x00400027, 0x00101021, 0x00120054, 0x00209172, 0x00081164, 0x30100019),
}
"""Sequences that an engine may well take away as a whole (who issued, who asked, what is signed)."""

ONLY_AT_THE_TOP = {0x00020003, 0xFFFCFFFC}
PLANES = {"50XXXXXX", "60XX3000"}
DIRECTORY = 0x0004
NOT_IN_A_FILE = {0x00001000, 0x00001001}
"""Command elements: no file has them, so nothing can be planted (PS3.7 9.3)."""


@dataclass(frozen=True, slots=True)
class Planting:
    """One row under one option at one depth; `places` are those of the IOD along `path`, None where it has none."""

    row: Row
    option: str
    depth: int
    code: str
    sop_class: str
    path: tuple[int, ...]
    places: tuple[Place, ...] | None
    number: int
    shared: int

    @property
    def tag(self) -> int:
        """The attribute."""
        return self.path[-1]

    @property
    def vr(self) -> str:
        """Its VR; overlays and curves are words."""
        return "OW" if self.row.selector in PLANES else tables.vr_of(self.tag)

    @property
    def type(self) -> str | None:
        """Type in the IOD at this path, or None."""
        return self.places[-1].type if self.places else None

    @property
    def demanded(self) -> bool:
        """Whether the IOD demands the attribute here: Type 1 or 2 in a mandatory module, whatever the condition."""
        return self.places is not None and all(place.sure and place.type in "12" for place in self.places)

    @property
    def demanded_in_item(self) -> bool:
        """Whether an item that is there has to have the attribute, though the sequence may be away as a whole."""
        return self.depth > 0 and not self.demanded and self.type in {"1", "2"}


@cache
def _ways(sop_class: str) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the best way to an attribute of an IOD by (depth, tag): through what is demanded, if there is one."""
    found: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}
    level: list[tuple[int, tuple[int, ...], dict[int, Place]]] = [(0, (), tables.top_places(sop_class))]
    for depth in DEPTHS:
        below = []
        for cost, path, places in level:
            for tag, place in places.items():
                own = (cost, (*path, tag))
                found[depth, tag] = min(found.get((depth, tag), own), own)
                if place.item is not None and tag not in tables.row_tags() | NOT_A_WAY:
                    price = {"1": 0, "2": 1}.get(place.type, 3) + 4 * (not place.sure)
                    below.append((cost + price, (*path, tag), tables.item_places(place.item)))
        level = below
    return {key: path for key, (_, path) in found.items()}


def where(tag: int, depth: int) -> tuple[str, tuple[int, ...], tuple[Place, ...] | None]:
    """Return the SOP Class, the path and its places for a tag at a depth."""
    for sop_class in SOP_CLASSES:
        path = _ways(sop_class).get((depth, tables.first_of(tag)))
        if path is not None:
            return sop_class, (*path[:-1], tag), tables.place_of(sop_class, path)
    return WSI, (*GENERIC[depth], tag), None


def plantings(option: str, depths: tuple[int, ...] = DEPTHS) -> Iterator[Planting]:
    """Yield what is planted for an option (BASIC: every row; others: rows with a cell in its column)."""
    for index, row in enumerate(tables.rows()):
        code = row.code(option)
        if code is None or row.tag in NOT_IN_A_FILE:
            continue
        if row.tag >> 16 == DIRECTORY:
            code = "X"  # PS3.15 E.1.1: group 0004 is removed from anything but a DICOMDIR
        for depth in depths:
            if depth and row.tag in ONLY_AT_THE_TOP:
                continue
            sop_class, path, places = where(row.tag_at(depth), depth)
            yield Planting(
                row, option, depth, code, sop_class, path, places, index * len(DEPTHS) + depth, index
            )
