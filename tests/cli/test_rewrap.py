from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pydicom

from tests.cli.test_deid import process
from tests.dicom_slides import BASE, SMALL, level, sparse, write

if TYPE_CHECKING:
    from pathlib import Path


def slide(folder: Path) -> list[str]:
    """Write two levels; return what was planted."""
    folder.mkdir()
    first = level()
    write(first, folder / "CANARYNAME2.dcm")
    write(level(SMALL, 2, first.planted), folder / "CANARYNAME1.dcm")
    return [*first.planted.canaries.values(), *first.planted.uids.values(), "CANARYNAME"]


def test_a_folder_of_instances_is_one_slide(tmp_path: Path) -> None:
    planted = slide(tmp_path / "in")
    key = tmp_path / "key"
    process("key", key)
    done = process("convert", tmp_path / "in", "--out", tmp_path / "out", "--key", key, "--json")
    document = json.loads(done.stdout)

    assert done.returncode == 0
    assert (document["cleared"], document["skipped"], document["quarantined"]) == (2, 1, 0)
    (skipped,) = [each for each in document["instances"] if each["outcome"] == "skipped"]
    assert skipped["source"].endswith("CANARYNAME2.dcm")
    assert "another file of the run" in skipped["message"]
    files = list((tmp_path / "out").rglob("*.dcm"))
    assert {pydicom.dcmread(each).DimensionOrganizationType for each in files} == {"TILED_FULL"}
    data = b"".join(each.read_bytes() for each in files)
    assert not [value for value in planted if value.encode() in data]


def test_one_file_that_is_named_stands_for_the_whole_slide(tmp_path: Path) -> None:
    slide(tmp_path / "in")
    done = process("convert", tmp_path / "in/CANARYNAME2.dcm", "--out", tmp_path / "out", "--json")

    assert json.loads(done.stdout)["cleared"] == 2
    assert json.loads(done.stdout)["skipped"] == 0


def test_files_that_are_named_one_by_one_are_converted_once_by_several_processes(tmp_path: Path) -> None:
    slide(tmp_path / "in")
    named = [tmp_path / "in/CANARYNAME1.dcm", tmp_path / "in/CANARYNAME2.dcm"]
    done = process("convert", *named, "--out", tmp_path / "out", "--jobs", "2", "--json")

    assert json.loads(done.stdout)["cleared"] == 2
    assert json.loads(done.stdout)["skipped"] == 1


def test_identified_instances_are_the_ones_that_came(tmp_path: Path) -> None:
    slide(tmp_path / "in")
    done = process("convert", tmp_path / "in", "--out", tmp_path / "out", "--identified")

    assert done.returncode == 0
    own = {pydicom.dcmread(each).SOPInstanceUID for each in (tmp_path / "in").iterdir()}
    assert {pydicom.dcmread(each).SOPInstanceUID for each in (tmp_path / "out").iterdir()} == own


def test_a_damaged_instance_is_quarantined_and_nothing_of_its_slide_is_written(tmp_path: Path) -> None:
    planted = slide(tmp_path / "in")
    path = tmp_path / "in/CANARYNAME2.dcm"
    path.write_bytes(path.read_bytes()[:-5000])
    done = process("convert", tmp_path / "in", "--out", tmp_path / "out")

    assert done.returncode == 1
    assert "corrupt-slide" in done.stdout
    assert not list((tmp_path / "out").rglob("*.dcm"))
    said = "\n".join(line.partition(": ")[2] for line in done.stdout.splitlines())
    assert not [value for value in planted if value in said]


def test_what_cannot_be_said_as_tiled_full_is_left_to_deid(tmp_path: Path) -> None:
    made = sparse(level(), range(BASE.frames))
    group = made.dataset.PerFrameFunctionalGroupsSequence[3]
    group.PlanePositionSlideSequence[0].ZOffsetInSlideCoordinateSystem = "7.5"
    path = write(made, tmp_path / "CANARYNAME.dcm")

    done = process("convert", path, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert "cannot be said as TILED_FULL; `dicomanon deid` takes the file as it is" in done.stdout
    assert process("deid", path, "--out", tmp_path / "taken").returncode == 0


def test_inspect_shows_places_of_dicom_and_hides_their_values(tmp_path: Path) -> None:
    planted = slide(tmp_path / "in")
    path = tmp_path / "in/CANARYNAME1.dcm"
    hidden, shown = process("inspect", path), process("inspect", path, "--values")

    assert hidden.returncode == 0
    assert "DICOM WSI" in hidden.stdout
    assert "-> PatientID" in hidden.stdout
    assert "SpecimenDescriptionSequence/SpecimenIdentifier" in hidden.stdout
    assert not [value for value in planted if value in hidden.stdout + hidden.stderr]
    assert "CANARYPATIENTID" in shown.stdout


def test_other_verbs_still_take_dicom_as_single_instances(tmp_path: Path) -> None:
    slide(tmp_path / "in")
    done = process("deid", tmp_path / "in", "--out", tmp_path / "out", "--json")
    looked = process("pixels", tmp_path / "in/CANARYNAME1.dcm", "--json")

    assert json.loads(done.stdout)["cleared"] == 2
    assert len(json.loads(looked.stdout)) == 1


def test_what_was_joined_and_put_in_order_is_verified_against_its_source(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    made = level()
    count = int(made.dataset.NumberOfFrames)
    write(sparse(made, list(reversed(range(count)))), tmp_path / "in/1.dcm")
    process("convert", tmp_path / "in", "--out", tmp_path / "out")
    (written,) = (tmp_path / "out").rglob("*.dcm")

    done = process("verify", tmp_path / "out", "--source", tmp_path / "in", "--json")
    dataset = pydicom.dcmread(written)
    dataset.ImageComments = next(iter(made.planted.canaries.values()))
    dataset.save_as(written)
    leak = process("verify", tmp_path / "out", "--source", tmp_path / "in")

    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["paired"] == 1
    assert leak.returncode == 1


def test_dicom_is_left_to_others_where_slides_stay_in_their_own_format(tmp_path: Path) -> None:
    slide(tmp_path / "in")
    folder = process("deid", "--native", tmp_path / "in", "--out", tmp_path / "out", "--json")
    named = process("deid", "--native", tmp_path / "in/CANARYNAME1.dcm", "--out", tmp_path / "out")

    assert json.loads(folder.stdout)["skipped"] == 2
    assert "`dicomanon deid` takes it, without --native" in named.stdout
