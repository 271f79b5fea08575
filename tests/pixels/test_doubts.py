"""Headers and frames that would have a picture leave that nobody looked at."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset
from pydicom.encaps import encapsulate

from dicomanon.batch import Job, deidentify_files
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Cleared, Outcome, Quarantined, clear, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer
from tests.pixels.pyramids import identified, save, tissue, write_pyramid
from tests.pixels.test_policies import written

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

JPEG, LITTLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1"
PROFILE = 'extends = "research-wsi"\noptions = ["clean-pixel-data"]\n[pixels]\n' + "\n".join(
    f'{flavour} = "gate"' for flavour in ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW", "other")
)


def named(columns: int = 500, rows: int = 300, size: int = 60) -> NDArray[np.uint8]:
    picture = Image.new("RGB", (columns, rows), "white")
    font = ImageFont.load_default(size)
    ImageDraw.Draw(picture).text((20, rows // 3), "SMITH JOHN", fill="black", font=font)
    return np.asarray(picture)


def outcome_of(path: Path, folder: Path, profile: str = PROFILE) -> Outcome:
    (folder / "p.toml").write_text(profile)
    (folder / "out").mkdir(exist_ok=True)
    route = make_route("test", load_profile(str(folder / "p.toml")), Pseudonymizer(bytes(32)), durable=False)
    data = path.read_bytes()
    return clear(lambda: read_instance(io.BytesIO(data)), route, folder / "out")


def assert_stays(outcome: Outcome) -> None:
    assert isinstance(outcome, Quarantined), outcome
    assert outcome.reason != "internal"


@pytest.mark.parametrize("flavour", ["VOLUME", "LABEL"])
def test_a_frame_that_is_larger_than_the_whole_picture_is_looked_at_all_the_same(
    tmp_path: Path, flavour: str
) -> None:
    said: dict[str, Any] = {
        "TotalPixelMatrixColumns": 10,
        "TotalPixelMatrixRows": 10,
        "BurnedInAnnotation": "NO",
    }
    shown = written(tmp_path / "in.dcm", flavour, named(), **said)

    assert_stays(outcome_of(shown.path, tmp_path))


def test_the_end_of_a_tile_beyond_the_picture_is_looked_at(tmp_path: Path) -> None:
    dataset = identified("VOLUME", 260, 256, 256)
    glass = np.full((256, 256, 3), 240, np.uint8)
    padded = glass.copy()
    padded[:, 10:] = named(246, 256, 40)
    dataset.PhotometricInterpretation, dataset.BurnedInAnnotation = "RGB", "NO"
    dataset.PixelData = glass.tobytes() + padded.tobytes()
    dataset["PixelData"].VR = "OB"
    save(dataset, tmp_path / "in.dcm", LITTLE, encapsulated=False)

    assert_stays(outcome_of(tmp_path / "in.dcm", tmp_path))


@pytest.mark.parametrize("spacing", [0.25, 0.00025, 2.5e-7, 1e-310])
def test_no_spacing_makes_a_picture_too_small_to_be_read(tmp_path: Path, spacing: float) -> None:
    levels = write_pyramid(tmp_path / "in", _tissue_with_name(), JPEG, scales=(1,))
    dataset: Any = _dataset(levels[0].path)
    dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing = [spacing, spacing]
    save(dataset, tmp_path / "in.dcm", JPEG, encapsulated=True)

    assert_stays(outcome_of(tmp_path / "in.dcm", tmp_path))


def _tissue_with_name() -> NDArray[np.uint8]:
    base = tissue(1024, 768)
    base[300:500, 100:700] = named(600, 200, 80)
    return base


def _dataset(path: Path) -> Dataset:
    from pydicom import dcmread

    return dcmread(path)


def test_a_second_picture_behind_the_first_one_of_a_frame_is_refused(tmp_path: Path) -> None:
    shown = written(
        tmp_path / "in.dcm", "LABEL", np.full((300, 500, 3), 250, np.uint8), BurnedInAnnotation="NO"
    )
    other = written(tmp_path / "other.dcm", "LABEL", named())
    dataset: Any = _dataset(shown.path)
    dataset.PixelData = encapsulate([shown.frame, other.frame])
    dataset["PixelData"].VR = "OB"
    save(dataset, tmp_path / "two.dcm", JPEG, encapsulated=True)

    assert_stays(outcome_of(tmp_path / "two.dcm", tmp_path))


def test_what_was_found_on_one_slide_says_nothing_of_another(tmp_path: Path) -> None:
    clean = write_pyramid(tmp_path / "clean", tissue(1024, 768), JPEG, scales=(2,))
    dirty = write_pyramid(tmp_path / "dirty", _tissue_with_name(), JPEG, scales=(1,))
    dataset: Any = _dataset(clean[0].path)
    dataset.SeriesInstanceUID += "9"
    save(dataset, clean[0].path, JPEG, encapsulated=True)
    (tmp_path / "p.toml").write_text(PROFILE)
    job = Job(tmp_path / "out", str(tmp_path / "p.toml"), (), bytes(32), ephemeral=False, durable=False)

    results = deidentify_files([clean[0].path, dirty[0].path], job)

    assert [each.outcome for found in results for each in found] == ["cleared", "quarantined"]


def test_a_level_in_parts_is_looked_at_part_by_part(tmp_path: Path) -> None:
    levels = write_pyramid(tmp_path / "in", _tissue_with_name(), JPEG, scales=(1, 2))
    dataset: Any = _dataset(levels[1].path)
    dataset.ConcatenationUID, dataset.ConcatenationFrameOffsetNumber = "1.2.3.4", 0
    dataset.InConcatenationNumber = 1
    save(dataset, levels[1].path, JPEG, encapsulated=True)
    (tmp_path / "p.toml").write_text(PROFILE)
    job = Job(tmp_path / "out", str(tmp_path / "p.toml"), (), bytes(32), ephemeral=False, durable=False)

    results = deidentify_files([level.path for level in levels], job)

    assert [each.outcome for found in results for each in found] == ["quarantined", "quarantined"]


def test_a_loop_that_is_not_looked_at_whole_is_quarantined(tmp_path: Path) -> None:
    from tests.pixels.test_other_classes import MULTI_FRAME_ULTRASOUND, screen
    from tests.pixels.test_other_classes import written as loop

    path = loop(tmp_path / "in.dcm", MULTI_FRAME_ULTRASOUND, screen(64, 48, ""), frames=65)

    assert_stays(outcome_of(path, tmp_path))


def test_a_faint_label_in_which_nothing_is_found_does_not_pass_a_gate(tmp_path: Path) -> None:
    faint = (250 - (255 - named().astype(int)) * 0.09).astype(np.uint8)
    shown = written(tmp_path / "in.dcm", "LABEL", faint, BurnedInAnnotation="NO")

    assert_stays(outcome_of(shown.path, tmp_path))


@pytest.mark.parametrize("policy", ["clean", "gate"])
def test_an_overview_that_says_it_shows_the_label_stays_where_the_label_is_not_found(
    tmp_path: Path, policy: str
) -> None:
    glass = np.full((300, 900, 3), 236, np.uint8)
    glass[80:220, 300:600] = tissue(300, 140)
    profile = PROFILE.replace('OVERVIEW = "gate"', f'OVERVIEW = "{policy}"')
    said = {"BurnedInAnnotation": "NO", "SpecimenLabelInImage": "YES"}
    shown = written(tmp_path / "in.dcm", "OVERVIEW", glass, **said)
    other = written(tmp_path / "other.dcm", "OVERVIEW", glass, **{**said, "SpecimenLabelInImage": "NO"})

    assert_stays(outcome_of(shown.path, tmp_path, profile))
    assert isinstance(outcome_of(other.path, tmp_path, profile), Cleared)


def test_grey_values_close_together_are_looked_at_as_a_window_shows_them(tmp_path: Path) -> None:
    grey = (named(320, 240, 40)[:, :, 0] // 42).astype(np.uint8)
    dataset = _secondary_capture(grey)
    save(dataset, tmp_path / "in.dcm", LITTLE, encapsulated=False)

    assert_stays(outcome_of(tmp_path / "in.dcm", tmp_path))


def _secondary_capture(grey: NDArray[np.uint8]) -> Dataset:
    dataset = Dataset()
    root = "1.2.826.0.1.3680043.10.1947.81."
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", root + "1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.PatientID = root + "2", root + "3", "MRN-88"
    dataset.Modality, dataset.ConversionType = "OT", "WSD"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = grey.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelData = grey.tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


@pytest.mark.parametrize("said", [{"Rows": 65500, "Columns": 65500}, {"NumberOfFrames": 999_999_999}])
@pytest.mark.parametrize("policy", ["gate", "clean", "blank"])
def test_what_a_header_says_costs_no_memory_and_no_time(
    tmp_path: Path, said: dict[str, Any], policy: str
) -> None:
    shown = written(tmp_path / "in.dcm", "LABEL", np.full((4, 8, 3), 255, np.uint8), **said)

    assert_stays(outcome_of(shown.path, tmp_path, PROFILE.replace("gate", policy)))


def test_a_strip_is_looked_at_in_no_time_at_all(tmp_path: Path) -> None:
    strip = np.full((4, 1800, 3), 255, np.uint8)
    shown = written(tmp_path / "in.dcm", "LABEL", strip, LITTLE, BurnedInAnnotation="NO")

    assert not isinstance(outcome_of(shown.path, tmp_path), Quarantined)
