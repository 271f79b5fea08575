"""[objects] of a profile: what becomes of objects that cannot be de-identified, by kind."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dicomanon.profile.files import Layer

OBJECTS: Mapping[str, str] = MappingProxyType(
    {"encapsulated": "quarantine", "voice": "quarantine", "dicomdir": "drop"}
)
"""Kinds of objects and what becomes of them unless a profile says otherwise: none of them ever leaves."""
OBJECT_POLICIES = frozenset(("drop", "quarantine"))


def objects_of(layers: Iterable[Layer]) -> Mapping[str, str]:
    """Return the policy of each kind; raise ProfileError naming file and word."""
    found = dict(OBJECTS)
    for layer in layers:
        where = layer.path.name
        for kind, policy in layer.data.get("objects", {}).items():
            if kind not in found:
                raise ProfileError(f"{where}: [objects] has no {kind!r}{nearest(kind, found)}")
            if policy not in OBJECT_POLICIES:
                hint = nearest(policy, OBJECT_POLICIES)
                raise ProfileError(f"{where}: [objects] {kind}: no policy {policy!r}{hint}")
            found[kind] = policy
    return MappingProxyType(found)
