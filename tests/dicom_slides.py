"""Slides that are DICOM already, in the shapes that scanners and archives give them; identifiers in every header."""

from __future__ import annotations

import itertools
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit

from tests import canary_places as places
from tests.canary_image import PICTURES, Picture, jpeg_frames, whole_slide_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BASE = PICTURES[0]
SMALL = PICTURES[1]
LARGE = Picture("VOLUME", 9000, 256, 1024, 128)
"""Wider than the smallest level of a pyramid may be."""


@dataclass(frozen=True, slots=True)
class Level:
    """One image: its data set, its frames in their order, and what was planted."""

    dataset: Dataset
    frames: list[bytes]
    planted: places.Planted


def level(picture: Picture = BASE, number: int = 1, planted: places.Planted | None = None) -> Level:
    """Build an instance of TILED_FULL with planted identifiers, its frames in JPEG."""
    plant = places.Planted(uids={} if planted is None else planted.uids)
    dataset = whole_slide_dataset(picture, number)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    places.patient_and_study(dataset, plant, "ISO_IR 192")
    places.uids_and_references(dataset, plant, number, len(PICTURES))
    places.specimen(dataset, plant)
    places.history_and_requests(dataset, plant)
    places.private_block(dataset, plant, "TOP")
    for keyword in (
        *("SOPInstanceUIDOfConcatenationSource", "ConcatenationUID", "InConcatenationNumber"),
        *("InConcatenationTotalNumber", "ConcatenationFrameOffsetNumber"),
    ):
        if keyword in dataset:
            delattr(dataset, keyword)
    organization = Dataset()
    organization.DimensionOrganizationUID = plant.uid(f"DimensionOrganization{number}")
    dataset.DimensionOrganizationSequence = [organization]
    if "DimensionIndexSequence" in dataset:
        del dataset.DimensionIndexSequence
    frames = [_even(each) for each in jpeg_frames(picture, "", seed=number)]
    return Level(dataset, frames, plant)


def native(made: Level) -> Level:
    """Return a level of uncompressed frames in RGB."""
    dataset, rng = made.dataset, np.random.default_rng(5)
    size = dataset.Rows * dataset.Columns * 3
    dataset.PhotometricInterpretation, dataset.LossyImageCompression = "RGB", "00"
    del dataset.LossyImageCompressionRatio, dataset.LossyImageCompressionMethod
    frames = [rng.integers(0, 256, size, np.uint8).tobytes() for _ in made.frames]
    return replace(made, frames=frames)


def gray(made: Level) -> Level:
    """Return a level of uncompressed gray frames of 16 bits."""
    dataset, rng = native(made).dataset, np.random.default_rng(6)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    del dataset.PlanarConfiguration
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    dataset.PresentationLUTShape, dataset.RescaleIntercept, dataset.RescaleSlope = "IDENTITY", 0, 1
    size = dataset.Rows * dataset.Columns
    frames = [rng.integers(0, 1 << 16, size, np.uint16).astype("<u2").tobytes() for _ in made.frames]
    return replace(made, frames=frames)


def sparse(made: Level, order: Sequence[int], **more: Any) -> Level:
    """Return a level as TILED_SPARSE that has these frames, in this order; each says where it lies."""
    dataset = made.dataset
    dataset.DimensionOrganizationType = "TILED_SPARSE"
    dataset.NumberOfFrames = len(order)
    shared = dataset.SharedFunctionalGroupsSequence[0]
    if "OpticalPathIdentificationSequence" in shared:
        del shared.OpticalPathIdentificationSequence
    measures = shared.PixelMeasuresSequence
    del shared.PixelMeasuresSequence
    index = Dataset()
    index.DimensionOrganizationUID = dataset.DimensionOrganizationSequence[0].DimensionOrganizationUID
    index.DimensionIndexPointer, index.FunctionalGroupPointer = 0x0048021E, 0x0048021A
    dataset.DimensionIndexSequence = [index]
    groups = []
    for number in order:
        group = per_frame(dataset, number)
        group.PixelMeasuresSequence = measures
        groups.append(group)
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    dataset.PerFrameFunctionalGroupsSequence = groups
    return replace(made, frames=[made.frames[number] for number in order])


def per_frame(dataset: Dataset, number: int) -> Dataset:
    """Return what a frame says of its place."""
    across = -(-dataset.TotalPixelMatrixColumns // dataset.Columns)
    row, column = divmod(number, across)
    position, content, path, group = Dataset(), Dataset(), Dataset(), Dataset()
    position.ColumnPositionInTotalImagePixelMatrix = column * dataset.Columns + 1
    position.RowPositionInTotalImagePixelMatrix = row * dataset.Rows + 1
    position.XOffsetInSlideCoordinateSystem = position.YOffsetInSlideCoordinateSystem = "0"
    position.ZOffsetInSlideCoordinateSystem = "0"
    content.DimensionIndexValues = number + 1
    path.OpticalPathIdentifier = "1"
    group.FrameContentSequence, group.PlanePositionSlideSequence = [content], [position]
    group.OpticalPathIdentificationSequence = [path]
    return group


def parts(made: Level, cuts: Sequence[int]) -> list[Level]:
    """Return a level as the parts of a concatenation, each of so many frames."""
    found, first = [], 0
    for number, count in enumerate(cuts, 1):
        dataset = pydicom.dcmread(_buffer(made.dataset), force=True)
        dataset.SOPInstanceUID = made.planted.uid(f"Part{number}")
        dataset.ConcatenationUID = made.planted.uid("Concatenation")
        dataset.SOPInstanceUIDOfConcatenationSource = made.planted.uid("Whole")
        dataset.InConcatenationNumber, dataset.InConcatenationTotalNumber = number, len(cuts)
        dataset.ConcatenationFrameOffsetNumber = first
        dataset.NumberOfFrames = count
        if "PerFrameFunctionalGroupsSequence" in dataset:
            own = dataset.PerFrameFunctionalGroupsSequence[first : first + count]
            dataset.PerFrameFunctionalGroupsSequence = own
        found.append(replace(made, dataset=dataset, frames=made.frames[first : first + count]))
        first += count
    return found


def _buffer(dataset: Dataset) -> Any:
    from io import BytesIO

    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    buffer.seek(0)
    return buffer


def write(
    made: Level, path: Path, *, syntax: str = JPEGBaseline8Bit, pieces: int = 1, table: str = "basic"
) -> Path:
    """Write a level to a Part 10 file; each frame in so many fragments; `table` is basic, extended or none."""
    dataset = made.dataset
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = UID(syntax), dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta = meta
    value = b"".join(made.frames)
    encapsulated = syntax not in (
        ExplicitVRLittleEndian,
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
    )
    if encapsulated:
        value = _encapsulated(made, pieces, table)
    elif dataset.BitsAllocated == 16 and syntax == "1.2.840.10008.1.2.2":
        value = np.frombuffer(value, "<u2").astype(">u2").tobytes()
    wide = dataset.BitsAllocated == 16 or syntax == "1.2.840.10008.1.2"
    dataset.add_new(0x7FE00010, "OW" if wide else "OB", value)
    dataset["PixelData"].is_undefined_length = encapsulated
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path


def _encapsulated(made: Level, pieces: int, table: str) -> bytes:
    fragments = [_cut(frame, pieces) for frame in made.frames]
    sizes = [sum(len(each) + 8 for each in frame) for frame in fragments]
    offsets = list(itertools.accumulate(sizes, initial=0))[:-1]
    basic = struct.pack(f"<{len(offsets)}I", *offsets) if table == "basic" else b""
    if table == "extended":
        made.dataset.ExtendedOffsetTable = struct.pack(f"<{len(offsets)}Q", *offsets)
        lengths = [size - 8 * pieces for size in sizes]
        made.dataset.ExtendedOffsetTableLengths = struct.pack(f"<{len(lengths)}Q", *lengths)
    items = [basic, *itertools.chain.from_iterable(fragments)]
    return b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(each)) + each for each in items)


def _cut(frame: bytes, pieces: int) -> list[bytes]:
    step = len(frame) // pieces // 2 * 2
    return [frame[each * step : (each + 1) * step] for each in range(pieces - 1)] + [
        frame[(pieces - 1) * step :]
    ]


def _even(frame: bytes) -> bytes:
    return frame + bytes(len(frame) % 2)
