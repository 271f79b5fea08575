"""Hamamatsu slides as files: NDPI with focal planes and identifiers in every place, VMS of one file or several, VMU.

They have the shape of the vendor's files, not their fidelity: real ones are in the corpus.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

Pixels = NDArray[np.uint8]
Value = str | int | float | tuple[int, ...]

PLANTED: Mapping[int, Value] = {
    269: "CANARY DOCUMENT NAME",
    270: "CANARY DESCRIPTION",
    271: "Hamamatsu",
    272: "C13210-01",
    285: "CANARY PAGE NAME",
    305: "NDP.scan 3.2.12",
    306: "2026:03:07 16:02:37",
    315: "CANARY ARTIST",
    316: "CANARY HOST",
    33432: "CANARY COPYRIGHT",
    65427: "CANARYREFERENCE, ZOE S26-77001",
    65428: 1550550841,
    65434: "",
    65442: "CANARYSERIAL",
    65448: "CANARY FIRMWARE",
    65453: 7309177,
    65468: "CANARYBARCODE-A1",
    65490: "CANARY IN A TAG THAT NOBODY KNOWS",
}
"""Tags of every page, with values that occur nowhere else."""
PROPERTIES: Mapping[str, str] = {
    "Created": "2026/03/01",
    "Updated": "2026/03/02",
    "Product": "CANARYPRODUCT",
    "NDP.S/N": "CANARYSECONDSERIAL",
    "Macro.S/N": "CANARYMACROSERIAL",
    "calibration.version": "CANARYCALIBRATION",
    "Barcode": "CANARYSECONDBARCODE",
    "Reference": "CANARYSECONDREFERENCE",
    "SlideName": "CANARYSLIDENAME",
    "PatientName": "CANARYPATIENT, ZOE",
    "PatientID": "CANARYMRN",
    "Operator": "canaryoperator",
    "User": "canaryuser",
    "Hospital": "CANARYHOSPITAL",
    "Institution": "CANARYINSTITUTION",
    "Comment": "CANARY COMMENT",
    "FileName": "CANARYFILENAME",
    "stage.center": "CANARYSTAGE",
    "Objective.Lens.Magnificant": "20.03",
    "Something Else": "CANARY OF A LINE THAT NOBODY KNOWS",
}
"""Lines of the property map."""
COMMENT = b"CANARY IN A COMMENT OF A JPEG"
_ASCII, _LONG, _RATIONAL, _SLONG, _FLOAT = 2, 4, 5, 9, 11


@dataclass(frozen=True, slots=True)
class Shape:
    """`interval` is in MCU; each level is half as wide and high as the one before. `depths` are in nm.

    `hole` is how many bytes of nothing come before the images. `starts` are MCU starts in the file.
    """

    columns: int = 640
    rows: int = 400
    interval: int = 20
    levels: int = 2
    depths: Sequence[int] = (0,)
    subsampling: str = "4:4:4"
    quality: int = 80
    starts: bool = True
    restarts: bool = True
    macro: bool = True
    map: bool = True
    comment: bytes = b""
    hole: int = 0
    per_cm: int = 20040
    tags: Mapping[int, Value] = field(default_factory=lambda: PLANTED)
    properties: Mapping[str, str] = field(default_factory=lambda: PROPERTIES)


def texture(columns: int, rows: int, seed: int = 1) -> Pixels:
    """Return something smooth with some noise."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0:rows, 0:columns]
    waves = [128 + 90 * np.sin(across / (19 + 5 * n) + seed) * np.cos(down / (23 + 3 * n)) for n in range(3)]
    picture = np.stack(waves, 2) + random.normal(0, 6, (rows, columns, 3))
    return picture.clip(0, 255).astype(np.uint8)


def jpeg(pixels: Pixels, shape: Shape, interval: int | None = None) -> bytes:
    """Return pixels as JPEG, with restart markers every `interval` MCU, and a comment."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file,
        "JPEG",
        quality=shape.quality,
        subsampling=shape.subsampling if pixels.ndim == 3 else -1,
        restart_marker_blocks=(shape.interval if interval is None else interval) if shape.restarts else 0,
    )
    made = file.getvalue()
    comment = (
        b"\xff\xfe" + struct.pack(">H", len(shape.comment) + 2) + shape.comment if shape.comment else b""
    )
    return made[:2] + comment + made[2:]


def scan_start(stream: bytes) -> int:
    """Return where the entropy-coded data of a JPEG begins."""
    at = 2
    while stream[at + 1] != 0xDA:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")


def intervals(stream: bytes) -> list[bytes]:
    """Return the restart intervals of a JPEG without their markers."""
    begin = at = scan_start(stream)
    found = []
    while True:
        at = stream.index(b"\xff", at)
        if stream[at + 1] != 0:
            found.append(stream[begin:at])
            begin = at + 2
            if stream[at + 1] == 0xD9:
                return found
        at += 2


def make_ndpi(path: Path, shape: Shape | None = None) -> Path:
    """Write an NDPI to `path` and return it; pages share the values that are the same in all of them."""
    shape = shape or Shape()
    with path.open("wb") as file:
        file.write(b"II*\0" + bytes(8))
        file.seek(shape.hole, 1)
        shared: dict[int, tuple[int, int, int]] = {}
        properties = "\r\n".join(f"{key}={value}" for key, value in shape.properties.items())
        for tag, value in {**shape.tags, 65449: properties}.items():
            if isinstance(value, str) and len(value) > 3:
                data = value.encode() + b"\0"
                shared[tag] = (_ASCII, len(data), file.tell())
                file.write(data)
        link = 4
        for pixels, lens, depth, factor in _pages(shape):
            own: dict[int, Value] = {tag: v for tag, v in shape.tags.items() if tag not in shared}
            own |= {65420: 1, 65421: lens, 65424: depth, 296: 3}
            offset = file.tell()
            level = lens > 0
            data = pixels.tobytes() if pixels.ndim == 2 else jpeg(pixels, shape, None if level else 0)
            file.write(data)
            if level and shape.starts and shape.restarts:
                starts = [scan_start(data)]
                for each in intervals(data)[:-1]:
                    starts.append(starts[-1] + len(each) + 2)
                own[65426] = tuple(starts)
            own |= {256: pixels.shape[1], 257: pixels.shape[0], 273: offset, 279: len(data)}
            own |= {258: 8, 259: 1 if pixels.ndim == 2 else 7, 262: 1 if pixels.ndim == 2 else 6}
            own |= {277: 1 if pixels.ndim == 2 else 3, 278: pixels.shape[0]}
            link = _directory(file, own, shared, link, round(shape.per_cm / factor))
    return path


def _pages(shape: Shape) -> list[tuple[Pixels, float, int, float]]:
    found = []
    for level in range(shape.levels):
        size = (shape.columns >> level, shape.rows >> level)
        for number, depth in enumerate(shape.depths):
            found.append((texture(*size, 10 * level + number), 20.0 / 2**level, depth, float(2**level)))
    if shape.macro:
        found.append((texture(320, 120, 77), -1.0, 0, 125.0))
    if shape.map:
        found.append((texture(80, 30, 78)[:, :, 0], -2.0, 0, 500.0))
    return found


def _directory(
    file: io.BufferedWriter,
    own: Mapping[int, Value],
    shared: Mapping[int, tuple[int, int, int]],
    link: int,
    per_cm: int,
) -> int:
    """Write a directory, let the one before point at it, and return where its own pointer is."""
    entries: dict[int, tuple[int, int, int | bytes]] = dict(shared)
    for tag, value in {**own, 282: (per_cm, 1), 283: (per_cm, 1)}.items():
        kind, count, data = _value(tag, value)
        if len(data) <= 4 or (kind == _LONG and len(data) == 8 and count == 1):
            entries[tag] = (kind, count, data.ljust(8, b"\0"))
        else:
            entries[tag] = (kind, count, file.tell())
            file.write(data)
    at = file.tell()
    words = {tag: v if isinstance(v, bytes) else struct.pack("<Q", v) for tag, (_, _, v) in entries.items()}
    file.write(struct.pack("<H", len(entries)))
    for tag in sorted(entries):
        file.write(struct.pack("<HHI", tag, entries[tag][0], entries[tag][1]) + words[tag][:4])
    file.write(bytes(8))
    for tag in sorted(entries):
        file.write(words[tag][4:])
    end = file.tell()
    file.seek(link)
    file.write(struct.pack("<Q", at))
    file.seek(end)
    return at + 2 + 12 * len(entries)


def _value(tag: int, value: Value) -> tuple[int, int, bytes]:
    if isinstance(value, str):
        return _ASCII, len(value) + 1, value.encode() + b"\0"
    if tag in (282, 283) and isinstance(value, tuple):
        return _RATIONAL, 1, struct.pack("<II", *value)
    if isinstance(value, tuple):
        return _LONG, len(value), struct.pack(f"<{len(value)}I", *value)
    if isinstance(value, float):
        return _FLOAT, 1, struct.pack("<f", value)
    if tag == 65424:
        return _SLONG, 1, struct.pack("<i", value)
    return _LONG, 1, struct.pack("<Q", value)


VMS_PLANTED: Mapping[str, str] = {
    "Reference": "CANARYREFERENCE, ZOE S26-77001",
    "Created": "2026/03/07",
    "Updated": "2026/03/08",
    "Product": "C9600-02",
    "NDP.S/N": "CANARYSERIAL",
    "Macro.S/N": "CANARYMACROSERIAL",
    "Barcode": "CANARYBARCODE-A1",
    "AuthCode": "CANARYAUTH",
    "LampAge": "7309177",
    "Operator": "canaryoperator",
    "PatientName": "CANARYPATIENT, ZOE",
    "Something Else": "CANARY OF A LINE THAT NOBODY KNOWS",
}


def make_vms(
    path: Path,
    sizes: tuple[Sequence[int], Sequence[int]] = ((640,), (400,)),
    shape: Shape | None = None,
    *,
    more: Mapping[str, str] | None = None,
) -> Path:
    """Write a VMS with files of so many columns, and rows, beside each other; return the lines."""
    shape = shape or Shape()
    columns, rows = sum(sizes[0]), sum(sizes[1])
    pixels = texture(columns, rows)
    said = {
        "NoLayers": "1",
        "NoJpegColumns": str(len(sizes[0])),
        "NoJpegRows": str(len(sizes[1])),
        "MapFile": f"{path.stem}_map.jpg",
        "MacroImage": f"{path.stem}_macro.jpg",
        "OptimisationFile": "",
        "SourceLens": "20",
        "PhysicalWidth": str(columns * 500),
        "PhysicalHeight": str(rows * 500),
        "PhysicalMacroWidth": "51000000",
        "PhysicalMacroHeight": "19000000",
    }
    for row, height in enumerate(sizes[1]):
        for column, width in enumerate(sizes[0]):
            top, left = sum(sizes[1][:row]), sum(sizes[0][:column])
            name = f"{path.stem}_{column}_{row}.jpg"
            said["ImageFile" if not (row or column) else f"ImageFile({column},{row})"] = name
            part = pixels[top : top + height, left : left + width]
            (path.parent / name).write_bytes(jpeg(part, shape))
    (path.parent / said["MapFile"]).write_bytes(_map(pixels, shape))
    (path.parent / said["MacroImage"]).write_bytes(jpeg(texture(320, 120, 77), shape, 0))
    said |= VMS_PLANTED if more is None else more
    lines = ["[Virtual Microscope Specimen]", *(f"{key}={value}" for key, value in said.items()), ""]
    path.write_bytes("\r\n".join(lines).encode())
    return path


def _map(pixels: Pixels, shape: Shape) -> bytes:
    """Return a tenth of pixels; OpenSlide wants restart markers in it, one a row of blocks."""
    small = np.ascontiguousarray(pixels[::10, ::10])
    across = 16 if shape.subsampling == "4:2:2" else 8
    return jpeg(small, shape, -(-small.shape[1] // across))


def make_vmu(path: Path, columns: int = 128, rows: int = 96) -> Path:
    """Write a VMU with its two NGR and its macro; return the lines."""
    pixels = texture(columns, rows)
    for name, part in (("image", pixels), ("map", pixels[::4, ::4])):
        high, wide = part.shape[:2]
        head = b"GN" + bytes(2) + struct.pack("<IIIIII", wide, high, wide, 0, 0, 28)
        samples = (part.astype("<u2") << 4).tobytes()
        (path.parent / f"{path.stem}_{name}.ngr").write_bytes(head + samples)
    (path.parent / f"{path.stem}_macro.jpg").write_bytes(jpeg(texture(320, 120, 77), Shape(), 0))
    said = {
        "NoLayers": "1",
        "ImageFile": f"{path.stem}_image.ngr",
        "MapFile": f"{path.stem}_map.ngr",
        "MacroImage": f"{path.stem}_macro.jpg",
        "BitsPerPixel": "36",
        "PixelOrder": "RGB",
        "SourceLens": "20",
        "PhysicalWidth": str(columns * 500),
        "PhysicalHeight": str(rows * 500),
        **VMS_PLANTED,
    }
    lines = ["[Uncompressed Virtual Microscope Specimen]", *(f"{key}={value}" for key, value in said.items())]
    path.write_bytes("\r\n".join([*lines, ""]).encode())
    return path
