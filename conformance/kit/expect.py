"""What has to become of a planted value: code, Type and VR to actions, each with the outcomes that pass.

The reading of Table E.1-1a is strict where the table leaves no choice. X is gone, not empty; a code with a choice is
X where the IOD does not demand the attribute. Three questions are asked apart: is the value gone (text_removed), is
the attribute still there where the IOD demands it (tag_retained), has it a value where it is Type 1 or D is said
(text_notnull). Where the table says X and the IOD demands the attribute, any of the two may win (E.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.kit import tables

if TYPE_CHECKING:
    from conformance.kit.generate import Planting

ACTIONS = (
    *("tag_retained", "text_notnull", "text_retained", "text_removed", "date_shifted"),
    *("uid_changed", "uid_consistent", "patid_consistent", "pixels_hidden", "pixels_retained"),
)
"""Names of the ten scored actions, as the MIDI-B benchmark has them."""

ABSENT, EMPTY, SAME, CHANGED = "absent", "empty", "same", "changed"
GONE = "gone with its sequence"
"""Absent, for the sequence on the way to it has no item any more: passes wherever ABSENT does."""
PRESENT = frozenset({EMPTY, SAME, CHANGED})
FILLED = frozenset({SAME, CHANGED})
REMOVED = frozenset({ABSENT, EMPTY, CHANGED})
DATE_OPTION, UID_OPTION = "retain-modified-dates", "retain-uids"


@dataclass(frozen=True, slots=True)
class Expectation:
    """An action and the outcomes of one attribute that pass; `why` is the code and the Type it was read with."""

    action: str
    passes: frozenset[str]
    why: str


def expectations(planting: Planting) -> list[Expectation]:
    """Return what is expected of a planting: at least one action."""
    code, kind = planting.code, planting.type
    why = f"{code}, {'Type ' + kind if kind else 'not in the IOD'}"
    missing = frozenset() if kind else frozenset({ABSENT})
    if code == "K":
        return _kept(planting, why, missing)
    if code == "C" and DATE_OPTION in tables.parts(planting.option) and planting.vr in {"DA", "DT"}:
        return [Expectation("date_shifted", frozenset({CHANGED}) | missing, why)]
    if code == "C" and DATE_OPTION in tables.parts(planting.option) and planting.vr == "TM":
        return [Expectation("tag_retained", FILLED | missing, why)]
    unless_demanded = frozenset() if planting.demanded else frozenset({ABSENT})
    if planting.demanded_in_item:
        unless_demanded = frozenset({GONE})
    if code == "U":
        found = [Expectation("uid_changed", frozenset({CHANGED}) | unless_demanded, why)]
    else:
        gone = frozenset({ABSENT}) if _must_go(planting) else REMOVED
        if planting.vr == "SQ" and UID_OPTION in tables.parts(planting.option):
            gone |= {SAME}  # the reference in its item may stay, what identifies there may not
        found = [Expectation("text_removed", gone, why)]
    if (planting.demanded or planting.demanded_in_item) and code != "X":
        found.append(Expectation("tag_retained", PRESENT | unless_demanded, why))
    if kind in {"1", "1C"} or (code == "D" and kind):
        allowed = FILLED | (frozenset({ABSENT}) if code == "X" else unless_demanded)
        found.append(Expectation("text_notnull", allowed, why))
    return found


def _must_go(planting: Planting) -> bool:
    """Whether nothing but removal is right: X, or a choice with X that the IOD does not decide otherwise."""
    if planting.row.selector == "PRIVATE":
        return True
    return planting.type in {None, "3"} and (planting.code == "X" or planting.code in {"X/Z", "X/D", "X/Z/D"})


def _kept(planting: Planting, why: str, missing: frozenset[str]) -> list[Expectation]:
    """K: unchanged; of a sequence, still there, with what identifies gone from its items (Table E.1-1a)."""
    if planting.vr != "SQ":
        return [Expectation("text_retained", frozenset({SAME}) | missing, why)]
    stays = (
        Expectation("text_retained", frozenset({SAME}) | missing, why)
        if UID_OPTION in tables.parts(planting.option)
        else Expectation("tag_retained", FILLED | missing, why)
    )
    return [stays, Expectation("text_removed", REMOVED | {SAME}, f"{why}: its items are cleaned")]
