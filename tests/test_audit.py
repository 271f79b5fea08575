from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dicomanon.audit import AuditLog, AuditRecord
from dicomanon.errors import StorageError


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_decision_is_a_line_and_earlier_lines_stay(tmp_path: Path) -> None:
    path = tmp_path / "audit"
    for outcome in ("cleared", "quarantined"):
        log = AuditLog(path)
        log.add(AuditRecord(outcome, "basic", "files", counts={"X": 2}))
        log.close()

    assert [line["outcome"] for line in records(path)] == ["cleared", "quarantined"]
    assert records(path)[0]["counts"] == {"X": 2}


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    AuditLog(tmp_path / "audit").close()

    assert stat.S_IMODE((tmp_path / "audit").stat().st_mode) == 0o600


def test_threads_never_write_into_one_another(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit")
    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit(log.add, AuditRecord("cleared", "basic" * 50, f"route {number}"))
    log.close()

    assert {line["route"] for line in records(tmp_path / "audit")} == {
        f"route {number}" for number in range(200)
    }


def test_a_log_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        AuditLog(tmp_path / "absent" / "audit")
    log = AuditLog(tmp_path / "audit")
    log.close()
    with pytest.raises(StorageError):
        log.add(AuditRecord("cleared", "basic", "files"))


def test_a_full_disk_is_an_error() -> None:
    log = AuditLog(Path("/dev/full"))
    with pytest.raises(StorageError, match="ENOSPC"):
        log.add(AuditRecord("cleared", "basic", "files"))
    log.close()
