from __future__ import annotations

import datetime as dt
import io
import json
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image as Picture

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, SlideImage, catalogue, claims, open_slide, row_of
from dicomanon.sources._bytes import open_bytes
from dicomanon.sources._restart import Place, read_stream
from dicomanon.sources._restart_cut import cut
from dicomanon.sources._restart_head import read_coding
from dicomanon.sources._restart_intervals import read_intervals
from dicomanon.sources._restart_tile import shared_tile
from dicomanon.sources._restart_white import padding
from tests.hamamatsu_slides import COMMENT, PLANTED, PROPERTIES, Shape, intervals, jpeg, make_ndpi, texture
from tests.peers import dciodvfy

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

REAL, MADE = "hamamatsu/test3-TRITC-2-560.ndpi", "synthetic/synthetic-ndpi.ndpi"


def frames_of(image: Any) -> SlideImage:
    """Return an image that is frames."""
    assert isinstance(image, SlideImage)
    return image


def pixels_of(image: Any, plane: int = 0) -> NDArray[Any]:
    """Return the pixels of a focal plane, padding included, each frame decoded for itself."""
    image = frames_of(image)
    across, down = -(-image.columns // image.tile_columns), -(-image.rows // image.tile_rows)
    out = np.zeros((down * image.tile_rows, across * image.tile_columns, image.samples), np.uint8)
    each = across * down
    for number, frame in enumerate(image.frames(plane * each, (plane + 1) * each)):
        top, left = number // across * image.tile_rows, number % across * image.tile_columns
        tile = imagecodecs.jpeg8_decode(frame).reshape(image.tile_rows, image.tile_columns, -1)
        out[top : top + image.tile_rows, left : left + image.tile_columns] = tile
    return out


def inside(whole: int, step: int, margin: int = 2) -> list[int]:
    """Return pixels away from edges of intervals: across those, decoders may smooth subsampled colour, or not."""
    return [each for each in range(whole - margin) if margin <= each % step < step - margin]


def stored(path: Path) -> list[bytes]:
    """Return the JPEG of each level, as the TIFF library finds them."""
    with tifffile.TiffFile(path, is_ndpi=True) as tiff, path.open("rb") as file:
        found = []
        for page in tiff.pages:
            tags: Any = page.tags
            if tags[65421].value > 0:
                file.seek(tags[273].value[0])
                found.append(file.read(tags[279].value[0]))
    return found


@pytest.mark.parametrize("name", [REAL, MADE])
def test_pixels_are_those_that_openslide_reads(corpus: Path, name: str) -> None:
    path = corpus / "slides" / name
    with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
        for level in slide.levels:
            size = (level.columns, level.rows)
            number = peer.level_dimensions.index(size)
            seen = np.asarray(peer.read_region((0, 0), number, size))[:, :, :3]
            inner = (
                np.s_[:, inside(level.columns, 256)] if name == MADE else np.s_[:]
            )  # the real one is 4:4:4
            assert np.array_equal(pixels_of(level)[: level.rows, : level.columns][inner], seen[inner])
        assert slide.overview is not None
        macro = np.asarray(peer.associated_images["macro"])[:, :, :3]
        assert np.array_equal(pixels_of(slide.overview), macro)


@pytest.mark.parametrize("name", [REAL, MADE])
def test_geometry_and_spacing_are_those_of_openslide(corpus: Path, name: str) -> None:
    path = corpus / "slides" / name
    with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
        base = slide.levels[0]
        assert (base.columns, base.rows) == peer.dimensions
        mpp = [float(peer.properties[f"openslide.mpp-{axis}"]) / 1000 for axis in "yx"]
        assert base.spacing == pytest.approx(mpp)
        for level in slide.levels:
            factor = base.columns / level.columns
            assert level.spacing == pytest.approx([each * factor for each in mpp])
        assert [level.resampled for level in slide.levels] == [False] + [True] * (len(slide.levels) - 1)
        assert slide.metadata.objective_power == float(peer.properties["openslide.objective-power"])
        assert [image.flavor for image in slide.others] == ["OVERVIEW"]


@pytest.mark.parametrize("name", [REAL, MADE])
def test_lengths_are_known_before_frames_are_read(corpus: Path, name: str) -> None:
    with open_slide(corpus / "slides" / name) as slide:
        for image in map(frames_of, slide.images):
            frames = list(image.frames())
            assert [len(frame) for frame in frames] == list(image.frame_lengths)
            assert [next(image.frames(number, number + 1)) for number in range(len(frames))] == frames
            assert list(image.frames(len(frames) // 2)) == frames[len(frames) // 2 :]


def test_the_facts_of_a_real_slide_are_mapped_by_name(corpus: Path) -> None:
    with open_slide(corpus / "slides" / REAL) as slide:
        facts = slide.metadata
        (path,) = slide.levels[0].paths

    assert (facts.manufacturer, facts.model, facts.serial) == ("Hamamatsu", "C9600-12", "950291")
    assert facts.software == ("NDP.scan 2.5.89",)
    assert facts.acquired == dt.datetime(2017, 2, 7, 13, 7, 45)  # noqa: DTZ001 - this file knows no zone
    assert (facts.objective_power, facts.barcode, facts.label_text) == (40, "", "")
    assert (path.fluorescence, path.excitation, path.emission) == (True, 560, 622)


def test_every_planted_value_is_a_field_with_its_place(corpus: Path) -> None:
    path = corpus / "slides" / MADE
    planted = json.loads((corpus / "slides" / f"{MADE}.phi.json").read_text())["planted"]
    data = path.read_bytes()
    with open_slide(path) as slide:
        for value in (each["value"] for each in planted):
            found = [field for field in slide.fields if field.value == value]
            assert found
            for field in found:
                assert data[field.offset : field.offset + field.length].decode() == value


def canaries() -> dict[str, str]:
    """Return each place with what is planted there."""
    names = {269: "DocumentName", 270: "ImageDescription", 272: "Model", 285: "PageName", 305: "Software"}
    names |= {306: "DateTime", 315: "Artist", 316: "HostComputer", 271: "Make", 33432: "Copyright"}
    tags = {names.get(tag, f"tag {tag}"): str(value) for tag, value in PLANTED.items() if value}
    lines = {f"tag 65449/{key}": value for key, value in PROPERTIES.items()}
    return tags | lines | {"JPEG/COM": COMMENT.decode()}


def test_what_stands_in_any_place_is_found_there(tmp_path: Path) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi", Shape(comment=COMMENT))
    data = path.read_bytes()
    with open_slide(path) as slide:
        fields = slide.fields

    for place, value in canaries().items():
        found = [field for field in fields if (field.place, field.value) == (place, value)]
        assert found, place
        for field in found:
            raw = data[field.offset : field.offset + field.length]
            assert raw == value.encode() or int.from_bytes(raw, "little") == int(value)
    comments = [field for field in fields if field.place == "JPEG/COM"]
    assert len(comments) == data.count(COMMENT) == 3
    for field in fields:
        assert field.value in canaries().values() or "CANARY" not in field.value


def test_only_places_with_an_attribute_reach_the_metadata(tmp_path: Path) -> None:
    with open_slide(make_ndpi(tmp_path / "slide.ndpi", Shape(comment=COMMENT))) as slide:
        carried = repr(slide.metadata)

    second = ("tag 65449/NDP.S/N", "tag 65449/Barcode")  # asked only where the tag of its own is empty
    for place, value in canaries().items():
        if "CANARY" in value.upper():
            kept = bool(row_of("hamamatsu", place).attribute) and place not in second
            assert (value in carried) == kept, place


def test_rows_of_the_catalogue_name_dicom_attributes() -> None:
    from pydicom.datadict import tag_for_keyword

    for name in ("hamamatsu", "hamamatsu_vms"):
        for row in catalogue(name).values():
            assert not row.attribute or tag_for_keyword(row.attribute) is not None


@pytest.mark.parametrize("text", ["CANARY, ZOE", "C13210 ZOE", "NDP.scan 3.2 ZOE", "NanoZoomer Mueller"])
def test_a_product_that_nobody_makes_does_not_pass(tmp_path: Path, text: str) -> None:
    shape = Shape(tags={**PLANTED, 272: text, 305: text})
    with open_slide(make_ndpi(tmp_path / "slide.ndpi", shape)) as slide:
        assert (slide.metadata.model, slide.metadata.software) == ("", ())


@pytest.mark.parametrize("text", ["C13210", "C9600-12", "NanoZoomer S360", "S210", "NanoZoomer XR"])
def test_a_known_product_passes_by_its_name(tmp_path: Path, text: str) -> None:
    with open_slide(make_ndpi(tmp_path / "slide.ndpi", Shape(tags={**PLANTED, 272: text}))) as slide:
        assert slide.metadata.model == text


@pytest.mark.parametrize(
    "shape",
    [
        Shape(rows=1500, columns=320, interval=10),
        Shape(rows=1501, columns=323, interval=41),
        Shape(rows=1500, columns=320, interval=20, subsampling="4:2:2"),
        Shape(rows=1500, columns=320, interval=10, subsampling="4:2:0"),
        Shape(rows=1500, columns=320, interval=10, starts=False),
        Shape(rows=1500, columns=320, interval=10, quality=100),
    ],
)
def test_a_cut_level_decodes_to_the_pixels_of_the_whole(tmp_path: Path, shape: Shape) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi", shape)
    with open_slide(path) as slide:
        level = frames_of(slide.levels[0])
        found = pixels_of(level)
    wanted = imagecodecs.jpeg8_decode(stored(path)[0])
    margin = 0 if shape.subsampling == "4:4:4" else 2
    inner = np.ix_(
        inside(level.rows, level.tile_rows, margin), inside(level.columns, level.tile_columns, margin)
    )
    assert np.array_equal(found[: level.rows, : level.columns][inner], wanted[inner])
    assert len(found) > level.rows


def test_padding_below_the_image_is_white(tmp_path: Path) -> None:
    for quality in (30, 80, 100):
        shape = Shape(rows=1505, columns=320, interval=10, subsampling="4:2:2", quality=quality)
        with open_slide(make_ndpi(tmp_path / "slide.ndpi", shape)) as slide:
            level = slide.levels[0]
            below = pixels_of(level)[-(-level.rows // 8) * 8 :]
            assert below.size
            assert below.min() == 255


def test_padding_of_fluorescence_is_black_and_not_white(tmp_path: Path) -> None:
    tags = {**PLANTED, 65434: "TRITC (560)", 65451: 622.0}
    shape = Shape(rows=1505, columns=320, interval=40, tags=tags)
    with open_slide(make_ndpi(tmp_path / "slide.ndpi", shape)) as slide:
        level = slide.levels[0]
        assert level.paths[0].fluorescence
        below = pixels_of(level)[-(-level.rows // 8) * 8 :]
        assert below.size
        assert below.max() == 0


def test_a_filter_without_a_wavelength_is_no_fluorescence(tmp_path: Path) -> None:
    tags = {**PLANTED, 65434: "CANARYFILTER"}
    with open_slide(make_ndpi(tmp_path / "slide.ndpi", Shape(tags=tags))) as slide:
        assert not slide.levels[0].paths[0].fluorescence


def test_tables_without_white_give_the_nearest_gray(tmp_path: Path) -> None:
    made = io.BytesIO()
    pixels = np.full((1505, 160, 3), 120, np.uint8)
    pixels[::16, ::16] = 124
    Picture.fromarray(pixels).save(
        made, "JPEG", quality=90, subsampling="4:4:4", optimize=True, restart_marker_blocks=20
    )
    path = tmp_path / "gray.jpg"
    path.write_bytes(made.getvalue())
    file = open_bytes(path)
    found = read_intervals(read_stream(file, 0, file.size), 160, 1505, None)
    assert found is not None
    place = Place(flavor="VOLUME", columns=160, rows=1505, spacing=None)
    decoded = pixels_of(cut([[[found]]], place, shared_tile([[[[found]]]], (1505, 160))))
    file.close()

    assert np.array_equal(decoded[:1505], imagecodecs.jpeg8_decode(made.getvalue()))
    assert 100 < decoded[1512:].min() <= decoded[1512:].max() < 200


def test_tables_without_a_code_for_plain_blocks_give_no_padding() -> None:
    coding = read_coding(jpeg(texture(160, 64), Shape()))
    assert padding(coding, black=False)
    for component in coding.components:
        component.ac.pop(0, None)  # type: ignore[attr-defined]
    assert padding(coding, black=False) is None


def test_a_jpeg_without_restart_markers_is_one_frame(tmp_path: Path) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi", Shape(restarts=False, comment=COMMENT))
    with open_slide(path) as slide:
        for level, stream in zip(slide.levels, stored(path), strict=True):
            (frame,) = frames_of(level).frames()
            assert intervals(frame) == intervals(stream)
            assert COMMENT not in frame
            assert np.array_equal(imagecodecs.jpeg8_decode(frame), imagecodecs.jpeg8_decode(stream))


def test_a_large_jpeg_without_restart_markers_is_decoded_once(tmp_path: Path) -> None:
    shape = Shape(columns=4200, rows=64, levels=1, restarts=False)
    path = make_ndpi(tmp_path / "slide.ndpi", shape)
    with open_slide(path) as slide:
        level = slide.levels[0]
        assert isinstance(level, PixelImage)
        found = level.read(Region(4000, 0, 512, 512))
    whole = imagecodecs.jpeg8_decode(stored(path)[0])
    assert np.array_equal(found[:64, :200], whole[:, 4000:])
    assert found[64:].min() == found[:, 200:].min() == 255


def test_focal_planes_are_planes_of_one_level(tmp_path: Path) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi", Shape(depths=(2000, 0, -2000)))
    with open_slide(path) as slide:
        assert [level.planes for level in slide.levels] == [3, 3]
        assert [level.plane_spacing for level in slide.levels] == [pytest.approx(0.002)] * 2
        for plane, stream in enumerate(stored(path)[2::-1]):
            found = pixels_of(slide.levels[0], plane)[:400, :640]
            assert np.array_equal(found, imagecodecs.jpeg8_decode(stream))


@pytest.mark.parametrize("depths", [(0, 0), (0, 1000, 5000)])
def test_planes_that_nobody_can_place_are_refused(tmp_path: Path, depths: tuple[int, ...]) -> None:
    with pytest.raises(SlideError, match="plane") as raised:
        open_slide(make_ndpi(tmp_path / "slide.ndpi", Shape(depths=depths)))
    assert not isinstance(raised.value, CorruptSlideError)


def test_a_slide_of_more_than_four_gigabytes_opens(tmp_path: Path) -> None:
    path = make_ndpi(tmp_path / "slide.tif", Shape(hole=(1 << 32) + 4096))
    try:
        assert path.stat().st_size > 1 << 32
        assert [each.name for each in claims(path)] == ["hamamatsu"]
        with open_slide(path) as slide, path.open("rb") as file:
            assert slide.metadata.label_text == PLANTED[65427]
            whole = imagecodecs.jpeg8_decode(stored(path)[0])
            assert np.array_equal(pixels_of(slide.levels[0])[:400, :640], whole)
            for field in slide.fields:
                if field.value == PLANTED[65427]:
                    file.seek(field.offset)
                    assert file.read(field.length).decode() == field.value
    finally:
        path.unlink()


@pytest.mark.parametrize("name", [REAL, MADE, "planes", "padded"])
def test_every_image_is_a_valid_instance(corpus: Path, tmp_path: Path, name: str) -> None:
    path = corpus / "slides" / name
    if name == "planes":
        path = make_ndpi(tmp_path / "slide.ndpi", Shape(depths=(-2000, 0)))
    elif name == "padded":
        path = make_ndpi(tmp_path / "slide.ndpi", Shape(rows=1500, columns=320, interval=40))
    options = ConvertOptions()
    with prepared(path, options, tmp_path) as slide:
        for number, instance in enumerate(instances(slide, options)):
            file = tmp_path / f"{number}.dcm"
            write_identified(instance, file)
            assert dciodvfy(file) == []
