"""What becomes of every DICOM file in the corpus: cleared, dropped or refused with a reason, and none crashes.

`corpus_outcomes.tsv` is the list as it should be. Where it changes for a reason, DICOMANON_WRITE_OUTCOMES=1 writes
it anew.
"""

from __future__ import annotations

import os
from pathlib import Path

from dicomanon.batch import Job, deidentify_files
from tests.verify.made import KEY

GOLDEN = Path(__file__).parent / "corpus_outcomes.tsv"
KNOWN_OUTCOMES = {"cleared", "dropped", "quarantined"}


def dicom_files(corpus: Path) -> list[Path]:
    """Every file of the DICOM folder, and elsewhere what has the mark of a DICOM file."""
    found = []
    for path in sorted(each for each in corpus.rglob("*") if each.is_file()):
        with path.open("rb") as file:
            marked = file.read(132)[128:] == b"DICM"
        if marked or "dicom" in path.relative_to(corpus).parts[:1]:
            found.append(path)
    return found


def outcome(path: Path, corpus: Path, out: Path) -> str:
    """Clear one file by itself and say in one line what became of it."""
    job = Job(out, "research-wsi", (), KEY, ephemeral=False, scope="corpus", durable=False)
    (result,) = next(iter(deidentify_files([path], job)))
    assert str(path) == result.source
    why = f"{result.reason}: {result.message}" if result.reason else ""
    return "\t".join((path.relative_to(corpus).as_posix(), result.outcome, why)).rstrip("\t")


def test_every_dicom_file_is_cleared_or_refused_with_a_reason(corpus: Path, tmp_path: Path) -> None:
    files = dicom_files(corpus)
    lines = [outcome(path, corpus, tmp_path / str(number)) for number, path in enumerate(files)]
    if os.environ.get("DICOMANON_WRITE_OUTCOMES") == "1":
        GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = GOLDEN.read_text(encoding="utf-8").splitlines()
    changed = [f"- {line}" for line in expected if line not in lines]
    changed += [f"+ {line}" for line in lines if line not in expected]

    assert "\n".join(changed) == ""
    assert len(lines) > 150
    for line in lines:
        _, word, *why = line.split("\t")
        assert word in KNOWN_OUTCOMES
        assert (word == "cleared") == (not why)
        assert "internal" not in line
