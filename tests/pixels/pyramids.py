"""Pyramids of real-looking tissue with pictures of labels in it, as VL WSI files in any transfer syntax."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from pydicom import Dataset
from pydicom.encaps import encapsulate_extended, generate_frames

from dicomanon.demo.slide import _section
from dicomanon.pixels.box import Box
from dicomanon.pixels.codecs import decode, encode
from dicomanon.pixels.colour import from_rgb, shown
from dicomanon.pixels.picture import Picture
from tests.canary_image import Picture as Shape
from tests.canary_image import code, whole_slide_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]

TILE = 256
FLAVOURS = ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW")
NAME, PATIENT, ACCESSION = "GARCIA-PRUEBA^MARIA", "MRN2058756", "S26-25455"
SPACING = 0.0005
"""Of the base, in mm."""


@dataclass(frozen=True, slots=True)
class Written:
    """One level as it was written: its file, how its frames are read, its size, and by how much it is smaller."""

    path: Path
    picture: Picture
    columns: int
    rows: int
    scale: int

    def frames(self, path: Path | None = None) -> list[bytes]:
        """Return the encoded frames of the level, or of what became of it."""
        dataset = _read(path or self.path)
        if self.picture.encapsulated:
            return list(generate_frames(dataset.PixelData, number_of_frames=dataset.NumberOfFrames))
        size = self.picture.frame_size
        return [dataset.PixelData[at : at + size] for at in range(0, size * dataset.NumberOfFrames, size)]

    def place(self, frame: int) -> Box:
        """Return what of the level a frame shows."""
        across = -(-self.columns // TILE)
        top, left = frame // across * TILE, frame % across * TILE
        return Box(left, top, left + TILE, top + TILE)

    def image(self, path: Path | None = None) -> Image:
        """Return the level as a picture."""
        across, down = -(-self.columns // TILE), -(-self.rows // TILE)
        whole = np.zeros((down * TILE, across * TILE, 3), np.uint8)
        for number, frame in enumerate(self.frames(path)):
            box = self.place(number)
            whole[box.top : box.bottom, box.left : box.right] = shown(
                decode(frame, self.picture), self.picture
            )
        return whole[: self.rows, : self.columns]


def _read(path: Path) -> Any:
    from pydicom import dcmread

    return dcmread(path)


def tissue(columns: int, rows: int) -> Image:
    """Return a picture of tissue of this size."""
    section = _section()
    down, across = -(-rows // section.shape[0]), -(-columns // section.shape[1])
    return np.ascontiguousarray(np.tile(section, (down, across, 1))[:rows, :columns])


def pasted(base: Image, picture: Image, left: int, top: int, factor: int) -> Box:
    """Put a picture into another one, so many times larger; return where it is."""
    large = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    rows, columns = large.shape[:2]
    base[top : top + rows, left : left + columns] = large
    return Box(left, top, left + columns, top + rows)


def write_pyramid(
    folder: Path,
    base: Image,
    syntax: str,
    photometric: str = "YBR_FULL_422",
    scales: Sequence[int] = (1, 2, 4),
) -> list[Written]:
    """Write levels of a picture as files of tiles, and return what was written."""
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for number, scale in enumerate(scales):
        size = (base.shape[1] // scale, base.shape[0] // scale)
        level = base if scale == 1 else cv2.resize(base, size, interpolation=cv2.INTER_AREA)
        done.append(
            _write_level(folder / f"{number}.dcm", np.asarray(level, np.uint8), syntax, photometric, scale)
        )
    return done


def _write_level(path: Path, level: Image, syntax: str, photometric: str, scale: int) -> Written:
    rows, columns = level.shape[:2]
    across, down = -(-columns // TILE), -(-rows // TILE)
    whole = np.full((down * TILE, across * TILE, 3), 255, np.uint8)
    whole[:rows, :columns] = level
    picture = Picture(TILE, TILE, across * down, 3, 8, 8, False, False, photometric, syntax)  # noqa: FBT003
    frames = [
        encode(from_rgb(whole[top : top + TILE, left : left + TILE], picture), picture)
        for top in range(0, down * TILE, TILE)
        for left in range(0, across * TILE, TILE)
    ]
    dataset = identified("VOLUME", columns, rows, TILE, scale)
    dataset.PhotometricInterpretation = photometric
    if picture.encapsulated:
        data, offsets, lengths = encapsulate_extended(frames)
        dataset.PixelData, dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = (
            data,
            offsets,
            lengths,
        )
    else:
        dataset.PixelData = b"".join(frames)
    dataset["PixelData"].VR = "OB"
    save(dataset, path, syntax, encapsulated=picture.encapsulated)
    return Written(path, picture, columns, rows, scale)


def identified(flavour: str, columns: int, rows: int, tile: int = 0, scale: int = 1) -> Dataset:
    """Return the header of one image of a slide of a patient with a name; `tile` 0 is an image of one frame."""
    shape = Shape(flavour, columns, rows, tile or columns, tile or rows, scale=scale)
    dataset = whole_slide_dataset(shape, scale)
    root = "1.2.826.0.1.3680043.10.1947.77."
    dataset.SOPInstanceUID = f"{root}1.{FLAVOURS.index(flavour)}.{scale}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = root + "2", root + "3"
    dataset.FrameOfReferenceUID = root + "4"
    dataset.PatientName, dataset.PatientID = NAME, PATIENT
    dataset.PatientBirthDate, dataset.PatientSex = "19521119", "F"
    dataset.AccessionNumber, dataset.StudyID = ACCESSION, "1"
    dataset.StudyDate, dataset.StudyTime, dataset.ReferringPhysicianName = "20260307", "101500", ""
    dataset.ContentDate, dataset.ContentTime = "20260307", "101500"
    dataset.AcquisitionDateTime = "20260307101500"
    dataset.DeviceSerialNumber = "SCANNER-4471"
    dataset.ContainerIdentifier, dataset.IssuerOfTheContainerIdentifierSequence = ACCESSION + "-A1", []
    dataset.ContainerTypeCodeSequence = [code("433466003", "SCT", "Microscope slide")]
    specimen = Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = ACCESSION + "-A1", root + "5"
    specimen.IssuerOfTheSpecimenIdentifierSequence, specimen.SpecimenPreparationSequence = [], []
    dataset.SpecimenDescriptionSequence = [specimen]
    if flavour == "LABEL":
        dataset.LabelText, dataset.BarcodeValue = "", ""
    return dataset


def save(dataset: Dataset, path: Path, syntax: str, *, encapsulated: bool) -> None:
    """Write a data set as a Part 10 file."""
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset["PixelData"].is_undefined_length = encapsulated
    dataset.save_as(path, enforce_file_format=True)
