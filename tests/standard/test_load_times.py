"""Tables load lazily and fast; bounds are loose, since the machine may be busy."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEASURE = """
import dataclasses, json, pathlib, sys, time, typing
start = time.perf_counter()
import dicomanon.standard as standard
{call}
print((time.perf_counter() - start) * 1000)
print(*sys.modules)
"""
HEAVY = {"pydicom", "numpy", "lxml", "highdicom", "dicomanon.standard.generate"}


@pytest.mark.parametrize(
    ("call", "milliseconds"),
    [
        ("", 10),
        ("standard.rows()", 50),
        ("standard.vr_of(0x00100010)", 50),
        ("standard.concepts()", 50),
        ("standard.safe_private()", 50),
        ("standard.iod_for('1.2.840.10008.5.1.4.1.1.77.1.6')", 25),
        ("standard.iod_for('1.2.840.10008.5.1.4.1.1.2.1')", 25),
    ],
)
def test_a_table_loads_in_a_moment_and_drags_nothing_in(call: str, milliseconds: int) -> None:
    best = float("inf")
    for _ in range(5):
        ran = subprocess.run(
            [sys.executable, "-c", MEASURE.format(call=call)], capture_output=True, text=True, check=True
        )
        took, modules = ran.stdout.splitlines()
        assert HEAVY.isdisjoint(modules.split())
        best = min(best, float(took))
        if best < milliseconds:
            break

    # three times the target: a busy machine must not fail the suite
    assert best < 3 * milliseconds
