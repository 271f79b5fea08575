"""`[[code]]` of a profile: local codes that say nothing of persons or cases, as those of a laboratory's stains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dicomanon.profile.files import Layer

CODE_KEYS = frozenset(("scheme", "value", "meaning", "reason"))
LONGEST = {"scheme": 16, "value": 16, "meaning": 64}
"""Characters of Coding Scheme Designator, Code Value and Code Meaning (PS3.5 6.2)."""


def codes_of(layers: Iterable[Layer]) -> dict[tuple[str, str], str]:
    """Return the meanings by code and scheme; raise ProfileError naming file, line and the nearest word."""
    return {
        (line["value"], line["scheme"]): line["meaning"]
        for layer in layers
        for at, line in enumerate(layer.data.get("code", ()))
        if _is_sound(layer, at, line)
    }


def _is_sound(layer: Layer, at: int, line: dict[str, str]) -> bool:
    for key in line:
        if key not in CODE_KEYS:
            raise ProfileError(
                f"{layer.at('code', at, key)}: [[code]] has no {key!r}{nearest(key, CODE_KEYS)}"
            )
    if missing := sorted(key for key in CODE_KEYS if not line.get(key)):
        raise ProfileError(f"{layer.at('code', at)}: a [[code]] has no {missing[0]}")
    for key, longest in LONGEST.items():
        text = line[key]
        if len(text) > longest or not text.isascii() or not text.isprintable() or "\\" in text:
            where = layer.at("code", at, key)
            raise ProfileError(
                f"{where}: a {key} has at most {longest} characters of ASCII, and no backslash"
            )
    return True
