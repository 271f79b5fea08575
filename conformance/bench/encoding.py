"""Explicit VR Little Endian by hand: files of a gigabyte, or of 50,000 items, in a moment."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import JPEGBaseline8Bit

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pydicom.dataset import Dataset

LONG_VRS = {b"OB", b"OW", b"SQ", b"UN", b"UT", b"UC", b"UR"}
UNDEFINED = 0xFFFFFFFF


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    """Encode one element of defined length; `value` must be even."""
    group, number = tag >> 16, tag & 0xFFFF
    if vr in LONG_VRS:
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def item(content: bytes) -> bytes:
    """Encode one item of defined length."""
    return struct.pack("<HHI", 0xFFFE, 0xE000, len(content)) + content


def sequence(tag: int, *contents: bytes) -> bytes:
    """Encode a sequence of defined length."""
    return element(tag, b"SQ", b"".join(item(content) for content in contents))


def encode(dataset: Dataset) -> bytes:
    """Encode a data set without anything around it."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, dataset)
    return buffer.getvalue()


def file_front(dataset: Dataset, transfer_syntax: str = JPEGBaseline8Bit) -> bytes:
    """Preamble and group 0002 for a data set."""
    values = (
        (0x00020001, b"OB", b"\0\1"),
        (0x00020002, b"UI", _uid(dataset.SOPClassUID)),
        (0x00020003, b"UI", _uid(dataset.SOPInstanceUID)),
        (0x00020010, b"UI", _uid(transfer_syntax)),
        (0x00020012, b"UI", _uid("1.2.826.0.1.3680043.10.1947.1")),
    )
    meta = b"".join(element(tag, vr, value) for tag, vr, value in values)
    return bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta


def _uid(value: str) -> bytes:
    return value.encode().ljust(len(value) + len(value) % 2, b"\0")


def jpeg(side: int, size: int, seed: int) -> bytes:
    """Return a JPEG of `side` x `side` pixels, even length; noise brings it near to `size` bytes."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(90, 256, (max(side // 4, 1), max(side // 4, 1), 3), np.uint8)
    image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    best = b""
    for quality in (30, 50, 65, 75, 82, 87, 90, 93, 95):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, subsampling="4:2:2")
        data = buffer.getvalue()
        if best and abs(len(data) - size) > abs(len(best) - size):
            break
        best = data
    return best + bytes(len(best) % 2)


def write_encapsulated(path: Path, front: bytes, frames: Iterable[bytes]) -> None:
    """Write encapsulated Pixel Data behind `front`: an empty offset table, one fragment a frame."""
    with path.open("wb") as file:
        file.write(front)
        file.write(struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, UNDEFINED) + item(b""))
        file.writelines(item(frame) for frame in frames)
        file.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))
