from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from dicomanon.node.lane import Lane
from dicomanon.node.outbox import Outbox
from dicomanon.pipeline import Cleared
from tests.cli.test_deid import process

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.pipeline import Route


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))  # where a node listens
        taken.listen()
        port = taken.getsockname()[1]
        process("key", tmp_path / "key")

        done = process(
            *("node", "--forward", tmp_path / "out", "--spool", tmp_path / "spool"),
            *("--key", tmp_path / "key", "--port", port),
        )

    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("dicomanon: cannot listen on ")
    assert f" port {port}: " in last
    assert "Traceback" not in done.stderr


def test_counts_need_a_spool_and_no_destination_and_leave_it_as_it_is(tmp_path: Path) -> None:
    Outbox(tmp_path / "spool").close()
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "spool").iterdir()}

    done = process("node", "--json", "--spool", tmp_path / "spool")
    absent = process("node", "--json", "--spool", tmp_path / "absent")

    assert done.returncode == 0
    assert json.loads(done.stdout)["kept"] == 0
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "spool").iterdir()} == before
    assert absent.returncode == 2
    assert "no node has run" in absent.stderr
    assert not (tmp_path / "absent").exists()


def test_counts_of_a_running_node_are_read_beside_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "spool")
    try:
        done = process("node", "--json", "--spool", tmp_path / "spool")
    finally:
        outbox.close()

    assert done.returncode == 0
    assert json.loads(done.stdout)["deliveries"] == {}


def test_the_last_line_tells_whether_something_waits(tmp_path: Path) -> None:
    process("key", tmp_path / "key")
    words: list[str | Path] = [
        "node",
        "--forward",
        tmp_path / "out",
        "--port",
        "0",
        "--key",
        tmp_path / "key",
    ]
    first = _stopped([*words, "--spool", tmp_path / "empty"])
    outbox = Outbox(tmp_path / "spool")
    path = outbox.incoming / ".one.part"
    path.write_bytes(b"cleared bytes")
    cleared = Cleared(path, "1.2", "2.25.1", "2.25.3", "2.25.2", "1.2.840.10008.1.2.1", 13)
    outbox.add(cleared, Lane(cast("Route", SimpleNamespace(name="research")), ("file:///elsewhere",)))
    outbox.close()

    second = _stopped([*words, "--spool", tmp_path / "spool"])

    assert first.stdout.splitlines()[-1] == "stopped; nothing waits to be delivered"
    assert second.stdout.splitlines()[-1].endswith(": 1")
    assert "destination-not-configured" in second.stderr


def test_a_node_for_anonymous_data_is_not_told_to_keep_a_key(tmp_path: Path) -> None:
    words: list[str | Path] = [
        "node",
        "--forward",
        tmp_path / "out",
        "--port",
        "0",
        "--spool",
        tmp_path / "spool",
    ]

    assert "`dicomanon key FILE`" in _stopped(words).stdout
    assert "`dicomanon key FILE`" not in _stopped([*words, "--profile", "gdpr-anonymous"]).stdout


def _stopped(words: list[str | Path]) -> subprocess.CompletedProcess[str]:
    """Start a node, wait until it listens, end it as an administrator would."""
    running = subprocess.Popen(
        [sys.executable, "-u", "-m", "dicomanon", *map(str, words)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert running.stdout is not None
        listening = running.stdout.readline()
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=30)
        assert running.stderr is not None
        # Not `communicate`: it passes over what `readline` has read ahead.
        out, err = running.stdout.read(), running.stderr.read()
    finally:
        running.kill()
    return subprocess.CompletedProcess(running.args, running.returncode, listening + out, err)
