"""The identified side: the slide as DICOM, of a made-up patient, as a laboratory would file it."""

from __future__ import annotations

import dataclasses
from io import BytesIO
from typing import TYPE_CHECKING, Any

from dicomanon.convert import ConvertOptions, Laboratory, instances, prepared
from dicomanon.part10.plain import write_identified

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from dicomanon.part10.instance import Instance

PATIENT = Laboratory(
    patient_id="MRN-2058756",
    patient_name="Musterfrau^Erika",
    patient_birth_date="19660411",
    patient_sex="F",
    study_id="ST-4711",
    accession_number="S26-04711",
    container_identifier="S26-04711-A1",
    specimen_identifier="S26-04711-A1-1",
)
_STAINS = (
    ("12710003", "SCT", "hematoxylin stain"),
    ("36879007", "SCT", "water soluble eosin stain"),
)


def write_identified_slide(slide: Path, folder: Path) -> list[Path]:
    """Write every image of `slide` as identified DICOM into `folder`; raise SlideError and StorageError."""
    paths = []
    options = ConvertOptions(laboratory=PATIENT)
    with prepared(slide, options) as opened:
        for number, instance in enumerate(instances(opened, options), 1):
            paths.append(folder / f"{number}.dcm")
            write_identified(_as_filed(instance), paths[-1])
    return paths


def _as_filed(instance: Instance) -> Instance:
    """Add what a laboratory system knows and the scanner does not: the case, its people, and the staining."""
    from pydicom.filebase import DicomBytesIO  # heavy
    from pydicom.filereader import read_dataset
    from pydicom.filewriter import write_dataset

    dataset = read_dataset(BytesIO(instance.header), is_implicit_VR=False, is_little_endian=True)
    dataset.StudyDate, dataset.StudyTime = "20260320", "101500"
    dataset.ReferringPhysicianName = "Beispiel^Rosa"
    dataset.InstitutionName = "Demo Hospital, Institute of Pathology"
    dataset.OperatorsName = "Probe^Otto"
    dataset.private_block(0x0099, "DEMO LIS 1.0", create=True).add_new(
        0x01, "LO", "Musterfrau, Erika *11.04.1966"
    )
    specimen = dataset.SpecimenDescriptionSequence[0]
    specimen.SpecimenShortDescription = "Breast left, Musterfrau E."
    specimen.PrimaryAnatomicStructureSequence = [_code("76752008", "SCT", "Breast")]
    specimen.SpecimenPreparationSequence = [_stained()]
    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, False
    write_dataset(out, dataset)
    return dataclasses.replace(instance, header=out.getvalue(), entries=None)


def _stained() -> Dataset:
    """Return a preparation step (PS3.16 TID 8001): of which specimen, by whom, what was done and with what."""
    staining, using = ("127790008", "SCT", "Staining"), ("424361007", "SCT", "Using substance")
    content = [
        _content(
            "TEXT", _code("121041", "DCM", "Specimen Identifier"), TextValue=PATIENT.specimen_identifier
        ),
        _content(
            "PNAME", _code("111704", "DCM", "Person who processed the specimen"), PersonName="Probe^Otto"
        ),
        _content("CODE", _code("111701", "DCM", "Processing type"), ConceptCodeSequence=[_code(*staining)]),
        *(_content("CODE", _code(*using), ConceptCodeSequence=[_code(*stain)]) for stain in _STAINS),
    ]
    return _item(SpecimenPreparationStepContentItemSequence=content)


def _content(value_type: str, concept: Dataset, **value: Any) -> Dataset:
    return _item(ValueType=value_type, ConceptNameCodeSequence=[concept], **value)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    return _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def _item(**elements: Any) -> Dataset:
    from pydicom.dataset import Dataset  # heavy

    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item
