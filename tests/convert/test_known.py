from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dicomanon.convert import Laboratory
from dicomanon.convert.table import Table
from dicomanon.errors import SlideError
from tests.convert.test_rewrap import KEEP, identified
from tests.dicom_slides import SMALL, level, write

if TYPE_CHECKING:
    from pathlib import Path


def test_what_the_laboratory_says_fills_what_is_empty(tmp_path: Path) -> None:
    made = level()
    made.dataset.PatientID, made.dataset.AccessionNumber = "", "?"
    del made.dataset.SpecimenDescriptionSequence[0].SpecimenPreparationSequence
    path = write(made, tmp_path / "a.dcm")
    stain = (("12710003", "SCT", "hematoxylin stain"),)
    lab = Laboratory(patient_id="MRN-1", accession_number="S26-1", stains=stain, patient_sex="F")
    (found,) = identified(path, tmp_path / "out", replace(KEEP, laboratory=lab))

    assert (found.PatientID, found.AccessionNumber) == ("MRN-1", "S26-1")
    assert found.PatientName == made.dataset.PatientName
    (specimen,) = found.SpecimenDescriptionSequence
    assert specimen.SpecimenIdentifier == made.dataset.SpecimenDescriptionSequence[0].SpecimenIdentifier
    assert "hematoxylin stain" in str(specimen.SpecimenPreparationSequence)


@pytest.mark.parametrize(
    "said",
    [
        {"patient_id": "MRN-1"},
        {"patient_birth_date": "19700101"},
        {"study_instance_uid": "1.2.3"},
        {"container_identifier": "OTHER"},
        {"specimen_identifier": "OTHER"},
        {"stains": (("1", "99X", "another stain"),)},
    ],
)
def test_what_the_laboratory_says_otherwise_is_refused_without_a_value(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    made = level()
    path = write(made, tmp_path / "a.dcm")

    with pytest.raises(SlideError, match="of the data set is not what") as caught:
        identified(path, tmp_path / "out", replace(KEEP, laboratory=Laboratory(**said)))

    assert not [value for value in made.planted.canaries.values() if value in str(caught.value)]
    assert "MRN-1" not in str(caught.value)


def test_a_row_of_the_table_is_found_by_any_file_of_the_slide(tmp_path: Path) -> None:
    first = level()
    first.dataset.PatientID = ""
    write(first, tmp_path / "a.dcm")
    second = level(SMALL, 2, first.planted)
    second.dataset.PatientID = ""
    write(second, tmp_path / "b.dcm")
    table = Table({"b": Laboratory(patient_id="MRN-1")}, {})

    found = identified(tmp_path / "a.dcm", tmp_path / "out", replace(KEEP, table=table))
    assert [each.PatientID for each in found] == ["MRN-1", "MRN-1"]
    rows = {"a": Laboratory(patient_id="MRN-2"), "b": Laboratory(patient_id="MRN-1")}
    with pytest.raises(SlideError, match="do not say the same"):
        identified(tmp_path / "a.dcm", tmp_path / "not", replace(KEEP, table=Table(rows, {})))


def test_letters_that_the_character_set_lacks_are_refused(tmp_path: Path) -> None:
    made = level()
    made.dataset.SpecificCharacterSet = "ISO_IR 100"
    made.dataset.PatientName, made.dataset.PatientID = "", ""
    path = write(made, tmp_path / "a.dcm")

    (found,) = identified(path, tmp_path / "out", replace(KEEP, laboratory=Laboratory(patient_name="Jörg")))
    assert found.PatientName == "Jörg"
    with pytest.raises(SlideError, match="lacks letters"):
        identified(path, tmp_path / "not", replace(KEEP, laboratory=Laboratory(patient_name="山田")))


def test_a_value_in_another_character_set_is_the_same_value(tmp_path: Path) -> None:
    made = level()
    made.dataset.SpecificCharacterSet, made.dataset.PatientName = "ISO_IR 100", "Jörg^Zoë"
    path = write(made, tmp_path / "a.dcm")

    (found,) = identified(
        path, tmp_path / "out", replace(KEEP, laboratory=Laboratory(patient_name="Jörg^Zoë"))
    )
    assert found.PatientName == "Jörg^Zoë"


def test_which_of_several_specimens_the_table_means_nobody_knows(tmp_path: Path) -> None:
    made = level()
    made.dataset.SpecimenDescriptionSequence = [*made.dataset.SpecimenDescriptionSequence] * 2
    path = write(made, tmp_path / "a.dcm")

    with pytest.raises(SlideError, match="several specimens"):
        identified(path, tmp_path / "out", replace(KEEP, laboratory=Laboratory(block_identifier="A1")))
