"""Pictures of noise, and data sets of them as pydicom writes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ImplicitVRLittleEndian, VLWholeSlideMicroscopyImageStorage

from dicomanon.part10.read import read_instance
from dicomanon.part10.readers import ChunkReader
from dicomanon.pixels.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.codecs import Samples

INSTANCE_UID = "1.2.826.0.1.3680043.8.498.72.1"


def a_picture(
    syntax: str,
    columns: int,
    rows: int,
    *,
    samples: int = 1,
    stored: int = 8,
    signed: bool = False,
    planar: bool = False,
    photometric: str = "",
    frames: int = 1,
) -> Picture:
    """Return a picture; 16 bits are allocated for more than eight."""
    kind = photometric or ("RGB" if samples == 3 else "MONOCHROME2")
    allocated = 8 if stored <= 8 else 16
    return Picture(columns, rows, frames, samples, allocated, stored, signed, planar, kind, syntax)


def some_samples(picture: Picture, seed: int = 0) -> Samples:
    """Return noise of all values that the bits can hold, those of signed ones with their sign in all bits."""
    generator = np.random.default_rng(seed)
    low = -(1 << (picture.bits_stored - 1)) if picture.signed else 0
    values = generator.integers(
        low, low + (1 << picture.bits_stored), (picture.rows, picture.columns, picture.samples)
    )
    values.flat[:2] = low, low + (1 << picture.bits_stored) - 1
    found: Samples = (values & ((1 << picture.bits_allocated) - 1)).astype(f"u{picture.bits_allocated // 8}")
    return found


def dataset_of(picture: Picture, value: bytes) -> Dataset:
    """Return a data set with this value of Pixel Data."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(picture.transfer_syntax_uid)
    dataset.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(INSTANCE_UID)
    dataset.SOPClassUID, dataset.SOPInstanceUID = VLWholeSlideMicroscopyImageStorage, INSTANCE_UID
    dataset.SamplesPerPixel = picture.samples
    dataset.PhotometricInterpretation = picture.photometric
    if picture.samples > 1:
        dataset.PlanarConfiguration = int(picture.planar)
    dataset.NumberOfFrames = picture.frames
    dataset.Rows, dataset.Columns = picture.rows, picture.columns
    dataset.BitsAllocated, dataset.BitsStored = picture.bits_allocated, picture.bits_stored
    dataset.HighBit = picture.bits_stored - 1
    dataset.PixelRepresentation = int(picture.signed)
    dataset.PixelData = value if picture.encapsulated or len(value) % 2 == 0 else value + b"\0"
    wide = picture.bits_allocated > 8 and not picture.encapsulated
    dataset["PixelData"].VR = "OW" if wide or picture.transfer_syntax_uid == ImplicitVRLittleEndian else "OB"
    dataset["PixelData"].is_undefined_length = picture.encapsulated
    return dataset


def encapsulated_value(frames: Sequence[bytes], *, table: bool = True, fragments: int = 1) -> bytes:
    """Return frames as pydicom puts them into fragments."""
    return bytes(encapsulate(list(frames), has_bot=table, fragments_per_frame=fragments))


def written(dataset: Dataset) -> bytes:
    """Return the file."""
    out = io.BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


class Dribble(ChunkReader):
    """Gives few bytes at a time."""

    def __init__(self, data: bytes, size: int = 1000) -> None:
        super().__init__(data[at : at + size] for at in range(0, len(data), size))


def instance_of(dataset: Dataset, *, size: int = 1000) -> Instance:
    """Return the data set as an instance that comes in pieces of so many bytes."""
    return read_instance(Dribble(written(dataset), size))
