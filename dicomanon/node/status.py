"""How a node stands, as plain data: counts by state, per destination and per reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicomanon.node.outbox import Outbox


PLAIN_REFUSALS = "SELECT outcome, reason, count(*) FROM refusal GROUP BY 1, 2"
HELD = "SELECT state, count(*) FROM held GROUP BY 1 ORDER BY 1"
REFUSALS = (
    "SELECT outcome, reason, sum(many) FROM (SELECT outcome, reason, count(*) AS many FROM refusal GROUP BY 1, 2"
    " UNION ALL SELECT state, reason, count(*) FROM held WHERE state = 'quarantined' GROUP BY 1, 2) AS both"
    " GROUP BY 1, 2"
)


@dataclass(frozen=True, slots=True)
class Status:
    """Instances let through, deliveries by destination and state, refusals by outcome and reason.

    `held` counts instances that wait for others of their pyramid, and those that stay here because they cannot leave:
    these are among the refusals too.
    """

    kept: int
    deliveries: dict[str, dict[str, int]]
    refusals: dict[str, dict[str, int]]
    held: dict[str, int] = field(default_factory=dict)


def read_status(outbox: Outbox) -> Status:
    """Count; received = kept + all refusals + what is held and waits, where what came twice while it waited is one."""
    # A spool that a earlier version wrote, and nobody has started since, holds nothing.
    holds = bool(outbox.rows("SELECT 1 FROM sqlite_master WHERE name = 'held'"))
    kept = outbox.rows("SELECT count(*) FROM instance")[0][0]
    return Status(
        kept=int(str(kept)),
        deliveries=_nested(outbox, "SELECT destination, state, count(*) FROM delivery GROUP BY 1, 2"),
        refusals=_nested(outbox, REFUSALS if holds else PLAIN_REFUSALS),
        held={str(state): int(str(count)) for state, count in (outbox.rows(HELD) if holds else ())},
    )


def _nested(outbox: Outbox, query: str) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for first, second, count in outbox.rows(query):
        table.setdefault(str(first), {})[str(second)] = int(str(count))
    return table
