"""Whether an override lets more out than the row of Table E.1-1 it stands for, options included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon import standard

if TYPE_CHECKING:
    from collections.abc import Collection

SEQUENCE_GOES = frozenset(("X", "Z", "X/Z"))
SEQUENCE_STAYS = frozenset(("D", "U", "K"))


def is_laxer(tag: int, code: str, than: str) -> bool:
    """Tell whether an action lets out more of an attribute than another one.

    D or U instead of X or Z is not laxer: a dummy or a keyed UID says nothing (Table E.1-1a allows a dummy for Z).
    Of a sequence the items stay under each of them, and what the items hold meets rules of its own.
    """
    openness = _of_sequence if standard.vr_of(tag) == "SQ" else _of_value
    return openness(code) > openness(than)


NAMES_NOBODY = frozenset(("AS", "DA", "DT", "TM", "UI"))
"""VRs in which nobody's name or number can stand but a UID, which PS3.15 E.3.9 allows to be retained."""


def names_somebody(vr: str) -> bool:
    """Tell whether values of a VR that nobody has looked at may say who the patient is."""
    return vr not in NAMES_NOBODY


def note(laxer: Collection[int | str], direct: Collection[int | str]) -> str:
    """Return what a user should know of a profile whose overrides are laxer, nothing where none is.

    Attributes are given by tag or, where an override is for all of a VR, by VR. `direct` are those of them that say
    by themselves whose instance it is, or may.
    """
    if not laxer:
        return ""
    said = f"The overrides keep more than the Basic Profile: {_named(laxer)}. The output does not claim it (113100)"
    return f"{said}, and says Patient Identity Removed NO for {_named(direct)}." if direct else f"{said}."


def _of_value(code: str) -> int:
    return {"K": 2, "C": 1}.get(code, 0)


def _of_sequence(code: str) -> int:
    return 0 if code in SEQUENCE_GOES else 2 if code in SEQUENCE_STAYS else 1


def _named(attributes: Collection[int | str]) -> str:
    return ", ".join(_name(each) for each in attributes)


def _name(attribute: int | str) -> str:
    if isinstance(attribute, str):
        return f"VR {attribute}"
    return standard.keyword_of(attribute) or f"({attribute >> 16:04X},{attribute & 0xFFFF:04X})"
