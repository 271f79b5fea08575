"""A finder of marks in the place of text, and a profile that looks into tissue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import dicomanon.pixels.clean
import dicomanon.pixels.survey
from dicomanon.pixels.box import Box, Found
from dicomanon.profile import load_profile
from tests.pixels.marks import MARK, Looks
from tests.pixels.pyramids import PATIENT

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.profile import Profile

    Image = NDArray[np.uint8]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Find marks in the place of text; they can be read where they are eight pixels high."""
    looked = Looks()

    def find(image: Image) -> tuple[Found, ...]:
        looked.finds += 1
        near = np.abs(image.astype(int) - MARK).max(axis=2) < 60
        rows, columns = np.nonzero(near)
        if len(rows) < 8 or np.ptp(rows) < 8:
            return ()
        edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        return (Found("text", Box(*map(int, edges)), 1.0, PATIENT),)

    def look_at(picture: Any, *rest: Any) -> Any:
        looked.append(round(picture.step * 1000, 3))
        return real(picture, *rest)

    real = dicomanon.pixels.survey._look_at
    monkeypatch.setattr(dicomanon.pixels.survey, "_look_at", look_at)
    for flavour in ("VOLUME", "THUMBNAIL"):
        monkeypatch.setitem(dicomanon.pixels.clean._LOOKS, flavour, find)
    return looked


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    path = tmp_path / "cleaned.toml"
    path.write_text('extends = "research-wsi"\noptions = ["clean-pixel-data"]\n[pixels]\nsearch = "1"\n')
    return load_profile(str(path))
