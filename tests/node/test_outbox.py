"""The durable queue on its own: what survives, what is wiped, what is never thrown away."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, cast

import pytest

from dicomanon.config import Retry
from dicomanon.errors import ExistsError, StorageError
from dicomanon.node.forward import back_off, refused_for_good
from dicomanon.node.lane import Lane
from dicomanon.node.outbox import Outbox
from dicomanon.node.status import read_status
from dicomanon.pipeline import Cleared

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.pipeline import Route

ONE, TWO = "dicom://ONE@127.0.0.1:104", "file:///two"


class _Named:
    name = "research"


LANE = Lane(cast("Route", _Named()), (ONE, TWO))


def add(outbox: Outbox, sop: str = "2.25.1") -> int:
    path = outbox.incoming / f".{sop}.part"
    path.write_bytes(b"cleared bytes")
    return outbox.add(Cleared(path, "1.2", sop, "2.25.3", "2.25.2", "1.2.840.10008.1.2.1", 13), LANE)


def states(outbox: Outbox) -> list[tuple[object, ...]]:
    return outbox.rows("SELECT instance, destination, state FROM delivery ORDER BY 1, 2")


def test_an_instance_stays_until_every_destination_has_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    add(outbox)
    first, second = outbox.take(ONE), outbox.take(TWO)
    assert first is not None
    assert second is not None

    outbox.sent(first, 0x0000)
    assert first.cleared.path.read_bytes() == b"cleared bytes"
    outbox.sent(second, 0x0000)

    assert not first.cleared.path.exists()
    assert read_status(outbox).deliveries == {ONE: {"sent": 1}, TWO: {"sent": 1}}


def test_what_was_being_sent_is_sent_again_after_a_restart_with_the_same_uid(tmp_path: Path) -> None:
    before = Outbox(tmp_path)
    add(before)
    first = before.take(ONE)
    assert before.take(ONE) is None

    outbox = Outbox(tmp_path)
    assert outbox.recover().repeated == 1

    again = outbox.take(ONE)
    assert again is not None
    assert again == first


def test_files_that_nobody_was_promised_are_wiped_and_others_are_not(tmp_path: Path) -> None:
    before = Outbox(tmp_path)
    add(before)
    (before.incoming / f".{'0' * 32}.part").write_bytes(b"half")
    (tmp_path / "outbox" / f"{'0' * 32}.dcm").write_bytes(b"whole")

    assert Outbox(tmp_path).recover().wiped == 2

    assert list((tmp_path / "incoming").iterdir()) == []
    assert [path.read_bytes() for path in (tmp_path / "outbox").iterdir()] == [b"cleared bytes"]


def test_a_row_without_its_file_is_called_lost_and_not_sent(tmp_path: Path) -> None:
    before = Outbox(tmp_path)
    add(before)
    next((tmp_path / "outbox").iterdir()).unlink()

    outbox = Outbox(tmp_path)

    assert outbox.recover().lost == 1
    assert outbox.take(ONE) is None
    assert read_status(outbox).deliveries == {ONE: {"lost": 1}, TWO: {"lost": 1}}


def test_files_without_their_database_stop_the_start_instead_of_being_wiped(tmp_path: Path) -> None:
    before = Outbox(tmp_path)
    add(before)
    before.close()
    for path in tmp_path.glob("outbox.sqlite*"):
        path.unlink()

    with pytest.raises(StorageError, match="database"):
        Outbox(tmp_path)

    assert len(list((tmp_path / "outbox").iterdir())) == 1


def test_an_instance_that_cannot_be_written_down_leaves_no_file(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    other = sqlite3.connect(tmp_path / "outbox.sqlite", isolation_level=None)
    other.execute("DROP TABLE delivery")
    other.close()

    with pytest.raises(StorageError):
        add(outbox)

    assert list((tmp_path / "outbox").iterdir()) == []
    assert outbox.rows("SELECT * FROM instance") == []


def test_a_refusal_for_good_keeps_file_and_row(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    add(outbox)
    first = outbox.take(ONE)
    assert first is not None

    outbox.failed(first, 0xA900, "peer-refused")

    assert outbox.take(ONE) is None
    assert first.cleared.path.exists()
    Outbox(tmp_path).recover()
    assert first.cleared.path.exists()
    assert states(outbox)[0] == (1, ONE, "failed")


def test_another_attempt_waits_for_its_time_and_lets_others_pass(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    add(outbox, "2.25.1")
    add(outbox, "2.25.2")
    first = outbox.take(ONE)
    assert first is not None
    outbox.retry(first, 0xA700, "peer-refused", 60.0)

    second = outbox.take(ONE)

    assert second is not None
    assert second.cleared.sop_instance_uid == "2.25.2"
    assert outbox.take(ONE) is None


def test_a_clock_that_is_set_back_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox(tmp_path)
    add(outbox)
    first = outbox.take(ONE, 300.0)
    assert first is not None
    outbox.retry(first, None, "peer-unreachable", 200.0)
    assert outbox.take(ONE, 300.0) is None

    now = time.time()
    monkeypatch.setattr("dicomanon.node.outbox.time.time", lambda: now - 86400.0)

    assert outbox.take(ONE, 300.0) is not None


def test_what_waits_for_a_destination_that_nobody_serves_is_counted(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    add(outbox)
    first = outbox.take(ONE)
    assert first is not None

    assert outbox.waiting_elsewhere((ONE,)) == {TWO: 1}
    assert outbox.waiting_elsewhere(()) == {ONE: 1, TWO: 1}
    outbox.sent(first, 0x0000)
    assert outbox.waiting_elsewhere((TWO,)) == {}


def test_what_was_delivered_is_wiped_when_the_node_died_before_it_could(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    add(outbox)
    (path,) = (tmp_path / "outbox").iterdir()
    for url in (ONE, TWO):
        delivery = outbox.take(url)
        assert delivery is not None
        outbox.sent(delivery, 0x0000)
    path.write_bytes(b"cleared bytes")

    assert Outbox(tmp_path).recover().wiped == 1
    assert not path.exists()


def with_pixels(outbox: Outbox, pixels: bytes, *, header: bytes = b"header") -> int:
    path = outbox.incoming / ".one.part"
    path.write_bytes(header + pixels)
    syntax = "1.2.840.10008.1.2.1"
    return outbox.add(Cleared(path, "1.2", "2.25.1", "2.25.3", "2.25.2", syntax, 13, {}, len(header)), LANE)


@pytest.mark.parametrize("size", [3, 5000, 3_000_000])
def test_an_instance_may_come_again_with_another_header_and_never_with_other_pixels(
    tmp_path: Path, size: int
) -> None:
    outbox = Outbox(tmp_path)
    with_pixels(outbox, bytes(size))
    with_pixels(outbox, bytes(size), header=b"another header")

    for other in (bytes(size + 1), bytes(size - 1) + b"\1", b"\1" + bytes(size - 1)):
        with pytest.raises(ExistsError):
            with_pixels(Outbox(tmp_path), other)

    assert len(list((tmp_path / "outbox").iterdir())) == 2
    assert list((tmp_path / "incoming").iterdir()) == []
    assert read_status(outbox).kept == 2


def test_the_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    Outbox(tmp_path / "spool")

    paths = [tmp_path / "spool", *(tmp_path / "spool").iterdir()]
    assert [oct(path.stat().st_mode & 0o077) for path in paths if path.is_dir()] == ["0o0"] * 4
    assert (tmp_path / "spool" / "outbox.sqlite").stat().st_mode & 0o077 == 0


def test_back_off_doubles_within_its_bounds_and_is_never_the_same_for_two() -> None:
    retry = Retry(first=1.0, longest=300.0)
    for attempts in (0, 1, 5, 50, 5000):
        full = min(300.0, 2.0 ** min(attempts, 30))
        waits = {back_off(retry, attempts) for _ in range(50)}
        assert len(waits) > 40
        assert all(full / 2 <= wait <= full for wait in waits)


@pytest.mark.parametrize(
    ("status", "for_good"),
    [
        *[(0x0122, True), (0xA900, True), (0xA9FF, True), (0xC000, True), (0xCFFF, True)],
        *[(0xA700, False), (0x0110, False), (0x0124, False), (0xFE00, False)],
    ],
)
def test_which_failures_are_worth_another_attempt(status: int, *, for_good: bool) -> None:
    assert refused_for_good(status) is for_good
