"""Slides of several scanners, made DICOM, in readers and viewers: each shows what OpenSlide shows of the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openslide
import pytest
import wsidicom

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions
from tests.browser import files_of, fitted, likeness, orthanc_screenshot_of, outlined, screenshot_of

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

SLIDES = {
    name: f"slides/synthetic/synthetic-{file}"
    for name, file in (
        ("bif", "bif.bif"),
        ("mrxs", "mrxs.mrxs"),
        ("ndpi", "ndpi.ndpi"),
        ("philips", "philips.tiff"),
        ("trestle", "trestle.tif"),
        ("ventana", "ventana-tif.tif"),
        ("vms", "vms.vms"),
    )
}
APART, ALIKE = 6.0, 0.98


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Give a place for what left of each slide: made once."""
    return {name: tmp_path_factory.mktemp(name) for name in SLIDES}


def cleared(name: str, corpus: Path, folders: dict[str, Path]) -> Path:
    """Return the folder of what left of a slide."""
    if not any(folders[name].iterdir()):
        job = Job(folders[name], "research-wsi", (), bytes(32), ephemeral=False, scope="x", durable=False)
        (results,) = convert_slides([corpus / SLIDES[name]], job, ConvertOptions())
        assert {each.outcome for each in results} <= {"cleared", "dropped"}, [
            each.message for each in results
        ]
    return folders[name]


def picture_of(slide: openslide.OpenSlide) -> Image.Image:
    """Return the whole slide, small."""
    picture: Image.Image = slide.get_thumbnail((512, 512)).convert("RGB")
    return picture


@pytest.mark.parametrize("name", SLIDES)
def test_two_readers_see_the_tissue_of_the_original(
    name: str, corpus: Path, folders: dict[str, Path]
) -> None:
    levels = files_of(cleared(name, corpus, folders), "VOLUME")
    with openslide.OpenSlide(corpus / SLIDES[name]) as before, openslide.OpenSlide(levels[0]) as after:
        assert after.dimensions == before.dimensions
        assert after.level_count >= 2
        for key in ("openslide.mpp-x", "openslide.mpp-y"):
            if key in before.properties:
                assert float(after.properties[key]) == pytest.approx(float(before.properties[key]), rel=1e-6)
        expected = picture_of(before)
        apart, alike = likeness(picture_of(after), expected)
        assert (apart < APART, alike > ALIKE) == (True, True), (apart, alike)
    with wsidicom.WsiDicom.open(levels) as opened:
        apart, alike = likeness(opened.read_thumbnail((512, 512)), expected)
        assert (apart < APART, alike > ALIKE) == (True, True), (apart, alike)


@pytest.mark.peer
@pytest.mark.parametrize("name", ["mrxs", "ndpi"])
def test_a_browser_shows_the_tissue_of_another_scanner(
    name: str, corpus: Path, folders: dict[str, Path]
) -> None:
    screenshot = screenshot_of(cleared(name, corpus, folders), f"viewer-dicom-microscopy-viewer-{name}")

    with openslide.OpenSlide(corpus / SLIDES[name]) as before:
        apart, alike = likeness(*fitted(screenshot, picture_of(before)))
    assert (apart < APART, alike > ALIKE) == (True, True), (apart, alike)


@pytest.mark.peer
def test_the_viewer_of_an_archive_shows_the_tissue_of_another_scanner(
    corpus: Path, folders: dict[str, Path]
) -> None:
    screenshot = orthanc_screenshot_of(cleared("ndpi", corpus, folders), "viewer-orthanc-wsi-ndpi")

    with openslide.OpenSlide(corpus / SLIDES["ndpi"]) as before:
        apart, alike = likeness(outlined(screenshot), picture_of(before))
    assert (apart < APART, alike > ALIKE) == (True, True), (apart, alike)
