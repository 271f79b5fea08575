"""Options, a file each: those of PS3.15 E.3, and those for pathology that have rows of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.files import read_layer, shipped_folder
from dicomanon.profile.overrides import Override, overrides_of
from dicomanon.profile.words import nearest, parse_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Option:
    """One option: of PS3.15 E.3 with its code of CID 7050, or without a code and with `rows`, which claims nothing.

    `pixels` are policies in place of `keep`; an option that has some is claimed of instances where it was carried out.
    """

    keyword: str
    code: str
    meaning: str
    column: str | None
    excludes: tuple[str, ...]
    temporal: str
    clean_tags: Mapping[int, str]
    clean_vrs: Mapping[str, str]
    clean_masks: Mapping[str, str]
    clean_kept: Mapping[str, str]
    rows: tuple[Override, ...] = ()
    pixels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def option_keywords() -> list[str]:
    """Return the keywords of all options, those of PS3.15 E.3 and those for pathology."""
    return sorted(path.stem for path in (shipped_folder() / "options").glob("*.toml"))


@cache
def load_option(keyword: str) -> Option:
    """Read one option file; raise ProfileError for a keyword that has none."""
    if keyword not in option_keywords():
        raise ProfileError(f"there is no option {keyword!r}{nearest(keyword, option_keywords())}")
    layer = read_layer(shipped_folder() / "options" / f"{keyword}.toml")
    data = layer.data
    clean = data.get("clean", {})
    return Option(
        keyword=keyword,
        code=data.get("code", ""),
        meaning=data["meaning"],
        column=data.get("column"),
        excludes=tuple(data.get("excludes", ())),
        temporal=data.get("temporal", ""),
        clean_tags=MappingProxyType({parse_tag(tag): word for tag, word in clean.get("tag", {}).items()}),
        clean_vrs=MappingProxyType(dict(clean.get("vr", {}))),
        clean_kept=MappingProxyType(dict(clean.get("kept", {}))),
        clean_masks=MappingProxyType(dict(clean.get("mask", {}))),
        rows=tuple(overrides_of(layer, "row", f"option {keyword}")),
        pixels=MappingProxyType(dict(data.get("pixels", {}))),
    )


def chosen_options(keywords: Iterable[tuple[str, Callable[[], str] | None]]) -> tuple[Option, ...]:
    """Return the options of keywords, each with what says where it was chosen (file and line, for messages).

    Raises ProfileError for one that is unknown, and for two that exclude each other.
    """
    chosen: dict[str, Option] = {}
    for keyword, where in keywords:
        if keyword not in chosen:
            try:
                chosen[keyword] = _beside(chosen, load_option(keyword))
            except ProfileError as error:
                raise ProfileError(f"{where()}: {error}" if where else str(error)) from None
    return tuple(chosen.values())


def _beside(chosen: Mapping[str, Option], option: Option) -> Option:
    for other in chosen.values():
        if other.keyword in option.excludes or option.keyword in other.excludes:
            said = f"options {other.keyword!r} and {option.keyword!r} exclude each other"
            raise ProfileError(f"{said} (PS3.15 E.3.6)" if other.code and option.code else said)
    return option
