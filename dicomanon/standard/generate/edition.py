"""What a later edition changed in Table E.1-1, for as long as only the earlier one is at hand as DocBook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

Rows = list[list[Any]]


def to_2026d(rows: Rows) -> Rows:
    """2026d: one new row, and one name with a capital letter less; nothing else."""
    new = ["3004007F", "Dose Calculation Model Name", False, True, "X", {"cleanDescriptors": "C"}]
    names = {"001811BB": ("Acquisition Field Of View Label", "Acquisition Field of View Label")}
    stepped = []
    for selector, name, *rest in rows:
        before, after = names.pop(selector, (name, name))
        if name != before or selector == new[0]:
            raise UsageError("the table is not the one of 2026c")
        stepped.append([selector, after, *rest])
    if names:
        raise UsageError("the table is not the one of 2026c")
    place = next((at for at, row in enumerate(stepped) if row[1] > new[1]), len(stepped))
    return [*stepped[:place], new, *stepped[place:]]


STEPS: dict[str, tuple[str, Callable[[Rows], Rows]]] = {"2026c": ("2026d", to_2026d)}
