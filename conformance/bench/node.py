"""One large instance through the node and on to an archive, beside the same instance sent there directly."""

from __future__ import annotations

import os
import time
from operator import truediv
from pathlib import Path
from statistics import median

from conformance.bench.figure import Figure
from dicomanon.node.forward import QUIET_BEFORE_RELEASE
from tests.node.made import make_slide
from tests.node.process import TITLE, NodeProcess, wait_until
from tests.peers import StoreScp, dcmsend, running

LONGEST = 300.0
POLL = 0.02
"""Seconds: asking more often would take the time of a processor from those who are measured."""
FEWEST_ROUNDS = 5
"""Four files of this size in turn keep the disk busy: fewer rounds say more of it than of the node."""


def run(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure with 1 GB, or 100 MB where `quick`; needs dcmtk, and three times that on the disk."""
    size = 100_000_000 if quick else 1_000_000_000
    one = measure(size, folder, rounds=rounds)
    what = f"node, {size // 1_000_000:,} MB instance"
    return [
        Figure(what, "dcmsend -> storescp (dcmtk)", one["direct_seconds"]),
        Figure(what, "dcmsend -> node, acknowledged", one["acknowledged_seconds"], one["peak_mb"]),
        Figure(
            what,
            "dcmsend -> node -> storescp",
            one["node_seconds"],
            one["peak_mb"],
            ratio=one["ratio"],
            note=f"to dcmsend -> storescp; of single rounds {one['lowest']:.2f}x to {one['highest']:.2f}x",
        ),
    ]


def measure(size_bytes: int, folder: Path, *, rounds: int = 3) -> dict[str, float]:
    """Measure both ways in turn, in seconds until the archive has all of it: medians of five rounds or more.

    The node is a process of its own; `peak_mb` is its peak resident memory (VmHWM, units of 10**6 bytes).
    """
    made = make_slide(folder / "slide.dcm", size=size_bytes)
    direct, acknowledged, through = [], [], []
    with running(lambda _own: StoreScp(folder / "archive")) as archive:
        node = NodeProcess(folder / "node", [f"dicom://{archive.title}@127.0.0.1:{archive.port}"])
        node.start()
        try:
            # The first transfer of a size makes the disk find room for it: part of no time.
            _direct(archive, made.path)
            _through(node, archive, made.path)
            for _ in range(max(rounds, FEWEST_ROUNDS)):
                direct.append(_direct(archive, made.path))
                received, whole = _through(node, archive, made.path)
                acknowledged.append(received)
                through.append(whole)
            peak = _peak(node.pid)
        finally:
            node.stop()
    return {
        "size_mb": made.path.stat().st_size / 1e6,
        "direct_seconds": median(direct),
        "acknowledged_seconds": median(acknowledged),
        "node_seconds": median(through),
        "ratio": median(through) / median(direct),
        "lowest": min(map(truediv, through, direct)),
        "highest": max(map(truediv, through, direct)),
        "peak_mb": peak,
    }


def _direct(archive: StoreScp, slide: Path) -> float:
    started = time.monotonic()
    dcmsend(archive.port, [slide], archive.title)
    seconds = time.monotonic() - started
    _settle(archive)
    return seconds


def _through(node: NodeProcess, archive: StoreScp, slide: Path) -> tuple[float, float]:
    started = time.monotonic()
    dcmsend(node.port, [slide], TITLE)
    received = time.monotonic() - started
    wait_until(lambda: set(node.states()) == {"sent"}, LONGEST, "the archive has it", every=POLL)
    seconds = time.monotonic() - started
    _settle(archive)
    return received, seconds


def _settle(archive: StoreScp) -> None:
    """Remove what was received, and let the disk catch up, so that no round pays for the one before."""
    (received,) = archive.files()
    received.unlink()
    os.sync()
    # storescp serves one association at a time: the node must have given its own back.
    time.sleep(2 * QUIET_BEFORE_RELEASE + 1)


def _peak(process: int) -> float:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6
