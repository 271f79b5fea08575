from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import PixelImage, Region, SlideImage, catalogue, claims, open_slide
from tests.akoya_slides import NAMES, SAID, TAGS, Scan, make_qptiff, xml
from tests.ome_slides import assert_converts, assert_cut_is_damaged, nested, texture, whole

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    "colour in JPEG": Scan(),
    "colour in LZW": Scan(compression="lzw"),
    "channels in JPEG": Scan(channels=3),
    "channels in LZW": Scan(channels=3, compression="lzw"),
    "channels of 16 bits": Scan(channels=3, compression="zlib", kind=np.uint16),
    "channels of 16 bits in strips": Scan(channels=3, compression=None, kind=np.uint16, tile=0, levels=3),
}


@pytest.mark.parametrize("name", KINDS)
def test_levels_and_channels_are_those_that_another_reader_reads(tmp_path: Path, name: str) -> None:
    scan = KINDS[name]
    path = make_qptiff(tmp_path / "slide.qptiff", scan)
    assert [each.name for each in claims(path)] == ["akoya"]
    with open_slide(path) as slide, tifffile.TiffFile(path) as tiff:
        assert tiff.is_qpi
        peers = tiff.series[0].levels
        assert scan.tile == 0 or len(peers) == scan.levels
        assert len(slide.levels) == scan.levels
        for peer, level in zip(peers, slide.levels, strict=False):
            pixels = peer.asarray().reshape(max(1, scan.channels), level.rows, level.columns, -1)
            assert len(level.paths) == len(pixels)
            for channel, wanted in enumerate(pixels):
                assert np.array_equal(whole(level, 0, channel), wanted)
        assert (slide.levels[0].bits, slide.levels[0].samples) == (
            np.iinfo(scan.kind).bits,
            1 if scan.channels else 3,
        )
        assert slide.levels[0].spacing == pytest.approx((0.0005, 0.0005))
        assert slide.levels[1].spacing == pytest.approx((0.001, 0.001))
        others = [("THUMBNAIL", 100, 75), ("OVERVIEW", 180, 60), ("LABEL", 40, 50)]
        assert [(image.flavor, image.columns, image.rows) for image in slide.others] == others
        for image, wanted in zip(slide.others, ((75, 100, 2), (60, 180, 4), (50, 40, 6)), strict=True):
            assert np.array_equal(whole(image), texture(*wanted, colour=True))


@pytest.mark.parametrize("name", ["colour in JPEG", "channels in JPEG"])
def test_tiles_in_jpeg_pass_with_the_scans_of_the_file_channel_by_channel(tmp_path: Path, name: str) -> None:
    scan = KINDS[name]
    path = make_qptiff(tmp_path / "slide.qptiff", scan)
    data = path.read_bytes()
    with open_slide(path) as slide, tifffile.TiffFile(path) as tiff:
        level = slide.levels[0]
        assert isinstance(level, SlideImage)
        pages = list(tiff.pages)[: max(1, scan.channels)]
        tiles = [each for page in pages for each in zip(page.dataoffsets, page.databytecounts, strict=True)]
        for frame, (at, count) in zip(level.frames(), tiles, strict=True):
            assert frame.endswith(data[data.index(b"\xff\xda", at) : at + count])
        assert [loss.size for loss in level.losses] == [sum(count for _, count in tiles)]


def test_channels_have_the_wavelengths_of_their_filters_or_bands(tmp_path: Path) -> None:
    scan = KINDS["channels in JPEG"]
    with open_slide(make_qptiff(tmp_path / "slide.qptiff", scan)) as slide:
        found = [(path.excitation, path.emission) for path in slide.levels[0].paths]
        assert found == [(370, 455), (480, 525), (None, None)]
        assert all(path.fluorescence for path in slide.levels[0].paths)
    bands = "".join(
        f"<ScanBands-i><HomeWavelength>{wave}</HomeWavelength></ScanBands-i>" for wave in (460, "CANARY", 690)
    )
    profile = f"<ScanProfile><root><ScanBands>{bands}</ScanBands></root></ScanProfile>"
    with open_slide(make_qptiff(tmp_path / "slide.qptiff", replace(scan, more=profile))) as slide:
        assert [path.emission for path in slide.levels[0].paths] == [455, 525, 690]


def test_spacing_is_that_of_the_scan_where_no_tag_says_it(tmp_path: Path) -> None:
    resolution = "<PixelSizeMicrons>{}</PixelSizeMicrons><Magnification>40</Magnification>"
    for micrometres, spacing in (("0.25", (0.00025, 0.00025)), ("0", None), ("96", None), ("CANARY", None)):
        said = f"<ScanResolution>{resolution.format(micrometres)}</ScanResolution>"
        profile = f"<ScanProfile><root>{said}</root></ScanProfile>"
        text = xml({}, "FullResolution", profile)
        tifffile.imwrite(tmp_path / "s.tif", texture(60, 80), description=text, metadata=None)
        with open_slide(tmp_path / "s.tif") as slide:
            assert slide.levels[0].spacing == (None if spacing is None else pytest.approx(spacing))
            assert slide.metadata.objective_power == 40


@pytest.mark.parametrize("channels", [0, 3])
def test_pages_that_do_not_say_what_they_are_are_known_by_their_likeness(
    tmp_path: Path, channels: int
) -> None:
    path = make_qptiff(tmp_path / "slide.qptiff", Scan(channels=channels, types=False))
    with open_slide(path) as slide:
        assert [(level.columns, len(level.paths)) for level in slide.levels] == [
            (200, max(1, channels)),
            (100, max(1, channels)),
        ]
        assert [(image.flavor, image.columns) for image in slide.others] == [("OVERVIEW", 180)]


def test_the_facts_of_a_slide_are_mapped_by_name(tmp_path: Path) -> None:
    with open_slide(make_qptiff(tmp_path / "slide.qptiff", Scan())) as slide:
        facts = slide.metadata
    assert (facts.manufacturer, facts.model, facts.serial) == ("PerkinElmer", "Vectra Polaris", "")
    assert (facts.software, facts.objective_power) == (("VectraScan 1.0.7",), 20)
    assert facts.acquired == dt.datetime(2026, 3, 7, 10, 13, 8)  # noqa: DTZ001
    assert (facts.barcode, facts.label_text, facts.name) == ("CANARYBARCODE-Q1", "", "slide")


def test_only_products_and_numbers_are_carried_of_free_text(tmp_path: Path) -> None:
    free = {"InstrumentType": "Polaris of Zoe", "AcquisitionSoftware": "Fusion of Zoe", "Objective": "of Zoe"}
    free |= {"DateTime": "Saturday, Zoe", "Barcode": ""}
    with open_slide(make_qptiff(tmp_path / "slide.qptiff", Scan(said=free))) as slide:
        assert "Zoe" not in repr(slide.metadata)
        assert slide.metadata.manufacturer == "Akoya Biosciences"
        assert slide.metadata.acquired == dt.datetime(2026, 3, 7, 10, 13, 8)  # noqa: DTZ001


def test_every_place_of_the_catalogue_is_found_where_it_is_and_no_other_is_carried(tmp_path: Path) -> None:
    rows = {
        row.place.removeprefix("ImageDescription/"): row
        for row in catalogue("akoya").values()
        if row.place.startswith("ImageDescription/") and row.names != "nothing" and row.place not in SAID
    }
    planted = {
        place.replace("*", "Other"): f"CANARY{n:04d}X" for n, place in enumerate(rows) if place not in SAID
    }
    more = nested(planted, planted) + '<!-- CANARYCOMMENT1 --><Odd Where="CANARYODD1"/>'
    path = make_qptiff(tmp_path / "slide.qptiff", Scan(channels=3, more=more))
    data = path.read_bytes()
    with open_slide(path) as slide:
        found = {(field.place.removeprefix("ImageDescription/"), field.value) for field in slide.fields}
        assert set(planted.items()) <= found
        assert set(SAID.items()) <= found
        assert {("Odd/Where", "CANARYODD1"), ("comment", "CANARYCOMMENT1"), ("Name", NAMES[2])} <= found
        assert {
            ("Artist", TAGS[0][3]),
            ("DocumentName", TAGS[1][3]),
            ("Software", "PerkinElmer-QPI"),
        } <= found
        for field in slide.fields:
            if field.value:
                assert data[field.offset : field.offset + field.length].decode() == field.value
        assert "CANARY" not in repr(replace(slide.metadata, barcode=""))
        assert sum(field.value == SAID["SlideID"] for field in slide.fields) == 9  # of pages


def test_fluorescence_is_black_where_there_are_no_pixels(tmp_path: Path) -> None:
    for compression in ("lzw", "jpeg"):
        scan = Scan(channels=2, compression=compression)
        path = make_qptiff(tmp_path / "slide.qptiff", scan)
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            tiff.pages[1].tags[325].overwrite([0, *tiff.pages[1].databytecounts[1:]])
            wanted = tiff.pages[1].asarray()
        with open_slide(path) as slide:
            level = slide.levels[0]
            assert isinstance(level, PixelImage)
            assert level.exact == (compression == "lzw")
            corner = level.read(Region(128, 128, 128, 64, 0, 1))
            assert not corner[22:].any()
            assert not corner[:, 72:].any()
            assert np.array_equal(corner[:22, :72, 0], wanted[128:, 128:])
            around = level.read(Region(32, 32, 64, 64, 0, 1))
            assert not around[:32, :32].any()
            assert np.array_equal(around[32:, :, 0], wanted[64:96, 32:96])
            assert level.read(Region(0, 0, 64, 64, 0, 0)).any()


def pages(path: Path, *images: Any, **more: Any) -> Path:
    """Write pages, each with its word of what it is."""
    with tifffile.TiffWriter(path) as tiff:
        for pixels, kind in images:
            tiff.write(pixels, description=xml({}, kind), software="PerkinElmer-QPI", metadata=None, **more)
    return path


GRAY, COLOUR = texture(60, 80), texture(60, 80, colour=True)
REFUSED: dict[str, tuple[list[tuple[Any, str]], type[SlideError]]] = {
    "lacks a channel": (
        [(GRAY, "FullResolution"), (GRAY, "FullResolution"), (GRAY[::2, ::2], "")],
        CorruptSlideError,
    ),
    "not alike": ([(GRAY, "FullResolution"), (GRAY.astype(np.uint16), "FullResolution")], CorruptSlideError),
    "no image of tissue": ([(GRAY, "Overview"), (GRAY, "Label")], CorruptSlideError),
    "several colour images": ([(COLOUR, "FullResolution"), (COLOUR, "FullResolution")], SlideError),
    "real numbers": ([(GRAY.astype(np.float32), "FullResolution")], SlideError),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_pages_that_make_no_slide_are_refused(tmp_path: Path, reason: str) -> None:
    images, kind = REFUSED[reason]
    with pytest.raises(SlideError, match=reason) as raised:
        open_slide(pages(tmp_path / "slide.tif", *images))
    assert type(raised.value) is kind


def test_a_word_that_nobody_knows_makes_no_tissue_of_a_page(tmp_path: Path) -> None:
    path = pages(tmp_path / "slide.tif", (COLOUR, "FullResolution"), (COLOUR[::2, ::2], "CANARY"))
    with open_slide(path) as slide:
        assert [(image.flavor, image.columns) for image in slide.images] == [("VOLUME", 80), ("OVERVIEW", 40)]
    path = pages(tmp_path / "slide.tif", (COLOUR, "FullResolution"), (COLOUR[:40, :40], "Thumbnail"))
    with open_slide(path) as slide:
        assert [image.flavor for image in slide.images] == ["VOLUME", "OVERVIEW"]


def test_xml_that_makes_a_parser_work_or_is_none_is_damage(tmp_path: Path) -> None:
    sound = xml({}, "FullResolution").decode()
    for text in (
        sound.replace("?>", '?><!DOCTYPE x [<!ENTITY a "b">]>'),
        sound.replace("</ImageType>", ""),
        sound.replace("FullResolution", "&a;"),
        sound[: len(sound) // 2],
        sound.replace("PerkinElmer-QPI-ImageDescription", "Something"),
    ):
        path = tmp_path / "slide.tif"
        tifffile.imwrite(path, GRAY, description=text, software="PerkinElmer-QPI", metadata=None)
        assert [each.name for each in claims(path)] == ["akoya"]
        with pytest.raises(CorruptSlideError):
            open_slide(path)


def test_only_what_says_so_is_claimed(tmp_path: Path, corpus: Path) -> None:
    path = tmp_path / "slide.qptiff"
    tifffile.imwrite(path, GRAY, description="Aperio Image Library", metadata=None)
    assert "akoya" not in [each.name for each in claims(path)]
    samples = [each for each in (corpus / "slides").rglob("*") if each.is_file()]
    assert [each.name for each in samples if "akoya" in [one.name for one in claims(each)]] == []
    for scan in (Scan(), Scan(channels=2)):
        data = make_qptiff(tmp_path / "whole.qptiff", scan).read_bytes()
        for name in ("cut.qptiff", "cut.tif"):
            (tmp_path / name).write_bytes(data[:16] + data[16:4000].replace(b"\0", b"\1"))
            assert [each.name for each in claims(tmp_path / name)] == ["akoya"]


@pytest.mark.parametrize("name", ["colour in JPEG", "channels in JPEG", "channels of 16 bits"])
def test_a_slide_that_is_cut_anywhere_is_damaged_or_whole(tmp_path: Path, name: str) -> None:
    assert_cut_is_damaged(make_qptiff(tmp_path / "slide.qptiff", KINDS[name]))


@pytest.mark.parametrize("name", KINDS)
def test_a_converted_slide_is_valid_in_every_image(tmp_path: Path, name: str) -> None:
    assert_converts(make_qptiff(tmp_path / "slide.qptiff", KINDS[name]), tmp_path)
