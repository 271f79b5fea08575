from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pydicom
import pytest

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions, Laboratory, instances, prepared
from dicomanon.convert.laboratory import COLUMNS, said
from dicomanon.convert.rule import barcode_rule
from dicomanon.convert.table import read_table
from dicomanon.errors import SlideError, UsageError
from dicomanon.part10.plain import write_identified
from tests.peers import dciodvfy
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

EVERYTHING = {
    "patient_id": "MRN-1",
    "patient_name": "Doe^Jane",
    "patient_birth_date": "19620524",
    "patient_sex": "F",
    "study_instance_uid": "1.2.3",
    "study_id": "ST1",
    "study_date": "20260301",
    "accession_number": "S26-77001",
    "container_identifier": "S26-77001-A1-HE",
    "specimen_identifier": "S26-77001-A1-1",
    "part_identifier": "S26-77001-A",
    "block_identifier": "S26-77001-A1",
    "specimen_description": "core biopsy",
    "specimen_type": "SCT:430856003:Tissue section",
    "anatomic_site": "SCT:76752008:Breast",
    "collection_method": "SCT:65801008:Excision",
    "fixative": "SCT:434162003:Neutral Buffered Formalin",
    "embedding": "SCT:311731000:Paraffin wax",
    "stains": "SCT:12710003:hematoxylin stain; SCT:36879007:water soluble eosin stain",
}


def converted(path: Path, out: Path, options: ConvertOptions) -> Dataset:
    out.mkdir(exist_ok=True)
    with prepared(path, options, out) as ready:
        made = next(instances(ready, options))
        write_identified(made, out / "volume.dcm")
    assert dciodvfy(out / "volume.dcm") == []
    return pydicom.dcmread(out / "volume.dcm", stop_before_pixels=True)


def test_everything_that_a_row_can_say_is_in_the_header_and_valid(tmp_path: Path) -> None:
    assert set(EVERYTHING) == set(COLUMNS)
    path = make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2)))
    dataset = converted(path, tmp_path / "out", ConvertOptions(laboratory=said(EVERYTHING)))
    text = str(dataset)

    for value in EVERYTHING.values():
        for code in value.split(";"):
            parts = code.split(":") if code.strip().startswith("SCT:") else [code]
            assert all(part.strip() in text for part in parts), code
    steps = dataset.SpecimenDescriptionSequence[0].SpecimenPreparationSequence
    kinds = [
        item.ConceptCodeSequence[0].CodeMeaning
        for step in steps
        for item in step.SpecimenPreparationStepContentItemSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "111701"
    ]
    assert kinds == [
        "Specimen collection",
        "Specimen processing",
        "Sampling of tissue specimen",
        "Staining",
    ]


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("key", [{"file": "slide.svs"}, {"file": "slide"}, {"barcode": PLANTED["Barcode"]}])
def test_a_row_is_found_by_the_file_or_by_the_barcode(tmp_path: Path, kind: str, key: dict[str, str]) -> None:
    rows = [{"file": "other.svs", "accession_number": "NO"}, {**key, "accession_number": "YES"}]
    table = tmp_path / f"table.{kind}"
    if kind == "json":
        table.write_text(json.dumps(rows))
    else:
        names = ("file", "barcode", "accession_number")
        lines = [",".join(row.get(name, "") for name in names) for row in rows]
        table.write_text("\ufeff" + "\n".join([",".join(names), *lines]), encoding="utf-8")
    path = make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2)))
    options = ConvertOptions(table=read_table(table, Laboratory(patient_id="MRN")))

    dataset = converted(path, tmp_path / "out", options)

    assert (dataset.AccessionNumber, dataset.PatientID) == ("YES", "MRN")


def test_a_slide_without_a_row_is_refused_and_not_left_without_data(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("file,accession_number\nother,1\n")
    options = ConvertOptions(table=read_table(tmp_path / "table.csv", Laboratory()))
    path = make_svs(tmp_path / "CANARY.svs", Shape(tiles=(2, 2)))

    with pytest.raises(SlideError, match="no row") as caught, prepared(path, options):
        pass

    assert "CANARY" not in str(caught.value)


def test_two_rows_that_disagree_on_a_slide_are_refused(tmp_path: Path) -> None:
    text = f"file,barcode,patient_id\nslide,,1\n,{PLANTED['Barcode']},2\n"
    (tmp_path / "table.csv").write_text(text)
    options = ConvertOptions(table=read_table(tmp_path / "table.csv", Laboratory()))

    with (
        pytest.raises(SlideError, match="do not say the same"),
        prepared(make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2))), options),
    ):
        pass


def test_rows_by_name_and_by_stem_that_disagree_are_refused(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("file,patient_id\nslide,1\nslide.svs,2\n")
    options = ConvertOptions(table=read_table(tmp_path / "table.csv", Laboratory()))

    with (
        pytest.raises(SlideError, match="do not say the same"),
        prepared(make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2))), options),
    ):
        pass


def test_a_row_that_two_files_have_the_name_of_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        make_svs(tmp_path / "in" / folder / "1.svs", Shape(tiles=(2, 2)))
    (tmp_path / "table.csv").write_text("file,patient_id\n1,CANARY\n")
    options = ConvertOptions(table=read_table(tmp_path / "table.csv", Laboratory()))
    job = Job(tmp_path / "out", "research-wsi", (), bytes(32), ephemeral=False)

    with pytest.raises(UsageError, match="two files have the name"):
        list(convert_slides([tmp_path / "in"], job, options))

    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "file,patient_id\n", "no row"),
        ("a.csv", "file,patient\nx,CANARY\n", "line 2.*nothing is known of patient"),
        ("a.csv", "patient_id\nCANARY\n", "line 2.*neither file nor barcode"),
        ("a.csv", "file,patient_id\nx,1\nx,CANARY\n", "line 3.*another row"),
        ("a.csv", "file,patient_id\nx,1,CANARY\n", "line 2.*more or fewer"),
        ("a.csv", "file,patient_birth_date\nx,CANARY\n", "patient_birth_date is no date"),
        ("a.csv", "file,patient_sex\nx,CANARY\n", "patient_sex"),
        ("a.csv", "file,stains\nx,CANARY\n", "stains is a code"),
        ("a.csv", "file,accession_number\nx,CANARY-CANARY-CANARY\n", "accession_number is too long"),
        ("a.csv", 'file,patient_id\nx,"CANARY', "no CSV"),
        ("a.json", "CANARY", "no JSON"),
        ("a.json", '{"file": "CANARY"}', "list of objects"),
        ("a.json", '[{"file": "x", "patient_id": 7}]', "entry 1.*no text"),
    ],
)
def test_a_table_that_is_wrong_is_named_by_its_line_and_not_by_its_value(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(UsageError, match=said) as caught:
        read_table(tmp_path / name, Laboratory())

    assert "CANARY" not in str(caught.value)


def test_a_table_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("file,patient_name\nx,Müller\n".encode("latin-1"))

    with pytest.raises(UsageError, match="UTF-8"):
        read_table(tmp_path / "a.csv", Laboratory())


def test_a_barcode_is_read_by_a_rule(tmp_path: Path) -> None:
    fields = {**PLANTED, "Barcode": "S26-77001-A1-HE"}
    path = make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2), fields=fields))
    rule = barcode_rule(r"(?P<accession_number>S\d\d-\d+)-(?P<block_identifier>[A-Z]\d+)-.*")

    dataset = converted(path, tmp_path / "out", ConvertOptions(rule=rule))

    assert dataset.AccessionNumber == "S26-77001"
    steps = dataset.SpecimenDescriptionSequence[0].SpecimenPreparationSequence
    assert "A1" in str(steps[0])


def test_a_barcode_of_another_form_is_refused_without_its_value(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(tiles=(2, 2)))
    rule = barcode_rule(r"(?P<accession_number>S\d\d-\d+)")

    with pytest.raises(SlideError, match="barcode") as caught, prepared(path, ConvertOptions(rule=rule)):
        pass

    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("text", ["(", "no group", "(?P<patient>.*)"])
def test_a_rule_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        barcode_rule(text)
