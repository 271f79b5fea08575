"""A file-set of what was cleared: readable by others, conformant names, no identifier."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.fileset import FileSet

from dicomanon import standard
from dicomanon.fileset import make_file_set, record_type
from dicomanon.part10.encoding import EXPLICIT_LITTLE, encoding_of
from dicomanon.part10.write import file_meta
from tests.companions import COMPANIONS, UID, planted_slide
from tests.peers import dciodvfy
from tests.verify.made import STUDY, encode, file_of, identity

KINDS = {
    "slide": "IMAGE",
    "segmentation": "IMAGE",
    "parametric_map": "IMAGE",
    "presentation": "PRESENTATION",
    "key_objects": "KEY OBJECT DOC",
    "report": "SR DOCUMENT",
    "capture": "IMAGE",
}


def deid(source: Path, out: Path, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    paths = [str(source), "-o", str(out), "--dicomdir", str(folder)]
    command = [sys.executable, "-m", "dicomanon", "deid", *paths, *more]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def identified(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file-set as it comes from a scanner: a DICOMDIR, and files of a patient."""
    folder = tmp_path_factory.mktemp("identified")
    slide = planted_slide(corpus / "dicom/wsi/highdicom/sm_image.dcm")
    made = [slide, *(make(slide) for make in COMPANIONS.values())]
    fileset = FileSet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for dataset in made:
            fileset.add(dataset)
        fileset.write(folder)
    return folder


@pytest.fixture(scope="module", params=["research-wsi", "basic"])
def cleared(
    request: pytest.FixtureRequest, identified: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("cleared")
    done = deid(identified, out / "tree", out / "set", "--no-sync", "--profile", request.param)

    assert done.returncode == 0, done.stderr
    assert "8 cleared, 1 dropped, 0 quarantined, 1 skipped" in done.stdout
    return out


def test_another_program_finds_every_file_under_its_record(cleared: Path) -> None:
    fileset = FileSet(cleared / "set" / "DICOMDIR")
    tree = {path.stem: path for path in (cleared / "tree").rglob("*.dcm")}

    assert len(fileset) == len(tree) - 1 == len(KINDS)  # annotations have no record that readers know
    assert sorted(each.DirectoryRecordType for each in fileset) == sorted(KINDS.values())
    for each in fileset:
        file = tree[each.SOPInstanceUID]
        assert file.read_bytes() == Path(each.path).read_bytes()
        dataset = dcmread(file)
        assert each.StudyInstanceUID == dataset.StudyInstanceUID
        assert each.PatientID == (dataset.PatientID or "PT000000")


def test_file_ids_are_conformant(cleared: Path) -> None:
    for path in (each for each in (cleared / "set").rglob("*") if each.is_file()):
        parts = path.relative_to(cleared / "set").parts
        assert len(parts) <= 8
        assert all(re.fullmatch(r"[A-Z0-9_]{1,8}", part) for part in parts)


def test_the_directory_holds_no_identifier(cleared: Path) -> None:
    data = (cleared / "set" / "DICOMDIR").read_bytes().lower()

    assert [word for word in (b"canary", UID.encode(), b"19510203", b"20210317") if word in data] == []


@pytest.mark.peer
def test_dciodvfy_finds_no_error_in_the_directory(cleared: Path) -> None:
    assert dciodvfy(cleared / "set" / "DICOMDIR") == []


def test_a_folder_that_has_something_in_it_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "DICOMDIR").write_bytes(b"theirs")
    source = tmp_path / "1.dcm"
    source.write_bytes(file_of(identity()))

    done = deid(source, tmp_path / "out", tmp_path / "set")

    assert done.returncode == 2
    assert "not empty" in done.stderr
    assert (tmp_path / "set" / "DICOMDIR").read_bytes() == b"theirs"
    assert not list(tmp_path.glob("out/**/*.dcm"))


def test_the_folder_of_the_output_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "1.dcm"
    source.write_bytes(file_of(identity()))

    assert deid(source, tmp_path / "out", tmp_path / "out").returncode == 2


def test_studies_without_a_patient_are_not_one_patient(tmp_path: Path) -> None:
    paths = []
    for number in (b"1", b"2"):
        elements = identity(patient=b"", study=STUDY + number, instance=STUDY + b"9" + number)
        paths.append(tmp_path / f"{number.decode()}.dcm")
        paths[-1].write_bytes(file_of(elements))

    assert make_file_set(paths, tmp_path / "set") == 0
    assert [each.PatientID for each in FileSet(tmp_path / "set" / "DICOMDIR")] == ["PT000000", "PT000001"]


def test_kinds_without_a_record_stay_out_and_are_counted(tmp_path: Path) -> None:
    intent = "1.2.840.10008.5.1.4.1.1.481.10"
    path = tmp_path / "intent.dcm"
    elements = identity() | {0x00080016: (b"UI", intent.encode())}
    path.write_bytes(
        file_meta(intent, "2.25.1", EXPLICIT_LITTLE) + encode(elements, encoding_of(EXPLICIT_LITTLE))
    )

    assert record_type(intent) is None
    assert make_file_set([path], tmp_path / "set") == 1
    assert list((tmp_path / "set").iterdir()) == []


@pytest.mark.parametrize("sop_class", standard.sop_classes())
def test_every_image_has_a_record_of_its_kind(sop_class: str) -> None:
    iod = standard.iod_for(sop_class)
    assert iod is not None
    if 0x7FE00010 in iod.root.children and iod.name != "rt-dose":
        assert record_type(sop_class) == ("IMAGE", "InstanceNumber")
