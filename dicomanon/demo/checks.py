"""Every check of what came back; each says what it looked at, and one of them must find what is planted."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.check import check_files
from dicomanon.demo.compare import frames_of
from dicomanon.demo.identified import PATIENT
from dicomanon.demo.processes import find_validator
from dicomanon.part10.write import storage_errors
from dicomanon.profile import DEFAULT

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 120
_WRITTEN_BY_ARCHIVES = ("(0002,0016)", "(0002,0017)", "(0002,0018)")
"""AE titles, of our node and of the archive: what an archive's own container may say, and ours may not."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was asked, whether the answer is the right one, and the answer in a line."""

    what: str
    passed: bool
    found: str


def identifying_values(outputs: list[Path], sources: list[Path]) -> Check:
    """Search every byte of what came back for every identifying value of what was sent."""
    report = check_files(outputs, sources, DEFAULT, deep=True)
    report.findings = [
        (path, each) for path, each in report.findings if each.path not in _WRITTEN_BY_ARCHIVES
    ]
    places = "".join(f"; {finding.check} in {finding.path}" for _, finding in report.findings[:5])
    return Check("identifying values", report.exit_code == 0, report.summary() + places)


def negative_control(output: Path, sources: list[Path], folder: Path) -> Check:
    """Plant the patient's name in a copy of an output: a search that does not find it is no search."""
    name = PATIENT.patient_name.upper().encode()
    data = output.read_bytes()
    with storage_errors():
        planted = folder / "planted.dcm"
        planted.write_bytes(name + data[len(name) :])
    report = check_files([planted], sources, DEFAULT)
    planted.unlink()
    found = any(finding.check == "value" for _, finding in report.findings)
    return Check(
        "negative control", found, f"the patient's name planted in a copy is {'' if found else 'NOT '}found"
    )


def same_frames(pairs: list[tuple[Path, Path]]) -> Check:
    """Compare the hashes of all frames."""
    digests = [(frames_of(source), frames_of(output)) for source, output in pairs]
    same = sum(old == new for old, new in digests)
    count = sum(new.count for _, new in digests)
    return Check(
        "frames", same == len(pairs), f"{same} of {len(pairs)} images, {count} fragments: SHA-256 the same"
    )


def validator_errors(program: str, path: Path) -> set[str]:
    """Return the errors that dciodvfy reports, values left out (its exit code counts warnings as well)."""
    done = subprocess.run([program, str(path)], check=False, capture_output=True, timeout=SECONDS)
    lines = (done.stdout + done.stderr).decode("utf-8", "replace").splitlines()
    return {re.sub(r"<[^>]*>", "<>", line) for line in lines if line.startswith("Error")}


def valid_dicom(pairs: list[tuple[Path, Path]]) -> Check | None:
    """Compare the errors of dciodvfy before and after; None where it is not installed."""
    program = find_validator("dciodvfy")
    if program is None:
        return None
    new = set[str]()
    for source, output in pairs:
        new |= validator_errors(program, output) - validator_errors(program, source)
    found = (
        f"{len(pairs)} images: no error that was not there before"
        if not new
        else f"new: {'; '.join(sorted(new))}"
    )
    return Check("dciodvfy", not new, found)
