from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, SlideImage, claims, open_slide, row_of
from tests.peers import dciodvfy
from tests.philips_slides import BARCODE, TILE, VALID, Shape, jpeg, level_pixels, make_philips, texture
from tests.sources.test_aperio import scan, stored_tiles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources import Image, SlideSource

SAMPLE = "slides/synthetic/synthetic-philips.tiff"


def frames_of(image: Image) -> SlideImage:
    assert isinstance(image, SlideImage)
    return image


def decoded(image: Image) -> NDArray[Any]:
    """Return a level put together of its frames, as libjpeg decodes them."""
    level = frames_of(image)
    across = -(-level.columns // level.tile_columns)
    whole = np.zeros((level.rows + level.tile_rows, level.columns + level.tile_columns, 3), np.uint8)
    for number, frame in enumerate(level.frames()):
        top, left = number // across * level.tile_rows, number % across * level.tile_columns
        part = whole[top : top + level.tile_rows, left : left + level.tile_columns]
        part[...] = imagecodecs.jpeg8_decode(frame)[: part.shape[0], : part.shape[1]]
    return whole[: level.rows, : level.columns]


def unlike_their_bytes(path: Path, slide: SlideSource) -> list[str]:
    """Return the places whose value is not what the file holds at their offset; pictures tell no value."""
    data = path.read_bytes()
    return [
        each.place
        for each in slide.fields
        if each.length
        and each.value
        and data[each.offset : each.offset + each.length] not in (each.value.encode(), _number(each.value))
    ]


def _number(text: str) -> bytes:
    return text.encode() if not text.isdigit() else int(text).to_bytes(4, "little")


def truncated(path: Path, opened: Callable[[SlideSource], object]) -> None:
    """Cut a slide at 20 places: each is damage, or opens as the whole does."""
    whole = path.read_bytes()
    with open_slide(path) as slide:
        before = opened(slide)
    cut = path.with_stem("cut")
    for place in range(20):
        cut.write_bytes(whole[: len(whole) * place // 20 + 8])
        try:
            with open_slide(cut) as slide:
                assert opened(slide) == before
        except CorruptSlideError:
            continue


def converted(path: Path, folder: Path) -> list[list[str]]:
    """Convert a slide and return what dciodvfy says of each image."""
    options = ConvertOptions()
    found = []
    with prepared(path, options, folder) as slide:
        for number, each in enumerate(instances(slide, options)):
            write_identified(each, folder / f"{number}.dcm")
            found.append(dciodvfy(folder / f"{number}.dcm"))
    return found


def test_tiles_of_a_philips_slide_are_the_scans_of_the_file(corpus: Path) -> None:
    path = corpus / SAMPLE
    with open_slide(path) as slide:
        for level, tiles in zip(slide.levels, stored_tiles(path), strict=True):
            frames = list(frames_of(level).frames())
            assert [scan(frame) for frame in frames] == [scan(tile) for tile in tiles]
            assert [len(frame) for frame in frames] == list(frames_of(level).frame_lengths)


def test_pixels_and_geometry_of_a_philips_slide_are_those_of_openslide(corpus: Path, tmp_path: Path) -> None:
    for path in (corpus / SAMPLE, make_philips(tmp_path / "slide.tiff")):
        with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
            assert [(level.columns, level.rows) for level in slide.levels] == list(peer.level_dimensions)
            spacing = [float(peer.properties[f"openslide.mpp-{axis}"]) / 1000 for axis in "yx"]
            assert slide.levels[0].spacing == pytest.approx(spacing)
            for number, level in enumerate(slide.levels):
                factor = peer.level_downsamples[number]
                assert level.spacing == pytest.approx([each * factor for each in spacing])
                theirs = np.asarray(peer.read_region((0, 0), number, peer.level_dimensions[number]))
                assert np.array_equal(decoded(level), theirs[:, :, :3])


def test_label_and_overview_of_a_philips_slide_are_the_pictures_of_the_file(corpus: Path) -> None:
    with open_slide(corpus / SAMPLE) as slide, openslide.OpenSlide(corpus / SAMPLE) as peer:
        for image, name in ((slide.label, "label"), (slide.overview, "macro")):
            assert image is not None
            theirs = np.asarray(peer.associated_images[name])[:, :, :3]
            (frame,) = frames_of(image).frames()
            assert np.array_equal(imagecodecs.jpeg8_decode(frame), theirs)


def test_the_facts_of_a_philips_slide_are_mapped_by_name(corpus: Path) -> None:
    with open_slide(corpus / SAMPLE) as slide:
        facts = slide.metadata

    assert (facts.manufacturer, facts.model, facts.serial) == ("PHILIPS", "UFS Scanner", "FMTSS89377")
    assert facts.software == ("1.8.6614", "20180906_R51")
    assert facts.acquired == dt.datetime(2026, 3, 1, 14, 16, 35)  # noqa: DTZ001 - this file knows no zone
    assert facts.barcode == "S26-89157-A1-HE|MRN3188131|19630311"


def test_every_text_that_was_planted_is_a_field_at_its_offset(corpus: Path) -> None:
    path = corpus / SAMPLE
    planted = json.loads(path.with_name(f"{path.name}.phi.json").read_text())["planted"]
    texts = {each["value"] for each in planted if "pixels" not in each["value"]}
    with open_slide(path) as slide:
        assert texts <= {each.value for each in slide.fields}
        assert unlike_their_bytes(path, slide) == []


def test_levels_are_cut_to_what_follows_from_the_first(tmp_path: Path) -> None:
    for numbered in (True, False):
        with open_slide(make_philips(tmp_path / "slide.tiff", Shape(numbered=numbered))) as slide:
            sizes = [(level.columns, level.rows) for level in slide.levels]
            assert sizes == [(320, 192), (160, 96), (80, 48), (40, 24)]
            assert [len(frames_of(level).frame_lengths) for level in slide.levels] == [15, 6, 2, 1]
            assert [level.resampled for level in slide.levels] == [False, True, True, True]
            for number, level in enumerate(slide.levels):
                expected = level_pixels(Shape(), number).astype(int)
                assert np.abs(decoded(level) - expected).mean() < 3


def test_a_tile_that_was_not_scanned_becomes_a_white_frame(tmp_path: Path) -> None:
    path = make_philips(tmp_path / "slide.tiff", Shape(empty=frozenset({0, 7})))
    with open_slide(path) as slide:
        pixels = decoded(slide.levels[0])

    assert pixels[:TILE, :TILE].min() == 255
    assert pixels[TILE : 2 * TILE, 2 * TILE : 3 * TILE].min() == 255
    assert pixels[:TILE, TILE : 2 * TILE].min() < 200


def test_a_tile_without_an_offset_becomes_a_white_frame(tmp_path: Path) -> None:
    path = make_philips(tmp_path / "slide.tiff")
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        at = page.tags[324].valueoffset
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes(8))

    with open_slide(path) as slide:
        assert decoded(slide.levels[0])[:TILE, :TILE].min() == 255


def test_pictures_in_the_xml_are_frames_where_there_are_no_pages(tmp_path: Path) -> None:
    path = make_philips(tmp_path / "slide.tiff", Shape(pages=False))
    with open_slide(path) as slide:
        found = {image.flavor: list(frames_of(image).frames()) for image in slide.others}

    assert found == {"OVERVIEW": [jpeg(texture(7, 48, 128))], "LABEL": [jpeg(texture(9, 40, 56))]}


def test_a_progressive_picture_is_decoded_to_its_pixels(tmp_path: Path) -> None:
    path = make_philips(tmp_path / "slide.tiff", Shape(pages=False, progressive=True))
    with open_slide(path) as slide:
        label = slide.label
        assert isinstance(label, PixelImage)
        pixels = label.read(Region(0, 0, label.columns, label.rows))

    assert np.array_equal(pixels, imagecodecs.jpeg8_decode(jpeg(texture(9, 40, 56), progressive=True)))


def test_a_picture_that_was_overwritten_with_one_letter_is_none(tmp_path: Path) -> None:
    path = make_philips(tmp_path / "slide.tiff", Shape(pages=False))
    with open_slide(path) as slide:
        places = [each for each in slide.fields if each.place.endswith("/PIM_DP_IMAGE_DATA")]
    assert [base64.b64decode(path.read_bytes()[each.offset :][: each.length])[:2] for each in places] == [
        b"\xff\xd8",
        b"\xff\xd8",
    ]
    with path.open("r+b") as file:
        for each in places:
            file.seek(each.offset)
            file.write(b"X" * each.length)

    with open_slide(path) as slide:
        assert slide.others == ()
        assert len(slide.levels) == 4


@pytest.mark.parametrize(
    "text", [b"!?" * 20, b"AAAAAAAA" * 5 + b"BBBB", base64.b64encode(b"\xff\xd8\xff\xd9" * 9)]
)
def test_a_picture_that_is_none_is_damage(tmp_path: Path, text: bytes) -> None:
    path = make_philips(tmp_path / "slide.tiff", Shape(pages=False))
    with open_slide(path) as slide:
        place = next(each for each in slide.fields if each.place.endswith("/PIM_DP_IMAGE_DATA"))
    with path.open("r+b") as file:
        file.seek(place.offset)
        file.write(text + b" " * (place.length - len(text)))

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_every_canary_is_a_field_and_only_named_places_are_carried(tmp_path: Path) -> None:
    shape = Shape()
    path = make_philips(tmp_path / "slide.tiff", shape)
    with open_slide(path) as slide:
        assert unlike_their_bytes(path, slide) == []
        values = {each.value for each in slide.fields}
        facts = repr(slide.metadata)
        carried = {each.place for each in slide.fields if row_of("philips", each.place).attribute}

    assert {*shape.attributes.values(), BARCODE} <= values
    tags = "CANARYMAKE CANARYMODEL CANARYARTIST CANARYHOST CANARYSITE CANARYDOCUMENT CANARYTAG"
    rest = "CANARYCOMMENT CANARYBETWEEN CANARYUNNAMED CANARYGROUP CANARYSOURCE.isyntax"
    assert {*tags.split(), *rest.split(), "CANARY, NAME", "2026:03:07 16:02:38"} <= values
    assert {"Macro -offset=(0,0) CANARYMACRO", "Label CANARYLABEL"} <= values
    for value in values:
        if "CANARY" in value and value not in {*VALID.values(), BARCODE}:
            assert value not in facts
    assert {each.removeprefix("ImageDescription/") for each in carried} == {*VALID, "DICOM_PIXEL_SPACING"}


def test_products_that_nobody_makes_are_fields_and_no_facts(tmp_path: Path) -> None:
    names = ("DICOM_MANUFACTURER", "DICOM_MANUFACTURERS_MODEL_NAME", "DICOM_SOFTWARE_VERSIONS")
    shape = Shape(attributes={**dict.fromkeys(names, "CANARY, ZOE"), "DICOM_HIGH_BIT": "CANARY, TOM"})
    with open_slide(make_philips(tmp_path / "slide.tiff", shape)) as slide:
        facts = slide.metadata
        places = {each.value: each.place for each in slide.fields}

    assert (facts.manufacturer, facts.model, facts.software) == ("", "", ())
    assert row_of("philips", places["CANARY, TOM"]).native == "X"


def test_a_philips_slide_cut_anywhere_is_damage_or_whole(tmp_path: Path) -> None:
    truncated(
        make_philips(tmp_path / "slide.tiff"),
        lambda slide: [(image.flavor, image.columns, image.rows) for image in slide.images],
    )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ((b'ObjectType="DPScannedImage"', b'ObjectType="DPScannedImages'), CorruptSlideError),
        ((b">WSI<", b">XYZ<"), CorruptSlideError),
        ((b">LABELIMAGE<", b">WSI       <"), SlideError),
        ((b"<!-- CANARYCOMMENT -->", b"<!DOCTYPE CANARYCOMME>"), CorruptSlideError),
        ((b"level=2 mag", b"level=9 mag"), CorruptSlideError),
        ((b"level=2 mag", b"level=1 mag"), CorruptSlideError),
        ((b"level=2 mag", b"level=0 mag"), CorruptSlideError),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(
    tmp_path: Path, change: tuple[bytes, bytes], error: type[Exception]
) -> None:
    path = make_philips(tmp_path / "slide.tiff")
    data = path.read_bytes()
    assert change[0] in data
    path.write_bytes(data.replace(change[0], change[1]))

    with pytest.raises(error):
        open_slide(path)


def patched(path: Path, tag: int, value: int) -> Path:
    """Overwrite the value of one tag of the third page of a BigTIFF."""
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[2]
        at = page.tags[tag].offset
    with path.open("r+b") as file:
        file.seek(at + 12)
        file.write(value.to_bytes(8, "little"))
    return path


ABSURD = [(code, value) for code in (256, 257, 322, 323) for value in (0, 1 << 30)] + [
    (324, 1 << 60),
    (325, 1 << 60),
]


@pytest.mark.parametrize(("tag", "value"), ABSURD)
def test_absurd_sizes_of_a_philips_level_are_damage(tmp_path: Path, tag: int, value: int) -> None:
    with pytest.raises(CorruptSlideError):
        open_slide(patched(make_philips(tmp_path / "slide.tiff"), tag, value))


def test_a_philips_slide_is_claimed_by_its_own_format_however_damaged(tmp_path: Path) -> None:
    path = make_philips(tmp_path / "slide.tiff")
    data = bytearray(path.read_bytes())
    assert [each.name for each in claims(path)] == ["philips"]
    data[8:16] = bytes(8)
    path.write_bytes(data)

    assert [each.name for each in claims(path)] == ["philips"]
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_converted_philips_slide_is_without_an_error(tmp_path: Path) -> None:
    path = make_philips(tmp_path / "slide.tiff", Shape(pages=False, empty=frozenset({3})))

    assert converted(path, tmp_path) == [[]] * 6
