"""Slides of any size with identifiers planted in them, written without ever being held in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, JPEGBaseline8Bit, VLWholeSlideMicroscopyImageStorage

from tests.canary_image import Picture, jpeg_frames, whole_slide_dataset
from tests.canary_places import Planted, patient_and_study

if TYPE_CHECKING:
    from pathlib import Path

TILE = 512
ROOT = "1.2.826.0.1.3680043.8.498.77"
ITEM = b"\xfe\xff\x00\xe0"
END = b"\xfe\xff\xdd\xe0\0\0\0\0"
PIXEL_DATA = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"


@dataclass(frozen=True, slots=True)
class Made:
    """A file, and everything in it that must never be seen behind the node."""

    path: Path
    planted: tuple[bytes, ...]


def make_slide(path: Path, *, size: int, number: int = 1) -> Made:
    """Write one VOLUME instance of about `size` bytes; instances with other numbers are of the same study."""
    tile = Picture("VOLUME", TILE, TILE, TILE, TILE)
    encoded = [_item(frame) for seed in range(4) for frame in jpeg_frames(tile, "", seed)]
    count = max(1, size // (sum(map(len, encoded)) // len(encoded)))
    dataset = whole_slide_dataset(Picture("VOLUME", TILE * count, TILE, TILE, TILE), 1)
    plant = Planted()
    patient_and_study(dataset, plant, "ISO_IR 192")
    dataset.SpecificCharacterSet = "ISO_IR 192"
    uids: dict[str, str] = {
        "StudyInstanceUID": f"{ROOT}.1",
        "SeriesInstanceUID": f"{ROOT}.1.1",
        "SOPInstanceUID": f"{ROOT}.1.1.{number}",
        "FrameOfReferenceUID": f"{ROOT}.2",
    }
    for keyword, uid in uids.items():
        setattr(dataset, keyword, uid)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.file_meta.MediaStorageSOPClassUID = VLWholeSlideMicroscopyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(uids["SOPInstanceUID"])
    front = io.BytesIO()
    dcmwrite(front, dataset, enforce_file_format=True)
    with path.open("wb") as out:
        out.write(front.getvalue() + PIXEL_DATA + ITEM + bytes(4))
        for at in range(count):
            out.write(encoded[at % len(encoded)])
        out.write(END)
    words = {word.encode() for word in (*plant.canaries.values(), *uids.values()) if len(word) > 7}
    return Made(path, tuple(sorted(words)))


def identified_files(folder: Path, made: Made) -> list[str]:
    """Name the files under `folder` that hold anything planted."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            found += [path.name for word in made.planted if word in data or word in path.name.encode()][:1]
    return found


def pixel_data(path: Path) -> bytes:
    """Return everything from the start of Pixel Data on."""
    data = path.read_bytes()
    return data[data.index(PIXEL_DATA) :]


def _item(frame: bytes) -> bytes:
    padded = frame + b"\0" * (len(frame) % 2)
    return ITEM + len(padded).to_bytes(4, "little") + padded
