"""Labels that name nobody: attributes of PS3.6, and words of microscopy however they are put together."""

from __future__ import annotations

import re
from functools import cache

from dicomanon.standard.stored import load

WORDS = frozenset(
    (
        *("bright", "dark", "light", "field", "brightfield", "darkfield", "fluorescence", "epifluorescence"),
        *("transmission", "transmitted", "reflected", "illumination", "phase", "contrast", "polarized"),
        *("polarised", "polarization", "polarisation", "confocal", "optical", "path", "channel", "rgb"),
        *("white", "red", "green", "blue", "led", "halogen", "xenon", "laser", "dapi", "fitc", "tritc"),
        *("cy3", "cy5", "cy7"),
    )
)
"""Ways to light and to filter (PS3.16 CID 8123, 8122, 8124), dyes that are named by them, and their colours."""
_BETWEEN = re.compile(r"[-,/()+ ]+")
_NUMBER = re.compile(r"[0-9]|[3-9][0-9]{2}nm", re.ASCII)
"""Which path or channel it is, or a wavelength."""


def is_label(text: str) -> bool:
    """Tell whether a text is the name of an attribute, or of words of microscopy and at most one number."""
    words = [word for word in _BETWEEN.split(text.lower()) if word]
    others = [word for word in words if word not in WORDS]
    few = len(others) <= 1 and all(map(_NUMBER.fullmatch, others))
    return few or text.lower() in _attribute_names()


@cache
def _attribute_names() -> frozenset[str]:
    return frozenset(word.lower() for row in load("dictionary")["rows"] for word in row[2:4] if word)
