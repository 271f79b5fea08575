"""A slide of 1 GB with three boxes to cover, beside the same run by its header alone, in turns."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

from conformance.bench import boxes as once
from conformance.bench.command import run
from conformance.bench.figure import Figure
from conformance.bench.slide import LARGE, MEGABYTE, make_slide

BOXES = 3


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure clearing alone, without the start of the interpreter: the best of each."""
    megabytes = 100 if quick else 1000
    source = folder / "slide.dcm"
    make_slide(source, megabytes * MEGABYTE, LARGE)
    plain, covered = [], []
    for _ in range(max(rounds, 3)):
        plain.append(_once(source, folder, 0))
        covered.append(_once(source, folder, BOXES))
    source.unlink()
    one, other = min(plain), min(covered)
    encoding = min(each.encoding for each in covered)
    measured = f"boxes, {megabytes} MB, tiles of {LARGE.size // 1000} kB"
    note = f"of the header alone and {other.frames} frames encoded again, {1000 * encoding / other.frames:.0f} ms each"
    ratio = other.seconds / (one.seconds + encoding)
    return [
        Figure(measured, "dicomanon, header alone", one.seconds, one.peak),
        Figure(measured, f"dicomanon, {BOXES} boxes", other.seconds, other.peak, ratio=ratio, note=note),
    ]


class Once(NamedTuple):
    """One run: the seconds of all of it, those of encoding so many frames again by itself, memory in MB."""

    seconds: float
    encoding: float
    frames: int
    peak: float


def _once(source: Path, folder: Path, boxes: int) -> Once:
    out = folder / "boxes"
    out.mkdir(exist_ok=True)
    done = run([sys.executable, Path(once.__file__), source, out, str(boxes)], folder)
    for path in out.iterdir():
        path.unlink()
    if done.exit_code:
        raise RuntimeError(done.stderr[-500:])
    said = json.loads(done.stdout)
    return Once(said["seconds"], said["encoding"], said["frames"], done.peak_mb)
