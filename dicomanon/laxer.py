"""Whether an override lets more out than the row of Table E.1-1 it stands for, options included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon import standard

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SEQUENCE_GOES = frozenset(("X", "Z", "X/Z"))
SEQUENCE_STAYS = frozenset(("D", "U", "K"))


def is_laxer(tag: int, code: str, than: str) -> bool:
    """Tell whether an action lets out more of an attribute than another one.

    D or U instead of X or Z is not laxer: a dummy or a keyed UID says nothing (Table E.1-1a allows a dummy for Z).
    Of a sequence the items stay under each of them, and what the items hold meets rules of its own.
    """
    openness = _of_sequence if standard.vr_of(tag) == "SQ" else _of_value
    return openness(code) > openness(than)


def laxer_tags(
    before: Mapping[int, str], after: Mapping[int, str], masks: Mapping[str, str]
) -> tuple[int, ...]:
    """Return the attributes of the table whose action, before the overrides and after, became laxer.

    `masks` has the actions of rows that are no single attribute: private ones are rows of the table too.
    """
    changed = [tag for tag, code in after.items() if code != before.get(tag)]
    listed = [(tag, row.selector) for tag in changed if (row := standard.row_for(tag))]
    return tuple(
        sorted(tag for tag, mask in listed if is_laxer(tag, after[tag], before.get(tag) or masks[mask]))
    )


def note(laxer: Collection[int], direct: Collection[int]) -> str:
    """Return what a user should know of a profile whose overrides are laxer, nothing where none is.

    `direct` are those of them that say by themselves whose instance it is.
    """
    if not laxer:
        return ""
    said = f"The overrides keep more than the Basic Profile: {_named(laxer)}. The output does not claim it (113100)"
    return f"{said}, and says Patient Identity Removed NO for {_named(direct)}." if direct else f"{said}."


def _of_value(code: str) -> int:
    return {"K": 2, "C": 1}.get(code, 0)


def _of_sequence(code: str) -> int:
    return 0 if code in SEQUENCE_GOES else 2 if code in SEQUENCE_STAYS else 1


def _named(tags: Collection[int]) -> str:
    return ", ".join(standard.keyword_of(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in tags)
