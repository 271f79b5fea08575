from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import PixelImage, Region, SlideImage, claims, isyntax, open_slide, row_of
from tests.philips_slides import BARCODE, VALID, Shape, canaries, document
from tests.sources.test_philips import converted

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = "slides/synthetic/synthetic-isyntax-header.isyntax"
DECODER = """
import os
import time
import numpy as np

class Level:
    def __init__(self, scale):
        self.scale, self.width, self.height = scale, 700 >> scale, 500 >> scale
        self.mpp_x, self.mpp_y = 0.25 * 2 ** scale, 0.26 * 2 ** scale

class Image:
    levels = [Level(scale) for scale in range(3)]

class ISyntax:
    wsi = Image()

    def __init__(self, f, n_bytes, cache_size):
        assert len(f.read()) == n_bytes
        os.write(1, b"the library says something")

    def read_region(self, x, y, width, height, level):
        if (x, y) == (512, 0):
            MISHAP
        down, across = np.mgrid[y:y + height, x:x + width]
        return np.stack([across % 251, down % 241, across * 0 + level, across * 0 + 255], -1).astype(np.uint8)
"""
"""Stands for the module of this name: the corpus has no whole iSyntax file. It answers as that does."""


@pytest.fixture
def slide_file(tmp_path: Path) -> Path:
    path = tmp_path / "slide.isyntax"
    shape = Shape(attributes=canaries("isyntax", "header"))
    path.write_bytes(document(shape).encode() + b"\r\n\x04" + bytes(range(256)) * 40)
    return path


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, mishap: str = "pass") -> None:
    """Let a module `isyntax` of our own be found by the process of the decoder, first of all."""
    (folder / "modules").mkdir()
    (folder / "modules/isyntax.py").write_text(DECODER.replace("MISHAP", mishap))
    monkeypatch.setattr(sys, "path", [str(folder / "modules"), *sys.path])


def test_a_header_without_blocks_is_damage_and_does_not_end_this_process(corpus: Path) -> None:
    with pytest.raises(CorruptSlideError):
        open_slide(corpus / SAMPLE)


def test_every_text_that_was_planted_is_a_field_at_its_offset(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = path.read_bytes()
    planted = json.loads(path.with_name(f"{path.name}.phi.json").read_text())["planted"]
    texts = {each["value"] for each in planted if "pixels" not in each["value"]}
    found = isyntax.fields(path)

    assert texts <= {each.value for each in found}
    for each in found:
        if each.length and each.value:
            assert data[each.offset : each.offset + each.length] == each.value.encode()


def test_every_canary_is_a_field_and_only_named_places_are_carried(
    tmp_path: Path, slide_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    with open_slide(slide_file) as slide:
        values = {each.value for each in slide.fields}
        carried = {each.place for each in slide.fields if row_of("isyntax", each.place).attribute}
        facts = repr(slide.metadata)
        assert slide.fields == isyntax.fields(slide_file)

    assert {*canaries("isyntax", "header").values(), BARCODE, "CANARYCOMMENT", "CANARYUNNAMED"} <= values
    assert not any(value in facts for value in values - {*VALID.values(), BARCODE} if "CANARY" in value)
    assert {each.removeprefix("header/") for each in carried} == {*VALID, "DICOM_PIXEL_SPACING"}


def test_without_the_module_the_format_is_refused_by_name(
    slide_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicomanon.sources._slide.find_spec", lambda _: None)

    with pytest.raises(SlideError, match=r"needs isyntax: pip install 'dicomanon\[isyntax\]'"):
        open_slide(slide_file)
    assert isyntax.fields(slide_file)


def test_levels_label_and_overview_are_read_through_the_decoder(
    tmp_path: Path, slide_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    with open_slide(slide_file) as slide:
        assert [(each.columns, each.rows, each.resampled) for each in slide.levels] == [
            (700, 500, False),
            (350, 250, True),
            (175, 125, True),
        ]
        assert [each.spacing for each in slide.levels] == [
            pytest.approx((0.00026 * factor, 0.00025 * factor)) for factor in (1, 2, 4)
        ]
        level = slide.levels[1]
        assert isinstance(level, PixelImage)
        pixels = level.read(Region(256, 128, 512, 256))
        down, across = np.mgrid[128:250, 256:350]
        assert np.array_equal(pixels[:122, :94], np.stack([across % 251, down % 241, across * 0 + 1], -1))
        assert pixels[122:].min() == pixels[:, 94:].min() == 255
        for image, shape in ((slide.label, (40, 56, 3)), (slide.overview, (48, 128, 3))):
            assert isinstance(image, SlideImage)
            (frame,) = image.frames()
            assert imagecodecs.jpeg8_decode(frame).shape == shape


def test_several_threads_may_read_at_once(
    tmp_path: Path, slide_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)
    with open_slide(slide_file) as slide, ThreadPoolExecutor(4) as pool:
        level = slide.levels[0]
        assert isinstance(level, PixelImage)
        regions = [Region(left, left // 2, 60, 50) for left in range(0, 600, 25)]
        for region, pixels in zip(regions, pool.map(level.read, regions), strict=True):
            assert pixels[0, 0].tolist() == [region.left % 251, region.top % 241, 0]


@pytest.mark.parametrize("mishap", ["os.abort()", "raise MemoryError", "time.sleep(60)", "os._exit(0)"])
def test_a_decoder_that_gives_up_is_damage_and_not_the_end(
    tmp_path: Path, slide_file: Path, monkeypatch: pytest.MonkeyPatch, mishap: str
) -> None:
    stand_in(tmp_path, monkeypatch, mishap)
    monkeypatch.setattr(isyntax, "_SECONDS", 1.0)
    begun = time.monotonic()
    with open_slide(slide_file) as slide:
        level = slide.levels[0]
        assert isinstance(level, PixelImage)
        assert level.read(Region(0, 0, 64, 64)).shape == (64, 64, 3)
        for _ in range(2):
            with pytest.raises(CorruptSlideError):
                level.read(Region(512, 0, 64, 64))

    assert time.monotonic() - begun < 10


def test_an_isyntax_file_is_claimed_by_its_content_or_its_name(slide_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "slide.bin"
    other.write_bytes(slide_file.read_bytes())
    empty = tmp_path / "empty.isyntax"
    empty.write_bytes(b"")

    for path in (slide_file, other, empty):
        assert [each.name for each in claims(path)] == ["isyntax"]
    with pytest.raises(CorruptSlideError):
        open_slide(empty)


def test_an_isyntax_file_cut_anywhere_is_damage(slide_file: Path) -> None:
    whole = slide_file.read_bytes()
    header = whole.index(b"\x04")
    for place in range(18):
        slide_file.write_bytes(whole[: header * place // 17])
        with pytest.raises(CorruptSlideError):
            open_slide(slide_file)
        with pytest.raises(CorruptSlideError):
            isyntax.fields(slide_file)


@pytest.mark.parametrize("rest", [b"", bytes(5000), b"\xff" * 5000])
def test_the_real_decoder_refuses_what_has_no_blocks(slide_file: Path, rest: bytes) -> None:
    whole = slide_file.read_bytes()
    slide_file.write_bytes(whole[: whole.index(b"\x04") + 1] + rest)

    with pytest.raises(CorruptSlideError):
        open_slide(slide_file)


def test_a_converted_isyntax_file_is_without_an_error(
    tmp_path: Path, slide_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch)

    assert converted(slide_file, tmp_path) == [[]] * 5
