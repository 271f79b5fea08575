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
