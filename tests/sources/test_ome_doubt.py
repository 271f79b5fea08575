"""An image of an OME-TIFF of which nothing says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ome_slides import brightfield
from tests.sources.test_ome import opened

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("size", [(140, 190), (160, 120), (100, 120)])
def test_a_picture_that_is_not_named_and_has_no_levels_may_show_the_label(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with opened(tmp_path, [brightfield(levels=2), brightfield(*size, name="")]) as slide:
        assert {level.scene for level in slide.levels} == {0}
        assert [image.flavor for image in slide.others] == ["OVERVIEW"]


def test_a_second_pyramid_as_large_as_the_first_is_a_scene(tmp_path: Path) -> None:
    with opened(tmp_path, [brightfield(levels=2), brightfield(140, 190, levels=2, name="")]) as slide:
        assert [level.scene for level in slide.levels] == [0, 0, 1, 1]
