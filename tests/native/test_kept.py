from __future__ import annotations

import io
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import openslide
import pytest
from PIL import Image

from dicomanon.native import deidentify_native
from dicomanon.native.heads import jpeg_tail
from dicomanon.native.kept import kept_value, kept_words
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path

FREE = {
    "SessonMode": "KANARY",
    "Filtered": "by KANARY",
    "Gamma": "KANARY 2.2",
    "ICC Profile": "KANARY",
    "Left": "25.6 KANARY",
    "KANARY of Miller": "X",
}


def test_words_that_nobody_knows_do_not_stay_in_fields_that_stay(tmp_path: Path) -> None:
    header = "Aperio Image Library v12.0.15 KANARY"
    path = make_svs(tmp_path / "slide.svs", Shape(header=header, tiles=(2, 2), fields={**PLANTED, **FREE}))

    copy = deidentify_native(path, tmp_path / "out", "copy").path

    assert b"KANARY" not in copy.read_bytes()
    assert b"Miller" not in copy.read_bytes()
    with openslide.OpenSlide(copy) as opened:
        assert opened.properties["openslide.vendor"] == "aperio"
        assert float(opened.properties["openslide.mpp-x"]) == 0.499


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"Aperio Image Library v12.0.15 \r\n4096x3072 [0,0 4096x3072] (256x256) JPEG/RGB Q=70", b""),
        (b"0.4990\0CANARY", b"XXXXXX\0XXXXXX"),
        (b"20 by Miller", b"20 XX XXXXXX"),
        (b"NDP.scan 3.2.4", b""),
        (b"S26-77001", b"XXXXXXXXX"),
    ],
)
def test_numbers_sizes_and_known_words_stay(text: bytes, expected: bytes) -> None:
    assert kept_words("aperio", text) == (expected or text)


def test_a_picture_behind_the_end_of_a_tile_is_gone() -> None:
    """A second JPEG in the bytes of a tile, with a comment of its own, as a label could be hidden."""
    picture = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    tile = bytes(imagecodecs.jpeg8_encode(picture, level=90))
    behind = tile[:2] + b"\xff\xfe\x00\x08KANARY" + tile[2:]
    data = bytearray(tile + behind)
    scan = tile.index(b"\xff\xda")
    scan += 2 + int.from_bytes(tile[scan + 2 : scan + 4], "big")

    assert jpeg_tail(data, scan, len(data)) == 1
    assert data[: len(tile)] == tile
    assert not any(data[len(tile) :])


def test_scans_of_a_progressive_tile_stay_and_words_between_them_go() -> None:
    out = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(out, "JPEG", progressive=True)
    tile = out.getvalue()
    first = tile.index(b"\xff\xda")
    second = tile.index(b"\xff\xda", first + 2)
    table = tile.rindex(b"\xff\xc4", first, second) if b"\xff\xc4" in tile[first:second] else second
    text = b"\xff\xfe\x00\x08KANARY"
    data = bytearray(tile[:table] + text + tile[table:])

    assert jpeg_tail(data, first + 2 + int.from_bytes(tile[first + 2 : first + 4], "big"), len(data)) == 1
    assert bytes(data) == tile[:table] + b"\xff\xfe\x00\x08" + bytes(6) + tile[table:]


@pytest.mark.parametrize(
    ("colour", "expected"),
    [
        (b"16777215", b"16777215"),
        (b"15987699", b"15987699"),
        (b"0", b"0"),
        (b"31881314", b"16777215"),
        (b"12031963", b"16777215"),
        (b"3188131", b"0000000"),
        (b"DOE^JANE S26", b"000016777215"),
        (b" 16777215 ", b" 16777215 "),
    ],
)
def test_the_colour_of_bare_glass_is_a_light_gray_or_black(colour: bytes, expected: bytes) -> None:
    """OpenSlide does not open a slide whose colour is no number."""
    assert kept_value("mirax", "Slidedat/LAYER_n_LEVEL_n_SECTION/IMAGE_FILL_COLOR_BGR", colour) == expected
