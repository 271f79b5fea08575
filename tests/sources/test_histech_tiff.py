from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import openslide
import pytest
import tifffile

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import catalogue, claims, open_slide, row_of
from tests.peers import dciodvfy
from tests.small_vendor_slides import TAGS, picture
from tests.ventana_slides import coded, pixels, scan

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = "slides/synthetic/synthetic-histech.tif"
SAID = {
    "Date": "29/12/2009",
    "Time": "12:43:52",
    "AppMag": "20",
    "MPP": "0.2325",
    "3dh_PixelSizeX": "0.2325",
    "3dh_PixelSizeY": "0.2325",
    "3dh_Filter": "CANARYFILTER",
    "3dh_Profile": "CANARYPROFILE",
    "Slide": "CANARYSLIDE, ZOE",
    "Title": "CANARYTITLE",
    "Filename": "CANARYFILE",
    "User": "CANARYUSER",
    "Barcode": "CANARYBARCODE",
    "Ward": "CANARYWARD",
}
OWN = {271: "CANARYMAKE", 272: "CANARYMODEL", 285: "CANARYPAGE", 305: "CANARYSOFTWARE"}


def make_histech(path: Path, **fields: str) -> Path:
    """Write three levels with a description each, as they are described: no real export is in the corpus."""
    said = {**SAID, **fields}
    text = "|".join(("68608x95232 (256x256) JPEG/RGB Q=80", *(f"{k} = {v}" for k, v in said.items() if v)))
    tags = [(code, 2, len(value) + 1, value, True) for code, value in {**TAGS, **OWN}.items()]
    with tifffile.TiffWriter(path) as tiff:
        for factor in (1, 2, 4):
            tiff.write(
                picture(200 // factor, 300 // factor, factor),
                tile=(64, 64),
                photometric="rgb",
                compression="jpeg",
                description=text,
                extratags=tags,
                metadata=None,
                software=False,
            )
    return path


def test_scans_of_tiles_are_those_of_the_file(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = list(tiff.pages)
        for page, level in zip(pages, slide.levels, strict=True):
            ranges = zip(page.dataoffsets, page.databytecounts, strict=True)
            stored = [data[offset : offset + count] for offset, count in ranges]
            assert [scan(frame) for frame in coded(level).frames()] == [scan(tile) for tile in stored]


def test_pixels_and_geometry_are_those_that_openslide_reads(corpus: Path) -> None:
    path = corpus / SAMPLE
    with openslide.OpenSlide(path) as other, open_slide(path) as slide:
        assert tuple((each.columns, each.rows) for each in slide.levels) == other.level_dimensions
        for number, level in enumerate(slide.levels[2:], 2):
            wanted = np.asarray(other.read_region((0, 0), number, other.level_dimensions[number]))[:, :, :3]
            assert np.array_equal(pixels(level), wanted)


def test_facts_of_the_sample_are_mapped_and_every_planted_value_is_in_a_field(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = path.read_bytes()
    planted = json.loads((path.parent / f"{path.name}.phi.json").read_text())["planted"]
    with open_slide(path) as slide:
        assert slide.levels[0].spacing == (0.00025, 0.00025)
        assert slide.levels[3].spacing == (0.002, 0.002)
        assert slide.metadata.manufacturer == "3DHISTECH"
        for each in planted:
            found = [field for field in slide.fields if each["value"] in field.value]
            assert len(found) == 5
            for field in found:
                assert data[field.offset : field.offset + field.length].decode() == field.value
                assert row_of("histech_tiff", field.place).hides


@pytest.mark.parametrize(
    ("fields", "micrometres"),
    [
        ({}, (0.2325, 0.2325)),
        ({"MPP": ""}, (0.2325, 0.2325)),
        ({"MPP": "", "3dh_PixelSizeX": "232.5", "3dh_PixelSizeY": "240"}, (0.24, 0.2325)),
        ({"MPP": "nan", "3dh_PixelSizeX": "1e300", "3dh_PixelSizeY": "-1"}, None),
        ({"MPP": "", "3dh_PixelSizeX": "0", "3dh_PixelSizeY": ""}, None),
        ({"MPP": "", "3dh_PixelSizeX": "232.5", "3dh_PixelSizeY": ""}, (0.2325, 0.2325)),
    ],
)
def test_spacing_is_mpp_or_the_size_of_pixels_in_either_unit(
    tmp_path: Path, fields: dict[str, str], micrometres: tuple[float, float] | None
) -> None:
    with open_slide(make_histech(tmp_path / "slide.tif", **fields)) as slide:
        spacing = slide.levels[0].spacing
    assert (spacing is None) == (micrometres is None)
    if spacing is not None and micrometres is not None:
        assert [each * 1000 for each in spacing] == pytest.approx(micrometres)


def test_every_place_of_the_catalogue_is_found_at_its_bytes_and_only_its_own_are_carried(
    tmp_path: Path,
) -> None:
    path = make_histech(tmp_path / "slide.tif")
    data = path.read_bytes()
    with open_slide(path) as slide:
        for field in slide.fields:
            if field.length:
                assert data[field.offset : field.offset + field.length].decode() == field.value
        found = sum(field.value.count("CANARY") for field in slide.fields)
        places = {field.place for field in slide.fields}
        facts = slide.metadata
    assert found == data.count(b"CANARY")
    assert {place for place in catalogue("histech_tiff") if not place.endswith("*")} <= places
    assert facts.barcode == "CANARYBARCODE"
    assert repr(facts).count("CANARY") == 1
    assert facts.objective_power == 20
    assert facts.acquired is not None
    assert facts.acquired.isoformat() == "2009-12-29T12:43:52"


def test_a_slide_is_claimed_by_its_own_format_only_whatever_its_name(tmp_path: Path, corpus: Path) -> None:
    for name in ("slide.tif", "slide.dat"):
        assert [each.name for each in claims(make_histech(tmp_path / name))] == ["histech_tiff"]
    for path in sorted((corpus / "slides").rglob("*")):
        if path.is_file() and path != corpus / SAMPLE:
            assert "histech_tiff" not in [each.name for each in claims(path)], path.name


def test_a_slide_cut_short_anywhere_is_damage_and_still_claimed(tmp_path: Path) -> None:
    whole = make_histech(tmp_path / "slide.tif").read_bytes()
    path = tmp_path / "cut.tif"
    begin = time.monotonic()
    for size in range(2000, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        assert [each.name for each in claims(path)] == ["histech_tiff"], size
        with pytest.raises(CorruptSlideError):
            open_slide(path)
    assert time.monotonic() - begin < 5


def test_a_slide_becomes_valid_dicom(tmp_path: Path) -> None:
    options = ConvertOptions()
    with prepared(make_histech(tmp_path / "slide.tif"), options, tmp_path) as slide:
        files = []
        for number, instance in enumerate(instances(slide, options)):
            files.append(tmp_path / f"{number}.dcm")
            write_identified(instance, files[-1])
        assert len(files) == len(slide.images) == 3
    assert all(dciodvfy(file) == [] for file in files)
