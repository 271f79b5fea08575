"""A vendor's slide with a name in its tissue, its label and its macro, converted: nothing of it is left to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp
from pydicom import dcmread

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions
from dicomanon.demo import slide
from dicomanon.pixels.find import find

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PROFILE = """
extends = "research-wsi"
options = ["clean-pixel-data"]
[pixels]
LABEL = "replace"
OVERVIEW = "crop"
"""
LEFT, TOP, RIGHT, BOTTOM = 150, 120, 1450, 280
"""Where the name stands in the base."""


def test_a_converted_slide_is_cleaned_on_all_of_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = slide._section()
    section[TOP:BOTTOM, LEFT:RIGHT] = 238
    place, ink = (LEFT + 20, BOTTOM - 45), (30, 20, 70)
    cv2.putText(section, "MUSTERFRAU ERIKA 4711", place, cv2.FONT_HERSHEY_SIMPLEX, 3.2, ink, 8, cv2.LINE_AA)
    monkeypatch.setattr(slide, "_section", lambda: section)
    slide.make_slide(tmp_path / slide.NAME)
    (tmp_path / "p.toml").write_text(PROFILE)
    job = Job(tmp_path / "out", str(tmp_path / "p.toml"), (), bytes(32), ephemeral=False, durable=False)

    results = [
        each for found in convert_slides([tmp_path / slide.NAME], job, ConvertOptions()) for each in found
    ]

    assert [each.outcome for each in results] == ["cleared"] * 5, results
    images = [dcmread(tmp_path / "out" / each.output) for each in results]
    for image in images:
        flavour = image.ImageType[2]
        pixels = np.asarray(image.pixel_array, np.uint8)
        assert image.BurnedInAnnotation == "NO"
        if flavour == "LABEL":
            read = zxingcpp.read_barcodes(np.ascontiguousarray(pixels))
            assert [each.text for each in read] == [image.ContainerIdentifier]
        if pixels.ndim == 3:
            seen = " ".join(each.text.upper() for each in find(np.ascontiguousarray(pixels)))
            assert not [word for word in ("MUSTER", "ERIKA", "4711") if word in seen], flavour
        if flavour == "VOLUME":
            assert_covered(image.TotalPixelMatrixColumns / slide.WIDTH, image.TotalPixelMatrixColumns, pixels)
    assert sorted(image.ImageType[2] for image in images) == [
        *("LABEL", "OVERVIEW", "THUMBNAIL", "VOLUME", "VOLUME")
    ]


def assert_covered(
    scale: float, columns: int, frames: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    """Check that the middle of the line is black from end to end."""
    tiles = frames if frames.ndim == 4 else frames[None]
    across = -(-columns // slide.TILE)
    row = int((TOP + BOTTOM) / 2 * scale)
    for column in range(int((LEFT + 60) * scale), int((RIGHT - 120) * scale), 4):
        tile = tiles[row // slide.TILE * across + column // slide.TILE]
        assert tile[row % slide.TILE, column % slide.TILE].max() < 24, (scale, column)
