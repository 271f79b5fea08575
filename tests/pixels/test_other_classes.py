from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset, dcmread
from pydicom.uid import UID

from dicomanon.errors import ProfileError
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Cleared, Outcome, Quarantined, clear, make_route
from dicomanon.pixels.verdict import FACES
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.pixels.pyramids import save

if TYPE_CHECKING:
    from pathlib import Path

LITTLE = "1.2.840.10008.1.2.1"
ULTRASOUND, MULTI_FRAME_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"
CAPTURE, CT = "1.2.840.10008.5.1.4.1.1.7", "1.2.840.10008.5.1.4.1.1.2"
NAME = "ZEBRAWORD 4711"
MASKS = """
{ Manufacturer.containsIgnoreCase("scanner works") * ManufacturerModelName.equals("Model 7") * Columns.equals("320") }
(0,0,320,24)
"""


def screen(columns: int = 320, rows: int = 240, text: str = NAME) -> np.ndarray:
    """Return a picture with a line of text above something grey."""
    picture = Image.new("RGB", (columns, rows), "black")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((90, 60, 230, 200), fill=(110, 110, 110))
    if text:
        draw.text((6, 3), text, fill="white", font=ImageFont.load_default(16))
    return np.asarray(picture)


def written(path: Path, sop_class: str, image: np.ndarray, frames: int = 1, **more: str) -> Path:
    dataset = Dataset()
    root = "1.2.826.0.1.3680043.10.1947.79."
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, root + "1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = root + "2", root + "3"
    dataset.PatientID, dataset.PatientName, dataset.Modality = "MRN-88", "ZEBRAWORD^ANN", "US"
    dataset.ImageType, dataset.ConversionType = ["ORIGINAL", "PRIMARY"], "WSD"
    dataset.Manufacturer, dataset.ManufacturerModelName = "Scanner Works", "Model 7"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.Rows, dataset.Columns = image.shape[:2]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    if frames > 1:
        dataset.NumberOfFrames, dataset.FrameIncrementPointer, dataset.FrameTime = frames, 0x00181063, "40"
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = image.tobytes() * frames
    dataset["PixelData"].VR = "OB"
    save(dataset, path, UID(LITTLE), encapsulated=False)
    return path


def outcome_of(path: Path, folder: Path, lines: str, *options: str) -> Outcome:
    profile = folder / "p.toml"
    names = ", ".join(f'"{each}"' for each in options)
    # What belongs to the file stands in front of the table.
    top, _, table = lines.partition("[pixels]")
    profile.write_text(f'extends = "basic"\noptions = [{names}]\n{top}\n[pixels]\n{table}')
    (folder / "out").mkdir(exist_ok=True)
    route = make_route("test", load_profile(str(profile)), Pseudonymizer(bytes(32)), durable=False)
    data = path.read_bytes()
    return clear(lambda: read_instance(io.BytesIO(data)), route, folder / "out")


def cleared(outcome: Outcome) -> Dataset:
    assert isinstance(outcome, Cleared), outcome
    return dcmread(outcome.path)


def claims_of(dataset: Dataset) -> list[str]:
    return [each.CodeValue for each in dataset.DeidentificationMethodCodeSequence]


@pytest.mark.parametrize("sop_class", [ULTRASOUND, CAPTURE])
def test_text_on_a_screen_is_covered_in_the_stored_values_and_the_rest_stays(
    tmp_path: Path, sop_class: str
) -> None:
    image = screen()
    path = written(tmp_path / "in.dcm", sop_class, image, BurnedInAnnotation="YES")

    dataset = cleared(outcome_of(path, tmp_path, "", "clean-pixel-data"))

    assert dataset.BurnedInAnnotation == "NO"
    assert "113101" in claims_of(dataset)
    after = dataset.pixel_array
    assert after[:18].max() < 40
    assert (after[60:] == image[60:]).all()


def test_every_frame_of_a_loop_is_covered_where_one_of_them_shows_text(tmp_path: Path) -> None:
    image = screen()
    path = written(tmp_path / "in.dcm", MULTI_FRAME_ULTRASOUND, image, frames=5)

    dataset = cleared(outcome_of(path, tmp_path, "", "clean-pixel-data"))

    assert dataset.pixel_array[:, :18].max() < 40
    assert (dataset.pixel_array[:, 60:] == image[60:]).all()


def test_a_mask_covers_the_boxes_of_its_device_whatever_can_be_read_there(tmp_path: Path) -> None:
    (tmp_path / "masks.script").write_text(MASKS)
    image = screen(text="")
    image = image.copy()
    image[4:12, 10:60] = 70
    path = written(tmp_path / "in.dcm", ULTRASOUND, image)

    dataset = cleared(outcome_of(path, tmp_path, 'masks = ["masks.script"]\n[pixels]', "clean-pixel-data"))

    assert dataset.pixel_array[:24].max() == 0
    assert (dataset.pixel_array[26:] == image[26:]).all()


def test_a_mask_of_another_device_leaves_an_image_alone(tmp_path: Path) -> None:
    (tmp_path / "masks.script").write_text(MASKS)
    image = screen(columns=400, text="")
    path = written(tmp_path / "in.dcm", ULTRASOUND, image)

    dataset = cleared(outcome_of(path, tmp_path, 'masks = ["masks.script"]\n[pixels]', "clean-pixel-data"))

    assert (dataset.pixel_array == image).all()


def test_a_file_of_masks_that_is_not_understood_stops_a_run_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "masks.script").write_text('{ Manufacturer.resembles("x") } (0,0,1,1)')
    path = written(tmp_path / "in.dcm", ULTRASOUND, screen())

    with pytest.raises(ProfileError, match=r"masks\.script:1"):
        outcome_of(path, tmp_path, 'masks = ["masks.script"]\n[pixels]', "clean-pixel-data")


@pytest.mark.parametrize("sop_class", [CT, CAPTURE])
def test_an_image_that_may_show_a_face_is_quarantined_by_the_option_for_faces(
    tmp_path: Path, sop_class: str
) -> None:
    assert sop_class in FACES
    path = written(tmp_path / "in.dcm", sop_class, screen())

    outcome = outcome_of(path, tmp_path, "", "clean-recognizable-visual-features")

    assert isinstance(outcome, Quarantined)
    assert "face" in outcome.message


def test_a_profile_may_let_faces_out_and_then_does_not_claim_that_there_are_none(tmp_path: Path) -> None:
    path = written(tmp_path / "in.dcm", CAPTURE, screen(text=""))
    said = '[pixels]\nrecognizable = "keep"\n'

    dataset = cleared(outcome_of(path, tmp_path, said, "clean-recognizable-visual-features"))

    assert "113102" not in claims_of(dataset)
    assert "RecognizableVisualFeatures" not in dataset


def test_an_image_that_can_show_no_face_says_so_and_the_option_is_claimed(tmp_path: Path) -> None:
    path = written(tmp_path / "in.dcm", ULTRASOUND, screen())

    dataset = cleared(outcome_of(path, tmp_path, "", "clean-recognizable-visual-features"))

    assert dataset.RecognizableVisualFeatures == "NO"
    assert "113102" in claims_of(dataset)


def test_an_image_that_says_it_shows_a_face_is_quarantined_whatever_its_class(tmp_path: Path) -> None:
    path = written(tmp_path / "in.dcm", ULTRASOUND, screen(), RecognizableVisualFeatures="YES")

    outcome = outcome_of(path, tmp_path, "", "clean-recognizable-visual-features")

    assert isinstance(outcome, Quarantined)


def test_an_enormous_picture_is_quarantined_and_not_decoded(tmp_path: Path) -> None:
    path = written(tmp_path / "in.dcm", CAPTURE, screen())
    data = path.read_bytes()
    big = data.replace(b"\x28\0\x10\0US\x02\0\xf0\0", b"\x28\0\x10\0US\x02\0\xff\xff")
    assert big != data
    path.write_bytes(big)

    outcome = outcome_of(path, tmp_path, "", "clean-pixel-data")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"


def test_what_needs_packages_that_are_missing_stops_a_run_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicomanon.pixels.find_spec", lambda name: None if name == "rapidocr" else object())
    path = written(tmp_path / "in.dcm", ULTRASOUND, screen())

    with pytest.raises(ProfileError, match=r"dicomanon\[pixels\]"):
        outcome_of(path, tmp_path, "", "clean-pixel-data")
