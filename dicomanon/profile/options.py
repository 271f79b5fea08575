"""The options of PS3.15 E.3: a file each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.files import read_toml, shipped_folder
from dicomanon.profile.words import nearest, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Option:
    """One option of PS3.15 E.3 with its code of CID 7050."""

    keyword: str
    code: str
    meaning: str
    column: str | None
    excludes: tuple[str, ...]
    temporal: str
    unavailable: str
    clean_tags: Mapping[int, str]
    clean_vrs: Mapping[str, str]
    clean_masks: Mapping[str, str]


def option_keywords() -> list[str]:
    """Return the keywords of all options of PS3.15 E.3."""
    return sorted(path.stem for path in (shipped_folder() / "options").glob("*.toml"))


@cache
def load_option(keyword: str) -> Option:
    """Read one option file; raise ProfileError for a keyword that has none."""
    if keyword not in option_keywords():
        raise ProfileError(f"there is no option {keyword!r}{nearest(keyword, option_keywords())}")
    data = read_toml(shipped_folder() / "options" / f"{keyword}.toml")
    clean = data.get("clean", {})
    return Option(
        keyword=keyword,
        code=data["code"],
        meaning=data["meaning"],
        column=data.get("column"),
        excludes=tuple(data.get("excludes", ())),
        temporal=data.get("temporal", ""),
        unavailable=data.get("unavailable", ""),
        clean_tags=MappingProxyType({parse_tag(tag): word for tag, word in clean.get("tag", {}).items()}),
        clean_vrs=MappingProxyType(dict(clean.get("vr", {}))),
        clean_masks=MappingProxyType(dict(clean.get("mask", {}))),
    )


def chosen_options(keywords: Iterable[str]) -> tuple[Option, ...]:
    """Return the options of these keywords; raise ProfileError for a refused one, or two that exclude each other."""
    chosen = tuple(load_option(keyword) for keyword in dict.fromkeys(keywords))
    names = {option.keyword for option in chosen}
    for option in chosen:
        if option.unavailable:
            raise ProfileError(f"option {option.keyword!r} cannot be promised: {option.unavailable}")
        for other in option.excludes:
            if other in names:
                raise ProfileError(
                    f"options {option.keyword!r} and {other!r} exclude each other (PS3.15 E.3.6)"
                )
    return chosen
