from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import OpticalPath, PixelImage, Region, claims, open_slide, row_of
from tests.leica_slides import BARCODE, Scene, Slide, make_scn, plane_pixels
from tests.sources.test_aperio import scan, stored_tiles
from tests.sources.test_philips import (
    ABSURD,
    converted,
    decoded,
    frames_of,
    patched,
    truncated,
    unlike_their_bytes,
)

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources import Image

SAMPLE = "slides/synthetic/synthetic-scn.scn"
FLUORESCENCE = Scene(channels=3, planes=2, fluorescence=True)


def pieces(image: Image) -> tuple[list[bytes], int]:
    """Return the frames of a level, and how many make one plane."""
    level = frames_of(image)
    across, down = -(-level.columns // level.tile_columns), -(-level.rows // level.tile_rows)
    return list(level.frames()), across * down


def test_tiles_of_an_scn_are_the_scans_of_the_file(corpus: Path) -> None:
    path = corpus / SAMPLE
    with open_slide(path) as slide:
        for level, tiles in zip(slide.levels, stored_tiles(path)[2:], strict=True):
            frames = list(frames_of(level).frames())
            assert [scan(frame) for frame in frames] == [scan(tile) for tile in tiles]
            assert [len(frame) for frame in frames] == list(frames_of(level).frame_lengths)


def test_pixels_and_geometry_of_an_scn_are_those_of_openslide(corpus: Path, tmp_path: Path) -> None:
    for path in (corpus / SAMPLE, make_scn(tmp_path / "slide.scn")):
        with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
            named = peer.properties
            left, top = (int(named[f"openslide.region[0].{axis}"]) for axis in "xy")
            size = (int(named["openslide.region[0].width"]), int(named["openslide.region[0].height"]))
            base = slide.levels[0]
            assert (base.columns, base.rows) == size
            assert base.spacing == pytest.approx(
                [float(named[f"openslide.mpp-{axis}"]) / 1000 for axis in "yx"]
            )
            theirs = np.asarray(peer.read_region((left, top), 0, size))
            assert np.array_equal(decoded(base), theirs[:, :, :3])
            for number, level in enumerate(slide.levels):
                factor = peer.level_downsamples[number]
                assert level.columns == pytest.approx(size[0] / factor, abs=1)
                assert level.rows == pytest.approx(size[1] / factor, abs=1)
                assert level.spacing == pytest.approx(
                    [each * 4**number for each in base.spacing or ()], rel=0.01
                )


def test_the_overview_of_an_scn_is_one_frame_of_the_pixels_of_openslide(corpus: Path) -> None:
    with open_slide(corpus / SAMPLE) as slide, openslide.OpenSlide(corpus / SAMPLE) as peer:
        overview = slide.overview
        assert isinstance(overview, PixelImage)
        assert overview.tile == (overview.rows, overview.columns) == (1280, 460)
        assert overview.spacing == pytest.approx((76.734528 / 1280, 26.571598 / 460))
        pixels = overview.read(Region(0, 0, 460, 1280)).astype(int)
        theirs = np.asarray(peer.associated_images["macro"])[:, :, :3].astype(int)
        assert np.abs(pixels - theirs).max() <= 3
        assert [image.flavor for image in slide.others] == ["OVERVIEW", "LABEL"]


def test_the_facts_of_an_scn_are_those_of_its_tissue(corpus: Path, tmp_path: Path) -> None:
    with open_slide(corpus / SAMPLE) as slide:
        facts = slide.metadata
    assert (facts.manufacturer, facts.model) == ("Leica Microsystems", "Leica SCN400")
    assert facts.software == ("1.5.1.10804", "1.5.1.10864")
    assert (facts.objective_power, facts.barcode) == (20, "S26-28158-A1-HE|MRN7263134|19531219")

    with open_slide(make_scn(tmp_path / "slide.scn")) as slide:
        assert slide.metadata.acquired == dt.datetime(2026, 3, 7, 16, 1, 37, 250000, tzinfo=dt.UTC)


def test_every_text_that_was_planted_is_a_field_at_its_offset(corpus: Path) -> None:
    path = corpus / SAMPLE
    planted = json.loads(path.with_name(f"{path.name}.phi.json").read_text())["planted"]
    texts = {each["value"] for each in planted if each["value"] != "pixels"}
    with open_slide(path) as slide:
        assert texts <= {each.value for each in slide.fields}
        assert unlike_their_bytes(path, slide) == []


def test_channels_and_planes_of_an_scn_follow_each_other_untouched(tmp_path: Path) -> None:
    path = make_scn(tmp_path / "slide.scn", Slide(scenes=(FLUORESCENCE,)))
    pages = stored_tiles(path)[2:]
    with open_slide(path) as slide:
        for level, image in enumerate(slide.levels):
            assert image.paths == tuple(OpticalPath(True, 405 + each, 470 + each) for each in (0, 100, 200))  # noqa: FBT003
            assert (image.planes, image.plane_spacing, image.samples) == (2, 0.0015, 1)
            frames, plane = pieces(image)
            tiles = [tile for page in pages[6 * level : 6 * level + 6] for tile in page]
            assert [scan(frame) for frame in frames] == [scan(tile) for tile in tiles]
            assert len(frames) == 6 * plane
            for first, stop in (
                (0, 0),
                (1, 5),
                (plane - 1, plane + 2),
                (3 * plane, None),
                (plane, len(frames) + 9),
            ):
                assert list(frames_of(image).frames(first, stop)) == frames[first:stop]


def test_scenes_of_an_scn_have_levels_and_numbers_of_their_own(tmp_path: Path) -> None:
    scenes = (Scene(), Scene(columns=130, planes=3, objective="40"), Scene(columns=90, rows=70, levels=1))
    with open_slide(make_scn(tmp_path / "slide.scn", Slide(scenes=scenes))) as slide:
        found = [(each.scene, each.columns, each.rows, each.planes, each.resampled) for each in slide.levels]
        power = slide.metadata.objective_power

    assert found == [
        (0, 200, 150, 1, False),
        (0, 50, 37, 1, True),
        (1, 130, 150, 3, False),
        (1, 32, 37, 3, True),
        (2, 90, 70, 1, False),
    ]
    assert power is None


def test_sixteen_bits_of_two_channels_are_read_exactly_and_dark_beyond(tmp_path: Path) -> None:
    scene = Scene(channels=2, fluorescence=True, stored=False, levels=1)
    with open_slide(make_scn(tmp_path / "slide.scn", Slide(scenes=(scene,)))) as slide:
        (level,) = slide.levels
        assert isinstance(level, PixelImage)
        for channel in range(2):
            pixels = level.read(Region(128, 128, 128, 64, path=channel))
            own = plane_pixels(scene, 0, channel, 0).astype(np.uint16) * 200
            assert np.array_equal(pixels[:22, :72, 0], own[128:150, 128:200])
            assert not pixels[22:].any()
            assert not pixels[:, 72:].any()


def test_of_two_images_of_the_glass_the_one_in_bright_field_is_the_overview(tmp_path: Path) -> None:
    dark = Scene(columns=60, rows=180, channels=2, fluorescence=True, objective="5")
    slide_ = Slide(scenes=(FLUORESCENCE,), wholes=(dark, Scene(columns=65, rows=190, objective="0.6")))
    with open_slide(make_scn(tmp_path / "slide.scn", slide_)) as slide:
        assert [(each.flavor, each.columns) for each in slide.others] == [("OVERVIEW", 65), ("LABEL", 56)]
        assert [each.columns for each in slide.levels] == [200, 50]


def test_a_slide_with_nothing_but_the_glass_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="whole glass"):
        open_slide(make_scn(tmp_path / "slide.scn", Slide(scenes=())))


def test_every_canary_is_a_field_and_only_named_places_are_carried(tmp_path: Path) -> None:
    path = make_scn(tmp_path / "slide.scn", Slide(scenes=(FLUORESCENCE,)))
    with open_slide(path) as slide:
        assert unlike_their_bytes(path, slide) == []
        values = {each.value for each in slide.fields}
        carried = {each.place for each in slide.fields if row_of("leica", each.place).attribute}
        facts = repr(slide.metadata)

    planted = (
        "CANARYCOLLECTION, ZOE|CANARYUUID|CANARYOPERATOR|CANARYCOMMENT|CANARYIMAGE0|CANARYIMAGE1|CANARYIMAGEUUID1"
        "|CANARYCHANNEL2|CANARYCUBE|CANARYSERIAL|CANARYMAKE|CANARYARTIST|CANARYOCR &amp; more"
    )
    assert {*planted.split("|"), BARCODE, "2026:03:07 16:02:38"} <= values
    assert not any(value in facts for value in planted.split("|"))
    assert {each.removeprefix("ImageDescription/") for each in carried} == {
        *("barcode", "creationDate", "device/model", "device/version", "objective", "illuminationSource"),
        *("excitationFilter", "suppressionFilter", "view/sizeX", "view/sizeY"),
    }


def test_an_scn_cut_anywhere_is_damage_or_whole(tmp_path: Path) -> None:
    truncated(
        make_scn(tmp_path / "slide.scn", Slide(scenes=(FLUORESCENCE,))),
        lambda slide: [(image.flavor, image.columns, image.rows, len(image.paths)) for image in slide.images],
    )


@pytest.mark.parametrize(
    "change",
    [
        (b'r="1" c="0" z="0" ifd="3"', b'r="0" c="0" z="0" ifd="3"'),
        (b'ifd="2"', b'ifd="9"'),
        (b'ifd="3"', b'ifd="2"'),
        (b'ifd="2"', b'ifd="-"'),
        (b'dimension sizeX="200"', b'dimension sizeX="201"'),
        (b'view sizeX="100000"', b'view sizeX="000000"'),
        (b"<view", b"<wiew"),
        (b"<collection ", b"<kollection "),
        (b"</collection>", b"</kollection>"),
        (b"<!--CANARYCOMMENT-->", b"<!DOCTYPE CANARYCOM>"),
    ],
)
def test_xml_that_contradicts_the_pages_is_damage(tmp_path: Path, change: tuple[bytes, bytes]) -> None:
    path = make_scn(tmp_path / "slide.scn")
    data = path.read_bytes()
    assert change[0] in data
    path.write_bytes(data.replace(change[0], change[1]))

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_channels_of_different_sizes_are_damage_and_not_joined(tmp_path: Path) -> None:
    path = make_scn(tmp_path / "slide.scn", Slide(scenes=(replace(Scene(), levels=2),)))
    data = path.read_bytes()
    path.write_bytes(data.replace(b'r="1" c="0" z="0" ifd="3"', b'r="0" c="1" z="0" ifd="3"'))

    with pytest.raises(CorruptSlideError, match="alike"):
        open_slide(path)


def test_a_channel_without_a_tile_is_refused_and_not_made_white(tmp_path: Path) -> None:
    path = make_scn(tmp_path / "slide.scn", Slide(scenes=(FLUORESCENCE,)))
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[3]
        tag = page.tags[325]
    with path.open("r+b") as file:
        file.seek(tag.valueoffset)
        file.write(bytes(2))

    with pytest.raises(SlideError, match="without data"):
        open_slide(path)


@pytest.mark.parametrize(("tag", "value"), ABSURD)
def test_absurd_sizes_of_an_scn_level_are_damage(tmp_path: Path, tag: int, value: int) -> None:
    with pytest.raises(CorruptSlideError):
        open_slide(patched(make_scn(tmp_path / "slide.scn"), tag, value))


def test_an_scn_is_claimed_by_its_own_format_however_damaged(tmp_path: Path) -> None:
    path = make_scn(tmp_path / "slide.scn")
    data = bytearray(path.read_bytes())
    assert [each.name for each in claims(path)] == ["leica"]
    data[8:16] = bytes(8)
    path.write_bytes(data)

    assert [each.name for each in claims(path)] == ["leica"]
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_converted_scn_is_without_an_error(tmp_path: Path) -> None:
    scenes = (FLUORESCENCE, Scene(columns=130, planes=3, objective="40", levels=1))
    path = make_scn(tmp_path / "slide.scn", Slide(scenes=scenes))

    assert converted(path, tmp_path) == [[]] * 5


def test_the_label_of_an_scn_decodes_to_its_pixels(tmp_path: Path) -> None:
    with open_slide(make_scn(tmp_path / "slide.scn")) as slide:
        assert slide.label is not None
        (frame,) = frames_of(slide.label).frames()

    assert imagecodecs.jpeg8_decode(frame).shape == (40, 56, 3)
