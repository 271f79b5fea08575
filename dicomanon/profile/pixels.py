"""What a profile says of pixels: a policy for each flavour of image, and how it is carried out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.words import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dicomanon.profile.files import Layer
    from dicomanon.profile.options import Option

FLAVOURS = ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW", "other")
PIXEL_POLICIES = frozenset(("keep", "drop", "quarantine", "blank", "crop", "replace", "clean", "gate"))
ONLY_FOR = {"crop": "OVERVIEW", "replace": "LABEL"}
"""Policies that make sense for one flavour."""
LOOKED_INTO = ("clean", "gate")
"""Policies that look for something."""
WORDS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys((*FLAVOURS, "burned-in"), PIXEL_POLICIES),
    "recognizable": frozenset(("keep", "quarantine", "drop")),
    "fill": frozenset(("black", "white")),
    "code": frozenset(("DataMatrix", "QRCode")),
}
"""Settings of [pixels] that are one of a few words."""
DEFAULTS = {
    **dict.fromkeys((*FLAVOURS, "burned-in"), "quarantine"),
    "recognizable": "keep",
    "fill": "black",
    "code": "DataMatrix",
    "project": "",
    "search": "2",
}
"""`search` is how wide a pixel is (micrometres) where tissue is looked at, `project` the first line of a new label."""
LONGEST_PROJECT = 40
NARROWEST, WIDEST = 0.1, 100.0


def looks_into_tissue(pixels: Mapping[str, str]) -> bool:
    """Tell whether levels of a slide may be looked into under these policies."""
    return any(pixels[each] in LOOKED_INTO for each in ("VOLUME", "THUMBNAIL", "burned-in"))


def pixels_of(layers: Sequence[Layer], options: Iterable[Option]) -> dict[str, str]:
    """Return the settings of [pixels], later files over earlier ones, and options over what they may not leave.

    Raises ProfileError with file and line.
    """
    pixels = dict(DEFAULTS)
    said: set[str] = set()
    for layer in layers:
        for setting, word in layer.data.get("pixels", {}).items():
            wrong = _wrong(setting, word)
            if wrong:
                raise ProfileError(f"{layer.at('pixels', setting)}: {wrong}")
            pixels[setting] = word
            said.add(setting)
    for option in options:
        for setting, word in option.pixels.items():
            kept = pixels[setting] == "keep"
            if kept and (setting in FLAVOURS or setting not in said):
                pixels[setting] = word
    return pixels


def _wrong(setting: str, word: str) -> str:
    """Return what is wrong with a setting, nothing where it is right."""
    if setting not in DEFAULTS:
        return f"[pixels] has no {setting!r}{nearest(setting, DEFAULTS)}"
    if setting in WORDS:
        if word not in WORDS[setting]:
            return f"[pixels] {setting}: no policy {word!r}{nearest(word, WORDS[setting])}"
        if ONLY_FOR.get(word, setting) != setting:
            return f"[pixels] {setting}: {word!r} is for {ONLY_FOR[word]} only"
    if setting == "search" and not _is_width(word):
        return f"[pixels] search must be a number of micrometres from {NARROWEST} to {WIDEST:g}"
    if setting == "project" and not (len(word) <= LONGEST_PROJECT and word.isprintable()):
        return f"[pixels] project must have at most {LONGEST_PROJECT} characters that can be printed"
    return ""


def _is_width(word: str) -> bool:
    try:
        return NARROWEST <= float(word) <= WIDEST
    except ValueError:
        return False


def masks_of(layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """Return name and text of the mask files that the profile names, each beside the file that names it."""
    found = []
    for layer in layers:
        for number, name in enumerate(layer.data.get("masks", ())):
            try:
                found.append((name, (layer.path.parent / name).read_bytes().decode()))
            except (OSError, UnicodeDecodeError):
                raise ProfileError(f"{layer.at('masks', number)}: the file of masks cannot be read") from None
    return found
