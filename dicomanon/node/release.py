"""From what is held to the outbox: a pyramid that is complete is looked at, and all of its levels are cleared."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dicomanon.audit import AuditRecord
from dicomanon.errors import DicomanonError, StorageError
from dicomanon.node.held import reopened
from dicomanon.pipeline import Cleared, Dropped, Quarantined, settled
from dicomanon.pixels.clean import SOP_INSTANCE
from dicomanon.pixels.header import Header
from dicomanon.survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from dicomanon.node.holding import Holding, Waiting
    from dicomanon.node.lane import Lane
    from dicomanon.part10.instance import Instance
    from dicomanon.pipeline import Outcome, Route
    from dicomanon.pixels.places import Places, Told
    from dicomanon.survey import Opened

    Clear = Callable[..., Outcome]

log = logging.getLogger(__name__)

LONGEST_WAIT = 1.0
"""How long the thread sleeps at most before it looks again for what is complete (seconds)."""
AGAIN = 10.0
"""How long what could not be released is left alone (seconds)."""
SLACK = 0.02
"""By so much what is found again may lie beside what was found before (mm)."""


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
        self._not_now: dict[tuple[str, str], float] = {}
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

    @property
    def lives(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._step():
                self._stopping.wait(min(LONGEST_WAIT, self._quiet))

    def _step(self) -> bool:
        """Release one pyramid, if one is due; one that fails waits, and the others go on."""
        now = time.monotonic()
        self._not_now = {key: until for key, until in self._not_now.items() if until > now}
        due: list[tuple[str, str]] = []

        def work() -> None:
            due.extend(filter(None, (self._holding.due(self._lanes, self._quiet, self._not_now),)))
            for route, pyramid in due:
                self._release(self._lanes[route], pyramid)

        try:
            failed = settled(work)
            reason = "" if failed is None else failed.message
        except StorageError as error:
            # A full disk, or an outbox that was closed: what is held is safe.
            reason = error.reason
        if reason:
            log.error("held=%s reason=%s", due[0][1] if due else "unreadable", json.dumps(reason))
            self._not_now.update(dict.fromkeys(due, time.monotonic() + AGAIN))
        return bool(due)

    def _release(self, lane: Lane, pyramid: str) -> None:
        """Look at a pyramid, then clear what is held of it."""
        opened: list[tuple[Waiting, Callable[[], Instance]]] = []
        contents: dict[str, str] = {}
        for waiting in self._holding.waiting_in(lane.route.name, pyramid):
            again = settled(partial(reopened, waiting.path, lane.key, f"held {waiting.number}"))
            if isinstance(again, Quarantined):
                self._quarantine(lane, waiting, again)
                continue
            opened.append((waiting, again))
            uid = Header.of(again()).text(SOP_INSTANCE)
            contents[uid] = waiting.content if contents.get(uid, waiting.content) == waiting.content else ""
        places = settled(partial(self._survey, lane, pyramid, [again for _, again in opened], contents))
        if isinstance(places, Quarantined):
            for waiting, _ in opened:
                self._quarantine(lane, waiting, places)
            return
        route = replace(lane.route, places=places)
        for waiting, again in opened:
            if self._stopping.is_set():
                return
            self._settle(lane, waiting, self._cleared(route, again))

    def _survey(
        self,
        lane: Lane,
        pyramid: str,
        sources: Sequence[Callable[[], Instance]],
        contents: Mapping[str, str],
    ) -> tuple[Places, ...]:
        def opened(again: Callable[[], Instance]) -> Callable[[ExitStack], Opened]:
            return lambda _: (again(), again)

        profile, name = lane.route.deidentifier.profile, lane.route.name
        known = self._holding.known(name, pyramid, contents, lane.key)
        found = survey(map(opened, sources), profile, known=known, alone=True)
        for places in found:
            self._holding.remember(name, pyramid, places, contents, lane.key)
        left = {uid for places in known for uid in places.all_uids}
        new = sum(not _was_known(each, known) for places in found for each in places.found)
        if left and new:
            # Other levels have left without these boxes: a person has to look at the archive, and may send them again.
            log.error("pyramid=%s found-late=%d", pyramid, new)
            self._record(lane.route, "found-late", f"{new} found in a level after others had left")
            pseudonym = lane.route.deidentifier.pseudonymizer.uid
            self._holding.let_differ({*left, *(pseudonym(uid.encode()).decode() for uid in left)})
        return (*known, *found)

    def _cleared(self, route: Route, again: Callable[[], Instance]) -> Outcome:
        def itself(_: Instance) -> Callable[[], Instance]:
            return again

        return self._clear(again, route, self._folder, "", itself)

    def _settle(self, lane: Lane, waiting: Waiting, outcome: Outcome) -> None:
        if isinstance(outcome, Dropped):
            self._holding.let_go(waiting, lane, outcome.reason)
        elif not isinstance(outcome, Cleared):
            self._quarantine(lane, waiting, outcome)
        else:
            try:
                self._holding.release(waiting, outcome, lane)
            except DicomanonError as error:
                outcome.path.unlink(missing_ok=True)
                lane.route.note_withdrawn(outcome, error.reason)
                if isinstance(error, StorageError):
                    raise
                self._quarantine(lane, waiting, Quarantined(error.reason, str(error), error.dicom_status))
            else:
                log.info(
                    "held=%d outcome=cleared bytes=%d instance=%s",
                    *(waiting.number, outcome.size, outcome.sop_instance_uid),
                )
                self._gone(lane)

    def _quarantine(self, lane: Lane, waiting: Waiting, why: Quarantined) -> None:
        log.error(
            "held=%d route=%s outcome=quarantined reason=%s why=%s",
            *(waiting.number, lane.route.name, why.reason, json.dumps(why.message)),
        )
        self._holding.quarantine(waiting, why.reason, why.dicom_status)

    @staticmethod
    def _record(route: Route, outcome: str, why: str) -> None:
        if route.audit is not None:
            route.audit.add(AuditRecord(outcome, route.deidentifier.profile.name, route.name, why=why))


def _was_known(told: Told, known: Sequence[Places]) -> bool:
    """Tell whether a place lies in one that was found before, as all of a level that comes again does."""
    left, top, right, bottom = told[2]
    return any(
        other[0] - SLACK <= left
        and other[1] - SLACK <= top
        and right <= other[2] + SLACK
        and bottom <= other[3] + SLACK
        for places in known
        for _, _, other, _, _ in places.found
    )
