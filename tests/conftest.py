"""What every test may ask for: sample files, tables of the standard, peers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.peers import orthanc, storescp

__all__ = ["corpus", "orthanc", "standard_folder", "storescp"]

REPOSITORY = Path(__file__).resolve().parents[1]


def _folder(variable: str, default: str, what: str) -> Path:
    """Return a folder of samples; without it the test skips, but fails in CI where one was promised by name."""
    named = os.environ.get(variable)
    path = Path(named or REPOSITORY / default).resolve()
    if not path.is_dir():
        message = f"{what} missing: set {variable} to their folder"
        if named and os.environ.get("CI") == "true":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how many tests did not run for want of samples: a green run without them proves less."""
    reports = terminalreporter.stats.get("skipped", [])
    count = sum(" missing: set DICOMANON_" in str(report.longrepr) for report in reports)
    if count:
        terminalreporter.write_line(
            f"{count} tests did not run: sample files or tables are missing (CONTRIBUTING.md)"
        )


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Sample slides and DICOM files that no one here wrote (README.md inside says whose they are)."""
    return _folder("DICOMANON_CORPUS", "../shared/corpus", "sample files")


@pytest.fixture(scope="session")
def standard_folder() -> Path:
    """Tables and DocBook of the DICOM standard that the generated tables are compared with."""
    return _folder("DICOMANON_STANDARD", "../shared/standard", "tables of the standard")
