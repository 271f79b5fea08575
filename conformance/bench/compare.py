"""Run tools on one file, in turns, and keep the best of each."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from conformance.bench.command import Run, run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conformance.bench.tools import Tool

NEARLY_ALL = 0.95
"""A tool that wrote less than this part of the source did another job than the one measured."""


def best_runs(source: Path, tools: Sequence[Tool], folder: Path, rounds: int) -> dict[str, Run | str]:
    """Run each tool `rounds` times, one round after another; the fastest run, or why there is none."""
    best: dict[str, Run | str] = {}
    for number in range(rounds):
        for tool in tools:
            if number >= (tool.rounds or rounds) or isinstance(best.get(tool.name), str):
                continue
            result = _once(source, tool, folder)
            before = best.get(tool.name)
            if isinstance(result, str) or not isinstance(before, Run) or result.seconds < before.seconds:
                best[tool.name] = result
    return best


def _once(source: Path, tool: Tool, folder: Path) -> Run | str:
    if not tool.installed:
        return "not installed"
    scratch = folder / "run"
    out = scratch / "out"
    out.mkdir(parents=True)
    try:
        result = run(tool.command(source, out), scratch)
        if result.exit_code:
            return f"exit code {result.exit_code}: {_last_line(result)}"
        written = max((path.stat().st_size for path in out.rglob("*") if path.is_file()), default=0)
        if tool.copies and written < NEARLY_ALL * source.stat().st_size:
            return f"wrote {written / 1e6:,.0f} MB of {source.stat().st_size / 1e6:,.0f}"
        return result
    finally:
        shutil.rmtree(scratch)
        os.sync()  # no run pays for what the one before left to the disk


def _last_line(result: Run) -> str:
    lines = (result.stderr or result.stdout).strip().splitlines()
    return lines[-1][:60].replace("|", "/") if lines else "said nothing"
