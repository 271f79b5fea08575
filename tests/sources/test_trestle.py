from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image as Picture

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, catalogue, claims, open_slide, row_of
from tests.peers import dciodvfy
from tests.ventana_slides import Grid, Trestle, coded, make_trestle, pixels, psnr, scan

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


SAMPLE = "slides/synthetic/synthetic-trestle.tif"
PLAIN = (Grid(4, 3, 64, (0, 0)), Grid(2, 2, 64, (0, 0)))
HALF_PLAIN = (Grid(4, 3, 64, (8, 4)), Grid(2, 2, 64, (0, 0)))


def read(slide: openslide.OpenSlide, level: int) -> NDArray[Any]:
    """Return a whole level as OpenSlide reads it."""
    return np.asarray(slide.read_region((0, 0), level, slide.level_dimensions[level]))[:, :, :3]


def test_scans_of_tiles_are_those_of_the_file(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = list(tiff.pages)
        for page, level in zip(pages, slide.levels, strict=True):
            stored = [
                data[offset : offset + count]
                for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
            ]
            assert [scan(frame) for frame in coded(level).frames()] == [scan(tile) for tile in stored]


def test_pixels_geometry_and_spacing_are_those_that_openslide_reads(corpus: Path) -> None:
    path = corpus / SAMPLE
    with openslide.OpenSlide(path) as other, open_slide(path) as slide:
        assert tuple((each.columns, each.rows) for each in slide.levels) == other.level_dimensions
        assert slide.levels[0].spacing == (
            float(other.properties["openslide.mpp-y"]) / 1000,
            float(other.properties["openslide.mpp-x"]) / 1000,
        )
        for number, level in enumerate(slide.levels[1:], 1):
            assert np.array_equal(pixels(level), read(other, number))


def test_the_picture_beside_the_slide_is_its_overview_with_the_same_scan(corpus: Path) -> None:
    path = corpus / SAMPLE
    with open_slide(path) as slide:
        overview = coded(slide.overview)
        (frame,) = overview.frames()
        assert slide.others == (overview,)
    assert (overview.columns, overview.rows) == (1280, 460)
    assert [len(frame)] == list(overview.frame_lengths)
    assert scan(frame) == scan(path.with_suffix(".Full").read_bytes())


def test_every_planted_value_is_a_field_at_its_bytes_and_the_facts_are_mapped(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = path.read_bytes()
    planted = json.loads((path.parent / f"{path.name}.phi.json").read_text())["planted"]
    with open_slide(path) as slide:
        facts = slide.metadata
        for each in planted[:2]:
            found = [field for field in slide.fields if field.value == each["value"]]
            assert len(found) == 4
            for field in found:
                assert data[field.offset : field.offset + field.length].decode() == each["value"]
                assert row_of("trestle", field.place).hides
    assert (facts.manufacturer, facts.software, facts.objective_power) == ("Trestle", ("MedScan 2.0",), 20)


@pytest.mark.parametrize("grids", [Trestle().grids, HALF_PLAIN, (Grid(5, 4, 48, (20, 3)),)])
def test_tiles_that_overlap_are_put_together_to_the_picture_they_were_cut_from(
    tmp_path: Path, grids: tuple[Grid, ...]
) -> None:
    path = make_trestle(tmp_path / "slide.tif", Trestle(grids))
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        for number, (grid, level) in enumerate(zip(grids, slide.levels, strict=True)):
            assert (level.columns, level.rows) == other.level_dimensions[number] == grid.picture.shape[1::-1]
            assert isinstance(level, PixelImage) == any(grid.overlap)
            assert psnr(pixels(level), grid.picture) > 45  # JPEG at quality 95; measured: 49
            assert np.array_equal(pixels(level), read(other, number))


def test_a_region_is_the_same_as_in_the_whole_and_white_beyond(tmp_path: Path) -> None:
    with open_slide(make_trestle(tmp_path / "slide.tif")) as slide:
        base = slide.levels[0]
        assert isinstance(base, PixelImage)
        whole = pixels(base)
        for left, top, columns, rows in (
            (0, 0, 1, 1),
            (55, 59, 3, 4),
            (60, 61, 130, 90),
            (200, 150, 100, 80),
        ):
            part = base.read(Region(left, top, columns, rows))
            inside = whole[top : top + rows, left : left + columns]
            assert part.shape == (rows, columns, 3)
            assert np.array_equal(part[: inside.shape[0], : inside.shape[1]], inside)
            assert (
                part[inside.shape[0] :].min(initial=255) == part[:, inside.shape[1] :].min(initial=255) == 255
            )


@pytest.mark.parametrize("overlaps", ["eight 4", "64 0", "-1 0", "99999999999999999999 0"])
def test_overlaps_that_cannot_be_are_damage(tmp_path: Path, overlaps: str) -> None:
    with pytest.raises(CorruptSlideError):
        open_slide(make_trestle(tmp_path / "slide.tif", Trestle(overlaps=overlaps)))


@pytest.mark.parametrize("name", ["slide.tif", "slide.dat"])
def test_a_slide_is_claimed_by_its_own_format_only_whatever_its_name(tmp_path: Path, name: str) -> None:
    assert [each.name for each in claims(make_trestle(tmp_path / name))] == ["trestle"]


def test_no_sample_of_another_format_is_claimed(corpus: Path) -> None:
    for path in sorted((corpus / "slides").rglob("*")):
        if path.is_file() and path != corpus / SAMPLE:
            assert "trestle" not in [each.name for each in claims(path)], path.name


def test_every_place_of_the_catalogue_is_found_at_its_bytes_and_only_its_own_are_carried(
    tmp_path: Path,
) -> None:
    path = make_trestle(tmp_path / "slide.tif")
    beside = path.with_suffix(".Full")
    files = {"": path.read_bytes(), beside.name: beside.read_bytes()}
    with open_slide(path) as slide:
        for field in slide.fields:
            stored = files[field.file][field.offset : field.offset + field.length]
            assert stored.decode() == field.value, field.place
        places = {field.place for field in slide.fields}
        carried = repr(slide.metadata)
    assert {place for place in catalogue("trestle") if not place.endswith("*")} <= places
    assert {"ImageDescription/Ward", "JPEG/COM", "JPEG/after the end"} <= places
    found = sum(field.value.count("CANARY") for field in slide.fields)
    assert found == sum(data.count(b"CANARY") for data in files.values())
    assert "CANARY" not in carried
    assert slide.metadata.software == ("MedScan 2.0",)


def test_the_words_of_the_picture_are_not_in_its_frame(tmp_path: Path) -> None:
    with open_slide(make_trestle(tmp_path / "slide.tif")) as slide:
        (frame,) = coded(slide.overview).frames()
    assert b"CANARY" not in frame
    assert imagecodecs.jpeg8_decode(frame).shape == (96, 256, 3)


def test_a_picture_that_is_missing_is_none_and_a_damaged_one_is_damage(tmp_path: Path) -> None:
    path = make_trestle(tmp_path / "slide.tif", Trestle(PLAIN))
    beside = path.with_suffix(".Full")
    whole = beside.read_bytes()
    for damaged in (b"", b"not a picture", whole[:300], whole[:-40]):
        beside.write_bytes(damaged)
        with pytest.raises(CorruptSlideError):
            open_slide(path)
    beside.unlink()
    with open_slide(path) as slide:
        assert slide.others == ()


def test_a_picture_that_dicom_has_no_syntax_for_is_decoded(tmp_path: Path) -> None:
    path = make_trestle(tmp_path / "slide.tif", Trestle(PLAIN))
    glass = Picture.new("RGB", (64, 32), (200, 10, 10))
    glass.save(path.with_suffix(".Full"), "JPEG", progressive=True, comment=b"CANARYPROGRESSIVE")
    with open_slide(path) as slide:
        overview = slide.overview
        assert isinstance(overview, PixelImage)
        assert np.abs(pixels(overview).astype(int) - (200, 10, 10)).max() < 4
        assert "CANARYPROGRESSIVE" in {field.value for field in slide.fields}


def test_a_slide_cut_short_anywhere_is_damage_and_still_claimed(tmp_path: Path) -> None:
    whole = make_trestle(tmp_path / "slide.tif", Trestle(software="MedScan 2.0")).read_bytes()
    path = tmp_path / "cut.tif"
    begin = time.monotonic()
    for size in range(2000, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        assert [each.name for each in claims(path)] == ["trestle"], size
        with pytest.raises(CorruptSlideError):
            open_slide(path)
    assert time.monotonic() - begin < 5


def test_a_level_without_tiles_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "strips.tif"
    tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8), software="MedScan", description="Slide=1")
    with pytest.raises(CorruptSlideError):
        open_slide(path)


@pytest.mark.parametrize("grids", [PLAIN, Trestle().grids])
def test_a_slide_becomes_valid_dicom(tmp_path: Path, grids: tuple[Grid, ...]) -> None:
    path = make_trestle(tmp_path / "slide.tif", replace(Trestle(), grids=grids))
    options = ConvertOptions()
    with prepared(path, options, tmp_path) as slide:
        files = []
        for number, instance in enumerate(instances(slide, options)):
            files.append(tmp_path / f"{number}.dcm")
            write_identified(instance, files[-1])
        assert len(files) == len(slide.images) == 3
        assert ("tiles overlap" in slide.images[0].derivation) == (grids != PLAIN)
    assert all(dciodvfy(file) == [] for file in files)
