"""The canary slide, in three character sets, the whole way through the batch run: nothing planted comes out."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon.batch import Job, Result, deidentify_files
from dicomanon.check import check_files
from dicomanon.standard import COLUMN_OF_OPTION
from tests.canary import assert_codes_kept, assert_no_canary, make_canary_slide
from tests.peers import environment_program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.canary import CanarySlide

CHARACTER_SETS = ("ISO_IR 192", "ISO_IR 100", "ISO 2022 IR 87")
PROFILES = ("basic", "research-wsi")


def job_in(folder: Path, profile: str, *options: str, deep: bool = True) -> Job:
    return Job(folder, profile, options, bytes(range(32)), ephemeral=False, deep=deep, durable=False)


def results(slide: CanarySlide, job: Job) -> list[Result]:
    return [result for batch in deidentify_files(list(slide.files), job) for result in batch]


@pytest.fixture(
    scope="module", params=[(one, two) for one in CHARACTER_SETS for two in PROFILES], ids=" ".join
)
def run(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[CanarySlide, Path, str]:
    character_set, profile = request.param
    folder = tmp_path_factory.mktemp("canary")
    slide = make_canary_slide(folder / "in", character_set)
    outcomes = [result.outcome for result in results(slide, job_in(folder / "out", profile))]
    assert outcomes == ["cleared", "cleared", "cleared", "dropped", "dropped"]
    return slide, folder / "out", profile


Run = tuple["CanarySlide", "Path", str]


def test_no_canary_is_left_in_bytes_or_names(run: Run) -> None:
    slide, out, _ = run

    assert_no_canary([out], slide)


def test_the_codes_of_specimen_and_stain_are_kept(run: Run) -> None:
    """The Basic Profile empties the preparation steps, and with them the stains."""
    slide, out, profile = run
    if profile == "research-wsi":
        assert_codes_kept(sorted(out.rglob("*.dcm")), slide)
    else:
        for path in out.rglob("*.dcm"):
            specimen = dcmread(path).SpecimenDescriptionSequence[0]
            assert specimen.SpecimenTypeCodeSequence[0].CodeValue == "119376003"
            assert specimen.PrimaryAnatomicStructureSequence[0].CodeValue == "76752008"
            assert specimen.SpecimenPreparationSequence == []


def test_the_frames_are_the_same_but_for_their_text(run: Run) -> None:
    slide, out, _ = run
    scans = {_scan(path) for path in slide.files[:3]}

    assert {_scan(path) for path in out.rglob("*.dcm")} == scans


def _scan(path: Path) -> bytes:
    """Return the entropy-coded scan of the first frame."""
    data = path.read_bytes()
    start = data.index(b"\xff\xda")
    return data[start : data.index(b"\xff\xd9", start)]


@pytest.mark.peer
def test_dciodvfy_finds_no_error_that_the_source_had_not(run: Run) -> None:
    slide, out, _ = run
    before = {error for path in slide.files for error in _errors(path)}

    for path in out.rglob("*.dcm"):
        assert _errors(path) - before == set(), path.name


def _errors(path: Path) -> set[str]:
    command = [environment_program("dciodvfy", "dicom3tools"), str(path)]
    done = subprocess.run(command, check=False, capture_output=True, timeout=60)
    said = (done.stdout + done.stderr).decode("latin-1")
    assert "VLWholeSlideMicroscopyImage" in said
    return {line for line in said.splitlines() if line.startswith("Error")}


def test_a_second_opinion_finds_nothing_and_every_source_value_was_looked_for(run: Run) -> None:
    slide, out, profile = run

    report = check_files([out], [slide.folder], profile, deep=True)

    assert report.findings == []
    assert report.files == 3
    assert report.sources == 5
    assert report.values > 150


def test_an_uncleaned_slide_is_full_of_findings(run: Run) -> None:
    slide, _, profile = run

    report = check_files(slide.files[:1], [slide.folder], profile)

    assert len({finding.path for _, finding in report.findings}) > 60


@pytest.mark.parametrize("option", COLUMN_OF_OPTION)
def test_every_option_lets_the_slide_out_and_what_it_does_not_retain_stays_behind(
    tmp_path: Path, option: str
) -> None:
    slide = make_canary_slide(tmp_path / "in")
    found = results(slide, job_in(tmp_path / "out", "basic", option))

    assert [result.outcome for result in found[:3]] == ["cleared"] * 3
    assert check_files([tmp_path / "out"], [slide.folder], "basic", (option,), deep=True).findings == []
    data = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.dcm"))
    for place in (
        "NAMEFAMILY",
        "PATIENTID",
        "ACCESSION",
        "TOPLO",
        "JPEGCOMMENT",
        "UNKNOWNTAG",
        "OTHERID",
        "TRAILINGPRIVATE",
    ):
        assert slide.canaries[place].encode() not in data, place
