"""What is acknowledged and not yet delivered: files, and one SQLite database that says what is to be done.

An instance is acknowledged only after its file and its row are on disk. A row says per destination: waiting,
sending, sent (the destination acknowledged it), failed (it refused for good; kept and listed), lost (the
file is gone, which needs a person). Nothing here is from the identified side.
"""

from __future__ import annotations

import re
import sqlite3
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING
from uuid import uuid4

from dicomanon.errors import ExistsError, StorageError
from dicomanon.node.sameness import pixel_digest
from dicomanon.node.schema import SCHEMA
from dicomanon.part10.write import sync_folder
from dicomanon.pipeline import Cleared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from dicomanon.node.lane import Lane

WAITING = "waiting"
SENDING = "sending"
SENT = "sent"
FAILED = "failed"
LOST = "lost"

DATABASE = "outbox.sqlite"
FILES = "outbox"
INCOMING = "incoming"
HELD = "held"
NEW_SPOOL = frozenset((FILES, INCOMING, HELD, "lock", "lost+found"))
"""What may stand in a folder that becomes a spool: anything else is somebody's."""
OWN_NAME = re.compile(r"\.[0-9a-f]{32}\.part|[0-9a-f]{32}\.(?:dcm|held)")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One instance on its way to one destination; `attempts` were made before this one."""

    instance: int
    destination: str
    attempts: int
    cleared: Cleared


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a start found: deliveries to repeat, files nobody was promised, rows whose file is gone."""

    repeated: int
    wiped: int
    lost: int


class Outbox:
    """The durable queue; one process at a time, any of its threads.

    With `read_only` nothing of the spool is touched, and `rows` is all there is.
    """

    def __init__(self, spool: Path, *, read_only: bool = False) -> None:
        self._spool = spool
        self._files = spool / FILES
        self.incoming = spool / INCOMING
        self.held = spool / HELD
        self._lock = threading.Lock()
        if read_only:
            self._database = self._open_to_read(spool / DATABASE)
            return
        try:
            used = (spool / DATABASE).exists() or not spool.is_dir()
            if not used and {path.name for path in spool.iterdir()} - NEW_SPOOL:
                raise StorageError(f"{spool} holds files that are no node's: name a folder of its own")
            for folder in (spool, self._files, self.incoming, self.held):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                folder.chmod(0o700)
            fresh = not (spool / DATABASE).exists()
        except OSError as error:
            raise StorageError(f"{spool}: {error.strerror}") from error
        for folder in (self._files, self.held):
            if fresh and any(folder.iterdir()):
                # Without its rows a file looks as if it was never acknowledged: a person must decide.
                raise StorageError(f"{folder} holds instances, and the database beside it is gone")
        self._database = self._open(spool / DATABASE)
        sync_folder(spool)

    def add(
        self, cleared: Cleared, lane: Lane, also: Callable[[sqlite3.Connection], None] | None = None
    ) -> int:
        """Take the file over and make it durable for all destinations of its lane; return its number.

        `also` changes rows in the same moment. Raises ExistsError where an instance with other pixels came under the
        same UID before.
        """
        target = self._files / f"{uuid4().hex}.dcm"
        try:
            pixels = pixel_digest(cleared.path, cleared.pixels_at) if cleared.pixels_at else ""
            cleared.path.rename(target)
            sync_folder(self._files)
            with self.change() as database:
                _check_same(database, cleared.sop_instance_uid, pixels)
                row = database.execute(
                    "INSERT INTO instance (route, file, sop_class_uid, sop_instance_uid, study_instance_uid,"
                    " series_instance_uid, transfer_syntax_uid, size, received)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(lane.route.name, target.name, cleared.sop_class_uid, cleared.sop_instance_uid),
                        *(cleared.study_instance_uid, cleared.series_instance_uid),
                        *(cleared.transfer_syntax_uid, cleared.size, time.time()),
                    ),
                )
                number = int(row.lastrowid or 0)
                database.executemany(
                    "INSERT INTO delivery (instance, destination, state) VALUES (?, ?, ?)",
                    [(number, destination, WAITING) for destination in lane.destinations],
                )
                if also is not None:
                    also(database)
        except OSError as error:
            target.unlink(missing_ok=True)
            raise StorageError(f"{target}: {error.strerror}") from error
        except (StorageError, ExistsError):
            target.unlink(missing_ok=True)
            raise
        return number

    def refuse(self, lane: Lane, outcome: str, reason: str, status: int) -> None:
        """Count an instance that does not leave, by outcome and reason word."""
        with self.change() as database:
            database.execute(
                "INSERT INTO refusal (route, outcome, reason, status, time) VALUES (?, ?, ?, ?, ?)",
                (lane.route.name, outcome, reason, status, time.time()),
            )

    def recover(self) -> Recovery:
        """Put right what a crash left: call once, before anything is received or sent."""
        with self.change() as database:
            repeated = database.execute(
                "UPDATE delivery SET state = ? WHERE state = ?", (WAITING, SENDING)
            ).rowcount
            # A back-off is counted from the clock of a process that is gone.
            database.execute("UPDATE delivery SET next_try = 0 WHERE state = ?", (WAITING,))
            open_rows = [
                (str(name), int(number))
                for name, number in database.execute("SELECT file, id FROM instance WHERE done IS NULL")
            ]
            lost = [number for name, number in open_rows if not (self._files / name).exists()]
            database.executemany(
                "UPDATE delivery SET state = ? WHERE instance = ? AND state <> ?",
                [(LOST, number, SENT) for number in lost],
            )
        held = {str(name) for (name,) in self.rows("SELECT file FROM held")}
        wiped = self._wipe({name for name, _ in open_rows} | held)
        return Recovery(repeated, wiped, len(lost))

    def repeat_failed(self) -> int:
        """Let every delivery that was given up be tried once more, from its first attempt on; return how many."""
        with self.change() as database:
            return database.execute(
                "UPDATE delivery SET state = ?, attempts = 0, next_try = 0 WHERE state = ?", (WAITING, FAILED)
            ).rowcount

    def waiting_elsewhere(self, destinations: Iterable[str]) -> dict[str, int]:
        """Count what waits for other destinations than these: nobody delivers it."""
        served = set(destinations)
        rows = self.rows(
            "SELECT destination, count(*) FROM delivery WHERE state IN (?, ?) GROUP BY 1", WAITING, SENDING
        )
        return {str(url): int(str(number)) for url, number in rows if url not in served}

    def take(self, destination: str, longest: float = inf) -> Delivery | None:
        """Take the next instance that is due for a destination; it counts as being sent from now on.

        What is to wait for more than `longest` seconds is due: the clock was set back.
        """
        now = time.time()
        with self.change() as database:
            row = database.execute(
                "SELECT id, attempts, file, sop_class_uid, sop_instance_uid, study_instance_uid,"
                " series_instance_uid, transfer_syntax_uid, size FROM delivery JOIN instance ON id = instance"
                " WHERE destination = ? AND state = ? AND (next_try <= ? OR next_try > ?)"
                " ORDER BY next_try, id LIMIT 1",
                (destination, WAITING, now, now + longest),
            ).fetchone()
            if row is None:
                return None
            database.execute(
                "UPDATE delivery SET state = ? WHERE instance = ? AND destination = ?",
                (SENDING, row[0], destination),
            )
        return Delivery(int(row[0]), destination, int(row[1]), Cleared(self._files / row[2], *row[3:]))

    def sent(self, delivery: Delivery, status: int) -> None:
        """Note that the destination has it; the file goes when all destinations have."""
        with self.change() as database:
            self._settle(database, delivery, SENT, status, "", 0.0)
            row = database.execute(
                "SELECT count(*) FROM delivery WHERE instance = ? AND state <> ?", (delivery.instance, SENT)
            ).fetchone()
            done = row[0] == 0
            if done:
                database.execute(
                    "UPDATE instance SET done = ? WHERE id = ?", (time.time(), delivery.instance)
                )
        if done:
            delivery.cleared.path.unlink(missing_ok=True)

    def retry(self, delivery: Delivery, status: int | None, reason: str, seconds: float) -> None:
        """Note an attempt that is worth another one, `seconds` from now."""
        with self.change() as database:
            self._settle(database, delivery, WAITING, status, reason, time.time() + seconds)

    def failed(self, delivery: Delivery, status: int | None, reason: str) -> None:
        """Note that the destination will not take it; it stays, file and row."""
        with self.change() as database:
            self._settle(database, delivery, FAILED, status, reason, 0.0)

    def lost(self, delivery: Delivery) -> None:
        """Note that the file of a delivery is not there any more."""
        with self.change() as database:
            self._settle(database, delivery, LOST, None, StorageError.reason, 0.0)

    def rows(self, query: str, *values: str | float) -> list[tuple[object, ...]]:
        """Answer a read-only query over the tables of `schema.py`."""
        with self._lock:
            try:
                return list(self._database.execute(query, values))
            except sqlite3.Error as error:
                raise StorageError(f"{self._spool / DATABASE}: {error}") from error

    def close(self) -> None:
        """Close the database; files and rows stay."""
        with self._lock:
            self._database.close()

    @staticmethod
    def _settle(
        database: sqlite3.Connection,
        delivery: Delivery,
        state: str,
        status: int | None,
        reason: str,
        next_try: float,
    ) -> None:
        database.execute(
            "UPDATE delivery SET state = ?, attempts = attempts + 1, status = ?, reason = ?, next_try = ?"
            " WHERE instance = ? AND destination = ?",
            (state, status, reason, next_try, delivery.instance, delivery.destination),
        )

    def _wipe(self, keep: set[str]) -> int:
        """Delete files that no row names: they were never acknowledged, or are delivered."""
        unnamed = [
            path
            for folder in (self._files, self.held)
            for path in folder.iterdir()
            if OWN_NAME.fullmatch(path.name) and path.name not in keep
        ]
        unnamed += [path for path in self.incoming.iterdir() if OWN_NAME.fullmatch(path.name)]
        for path in unnamed:
            path.unlink()
        return len(unnamed)

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        try:
            database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
            path.chmod(0o600)
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("PRAGMA foreign_keys = ON")
            database.executescript(SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StorageError(f"{path}: {error}") from error
        return database

    @staticmethod
    def _open_to_read(path: Path) -> sqlite3.Connection:
        # Without its log nobody has the database open, and reading it as it is needs no files beside it.
        how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
        try:
            return sqlite3.connect(
                f"{path.absolute().as_uri()}?{how}", uri=True, check_same_thread=False, timeout=10.0
            )
        except sqlite3.Error as error:
            raise StorageError(f"{path}: {error}") from error

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Hold one transaction: all of it is on disk afterwards, or none of it."""
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise StorageError(f"{self._spool / DATABASE}: {error}") from error
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")


def _check_same(database: sqlite3.Connection, sop_instance_uid: str, pixels: str) -> None:
    """Remember the pixels of an instance; raise ExistsError where others are known under its UID."""
    if pixels:
        key = (sop_instance_uid, pixels)
        database.execute("INSERT INTO sameness VALUES (?, ?) ON CONFLICT DO NOTHING", key)
        query = "SELECT pixels FROM sameness WHERE sop_instance_uid = ?"
        if database.execute(query, key[:1]).fetchone() != (pixels,):
            raise ExistsError
