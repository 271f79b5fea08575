"""Small slides with identifiers where others have overlooked them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import tifffile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

CANARY = "CANARYNAME-S26-77001"
HEADER = "Aperio Leica Biosystems GT450 v1.0.1"
TILE = 64


def picture(rows: int, columns: int, seed: int) -> NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 255, (rows, columns, 3), np.uint8)


def jpeg_tile(seed: int, comment: bytes = b"") -> bytes:
    stream = bytes(imagecodecs.jpeg8_encode(picture(TILE, TILE, seed), level=70, subsampling=(1, 1)))
    if not comment:
        return stream
    segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    exif = b"\xff\xe1" + struct.pack(">H", len(comment) + 8) + b"Exif\0\0" + comment
    return stream[:2] + segment + exif + stream[2:]


def write_tissue(
    tiff: tifffile.TiffWriter, description: str, *, comment: bytes = b"", extratags: Sequence[Any] = ()
) -> None:
    tiles: Iterator[bytes] = (jpeg_tile(seed, comment) for seed in range(12))
    tiff.write(
        tiles,
        shape=(3 * TILE, 4 * TILE, 3),
        dtype=np.uint8,
        tile=(TILE, TILE),
        photometric="ycbcr",
        subsampling=(1, 1),
        compression=7,
        description=description,
        metadata=None,
        software=False,
        extratags=extratags,
    )


def write_strips(
    tiff: tifffile.TiffWriter,
    description: str | None,
    *,
    compression: str = "jpeg",
    subfiletype: int = 0,
    seed: int = 90,
) -> None:
    tiff.write(
        picture(48, 160, seed),
        photometric="rgb",
        compression=compression,
        rowsperstrip=16,
        subfiletype=subfiletype,
        description=description,
        metadata=None,
        software=False,
    )


def aperio(
    path: Path,
    fields: str = "",
    *,
    comment: bytes = b"",
    extratags: Sequence[Any] = (),
    labels: Sequence[tuple[str | None, str, int]] = (),
) -> Path:
    """Write an SVS: tissue, then a picture for each (description, compression, subfile type)."""
    with tifffile.TiffWriter(path) as tiff:
        text = f"{HEADER}\r\n256x192 [0,0 256x192] (64x64) JPEG/YCC Q=70|AppMag = 20|MPP = 0.5{fields}"
        write_tissue(tiff, text, comment=comment, extratags=extratags)
        for number, (description, compression, kind) in enumerate(labels):
            write_strips(tiff, description, compression=compression, subfiletype=kind, seed=90 + number)
    return path


def page_ranges(path: Path, page: int) -> list[tuple[int, int]]:
    """(start, stop) of the data of a page."""
    with tifffile.TiffFile(path) as tiff:
        found = tiff.pages[page]
        pairs = zip(found.dataoffsets, found.databytecounts, strict=True)
        return [(offset, offset + count) for offset, count in pairs]


def directory_of(path: Path, page: int) -> tuple[int, int]:
    """Where the directory of a page begins, and where its pointer to the next is, in a classic TIFF."""
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[page].offset
        return offset, offset + 2 + 12 * len(tiff.pages[page].tags)


def moved_directory(path: Path, secret: bytes) -> None:
    """Move the first directory to the end, and leave a secret between."""
    data = bytearray(path.read_bytes())
    start, pointer = directory_of(path, 0)
    table = bytes(data[start : pointer + 4])
    data += secret + bytes(len(data + secret) % 2)
    struct.pack_into("<I", data, 4, len(data))
    path.write_bytes(bytes(data) + table)


def set_word(path: Path, at: int, value: int) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into("<I", data, at, value)
    path.write_bytes(bytes(data))


STAND_IN = 65100
"""A tag for `retagged`: the writer of these slides has its own mind about most others."""


def retagged(path: Path, tag: int, page: int = 0) -> Path:
    """Give the entry of the stand-in its true tag, in place of one that is there, and put the entries in order."""
    data = bytearray(path.read_bytes())
    start, end = directory_of(path, page)
    table = [bytes(data[at : at + 12]) for at in range(start + 2, end, 12)]
    kept = [each for each in table if each[:2] != struct.pack("<H", tag)]
    named = [
        struct.pack("<H", tag) + each[2:] if each[:2] == struct.pack("<H", STAND_IN) else each
        for each in kept
    ]
    named.sort(key=lambda each: int.from_bytes(each[:2], "little"))
    last = bytes(data[end : end + 4])
    data[start : end + 4] = (struct.pack("<H", len(named)) + b"".join(named) + last).ljust(
        end + 4 - start, b"\0"
    )
    path.write_bytes(bytes(data))
    return path
