"""What a profile says of vendor slides: how pixels are encoded that cannot pass as they are, and missing levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.words import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dicomanon.profile.files import Layer

SLIDE_WORDS: Mapping[str, frozenset[str]] = {
    "exact": frozenset(("lossless", "jpeg")),
    "levels": frozenset(("make", "keep")),
}
"""Settings of [slides] that are one of a few words."""
SLIDE_DEFAULTS: Mapping[str, str] = {"quality": "90", "exact": "lossless", "levels": "make"}
"""`quality` is that of JPEG; `exact` is what becomes of pixels that were never compressed with loss."""


def slides_of(layers: Sequence[Layer]) -> dict[str, str]:
    """Return the settings of [slides], later files over earlier ones; raise ProfileError with file and line."""
    slides = dict(SLIDE_DEFAULTS)
    for layer in layers:
        for setting, word in layer.data.get("slides", {}).items():
            wrong = _wrong(setting, word)
            if wrong:
                raise ProfileError(f"{layer.at('slides', setting)}: {wrong}")
            slides[setting] = word
    return slides


def _wrong(setting: str, word: str) -> str:
    """Return what is wrong with a setting, nothing where it is right."""
    if setting not in SLIDE_DEFAULTS:
        return f"[slides] has no {setting!r}{nearest(setting, SLIDE_DEFAULTS)}"
    if setting in SLIDE_WORDS and word not in SLIDE_WORDS[setting]:
        return f"[slides] {setting}: there is no {word!r}{nearest(word, SLIDE_WORDS[setting])}"
    if setting == "quality" and not (word.isascii() and word.isdigit() and 1 <= int(word) <= 100):
        return "[slides] quality must be a number from 1 to 100"
    return ""
