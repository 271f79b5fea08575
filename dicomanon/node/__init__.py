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
from dicomanon.node.outbox import Outbox
from dicomanon.node.receive import Lane, Receiver
from dicomanon.node.routes import open_route
from dicomanon.node.status import Status, read_status
from dicomanon.pipeline import clear
from dicomanon.sinks import open_sink

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from pathlib import Path

    from dicomanon.config import Config
    from dicomanon.part10 import Instance
    from dicomanon.pipeline import Cleared, Outcome, Route

__all__ = ["Lane", "Node", "Status", "serve"]

log = logging.getLogger(__name__)

LOCK = "lock"
AUDIT = "audit.jsonl"


class Node:
    """One node in this process; `start` and `stop` once each."""

    def __init__(
        self,
        config: Config,
        clear: Callable[[Callable[[], Instance], Route, Path, str], Outcome] = clear,
    ) -> None:
        self._config = config
        self._clear = clear
        self._lock = -1
        self._finished = False
        self._audit: AuditLog | None = None
        self._outbox: Outbox | None = None
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
        lanes = [
            Lane(open_route(one, self._audit), one.destinations, one.calling) for one in self._config.routes
        ]
        self._recover(self._outbox, repeat_failed=repeat_failed)
        for url in {url: None for lane in lanes for url in lane.destinations}:
            sink = open_sink(url, self._config.node.timeouts)
            self._forwarders[url] = Forwarder(self._outbox, url, sink, self._config.node.retry)
        for number in self._outbox.waiting_elsewhere(self._forwarders).values():
            log.error("outbox waiting=%d reason=destination-not-configured", number)
        self._receiver = Receiver(self._config.node, lanes, self._outbox.incoming, self, self._clear)
        self._receiver.start()
        for forwarder in self._forwarders.values():
            forwarder.start()
        log.info("listening port=%d", self.port)

    @staticmethod
    def _recover(outbox: Outbox, *, repeat_failed: bool) -> None:
        recovery = outbox.recover()
        log.info("recovered repeated=%d wiped=%d lost=%d", recovery.repeated, recovery.wiped, recovery.lost)
        if recovery.lost:
            log.error("outbox lost=%d", recovery.lost)
        if repeat_failed:
            log.info("recovered failed=%d", outbox.repeat_failed())

    def stop(self) -> None:
        """Stop listening, finish what is being sent, let go of the spool; what waits stays for a restart."""
        self.finish()
        if self._outbox is not None:
            self._outbox.close()
        if self._audit is not None:
            self._audit.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._receiver, self._outbox, self._audit, self._lock = None, None, None, -1

    def finish(self) -> None:
        """Stop listening, and finish what is being sent."""
        if self._receiver is not None:
            self._receiver.stop()
        if not self._finished:
            for forwarder in self._forwarders.values():
                forwarder.stop()
        self._finished = True

    def waiting(self) -> int:
        """Count the deliveries that are still to be made; raises StorageError when it does not run."""
        return sum(self._open_outbox().waiting_elsewhere(()).values())

    def status(self) -> Status:
        """Count what is kept, delivered and refused; raises StorageError when it does not run."""
        return read_status(self._open_outbox())

    def add(self, cleared: Cleared, lane: Lane) -> int:
        """Keep a cleared instance, and tell those who deliver it."""
        number = self._open_outbox().add(cleared, lane)
        for url in lane.destinations:
            self._forwarders[url].wake()
        return number

    def refuse(self, lane: Lane, outcome: str, reason: str, status: int) -> None:
        """Count an instance that does not leave."""
        self._open_outbox().refuse(lane, outcome, reason, status)

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
