"""Who did what with which rule: one line a decision, appended, with keyed digests and never a value."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING

from dicomanon.part10.write import storage_errors

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One decision: `source` is a keyed digest of the source's SOP Instance UID, `target` the new UID.

    `why` says in words what `reason` says in one, without a value. `pixels` says what was done to a picture, and of
    what was found in it kind, box and score.
    """

    outcome: str
    profile: str
    route: str
    reason: str = ""
    source: str = ""
    target: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    why: str = ""
    pixels: dict[str, object] = field(default_factory=dict)


class AuditLog:
    """An append-only file of JSON lines, each on the disk before `add` returns."""

    def __init__(self, path: Path) -> None:
        self._lock = Lock()
        with storage_errors():
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, record: AuditRecord) -> None:
        """Append a record."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": at, **asdict(record)}, separators=(",", ":")).encode() + b"\n"
        with self._lock, storage_errors():
            if self._descriptor < 0:
                raise OSError(errno.EBADF, "closed")
            rest = memoryview(line)
            while rest:  # a full disk takes a part, and says so at the next
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)

    def close(self) -> None:
        """Close the file: who writes to it now is told so."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
