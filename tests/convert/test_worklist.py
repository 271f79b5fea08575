from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset

from dicomanon.convert import ConvertOptions, Laboratory, instances, prepared
from dicomanon.convert.rule import barcode_rule
from dicomanon.convert.worklist import worklist
from dicomanon.errors import SlideError, UsageError
from tests.peers import Server, echo, free_port, peer_program, running
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.peer


class WorklistScp(Server):
    """dcmtk's worklist: a folder of entries, one folder an AE title."""

    title = "WORKLIST"

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "worklist.log")
        self.port = free_port()
        self._folder = folder
        (folder / self.title).mkdir(exist_ok=True)
        (folder / self.title / "lockfile").touch()

    def command(self) -> list[str]:
        program = peer_program("wlmscpfs", "dcmtk")
        return [program, "-v", "-dfp", str(self._folder), "-dfr", str(self.port)]

    def ready(self) -> bool:
        return echo(self.port, self.title)

    def add(self, name: str, **values: str) -> None:
        """Add an entry."""
        entry = Dataset()
        facts = {
            "PatientName": "Doe^Jane",
            "PatientID": "MRN-1",
            "PatientBirthDate": "19620524",
            "PatientSex": "F",
            "StudyInstanceUID": "1.2.3",
            "AccessionNumber": "S26-1",
            "RequestedProcedureDescription": "biopsy",
            "RequestedProcedureID": "1",
        }
        for keyword, value in (facts | values).items():
            setattr(entry, keyword, value)
        step = Dataset()
        step.Modality, step.ScheduledStationAETitle = "SM", self.title
        step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20260301", "080000"
        step.ScheduledProcedureStepDescription, step.ScheduledProcedureStepID = "scan", "1"
        step.ScheduledPerformingPhysicianName = ""
        entry.ScheduledProcedureStepSequence = [step]
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = pydicom.uid.UID("1.2.276.0.7230010.3.1.0.1")
        meta.MediaStorageSOPInstanceUID = pydicom.uid.UID("1.2.3.4")
        meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        entry.file_meta = meta
        entry.save_as(self._folder / self.title / f"{name}.wl", enforce_file_format=True)

    @property
    def url(self) -> str:
        """Its address."""
        return f"dicom://{self.title}@127.0.0.1:{self.port}"


@pytest.fixture
def server() -> Iterator[WorklistScp]:
    with running(WorklistScp) as started:
        yield started


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    fields = {**PLANTED, "Barcode": "S26-1-A1"}
    return make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2), fields=fields))


def header_of(path: Path, **options: Any) -> Dataset:
    options.setdefault("rule", barcode_rule(r"(?P<accession_number>S\d+-\d+).*"))
    convert = ConvertOptions(**options)
    with prepared(path, convert) as ready:
        header = next(instances(ready, convert)).header
    return read_dataset(BytesIO(header), is_implicit_VR=False, is_little_endian=True)


def test_patient_and_study_come_from_the_worklist(server: WorklistScp, slide: Path) -> None:
    server.add("one")
    server.add("other", AccessionNumber="S26-2", PatientID="MRN-2", PatientName="Roe^Ann")

    header = header_of(slide, worklist=worklist(server.url))

    assert (header.PatientID, str(header.PatientName), header.PatientSex) == ("MRN-1", "Doe^Jane", "F")
    assert (header.StudyInstanceUID, header.AccessionNumber) == ("1.2.3", "S26-1")


def test_a_slide_that_is_not_on_the_worklist_is_refused(server: WorklistScp, slide: Path) -> None:
    server.add("other", AccessionNumber="S26-2")

    with pytest.raises(SlideError, match="no entry"):
        header_of(slide, worklist=worklist(server.url))


def test_two_patients_under_one_number_are_refused_without_their_names(
    server: WorklistScp, slide: Path
) -> None:
    server.add("one")
    server.add("two", PatientID="MRN-2", PatientName="Roe^Ann")

    with pytest.raises(SlideError, match="several patients") as caught:
        header_of(slide, worklist=worklist(server.url))

    assert "MRN" not in str(caught.value)


def test_a_worklist_that_is_not_there_is_an_error_and_not_an_empty_answer(slide: Path) -> None:
    with pytest.raises(SlideError, match="cannot be reached"):
        header_of(slide, worklist=worklist(f"dicom://X@127.0.0.1:{free_port()}"))


def test_nothing_to_ask_for_is_an_error(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2), fields={}))

    with pytest.raises(SlideError, match="could be asked for"):
        header_of(path, worklist=worklist("dicom://X@127.0.0.1:104"), rule=None, laboratory=Laboratory())


@pytest.mark.parametrize(
    "url", ["", "dicom://host:104", "http://X@host:1", "dicom://X@host", "dicom://X@h:99999"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        worklist(url)
