"""Images whose pixels were treated open in real viewers: a new label, a cut overview, levels with something covered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openslide
import pytest
import wsidicom
import zxingcpp
from PIL import Image
from pydicom import dcmread

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions
from dicomanon.demo.slide import make_slide
from tests.browser import PLACES, files_of, screenshot_of

if TYPE_CHECKING:
    from pathlib import Path

PROFILE = """
extends = "research-wsi"
options = ["clean-pixel-data"]
masks = ["levels.script"]

[pixels]
LABEL = "replace"
OVERVIEW = "crop"
project = "Project Aurora"
"""
MASKS = """
{ TotalPixelMatrixColumns.equals("2048") } (800,600,480,240)
{ TotalPixelMatrixColumns.equals("512") } (200,150,120,60)
"""
COVERED = (800, 600, 480, 240)
"""Left, top, columns and rows on the first level."""


@pytest.fixture(scope="module")
def treated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of what left of a slide whose images were all treated."""
    folder = tmp_path_factory.mktemp("treated")
    (folder / "levels.script").write_text(MASKS)
    (folder / "p.toml").write_text(PROFILE)
    make_slide(folder / "made.svs")
    job = Job(folder / "out", str(folder / "p.toml"), (), bytes(range(32)), ephemeral=False, durable=False)
    (results,) = convert_slides([folder / "made.svs"], job, ConvertOptions())
    assert {each.outcome for each in results} == {"cleared"}, [each.message for each in results]
    return job.out


def pseudonym_of(treated: Path) -> str:
    return str(dcmread(files_of(treated, "LABEL")[0], stop_before_pixels=True).ContainerIdentifier)


def codes_in(picture: Image.Image) -> list[str]:
    large = picture.convert("RGB").resize((picture.width * 3, picture.height * 3))
    return [each.text for each in zxingcpp.read_barcodes(np.asarray(large))]


def test_openslide_shows_the_cover_on_every_level_and_the_new_images(treated: Path) -> None:
    left, top, columns, rows = COVERED
    with openslide.OpenSlide(files_of(treated, "VOLUME")[0]) as slide:
        for level, factor in enumerate(slide.level_downsamples):
            size = (int(columns / factor) - 8, int(rows / factor) - 8)
            region = np.asarray(
                slide.read_region((left + 4 * int(factor), top + 4 * int(factor)), level, size)
            )
            assert region[..., :3].max() < 16
        beside = np.asarray(slide.read_region((left - 200, top), 0, (150, 150)))
        assert beside[..., :3].max() > 100
        assert set(slide.associated_images) == {"label", "macro", "thumbnail"}
        assert codes_in(slide.associated_images["label"]) == [pseudonym_of(treated)]
        macro = slide.associated_images["macro"]
        assert macro.width < 1000
        assert codes_in(macro) == []


def test_wsidicom_opens_levels_label_and_overview(treated: Path) -> None:
    with wsidicom.WsiDicom.open(files_of(treated)[0].parent) as opened:
        left, top, columns, rows = COVERED
        region = np.asarray(opened.read_region((left + 16, top + 16), 0, (columns - 32, rows - 32)))
        assert region.max() < 16
        assert codes_in(opened.read_label()) == [pseudonym_of(treated)]
        overview = opened.read_overview()
        assert overview.width < 1000
        assert np.asarray(overview).std() > 5


@pytest.mark.peer
def test_a_browser_shows_a_code_that_a_scanner_reads_and_no_writing(treated: Path) -> None:
    screenshot = screenshot_of(treated, "viewer-treated")

    with Image.open(screenshot) as picture:
        shown = {name: picture.convert("RGB").crop(place) for name, place in PLACES.items()}
    assert codes_in(shown["label"]) == [pseudonym_of(treated)]
    assert np.asarray(shown["overview"]).std() > 5
    dark = np.asarray(shown["volume"]).max(axis=2) < 16
    assert dark.mean() > 0.01
