from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.convert.made import opens, picture, pixel_image, slide_of
from tests.convert.test_encode import converted, pixels_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(("rows", "columns"), [(33, 8195), (301, 8203), (17, 9001)])
def test_a_made_level_is_the_mean_of_tissue_up_to_its_edge(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bits: int, rows: int, columns: int
) -> None:
    own = picture(rows, columns, 3, bits)
    slide = slide_of(pixel_image({(0, 0): own}, exact=True, tile=(256, 512)))
    opens(monkeypatch, slide)
    _, made = converted(monkeypatch, slide, tmp_path)
    found = pixels_of(made)[0].astype(float)

    whole = np.pad(own.astype(float), ((0, -rows % 4), (0, -columns % 4), (0, 0)), "edge")
    mean = whole.reshape(whole.shape[0] // 4, 4, whole.shape[1] // 4, 4, 3).mean((1, 3))
    assert found.shape == mean.shape
    assert np.abs(found - mean).max() <= 1
