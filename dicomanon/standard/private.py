"""PS3.15 Table E.3.10-1: private attributes known to be safe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.standard.stored import load

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class SafePrivate:
    """One row of Table E.3.10-1; `element` is the low byte, since the block is the private creator's choice.

    `vrs` is empty for the few rows where the standard gives none.
    """

    creator: str
    group: int
    element: int
    vrs: tuple[str, ...]
    vm: str
    meaning: str


@cache
def safe_private() -> Mapping[tuple[str, int, int], SafePrivate]:
    """Return all rows by (private creator, group, low byte of the element)."""
    found = {}
    for creator, group, element, vr, vm, meaning in load("e3-10-1")["rows"]:
        vrs = tuple(vr.split("/")) if vr else ()
        row = SafePrivate(creator, int(group, 16), int(element, 16), vrs, vm, meaning)
        found[row.creator, row.group, row.element] = row
    return MappingProxyType(found)


def safe_private_for(creator: str, tag: int) -> SafePrivate | None:
    """Return the row for a private `tag` of `creator` (padding does not count), or None."""
    return safe_private().get((creator.strip(" \0"), tag >> 16, tag & 0xFF))
