"""What leaves opens in real viewers, and they show what is in the files: two libraries, and two pages of a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openslide
import pytest
import wsidicom
from PIL import Image

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions
from dicomanon.demo.slide import make_slide
from tests.browser import (
    files_of,
    fitted,
    likeness,
    look_at,
    orthanc_screenshot_of,
    outlined,
    screenshot_of,
)

if TYPE_CHECKING:
    from pathlib import Path

SLIDES = {"made": "", "cmu-1": "slides/aperio/CMU-1-Small-Region.svs"}
APART, ALIKE = 6.0, 0.98
SMALL = (600, 600)


@pytest.fixture(scope="module", params=SLIDES)
def slide(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a slide that the demo makes, with the texture of a stained section, and one of the samples."""
    if request.param != "made":
        folder: Path = request.getfixturevalue("corpus")
        return folder / SLIDES[request.param]
    path = tmp_path_factory.mktemp("made") / "made.svs"
    make_slide(path)
    return path


@pytest.fixture(scope="module")
def cleared(slide: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of what left of a slide, made DICOM and cleared under research-wsi."""
    job = Job(
        tmp_path_factory.mktemp("cleared"),
        "research-wsi",
        (),
        bytes(range(32)),
        ephemeral=False,
        scope="",
        durable=False,
    )
    (results,) = convert_slides([slide], job, ConvertOptions())
    assert {each.outcome for each in results} == {"cleared", "dropped"}, [each.message for each in results]
    return job.out


def smallest_level(cleared: Path) -> Image.Image:
    """Return the smallest level that left, as wsidicom shows it."""
    with wsidicom.WsiDicom.open(files_of(cleared, "VOLUME")) as opened:
        level = opened.pyramids[0][-1]
        picture: Image.Image = opened.read_region((0, 0), level.level, (level.size.width, level.size.height))
        return picture


def assert_alike(shown: Image.Image, expected: Image.Image) -> None:
    apart, alike = likeness(shown, expected)
    assert apart < APART
    assert alike > ALIKE


def screenshot_name(viewer: str, slide: Path) -> str:
    """Return the name of the screenshot of a slide: that of the viewer alone for the slide made here."""
    return f"viewer-{viewer}" + ("" if slide.stem == "made" else f"-{slide.stem.lower()}")


def test_openslide_opens_the_levels_of_a_cleared_slide_as_one(slide: Path, cleared: Path) -> None:
    with (
        openslide.OpenSlide(slide) as before,
        openslide.OpenSlide(files_of(cleared, "VOLUME")[0]) as after,
    ):
        assert after.level_dimensions == before.level_dimensions
        assert after.properties["openslide.mpp-x"] == before.properties["openslide.mpp-x"]
        for level in range(before.level_count):
            expected, region = (
                np.asarray(each.read_region((300, 200), level, SMALL)) for each in (before, after)
            )
            assert np.array_equal(region, expected)
            assert region.std() > 5


def test_openslide_sees_the_images_beside_the_slide_that_left(slide: Path, cleared: Path) -> None:
    with (
        openslide.OpenSlide(slide) as before,
        openslide.OpenSlide(files_of(cleared, "VOLUME")[0]) as after,
    ):
        assert set(before.associated_images) == {"label", "macro", "thumbnail"}
        assert set(after.associated_images) == {"thumbnail"}
        expected, thumbnail = (each.associated_images["thumbnail"] for each in (before, after))
        assert thumbnail.size == expected.size
        # Not equal: where strips of the slide meet, a decoder of the whole blends their colours.
        assert_alike(thumbnail, expected)


def test_wsidicom_opens_the_folder_of_a_cleared_slide(slide: Path, cleared: Path) -> None:
    with wsidicom.WsiDicom.open(files_of(cleared)[0].parent) as opened, openslide.OpenSlide(slide) as before:
        region = np.asarray(opened.read_region((300, 200), 0, SMALL))
        expected = np.asarray(before.read_region((300, 200), 0, SMALL).convert("RGB"))
        assert np.array_equal(region, expected)
        assert_alike(opened.read_thumbnail((300, 300)), before.get_thumbnail((300, 300)))
        assert opened.labels is None or not list(opened.labels)


@pytest.mark.peer
def test_a_browser_shows_the_tissue_of_a_cleared_slide(slide: Path, cleared: Path) -> None:
    screenshot = screenshot_of(cleared, screenshot_name("dicom-microscopy-viewer", slide))

    assert_alike(*fitted(screenshot, smallest_level(cleared)))


@pytest.mark.peer
@pytest.mark.parametrize("slide", ["cmu-1"], indirect=True)
def test_a_browser_shows_a_slide_of_one_level_as_a_whole(slide: Path, cleared: Path) -> None:
    name = screenshot_name("dicom-microscopy-viewer", slide) + "-whole"

    screenshot = screenshot_of(cleared, name, thumbnail=True)

    with openslide.OpenSlide(slide) as before:
        thumbnail = before.associated_images["thumbnail"].convert("RGB")
    assert_alike(*fitted(screenshot, thumbnail))


@pytest.mark.peer
def test_the_viewer_of_an_archive_shows_the_tissue_of_a_cleared_slide(slide: Path, cleared: Path) -> None:
    screenshot = orthanc_screenshot_of(cleared, screenshot_name("orthanc-wsi", slide))

    assert_alike(outlined(screenshot), smallest_level(cleared))


def test_a_blank_or_turned_picture_is_not_taken_for_the_slide(cleared: Path) -> None:
    expected = smallest_level(cleared)
    mean = Image.fromarray(np.asarray(expected).mean((0, 1), keepdims=True).astype(np.uint8))

    assert_alike(expected, expected)
    for wrong in (mean, Image.new("RGB", (9, 9), "white"), expected.rotate(180), expected.rotate(90)):
        assert likeness(wrong, expected)[1] < ALIKE


@pytest.mark.peer
@pytest.mark.parametrize("slide", ["made"], indirect=True)
def test_a_viewer_that_cannot_show_a_slide_says_so_in_the_test(
    cleared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without levels the viewer has nothing to draw: its error must come out, or no other test here is worth much."""
    monkeypatch.setenv("DICOMANON_ARTEFACTS", str(tmp_path / "artefacts"))
    (thumbnail,) = files_of(cleared, "THUMBNAIL")
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "1.dcm").write_bytes(thumbnail.read_bytes())

    look = look_at(tmp_path / "only", "nothing")

    assert look.errors
    assert look.shown is not None
    assert look.shown["frames"] == 0
