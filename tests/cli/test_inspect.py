from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dicomanon.sources import formats
from tests.cli.test_deid import process
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return make_svs(tmp_path / "CANARYNAME.svs", Shape(tiles=(2, 2)))


def test_places_are_shown_with_what_becomes_of_them_and_without_values(slide: Path) -> None:
    done = process("inspect", slide)

    assert done.returncode == 0
    assert "ImageDescription/Patient" in done.stdout
    assert "-> DeviceSerialNumber" in done.stdout
    assert not [value for value in (*PLANTED.values(), "CANARYNAME") if value in done.stdout + done.stderr]
    assert "--values shows what they say" in done.stderr


def test_values_are_shown_to_who_asks_for_them(slide: Path) -> None:
    done = process("inspect", slide, "--values")

    assert [value for value in (*PLANTED.values(), "CANARYNAME") if value not in done.stdout] == []


def test_for_machines_each_place_has_its_offsets(slide: Path) -> None:
    hidden = json.loads(process("inspect", slide, "--json").stdout)
    shown = json.loads(process("inspect", slide, "--json", "--values", "--all").stdout)
    data = slide.read_bytes()

    assert hidden["format"] == "aperio"
    assert [image["flavour"] for image in hidden["images"]] == ["VOLUME", "THUMBNAIL", "OVERVIEW", "LABEL"]
    assert all(image["encoded"] == "" for image in hidden["images"])
    assert not [place for place in hidden["places"] if "values" in place or place["names"] == "nothing"]
    (barcode,) = [place for place in shown["places"] if place["place"] == "ImageDescription/Barcode"]
    assert barcode["attribute"] == "BarcodeValue"
    for name, offset, length in barcode["offsets"]:
        assert (name, data[offset : offset + length].decode()) == ("", PLANTED["Barcode"])


def test_what_is_no_slide_is_one_clear_line_without_its_name(tmp_path: Path) -> None:
    (tmp_path / "CANARYNAME.txt").write_text("nothing")

    done = process("inspect", tmp_path / "CANARYNAME.txt")

    assert done.returncode == 1
    assert "no slide format claims the file" in done.stderr
    assert "CANARYNAME" not in done.stderr


def test_formats_are_listed_with_what_is_lossless_and_what_is_missing() -> None:
    done = process("formats")
    document = json.loads(process("formats", "--json").stdout)

    assert [each["name"] for each in document] == [record.name for record in formats()]
    for each in document:
        assert each["title"] in done.stdout
        assert each["lossless"] or each["encoded"], each["name"]
        assert bool(each["missing"]) == bool(each["extra"])
