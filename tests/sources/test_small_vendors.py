"""Huron, Mikroscan, Motic and Argos: no real slide of theirs is in the corpus, so each is made in its layout."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import SlideImage, claims, open_slide, row_of
from tests.peers import dciodvfy
from tests.slides import make_svs
from tests.small_vendor_slides import (
    CARRIED,
    HURON,
    PIPED,
    TAGS,
    TILE,
    XML,
    make_argos,
    make_huron,
    make_mikroscan,
    make_motic,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources import Field, SlideSource

    Maker = Callable[[Path], Path]

MAKERS: dict[str, Maker] = {
    "huron": make_huron,
    "mikroscan": make_mikroscan,
    "motic": make_motic,
    "argos": make_argos,
}
SAID = {
    "huron": HURON,
    "mikroscan": PIPED,
    "motic": {**PIPED, "Barcode": "CANARYBARCODE-M1"},
    "argos": XML,
}
names = pytest.mark.parametrize("name", MAKERS)


def slide_file(name: str, tmp_path: Path) -> Path:
    """Write a slide of a vendor under the suffix that it has."""
    return MAKERS[name](tmp_path / ("slide.avs" if name == "argos" else "slide.tif"))


def scan(stream: bytes) -> bytes:
    """Return a JPEG stream from its SOS on."""
    at = 2
    while stream[at + 1] != 0xDA:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return stream[at:]


def whole(image: SlideImage, plane: int = 0) -> NDArray[Any]:
    """Return a plane of an image, its frames decoded and laid side by side."""
    across, down = -(-image.columns // image.tile_columns), -(-image.rows // image.tile_rows)
    frames = image.frames(plane * across * down, (plane + 1) * across * down)
    tiles = [imagecodecs.jpeg8_decode(frame) for frame in frames]
    rows = [np.hstack(tiles[row * across : (row + 1) * across]) for row in range(down)]
    return np.vstack(rows)[: image.rows, : image.columns]


def coded(slide: SlideSource, index: int) -> SlideImage:
    """Return an image whose frames pass as they are."""
    image = slide.images[index]
    assert isinstance(image, SlideImage)
    return image


@names
def test_a_slide_is_claimed_by_its_own_format_only(name: str, tmp_path: Path) -> None:
    assert [each.name for each in claims(slide_file(name, tmp_path))] == [name]


def test_no_sample_of_another_format_is_claimed(corpus: Path, tmp_path: Path) -> None:
    files = [path for path in sorted((corpus / "slides").rglob("*")) if path.is_file()]
    for path in (*files, make_svs(tmp_path / "slide.svs")):
        assert not {each.name for each in claims(path)} & set(MAKERS), path.name


def test_a_description_of_aperio_stays_one_of_aperio_whoever_made_the_scanner(tmp_path: Path) -> None:
    path = tmp_path / "slide.svs"
    text = "Aperio Image Library v12.0.15 \r\n64x64 Image Dimensions = Resolution = Motic V1.0.0|AppMag = 20"
    with tifffile.TiffWriter(path) as tiff:
        made = [(271, 2, 6, "Huron", True)]
        pixels = np.zeros((64, 64, 3), np.uint8)
        tiff.write(pixels, tile=(64, 64), description=text, extratags=made, metadata=None)

    assert [each.name for each in claims(path)] == ["aperio"]


@names
def test_the_scans_of_tiles_are_those_of_the_file(name: str, tmp_path: Path) -> None:
    path = slide_file(name, tmp_path)
    data = path.read_bytes()
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = [page for page in tiff.pages if page.is_tiled]
        for index, page in enumerate(pages):
            level = coded(slide, index)
            frames = list(level.frames())
            assert [len(frame) for frame in frames] == list(level.frame_lengths)
            for frame, offset, count in zip(frames, page.dataoffsets, page.databytecounts, strict=True):
                assert not count or scan(frame) == scan(data[offset : offset + count])


@names
def test_pixels_are_those_that_the_tiff_library_reads(name: str, tmp_path: Path) -> None:
    path = slide_file(name, tmp_path)
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = [page for page in tiff.pages if page.is_tiled]
        for index, page in enumerate(pages):
            pixels, expected = whole(coded(slide, index)), page.asarray()
            if 0 in page.databytecounts:
                assert pixels[:TILE, TILE : 2 * TILE].min() == 255
                expected[:TILE, TILE : 2 * TILE] = 255
            assert np.array_equal(pixels, expected)
        others: list[Any] = [page for page in tiff.pages if not page.is_tiled]
        assert len(slide.others) == len(others)
        for image in slide.others:
            page = next(each for each in others if each.imagewidth == image.columns)
            assert isinstance(image, SlideImage)
            assert (image.columns, image.rows) == (page.imagewidth, page.imagelength)
            (frame,) = image.frames()
            if image.encapsulated:
                assert np.abs(imagecodecs.jpeg8_decode(frame).astype(int) - page.asarray()).mean() < 1
            else:
                assert frame == page.asarray().tobytes()


@pytest.mark.parametrize("name", ["huron", "argos"])
def test_geometry_and_pixels_are_those_that_openslide_reads(name: str, tmp_path: Path) -> None:
    path = slide_file(name, tmp_path)
    with openslide.OpenSlide(path) as other, open_slide(path) as slide:
        assert other.properties["openslide.vendor"] == name
        assert [(each.columns, each.rows) for each in slide.levels] == list(other.level_dimensions)
        micrometres = float(other.properties["openslide.mpp-x"])
        assert slide.levels[0].spacing == pytest.approx((micrometres / 1000, micrometres / 1000))
        for index, size in enumerate(other.level_dimensions):
            rgba = np.asarray(other.read_region((0, 0), index, size))
            seen = rgba[:, :, 3] == 255  # OpenSlide leaves what the scanner did not store transparent
            difference = np.abs(whole(coded(slide, index))[seen].astype(int) - rgba[:, :, :3][seen])
            assert difference.max() <= 2  # another JPEG decoder
        assert {"THUMBNAIL", "OVERVIEW"} <= {each.flavor for each in slide.others}
        for flavor, known in (("THUMBNAIL", "thumbnail"), ("OVERVIEW", "macro"), ("LABEL", "label")):
            image = next((each for each in slide.others if each.flavor == flavor), None)
            size = other.associated_images[known].size if known in other.associated_images else None
            assert size == (image and (image.columns, image.rows))


def test_the_facts_of_a_huron_are_mapped_by_name(tmp_path: Path) -> None:
    with open_slide(make_huron(tmp_path / "slide.tif")) as slide:
        facts = slide.metadata
        assert [level.spacing for level in slide.levels] == [
            pytest.approx((each, each)) for each in (0.0004, 0.0008, 0.0016)
        ]

    assert (facts.manufacturer, facts.model, facts.serial) == ("Huron Digital Pathology", "", "LE1764")
    assert facts.software == ("MACROscan LE2.0 v1.1.2.0",)
    assert facts.barcode == "CANARYBARCODE-H1"
    assert facts.acquired == dt.datetime(2017, 9, 29, 14, 45, 38)  # noqa: DTZ001 - the file knows no zone


@pytest.mark.parametrize("barcode", ["CANARY PLAIN", "/////w==", "900444"])
def test_a_barcode_of_huron_that_is_no_text_in_base64_is_taken_as_it_is(tmp_path: Path, barcode: str) -> None:
    with open_slide(make_huron(tmp_path / "slide.tif", Barcode=barcode)) as slide:
        assert slide.metadata.barcode == barcode


@pytest.mark.parametrize(
    ("resolution", "spacing"), [("0.50 um", 0.0005), ("0.3999 um", 0.0004), ("", 0.0004), ("Zoe", 0.0004)]
)
def test_the_spacing_of_huron_is_what_the_scanner_says_then_what_the_tags_say(
    tmp_path: Path, resolution: str, spacing: float
) -> None:
    with open_slide(make_huron(tmp_path / "slide.tif", Resolution=resolution)) as slide:
        assert slide.levels[0].spacing == pytest.approx((spacing, spacing))


def test_the_facts_of_a_mikroscan_are_mapped_by_name(tmp_path: Path) -> None:
    with open_slide(make_mikroscan(tmp_path / "slide.tif")) as slide:
        facts = slide.metadata
        assert slide.levels[0].spacing == pytest.approx((0.000453023, 0.000453023))

    assert (facts.manufacturer, facts.model, facts.serial) == ("Mikroscan", "SL5", "CANARYSERIAL-1053")
    assert (facts.barcode, facts.label_text) == ("CANARYBARCODE-K1", "CANARYTITLE, ZOE")
    assert facts.objective_power == 20
    assert facts.acquired == dt.datetime(2019, 9, 26, 9, 57, 6)  # noqa: DTZ001 - the file knows no zone


def test_a_model_of_mikroscan_that_nobody_makes_does_not_pass(tmp_path: Path) -> None:
    fields = {"SL5 SERIAL #": "", "MUELLER SERIAL #": "CANARYSERIAL-7"}
    with open_slide(make_mikroscan(tmp_path / "slide.tif", **fields)) as slide:
        assert (slide.metadata.model, slide.metadata.serial) == ("", "")
        assert "CANARYSERIAL-7" in {field.value for field in slide.fields}


def test_the_facts_of_a_motic_are_mapped_by_name(tmp_path: Path) -> None:
    with open_slide(make_motic(tmp_path / "slide.tif")) as slide:
        facts = slide.metadata

    assert (facts.manufacturer, facts.software) == ("Motic", ("Motic V1.0.0",))
    assert (facts.barcode, facts.objective_power, facts.acquired) == ("CANARYBARCODE-M1", 20, None)


def test_the_facts_of_an_argos_are_mapped_by_name(tmp_path: Path) -> None:
    with open_slide(make_argos(tmp_path / "slide.avs")) as slide:
        facts = slide.metadata

    assert (facts.manufacturer, facts.model, facts.barcode) == ("Argos", "", "CANARYBARCODE-A1")
    assert facts.objective_power == 20
    assert facts.acquired == dt.datetime(2023, 6, 13, 10, 13, 8)  # noqa: DTZ001 - the file knows no zone


@names
def test_every_text_of_the_file_is_a_field_at_its_place(name: str, tmp_path: Path) -> None:
    path = slide_file(name, tmp_path)
    data = path.read_bytes()
    with open_slide(path) as slide:
        fields = slide.fields

    own = [each for each in fields if each.length]
    assert all(data[each.offset : each.offset + each.length].decode() == each.value for each in own)
    values = [each.value for each in fields]
    assert {*SAID[name].values(), *TAGS.values()} <= set(values)
    with tifffile.TiffFile(path) as tiff:
        assert values.count(TAGS[315]) == len(tiff.pages)
    assert data.count(b"CANARY") == sum(each.value.count("CANARY") for each in own)
    if name == "argos":
        assert {"CANARYCOMMENT", "CANARYNAME"} <= set(values)


@names
def test_only_what_the_catalogue_maps_reaches_the_facts(name: str, tmp_path: Path) -> None:
    with open_slide(slide_file(name, tmp_path)) as slide:
        told = repr(slide.metadata)
        canaries: list[Field] = [each for each in slide.fields if "CANARY" in each.value]

    for each in canaries:
        carried = each.value in CARRIED[name]
        assert carried == bool(row_of(name, each.place).attribute), each.place
        assert carried or each.value not in told


@names
def test_a_slide_is_written_without_an_error_of_dciodvfy(name: str, tmp_path: Path) -> None:
    maker = partial(make_argos, planes=3) if name == "argos" else MAKERS[name]
    path = maker(tmp_path / ("slide.avs" if name == "argos" else "slide.tif"))
    with prepared(path, ConvertOptions(), tmp_path) as slide:
        for number, opened in enumerate(instances(slide, ConvertOptions())):
            file = tmp_path / f"{number}.dcm"
            write_identified(opened, file)
            assert dciodvfy(file) == [], slide.images[number].flavor


def test_the_focal_planes_of_an_argos_are_one_image_lowest_first(tmp_path: Path) -> None:
    path = make_argos(tmp_path / "slide.avs", planes=3)
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = [page for page in tiff.pages if page.is_tiled]
        # ZRange is 8 micrometres from the lowest to the highest of three.
        assert [(each.planes, each.plane_spacing) for each in slide.levels] == [(3, 0.004), (3, 0.004)]
        for index in range(2):
            level = coded(slide, index)
            for plane, page in enumerate(pages[index::2]):
                expected = page.asarray()
                if 0 in page.databytecounts:
                    expected[:TILE, TILE : 2 * TILE] = 255
                assert np.array_equal(whole(level, plane), expected)
        level = coded(slide, 0)
        every = list(level.frames())
        assert [len(frame) for frame in every] == list(level.frame_lengths)
        for first, stop in ((0, 1), (18, 23), (39, None), (59, 60), (60, None), (5, 5)):
            assert list(level.frames(first, stop)) == every[first:stop]


def test_focal_planes_that_the_xml_does_not_know_of_are_damage(tmp_path: Path) -> None:
    with pytest.raises(CorruptSlideError, match="focal planes"):
        open_slide(make_argos(tmp_path / "slide.avs", planes=2, MaxZ="5"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<Argos.Scan.Metadata>\r\n<!-- CANARYCOMMENT -->", b"<!DOCTYPE a [<!ENTITY b 'CANARY'>]>"),
        (b"</Argos.Scan.Metadata>", b"</Argos.Scan.Metadate>"),
        (b"CANARYUSER", b"CANARY&one"),
    ],
)
def test_xml_with_entities_or_without_an_end_is_damage(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = make_argos(tmp_path / "slide.avs")
    data = path.read_bytes()
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, new.ljust(len(old))))

    with pytest.raises(CorruptSlideError, match="XML") as caught:
        open_slide(path)
    assert "CANARY" not in str(caught.value)


@names
def test_a_slide_that_is_cut_short_is_damaged(name: str, tmp_path: Path) -> None:
    path = slide_file(name, tmp_path)
    data = path.read_bytes()
    for part in range(1, 21):
        path.write_bytes(data[: len(data) * part // 21])
        with pytest.raises(CorruptSlideError):
            open_slide(path)


@names
def test_a_slide_whose_directories_are_lost_is_still_of_its_format(name: str, tmp_path: Path) -> None:
    path = slide_file(name, tmp_path)
    data = bytearray(path.read_bytes())
    at, size = (8, 8) if name == "argos" else (4, 4)  # a BigTIFF says the size of its offsets in between
    data[at : at + size] = b"\xff" * (size - 1) + b"\x7f"
    path.write_bytes(data)

    assert [each.name for each in claims(path)] == [name]
    with pytest.raises(CorruptSlideError):
        open_slide(path)


@names
@pytest.mark.parametrize("tag", [256, 257, 322, 323])
@pytest.mark.parametrize("value", [0, 1 << 30])
def test_sizes_that_cannot_be_are_damage(name: str, tag: int, value: int, tmp_path: Path) -> None:
    path = slide_file(name, tmp_path)
    with tifffile.TiffFile(path) as tiff:
        found = tiff.pages[0].tags[tag]
        offset, size = found.valueoffset, {3: 2, 4: 4}[int(found.dtype)]
    data = bytearray(path.read_bytes())
    data[offset : offset + size] = min(value, (1 << 8 * size) - 1).to_bytes(size, "little")
    path.write_bytes(data)

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_an_image_in_strips_that_has_no_name_may_show_the_label(tmp_path: Path) -> None:
    path = make_motic(tmp_path / "slide.tif")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"300x200 -> 150x100 -", b"300x200 in 150x100 -"))

    with pytest.raises(SlideError, match="OVERVIEW"):  # a second one
        open_slide(path)
