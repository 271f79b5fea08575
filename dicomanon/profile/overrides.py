"""`[[override]]` of a profile and `[[row]]` of an option: attributes by tag, path or VR, and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import ProfileError
from dicomanon.profile.rule import CLEANERS, CODES, Rule
from dicomanon.profile.words import nearest, parse_path, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    for at, line in enumerate(layer.data.get(table, ())):
        yield _read(layer, table, at, line, origin)


def _read(layer: Layer, table: str, at: int, line: Mapping[str, str], origin: str) -> Override:
    def wrong(said: str, *key: str) -> ProfileError:
        """Lines are counted for an error alone: it takes longer than all the rest."""
        return ProfileError(f"{layer.at(table, at, *key)}: {said}")

    cleaning = table == "row"
    keys = KEYS | {"cleaner"} if cleaning else KEYS
    for key in line:
        if key not in keys:
            raise wrong(f"[[{table}]] has no {key!r}{nearest(key, keys)}", key)
    if not line.get("reason"):
        raise wrong(f"an [[{table}]] has no reason")
    named = [key for key in SELECTORS if line.get(key)]
    if len(named) != 1:
        said = f"names its attribute twice, by {' and '.join(named)}" if named else "names no attribute"
        raise wrong(f"an [[{table}]] {said}; one of {', '.join(SELECTORS)} does")
    selector = line[named[0]]
    try:
        path, anywhere, vr = _selected(named[0], selector)
    except ProfileError as error:
        raise wrong(str(error), named[0]) from None
    action, cleaner = line.get("action", ""), line.get("cleaner", "")
    actions = actions_of_vr(vr) if vr else CODES if cleaning else OVERRIDE_ACTIONS
    if action not in actions:
        raise wrong(f"{selector}: no action {action!r}; one of {' '.join(sorted(actions))}", "action")
    if (action == "C") != (cleaner in CLEANERS):
        said = f"{selector}: C, and nothing else, has a cleaner{nearest(cleaner, CLEANERS)}"
        raise wrong(said, "cleaner")
    if path and path[-1] >> 16 & 1 and action != "X":
        said = f"{selector}: a private attribute goes, or stays by its creator: [[private]] of retain-safe-private"
        raise wrong(said, "action")
    shown = f"VR {vr}" if vr else selector
    return Override(path, anywhere, vr, Rule(shown, action, origin, cleaner, line["reason"], anywhere=not vr))


def _selected(key: str, selector: str) -> tuple[tuple[int, ...], bool, str]:
    if key == "path":
        return *parse_path(selector), ""
    if key != "vr":
        return (parse_tag(selector),), True, ""
    if selector not in OVERRIDE_VRS:
        raise ProfileError(f"no override by VR {selector!r}; one of {' '.join(OVERRIDE_VRS)}")
    return (), False, selector


def actions_of_vr(vr: str) -> list[str]:
    """Return what may be done to all attributes of a VR: an instance without its UIDs is none, and U is for them."""
    return ["K", "U"] if vr == "UI" else [each for each in OVERRIDE_ACTIONS if "U" not in each]
