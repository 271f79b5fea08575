from __future__ import annotations

import datetime as dt
import json
import struct
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from PIL import ImageCms

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, catalogue, claims, open_slide, row_of
from tests.peers import dciodvfy
from tests.ventana_slides import SCANNER, Bif, Grid, coded, make_bif, patch, pixels, psnr, scan

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources import Image

SAMPLES = ("synthetic-bif.bif", "synthetic-ventana-tif.tif")
PLAIN = Grid(overlap=(0, 0))
samples = pytest.mark.parametrize("name", SAMPLES)


def sample(corpus: Path, name: str) -> Path:
    """Return a sample of the corpus."""
    return corpus / "slides/synthetic" / name


def drawn(image: Image) -> PixelImage:
    """Return an image that is put together."""
    assert isinstance(image, PixelImage)
    return image


@samples
def test_scans_of_tiles_that_do_not_overlap_are_those_of_the_file(corpus: Path, name: str) -> None:
    path = sample(corpus, name)
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = [page for page in tiff.pages if page.is_tiled]
        assert len(slide.levels) == len(pages) == 4
        for page, level in zip(pages, slide.levels, strict=True):
            frames = list(coded(level).frames())
            stored = [
                data[offset : offset + count]
                for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True)
            ]
            assert [scan(frame) for frame in frames] == [scan(tile) for tile in stored]


@samples
def test_pixels_and_geometry_are_those_that_openslide_reads(corpus: Path, name: str) -> None:
    path = sample(corpus, name)
    with openslide.OpenSlide(path) as other, open_slide(path) as slide:
        assert tuple((each.columns, each.rows) for each in slide.levels) == other.level_dimensions
        assert slide.levels[0].spacing == (
            float(other.properties["openslide.mpp-y"]) / 1000,
            float(other.properties["openslide.mpp-x"]) / 1000,
        )
        for number, level in enumerate(slide.levels[1:], 1):
            expected = np.asarray(other.read_region((0, 0), number, (level.columns, level.rows)))[:, :, :3]
            assert np.array_equal(pixels(level), expected)


@samples
def test_the_picture_of_the_glass_is_an_overview_and_the_probability_is_not_carried(
    corpus: Path, name: str
) -> None:
    path = sample(corpus, name)
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        flavors = [image.flavor for image in slide.others]
        assert flavors == (["OVERVIEW"] if name.endswith("bif") else ["THUMBNAIL", "OVERVIEW"])
        overview = coded(slide.overview)
        assert (overview.columns, overview.rows) == other.associated_images["macro"].size
        (frame,) = overview.frames()
        expected = np.asarray(other.associated_images["macro"])[:, :, :3].astype(int)
        assert np.abs(imagecodecs.jpeg8_decode(frame) - expected).mean() < 0.5


@samples
def test_every_planted_value_is_a_field_at_its_bytes(corpus: Path, name: str) -> None:
    path = sample(corpus, name)
    data = path.read_bytes()
    planted = json.loads((path.parent / f"{name}.phi.json").read_text())["planted"]
    planted = [each for each in planted if each["value"] != "pixels"]
    if name.endswith("tif"):  # it has no EncodeInfo, whatever its list says
        planted = [each for each in planted if "EncodeInfo" not in each["where"]]
    with open_slide(path) as slide:
        for each in planted:
            found = [field for field in slide.fields if field.value == each["value"]]
            assert found, each["where"]
            for field in found:
                assert data[field.offset : field.offset + field.length].decode() == each["value"]
                assert row_of("ventana", field.place).hides


def test_the_facts_of_a_slide_are_mapped_by_name(corpus: Path) -> None:
    with open_slide(sample(corpus, SAMPLES[0])) as slide:
        facts = slide.metadata

    assert (facts.manufacturer, facts.model, facts.serial) == ("Ventana", "VENTANA DP 200", "SS70631")
    assert facts.software == ("ScanOutputManager 1.1.0.15854",)
    assert facts.acquired == dt.datetime(2026, 3, 27, 14, 52, 17)  # noqa: DTZ001 - this file knows no zone
    assert (facts.objective_power, facts.barcode, facts.label_text) == (40, "S26-85771A1", "")


@pytest.mark.parametrize("grid", [Grid(), Grid(3, 2, 96, (20, 0)), Grid(5, 4, 64, (0, 6))])
def test_tiles_that_overlap_are_put_together_to_the_picture_they_were_cut_from(
    tmp_path: Path, grid: Grid
) -> None:
    path = make_bif(tmp_path / "slide.bif", Bif(grid))
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        base = drawn(slide.levels[0])
        assert (base.columns, base.rows) == other.dimensions == grid.picture.shape[1::-1]
        assert psnr(pixels(base), grid.picture) > 45  # JPEG at quality 95; measured: 49
        assert base.why == "tiles overlap"


def test_every_level_and_region_put_together_is_what_openslide_reads(tmp_path: Path) -> None:
    path = make_bif(tmp_path / "slide.bif")
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        assert tuple((each.columns, each.rows) for each in slide.levels) == other.level_dimensions
        for number, level in enumerate(slide.levels):
            expected = np.asarray(other.read_region((0, 0), number, (level.columns, level.rows)))[:, :, :3]
            assert np.array_equal(pixels(level), expected)
        part = drawn(slide.levels[0]).read(Region(100, 200, 50, 60))
        assert np.array_equal(part, np.asarray(other.read_region((100, 200), 0, (50, 60)))[:, :, :3])
        assert [each.resampled for each in slide.levels] == [False, True, True]
        assert slide.levels[2].spacing == (0.001, 0.001)


def test_what_lies_left_of_the_scanned_area_is_cut_off(tmp_path: Path) -> None:
    path = make_bif(tmp_path / "slide.bif", Bif(left=100))
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        base = drawn(slide.levels[0])
        assert other.dimensions[0] == base.columns + 100
        assert psnr(pixels(base), Grid().picture) > 45
        beyond = base.read(Region(base.columns - 10, 0, 40, 5))
        assert beyond.shape == (5, 40, 3)
        assert beyond[:, 10:].min() == 255


def test_areas_that_lie_apart_are_placed_on_white(tmp_path: Path) -> None:
    grid = Grid(4, 2, 96, (0, 0))
    path = make_bif(tmp_path / "slide.bif", Bif(grid, left=30, apart=50))
    with open_slide(path) as slide:
        base = drawn(slide.levels[0])
        assert base.why == "areas lie apart from each other"
        found = pixels(base)
    assert found.shape == (192, 4 * 96 + 50, 3)
    half = 2 * 96
    assert psnr(found[:, :half], grid.picture[:, :half]) > 45
    assert psnr(found[:, half + 50 :], grid.picture[:, half:]) > 45
    assert found[:, half : half + 50].min() == 255


def test_joints_that_differ_are_placed_by_their_mean_as_openslide_does(tmp_path: Path) -> None:
    text = 'Confidence="98" Direction="RIGHT" Tile1="1" Tile2="2" OverlapX="16"'
    changes = {text: text.replace('"98"', '"60"').replace('"16"', '"21.5"')}
    path = make_bif(tmp_path / "slide.bif", Bif(Grid(5, 4), changes=changes))
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        assert tuple((each.columns, each.rows) for each in slide.levels) == other.level_dimensions
        expected = np.asarray(other.read_region((0, 0), 0, other.dimensions))
        opaque = expected[:, :, 3] == 255
        assert np.array_equal(pixels(slide.levels[0])[opaque], expected[:, :, :3][opaque])


@pytest.mark.parametrize("bif", [Bif(PLAIN, left=100), Bif(PLAIN, horizontal="LEFT")])
def test_tiles_that_do_not_overlap_pass_wherever_they_lie_and_are_joined(tmp_path: Path, bif: Bif) -> None:
    with open_slide(make_bif(tmp_path / "slide.bif", bif)) as slide:
        assert psnr(pixels(coded(slide.levels[0])), PLAIN.picture) > 45


@pytest.mark.parametrize("changes", [{"horizontal": "LEFT"}, {"vertical": "DOWN"}])
def test_tiles_that_overlap_in_a_way_openslide_does_not_read_are_refused(
    tmp_path: Path, changes: dict[str, str]
) -> None:
    path = make_bif(tmp_path / "slide.bif", replace(Bif(), **changes))  # type: ignore[arg-type]
    with pytest.raises(SlideError, match="OpenSlide reads neither"):
        open_slide(path)
    with pytest.raises(openslide.OpenSlideError):
        openslide.OpenSlide(path)


UNSURE = Bif(changes={'Confidence="98"': 'Confidence="0"'})


@pytest.mark.parametrize("bif", [Bif(Grid(across=1)), Bif(Grid(down=1)), UNSURE])
def test_a_single_row_or_joints_of_no_weight_are_refused_where_openslide_loses_the_size(
    tmp_path: Path, bif: Bif
) -> None:
    path = make_bif(tmp_path / "slide.bif", bif)
    with pytest.raises(SlideError, match="does not place"):
        open_slide(path)
    with openslide.OpenSlide(path) as other:
        assert min(other.dimensions) <= 0


def test_without_openslide_only_tiles_that_overlap_are_refused_and_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openslide", None)
    with open_slide(make_bif(tmp_path / "plain.bif", Bif(PLAIN))) as slide:
        assert len(slide.levels) == 3
    with pytest.raises(SlideError, match=r"dicomanon\[slides\]"):
        open_slide(make_bif(tmp_path / "overlapping.bif"))


@pytest.mark.parametrize(
    ("name", "bif"),
    [
        ("slide.bif", Bif()),
        ("slide.dat", Bif()),
        ("slide.tif", Bif(joints=False, label="Label Image")),
        ("slide.tif", Bif(wrapped=False)),
    ],
)
def test_a_slide_is_claimed_by_its_own_format_only_whatever_its_name(
    tmp_path: Path, name: str, bif: Bif
) -> None:
    path = make_bif(tmp_path / name, bif)
    assert [each.name for each in claims(path)] == ["ventana"]
    with open_slide(path) as slide:
        assert coded(slide.overview).rows == 200
        assert (slide.thumbnail is None) == bif.joints


def test_no_sample_of_another_format_is_claimed(corpus: Path) -> None:
    for path in sorted((corpus / "slides").rglob("*")):
        if path.is_file() and path.name not in SAMPLES:
            assert "ventana" not in [each.name for each in claims(path)], path.name


def test_every_place_of_the_catalogue_is_found_in_a_slide_at_its_bytes(tmp_path: Path) -> None:
    path = make_bif(tmp_path / "slide.bif")
    data = path.read_bytes()
    with open_slide(path) as slide:
        places = {field.place for field in slide.fields}
        for field in slide.fields:
            stored = data[field.offset : field.offset + field.length].decode()
            assert stored.replace("&amp;", "&") == field.value, field.place
    assert places == set(catalogue("ventana")) - {"ImageDescription/another"}
    assert sum(field.value.lower().count("canary") for field in slide.fields) == data.lower().count(b"canary")


def test_only_places_with_an_attribute_reach_the_facts(tmp_path: Path) -> None:
    with open_slide(make_bif(tmp_path / "slide.bif")) as slide:
        facts = slide.metadata
        said = {field.value for field in slide.fields if row_of("ventana", field.place).attribute}
        silent = {field.value for field in slide.fields if not row_of("ventana", field.place).attribute}

    assert (facts.serial, facts.barcode) == ("CANARYUNIT-2000515", "CANARYBAR-1D")
    assert {facts.serial, facts.barcode} <= said
    assert facts.software == ("StitchEncode.exe v0.1", "1.1.0.15854")
    assert facts.acquired == dt.datetime(2026, 3, 27, 14, 52, 17)  # noqa: DTZ001 - this file knows no zone
    carried = repr(facts)
    assert not [each for each in silent if "CANARY" in each.upper() and each in carried]
    assert carried.count("CANARY") == 2


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("ScannerModel", "MUELLER 200"),
        ("ScannerModel", "VENTANA DP 200 Mueller"),
        ("BuildVersion", "19480203"),
        ("Mode", "Mueller"),
        ("Magnification", "Mueller"),
        ("LabelBoundary", "MRN8195564"),
    ],
)
def test_a_word_that_is_none_of_the_format_is_not_taken_for_one(
    tmp_path: Path, attribute: str, value: str
) -> None:
    path = make_bif(tmp_path / "slide.bif", Bif(PLAIN, scanner={**SCANNER, attribute: value}))
    with open_slide(path) as slide:
        assert value not in repr(slide.metadata)
        (field,) = [field for field in slide.fields if field.value == value]
        row = row_of("ventana", field.place)
        assert row.hides or row.native == "X" or attribute == "BuildVersion"


def test_what_a_joint_says_in_words_is_a_field(tmp_path: Path) -> None:
    changes = {'Confidence="98" Direction="UP"': 'Confidence="98" Who="CANARYWHO" Direction="UP"'}
    with open_slide(make_bif(tmp_path / "slide.bif", Bif(changes=changes))) as slide:
        assert ("XMP/another", "CANARYWHO") in {(field.place, field.value) for field in slide.fields}


@pytest.mark.parametrize(
    ("date", "clock", "expected"),
    [
        ("", "03/27/2026 02:52:17 PM", dt.datetime(2026, 3, 27, 14, 52, 17)),  # noqa: DTZ001
        ("2026-03-27", "14:52:17", dt.datetime(2026, 3, 27, 14, 52, 17)),  # noqa: DTZ001
        ("03/27/2026 14:52:17", "", dt.datetime(2026, 3, 27, 14, 52, 17)),  # noqa: DTZ001
        ("27.3.", "soon", dt.datetime(2026, 3, 28, 8, 1, 2)),  # noqa: DTZ001 - that of the TIFF
    ],
)
def test_dates_are_read_and_never_guessed(
    tmp_path: Path, date: str, clock: str, expected: dt.datetime
) -> None:
    scanner = {**SCANNER, "ScanDate": date, "ScanTime": clock}
    with open_slide(make_bif(tmp_path / "slide.bif", Bif(PLAIN, scanner=scanner))) as slide:
        assert slide.metadata.acquired == expected


CONTRADICTIONS = {
    "tiles of another size": {'Width="128"': 'Width="64"'},
    "no tile size": {'Width="128"': ""},
    "more tiles than there are": {'NumCols="4" Width': 'NumCols="999999999" Width'},
    "no tiles": {'NumRows="3" NumCols="4" Width': 'NumRows="0" NumCols="4" Width'},
    "beginning inside a tile": {'OriginX="0"': 'OriginX="5"'},
    "beginning behind the grid": {'OriginX="0"': 'OriginX="512"'},
    "no origin": {"<AoiOrigin>": "<Elsewhere>", "</AoiOrigin>": "</Elsewhere>"},
    "nothing scanned": {'<ImageInfo AOIScanned="1"': '<ImageInfo AOIScanned="0"'},
    "a direction that is none": {'"RIGHT"': '"EAST"'},
    "a tile that is none": {'Tile1="1"': 'Tile1="13"'},
    "an overlap of a whole tile": {'OverlapX="16"': 'OverlapX="128"'},
    "an overlap that is none": {'OverlapX="16"': 'OverlapX="nan"'},
    "a place that is none": {'Pos-X="0"': 'Pos-X="1e300"'},
    "a weight that is none": {'Confidence="98"': 'Confidence="99999999"'},
    "not XML": {"</EncodeInfo>": ""},
    "an entity": {'<?xml version="1.0"?>': '<!DOCTYPE a [<!ENTITY b "c">]>'},
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_joints_that_contradict_the_tiles_are_damage(tmp_path: Path, name: str) -> None:
    path = make_bif(tmp_path / "slide.bif", Bif(changes=CONTRADICTIONS[name]))
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_bif_whose_xml_is_lost_is_a_damaged_bif_and_not_another_tiff(tmp_path: Path) -> None:
    path = make_bif(tmp_path / "slide.tif")
    path.write_bytes(path.read_bytes().replace(b"iScan", b"iScam"))
    assert [each.name for each in claims(path)] == ["ventana"]
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_slide_cut_short_anywhere_is_damage_and_still_claimed(tmp_path: Path) -> None:
    whole = make_bif(tmp_path / "slide.bif").read_bytes()
    path = tmp_path / "cut.bif"
    for size in (*range(17, len(whole) - 1, len(whole) // 20), len(whole) - 1):
        path.write_bytes(whole[:size])
        assert [each.name for each in claims(path)] == ["ventana"], size
        with pytest.raises(CorruptSlideError):
            open_slide(path)


@pytest.mark.parametrize("tag", [256, 257, 322, 323])
@pytest.mark.parametrize("value", [0, 0x7FFFFFFF])
def test_a_base_of_no_size_or_an_absurd_one_is_damage(tmp_path: Path, tag: int, value: int) -> None:
    path = make_bif(tmp_path / "slide.bif")
    patch(path, 2, tag, struct.pack("<HHQQ", tag, 4, 1, value))
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_focal_planes_are_refused_and_not_taken_for_tiles(tmp_path: Path) -> None:
    path = make_bif(tmp_path / "slide.bif")
    patch(path, 2, 306, struct.pack("<HHQQ", 32997, 4, 1, 3))
    with pytest.raises(SlideError, match="focal planes"):
        open_slide(path)


def test_the_colour_profile_of_the_scan_is_carried(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with open_slide(make_bif(tmp_path / "slide.bif", Bif(PLAIN, icc=profile))) as slide:
        assert slide.metadata.icc_profile == profile


def test_a_slide_without_tissue_is_damage(tmp_path: Path) -> None:
    with pytest.raises(CorruptSlideError, match="no image of tissue"):
        open_slide(make_bif(tmp_path / "empty.bif", Bif(levels=0)))


@pytest.mark.parametrize("bif", [Bif(), Bif(PLAIN), Bif(joints=False)])
def test_a_slide_becomes_valid_dicom(tmp_path: Path, bif: Bif) -> None:
    path = make_bif(tmp_path / "slide.bif", bif)
    options = ConvertOptions()
    with prepared(path, options, tmp_path) as slide:
        files = []
        for number, instance in enumerate(instances(slide, options)):
            files.append(tmp_path / f"{number}.dcm")
            write_identified(instance, files[-1])
        assert len(files) == len(slide.images) >= 4
        encoded = "tiles overlap" in slide.images[0].derivation
        assert encoded == (bif.joints and bif.grid != PLAIN)
    assert all(dciodvfy(file) == [] for file in files)
