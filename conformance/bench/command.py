"""Run a command; measure wall clock and peak memory of the process and everything it waited for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMEOUT_SECONDS = 240

# A process inherits the peak of the one it was forked from, so a small interpreter stands in between.
# (What it waits for is measured: a command's own children count as far as the command waited for them.)
STAND_IN = """
import json, os, resource, signal, sys, time
limit, command = int(sys.argv[1]), sys.argv[2:]
quiet = os.open(os.devnull, os.O_WRONLY)
out = os.open("stdout", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
err = os.open("stderr", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
actions = [(os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2)]
start = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ, file_actions=actions)
signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
signal.alarm(limit)
_, status, _ = os.wait4(pid, 0)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"seconds": seconds, "peak_kib": peak, "exit_code": os.waitstatus_to_exitcode(status)}))
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: seconds of wall clock, peak resident memory in 10**6 bytes, exit code, what it printed."""

    seconds: float
    peak_mb: float
    exit_code: int
    stdout: str
    stderr: str


def run(command: Sequence[str | Path], scratch: Path) -> Run:
    """Run a command in `scratch` once; killed (exit code -9) after TIMEOUT_SECONDS."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", STAND_IN, str(TIMEOUT_SECONDS), *map(str, command)],
        cwd=scratch,
        check=True,
        capture_output=True,
        text=True,
    )
    measured = json.loads(done.stdout)
    stdout, stderr = ((scratch / name).read_text(errors="replace") for name in ("stdout", "stderr"))
    return Run(measured["seconds"], measured["peak_kib"] * 1024 / 1e6, measured["exit_code"], stdout, stderr)
