from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.batch import Job, deidentify_files
from dicomanon.check import check_files
from dicomanon.errors import UsageError
from dicomanon.part10.encoding import EXPLICIT_LE
from tests.verify.made import ROOT, Elements, encode, file_of, identity

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return sources of two patients, and their outputs."""
    sources, out = tmp_path / "in", tmp_path / "out"
    sources.mkdir()
    for number in range(4):
        elements = identity(instance=ROOT + b"1.%d" % number, patient=b"MRN-730%d" % (number // 2)) | {
            0x00080020: (b"DA", b"2021031%d" % number),
            0x00100010: (b"PN", (b"CanarySmith^Ann", b"CanaryJones^Bob")[number // 2]),
            0x7FE00010: (b"OB", bytes([number]) * 100),
        }
        (sources / f"{number}.dcm").write_bytes(file_of(elements))
    job = Job(out, "research-wsi", (), bytes(range(32)), ephemeral=False, durable=False)
    outcomes = [
        result.outcome for batch in deidentify_files(sorted(sources.iterdir()), job) for result in batch
    ]
    assert outcomes == ["cleared"] * 4
    return sources, out


def append(path: Path, element: Elements) -> None:
    data = path.read_bytes()
    at = data.index(b"\xe0\x7f\x10\0")
    path.write_bytes(data[:at] + encode(element, EXPLICIT_LE) + data[at:])


def test_clean_files_have_no_finding_and_the_report_says_what_was_covered(folders: tuple[Path, Path]) -> None:
    sources, out = folders

    report = check_files([out], [sources], "research-wsi")

    assert report.findings == []
    assert (report.files, report.sources, report.unread) == (4, 4, 0)
    assert report.values == 14
    assert report.summary().startswith("nothing found: 4 files searched (all but the scans of frames) for ")
    assert "every byte" in check_files([out], [sources], "research-wsi", deep=True).summary()
    assert report.as_document()["findings"] == []


def test_a_value_of_any_source_is_found_in_any_file(folders: tuple[Path, Path]) -> None:
    sources, out = folders
    victim = next(out.rglob("*.dcm"))
    append(victim, {0x00400600: (b"LO", b"CANARYJONES"), 0x00400602: (b"UT", b"CANARYSMITH")})

    report = check_files([out], [sources], "research-wsi")

    assert {(path, finding.path) for path, finding in report.findings} == {
        (str(victim), "(0040,0600)"),
        (str(victim), "(0040,0602)"),
    }
    assert "CANARY" not in str(report.as_document())


def test_the_name_of_a_file_and_its_folders_is_searched(folders: tuple[Path, Path]) -> None:
    sources, out = folders
    victim = next(out.rglob("*.dcm"))
    victim.rename(victim.with_name("CanarySmith.dcm"))

    assert [finding.path for _, finding in check_files([out], [sources], "research-wsi").findings] == [
        "file name"
    ]


def test_a_date_of_its_own_source_is_found_and_one_of_another_is_none(folders: tuple[Path, Path]) -> None:
    sources, out = folders
    for path in out.rglob("*.dcm"):
        append(path, {0x00400602: (b"UT", b"on 2021-03-12")})

    report = check_files([out], [sources], "research-wsi")

    assert len(report.findings) == 1


def test_a_file_that_does_not_parse_is_a_finding(folders: tuple[Path, Path]) -> None:
    sources, out = folders
    (out / "broken.dcm").write_bytes(b"not DICOM" * 40)

    ((path, finding),) = check_files([out], [sources], "research-wsi").findings
    assert path.endswith("broken.dcm")
    assert finding.path == "file"


def test_sources_that_cannot_be_read_are_counted_and_said(folders: tuple[Path, Path]) -> None:
    sources, out = folders
    (sources / "notes.txt").write_text("nothing")

    report = check_files([out], [sources], "research-wsi")

    assert report.unread == 1
    assert "1 source could not be read" in report.summary()
    assert report.as_document()["unread"] == 1


def test_nothing_to_search_or_nothing_to_look_for_is_an_error_and_no_clean_bill(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    sources, out = folders
    empty = tmp_path / "empty"
    empty.mkdir()

    with pytest.raises(UsageError, match="no file"):
        check_files([empty], [sources], "research-wsi")
    with pytest.raises(UsageError, match="no source"):
        check_files([out], [empty], "research-wsi")
    (empty / "notes.txt").write_text("nothing")
    with pytest.raises(UsageError, match="no source"):
        check_files([out], [empty], "research-wsi")
