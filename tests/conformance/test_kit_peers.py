"""The page about peers: figures of the run, no folder of the machine, and nothing left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.kit import peers, report
from conformance.kit.engines import Command
from conformance.kit.run import Plan, run
from tests.peers import peer_program

REPOSITORY = Path(__file__).resolve().parents[2]
COPY = peers.Peer("copy", "pydicom", "cp -r {in}/. {out}")
ABSENT = peers.Peer("absent", "no-such-package", "no-such-program {in} {out}")


def test_the_page_says_what_was_run_and_what_was_not_there() -> None:
    result = run(Command(COPY.command), Plan(options=("",), encodings=("implicit",), depths=(1,)))
    page = peers.page({COPY: result, ABSENT: None})

    assert "| absent | not installed |" in page
    assert "absent" not in page.partition("| action |")[2].partition("|---|")[0]
    passed, total = report.scores(result.verdicts)["text_removed"]
    assert f"| text_removed | {report.percent(passed, total)} ({passed}/{total}) |" in page
    left, _ = peers.values_left(result, 1)
    assert left > 600
    assert f"{left} of " in page
    assert "hand-made cases with a failure: accents-and-scripts" in page


def test_the_page_in_the_docs_has_every_peer_and_no_folder_of_a_machine() -> None:
    page = (REPOSITORY / "docs" / "peers.md").read_text(encoding="utf-8")
    pinned = dict(
        line.split("==")
        for line in (REPOSITORY / "requirements" / "peers.txt").read_text().splitlines()
        if "==" in line
    )

    for peer in peers.PEERS:
        assert f"\n## {peer.name} " in page
        if peer.package in pinned:
            assert f"| {peer.name} | {pinned[peer.package]} |" in page
    assert not re.search(r"(?<![\w.])/(home|root|work|opt|tmp)/", page)


def test_a_share_is_never_rounded_up_to_all() -> None:
    assert report.percent(99999, 100000) == "99.99 %"
    assert report.percent(5, 5) == "100 %"
    assert report.percent(0, 0) == "-"


@pytest.mark.peer
def test_orthanc_runs_under_the_kit_and_lets_a_slide_out() -> None:
    peer_program("Orthanc", "orthanc")
    (orthanc,) = [peer for peer in peers.PEERS if peer.name == "Orthanc"]
    plan = Plan(options=("",), encodings=("explicit",), depths=(0,), hand_made=None)

    result = run(Command(orthanc.command), plan)

    scores = report.scores(result.verdicts)
    assert not any(verdict.found.startswith("no output") for verdict in result.verdicts)
    assert scores["patid_consistent"][0] == scores["patid_consistent"][1]
