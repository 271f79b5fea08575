"""Tiles of an MRXS in each format, and the bytes of its index and data files around them."""

from __future__ import annotations

import io
import re
import struct
import zlib
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from dicomanon.errors import SlideError
from dicomanon.native import deidentify_native
from tests.native.looked_at import as_openslide_sees, found, shown
from tests.native.planting import ini_of, mrxs, with_ini

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAME = b"DOE^JANE S26-77001"
ANY = [NAME.decode(), "DOE^"]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(pixels: np.ndarray) -> bytes:
    plain = bytes(imagecodecs.png_encode(pixels))
    words = (chunk(kind, NAME) for kind in (b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME"))
    return plain[:33] + b"".join(words) + plain[33:] + NAME


def bmp(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "BMP")
    return out.getvalue() + NAME


def jpeg(pixels: np.ndarray) -> bytes:
    plain = bytes(imagecodecs.jpeg8_encode(pixels, level=80))
    segment = b"\xff\xfe" + struct.pack(">H", len(NAME) + 2) + NAME
    return plain[:2] + segment + plain[2:] + NAME + b"\xff\xd9" + NAME


def index_of(slide: Path) -> Path:
    return slide.with_suffix("") / "Index.dat"


def data_of(slide: Path) -> Path:
    return slide.with_suffix("") / "Data0000.dat"


def page_of(index: bytes, number: int) -> int:
    """Where the first page of a list of tiles begins."""
    (table,) = struct.unpack_from("<i", index, 37)
    (start,) = struct.unpack_from("<i", index, table + 4 * number)
    (page,) = struct.unpack_from("<i", index, start + 4)
    return int(page)


def with_tiles(slide: Path, encode: Callable[[np.ndarray], bytes], name: str) -> Path:
    """Give the smallest level tiles in another format, at the end of the data file."""
    index, data = bytearray(index_of(slide).read_bytes()), bytearray(data_of(slide).read_bytes())
    page = page_of(bytes(index), 4)
    (count,) = struct.unpack_from("<i", index, page)
    assert count
    for number in range(count):
        at = page + 8 + 16 * number
        _, offset, length, _ = struct.unpack_from("<4i", index, at)
        pixels = imagecodecs.jpeg8_decode(bytes(data[offset : offset + length]))
        tile = encode(np.ascontiguousarray(pixels))
        struct.pack_into("<2i", index, at + 4, len(data), len(tile))
        data += tile
    index_of(slide).write_bytes(bytes(index))
    data_of(slide).write_bytes(bytes(data))
    text = ini_of(slide)
    start = text.index("[LAYER_0_LEVEL_4_SECTION]")
    return with_ini(
        slide, text[:start] + re.sub("IMAGE_FORMAT = JPEG", f"IMAGE_FORMAT = {name}", text[start:], count=1)
    )


@pytest.mark.parametrize(("encode", "name"), [(png, "PNG"), (bmp, "BMP24"), (jpeg, "JPEG")])
def test_words_in_tiles_of_every_format_go_and_pixels_stay(
    corpus: Path, tmp_path: Path, encode: Callable[[np.ndarray], bytes], name: str
) -> None:
    slide = with_tiles(mrxs(corpus / "slides/synthetic", tmp_path / "in"), encode, name)
    before = as_openslide_sees(slide)

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(slide, ANY) == ANY
    assert found(copy, ANY) == []
    assert as_openslide_sees(copy) == before


@pytest.mark.parametrize("tile", [b"GIF89a" + NAME, NAME, b"\x89PNG\r\n\x1a\n" + NAME, b"BM" + NAME * 5])
def test_a_tile_that_is_no_picture_is_refused(corpus: Path, tmp_path: Path, tile: bytes) -> None:
    slide = with_tiles(mrxs(corpus / "slides/synthetic", tmp_path / "in"), lambda _: tile, "JPEG")

    with pytest.raises(SlideError):
        deidentify_native(slide, tmp_path / "out", "n1")


def test_entries_of_the_index_that_lead_to_nothing_say_nothing(corpus: Path, tmp_path: Path) -> None:
    slide = mrxs(corpus / "slides/synthetic", tmp_path / "in")
    before = as_openslide_sees(slide)
    index = bytearray(index_of(slide).read_bytes())
    page = page_of(bytes(index), 0)
    size = 8 + 16 * struct.unpack_from("<i", index, page)[0]
    at = len(index)
    struct.pack_into("<i", index, page + 4, at)
    letters = (b"DO\0\0", b"EJ\0\0")
    index += struct.pack("<2i", 2, 0)
    index += b"".join(struct.pack("<i", place) + each + bytes(8) for place, each in enumerate(letters)) + NAME
    index_of(slide).write_bytes(bytes(index))
    assert size

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    left = index_of(copy).read_bytes()
    assert left[at : at + 40] == struct.pack("<10i", 2, 0, 0, 0, 0, 0, 1, 0, 0, 0)
    assert not any(left[at + 40 :])
    assert shown(slide) in (None, shown(copy))
    assert as_openslide_sees(slide)["levels"] == before["levels"]


@pytest.mark.parametrize("word", range(4))
def test_an_entry_that_says_what_it_cannot_is_refused(corpus: Path, tmp_path: Path, word: int) -> None:
    slide = mrxs(corpus / "slides/synthetic", tmp_path / "in")
    index = bytearray(index_of(slide).read_bytes())
    at = page_of(bytes(index), 0) + 8 + 16 * 5 + 4 * word
    index[at : at + 4] = NAME[:4]
    index_of(slide).write_bytes(bytes(index))

    with pytest.raises(SlideError):
        deidentify_native(slide, tmp_path / "out", "n1")


def with_record(slide: Path, content: bytes, group: str = "VIMSLIDE_POSITION_BUFFER") -> Path:
    """Add a record in a group that readers need."""
    data, index = data_of(slide).read_bytes(), bytearray(index_of(slide).read_bytes())
    pointers = struct.unpack_from("<4i", index, struct.unpack_from("<i", index, 41)[0])
    at = len(index)
    struct.pack_into("<i", index, 41, at)
    index += struct.pack("<5i", *pointers, at + 20) + struct.pack("<2i", 0, at + 28)
    index += struct.pack("<7i", 1, 0, 0, 0, len(data), len(content), 0)
    lines = f"NONHIER_COUNT = 2\nNONHIER_1_NAME = {group}\nNONHIER_1_COUNT = 1\nNONHIER_1_VAL_0 = default\n"
    lines += "NONHIER_1_VAL_0_SECTION = NONHIERLAYER_1_LEVEL_0_SECTION\n"
    data_of(slide).write_bytes(data + content)
    index_of(slide).write_bytes(bytes(index))
    return with_ini(slide, ini_of(slide).replace("NONHIER_COUNT = 1\n", lines))


POSITIONS = b"".join(
    struct.pack("<bii", 0, 256 * column, 256 * row) for row in range(12) for column in range(16)
)


def test_a_record_of_where_tiles_lie_stays_packed_and_plain(corpus: Path, tmp_path: Path) -> None:
    for number, content in enumerate((POSITIONS, zlib.compress(POSITIONS))):
        slide = mrxs(corpus / "slides/synthetic", tmp_path / f"in{number}")
        group = "StitchingIntensityLayer" if number else "VIMSLIDE_POSITION_BUFFER"

        copy = deidentify_native(with_record(slide, content, group), tmp_path / "out", f"n{number}").path

        assert data_of(copy).read_bytes().endswith(content)


@pytest.mark.parametrize(
    "content",
    [
        POSITIONS + NAME,
        NAME.ljust(len(POSITIONS), b"\0"),
        POSITIONS[:-8] + NAME[:8],
        b"D" + POSITIONS[1:],
        zlib.compress(POSITIONS) + NAME,
        zlib.compress(NAME.ljust(len(POSITIONS), b"\0")),
        NAME,
    ],
)
def test_a_record_that_says_more_than_where_tiles_lie_is_refused(
    corpus: Path, tmp_path: Path, content: bytes
) -> None:
    slide = with_record(mrxs(corpus / "slides/synthetic", tmp_path / "in"), content)

    with pytest.raises(SlideError):
        deidentify_native(slide, tmp_path / "out", "n1")


def test_what_is_in_front_of_the_tiles_says_nothing(corpus: Path, tmp_path: Path) -> None:
    slide = mrxs(corpus / "slides/synthetic", tmp_path / "in")
    data, index = data_of(slide).read_bytes(), bytearray(index_of(slide).read_bytes())
    moved = NAME[:5] + data[5:37] + b"1963" + NAME + data[37:]
    shift = len(moved) - len(data)
    for number in range(5):
        page = page_of(bytes(index), number)
        for each in range(struct.unpack_from("<i", index, page)[0]):
            at = page + 12 + 16 * each
            struct.pack_into("<i", index, at, struct.unpack_from("<i", index, at)[0] + shift)
    root = struct.unpack_from("<i", index, 41)[0]
    for number in range(4):
        page = struct.unpack_from("<i", index, struct.unpack_from("<i", index, root + 4 * number)[0] + 4)[0]
        struct.pack_into("<i", index, page + 16, struct.unpack_from("<i", index, page + 16)[0] + shift)
    data_of(slide).write_bytes(moved)
    index_of(slide).write_bytes(bytes(index))
    before = as_openslide_sees(slide)

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [*ANY, "DOE^J"]) == []
    assert b"1963" not in data_of(copy).read_bytes()[:60]
    assert as_openslide_sees(copy) == before
