from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, catalogue, open_slide
from tests.peers import dciodvfy
from tests.zeiss_slides import SIZE, File, Tile, czi, document, make_czi, mosaic, nested, picture

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources import Image
    from tests.zeiss_slides import Codec, Pixels

CODECS: tuple[Codec, ...] = ("none", "zstd0", "zstd1")
CHANNELS = (
    "<ExcitationWavelength>353</ExcitationWavelength><EmissionWavelength>465</EmissionWavelength>",
    "<ContrastMethod>Fluorescence</ContrastMethod><EmissionWavelength>561</EmissionWavelength>",
    "<ContrastMethod>Brightfield</ContrastMethod>",
)


@pytest.fixture(scope="module")
def reader() -> Any:
    """Return a second reader of CZI files."""
    return pytest.importorskip("czifile").CziFile


def pixels(image: Image, plane: int = 0, path: int = 0) -> Pixels:
    assert isinstance(image, PixelImage)
    return image.read(Region(0, 0, image.columns, image.rows, plane, path))


def apart(codec: Codec = "none", scene: int | None = None, origin: tuple[int, int] = (0, 0)) -> list[Tile]:
    """Return a mosaic whose tiles touch without lying on each other, with a hole and a level of half the scale."""
    named = {} if scene is None else {"S": scene}
    base = [
        Tile(
            picture(48, 64, n),
            origin[0] + 64 * (n % 3),
            origin[1] + 48 * (n // 3),
            1,
            codec,
            {"M": n, **named},
        )
        for n in range(5)
    ]
    return [*base, Tile(picture(48, 96, 7), *origin, 2, codec, {"M": 0, **named})]


def as_openslide(path: Path, corner: tuple[int, int], level: int, size: tuple[int, int]) -> Pixels:
    """Return pixels as OpenSlide reads them, laid on white."""
    with openslide.OpenSlide(path) as slide:
        found = np.asarray(slide.read_region(corner, level, size))
    return np.where(found[:, :, 3:] == 255, found[:, :, :3], 255)


@pytest.mark.parametrize("codec", CODECS)
def test_levels_and_spacing_are_those_that_openslide_reads(tmp_path: Path, codec: Codec) -> None:
    path = make_czi(tmp_path / "slide.czi", apart(codec), File(document(size=(192, 96))))
    with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
        assert [(level.columns, level.rows) for level in slide.levels] == list(peer.level_dimensions)
        assert [level.resampled for level in slide.levels] == [False, True]
        assert slide.levels[0].spacing == pytest.approx(
            [float(peer.properties[f"openslide.mpp-{axis}"]) / 1000 for axis in "yx"]
        )
        assert slide.levels[1].spacing == pytest.approx([0.0005, 0.00044])
        for number, level in enumerate(slide.levels):
            expected = as_openslide(path, (0, 0), number, (level.columns, level.rows))
            assert np.array_equal(pixels(level), expected)


def test_scenes_are_cut_to_the_box_around_their_pictures(tmp_path: Path) -> None:
    tiles = [*apart(scene=0, origin=(-100, 40)), *apart(scene=1, origin=(400, 80))]
    path = make_czi(tmp_path / "slide.czi", tiles, File(document(size=(692, 136), scenes=2)))
    with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
        assert [(level.scene, level.columns) for level in slide.levels] == [
            (0, 192),
            (0, 96),
            (1, 192),
            (1, 96),
        ]
        for level in slide.levels:
            corner = tuple(int(peer.properties[f"openslide.region[{level.scene}].{axis}"]) for axis in "xy")
            expected = as_openslide(
                path, (corner[0], corner[1]), int(level.resampled), (level.columns, level.rows)
            )
            assert np.array_equal(pixels(level), expected)


def test_a_later_picture_of_a_mosaic_lies_on_an_earlier_one(tmp_path: Path) -> None:
    tiles = [tile for tile in mosaic() if tile.factor == 1]
    path = make_czi(tmp_path / "slide.czi", tiles[::-1], File(document()))
    expected = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    for tile in tiles:
        rows, columns = tile.pixels.shape[:2]
        expected[tile.top : tile.top + rows, tile.left : tile.left + columns] = tile.pixels
    with open_slide(path) as slide:
        assert np.array_equal(pixels(slide.levels[0]), expected)


def test_regions_are_the_same_pixels_however_they_are_cut(tmp_path: Path) -> None:
    path = make_czi(tmp_path / "slide.czi", mosaic(codec="zstd1"), File(document()))
    with open_slide(path) as slide:
        level = slide.levels[0]
        assert isinstance(level, PixelImage)
        whole = pixels(level)
        for top in range(0, level.rows, 37):
            for left in range(0, level.columns, 41):
                part = level.read(Region(left, top, 41, 37))
                inside = whole[top : top + 37, left : left + 41]
                assert np.array_equal(part[: inside.shape[0], : inside.shape[1]], inside)
                assert (part[inside.shape[0] :] == 255).all()
                assert (part[:, inside.shape[1] :] == 255).all()


def test_jpeg_xr_has_the_colours_that_its_codec_gives_and_counts_as_lossy(tmp_path: Path) -> None:
    tiles = apart("jpegxr")
    with open_slide(make_czi(tmp_path / "slide.czi", tiles, File(document()))) as slide:
        level = slide.levels[0]
        expected = imagecodecs.jpegxr_decode(imagecodecs.jpegxr_encode(tiles[0].pixels, level=1.0))
        assert np.array_equal(pixels(level)[:48, :64], expected)
        assert np.abs(expected.astype(int) - tiles[0].pixels).mean() < 3
        assert isinstance(level, PixelImage)
        assert not level.exact
        assert [loss.method for loss in level.losses] == ["ISO_29199_2"]


def test_jpeg_has_the_colours_that_another_reader_gives(tmp_path: Path, reader: Any) -> None:
    tiles = [tile for tile in apart("jpeg") if tile.factor == 1]
    path = make_czi(tmp_path / "slide.czi", tiles, File(document()))
    with open_slide(path) as slide, reader(path) as peer:
        found = pixels(slide.levels[0])
        assert np.array_equal(found[:48], peer.asarray(max_workers=1)[0][:48])
        assert [loss.method for loss in slide.levels[0].losses] == ["ISO_10918_1"]


def stack(kind: Any, codec: Codec) -> list[Tile]:
    """Return a mosaic in three channels and two focal planes, in gray."""
    return [
        replace(
            tile,
            pixels=(tile.pixels[:, :, channel].astype(kind) * (np.iinfo(kind).max // 255)),
            codec=codec,
            more={**tile.more, "C": channel, "Z": plane},
        )
        for channel in range(3)
        for plane in range(2)
        for tile in mosaic(seed=3 * channel + plane)
    ]


@pytest.mark.parametrize("codec", [*CODECS, "jpegxr"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_channels_and_planes_are_those_that_another_reader_gives(
    tmp_path: Path, reader: Any, kind: Any, codec: Codec
) -> None:
    path = make_czi(tmp_path / "slide.czi", stack(kind, codec), File(document(channels=CHANNELS)))
    plain = make_czi(
        tmp_path / "plain.czi", [tile for tile in stack(kind, "none") if tile.factor == 1], File(document())
    )
    with open_slide(path) as slide, reader(plain) as peer:
        assert peer.axes == "ZCYX0"
        expected = peer.asarray(max_workers=1)
        level = slide.levels[0]
        assert (level.samples, level.bits, level.planes) == (1, np.iinfo(kind).bits, 2)
        assert level.plane_spacing == pytest.approx(0.0015)
        for path_number in range(3):
            for plane in range(2):
                found = pixels(level, plane, path_number)
                different = np.abs(found.astype(int) - expected[plane, path_number].astype(int))
                assert different.max() <= (0 if codec != "jpegxr" else np.iinfo(kind).max // 8)


def test_optical_paths_have_their_wavelengths_and_their_own_background(tmp_path: Path) -> None:
    tiles = [replace(tile, left=3 * tile.left) for tile in stack(np.uint16, "zstd1")]
    path = make_czi(tmp_path / "slide.czi", tiles, File(document(channels=CHANNELS)))
    with open_slide(path) as slide:
        level = slide.levels[0]
        assert [(each.fluorescence, each.excitation, each.emission) for each in level.paths] == [
            (True, 353, 465),
            (True, None, 561),
            (False, None, None),
        ]
        assert [int(pixels(level, 0, number)[0, 100, 0]) for number in range(3)] == [0, 0, 65535]


def test_colours_of_sixteen_bits_are_kept_whole(tmp_path: Path) -> None:
    wide = [replace(tile, pixels=tile.pixels.astype(np.uint16) * 255 + 3) for tile in apart("zstd1")]
    with open_slide(make_czi(tmp_path / "slide.czi", wide, File(document()))) as slide:
        found = pixels(slide.levels[0])
        assert found.dtype == np.uint16
        assert np.array_equal(found[:48, :64], wide[0].pixels)


def test_label_and_preview_are_the_pictures_of_their_attachments(tmp_path: Path) -> None:
    label, preview = picture(30, 40, 5), picture(60, 20, 6)
    jpeg = bytes(imagecodecs.jpeg8_encode(picture(16, 24, 8), level=95))
    attachments = [
        ("Thumbnail", "JPG", jpeg),
        ("Label", "CZI", czi([Tile(label, 7, 9)])),
        ("SlidePreview", "CZI", czi([Tile(preview, -4, 0, codec="zstd1")], File(document()))),
        ("EventList", "CZEVL", bytes(40)),
    ]
    path = make_czi(tmp_path / "slide.czi", apart(), File(document(size=(192, 96)), attachments))
    with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
        assert [image.flavor for image in slide.others] == ["OVERVIEW", "LABEL"]
        for image, name in zip(slide.others, ("macro", "label"), strict=True):
            assert np.array_equal(pixels(image), np.asarray(peer.associated_images[name])[:, :, :3])
            assert isinstance(image, PixelImage)
            assert image.tile == (image.rows, image.columns)


def test_a_label_in_jpeg_passes_as_it_is(tmp_path: Path) -> None:
    jpeg = bytes(imagecodecs.jpeg8_encode(picture(16, 24, 8), level=95))
    path = make_czi(tmp_path / "slide.czi", apart(), File(document(), [("Label", "JPG", jpeg)]))
    with open_slide(path) as slide:
        assert slide.label is not None
        assert not isinstance(slide.label, PixelImage)
        assert list(slide.label.frames()) == [jpeg]


@pytest.mark.parametrize("name", ["Label", "SlidePreview"])
def test_an_attachment_that_dicom_has_no_place_for_is_left_out(tmp_path: Path, name: str) -> None:
    real = czi([Tile(picture(30, 40), 0, 0, pixel_type=8)])
    for content in (real, b"GIF89a", b""):
        path = make_czi(tmp_path / "slide.czi", apart(), File(document(), [(name, "CZI", content)]))
        with open_slide(path) as slide:
            assert not slide.others


INFORMATION = (
    "<Application><Name>ZEN 3.1 (blue edition)</Name><Version>3.1.0.00002</Version></Application>"
    "<Document><CreationDate>2025-01-02T03:04:05Z</CreationDate></Document>"
    "<Instrument>"
    '<Microscopes><Microscope Id="Microscope:1" Name="Axioscan 7">'
    "<Manufacturer><SerialNumber>4661000123</SerialNumber></Manufacturer></Microscope></Microscopes>"
    '<Objectives><Objective Id="Objective:1"><NominalMagnification>5</NominalMagnification></Objective>'
    '<Objective Id="Objective:2"><NominalMagnification>20</NominalMagnification></Objective></Objectives>'
    "</Instrument>"
    "<Image><AcquisitionDateAndTime>2026-03-07T16:02:37.4420345Z</AcquisitionDateAndTime>"
    '<ObjectiveSettings><ObjectiveRef Id="Objective:2" /></ObjectiveSettings></Image>'
)
BARCODE = nested("AttachmentInfos/AttachmentInfo/Label/Barcodes/Barcode/Content", "S26-1042;A&1")


def test_the_facts_of_a_slide_are_mapped_by_name(tmp_path: Path) -> None:
    xml = document(information=INFORMATION, more=BARCODE)
    with open_slide(make_czi(tmp_path / "slide.czi", apart(), File(xml))) as slide:
        facts = slide.metadata

    assert (facts.manufacturer, facts.model, facts.serial) == ("Carl Zeiss", "Axioscan 7", "4661000123")
    assert facts.software == ("ZEN 3.1 (blue edition) 3.1.0.00002",)
    assert facts.acquired == dt.datetime(2026, 3, 7, 16, 2, 37, 442034, dt.UTC)
    assert (facts.objective_power, facts.barcode, facts.label_text) == (20, "S26-1042;A&1", "")
    assert facts.name == "slide"


@pytest.mark.parametrize(
    ("said", "carried"),
    [
        ("2026-03-07T16:02:37+01:00", True),
        ("2026-03-07T16:02:37", True),
        ("2026-13-07T16:02:37", False),
        ("7 March 2026, Zoe", False),
    ],
)
def test_only_a_moment_is_carried_as_one(tmp_path: Path, said: str, carried: bool) -> None:  # noqa: FBT001
    xml = document(information=nested("Image/AcquisitionDateAndTime", said))
    with open_slide(make_czi(tmp_path / "slide.czi", apart(), File(xml))) as slide:
        assert (slide.metadata.acquired is not None) == carried


def test_free_text_passes_for_no_product(tmp_path: Path) -> None:
    free = INFORMATION.replace("Axioscan 7", "Axioscan of Dr Zoe").replace(
        "ZEN 3.1 (blue edition)", "ZEN of Dr Zoe"
    )
    with open_slide(make_czi(tmp_path / "slide.czi", apart(), File(document(information=free)))) as slide:
        assert (slide.metadata.model, slide.metadata.software) == ("", ())


def test_every_place_of_the_catalogue_is_found_where_it_is(tmp_path: Path) -> None:
    planted = {
        place.replace("*", "Other"): f"CANARY{number:04d}X"
        for number, place in enumerate(catalogue("zeiss"))
        if not place.startswith(("FileHeader", "SubBlock", "Attachment/"))
    }
    more = "".join(nested(place, value) for place, value in planted.items())
    tagged = b"<METADATA><Tags><AcquisitionTime>CANARYTAG1</AcquisitionTime></Tags></METADATA>"
    tiles = [replace(tile, metadata=tagged) for tile in apart()]
    tiles[1] = replace(tiles[1], metadata=b"CANARYTAG2, no XML")
    inner = czi(
        [Tile(picture(30, 40), 0, 0)], File(document(more=nested("CustomAttributes/K", "CANARYINNER1")))
    )
    attachments = [("Label", "CZI", inner), ("Notes", "TXT", b"CANARYNOTES1")]
    xml = document(more=more, information='<User Id="CANARYATTR1" />')
    path = make_czi(tmp_path / "slide.czi", tiles, File(xml, attachments))
    data = path.read_bytes()
    with open_slide(path) as slide:
        found = {(field.place, field.value) for field in slide.fields}
        assert set(planted.items()) <= found
        for place, value in (
            ("SubBlock/Tags/AcquisitionTime", "CANARYTAG1"),
            ("SubBlock", "CANARYTAG2, no XML"),
            ("Attachment/CustomAttributes/K", "CANARYINNER1"),
            ("Attachment/Content", "CANARYNOTES1"),
            ("Attachment/Name", "Notes"),
            ("Information/User/Id", "CANARYATTR1"),
        ):
            assert (place, value) in found
        for field in slide.fields:
            stored = data[field.offset : field.offset + field.length]
            assert stored == (
                bytes.fromhex(field.value) if "FileHeader" in field.place else field.value.encode()
            )
        carried = {
            value
            for place, value in planted.items()
            if catalogue("zeiss")[place.replace("Other", "*")].attribute
        }
        facts = str(slide.metadata)
        assert not [
            value for _, value in found if "CANARY" in value and value not in carried and value in facts
        ]
        assert "CANARY" in slide.metadata.barcode
        assert "CANARY" in slide.metadata.serial


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["colour", "sixteen bits", "channels", "scenes"])
def test_a_converted_slide_is_valid(tmp_path: Path, kind: str) -> None:
    tiles = {
        "colour": mosaic(codec="jpegxr"),
        "sixteen bits": [replace(tile, pixels=tile.pixels.astype(np.uint16)) for tile in mosaic()],
        "channels": stack(np.uint16, "zstd1"),
        "scenes": [*mosaic(0), *mosaic(1, origin=(400, 20))],
    }[kind]
    attachments = [("Label", "CZI", czi([Tile(picture(30, 40), 0, 0)]))]
    xml = document(channels=CHANNELS if kind == "channels" else (), information=INFORMATION)
    path = make_czi(tmp_path / "slide.czi", tiles, File(xml, attachments))
    options = ConvertOptions()
    with prepared(path, options, tmp_path) as slide:
        written = list(instances(slide, options))
        assert len(written) == len(slide.images)
        for number, instance in enumerate(written):
            file = tmp_path / f"{number}.dcm"
            write_identified(instance, file)
            assert dciodvfy(file) == []
