"""Photographs of labels that nobody here made: cleaned, or kept back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zxingcpp
from PIL import Image
from pydicom import dcmread

from dicomanon.pipeline import Cleared, Quarantined
from dicomanon.pixels.find import find
from tests.pixels.test_policies import outcome_of, written

if TYPE_CHECKING:
    from pathlib import Path

PHOTOGRAPHS = (
    "sample_label.jpg",
    "barcode_cant_read.jpg",
    "barcode_datamatrix.jpeg",
    "barcode_datamatrix_cropped.jpg",
    "barcode_wikipedia_pdf417.png",
)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_photographed_label_is_cleaned_so_that_nothing_reads_any_more(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    image = np.asarray(Image.open(corpus / "labels" / name).convert("RGB"))
    shown = written(tmp_path / "in.dcm", "LABEL", image)

    outcome = outcome_of(shown, tmp_path, "clean")

    if isinstance(outcome, Quarantined):
        assert outcome.reason == "pixels"
        return
    assert isinstance(outcome, Cleared)
    after = np.asarray(dcmread(outcome.path).pixel_array, np.uint8)
    assert [each.text for each in zxingcpp.read_barcodes(after)] == []
    left = [each for each in find(after) if each.score > 0.6 and sum(map(str.isalnum, each.text)) > 2]
    assert left == []


def test_the_label_of_a_photographed_slide_is_cut_off(corpus: Path, tmp_path: Path) -> None:
    image = np.asarray(Image.open(corpus / "labels" / "ndpi_macro.jpg").convert("RGB"))
    shown = written(tmp_path / "in.dcm", "OVERVIEW", image)

    outcome = outcome_of(shown, tmp_path, "crop")

    assert isinstance(outcome, Cleared)
    after = dcmread(outcome.path)
    assert after.Columns < 0.75 * image.shape[1]
    assert not any("CMU" in each.text.upper() for each in find(np.asarray(after.pixel_array, np.uint8)))
