"""One aim and nothing else: a slide of 1 GB in 1.5 times `cp` plus the start of the interpreter, in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conformance.bench.command import Run
from conformance.bench.compare import best_runs
from conformance.bench.figure import Figure
from conformance.bench.slide import LARGE, MEGABYTE, SMALL, make_slide
from conformance.bench.tools import COPY, OURS_UNSYNCED, START

if TYPE_CHECKING:
    from pathlib import Path

AIM = 1.5
FEWEST_ROUNDS = 9


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure both kinds of tiles, at least nine rounds: the best of each tool."""
    found = []
    megabytes = 100 if quick else 1000
    for tiles in (SMALL, LARGE):
        source = folder / "slide.dcm"
        make_slide(source, megabytes * MEGABYTE, tiles)
        tools = (START, COPY, OURS_UNSYNCED)
        runs = best_runs(source, tools, folder, max(rounds, FEWEST_ROUNDS))
        source.unlink()
        measured = f"copy, {megabytes} MB, tiles of {tiles.size // 1000} kB"
        found += [_line(measured, tool.name, runs) for tool in tools]
    return found


def _line(measured: str, name: str, runs: dict[str, Run | str]) -> Figure:
    run, copy, start = runs[name], runs[COPY.name], runs[START.name]
    if not (isinstance(run, Run) and isinstance(copy, Run) and isinstance(start, Run)):
        return Figure(measured, name, note=str(run))
    if name != OURS_UNSYNCED.name:
        return Figure(measured, name, run.seconds, run.peak_mb)
    note = f"of cp; the aim is {AIM * copy.seconds + start.seconds:.2f} s"
    return Figure(measured, name, run.seconds, run.peak_mb, ratio=run.seconds / copy.seconds, note=note)
