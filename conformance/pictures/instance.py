"""A drawn picture as the DICOM file that a scanner would make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, VLWholeSlideMicroscopyImageStorage

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.pictures.truth import Picture

UID = "1.2.826.0.1.3680043.10.1947.78.1"


def write_instance(picture: Picture, path: Path) -> None:
    """Write a picture as a LABEL or an OVERVIEW in native RGB, with what a reader of its pixels asks of a header."""
    rows, columns, samples = picture.image.shape
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = VLWholeSlideMicroscopyImageStorage, UID
    dataset.Modality = "SM"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", picture.flavour, "NONE"]
    shows = picture.flavour == "LABEL" or picture.label is not None
    dataset.BurnedInAnnotation = dataset.SpecimenLabelInImage = "YES" if shows else "NO"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = (
        samples,
        "RGB",
        0,
    )
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = 1, rows, columns
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.TotalPixelMatrixColumns, dataset.TotalPixelMatrixRows = columns, rows
    dataset.PixelData = picture.image.tobytes()
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)
