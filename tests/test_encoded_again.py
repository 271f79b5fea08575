"""What encoding again costs real tissue, in decibels: JPEG at the quality of the profile, on what was JPEG before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from PIL import Image

from dicomanon.pixels.codecs import decode
from dicomanon.pixels.colour import shown
from dicomanon.pixels.picture import Picture
from tests.cli.test_deid import process

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

LEAST = {"75": 37.0, "90": 41.5, "100": 48.0}
"""Decibels that must be left; on the tissue of the corpus 37.4 to 39.7, 41.9 to 42.7 and 48.7 to 53.0 were measured."""


def pixels_of(dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    """Return the picture that the frames of an instance make up, in RGB."""
    frames = pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames))
    picture = Picture(
        columns=dataset.Columns,
        rows=dataset.Rows,
        frames=1,
        samples=3,
        bits_allocated=8,
        bits_stored=8,
        signed=False,
        planar=False,
        photometric=dataset.PhotometricInterpretation,
        transfer_syntax_uid=dataset.file_meta.TransferSyntaxUID,
    )
    columns, rows = dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows
    across = -(-columns // dataset.Columns)
    whole = np.zeros((-(-rows // dataset.Rows) * dataset.Rows, across * dataset.Columns, 3), np.uint8)
    for number, frame in enumerate(frames):
        top, left = (number // across) * dataset.Rows, (number % across) * dataset.Columns
        whole[top : top + dataset.Rows, left : left + dataset.Columns] = shown(
            decode(frame, picture), picture
        )
    return whole[:rows, :columns]


@pytest.mark.parametrize("quality", LEAST)
def test_tissue_that_is_encoded_again_stays_as_near_as_the_page_says(
    corpus: Path, tmp_path: Path, quality: str
) -> None:
    paths = sorted((corpus / "tissue").glob("*.png"))
    assert paths
    found: dict[str, float] = {}
    for path in paths:
        with Image.open(path) as opened:
            before = np.asarray(opened.convert("RGB"))
        slide = tmp_path / f"{len(found)}.jpg"
        Image.fromarray(before).save(slide, quality=95, progressive=True)  # no frame of DICOM: encoded again
        with Image.open(slide) as opened:
            before = np.asarray(opened.convert("RGB"))
        more = ("--spacing", "0.5", "--quality", quality, "--identified", "--json")
        done = process("convert", slide, "--out", tmp_path / path.stem, *more)
        (instance,) = json.loads(done.stdout)["instances"]
        after = pixels_of(pydicom.dcmread(tmp_path / path.stem / instance["output"]))
        error = ((before.astype(float) - after) ** 2).mean()
        found[path.name] = float(10 * np.log10(255**2 / error))

    assert min(found.values()) > LEAST[quality], found
