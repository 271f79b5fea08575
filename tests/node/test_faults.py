"""What a node survives: it is killed, the archive is away, the disk is full, the sender disappears."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from tests.node.made import identified_files, make_slide, pixel_data
from tests.node.process import TITLE, NodeProcess, wait_until
from tests.peers import StoreScp, dcmsend, echo, peer_program, running_storescp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.node.made import Made

pytestmark = pytest.mark.peer

LARGE = 96 << 20
SMALL = 1 << 20
DELIVERED = 60.0


@pytest.fixture
def node(tmp_path: Path, storescp: StoreScp) -> Iterator[NodeProcess]:
    process = NodeProcess(tmp_path / "node", [destination(storescp)])
    process.start()
    yield process
    process.stop()


def destination(archive: StoreScp) -> str:
    return f"dicom://{archive.title}@127.0.0.1:{archive.port}"


def begin_sending(node: NodeProcess, made: Made) -> subprocess.Popen[bytes]:
    """Start dcmsend, and stop it in its tracks once part of the instance is with the node."""
    command = [peer_program("dcmsend", "dcmtk"), "-aec", TITLE, "127.0.0.1", str(node.port), str(made.path)]
    sender = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: any(part.stat().st_size for part in node.parts()), 30, "part of it has come")
    sender.send_signal(signal.SIGSTOP)
    return sender


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def assert_delivered_once(node: NodeProcess, archive: StoreScp, made: Made) -> None:
    wait_until(lambda: node.states() and set(node.states()) == {"sent"}, DELIVERED, "it is delivered")
    (received,) = archive.files()
    (uid,) = node.rows("SELECT DISTINCT sop_instance_uid FROM instance")[0]
    assert dcmread(received, stop_before_pixels=True).SOPInstanceUID == uid
    assert pixel_data(received) == pixel_data(made.path)
    wait_until(lambda: node.kept() == [], 10, "the outbox is empty")
    assert node.parts() == []
    assert identified_files(node.spool, made) == []
    assert identified_files(archive.folder, made) == []


def test_a_slide_goes_through_the_node_with_its_pixel_data_untouched(
    node: NodeProcess, storescp: StoreScp, tmp_path: Path
) -> None:
    made = make_slide(tmp_path / "slide.dcm", size=SMALL)

    dcmsend(node.port, [made.path], TITLE)

    assert_delivered_once(node, storescp, made)


def test_a_node_killed_while_receiving_acknowledged_nothing_and_leaves_nothing(
    node: NodeProcess, storescp: StoreScp, tmp_path: Path
) -> None:
    made = make_slide(tmp_path / "slide.dcm", size=LARGE)
    sender = begin_sending(node, made)

    node.kill()
    sender.send_signal(signal.SIGCONT)

    assert sender.wait(60) != 0
    assert identified_files(node.spool, made) == []
    node.start()
    assert node.parts() == []
    assert node.states() == []
    dcmsend(node.port, [made.path], TITLE)
    assert_delivered_once(node, storescp, made)


def test_a_node_killed_after_the_acknowledgement_delivers_after_its_restart(
    node: NodeProcess, storescp: StoreScp, tmp_path: Path
) -> None:
    made = make_slide(tmp_path / "slide.dcm", size=SMALL)
    storescp.stop()

    dcmsend(node.port, [made.path], TITLE)
    node.kill()

    assert identified_files(node.spool, made) == []
    storescp.start()
    node.start()
    assert_delivered_once(node, storescp, made)


def test_a_node_killed_while_forwarding_sends_the_same_uid_again(
    node: NodeProcess, storescp: StoreScp, tmp_path: Path
) -> None:
    made = make_slide(tmp_path / "slide.dcm", size=LARGE)
    os.kill(storescp.pid, signal.SIGSTOP)
    try:
        dcmsend(node.port, [made.path], TITLE)
        wait_until(lambda: node.states() == ["sending"], 30, "it is being sent")
        node.kill()
    finally:
        os.kill(storescp.pid, signal.SIGCONT)

    assert identified_files(node.spool, made) == []
    node.start()
    assert_delivered_once(node, storescp, made)


def test_nothing_is_lost_while_the_archive_is_down(
    node: NodeProcess, storescp: StoreScp, tmp_path: Path
) -> None:
    slides = [make_slide(tmp_path / f"{number}.dcm", size=SMALL, number=number) for number in range(1, 6)]
    storescp.stop()
    dcmsend(node.port, [made.path for made in slides], TITLE)
    wait_until(lambda: "reason=peer-unreachable" in node.log.read_text(), 30, "a failed attempt")
    assert set(node.states()) <= {"waiting", "sending"}

    storescp.start()

    wait_until(lambda: node.states() == ["sent"] * len(slides), DELIVERED, "all are delivered")
    assert len(storescp.files()) == len(slides)
    assert [name for made in slides for name in identified_files(node.spool, made)] == []


def test_a_sender_that_disappears_half_way_leaves_nothing_behind(
    node: NodeProcess, storescp: StoreScp, tmp_path: Path
) -> None:
    made = make_slide(tmp_path / "slide.dcm", size=LARGE)

    end(begin_sending(node, made))

    wait_until(lambda: node.parts() == [], 30, "the part is removed")
    wait_until(lambda: "outcome=sender-gone" in node.log.read_text(), 10, "it is named in the log")
    assert node.states() == []
    assert node.refusals() == []
    assert identified_files(node.spool, made) == []
    assert echo(node.port, TITLE)
    dcmsend(node.port, [made.path], TITLE)
    assert_delivered_once(node, storescp, made)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 24 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError:
        pytest.skip("mount is missing: no small disk to fill")
    if done.returncode != 0:
        pytest.skip("not allowed to mount: no small disk to fill")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_to_the_sender_and_everything_is_accounted_for(
    small_disk: Path, tmp_path: Path
) -> None:
    large = make_slide(tmp_path / "large.dcm", size=LARGE)
    small = make_slide(tmp_path / "small.dcm", size=SMALL, number=2)
    with running_storescp() as archive:
        node = NodeProcess(tmp_path / "node", [destination(archive)], spool=small_disk / "spool")
        node.start()
        try:
            done = dcmsend(node.port, [large.path, small.path], TITLE, check=False)

            assert "with status REFUSED  : 1" in done.stdout + done.stderr
            wait_until(lambda: node.states() == ["sent"], DELIVERED, "what fits is delivered")
            assert len(archive.files()) == 1
            assert [status for *_, status in node.refusals()] == [0xA700]
            assert node.parts() == []
            assert identified_files(node.spool, large) == identified_files(node.spool, small) == []
        finally:
            node.stop()


def test_no_log_line_carries_a_value_of_the_sender(
    node: NodeProcess, storescp: StoreScp, tmp_path: Path
) -> None:
    made = make_slide(tmp_path / "slide.dcm", size=SMALL)
    dcmsend(node.port, [made.path], TITLE)
    assert_delivered_once(node, storescp, made)

    log = node.log.read_bytes()

    assert b"outcome=cleared" in log
    assert [word for word in made.planted if word in log] == []
