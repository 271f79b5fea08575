"""What is held: sealed files, and rows beside those of the outbox that say what each waits for."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from dicomanon.errors import MalformedError, StorageError
from dicomanon.node.sealed import sealed_text, unsealed_text
from dicomanon.part10.write import sync_folder
from dicomanon.pixels.places import Places

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.node.held import Held
    from dicomanon.node.lane import Lane
    from dicomanon.node.outbox import Outbox
    from dicomanon.pipeline import Cleared

WAITING = "waiting"
QUARANTINED = "quarantined"
REMEMBERED = 30 * 86400.0
"""How long places are remembered for levels that come later (seconds)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One instance that is held: its row, and its sealed file."""

    number: int
    path: Path


class Holding:
    """What is held of all routes; any thread."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._arriving: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def arriving(self, route: str, pyramid: str) -> Iterator[None]:
        """Tell that an instance of a pyramid is on its way: until then the pyramid is not complete."""
        with self._lock:
            self._arriving[route, pyramid] += 1
        try:
            yield
        finally:
            with self._lock:
                self._arriving[route, pyramid] -= 1

    def add(self, held: Held, lane: Lane) -> None:
        """Take a sealed file over; what is held already counts once. Raises StorageError."""
        route = lane.route.name
        target = self._outbox.held / f"{uuid4().hex}.held"
        same = (route, held.instance, held.content)
        try:
            held.path.rename(target)
            sync_folder(self._outbox.held)
            with self._outbox.change() as database:
                again = database.execute(
                    "SELECT id FROM held WHERE route = ? AND instance = ? AND content = ? AND state = ?",
                    (*same, WAITING),
                ).fetchone()
                if again is None:
                    database.execute(
                        "INSERT INTO held (route, pyramid, instance, content, file, size, received, state)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        (route, held.pyramid, *same[1:], target.name, held.size, time.time(), WAITING),
                    )
                else:
                    database.execute("UPDATE held SET received = ? WHERE id = ?", (time.time(), again[0]))
        except OSError as error:
            target.unlink(missing_ok=True)
            raise StorageError(f"{target}: {error.strerror}") from error
        except StorageError:
            target.unlink(missing_ok=True)
            raise
        if again is not None:
            target.unlink(missing_ok=True)

    def due(self, routes: list[str], quiet: float) -> tuple[str, str] | None:
        """Return route and pyramid of what nothing was added to for so many seconds, None where there is none."""
        now = time.time()
        for route, pyramid, last in self._outbox.rows(
            "SELECT route, pyramid, max(received) FROM held WHERE state = ? GROUP BY 1, 2 ORDER BY 3", WAITING
        ):
            key = (str(route), str(pyramid))
            # One that came in the future came before the clock was set back.
            is_quiet = not now - quiet < float(str(last)) <= now
            with self._lock:
                if key[0] in routes and is_quiet and not self._arriving[key]:
                    return key
        return None

    def waiting_in(self, route: str, pyramid: str) -> list[Waiting]:
        """Return what is held of a pyramid, in the order in which it came."""
        rows = self._outbox.rows(
            "SELECT id, file FROM held WHERE route = ? AND pyramid = ? AND state = ? ORDER BY id",
            *(route, pyramid, WAITING),
        )
        return [Waiting(int(str(number)), self._outbox.held / str(name)) for number, name in rows]

    def release(self, waiting: Waiting, cleared: Cleared, lane: Lane) -> None:
        """Give what was cleared to the outbox, and let go of what was held.

        Raises ExistsError as the outbox does, and StorageError.
        """

        def forget(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM held WHERE id = ?", (waiting.number,))

        self._outbox.add(cleared, lane, forget)
        waiting.path.unlink(missing_ok=True)

    def let_go(self, waiting: Waiting) -> None:
        """Delete what was held and does not leave, on purpose."""
        with self._outbox.change() as database:
            database.execute("DELETE FROM held WHERE id = ?", (waiting.number,))
        waiting.path.unlink(missing_ok=True)

    def quarantine(self, waiting: Waiting, reason: str, status: int) -> None:
        """Note that an instance cannot leave: the sender was told that it is here, so it stays, sealed."""
        with self._outbox.change() as database:
            database.execute(
                "UPDATE held SET state = ?, reason = ?, status = ? WHERE id = ?",
                (QUARANTINED, reason, status, waiting.number),
            )

    def repeat(self) -> int:
        """Let everything that was quarantined be looked at once more; return how many."""
        with self._outbox.change() as database:
            return database.execute(
                "UPDATE held SET state = ?, reason = '' WHERE state = ?", (WAITING, QUARANTINED)
            ).rowcount

    def count(self, state: str = WAITING) -> int:
        """Count what is held."""
        return int(str(self._outbox.rows("SELECT count(*) FROM held WHERE state = ?", state)[0][0]))

    def elsewhere(self, routes: list[str]) -> int:
        """Count what waits for routes that are not configured: nobody releases it."""
        rows = self._outbox.rows("SELECT route, count(*) FROM held WHERE state = ? GROUP BY 1", WAITING)
        return sum(int(str(number)) for route, number in rows if route not in routes)

    def remember(self, route: str, pyramid: str, places: Places, key: bytes) -> None:
        """Keep what was found in a pyramid for levels that come later."""
        data = sealed_text(json.dumps(_document(places)), key)
        with self._outbox.change() as database:
            database.execute("DELETE FROM place WHERE time < ?", (time.time() - REMEMBERED,))
            database.execute(
                "INSERT INTO place (route, pyramid, sealed, time) VALUES (?, ?, ?, ?)",
                (route, pyramid, data, time.time()),
            )

    def known(self, route: str, pyramid: str, key: bytes) -> tuple[Places, ...]:
        """Return what was found earlier in a pyramid; what cannot be read counts as not looked at."""
        rows = self._outbox.rows(
            "SELECT sealed FROM place WHERE route = ? AND pyramid = ? ORDER BY time", route, pyramid
        )
        found = []
        for (data,) in rows:
            try:
                found.append(_places(json.loads(unsealed_text(bytes(data), key))))  # type: ignore[call-overload]
            except (MalformedError, ValueError):
                continue
        return tuple(found)


def _document(places: Places) -> list[object]:
    seen = [(sorted(layers), extent) for layers, extent in places.seen]
    found = [(*each[:3], "") for each in places.found]  # what it says does not rest on a disk
    return [places.owner, places.frame, found, sorted(places.enough), seen, places.met]


def _places(document: list[list[object]]) -> Places:
    owner, frame, found, enough, seen, met = document

    def tuples(value: object) -> object:
        return tuple(tuples(each) for each in value) if isinstance(value, list) else value

    return Places(
        tuples(owner),  # type: ignore[arg-type]
        tuples(frame),  # type: ignore[arg-type]
        tuples(found),  # type: ignore[arg-type]
        frozenset(map(str, enough)),
        tuple((frozenset(each[0]), tuple(each[1])) for each in seen),  # type: ignore[index]
        tuples(met),  # type: ignore[arg-type]
    )
