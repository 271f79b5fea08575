"""`[[override]]` of a profile and `[[row]]` of an option: attributes by tag, path or VR, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.rule import CLEANERS, CODES, Rule
from dicomanon.profile.words import nearest, parse_path, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.profile.files import Layer

SELECTORS = ("keyword", "tag", "path", "vr")
KEYS = frozenset((*SELECTORS, "action", "reason"))
OVERRIDE_ACTIONS = tuple(sorted(CODES - {"C"}))
OVERRIDE_VRS = ("AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT")
"""VRs of names, words, dates and UIDs: what is left are the codes and numbers that an image is made of."""


@dataclass(frozen=True, slots=True)
class Override:
    """One line: `path` are tags (see PathRule), empty where the line is for all attributes of `vr`."""

    path: tuple[int, ...]
    anywhere: bool
    vr: str
    rule: Rule

    @property
    def of_tag(self) -> bool:
        """Tell whether the line is for an attribute wherever it stands."""
        return self.anywhere and len(self.path) == 1


def overrides_of(layer: Layer, table: str, origin: str) -> Iterator[Override]:
    """Read the lines of one file; raise ProfileError naming file, line and the nearest word that is known."""
    cleaning = table == "row"
    keys = KEYS | {"cleaner"} if cleaning else KEYS
    for at, line in enumerate(layer.data.get(table, ())):
        where = layer.at(table, at)
        for key in line:
            if key not in keys:
                raise ProfileError(
                    f"{layer.at(table, at, key)}: [[{table}]] has no {key!r}{nearest(key, keys)}"
                )
        if not line.get("reason"):
            raise ProfileError(f"{where}: an [[{table}]] has no reason")
        named = [key for key in SELECTORS if line.get(key)]
        if len(named) != 1:
            said = f"names its attribute twice, by {' and '.join(named)}" if named else "names no attribute"
            raise ProfileError(f"{where}: an [[{table}]] {said}; one of {', '.join(SELECTORS)} does")
        (key,) = named
        selector = line[key]
        try:
            path, anywhere, vr = _selected(key, selector)
        except ProfileError as error:
            raise ProfileError(f"{layer.at(table, at, key)}: {error}") from None
        action, cleaner = line.get("action", ""), line.get("cleaner", "")
        _check_action(f"{layer.at(table, at, 'action')}: {selector}", action, cleaning=cleaning, vr=vr)
        if (action == "C") != (cleaner in CLEANERS):
            raise ProfileError(
                f"{layer.at(table, at, 'cleaner')}: {selector}: C, and nothing else, has a cleaner"
                f"{nearest(cleaner, CLEANERS)}"
            )
        shown = f"VR {vr}" if vr else selector
        rule = Rule(shown, action, origin, cleaner, line["reason"], anywhere=not vr)
        yield Override(path, anywhere, vr, rule)


def _selected(key: str, selector: str) -> tuple[tuple[int, ...], bool, str]:
    if key == "path":
        return *parse_path(selector), ""
    if key != "vr":
        return (parse_tag(selector),), True, ""
    if selector not in OVERRIDE_VRS:
        raise ProfileError(f"no override by VR {selector!r}; one of {' '.join(OVERRIDE_VRS)}")
    return (), False, selector


def _check_action(where: str, action: str, *, cleaning: bool, vr: str) -> None:
    actions = actions_of_vr(vr) if vr else sorted(CODES) if cleaning else OVERRIDE_ACTIONS
    if action not in actions:
        raise ProfileError(f"{where}: no action {action!r}; one of {' '.join(actions)}")


def actions_of_vr(vr: str) -> list[str]:
    """Return what may be done to all attributes of a VR: an instance without its UIDs is none, and U is for them."""
    return ["K", "U"] if vr == "UI" else [each for each in OVERRIDE_ACTIONS if "U" not in each]
