from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.batch import Job, convert_slides, deidentify_files
from dicomanon.check import check_files
from dicomanon.convert import ConvertOptions, Laboratory
from dicomanon.errors import UsageError
from dicomanon.part10.encoding import EXPLICIT_LE
from tests.slides import PLANTED, Shape, make_svs
from tests.verify.made import ROOT, Elements, encode, file_of, identity

if TYPE_CHECKING:
    from pathlib import Path

JPEG = "1.2.840.10008.1.2.4.50"


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
    assert report.summary().startswith(
        "4 of 4 files have a source; nothing found: 4 files searched (all but the scans of frames) for "
    )
    assert report.exit_code == 0
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

    (sources / "cut.dcm").write_bytes((sources / "0.dcm").read_bytes()[:200])
    again = check_files([out], [sources, sources / "absent.dcm"], "research-wsi")

    assert (report.unread, report.skipped) == (0, 1)
    assert (again.unread, again.skipped) == (2, 1)
    assert "2 sources could not be read" in again.summary()
    assert again.as_document()["unread"] == 2


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


def test_an_output_that_cannot_be_opened_is_a_finding(folders: tuple[Path, Path]) -> None:
    sources, out = folders

    ((_, finding),) = check_files([out, out / "absent.dcm"], [sources], "research-wsi").findings

    assert (finding.path, finding.check) == ("file", "unreadable")


def test_outputs_of_no_source_are_named(folders: tuple[Path, Path]) -> None:
    sources, out = folders
    (sources / "0.dcm").unlink()

    report = check_files([out], [sources], "research-wsi")

    (name,) = report.unpaired
    assert name.endswith(".dcm")
    assert report.summary().startswith("3 of 4 files have a source; ")
    assert "1 of no source" in report.summary()
    assert report.as_document()["unpaired"] == [name]
    assert report.as_document()["paired"] == 3
    assert report.exit_code == 1


def test_outputs_that_were_compared_with_nothing_are_no_clean_bill(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    _, out = folders
    (tmp_path / "wrong").mkdir()
    elements = identity(instance=ROOT + b"9", patient=b"MRN-900") | {0x7FE00010: (b"OB", b"\x77" * 100)}
    (tmp_path / "wrong" / "1.dcm").write_bytes(file_of(elements))

    report = check_files([out], [tmp_path / "wrong"], "research-wsi")

    assert report.findings == []
    assert report.summary().startswith("0 of 4 files have a source; ")
    assert report.as_document()["paired"] == 0
    assert report.exit_code == 2


def test_files_without_pixels_are_paired_by_their_class_and_those_of_several_sources_are_named(
    tmp_path: Path,
) -> None:
    def written(name: str, sop_class: bytes, number: int) -> Path:
        elements = identity(instance=ROOT + b"1.%d" % number, patient=b"MRN-730%d" % number)
        elements |= {0x00080016: (b"UI", sop_class), 0x00080020: (b"DA", b"2021031%d" % number)}
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file_of(elements, JPEG))
        return path

    report_class, waveform_class = b"1.2.840.10008.5.1.4.1.1.88.11", b"1.2.840.10008.5.1.4.1.1.9.1.1"
    first = written("in/1.dcm", report_class, 1)
    written("in/2.dcm", waveform_class, 2)
    output = written("out/1.dcm", report_class, 7)

    assert check_files([output], [first.parent], "research-wsi").paired == 1
    written("in/3.dcm", report_class, 3)
    report = check_files([output], [first.parent], "research-wsi")
    assert (report.paired, report.unpaired, report.ambiguous) == (0, [], [str(output)])
    assert "1 without pixels, of several possible sources" in report.summary()
    report.findings = []
    assert report.exit_code == 2
    written("out/2.dcm", waveform_class, 8)
    report = check_files([output.parent], [first.parent], "research-wsi")
    report.findings = []
    assert (report.paired, report.exit_code) == (1, 0)


def test_one_large_frame_is_paired_though_text_in_its_head_was_overwritten(tmp_path: Path) -> None:
    comment = b"\xff\xfe\0\x20" + b"MRN-7309177 of CANARYSMITH".ljust(30)
    scan = b"\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(range(251)) * 400
    table = b"\xff\xc0\0\x0b\x08\x01\0\x01\0\1\1\x11\0"
    files = []
    for name, kept in (("in", comment), ("out", b"\xff\xfe\0\x20" + bytes(30))):
        frame = b"\xff\xd8" + kept + table + scan + b"\xff\xd9"
        frame += b"\0" * (len(frame) % 2)
        items = b"\xfe\xff\0\xe0" + bytes(4) + b"\xfe\xff\0\xe0" + len(frame).to_bytes(4, "little") + frame
        pixels = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + items + b"\xfe\xff\xdd\xe0" + bytes(4)
        files.append(tmp_path / name)
        files[-1].write_bytes(file_of(identity(), JPEG) + pixels)

    assert check_files([files[1]], [files[0]], "research-wsi").paired == 1


def test_every_output_of_the_sample_files_finds_its_source(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = Job(out, "research-wsi", (), bytes(range(32)), ephemeral=False, scope="trial", durable=False)
    results = [each for batch in deidentify_files([corpus / "dicom"], job) for each in batch]
    cleared = [each for each in results if each.outcome == "cleared"]

    report = check_files([out], [corpus / "dicom"], "research-wsi")

    assert len(cleared) > 60
    assert report.unpaired == []
    assert report.paired > 60


def test_dates_of_several_sources_without_pixels_are_not_taken_for_those_of_one(tmp_path: Path) -> None:
    sources, out = tmp_path / "in", tmp_path / "out"
    sources.mkdir()
    out.mkdir()
    for number in range(2):
        dated = {0x00080020: (b"DA", b"2021031%d" % number)}
        elements = identity(instance=ROOT + b"1.%d" % number, patient=b"MRN-730%d" % number) | dated
        (sources / f"{number}.dcm").write_bytes(file_of(elements, JPEG))
    dated_output: Elements = {0x00080018: (b"UI", b"2.25.7"), 0x00080020: (b"DA", b"20210311")}
    (out / "1.dcm").write_bytes(file_of(dated_output, JPEG))

    def dates(given: list[Path]) -> list[str]:
        findings = check_files([out], given, "research-wsi").findings
        return [each.path for _, each in findings if each.check == "value"]

    assert dates([sources]) == []
    assert dates([sources / "0.dcm"]) == []
    assert dates([sources / "1.dcm"]) == ["(0008,0020)"]


@pytest.mark.parametrize("field", ["Patient", "Filename", "DSR ID", "User", "ImageID"])
def test_every_text_of_a_vendor_file_is_looked_for(tmp_path: Path, field: str) -> None:
    (tmp_path / "in").mkdir()
    slide = make_svs(tmp_path / "in" / "S26-CANARYSTEM.svs", Shape(tiles=(2, 2)))
    out = tmp_path / "out"
    job = Job(out, "research-wsi", (), bytes(range(32)), ephemeral=False, durable=False)
    results = [each for batch in convert_slides([slide], job, ConvertOptions()) for each in batch]
    assert {each.outcome for each in results} == {"cleared", "dropped"}
    assert check_files([out], [slide], "research-wsi").findings == []
    victim = next(out.rglob("*.dcm"))
    append(victim, {0x00400600: (b"LO", PLANTED[field].encode()), 0x00400602: (b"UT", b"of S26-CANARYSTEM")})

    found = {finding.path for _, finding in check_files([out], [slide], "research-wsi").findings}

    assert {"(0040,0600)", "(0040,0602)"} <= found


def test_the_patient_id_that_a_slide_was_given_is_looked_for(tmp_path: Path) -> None:
    slide = make_svs(tmp_path / "1.svs", Shape(tiles=(2, 2)))
    (tmp_path / "x.dcm").write_bytes(
        file_of({0x00080018: (b"UI", b"2.25.7"), 0x00400600: (b"LO", b"MRN-CANARY-1")})
    )

    def found(patient_id: str) -> bool:
        told = ConvertOptions(laboratory=Laboratory(patient_id=patient_id))
        report = check_files([tmp_path / "x.dcm"], [slide], "research-wsi", convert=told)
        return any(each.path == "(0040,0600)" and each.check == "value" for _, each in report.findings)

    assert found("MRN-CANARY-1")
    assert not found("")
