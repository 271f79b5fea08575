from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import openslide
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import claims, open_slide
from tests.slides import framed

if TYPE_CHECKING:
    from pathlib import Path

MADE = "slides/synthetic/synthetic-histech.tif"


def make(path: Path, fields: str) -> Path:
    with tifffile.TiffWriter(path) as tiff:
        for size in (512, 256):
            tiff.write(
                np.full((size, size, 3), 200, np.uint8),
                tile=(256, 256),
                compression="jpeg",
                description=f"{size}x{size} (256x256) JPEG/RGB Q=80|{fields}",
                metadata=None,
                software="CANARYSOFTWARE",
            )
    return path


def test_scans_and_spacing_of_the_sample_are_those_of_the_file(corpus: Path) -> None:
    path = corpus / MADE
    with open_slide(path) as slide, tifffile.TiffFile(path) as tiff, path.open("rb") as file:
        assert slide.format == "histech_tiff"
        assert slide.levels[0].spacing == (0.00025, 0.00025)
        for level, page in zip(slide.levels, tiff.pages, strict=True):
            assert (level.columns, level.rows) == (page.imagewidth, page.imagelength)
            for frame, offset, count in zip(
                framed(level).frames(), page.dataoffsets, page.databytecounts, strict=True
            ):
                file.seek(offset)
                stored = file.read(count)
                assert frame.endswith(stored[stored.index(b"\xff\xda") :])


def test_pixels_are_those_that_openslide_reads(corpus: Path, tmp_path: Path) -> None:
    from dicomanon.convert import ConvertOptions, instances, prepared
    from dicomanon.part10.plain import write_identified

    options = ConvertOptions()
    with prepared(corpus / MADE, options) as ready:
        for index, made in enumerate(instances(ready, options)):
            write_identified(made, tmp_path / f"{index}.dcm")
    with openslide.OpenSlide(corpus / MADE) as before, openslide.OpenSlide(tmp_path / "0.dcm") as after:
        assert after.level_dimensions == before.level_dimensions
        for level, size in enumerate(before.level_dimensions):
            one, other = (np.asarray(each.read_region((0, 0), level, size)) for each in (before, after))
            assert np.array_equal(one, other)


@pytest.mark.parametrize(
    ("fields", "micrometres"),
    [
        ("MPP = 0.2325|3dh_PixelSizeX = 232.5", 0.2325),
        ("3dh_PixelSizeX = 232.5", 0.2325),
        ("3dh_PixelSizeX = 0.25", 0.25),
    ],
)
def test_pixel_sizes_in_nanometres_are_known_as_such(tmp_path: Path, fields: str, micrometres: float) -> None:
    with open_slide(make(tmp_path / "slide.tif", fields)) as slide:
        assert slide.levels[0].spacing == pytest.approx((micrometres / 1000, micrometres / 1000))


def test_only_places_with_an_attribute_reach_the_metadata(tmp_path: Path) -> None:
    text = (
        "3dh_PixelSizeX = 0.25|Slide = CANARYSLIDE|Patient = CANARYPATIENT|Date = 29/12/2009|Time = 12:43:52"
    )
    path = make(tmp_path / "slide.tif", text)
    with open_slide(path) as slide:
        assert slide.metadata.acquired == dt.datetime(2009, 12, 29, 12, 43, 52)  # noqa: DTZ001
        assert "CANARY" not in str(slide.metadata)
        data = path.read_bytes()
        values = {each.value: data[each.offset : each.offset + each.length] for each in slide.fields}
    assert all(values[word] == word.encode() for word in ("CANARYSLIDE", "CANARYPATIENT", "CANARYSOFTWARE"))


def test_a_slide_cut_anywhere_is_damage_and_still_ours(corpus: Path, tmp_path: Path) -> None:
    whole = (corpus / MADE).read_bytes()
    path = tmp_path / "cut.tif"
    for part in range(1, 21):
        path.write_bytes(whole[: len(whole) * part // 21])
        assert claims(path)
        with pytest.raises(CorruptSlideError):
            open_slide(path)
