"""What was done to pixels is said where people and machines look: in the image and in the results of the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image

from tests.cli.test_deid import process
from tests.slides import Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path


def png(path: Path) -> Path:
    samples = np.random.default_rng(1).integers(90, 255, (300, 400, 3), np.uint8)
    Image.fromarray(samples).save(path)
    return path


@pytest.mark.parametrize("more", [(), ("--identified",)])
def test_pixels_that_were_encoded_say_so_whatever_the_profile(tmp_path: Path, more: tuple[str, ...]) -> None:
    path = png(tmp_path / "1.png")

    done = process("convert", path, "--spacing", "0.5", "--out", tmp_path / "out", "--json", *more)
    (instance,) = json.loads(done.stdout)["instances"]
    dataset = pydicom.dcmread(tmp_path / "out" / instance["output"])

    assert dataset.DerivationDescription.startswith("encoded again: ")
    assert instance["message"] == dataset.DerivationDescription


def test_words_of_the_program_are_no_leak_of_a_slide_that_is_called_so(tmp_path: Path) -> None:
    path = png(tmp_path / "encoded again.png")

    done = process("convert", path, "--spacing", "0.5", "--out", tmp_path / "out")

    assert done.returncode == 0, done.stdout
    assert "encoded again: " in done.stdout


def test_tiles_that_pass_as_they_are_have_no_derivation(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "1.svs", Shape(tiles=(2, 2)))

    done = process("convert", path, "--out", tmp_path / "out", "--json")
    document = json.loads(done.stdout)
    written = [each for each in document["instances"] if each["output"]]

    assert written
    for instance in written:
        assert not instance["message"]
        assert "DerivationDescription" not in pydicom.dcmread(tmp_path / "out" / instance["output"])


def test_what_a_source_says_of_its_derivation_goes_all_the_same(tmp_path: Path) -> None:
    process("convert", png(tmp_path / "1.png"), "--spacing", "0.5", "--out", tmp_path / "in", "--identified")
    (path,) = (tmp_path / "in").glob("*.dcm")
    dataset = pydicom.dcmread(path)
    dataset.DerivationDescription = "encoded again: by CANARYPERSON"
    dataset.save_as(path)

    done = process("deid", path, "--out", tmp_path / "out", "--scope", "x")
    (written,) = (tmp_path / "out").rglob("*.dcm")

    assert done.returncode == 0, done.stdout
    assert b"CANARYPERSON" not in written.read_bytes()
