from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage
from tests.convert.made import is_empty, losses, opens, picture, pixel_image, slide_of
from tests.peers import dciodvfy

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from pydicom.dataset import Dataset

    from dicomanon.sources import Region, SlideSource


def converted(
    monkeypatch: pytest.MonkeyPatch, slide: SlideSource, out: Path, options: ConvertOptions | None = None
) -> list[Dataset]:
    """Write a slide as DICOM, let dciodvfy look at each image, and read it again."""
    opens(monkeypatch, slide)
    options = options or ConvertOptions()
    found: list[Dataset] = []
    with prepared(out / "any", options, out) as ready:
        for number, made in enumerate(instances(ready, options)):
            path = out / f"{number}.dcm"
            write_identified(made, path)
            assert dciodvfy(path) == []
            found.append(pydicom.dcmread(path))
    return found


def pixels_of(dataset: Dataset) -> NDArray[Any]:
    """Return frames as paths and planes x rows x columns x samples, put together as TILED_FULL says."""
    rows, columns = dataset.TotalPixelMatrixRows, dataset.TotalPixelMatrixColumns
    down, across = -(-rows // dataset.Rows), -(-columns // dataset.Columns)
    count = dataset.NumberOfFrames
    stacks = []
    frames = list(generate_frames(dataset.PixelData, number_of_frames=count))
    for first in range(0, count, down * across):
        whole: Any = None
        for number, frame in enumerate(frames[first : first + down * across]):
            jpeg = dataset.file_meta.TransferSyntaxUID.endswith(".50")
            tile = imagecodecs.jpeg8_decode(frame) if jpeg else imagecodecs.jpeg2k_decode(frame)
            tile = tile.reshape(dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
            if whole is None:
                shape = (down * dataset.Rows, across * dataset.Columns, dataset.SamplesPerPixel)
                whole = np.zeros(shape, tile.dtype)
            top, left = (number // across) * dataset.Rows, (number % across) * dataset.Columns
            whole[top : top + dataset.Rows, left : left + dataset.Columns] = tile
        stacks.append(whole[:rows, :columns])
    return np.stack(stacks)


def decibels(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the peak signal to noise ratio of 8-bit samples."""
    error = ((one.astype(float) - other) ** 2).mean()
    return float(10 * np.log10(255**2 / error))


@pytest.mark.parametrize(("samples", "bits"), [(1, 8), (3, 8), (1, 16), (3, 16)])
def test_pixels_that_never_lost_anything_lose_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, samples: int, bits: int
) -> None:
    own = picture(150, 230, samples, bits)
    (dataset,) = converted(monkeypatch, slide_of(pixel_image({(0, 0): own}, exact=True)), tmp_path)

    assert np.array_equal(pixels_of(dataset)[0], own)
    assert dataset.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.90"
    assert (dataset.LossyImageCompression, dataset.ImageType[0]) == ("00", "ORIGINAL")
    assert "made for a test" in dataset.DerivationDescription


def test_pixels_that_had_lost_something_become_jpeg_and_say_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = picture(150, 230)
    (dataset,) = converted(monkeypatch, slide_of(pixel_image({(0, 0): own}, losses=losses())), tmp_path)

    assert decibels(pixels_of(dataset)[0], own) > 36
    assert (dataset.PhotometricInterpretation, dataset.ImageType[0]) == ("YBR_FULL_422", "DERIVED")
    assert list(dataset.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_10918_1"]
    assert float(dataset.LossyImageCompressionRatio[0]) == pytest.approx(150 * 230 * 3 / 1000)
    assert "JPEG at quality 90" in dataset.DerivationDescription
    assert [each.CodeValue for each in dataset.DerivationCodeSequence] == ["113040"]


def test_a_lower_quality_is_smaller_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slide = slide_of(pixel_image({(0, 0): picture(150, 230)}, losses=losses()))
    sizes = [
        len(converted(monkeypatch, slide, tmp_path, ConvertOptions(quality=quality))[0].PixelData)
        for quality in (95, 60)
    ]

    assert sizes[1] < sizes[0] * 0.7


def test_channels_and_focal_planes_follow_each_other_as_the_standard_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pictures = {
        (path, plane): picture(100, 130, 1, seed=1 + 3 * path + plane)
        for path in (0, 1)
        for plane in (0, 1, 2)
    }
    (dataset,) = converted(monkeypatch, slide_of(pixel_image(pictures, exact=True)), tmp_path)
    found = pixels_of(dataset)

    same = [np.array_equal(found[3 * path + plane], own) for (path, plane), own in pictures.items()]
    assert same == [True] * 6
    assert (dataset.NumberOfOpticalPaths, dataset.TotalPixelMatrixFocalPlanes) == (2, 3)
    paths = dataset.OpticalPathSequence
    assert [float(item.IlluminationWaveLength) for item in paths] == [400, 450]
    assert [item.ImagePathFilterPassThroughWavelength for item in paths] == [460, 510]
    measures = dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == 0.002


def test_each_scene_is_a_series_with_a_pyramid_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = picture(100, 130)
    first, second = (pixel_image({(0, 0): own}, exact=True, scene=scene) for scene in (0, 1))
    one, other = converted(monkeypatch, slide_of(first, second), tmp_path)

    assert one.SeriesInstanceUID != other.SeriesInstanceUID
    assert one.PyramidUID != other.PyramidUID
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.FrameOfReferenceUID != other.FrameOfReferenceUID
    assert (one.SeriesNumber, other.SeriesNumber) == (1, 2)


def test_converting_again_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slide = slide_of(pixel_image({(0, 0): picture(300, 400)}, losses=losses()))
    found = []
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        converted(monkeypatch, slide, tmp_path / name)
        found.append((tmp_path / name / "0.dcm").read_bytes())

    assert found[0] == found[1]


def test_a_level_that_is_missing_is_made_of_the_one_above(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = picture(500, 8400)
    slide = slide_of(pixel_image({(0, 0): own}, exact=True, tile=(256, 512)))
    base, made = converted(monkeypatch, slide, tmp_path)
    mean = own.reshape(125, 4, 2100, 4, 3).mean((1, 3))

    assert (made.TotalPixelMatrixColumns, made.TotalPixelMatrixRows) == (2100, 125)
    assert np.abs(pixels_of(made)[0] - mean).max() <= 1
    assert made.ImageType == ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
    spacing = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
    assert [float(each) for each in spacing] == [0.002, 0.002]
    assert base.PyramidUID == made.PyramidUID


def test_a_pyramid_is_kept_as_it_is_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slide = slide_of(pixel_image({(0, 0): picture(300, 8400)}, exact=True, tile=(256, 512)))

    assert len(converted(monkeypatch, slide, tmp_path, ConvertOptions(levels="keep"))) == 1


def test_what_is_encoded_rests_sealed_and_is_gone_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    written: list[bytes] = []
    real = __import__("os").pwrite

    def pwrite(descriptor: int, data: Any, offset: int) -> int:
        written.append(bytes(data))
        return int(real(descriptor, data, offset))

    monkeypatch.setattr("os.pwrite", pwrite)
    opens(monkeypatch, slide_of(pixel_image({(0, 0): picture(150, 230)}, losses=losses())))
    with prepared(tmp_path / "any", ConvertOptions(), tmp_path) as ready:
        frames = list(ready.images[0].frames())
        assert is_empty(tmp_path)

    assert len(written) == len(frames) == 9
    assert all(frame.startswith(b"\xff\xd8") for frame in frames)
    assert not any(b"\xff\xd8\xff" in sealed[:16] for sealed in written)
    assert not {frame[:64] for frame in frames} & {sealed[:64] for sealed in written}


def test_a_tile_that_cannot_be_read_is_damage_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read(region: Region) -> NDArray[Any]:
        if region.top > 64:
            raise CorruptSlideError("a tile cannot be decoded")
        return np.zeros((region.rows, region.columns, 3), np.uint8)

    image = pixel_image({(0, 0): picture(300, 230)}, read=read, losses=losses())
    opens(monkeypatch, slide_of(image))
    with pytest.raises(CorruptSlideError), prepared(tmp_path / "any", ConvertOptions(), tmp_path):
        pass

    assert isinstance(image, PixelImage)
    assert is_empty(tmp_path)


def test_an_image_is_cut_into_a_concatenation_that_reads_as_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = np.random.default_rng(3).integers(0, 255, (1024, 1024, 3), np.uint8)
    slide = slide_of(pixel_image({(0, 0): own}, exact=True, tile=(128, 128)))
    parts = converted(monkeypatch, slide, tmp_path, ConvertOptions(max_size=1 << 20))

    assert len(parts) == 4
    assert len({part.ConcatenationUID for part in parts}) == 1
    assert len({part.SOPInstanceUIDOfConcatenationSource for part in parts}) == 1
    assert len({part.SOPInstanceUID for part in parts}) == 4
    assert [part.InConcatenationNumber for part in parts] == [1, 2, 3, 4]
    assert sum(part.NumberOfFrames for part in parts) == 64
    offset = 0
    frames: list[bytes] = []
    for part in parts:
        assert part.ConcatenationFrameOffsetNumber == offset
        assert len(part.PixelData) <= 1 << 20
        offset += part.NumberOfFrames
        frames += generate_frames(io.BytesIO(part.PixelData), number_of_frames=part.NumberOfFrames)
    last = parts[-1].PerFrameFunctionalGroupsSequence[-1].PlanePositionSlideSequence[0]
    place = (last.RowPositionInTotalImagePixelMatrix, last.ColumnPositionInTotalImagePixelMatrix)
    assert place == (897, 897)
    assert float(last.XOffsetInSlideCoordinateSystem) == pytest.approx(-896 * 0.0005)
    assert np.array_equal(imagecodecs.jpeg2k_decode(frames[-1]), own[-128:, -128:])
