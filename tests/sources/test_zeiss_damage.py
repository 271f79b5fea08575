from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import PixelImage, Region, claims, open_slide
from tests.zeiss_slides import SIZE, File, Tile, czi, document, make_czi, mosaic, picture

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.sources import Image
    from tests.zeiss_slides import Codec


def pixels(image: Image) -> None:
    """Decode a whole image."""
    assert isinstance(image, PixelImage)
    image.read(Region(0, 0, image.columns, image.rows))


def test_a_file_cut_short_anywhere_is_damaged(tmp_path: Path) -> None:
    label = czi([Tile(picture(30, 40), 0, 0)])
    whole = czi(mosaic(codec="zstd1"), File(document(), [("Label", "CZI", label)]))
    path = tmp_path / "slide.czi"
    for place in range(20):
        path.write_bytes(whole[: len(whole) * place // 20])
        with pytest.raises(CorruptSlideError):
            open_slide(path)


def test_bytes_that_nothing_points_to_may_be_missing(tmp_path: Path) -> None:
    whole = czi(mosaic(), File(document()))
    path = tmp_path / "slide.czi"
    path.write_bytes(whole + b"left over")
    with open_slide(path) as slide:
        assert slide.levels[0].columns == SIZE[0]


def test_a_file_without_pictures_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(CorruptSlideError, match="no picture"):
        open_slide(make_czi(tmp_path / "slide.czi", [], File(document())))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pixel_type": 2}, "real numbers"),
        ({"pixel_type": 9}, "only gray and three colours"),
        ({"more": {"T": 1}}, "points in time"),
        ({"more": {"V": 1}}, "views"),
    ],
)
def test_what_dicom_has_no_place_for_is_refused_by_its_reason(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    tiles = [replace(tile, more={**tile.more, "T": 0, "V": 0}) for tile in mosaic()]
    tiles[3] = replace(tiles[3], **change)
    with pytest.raises(SlideError, match=reason) as error:
        open_slide(make_czi(tmp_path / "slide.czi", tiles, File(document())))
    assert not isinstance(error.value, CorruptSlideError)


def test_gray_beside_colour_and_several_files_are_refused_by_their_reasons(tmp_path: Path) -> None:
    gray = replace(mosaic()[0], pixels=picture(64, 64)[:, :, 0], more={"C": 1})
    with pytest.raises(SlideError, match="different kinds"):
        open_slide(make_czi(tmp_path / "slide.czi", [*mosaic(), gray], File(document())))
    with pytest.raises(SlideError, match="several files"):
        open_slide(make_czi(tmp_path / "slide.czi", mosaic(), File(document(), several=True)))


def changed(data: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """Return a file with other bytes in the data of its first segment of a name."""
    at = data.index(name.ljust(16, b"\0")) + 32 + offset
    return data[:at] + value + data[at + len(value) :]


@pytest.mark.parametrize(
    ("name", "offset", "value"),
    [
        (b"ZISRAWFILE", -8, b"\xff" * 8),  # its length
        (b"ZISRAWFILE", 52, struct.pack("<q", 1 << 60)),  # the directory is nowhere
        (b"ZISRAWFILE", 52, struct.pack("<q", -32)),
        (b"ZISRAWFILE", 52, bytes(8)),
        (b"ZISRAWFILE", 60, struct.pack("<q", 32)),  # the metadata are something else
        (b"ZISRAWDIRECTORY", 0, struct.pack("<i", 1 << 30)),
        (b"ZISRAWDIRECTORY", 0, struct.pack("<i", -1)),
        (b"ZISRAWDIRECTORY", 128, b"DE"),
        (b"ZISRAWDIRECTORY", 128 + 28, struct.pack("<i", 1 << 24)),  # dimensions
        (b"ZISRAWDIRECTORY", 128 + 32 + 8, struct.pack("<i", 0)),  # columns
        (b"ZISRAWDIRECTORY", 128 + 32 + 16, struct.pack("<i", 1 << 30)),
        (b"ZISRAWDIRECTORY", 128 + 32 + 4, struct.pack("<i", -(1 << 31))),  # left
        (b"ZISRAWDIRECTORY", 128 + 32, b"Q\0\0\0"),
        (b"ZISRAWSUBBLOCK", 8, struct.pack("<q", 1 << 40)),  # bytes of the picture
        (b"ZISRAWSUBBLOCK", 8, struct.pack("<q", -1)),
        (b"ZISRAWMETADATA", 0, struct.pack("<i", 1 << 30)),
        (b"ZISRAWMETADATA", 256, b"<?xml version='1.0'?><!DOCTYPE x>"),
        (b"ZISRAWATTDIR", 0, struct.pack("<i", 1 << 20)),
        (b"ZISRAWATTACH", 0, struct.pack("<i", 1 << 30)),
    ],
)
def test_absurd_numbers_are_damage(tmp_path: Path, name: bytes, offset: int, value: bytes) -> None:
    path = tmp_path / "slide.czi"
    whole = czi(mosaic(), File(document(), [("Label", "CZI", b"")]))
    path.write_bytes(changed(whole, name, offset, value))
    with pytest.raises(CorruptSlideError):
        open_slide(path)


@pytest.mark.parametrize("codec", ["zstd0", "zstd1", "jpeg", "jpegxr"])
def test_a_picture_that_does_not_decode_to_its_size_is_damage(tmp_path: Path, codec: Codec) -> None:
    path = tmp_path / "slide.czi"
    for other in (Tile(picture(512, 512), 0, 0, codec=codec), Tile(picture(8, 8), 0, 0, codec=codec)):
        data = czi([other], File(document()))
        for start in (128 + 32 + 8, 128 + 52 + 8):  # both sizes, of columns and of rows
            for within in (0, 8):
                data = changed(data, b"ZISRAWDIRECTORY", start + within, struct.pack("<i", 64))
        path.write_bytes(data)
        with open_slide(path) as slide, pytest.raises(CorruptSlideError):
            pixels(slide.levels[0])


@pytest.mark.parametrize("codec", ["zstd0", "zstd1", "jpeg", "jpegxr"])
def test_a_picture_of_other_bytes_is_damage(tmp_path: Path, codec: Codec) -> None:
    tile = Tile(picture(64, 64), 0, 0, codec=codec)
    whole = czi([tile], File(document()))
    start = whole.index(tile.metadata) + len(tile.metadata)
    path = tmp_path / "slide.czi"
    path.write_bytes(whole[:start] + bytes(range(40)) + whole[start + 40 :])
    with open_slide(path) as slide, pytest.raises(CorruptSlideError):
        pixels(slide.levels[0])


def test_a_damaged_file_is_still_claimed_by_its_format(tmp_path: Path) -> None:
    path = tmp_path / "slide.czi"
    path.write_bytes(bytes(64) + czi(mosaic())[64:])
    assert [each.name for each in claims(path)] == ["zeiss"]
    other = make_czi(tmp_path / "slide.dat", mosaic(), File(document()))
    assert [each.name for each in claims(other)] == ["zeiss"]
