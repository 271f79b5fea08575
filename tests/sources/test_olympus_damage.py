from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING, Any

import pytest

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import PixelImage, Region, claims, open_slide
from dicomanon.sources._bytes import open_bytes
from dicomanon.sources._vsi_tags import read_tags, text
from tests.olympus_slides import TILE, Slide, Stack, brightfield, levels, make_vsi, tree, word

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources import Image
    from tests.olympus_slides import Codec


def whole(image: Image) -> None:
    """Decode a whole image."""
    assert isinstance(image, PixelImage)
    image.read(Region(0, 0, image.columns, image.rows))


@pytest.mark.parametrize(
    ("dimensions", "reason"), [("T", "points in time"), ("?", "no word of what they are")]
)
def test_dimensions_that_dicom_does_not_have_are_refused_by_their_reason(
    tmp_path: Path, dimensions: str, reason: str
) -> None:
    stack = Stack({(n,): levels(100, 130, seed=n) for n in range(2)}, dimensions=dimensions)
    with pytest.raises(SlideError, match=reason) as error:
        open_slide(make_vsi(tmp_path / "slide.vsi", Slide((stack,))))
    assert not isinstance(error.value, CorruptSlideError)


@pytest.mark.parametrize("change", [{"component": 9}, {"component": 3}])
def test_samples_that_dicom_does_not_have_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(SlideError, match="samples of 8 or 16 bits") as error:
        open_slide(make_vsi(tmp_path / "slide.vsi", Slide((brightfield(**change),))))
    assert not isinstance(error.value, CorruptSlideError)


def test_overviews_alone_are_no_slide(tmp_path: Path) -> None:
    stacks = (brightfield(name="Overview", kind=1), brightfield(name="Label", number=2))
    with pytest.raises(SlideError, match="only overviews"):
        open_slide(make_vsi(tmp_path / "slide.vsi", Slide(stacks)))


def test_a_scan_that_is_not_supported_is_not_replaced_by_a_smaller_one(tmp_path: Path) -> None:
    stacks = (brightfield(400, 500, component=9), brightfield(100, 100, number=2))
    with pytest.raises(SlideError, match="samples"):
        open_slide(make_vsi(tmp_path / "slide.vsi", Slide(stacks)))


def test_a_slide_without_its_folder_is_damaged(tmp_path: Path) -> None:
    path = make_vsi(tmp_path / "slide.vsi")
    shutil.rmtree(tmp_path / "_slide_")
    with pytest.raises(CorruptSlideError, match="folder"):
        open_slide(path)


def test_files_cut_short_anywhere_are_damaged(tmp_path: Path) -> None:
    path = make_vsi(tmp_path / "slide.vsi")
    tiles = tmp_path / "_slide_/stack1/frame_t.ets"
    for file in (path, tiles):
        data = file.read_bytes()
        for place in range(20):
            file.write_bytes(data[: len(data) * place // 20])
            with pytest.raises(CorruptSlideError):
                open_slide(path)
        file.write_bytes(data)


def test_a_real_slide_cut_short_anywhere_is_damaged(corpus: Path, tmp_path: Path) -> None:
    shutil.copytree(corpus / "slides/olympus", tmp_path / "copy")
    path = tmp_path / "copy/vsi-ets-test-jpg2k.vsi"
    data = path.read_bytes()
    path.chmod(0o600)
    for place in range(20):
        path.write_bytes(data[: len(data) * place // 20])
        with pytest.raises(CorruptSlideError):
            open_slide(path)


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (12, struct.pack("<I", 200)),  # dimensions
        (12, struct.pack("<I", 2)),
        (16, struct.pack("<Q", 1 << 60)),  # where the other header is
        (32, struct.pack("<Q", 1 << 60)),  # where the table is
        (40, struct.pack("<I", 0)),  # tiles
        (40, struct.pack("<I", 1 << 31)),
        (64, b"XXXX"),
        (64 + 28, struct.pack("<I", 0)),  # columns of a tile
        (64 + 28, struct.pack("<I", 1 << 30)),
        (0, b"XXXX"),
    ],
)
def test_absurd_numbers_in_a_file_of_tiles_are_damage(tmp_path: Path, offset: int, value: bytes) -> None:
    path = make_vsi(tmp_path / "slide.vsi")
    tiles = tmp_path / "_slide_/stack1/frame_t.ets"
    data = tiles.read_bytes()
    tiles.write_bytes(data[:offset] + value + data[offset + len(value) :])
    with pytest.raises(CorruptSlideError):
        open_slide(path)


@pytest.mark.parametrize(
    ("within", "value"),
    [
        (4, struct.pack("<i", 5000)),  # column
        (4, struct.pack("<i", -1)),
        (12, struct.pack("<i", 40)),  # level
        (16, struct.pack("<Q", 1 << 50)),  # offset
        (24, struct.pack("<I", 1 << 31)),  # length
        (24, struct.pack("<I", 0)),
    ],
)
def test_absurd_places_of_tiles_are_damage(tmp_path: Path, within: int, value: bytes) -> None:
    path = make_vsi(tmp_path / "slide.vsi")
    tiles = tmp_path / "_slide_/stack1/frame_t.ets"
    data = tiles.read_bytes()
    at = struct.unpack_from("<Q", data, 32)[0] + within
    tiles.write_bytes(data[:at] + value + data[at + len(value) :])
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_tree_of_tags_without_an_end_is_damage(tmp_path: Path) -> None:
    path = make_vsi(tmp_path / "slide.vsi")
    data = path.read_bytes()
    at = 8 + 24  # the first tag of the first volume
    (following,) = struct.unpack_from("<I", data, at + 8)
    assert following > 24
    path.write_bytes(data[: at + 8] + struct.pack("<I", 24) + data[at + 12 :])
    with pytest.raises(CorruptSlideError, match="no end"):
        open_slide(path)


@pytest.mark.parametrize("codec", ["png", "bmp", "raw"])
def test_a_tile_that_does_not_decode_to_its_size_is_damage(tmp_path: Path, codec: Codec) -> None:
    path = make_vsi(tmp_path / "slide.vsi", Slide((brightfield(codec=codec),)))
    tiles = tmp_path / "_slide_/stack1/frame_t.ets"
    data = tiles.read_bytes()
    changed = bytearray(data)
    changed[64 + 28 : 64 + 36] = struct.pack("<II", TILE - 4, TILE)
    tiles.write_bytes(changed)
    with open_slide(path) as slide, pytest.raises(CorruptSlideError):
        whole(slide.levels[0])
    first = struct.unpack_from("<Q", data, struct.unpack_from("<Q", data, 32)[0] + 16)[0]
    if codec != "raw":
        tiles.write_bytes(data[:first] + bytes(60) + data[first + 60 :])
        with open_slide(path) as slide, pytest.raises(CorruptSlideError):
            whole(slide.levels[0])


def test_a_damaged_file_is_still_claimed_by_its_format(tmp_path: Path) -> None:
    path = make_vsi(tmp_path / "slide.vsi")
    assert [each.name for each in claims(path)] == ["olympus"]
    renamed = path.rename(tmp_path / "slide.tif")
    assert [each.name for each in claims(renamed)] == ["olympus"]
    lost = tmp_path / "lost.vsi"
    lost.write_bytes(bytes(100))
    assert [each.name for each in claims(lost)] == ["olympus"]
    with pytest.raises(CorruptSlideError):
        open_slide(lost)


def test_a_volume_that_is_none_is_a_value(tmp_path: Path) -> None:
    odd = struct.pack("<Ii", 1 << 28 | 1, 4242), struct.pack("<I", 13) + b"no volume ..."
    path = tmp_path / "tags"
    path.write_bytes(bytes(8) + tree([odd, word(11, "name")]))
    file = open_bytes(path)
    first, second = read_tags(file)
    assert (first.code, first.size, first.below) == (4242, 13, ())
    assert text(file, second) == ("name", 8)
    file.close()
