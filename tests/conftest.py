"""What every test may ask for: sample files, tables of the standard, peers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.peers import orthanc, storescp

__all__ = ["corpus", "orthanc", "standard_folder", "storescp"]

REPOSITORY = Path(__file__).resolve().parents[1]


def _folder(variable: str, default: str, what: str) -> Path:
    path = Path(os.environ.get(variable) or REPOSITORY / default).resolve()
    if not path.is_dir():
        pytest.skip(f"{what} missing: set {variable} to their folder")
    return path


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Sample slides and DICOM files that no one here wrote (README.md inside says whose they are)."""
    return _folder("DICOMANON_CORPUS", "../shared/corpus", "sample files")


@pytest.fixture(scope="session")
def standard_folder() -> Path:
    """Tables and DocBook of the DICOM standard that the generated tables are compared with."""
    return _folder("DICOMANON_STANDARD", "../shared/standard", "tables of the standard")
