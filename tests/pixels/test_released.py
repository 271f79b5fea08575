"""What a node holds leaves covered, stays where it cannot, and no trouble with one slide stops another."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydicom import dcmread

from dicomanon.audit import AuditLog, AuditRecord
from dicomanon.errors import StorageError
from dicomanon.node import room
from dicomanon.node.held import Held, take_in
from dicomanon.node.holding import Holding
from dicomanon.node.lane import Lane
from dicomanon.node.outbox import Outbox
from dicomanon.node.release import Releaser
from dicomanon.node.status import read_status
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Cleared, Quarantined, clear, make_route
from dicomanon.pixels.box import Box
from dicomanon.pseudonym import Pseudonymizer
from tests.pixels.marks import HALF, QUARTER, levels_of, marked, marks_in
from tests.pixels.parts import frames_of, with_frames

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dicomanon.pipeline import Outcome
    from dicomanon.profile import Profile
    from tests.pixels.marks import Looks

KEY = bytes(range(32))
LOW = Box(900, 700, 1300, 724)
"""A mark that can be seen on the base and the next level, and no longer on the one after it."""


@dataclass
class Bench:
    """Parts of a node: `sends` is what a sender does, `releases` what the thread does until nothing is due."""

    outbox: Outbox
    holding: Holding
    lane: Lane
    audit: Path
    clear: Any = clear

    def add(self, cleared: Cleared, lane: Lane) -> int:
        return self.outbox.add(cleared, lane)

    def refuse(self, lane: Lane, outcome: str, reason: str, status: int) -> None:
        self.outbox.refuse(lane, outcome, reason, status)

    def arriving(self, route: str, pyramid: str) -> AbstractContextManager[None]:
        return self.holding.arriving(route, pyramid)

    def hold(self, held: Held, lane: Lane) -> None:
        self.holding.add(held, lane)

    def sends(self, path: Path) -> Held | Outcome:
        data = path.read_bytes()
        return take_in(
            lambda: read_instance(io.BytesIO(data)), self.lane, self.outbox.incoming, "", self, self.clear
        )

    def releaser(self) -> Releaser:
        return Releaser(self.holding, [self.lane], self.outbox.incoming, self.clear, 0.0, lambda _: None)

    def releases(self) -> None:
        releaser = self.releaser()
        while releaser._step():
            pass

    def left(self) -> list[int]:
        """Return the marks in what is in the outbox, widest first."""
        files = [dcmread(path) for path in (self.outbox._files).iterdir()]
        wide = sorted(files, key=lambda each: -each.TotalPixelMatrixColumns)
        return [marks_in(Path(str(each.filename))) for each in wide]

    def held(self) -> list[tuple[object, ...]]:
        return self.outbox.rows("SELECT state, reason FROM held ORDER BY id")


@pytest.fixture
def bench(tmp_path: Path, profile: Profile) -> Bench:
    outbox = Outbox(tmp_path / "spool")
    audit = AuditLog(tmp_path / "audit.jsonl")
    route = make_route("a", profile, Pseudonymizer(KEY), audit=audit)
    return Bench(outbox, Holding(outbox), Lane(route, ("file:///x",), key=KEY), tmp_path / "audit.jsonl")


def test_a_coarse_level_that_comes_first_keeps_no_finer_one_from_being_looked_at(
    tmp_path: Path, bench: Bench, looks: Looks
) -> None:
    base, half, quarter = levels_of(tmp_path / "in", marked(LOW))

    bench.sends(quarter)
    bench.releases()
    bench.sends(base)
    bench.sends(half)
    bench.releases()

    assert looks == [QUARTER, HALF]
    assert bench.left()[:2] == [0, 0]
    assert '"found-late"' in bench.audit.read_text()
    bench.sends(quarter)  # a person sends it again
    bench.releases()
    assert bench.held() == []
    assert all(marks == 0 for marks in bench.left()[:2])


def test_an_instance_that_comes_again_with_other_pixels_is_looked_at_again(
    tmp_path: Path, bench: Bench, looks: Looks
) -> None:
    _, half, _ = levels_of(tmp_path / "in", marked())
    clean = dcmread(half)
    frames = frames_of(clean)
    broken = with_frames(clean, tmp_path / "broken.dcm", [*frames[:-1], frames[-1][:200] + bytes(999)], 1)
    other = dcmread(levels_of(tmp_path / "other", marked(Box(900, 700, 1200, 800)))[1])
    again = with_frames(other, tmp_path / "again.dcm", frames_of(other), 1)

    bench.sends(half)
    bench.sends(broken)
    bench.releases()
    assert [state for state, _ in bench.held()] == ["quarantined"]
    bench.sends(again)
    bench.releases()

    assert looks[-1] == HALF
    assert len(looks) > 2
    assert bench.left() == [0, 0]


@pytest.mark.usefixtures("looks")
def test_what_comes_again_unchanged_is_not_looked_at_again(
    tmp_path: Path, bench: Bench, looks: Looks
) -> None:
    paths = levels_of(tmp_path / "in", marked(Box(900, 700, 1200, 800)))
    for path in paths:
        bench.sends(path)
    bench.releases()
    assert looks == [HALF]

    for path in paths:
        bench.sends(path)
    bench.releases()

    assert looks == [HALF]
    assert bench.held() == []
    assert bench.left() == [0] * 6
    assert "found-late" not in bench.audit.read_text()


@pytest.mark.usefixtures("looks")
def test_a_slide_that_cannot_be_written_waits_and_another_one_leaves(tmp_path: Path, bench: Bench) -> None:
    one = levels_of(tmp_path / "in", marked())[2]
    dataset = dcmread(one)
    dataset.SeriesInstanceUID += ".9"
    other = with_frames(dataset, tmp_path / "other.dcm", frames_of(dataset), 4)
    full: list[Path] = []

    def clear_once(*rest: Any) -> Outcome:
        if not full:
            full.append(tmp_path)
            raise StorageError("the disk is full")
        return clear(*rest)

    bench.sends(one)
    bench.sends(other)
    bench.clear = clear_once
    bench.releases()

    assert bench.held() == [("waiting", "")]
    assert len(bench.left()) == 1
    bench.releases()  # as after ten seconds
    assert bench.held() == []
    assert len(bench.left()) == 2


@pytest.mark.usefixtures("looks")
def test_a_sealed_file_that_cannot_be_deleted_stops_nothing(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sends(levels_of(tmp_path / "in", marked())[2])
    unlink = Path.unlink

    def fails(path: Path, *, missing_ok: bool = False) -> None:
        if path.suffix == ".held":
            raise OSError(5, "I/O error")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", fails)
    bench.releases()
    monkeypatch.undo()

    assert bench.held() == []
    assert len(list(bench.outbox.held.iterdir())) == 1
    bench.outbox.recover()
    assert list(bench.outbox.held.iterdir()) == []
    assert len(bench.left()) == 1


@pytest.mark.usefixtures("looks")
def test_what_nobody_foresaw_keeps_a_slide_in_and_the_thread_alive(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bad(*_: Any, **__: Any) -> None:
        raise RuntimeError("GARCIA-PRUEBA")

    bench.sends(levels_of(tmp_path / "in", marked())[2])
    monkeypatch.setattr("dicomanon.node.release.survey", bad)
    bench.releases()

    assert bench.held() == [("quarantined", "internal")]
    assert bench.left() == []
    monkeypatch.undo()
    bench.holding.repeat()
    monkeypatch.setattr(bench.holding, "waiting_in", bad)
    bench.releases()
    assert bench.held() == [("waiting", "")]
    assert b"GARCIA" not in bench.audit.read_bytes()


@pytest.mark.usefixtures("looks")
def test_nothing_is_held_for_which_there_is_no_room_to_leave(
    tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = levels_of(tmp_path / "in", marked())[2]

    class Disk:
        f_frsize, f_blocks = 1, 10**12
        f_bavail = room.RESERVE + path.stat().st_size // 2

    def statvfs(_: object) -> Disk:
        return Disk()

    monkeypatch.setattr(os, "statvfs", statvfs)
    with pytest.raises(StorageError, match="room"):
        bench.sends(path)
    assert list(bench.outbox.held.iterdir()) == []
    assert list(bench.outbox.incoming.iterdir()) == []
    Disk.f_bavail += path.stat().st_size
    assert isinstance(bench.sends(path), Held)


@pytest.mark.usefixtures("looks")
def test_a_level_that_is_cut_short_is_refused_while_the_sender_is_there(tmp_path: Path, bench: Bench) -> None:
    path = levels_of(tmp_path / "in", marked())[2]
    path.write_bytes(path.read_bytes()[:-3000])

    outcome = bench.sends(path)

    assert isinstance(outcome, Quarantined)
    assert outcome.dicom_status == 0xC001
    assert list(bench.outbox.incoming.iterdir()) == []
    assert bench.held() == []


@pytest.mark.usefixtures("looks")
def test_digests_outlive_a_key_that_does_not(tmp_path: Path, bench: Bench) -> None:
    base, half, _ = levels_of(tmp_path / "in", marked())
    first, again = bench.sends(base), bench.sends(half)
    route = make_route("a", bench.lane.route.deidentifier.profile, Pseudonymizer(bytes(32), ephemeral=True))
    bench.lane = replace(bench.lane, route=route)
    later = bench.sends(half)

    assert isinstance(first, Held)
    assert isinstance(again, Held)
    assert isinstance(later, Held)
    assert first.pyramid == again.pyramid == later.pyramid
    assert (again.instance, again.content) == (later.instance, later.content)
    assert len(bench.held()) == 2


@pytest.mark.usefixtures("looks")
def test_every_instance_is_counted_once(tmp_path: Path, bench: Bench) -> None:
    base, half, quarter = levels_of(tmp_path / "in", marked())
    for path in (base, half, quarter):
        bench.sends(path)
    assert json.loads(json.dumps(read_status(bench.outbox).held)) == {"waiting": 3}
    bench.releases()

    status = read_status(bench.outbox)
    assert (status.kept, status.refusals, status.held) == (3, {}, {})
    with bench.outbox.change() as database:
        database.execute("DROP TABLE held")  # as in a spool of an earlier version
    assert read_status(bench.outbox) == status


def test_an_audit_that_is_closed_writes_nowhere(tmp_path: Path, bench: Bench) -> None:
    audit = bench.lane.route.audit
    assert audit is not None
    audit.close()

    with (tmp_path / "other").open("wb"), pytest.raises(StorageError):
        audit.add(AuditRecord("cleared", "p", "a"))
    assert (tmp_path / "other").read_bytes() == b""
    audit.close()
