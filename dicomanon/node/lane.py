"""What the parts of a node know of one sender: its lane, and who keeps what came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dicomanon.node.held import Held
    from dicomanon.pipeline import Cleared, Route


@dataclass(frozen=True, slots=True)
class Lane:
    """What happens to the instances of one sender: the pipeline's route, and where they go."""

    route: Route
    destinations: tuple[str, ...]
    calling: tuple[str, ...] = ()
    key: bytes = b""
    """Encrypts what has to wait for the rest of its slide; nothing where the route looks into no tissue."""


class Keeper(Protocol):
    """Where cleared instances become durable, and refused ones are counted: the outbox."""

    def add(self, cleared: Cleared, lane: Lane) -> int:
        """Keep until delivered; on return it survives a crash; raises StorageError."""
        ...

    def arriving(self, route: str, pyramid: str) -> AbstractContextManager[None]:
        """Tell that an instance of a pyramid is on its way."""
        ...

    def hold(self, held: Held, lane: Lane) -> None:
        """Keep what waits for the rest of its pyramid; on return it survives a crash; raises StorageError."""
        ...

    def refuse(self, lane: Lane, outcome: str, reason: str, status: int) -> None:
        """Count what does not leave; raises StorageError."""
        ...
