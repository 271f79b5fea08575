"""A run that is killed in the middle of a copy: nothing that looks complete is left, and the next run puts it right."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from dicomanon.part10.write import PART_NAME
from tests.native.looked_at import as_openslide_sees, found
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 60
MEGABYTE = 1 << 20


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "dicomanon", *map(str, arguments)]


def half_written(out: Path) -> list[Path]:
    """Return files of at least a megabyte in hidden folders."""
    return [each for each in out.glob(".*.part/*") if each.stat().st_size > MEGABYTE] if out.exists() else []


def visible(out: Path) -> list[str]:
    return [each.name for each in out.iterdir() if not each.name.startswith(".")]


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return make_svs(tmp_path / "CANARYFILE.svs", Shape(tiles=(160, 130)))


def test_a_run_killed_in_the_middle_leaves_nothing_that_looks_complete(slide: Path, tmp_path: Path) -> None:
    out, key = tmp_path / "out", tmp_path / "key"
    subprocess.run(command("key", key), check=True, capture_output=True, timeout=LONGEST)
    copying = command("deid", "--native", "--key", key, "--out", out, slide)
    run = subprocess.Popen(copying, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + LONGEST
    while not half_written(out) and run.poll() is None and time.monotonic() < give_up:
        time.sleep(0.001)
    run.send_signal(signal.SIGKILL)

    assert run.wait() == -signal.SIGKILL
    (left,) = out.iterdir()
    assert PART_NAME.fullmatch(left.name)
    assert left.is_dir()
    assert left.stat().st_mode & 0o077 == 0
    assert visible(out) == []

    again = subprocess.run(copying, capture_output=True, timeout=LONGEST, check=False)

    assert again.returncode == 0, again.stderr
    (copy,) = out.iterdir()
    assert copy.suffix == ".svs"
    assert found(copy, list(PLANTED.values())) == []
    assert as_openslide_sees(copy) == as_openslide_sees(slide)
