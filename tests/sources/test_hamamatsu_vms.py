from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import openslide
import pytest

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, claims, open_slide, row_of
from tests.hamamatsu_slides import COMMENT, VMS_PLANTED, Shape, intervals, make_vms, make_vmu, texture
from tests.peers import dciodvfy
from tests.sources.test_hamamatsu import frames_of, pixels_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MADE = "synthetic/synthetic-vms.vms"


def whole_of(folder: Path, sizes: tuple[Sequence[int], Sequence[int]]) -> np.ndarray:
    """Return the files of a slide decoded and laid beside each other."""
    return np.vstack(
        [
            np.hstack(
                [
                    imagecodecs.jpeg8_decode((folder / f"slide_{column}_{row}.jpg").read_bytes())
                    for column in range(len(sizes[0]))
                ]
            )
            for row in range(len(sizes[1]))
        ]
    )


def test_pixels_and_geometry_are_those_that_openslide_reads(corpus: Path) -> None:
    path = corpus / "slides" / MADE
    with open_slide(path) as slide, openslide.OpenSlide(path) as peer:
        base = slide.levels[0]
        assert (base.columns, base.rows) == peer.dimensions
        seen = np.asarray(peer.read_region((0, 0), 0, peer.dimensions))[:, :, :3]
        assert np.array_equal(pixels_of(base)[: base.rows, : base.columns], seen)
        mpp = [float(peer.properties[f"openslide.mpp-{axis}"]) / 1000 for axis in "yx"]
        assert base.spacing == pytest.approx(mpp)
        assert slide.levels[1].resampled
        assert (slide.levels[1].columns, slide.levels[1].rows) in peer.level_dimensions
        assert slide.overview is not None
        macro = np.asarray(peer.associated_images["macro"])[:, :, :3]
        assert np.array_equal(pixels_of(slide.overview), macro)


def test_intervals_of_frames_are_those_of_the_image_file(corpus: Path) -> None:
    path = corpus / "slides" / MADE
    whole = intervals((path.parent / "synthetic-vms_img.jpg").read_bytes())
    with open_slide(path) as slide:
        image = frames_of(slide.levels[0])
        across = -(-image.columns // image.tile_columns)
        height = image.tile_rows // 8
        for number, frame in enumerate(image.frames()):
            top, column = number // across * height, number % across
            assert intervals(frame) == [
                whole[row * across + column] for row in range(top, min(top + height, len(whole) // across))
            ]
        assert [len(frame) for frame in image.frames()] == list(image.frame_lengths)


def test_every_planted_value_is_a_field_with_its_place(corpus: Path) -> None:
    path = corpus / "slides" / MADE
    planted = json.loads((corpus / "slides" / f"{MADE}.phi.json").read_text())["planted"]
    data = path.read_bytes()
    with open_slide(path) as slide:
        for value in (each["value"] for each in planted if each["where"].startswith("INI ")):
            found = [field for field in slide.fields if field.value == value]
            assert found
            for field in found:
                assert data[field.offset : field.offset + field.length].decode() == value
        facts = slide.metadata
    assert (facts.serial, facts.objective_power) == ("SS57931", 20)


def test_what_stands_in_any_place_is_found_there(tmp_path: Path) -> None:
    path = make_vms(tmp_path / "slide.vms", shape=Shape(comment=COMMENT))
    with open_slide(path) as slide:
        fields, carried = slide.fields, repr(slide.metadata)

    for place, value in {**VMS_PLANTED, "JPEG/COM": COMMENT.decode()}.items():
        found = [field for field in fields if (field.place, field.value) == (place, value)]
        assert found, place
        for field in found:
            data = (path.parent / (field.file or path.name)).read_bytes()
            assert data[field.offset : field.offset + field.length] == value.encode()
        if "CANARY" in value.upper():
            assert (value in carried) == bool(row_of("hamamatsu_vms", place).attribute), place
    assert {field.file for field in fields} == {"", "slide_0_0.jpg", "slide_map.jpg", "slide_macro.jpg"}


@pytest.mark.parametrize(
    "sizes", [((640,), (400,)), ((320, 320), (256, 150)), ((320, 160), (400,)), ((320,), (512, 512, 77))]
)
def test_files_that_meet_at_edges_of_frames_are_not_encoded_again(
    tmp_path: Path, sizes: tuple[Sequence[int], Sequence[int]]
) -> None:
    path = make_vms(tmp_path / "slide.vms", sizes)
    with open_slide(path) as slide:
        base = frames_of(slide.levels[0])
        assert [len(frame) for frame in base.frames()] == list(base.frame_lengths)
        found = pixels_of(base)[: base.rows, : base.columns]
    assert np.array_equal(found, whole_of(tmp_path, sizes))


@pytest.mark.parametrize("sizes", [((320, 320), (56, 150)), ((320, 320), (204, 150))])
def test_files_that_do_not_meet_are_laid_beside_each_other(
    tmp_path: Path, sizes: tuple[Sequence[int], Sequence[int]]
) -> None:
    path = make_vms(tmp_path / "slide.vms", sizes)
    whole = whole_of(tmp_path, sizes)
    with open_slide(path) as slide:
        base = slide.levels[0]
        assert isinstance(base, PixelImage)
        assert np.array_equal(base.read(Region(0, 0, base.columns, base.rows)), whole)
        for region in (Region(300, 40, 100, 200), Region(600, 180, 512, 512), Region(0, 203, 17, 3)):
            found = base.read(region)
            part = whole[region.top :, region.left :][: region.rows, : region.columns]
            assert np.array_equal(found[: part.shape[0], : part.shape[1]], part)
            assert found[part.shape[0] :].size == 0 or found[part.shape[0] :].min() == 255


def test_files_without_columns_of_intervals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="restart") as raised:
        open_slide(make_vms(tmp_path / "slide.vms", ((240, 400), (200,))))
    assert not isinstance(raised.value, CorruptSlideError)


def test_an_uncompressed_slide_is_read_by_openslide(tmp_path: Path) -> None:
    path = make_vmu(tmp_path / "slide.vmu")
    with open_slide(path) as slide:
        base = slide.levels[0]
        assert isinstance(base, PixelImage)
        assert np.array_equal(base.read(Region(0, 0, 128, 96)), texture(128, 96))
        assert not base.losses
        assert base.spacing == pytest.approx((0.0005, 0.0005))
        assert [image.flavor for image in slide.others] == ["OVERVIEW"]


@pytest.mark.parametrize("gone", ["slide_0_0.jpg", "slide_map.jpg", "slide_macro.jpg"])
def test_a_file_of_the_slide_that_is_missing_is_damage(tmp_path: Path, gone: str) -> None:
    path = make_vms(tmp_path / "slide.vms")
    (tmp_path / gone).unlink()

    with pytest.raises(CorruptSlideError):
        open_slide(path)


@pytest.mark.parametrize("gone", ["slide_image.ngr", "slide_map.ngr"])
def test_samples_that_are_missing_or_cut_are_damage(tmp_path: Path, gone: str) -> None:
    path = make_vmu(tmp_path / "slide.vmu")
    whole = (tmp_path / gone).read_bytes()
    for data in (whole[:-1], whole[:20], b"", b"XX" + whole[2:], whole[:4] + b"\xff" * 8 + whole[12:]):
        (tmp_path / gone).write_bytes(data)
        with pytest.raises(CorruptSlideError):
            open_slide(path)
    (tmp_path / gone).unlink()
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_an_image_file_cut_anywhere_is_damage(tmp_path: Path) -> None:
    path = make_vms(tmp_path / "slide.vms")
    image = tmp_path / "slide_0_0.jpg"
    whole = image.read_bytes()
    for size in range(0, len(whole), len(whole) // 20):
        image.write_bytes(whole[:size])
        with pytest.raises(CorruptSlideError):
            open_slide(path)


def test_lines_cut_anywhere_open_or_are_damage(tmp_path: Path) -> None:
    whole = make_vms(tmp_path / "slide.vms").read_bytes()
    path = tmp_path / "slide.vms"
    for size in range(30, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        assert [each.name for each in claims(path)] == ["hamamatsu_vms"]
        try:
            with open_slide(path) as slide:
                assert (slide.levels[0].columns, slide.levels[0].rows) == (640, 400)
        except CorruptSlideError:
            continue


@pytest.mark.parametrize("name", ["../slide_0_0.jpg", "/etc/passwd", "..\\slide_0_0.jpg", "..", ""])
def test_a_name_that_leads_out_of_the_folder_is_damage(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = make_vms(inner / "slide.vms")
    shutil.copy(inner / "slide_0_0.jpg", tmp_path)
    path.write_bytes(path.read_bytes().replace(b"=slide_0_0.jpg", b"=" + name.encode()))

    with pytest.raises(CorruptSlideError):
        open_slide(path)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b"NoLayers=1", b"NoLayers=3", SlideError),
        (b"NoJpegColumns=1", b"NoJpegColumns=2", CorruptSlideError),
        (b"NoJpegColumns=1", b"NoJpegColumns=99999999", CorruptSlideError),
        (b"NoJpegRows=1", b"NoJpegRows=0", CorruptSlideError),
        (b"ImageFile=", b"ImageFile(7,7)=", CorruptSlideError),
    ],
)
def test_lines_that_contradict_the_files_are_refused(
    tmp_path: Path, old: bytes, new: bytes, error: type[SlideError]
) -> None:
    path = make_vms(tmp_path / "slide.vms")
    path.write_bytes(path.read_bytes().replace(old, new))

    with pytest.raises(error):
        open_slide(path)


@pytest.mark.parametrize("name", [MADE, "grid", "apart", "vmu"])
def test_every_image_is_a_valid_instance(corpus: Path, tmp_path: Path, name: str) -> None:
    path = corpus / "slides" / name
    if name == "grid":
        path = make_vms(tmp_path / "slide.vms", ((320, 320), (256, 150)))
    elif name == "apart":
        path = make_vms(tmp_path / "slide.vms", ((320, 320), (204, 150)))
    elif name == "vmu":
        path = make_vmu(tmp_path / "slide.vmu")
    options = ConvertOptions()
    with prepared(path, options, tmp_path) as slide:
        for number, instance in enumerate(instances(slide, options)):
            file = tmp_path / f"{number}.dcm"
            write_identified(instance, file)
            assert dciodvfy(file) == []
