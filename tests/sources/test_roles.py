from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from dicomanon.errors import SlideError
from dicomanon.sources import open_slide

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "Aperio Image Library v12.0.15 \r\n"


def write(path: Path, pages: list[tuple[tuple[int, int], str, bool]], *, name: str = "") -> Path:
    """Write pages of a size with a description, tiled or in strips; the second one has a name."""
    with tifffile.TiffWriter(path) as tiff:
        for number, ((rows, columns), text, tiled) in enumerate(pages):
            tags = [(285, 2, len(name) + 1, name, True)] if name and number == 1 else []
            tiff.write(
                np.full((rows, columns, 3), 90 + number, np.uint8),
                photometric="rgb",
                tile=(64, 64) if tiled else None,
                description=text,
                extratags=tags,
                resolution=(20_000, 20_000),
                resolutionunit="centimeter",
                metadata=None,
            )
    return path


def flavors(path: Path) -> list[str]:
    with open_slide(path) as slide:
        return [image.flavor for image in slide.images]


@pytest.mark.parametrize(
    ("second", "text", "tiled", "expected"),
    [
        ((463, 387), f"{HEADER}387x463 - ", False, "OVERVIEW"),
        ((463, 387), f"{HEADER}Slide label 387x463", False, "LABEL"),
        ((100, 320), f"{HEADER}320x100", True, "OVERVIEW"),
        ((128, 192), f"{HEADER}512x768 -> 192x128 - ", False, "THUMBNAIL"),
    ],
)
def test_a_page_of_an_svs_in_another_shape_than_the_tissue_is_none(
    tmp_path: Path, second: tuple[int, int], text: str, *, tiled: bool, expected: str
) -> None:
    first = ((512, 768), f"{HEADER}768x512 [0,0 768x512] (64x64)|MPP = 0.5", True)

    assert flavors(write(tmp_path / "1.svs", [first, (second, text, tiled)])) == ["VOLUME", expected]


@pytest.mark.parametrize(
    ("second", "text", "name", "expected"),
    [
        ((256, 384), "Macro image of S26-1", "", "OVERVIEW"),
        ((256, 384), "", "Label", "LABEL"),
        ((300, 200), "thumbnail", "", "OVERVIEW"),
        ((256, 384), "thumbnail", "", "THUMBNAIL"),
        ((256, 384), "", "", "VOLUME"),
    ],
)
def test_a_page_of_a_tiff_that_may_show_the_glass_is_no_tissue(
    tmp_path: Path, second: tuple[int, int], text: str, name: str, expected: str
) -> None:
    pages = [((512, 768), "", True), (second, text, True)]

    assert flavors(write(tmp_path / "1.tif", pages, name=name)) == ["VOLUME", expected]


def test_a_largest_image_that_calls_itself_a_label_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "1.tif", [((512, 768), "Label", True)])

    with pytest.raises(SlideError, match="label"):
        open_slide(path)
