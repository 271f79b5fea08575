"""A TILED_SPARSE slide of 50,000 frames: the header is the work."""

from __future__ import annotations

import struct
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.bench.command import Run
from conformance.bench.compare import best_runs
from conformance.bench.encoding import element, encode, file_front, jpeg, sequence, write_encapsulated
from conformance.bench.figure import Figure
from conformance.bench.headers import whole_slide
from conformance.bench.tools import COPY, OURS, PEERS, START, Tool

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 16
FRAMES = 50_000
QUICK_FRAMES = 5_000
COLUMNS = 250

OBJECT_MODEL = """
import sys, pydicom
dataset = pydicom.dcmread(sys.argv[1])
dataset.walk(lambda dataset, element: None)
dataset.save_as(sys.argv[2])
"""
PYDICOM = Tool(
    "pydicom: read, walk, write",
    lambda source, out: [sys.executable, "-c", OBJECT_MODEL, source, out / "copy.dcm"],
    rounds=1,
)


def per_frame_groups(frames: int) -> bytes:
    """Encode Per-Frame Functional Groups: position in slide and matrix, dimension index, optical path."""
    items = []
    for number in range(frames):
        row, column = divmod(number, COLUMNS)
        content = element(0x00209157, b"UL", struct.pack("<II", column + 1, row + 1))
        place = b"".join(
            (
                element(0x0040072A, b"DS", _decimal(20 - row * 0.008)),
                element(0x0040073A, b"DS", _decimal(40 - column * 0.008)),
                element(0x0040074A, b"DS", b"0 "),
                element(0x0048021E, b"SL", struct.pack("<i", column * SIDE + 1)),
                element(0x0048021F, b"SL", struct.pack("<i", row * SIDE + 1)),
            )
        )
        path = element(0x00480106, b"SH", b"1 ")
        items.append(sequence(0x00209111, content) + sequence(0x0048021A, place) + sequence(0x00480207, path))
    return sequence(0x52009230, *items)


def _decimal(value: float) -> bytes:
    text = f"{value:.6g}".encode()
    return text + b" " * (len(text) % 2)


def make_sparse(path: Path, frames: int) -> None:
    """Write a TILED_SPARSE slide of `frames` tiny frames."""
    header = whole_slide(frames, SIDE, "TILED_SPARSE")
    front = file_front(header) + encode(header) + per_frame_groups(frames)
    write_encapsulated(path, front, [jpeg(SIDE, 400, seed=1)] * frames)


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure ours, a general object model, and the peers; ratios are to ours."""
    frames = QUICK_FRAMES if quick else FRAMES
    source = folder / "sparse.dcm"
    make_sparse(source, frames)
    tools = (START, COPY, OURS, PYDICOM, *(replace(peer, rounds=1) for peer in PEERS))
    runs = best_runs(source, tools, folder, rounds)
    size = source.stat().st_size
    source.unlink()
    ours = runs[OURS.name]
    lines = []
    for tool in tools:
        run = runs[tool.name]
        name = f"sparse header, {frames:,} frames ({size / 1e6:.0f} MB)"
        if isinstance(run, str):
            lines.append(Figure(name, tool.name, note=run))
            continue
        ratio = (
            run.seconds / ours.seconds if isinstance(ours, Run) and tool not in {START, COPY, OURS} else None
        )
        lines.append(
            Figure(name, tool.name, run.seconds, run.peak_mb, ratio=ratio, note="of ours" if ratio else "")
        )
    return lines
