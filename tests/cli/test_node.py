from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

from dicomanon.node.outbox import Outbox
from tests.cli.test_deid import process

if TYPE_CHECKING:
    from pathlib import Path


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
