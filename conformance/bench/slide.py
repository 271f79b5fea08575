"""Whole-slide files of 100 MB and 1 GB: each tool's time and memory beside those of `cp`."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from conformance.bench.command import Run
from conformance.bench.compare import best_runs
from conformance.bench.encoding import encode, file_front, jpeg, write_encapsulated
from conformance.bench.figure import Figure
from conformance.bench.headers import whole_slide
from conformance.bench.tools import (
    COPY,
    COPY_SHIFTED,
    COPY_SYNC,
    OURS,
    OURS_START,
    OURS_UNSYNCED,
    PEERS,
    START,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Tiles:
    """Width and height of the tiles in pixels, and the bytes that one takes as JPEG."""

    side: int
    size: int


SMALL, LARGE = Tiles(240, 20_000), Tiles(512, 75_000)
"""As Aperio scanners write them, and as many DICOM writers do."""
MEGABYTE = 1_000_000


def make_slide(path: Path, size: int, kind: Tiles = SMALL) -> None:
    """Write an encapsulated slide of about `size` bytes: JPEG tiles, TILED_FULL."""
    tiles = [jpeg(kind.side, kind.size, seed) for seed in range(16)]
    frames = size // (sum(map(len, tiles)) // len(tiles) + 8)
    header = whole_slide(frames, kind.side)
    write_encapsulated(
        path, file_front(header) + encode(header), itertools.islice(itertools.cycle(tiles), frames)
    )


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure at 100 MB and, unless `quick`, at 1 GB; ratios are to `cp` plus start of the interpreter."""
    found = []
    for megabytes, tiles in ((100, SMALL),) if quick else ((100, SMALL), (1000, SMALL), (1000, LARGE)):
        source = folder / f"slide-{megabytes}.dcm"
        make_slide(source, megabytes * MEGABYTE, tiles)
        # The peers' time does not depend on the tiles.
        peers = PEERS if tiles is SMALL else ()
        tools = (START, COPY, COPY_SHIFTED, COPY_SYNC, OURS_START, OURS_UNSYNCED, OURS, *peers)
        runs = best_runs(source, tools, folder, rounds)
        source.unlink()
        measured = f"slide, {megabytes} MB, tiles of {tiles.size // 1000} kB"
        found += _table(measured, [tool.name for tool in tools], runs)
    return found


def _table(measured: str, names: list[str], runs: dict[str, Run | str]) -> list[Figure]:
    def beside(name: str) -> float | None:
        copy, start = runs[name], runs[START.name]
        return copy.seconds + start.seconds if isinstance(copy, Run) and isinstance(start, Run) else None

    plain, synced = beside(COPY.name), beside(COPY_SYNC.name)
    lines = []
    for name in names:
        run = runs[name]
        if isinstance(run, str):
            lines.append(Figure(measured, name, note=run))
        elif name in (START.name, OURS_START.name) or not plain or not synced:
            lines.append(Figure(measured, name, run.seconds, run.peak_mb))
        else:
            note = f"of cp + start; {run.seconds / synced:.2f}x of synced cp + start"
            lines.append(
                Figure(measured, name, run.seconds, run.peak_mb, ratio=run.seconds / plain, note=note)
            )
    return lines
