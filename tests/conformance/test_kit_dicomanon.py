"""The kit on dicomanon itself: what it fails is a list that may neither grow nor shrink unseen."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.kit import report, tables
from conformance.kit.engines import Command, Node
from conformance.kit.run import Plan, Result, run

REPOSITORY = Path(__file__).resolve().parents[2]
ENGINE = f"{sys.executable} -m dicomanon deid {{in}} --out {{out}} --profile basic --no-sync {{options}}"

KNOWN: dict[tuple[str, str], str] = {}
"""What fails, by row and option, with the reason beside it; nothing does."""


def failures(result: Result) -> dict[tuple[str, str], str]:
    """Return what failed, by row and option; lines of whole files have no row."""
    found: dict[tuple[str, str], set[str]] = {}
    for verdict in result.failures:
        words = f"{verdict.line.action}: {verdict.found}"
        found.setdefault((verdict.line.row, verdict.line.option), set()).add(words)
    return {place: ", ".join(sorted(words)) for place, words in found.items()}


@pytest.mark.slow
def test_dicomanon_passes_every_row_of_the_basic_profile() -> None:
    result = run(Command(ENGINE), Plan(options=("",), hand_made=None))

    assert failures(result) == KNOWN
    assert len({verdict.line.row for verdict in result.verdicts if verdict.line.row}) == 655
    assert report.scores(result.verdicts)["text_removed"][1] > 5000


def test_dicomanon_passes_every_option_and_every_case() -> None:
    result = run(Command(ENGINE), Plan(options=tuple(tables.OPTIONS), encodings=("explicit",)))

    assert failures(result) == KNOWN
    tested = {verdict.line.option for verdict in result.verdicts}
    assert tested >= set(tables.OPTIONS)


def test_a_node_is_tested_over_the_network_with_a_receiver_of_the_kit(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "dicomanon", "key", tmp_path / "key"], cwd=REPOSITORY, check=True)
    # A port is taken for the receiver first: the owner of a node has to name it in the node's configuration.
    receiver = Node("dicom://NODE@127.0.0.1:1")
    command = [
        *(sys.executable, "-m", "dicomanon", "node", "--port", "0", "--profile", "basic"),
        *("--forward", f"dicom://KIT@127.0.0.1:{receiver.port}"),
        *("--key", str(tmp_path / "key"), "--spool", str(tmp_path / "spool")),
    ]
    try:
        with subprocess.Popen(
            command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as node:
            assert node.stdout is not None
            try:
                said = re.match(r"(\S+) listens on .*?:(\d+);", node.stdout.readline())
                assert said is not None
                receiver.title, receiver.remote = said[1], int(said[2])
                result = run(
                    receiver, Plan(options=("",), encodings=("explicit",), depths=(0,), hand_made=None)
                )
            finally:
                node.terminate()
    finally:
        receiver.close()

    assert failures(result) == KNOWN
    assert len({verdict.line.row for verdict in result.verdicts}) > 650
