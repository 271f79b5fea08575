"""From what is held to the outbox: a pyramid that is complete is looked at, and all of its levels are cleared."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from dicomanon.audit import AuditRecord
from dicomanon.errors import DicomanonError, ExistsError, InstanceError, StorageError
from dicomanon.node.held import reopened
from dicomanon.pipeline import Cleared, Dropped, Quarantined, settled
from dicomanon.survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from dicomanon.node.holding import Holding, Waiting
    from dicomanon.node.lane import Lane
    from dicomanon.part10.instance import Instance
    from dicomanon.pipeline import Outcome, Route
    from dicomanon.pixels.places import Places
    from dicomanon.survey import Opened

    Clear = Callable[..., Outcome]

log = logging.getLogger(__name__)

LONGEST_WAIT = 1.0
"""How long the thread sleeps at most before it looks again for what is complete (seconds)."""


class Releaser:
    """Clears pyramids one by one, as they become complete, until it is stopped; `gone` is told what was delivered."""

    def __init__(
        self,
        holding: Holding,
        lanes: Sequence[Lane],
        folder: Path,
        clear: Clear,
        quiet: float,
        gone: Callable[[Lane], None],
    ) -> None:
        self._holding = holding
        self._lanes = {lane.route.name: lane for lane in lanes if lane.key}
        self._folder = folder
        self._clear = clear
        self._quiet = quiet
        self._gone = gone
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="release", daemon=True)

    def start(self) -> None:
        """Begin to look for complete pyramids."""
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Wait for the instance at hand, at most for `seconds`; what is not released yet waits for a restart."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                due = self._holding.due(list(self._lanes), self._quiet)
                if due is not None:
                    self._release(self._lanes[due[0]], due[1])
                    continue
            except StorageError as error:
                # A full disk, or an outbox that was closed: what is held is safe.
                log.error("held=unwritable reason=%s", error.reason)  # noqa: TRY400  # no values in logs
            self._stopping.wait(min(LONGEST_WAIT, self._quiet))

    def _release(self, lane: Lane, pyramid: str) -> None:
        """Look at a pyramid, then clear what is held of it."""
        opened: list[tuple[Waiting, Callable[[], Instance]]] = []
        for waiting in self._holding.waiting_in(lane.route.name, pyramid):
            try:
                opened.append((waiting, reopened(waiting.path, lane.key, f"held {waiting.number}")))
            except (DicomanonError, OSError, ValueError, KeyError) as error:
                self._quarantine(
                    lane, waiting, getattr(error, "reason", "unreadable"), 0x0110, "it cannot be opened"
                )
        known = self._holding.known(lane.route.name, pyramid, lane.key)
        places = self._survey(lane, pyramid, [again for _, again in opened], known)
        route = replace(lane.route, places=places)
        for waiting, again in opened:
            if self._stopping.is_set():
                return
            self._settle(lane, waiting, self._cleared(route, again))

    def _survey(
        self, lane: Lane, pyramid: str, sources: Sequence[Callable[[], Instance]], known: tuple[Places, ...]
    ) -> tuple[Places, ...]:
        def opened(again: Callable[[], Instance]) -> Callable[[ExitStack], Opened]:
            return lambda _: (again(), again)

        profile = lane.route.deidentifier.profile
        found = settled(lambda: survey(map(opened, sources), profile, known=known, alone=True))
        if isinstance(found, Quarantined):
            log.error("pyramid=%s survey=failed reason=%s", pyramid, found.reason)
            return known  # each level is looked at by itself then
        for places in found:
            self._holding.remember(lane.route.name, pyramid, places, lane.key)
        late = sum(len(places.found) for places in found) if known else 0
        if late:
            # Other levels have left without these boxes: a person has to look at the archive.
            log.error("pyramid=%s found-late=%d", pyramid, late)
            self._record(lane.route, "found-late", f"{late} found in a level after others had left")
        return (*known, *found)

    def _cleared(self, route: Route, again: Callable[[], Instance]) -> Outcome:
        def itself(_: Instance) -> Callable[[], Instance]:
            return again

        return self._clear(again, route, self._folder, "", itself)

    def _settle(self, lane: Lane, waiting: Waiting, outcome: Outcome) -> None:
        if isinstance(outcome, Dropped):
            self._holding.let_go(waiting)
        elif not isinstance(outcome, Cleared):
            self._quarantine(lane, waiting, outcome.reason, outcome.dicom_status, outcome.message)
        else:
            try:
                self._holding.release(waiting, outcome, lane)
            except (ExistsError, InstanceError) as error:
                outcome.path.unlink(missing_ok=True)
                lane.route.note_withdrawn(outcome, error.reason)
                self._quarantine(lane, waiting, error.reason, error.dicom_status, str(error))
            except StorageError as error:
                outcome.path.unlink(missing_ok=True)
                lane.route.note_withdrawn(outcome, error.reason)
                raise
            else:
                log.info(
                    "held=%d outcome=cleared bytes=%d instance=%s",
                    *(waiting.number, outcome.size, outcome.sop_instance_uid),
                )
                self._gone(lane)

    def _quarantine(self, lane: Lane, waiting: Waiting, reason: str, status: int, why: str) -> None:
        log.error(
            "held=%d route=%s outcome=quarantined reason=%s why=%s",
            *(waiting.number, lane.route.name, reason, json.dumps(why)),
        )
        self._holding.quarantine(waiting, reason, status)

    @staticmethod
    def _record(route: Route, outcome: str, why: str) -> None:
        if route.audit is not None:
            route.audit.add(AuditRecord(outcome, route.deidentifier.profile.name, route.name, why=why))
