"""What a run says where sample files are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
NEEDS_SAMPLES = "tests/sources/test_aperio.py::test_the_facts_of_a_real_slide_are_mapped_by_name"


@pytest.mark.parametrize(
    ("ci", "named", "code", "said"),
    [
        ("", "absent", 0, "1 tests did not run: "),
        ("true", "", 0, "1 tests did not run: "),
        ("true", "absent", 1, "sample files missing: set DICOMANON_CORPUS"),
    ],
)
def test_missing_samples_are_one_line_and_in_ci_a_failure_where_they_were_promised(
    tmp_path: Path, ci: str, named: str, code: int, said: str
) -> None:
    environment = os.environ | {
        "CI": ci,
        "DICOMANON_CORPUS": named and str(tmp_path / named),
        "PYTHONPATH": str(REPOSITORY),
    }
    # Beside this copy of the tests there are none, whatever is beside the checkout.
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(REPOSITORY / "tests", checkout / "tests", ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", checkout)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NEEDS_SAMPLES],
        cwd=checkout,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == code, done.stdout
    assert said in done.stdout
