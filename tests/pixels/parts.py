"""One image cut into a concatenation, or several put together as focal planes, optical paths or loose tiles."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, generate_frames

from tests.pixels.pyramids import TILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


def frames_of(dataset: Any) -> list[bytes]:
    """Return the encoded frames of an image."""
    return list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))


def with_frames(dataset: Any, path: Path, frames: Sequence[bytes], number: int, **values: Any) -> Path:
    """Write an image with other frames under a UID of its own, and return its path."""
    made = deepcopy(dataset)
    made.SOPInstanceUID = f"{dataset.SOPInstanceUID}.{number}"
    made.NumberOfFrames, made.PixelData = len(frames), encapsulate(list(frames))
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in made:
            delattr(made, keyword)
    for keyword, value in values.items():
        if value is None:
            delattr(made, keyword)
        else:
            setattr(made, keyword, value)
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.save_as(path, enforce_file_format=True)
    return path


def cut(source: Path, folder: Path, count: int) -> list[Path]:
    """Write an image as a concatenation of so many parts."""
    dataset = dcmread(source)
    frames = frames_of(dataset)
    step = -(-len(frames) // count)
    return [
        with_frames(
            dataset,
            folder / f"{source.stem}-part{number}.dcm",
            frames[number * step : (number + 1) * step],
            number + 1,
            ConcatenationUID=f"{dataset.SOPInstanceUID}.99",
            SOPInstanceUIDOfConcatenationSource=dataset.SOPInstanceUID,
            ConcatenationFrameOffsetNumber=number * step,
            InConcatenationNumber=number + 1,
            InConcatenationTotalNumber=count,
        )
        for number in range(count)
    ]


def stacked(sources: Sequence[Path], path: Path) -> Path:
    """Write images of one size as the focal planes of one instance."""
    datasets = [dcmread(source) for source in sources]
    frames = [frame for dataset in datasets for frame in frames_of(dataset)]
    return with_frames(
        *(datasets[0], path, frames, 70),
        TotalPixelMatrixFocalPlanes=len(sources),
        DistanceBetweenFocalPlanes=0.001,
    )


def in_channels(sources: Sequence[Path], path: Path) -> Path:
    """Write images of one size as the optical paths of one instance."""
    datasets = [dcmread(source) for source in sources]
    frames = [frame for dataset in datasets for frame in frames_of(dataset)]
    paths = []
    for number in range(len(sources)):
        channel = deepcopy(datasets[0].OpticalPathSequence[0])
        channel.OpticalPathIdentifier = str(number + 1)
        paths.append(channel)
    return with_frames(
        *(datasets[0], path, frames, 71), NumberOfOpticalPaths=len(sources), OpticalPathSequence=paths
    )


def loose(source: Path, path: Path, keep: Callable[[int], bool]) -> Path:
    """Write an image as tiles that each say where they lie, without those that are not kept."""
    dataset = dcmread(source)
    across = -(-dataset.TotalPixelMatrixColumns // TILE)
    places, frames = [], []
    for number, frame in enumerate(frames_of(dataset)):
        if keep(number):
            position, item = Dataset(), Dataset()
            position.ColumnPositionInTotalImagePixelMatrix = number % across * TILE + 1
            position.RowPositionInTotalImagePixelMatrix = number // across * TILE + 1
            position.XOffsetInSlideCoordinateSystem, position.YOffsetInSlideCoordinateSystem = 20, 40
            position.ZOffsetInSlideCoordinateSystem = number / 1000
            item.PlanePositionSlideSequence = [position]
            places.append(item)
            frames.append(frame)
    return with_frames(
        *(dataset, path, frames, 72),
        PerFrameFunctionalGroupsSequence=places,
        DimensionOrganizationType="TILED_SPARSE",
    )
