"""What becomes of every DICOM file in the corpus: cleared, dropped or refused with a reason, and none crashes.

`corpus_outcomes/` has the lists as they should be: of the default profile, and of all options at once with either kind
of dates. Where one changes for a reason, DICOMANON_WRITE_OUTCOMES=1 writes it anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dicomanon.batch import Job, deidentify_files
from dicomanon.profile import load_option, option_keywords
from dicomanon.standard import DEIDENTIFICATION_METHODS
from tests.verify.made import KEY

GOLDEN = Path(__file__).parent / "corpus_outcomes"
OF_THE_STANDARD = [
    word for word in option_keywords() if word in DEIDENTIFICATION_METHODS and not load_option(word).pixels
]
"""Without those on pixels: looking into every picture takes hours."""
DATES = ("retain-full-dates", "retain-modified-dates")
PROFILES = {
    "research-wsi": ("research-wsi", ()),
    **{
        f"all-options-{dates}": (
            "basic",
            tuple(word for word in OF_THE_STANDARD if word == dates or word not in DATES),
        )
        for dates in DATES
    },
}
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


def outcome(path: Path, corpus: Path, out: Path, profile: str, options: tuple[str, ...]) -> str:
    """Clear one file by itself and say in one line what became of it."""
    job = Job(out, profile, options, KEY, ephemeral=False, scope="corpus", durable=False)
    (result,) = next(iter(deidentify_files([path], job)))
    assert str(path) == result.source
    why = f"{result.reason}: {result.message}" if result.reason else ""
    return "\t".join((path.relative_to(corpus).as_posix(), result.outcome, why)).rstrip("\t")


@pytest.mark.parametrize("name", PROFILES)
def test_every_dicom_file_is_cleared_or_refused_with_a_reason(
    name: str, corpus: Path, tmp_path: Path
) -> None:
    golden = GOLDEN / f"{name}.tsv"
    lines = [
        outcome(path, corpus, tmp_path / str(number), *PROFILES[name])
        for number, path in enumerate(dicom_files(corpus))
    ]
    if os.environ.get("DICOMANON_WRITE_OUTCOMES") == "1":
        golden.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = golden.read_text(encoding="utf-8").splitlines()
    changed = [f"- {line}" for line in expected if line not in lines]
    changed += [f"+ {line}" for line in lines if line not in expected]

    assert "\n".join(changed) == ""
    assert len(lines) > 150
    for line in lines:
        _, word, *why = line.split("\t")
        assert word in KNOWN_OUTCOMES
        assert (word == "cleared") == (not why)
        assert "internal" not in line
