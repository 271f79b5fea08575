"""The node: receives over DICOM, clears, keeps until delivered, forwards.

receive -> pipeline -> outbox -> forward; `Node` owns the parts, `serve` runs one until it is told to stop.
"""

from __future__ import annotations

import fcntl
import logging
import os
from typing import TYPE_CHECKING

from dicomanon.audit import AuditLog
from dicomanon.errors import StorageError
from dicomanon.node.forward import Forwarder
from dicomanon.node.holding import Holding
from dicomanon.node.lane import Lane
from dicomanon.node.outbox import Outbox
from dicomanon.node.receive import Receiver
from dicomanon.node.release import Releaser
from dicomanon.node.routes import open_lane
from dicomanon.node.status import Status, read_status
from dicomanon.pipeline import clear
from dicomanon.sinks import open_sink

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from dicomanon.config import Config
    from dicomanon.node.held import Held
    from dicomanon.pipeline import Cleared, Outcome

__all__ = ["Lane", "Node", "Status", "serve"]

log = logging.getLogger(__name__)

LOCK = "lock"
AUDIT = "audit.jsonl"


class Node:
    """One node in this process; `start` and `stop` once each."""

    def __init__(
        self,
        config: Config,
        clear: Callable[..., Outcome] = clear,
    ) -> None:
        self._config = config
        self._clear = clear
        self._lock = -1
        self._finished = False
        self._audit: AuditLog | None = None
        self._outbox: Outbox | None = None
        self._holding: Holding | None = None
        self._releaser: Releaser | None = None
        self._receiver: Receiver | None = None
        self._forwarders: dict[str, Forwarder] = {}

    @property
    def config(self) -> Config:
        """What this node was told."""
        return self._config

    @property
    def port(self) -> int:
        """The port it listens on; raises StorageError when it does not run."""
        if self._receiver is None:
            raise StorageError("the node does not run")
        return self._receiver.port

    def start(self, *, repeat_failed: bool = False) -> None:
        """Recover what a crash left, listen, and deliver; with `repeat_failed` also what was given up.

        Raises StorageError, ConfigError, ProfileError and KeyFileError; what is in the spool is as it was then.
        """
        spool = self._config.node.spool
        self._lock = _lock_spool(spool)
        self._outbox = Outbox(spool)
        self._audit = AuditLog(spool / AUDIT)
        self._holding = Holding(self._outbox)
        lanes = [open_lane(one, self._config.node, self._audit) for one in self._config.routes]
        self._recover(self._outbox, self._holding, repeat_failed=repeat_failed)
        for url in {url: None for lane in lanes for url in lane.destinations}:
            sink = open_sink(url, self._config.node.timeouts)
            self._forwarders[url] = Forwarder(self._outbox, url, sink, self._config.node.retry)
        for number in self._outbox.waiting_elsewhere(self._forwarders).values():
            log.error("outbox waiting=%d reason=destination-not-configured", number)
        self._receiver = Receiver(self._config.node, lanes, self._outbox.incoming, self, self._clear)
        self._receiver.start()
        self._releaser = self._make_releaser(self._holding, lanes, self._outbox.incoming)
        for forwarder in self._forwarders.values():
            forwarder.start()
        log.info("listening port=%d", self.port)

    def _make_releaser(self, holding: Holding, lanes: Sequence[Lane], folder: Path) -> Releaser:
        looking = [lane for lane in lanes if lane.key]
        if waiting := holding.elsewhere([lane.route.name for lane in looking]):
            log.error("held waiting=%d reason=route-not-configured", waiting)
        releaser = Releaser(holding, looking, folder, self._clear, self._config.node.quiet, self._wake)
        if looking:
            releaser.start()
        return releaser

    @staticmethod
    def _recover(outbox: Outbox, holding: Holding, *, repeat_failed: bool) -> None:
        recovery = outbox.recover()
        log.info("recovered repeated=%d wiped=%d lost=%d", recovery.repeated, recovery.wiped, recovery.lost)
        if recovery.lost:
            log.error("outbox lost=%d", recovery.lost)
        if repeat_failed:
            log.info("recovered failed=%d", outbox.repeat_failed())
            log.info("recovered held=%d", holding.repeat())

    def stop(self) -> None:
        """Stop listening, finish what is being sent, let go of the spool; what waits stays for a restart."""
        self.finish()
        if self._outbox is not None:
            self._outbox.close()
        if self._audit is not None:
            self._audit.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._receiver, self._outbox, self._holding, self._audit, self._lock = None, None, None, None, -1

    def finish(self) -> None:
        """Stop listening, and finish what is being sent."""
        if self._receiver is not None:
            self._receiver.stop()
        if self._releaser is not None:
            self._releaser.stop()
        if not self._finished:
            for forwarder in self._forwarders.values():
                forwarder.stop()
        self._finished = True

    def waiting(self) -> int:
        """Count the deliveries to be made, and what is held; raises StorageError when it does not run."""
        return sum(self._open_outbox().waiting_elsewhere(()).values()) + self._open_holding().count()

    def status(self) -> Status:
        """Count what is kept, delivered and refused; raises StorageError when it does not run."""
        return read_status(self._open_outbox())

    def add(self, cleared: Cleared, lane: Lane) -> int:
        """Keep a cleared instance, and tell those who deliver it."""
        number = self._open_outbox().add(cleared, lane)
        self._wake(lane)
        return number

    def arriving(self, route: str, pyramid: str) -> AbstractContextManager[None]:
        """Tell that an instance of a pyramid is on its way."""
        return self._open_holding().arriving(route, pyramid)

    def hold(self, held: Held, lane: Lane) -> None:
        """Keep what waits for the rest of its pyramid."""
        self._open_holding().add(held, lane)

    def _wake(self, lane: Lane) -> None:
        for url in lane.destinations:
            self._forwarders[url].wake()

    def refuse(self, lane: Lane, outcome: str, reason: str, status: int) -> None:
        """Count an instance that does not leave."""
        self._open_outbox().refuse(lane, outcome, reason, status)

    def _open_holding(self) -> Holding:
        if self._holding is None:
            raise StorageError("the node does not run")
        return self._holding

    def _open_outbox(self) -> Outbox:
        if self._outbox is None:
            raise StorageError("the node does not run")
        return self._outbox


def serve(
    config: Config,
    *,
    ready: Callable[[int], None] | None = None,
    stop: threading.Event,
    repeat_failed: bool = False,
) -> int:
    """Run a node until `stop` is set; return how many deliveries wait then.

    `ready` is told the port as soon as it listens. `repeat_failed` is that of `Node.start`.
    """
    node = Node(config)
    try:
        node.start(repeat_failed=repeat_failed)
        if ready is not None:
            ready(node.port)
        while not stop.wait(1.0):  # a signal that comes between two bytecodes wakes no endless wait
            pass
        node.finish()
        return node.waiting()
    finally:
        node.stop()


def _lock_spool(spool: Path) -> int:
    """Keep a second node out: it would take files that are being written for left-overs of a crash."""
    try:
        spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(spool / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageError(f"{spool}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StorageError(f"{spool}: another node uses this folder") from error
    return lock
