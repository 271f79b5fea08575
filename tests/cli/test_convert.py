from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_deid import process
from tests.slides import Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return make_svs(tmp_path / "in" / "1.svs", Shape(tiles=(2, 2)))


def test_the_slides_of_a_folder_are_converted(slide: Path, tmp_path: Path) -> None:
    (slide.parent / "notes.txt").write_text("nothing")

    done = process("convert", slide.parent, "--out", tmp_path / "out")

    assert done.returncode == 0, done.stdout
    assert ", 0 quarantined, 1 skipped; " in done.stdout


@pytest.mark.parametrize("more", [(), ("--identified",)])
def test_a_folder_without_a_slide_that_is_read_is_exit_code_1(tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").write_text("nothing")
    none = process("convert", tmp_path / "in", "--out", tmp_path / "out", *more)
    (tmp_path / "in" / "1.ndpi").write_bytes(b"II*\0")
    other = process("convert", tmp_path / "in", "--out", tmp_path / "out", *more)

    assert (none.returncode, other.returncode) == (1, 1)
    assert "Nothing was done: no file of the folder is a slide." in none.stderr
    assert "Nothing was written: " in other.stderr
    assert "1 quarantined, 1 skipped; " in other.stdout


def test_identified_files_are_not_called_cleared(slide: Path, tmp_path: Path) -> None:
    done = process("convert", slide, "--out", tmp_path / "out", "--identified")
    document = json.loads(
        process("convert", slide, "--out", tmp_path / "out", "--identified", "--json").stdout
    )

    assert done.returncode == 0
    assert "cleared" not in done.stdout
    assert done.stdout.startswith("written, identified ")
    assert document["identified"] == len(list((tmp_path / "out").iterdir()))
    assert "name the patient" in done.stderr


@pytest.mark.parametrize("more", [("--key", "k"), ("--profile", "basic"), ("--option", "retain-uids")])
def test_identified_refuses_what_de_identifies(slide: Path, tmp_path: Path, more: tuple[str, str]) -> None:
    done = process("convert", slide, "--out", tmp_path / "out", "--identified", *more)

    assert done.returncode == 2
    assert done.stderr == f"dicomanon: --identified de-identifies nothing: leave out {more[0]}\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["slide", "Label", "VOLUME", "Image"])
def test_a_slide_that_is_called_as_the_standard_calls_images_is_converted(tmp_path: Path, name: str) -> None:
    path = make_svs(tmp_path / f"{name}.svs", Shape(tiles=(2, 2), fields={}))

    done = process("convert", path, "--out", tmp_path / "out")

    assert done.returncode == 0, done.stdout


def test_what_the_laboratory_knows_is_carried_and_then_cleaned(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "1.svs", Shape(tiles=(2, 2)))
    table = tmp_path / "table.csv"
    table.write_text(
        "file,patient_id,patient_name,accession_number,stains\n"
        "1,CANARYMRN-1,Canaryname^Zoe,CANARYACC-1,SCT:12710003:hematoxylin stain\n"
    )
    named = process("convert", path, "--out", tmp_path / "named", "--slides-table", table, "--identified")
    clean = process("convert", path, "--out", tmp_path / "clean", "--slides-table", table)
    checked = process("verify", tmp_path / "clean", "--source", path, "--slides-table", table)

    assert (named.returncode, clean.returncode, checked.returncode) == (0, 0, 0), checked.stdout
    written = b"".join(each.read_bytes() for each in (tmp_path / "named").rglob("*.dcm"))
    out = b"".join(each.read_bytes() for each in (tmp_path / "clean").rglob("*.dcm"))
    for value in (b"CANARYMRN-1", b"Canaryname", b"CANARYACC-1"):
        assert value in written
        assert value not in out
    assert b"hematoxylin stain" in out


def test_a_slide_without_spacing_is_refused_with_what_to_do_and_taken_with_it(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "1.svs", Shape(tiles=(2, 2), mpp=""))

    refused = process("convert", path, "--out", tmp_path / "out")
    done = process("convert", path, "--out", tmp_path / "out", "--spacing", "0.25")

    assert (refused.returncode, done.returncode) == (1, 0)
    assert "give it in micrometres with --spacing" in refused.stdout


def test_files_that_are_no_slides_are_told_by_their_kind_not_one_by_one(slide: Path, tmp_path: Path) -> None:
    for number in range(30):
        (slide.parent / f"Data{number:04}.dat").write_text("nothing")
    (slide.parent / "notes").write_text("nothing")

    done = process("convert", slide.parent, "--out", tmp_path / "out")
    document = json.loads(process("convert", slide.parent, "--out", tmp_path / "again", "--json").stdout)

    lines = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("skipped")]
    assert lines == [f"skipped      {slide.parent / 'notes'}", "skipped      30 files named *.dat"]
    assert sum(each["outcome"] == "skipped" for each in document["instances"]) == 31
