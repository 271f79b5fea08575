from __future__ import annotations

import datetime as dt
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, SlideImage, catalogue, open_slide, row_of
from dicomanon.sources._vsi_tags import NAMES
from tests.olympus_slides import (
    TILE,
    Slide,
    Stack,
    brightfield,
    cut,
    levels,
    make_vsi,
)
from tests.peers import dciodvfy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dicomanon.sources import Image
    from tests.olympus_slides import Codec, Pixels

SAMPLE = "slides/olympus/vsi-ets-test-jpg2k.vsi"


def stored(path: Path) -> Mapping[tuple[int, ...], bytes]:
    """Return the tiles of an ETS by their coordinates, as its table has them."""
    data = path.read_bytes()
    dimensions = struct.unpack_from("<I", data, 12)[0]
    at, count = struct.unpack_from("<QI", data, 32)
    found = {}
    for number in range(count):
        entry = struct.unpack_from(f"<I{dimensions}iQII", data, at + number * (20 + 4 * dimensions))
        start, length = entry[-3:-1]
        found[tuple(entry[1:-3])] = data[start : start + length]
    return found


def tiles_of(level: Image) -> list[bytes]:
    assert isinstance(level, SlideImage)
    frames = list(level.frames())
    assert [len(frame) for frame in frames] == list(level.frame_lengths)
    return frames


def whole(level: Image, plane: int = 0, path: int = 0) -> Pixels:
    assert isinstance(level, PixelImage)
    return level.read(Region(0, 0, level.columns, level.rows, plane, path))


def scan(stream: bytes) -> bytes:
    """Return a JPEG stream from its SOS on."""
    at = 2
    while stream[at + 1] != 0xDA:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return stream[at:]


def test_tiles_of_a_real_slide_are_those_of_the_file_by_channel_and_plane(corpus: Path) -> None:
    with open_slide(corpus / SAMPLE) as slide:
        (level,) = slide.levels
        frames = tiles_of(level)
    tiles = stored(corpus / "slides/olympus/_vsi-ets-test-jpg2k_/stack1/frame_t_0.ets")
    expected = [tiles[0, 0, 0, plane, path, 0] for path in range(2) for plane in range(11)]
    assert frames == expected
    assert np.array_equal(
        imagecodecs.jpeg2k_decode(frames[5]), imagecodecs.jpeg2k_decode(tiles[0, 0, 0, 5, 0, 0])
    )


def test_geometry_and_light_of_a_real_slide_are_those_of_its_tags(corpus: Path) -> None:
    with open_slide(corpus / SAMPLE) as slide:
        (level,) = slide.levels
        assert (level.columns, level.rows, level.bits, level.samples) == (1645, 1682, 16, 1)
        assert level.spacing == pytest.approx((0.00010833333, 0.00010833333))  # 6.5 micrometres / 60
        assert level.planes == 11
        assert level.plane_spacing == pytest.approx(0.001)
        assert [(each.fluorescence, each.excitation, each.emission) for each in level.paths] == [
            (True, 345, 455),
            (True, 494, 518),
        ]
        assert [image.flavor for image in slide.others] == ["OVERVIEW"]
        facts = slide.metadata
    assert (facts.manufacturer, facts.model) == ("Olympus", "IX83 P2ZF")
    assert facts.software == ("OLYMPUS cellSens Dimension 3.1",)
    assert facts.acquired == dt.datetime(2021, 5, 31, 14, 58, 55, tzinfo=dt.UTC)
    assert (facts.objective_power, facts.barcode) == (60, "")


def test_words_of_a_real_slide_are_where_its_fields_say(corpus: Path) -> None:
    data = (corpus / SAMPLE).read_bytes()
    with open_slide(corpus / SAMPLE) as slide:
        found = {}
        for field in slide.fields:
            raw = data[field.offset : field.offset + field.length]
            assert len(raw) == field.length
            if field.value and raw.decode("latin-1") != field.value:
                wide = raw.decode("utf-16-le", "replace")
                assert wide == field.value or set(field.value) <= set("0123456789.-+einfa: ")
            found[field.place] = field.value
    assert found["Tags/DocumentPath"].endswith("Image_01.vsi")
    assert (found["Tags/DocumentAuthor"], found["Artist"]) == ("ferranda", "ferranda")
    assert found["Exif/tag 36868"] == "2021:05:31 16:58:55"


@pytest.mark.parametrize("codec", ["jpeg", "jpeg-rgb"])
def test_jpeg_scans_are_those_of_the_file(tmp_path: Path, codec: Codec) -> None:
    stack = brightfield(codec=codec)
    path = make_vsi(tmp_path / "slide.vsi", Slide((stack,)))
    tiles = stored(tmp_path / "_slide_/stack1/frame_t.ets")
    with open_slide(path) as slide:
        assert [(level.columns, level.rows) for level in slide.levels] == [(200, 150), (100, 75)]
        assert slide.levels[0].spacing == pytest.approx((0.0005, 0.00025))
        assert slide.levels[1].spacing == pytest.approx((0.001, 0.0005))
        for number, level in enumerate(slide.levels):
            across, down = -(-level.columns // TILE), -(-level.rows // TILE)
            expected = [tiles[column, row, number] for row in range(down) for column in range(across)]
            frames = tiles_of(level)
            assert [scan(frame) for frame in frames] == [scan(tile) for tile in expected]
            assert isinstance(level, SlideImage)
            assert level.photometric == ("RGB" if codec == "jpeg-rgb" else "YBR_FULL_422")
            for frame, tile in zip(frames, cut(stack.pictures[()][number]).values(), strict=True):
                assert np.abs(imagecodecs.jpeg8_decode(frame).astype(int) - tile).mean() < 12


def test_jpeg_2000_tiles_are_those_of_the_file(tmp_path: Path) -> None:
    path = make_vsi(tmp_path / "slide.vsi", Slide((brightfield(codec="jp2k"),)))
    tiles = stored(tmp_path / "_slide_/stack1/frame_t.ets")
    with open_slide(path) as slide:
        frames = tiles_of(slide.levels[0])
        assert frames == [tiles[column, row, 0] for row in range(3) for column in range(4)]


@pytest.mark.parametrize("codec", ["jpeg", "jp2k", "raw"])
def test_a_tile_that_is_not_stored_is_white(tmp_path: Path, codec: Codec) -> None:
    stack = brightfield(codec=codec, missing=frozenset(((1, 1), (3, 0))))
    with open_slide(make_vsi(tmp_path / "slide.vsi", Slide((stack,)))) as slide:
        level = slide.levels[0]
        if codec == "raw":
            assert (whole(level)[TILE : 2 * TILE, TILE : 2 * TILE] == 255).all()
            return
        frames = tiles_of(level)
        decode: Any = imagecodecs.jpeg8_decode if codec == "jpeg" else imagecodecs.jpeg2k_decode
        assert [index for index, frame in enumerate(frames) if (decode(frame) >= 254).all()] == [3, 5]


@pytest.mark.parametrize("codec", ["raw", "png", "bmp"])
def test_other_tiles_decode_to_the_pixels_that_were_scanned(tmp_path: Path, codec: Codec) -> None:
    stack = brightfield(codec=codec, order=1 if codec == "raw" else 0)
    with open_slide(make_vsi(tmp_path / "slide.vsi", Slide((stack,)))) as slide:
        for level, expected in zip(slide.levels, stack.pictures[()], strict=True):
            assert isinstance(level, PixelImage)
            assert np.array_equal(whole(level), expected)
            assert level.exact
            part = level.read(Region(50, 60, 70, 80))
            inside = expected[60:140, 50:120]
            assert np.array_equal(part[: inside.shape[0], : inside.shape[1]], inside)


def gray(kind: Any, seed: int = 0) -> list[Pixels]:
    return [level[:, :, 0].astype(kind) * (np.iinfo(kind).max // 255) for level in levels(100, 130, 2, seed)]


@pytest.mark.parametrize(
    ("kind", "codec"),
    [(np.uint8, "ljpeg"), (np.uint16, "ljpeg"), (np.uint16, "raw"), (np.uint8, "raw"), (np.uint16, "png")],
)
def test_channels_and_planes_are_told_apart_by_the_tags(tmp_path: Path, kind: Any, codec: Codec) -> None:
    pictures: dict[tuple[int, ...], list[Pixels]] = {
        (z, c): gray(kind, 2 * z + c) for z in range(3) for c in range(2)
    }
    stack = Stack(pictures, codec, dimensions="ZC", missing=frozenset(((0, 1),)))
    with open_slide(make_vsi(tmp_path / "slide.vsi", Slide((stack,)))) as slide:
        level = slide.levels[0]
        assert level.planes == 3
        assert level.plane_spacing == pytest.approx(0.0015)
        assert [(each.fluorescence, each.excitation, each.emission) for each in level.paths] == [
            (True, 353, 465),
            (True, 548, 561),
        ]
        for (plane, path), picture in pictures.items():
            expected = picture[0].copy()
            expected[TILE:, :TILE] = 0
            assert np.array_equal(whole(level, plane, path)[:, :, 0], expected)


def test_sixteen_bits_in_jpeg_2000_pass_as_they_are(tmp_path: Path) -> None:
    stack = Stack({(c,): gray(np.uint16, c) for c in range(2)}, "jp2k", dimensions="C")
    path = make_vsi(tmp_path / "slide.vsi", Slide((stack,)))
    tiles = stored(tmp_path / "_slide_/stack1/frame_t.ets")
    with open_slide(path) as slide:
        frames = tiles_of(slide.levels[0])
        expected = [tiles[x, y, c, 0] for c in range(2) for y in range(2) for x in range(3)]
        assert frames == expected
        assert slide.levels[0].bits == 16


def test_stacks_are_what_their_type_and_name_say(tmp_path: Path) -> None:
    stacks = (
        brightfield(90, 300, number=1, name="Label", kind=256, scale=10),
        brightfield(200, 400, number=2, name="Overview", kind=1, scale=5),
        brightfield(500, 900, number=3, name="mask", kind=2),
        brightfield(150, 260, number=10001, name="20x_BF_01"),
        brightfield(120, 150, number=10002, name="20x_BF_02"),
        brightfield(100, 100, number=10003, name="4x", scale=1.25),
    )
    with open_slide(make_vsi(tmp_path / "slide.vsi", Slide(stacks))) as slide:
        assert [(level.scene, level.columns) for level in slide.levels] == [
            (0, 260),
            (0, 130),
            (1, 150),
            (1, 75),
        ]
        assert [(image.flavor, image.columns) for image in slide.others] == [
            ("OVERVIEW", 400),
            ("LABEL", 300),
        ]


def test_a_stack_that_the_tags_do_not_know_is_tissue_only_where_it_is_the_largest(tmp_path: Path) -> None:
    stacks = (brightfield(100, 100, told=False, number=7), brightfield(180, 250, number=10001))
    with open_slide(make_vsi(tmp_path / "slide.vsi", Slide(stacks))) as slide:
        assert [level.columns for level in slide.levels] == [250, 125]
        assert [(image.flavor, image.columns) for image in slide.others] == [("OVERVIEW", 128)]
    alone = make_vsi(tmp_path / "alone.vsi", Slide((stacks[0],)))
    with open_slide(alone) as slide:
        assert [(level.columns, level.spacing) for level in slide.levels] == [(128, None), (64, None)]


@pytest.mark.parametrize("unit", ["pixel", "10^0m^1", "10^-6s^1"])
def test_a_scale_that_is_not_one_of_a_microscope_is_none(tmp_path: Path, unit: str) -> None:
    with open_slide(make_vsi(tmp_path / "slide.vsi", Slide((brightfield(unit=unit),)))) as slide:
        assert slide.levels[0].spacing is None


def test_every_place_of_the_catalogue_is_found_where_it_is(tmp_path: Path) -> None:
    numbers = {name: code for code, name in NAMES.items()}
    places = [place for place in catalogue("olympus") if place.startswith("Tags/")]
    planted = {place.replace("*", "tag 99999"): f"CANARY{number:03d}X" for number, place in enumerate(places)}
    words = [(numbers.get(place[5:], 99999), value) for place, value in planted.items()]
    path = make_vsi(tmp_path / "slide.vsi", Slide((brightfield(),), words))
    data = path.read_bytes()
    with open_slide(path) as slide:
        found = {(field.place, field.value): field for field in slide.fields}
        for item in planted.items():
            field = found[item]
            assert data[field.offset : field.offset + field.length] == item[1].encode("utf-16-le")
        artist = found["Artist", "CANARYARTIST1"]
        assert data[artist.offset : artist.offset + artist.length] == b"CANARYARTIST1"
        carried = {value for place, value in planted.items() if row_of("olympus", place).attribute}
        facts = str(slide.metadata)
        assert not [
            value for _, value in found if "CANARY" in value and value not in carried and value in facts
        ]
        assert slide.metadata.barcode == planted["Tags/SlideBarcode"]
        assert (slide.metadata.model, slide.metadata.software) == ("", ())


def test_facts_of_a_slide_are_mapped_by_name(tmp_path: Path) -> None:
    words = [(34, "OLYMPUS VS-ASW-S6"), (35, "2.9.2"), (120635, "S26-1042;A1"), (120132, "VS120-S6")]
    overview = brightfield(60, 60, number=9, name="Overview", kind=1)
    with open_slide(make_vsi(tmp_path / "slide.vsi", Slide((brightfield(), overview), words))) as slide:
        facts = slide.metadata
    assert (facts.manufacturer, facts.model, facts.barcode) == ("Olympus", "VS120-S6", "S26-1042;A1")
    assert facts.software == ("OLYMPUS VS-ASW-S6 2.9.2",)
    assert facts.acquired == dt.datetime(2026, 3, 7, 16, 2, 37, tzinfo=dt.UTC)
    assert (facts.objective_power, facts.name) == (20, "slide")


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["jpeg", "raw", "fluorescence", "real"])
def test_a_converted_slide_is_valid(corpus: Path, tmp_path: Path, kind: str) -> None:
    planes = Stack(
        {(z, c): gray(np.uint16, z + c) for z in range(2) for c in range(2)}, "raw", dimensions="ZC"
    )
    stacks = {"jpeg": brightfield(), "raw": brightfield(codec="raw"), "fluorescence": planes}
    path = corpus / SAMPLE
    if kind != "real":
        label = replace(brightfield(60, 90, number=2), name="Label")
        path = make_vsi(tmp_path / "slide.vsi", Slide((stacks[kind], label)))
    options = ConvertOptions()
    with prepared(path, options, tmp_path) as slide:
        for number, instance in enumerate(instances(slide, options)):
            file = tmp_path / f"{number}.dcm"
            write_identified(instance, file)
            assert dciodvfy(file) == []
