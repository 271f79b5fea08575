"""`[[private]]` of a profile: what a site's own documentation says is safe (PS3.15 E.3.10)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.rule import VRS
from dicomanon.profile.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dicomanon.profile.files import Layer
    from dicomanon.profile.options import Option

OPTION = "retain-safe-private"
PRIVATE_KEYS = frozenset(("creator", "element", "vr", "reason"))
ELEMENT = r"\(([0-9A-Fa-f]{3}[13579BDFbdf]),xx([0-9A-Fa-f]{2})\)"


def private_of(layers: Iterable[Layer], options: Iterable[Option]) -> dict[tuple[str, int, int], str]:
    """Return the VR of each element by creator, group and low byte of the element.

    Raises ProfileError naming file, line and the nearest word that is known.
    """
    chosen = any(option.keyword == OPTION for option in options)
    found = {}
    for layer in layers:
        lines = layer.data.get("private", ())
        if lines and not chosen:
            raise ProfileError(
                f"{layer.at('private')}: [[private]] is for profiles with the option {OPTION!r}"
            )
        for at in range(len(lines)):
            creator, group, element, vr = _read(layer, at)
            found[creator, group, element] = vr
    return found


def _read(layer: Layer, at: int) -> tuple[str, int, int, str]:
    line = layer.data["private"][at]
    for key in line:
        if key not in PRIVATE_KEYS:
            where = layer.at("private", at, key)
            raise ProfileError(f"{where}: [[private]] has no {key!r}{nearest(key, PRIVATE_KEYS)}")
    if missing := sorted(key for key in PRIVATE_KEYS if not line.get(key)):
        raise ProfileError(f"{layer.at('private', at)}: a [[private]] has no {missing[0]}")
    element = re.fullmatch(ELEMENT, line["element"])
    if not element:
        where = layer.at("private", at, "element")
        raise ProfileError(f"{where}: a private element is written as (0029,xx10), the group odd")
    if line["vr"] not in VRS:
        where = layer.at("private", at, "vr")
        raise ProfileError(f"{where}: there is no VR {line['vr']!r}{nearest(line['vr'], VRS)}")
    return line["creator"], int(element[1], 16), int(element[2], 16), line["vr"]
