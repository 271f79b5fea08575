"""What is held: sealed files, and rows beside those of the outbox that say what each waits for."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from dicomanon.errors import MalformedError, StorageError
from dicomanon.node.room import has_room
from dicomanon.node.sealed import sealed_text, unsealed_text
from dicomanon.part10.write import sync_folder
from dicomanon.pixels.places import Places, Seen

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dicomanon.node.held import Held
    from dicomanon.node.lane import Lane
    from dicomanon.node.outbox import Outbox
    from dicomanon.pipeline import Cleared

WAITING = "waiting"
QUARANTINED = "quarantined"
VERSION = 1
"""Of how places are written."""
REMEMBERED = 30 * 86400.0
"""How long places are remembered for levels that come later (seconds)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One instance that is held: its row, the digest of its bytes, and its sealed file."""

    number: int
    content: str
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
        """Take a sealed file over; what is held already counts once. Raises StorageError, and the file is gone."""
        route = lane.route.name
        target = self._outbox.held / f"{uuid4().hex}.held"
        same = (route, held.instance, held.content)
        self._check_room(held)
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

    def _check_room(self, held: Held) -> None:
        """Raise StorageError where the largest of what waits would find no room to leave as a second copy of it."""
        largest = self._outbox.rows("SELECT max(size) FROM held WHERE state = ?", WAITING)[0][0]
        if not has_room(self._outbox.held, max(held.size, int(str(largest or 0)))):
            held.path.unlink(missing_ok=True)
            raise StorageError("the disk has no room for what waits to leave")

    def due(
        self, routes: Iterable[str], quiet: float, not_now: Iterable[tuple[str, str]] = ()
    ) -> tuple[str, str] | None:
        """Return route and pyramid of what nothing was added to for so many seconds, None where there is none."""
        now = time.time()
        with self._outbox.change() as database:
            # The clock was set back: what came in the future came just now.
            database.execute("UPDATE held SET received = ? WHERE received > ?", (now, now))
        others = frozenset(not_now)
        for route, pyramid, last in self._outbox.rows(
            "SELECT route, pyramid, max(received) FROM held WHERE state = ? GROUP BY 1, 2 ORDER BY 3", WAITING
        ):
            key = (str(route), str(pyramid))
            if key[0] not in routes or key in others or float(str(last)) > now - quiet:
                continue
            with self._lock:
                if not self._arriving[key]:
                    return key
        return None

    def waiting_in(self, route: str, pyramid: str) -> list[Waiting]:
        """Return what is held of a pyramid, in the order in which it came."""
        rows = self._outbox.rows(
            "SELECT id, content, file FROM held WHERE route = ? AND pyramid = ? AND state = ? ORDER BY id",
            *(route, pyramid, WAITING),
        )
        return [
            Waiting(int(str(number)), str(content), self._outbox.held / str(name))
            for number, content, name in rows
        ]

    def release(self, waiting: Waiting, cleared: Cleared, lane: Lane) -> None:
        """Give what was cleared to the outbox, and let go of what was held.

        Raises ExistsError as the outbox does, and StorageError.
        """

        def forget(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM held WHERE id = ?", (waiting.number,))

        self._outbox.add(cleared, lane, forget)
        _remove(waiting.path)

    def let_go(self, waiting: Waiting, lane: Lane, reason: str) -> None:
        """Delete what was held and does not leave, on purpose, and count it."""
        self._outbox.refuse(lane, "dropped", reason, 0)
        with self._outbox.change() as database:
            database.execute("DELETE FROM held WHERE id = ?", (waiting.number,))
        _remove(waiting.path)

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
            # What was seen of these slides may be why they stay.
            database.execute(
                "DELETE FROM place WHERE pyramid IN (SELECT pyramid FROM held WHERE state = ?)",
                (QUARANTINED,),
            )
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

    def remember(
        self, route: str, pyramid: str, places: Places, contents: Mapping[str, str], key: bytes
    ) -> None:
        """Keep what was found in a pyramid for levels that come later; `contents` is the digest of each UID's bytes."""
        data = sealed_text(json.dumps(_document(places, contents)), key)
        with self._outbox.change() as database:
            database.execute("DELETE FROM place WHERE time < ?", (time.time() - REMEMBERED,))
            database.execute(
                "INSERT INTO place (route, pyramid, sealed, time) VALUES (?, ?, ?, ?)",
                (route, pyramid, data, time.time()),
            )

    def known(self, route: str, pyramid: str, contents: Mapping[str, str], key: bytes) -> tuple[Places, ...]:
        """Return what was found earlier in a pyramid; what cannot be read counts as not looked at.

        An instance that comes again with other bytes was not looked at either: `contents` is what came now.
        """
        rows = self._outbox.rows(
            "SELECT sealed FROM place WHERE route = ? AND pyramid = ? ORDER BY time", route, pyramid
        )
        found = []
        for (data,) in rows:
            try:
                document = json.loads(unsealed_text(bytes(data), key))  # type: ignore[call-overload]
                found.append(_places(document, contents))
            except (MalformedError, ValueError, KeyError, TypeError):
                continue
        return tuple(found)

    def let_differ(self, uids: Iterable[str]) -> None:
        """Forget the pixels of instances that left, so that they may come again with more boxes."""
        with self._outbox.change() as database:
            database.executemany("DELETE FROM sameness WHERE sop_instance_uid = ?", [(uid,) for uid in uids])


def _remove(path: Path) -> None:
    """Delete a sealed file; one that stays has no row any more, and goes at the next start."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _document(places: Places, contents: Mapping[str, str]) -> dict[str, object]:
    return {
        "version": VERSION,
        "owner": places.owner,
        "frame": places.frame,
        # What it says does not rest on a disk.
        "found": [each[:4] for each in places.found],
        "enough": {uid: contents[uid] for uid in places.enough if uid in contents},
        "seen": [[sorted(each.layers), each.extent, each.width] for each in places.seen],
        "met": places.met,
        "refused": places.refused,
    }


def _places(document: dict[str, Any], contents: Mapping[str, str]) -> Places:
    if document["version"] != VERSION:
        raise ValueError("written by another version")
    orientation = tuple(document["frame"][1])
    return Places(
        tuple(document["owner"]),
        (document["frame"][0], orientation),
        tuple(
            (kind, score, tuple(place), tuple(reach), "") for kind, score, place, reach in document["found"]
        ),
        frozenset(uid for uid, content in document["enough"].items() if contents.get(uid) == content),
        tuple(Seen(frozenset(layers), tuple(extent), width) for layers, extent, width in document["seen"]),
        tuple((step, word) for step, word in document["met"]),
        document["refused"],
        frozenset(document["enough"]),
    )
