"""How a node stands, as plain data: counts by state, per destination and per reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicomanon.node.outbox import Outbox


@dataclass(frozen=True, slots=True)
class Status:
    """Instances let through, deliveries by destination and state, refusals by outcome and reason."""

    kept: int
    deliveries: dict[str, dict[str, int]]
    refusals: dict[str, dict[str, int]]


def read_status(outbox: Outbox) -> Status:
    """Count; received = kept + all refusals."""
    kept = outbox.rows("SELECT count(*) FROM instance")[0][0]
    return Status(
        kept=int(str(kept)),
        deliveries=_nested(outbox, "SELECT destination, state, count(*) FROM delivery GROUP BY 1, 2"),
        refusals=_nested(outbox, "SELECT outcome, reason, count(*) FROM refusal GROUP BY 1, 2"),
    )


def _nested(outbox: Outbox, query: str) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for first, second, count in outbox.rows(query):
        table.setdefault(str(first), {})[str(second)] = int(str(count))
    return table
