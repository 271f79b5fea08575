"""Small slides in the layouts of Huron, Mikroscan, Motic and Argos, with a canary in every place that says something.

They have the shape that readers of these formats describe, not the fidelity of a scan: no real one is in the corpus.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Pixels = NDArray[np.uint8]

TILE, COLUMNS, ROWS = 64, 300, 200
ARGOS = 65000
TAGS: Mapping[int, str] = {
    306: "2019:09:26 09:57:06",
    315: "CANARYARTIST, ZOE",
    316: "CANARYHOST-WS07",
    269: "CANARYDOCUMENT.tif",
    33432: "CANARYSITE HOSPITAL",
}
"""Tags that any TIFF may have, in every page."""
CARRIED = {
    "huron": {"LE1764", "CANARYBARCODE-H1", base64.b64encode(b"CANARYBARCODE-H1").decode()},
    "mikroscan": {"CANARYSERIAL-1053", "CANARYBARCODE-K1", "CANARYTITLE, ZOE"},
    "motic": {"CANARYBARCODE-M1", "CANARYTITLE, ZOE"},
    "argos": {"CANARYBARCODE-A1"},
}
"""Values that DICOM has an attribute for, which then meets the profile."""
HURON: Mapping[str, str] = {
    "Scan Size": "0.12x0.08 mm",
    "Image Dimensions": f"{COLUMNS}x{ROWS} Pixels",
    "Resolution": "0.40 um",
    "Source": "Bright Field",
    "DeviceID": "LE1764",
    "Barcode": base64.b64encode(b"CANARYBARCODE-H1").decode(),
    "Scan Started": "2017:09:29 14:45:38",
    "Scan Finished": "2017:09:29 14:49:38",
    "Operator": "CANARYUSER",
    "Case": "CANARYCASE; S26-77001",
}
PIPED: Mapping[str, str] = {
    "AppMag": "20",
    "MPP": "0.453023",
    "Date": "09/26/19",
    "Time": "09:57:06",
    "Barcode": "CANARYBARCODE-K1",
    "Title": "CANARYTITLE, ZOE",
    "Filename": "CANARYFILE_S26-77001",
    "User": "CANARYUSER",
    "Patient": "CANARYPATIENT, ZOE",
}
XML: Mapping[str, str] = {
    "ObjectiveMagnification": "20",
    "ObjectiveName": "Olympus UPlanXApo 20x",
    "AcquisitionDate": "06.13.2023",
    "AcquisitionTime": "10:13:08",
    "Barcode": "CANARYBARCODE-A1",
    "Scanner": "CANARYSCANNER-7",
    "Operator": "CANARYUSER",
    "Case/Number": "CANARYCASE S26-77001",
}


def picture(rows: int, columns: int, seed: int = 1) -> Pixels:
    """Return a smooth picture in pink."""
    down, across = np.mgrid[0:rows, 0:columns]
    waves = np.sin(across / (9 + seed)) * np.cos(down / (7 + seed)) * 40
    channels = [base + waves * weight for base, weight in ((205, 0.6), (150, 1.2), (190, 0.8))]
    found: Pixels = np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)
    return found


def make_huron(path: Path, **fields: str) -> Path:
    """Write three levels, a thumbnail behind the first, label and picture of the glass at the end."""
    said = {**HURON, **fields}
    text = "\n".join(f"{key} = {value}" for key, value in said.items() if value)
    with tifffile.TiffWriter(path) as tiff:
        named = {271: "Huron Digital Pathology", 272: "LE176", 305: "MACROscan LE2.0 v1.1.2.0"}
        _level(tiff, picture(ROWS, COLUMNS), text, named)
        _strips(tiff, picture(100, 150, 2), "", named)
        for factor in (2, 4):
            _level(tiff, picture(ROWS // factor, COLUMNS // factor, factor), "", named)
        _strips(tiff, picture(60, 70, 3), "", named, subfiletype=1)
        _strips(tiff, picture(120, 50, 4), "", named, subfiletype=9)
    return path


def make_piped(path: Path, header: str, **fields: str) -> Path:
    """Write a slide that is laid out as Aperio's are, under the header of another: Mikroscan or Motic."""
    said = {**PIPED, **fields}
    pairs = "".join(f"|{key} = {value}" for key, value in said.items() if value)
    size = f"{COLUMNS}x{ROWS}"
    with tifffile.TiffWriter(path) as tiff:
        base = f"{header}\r\n{size} [0, 0 {size}] ({TILE}x{TILE}) JPEG / RGB Q = 30{pairs}"
        _level(tiff, picture(ROWS, COLUMNS), base)
        _strips(tiff, picture(100, 150, 2), f"{header}\r\n{size} -> 150x100 - {pairs}", jpeg=True)
        small = f"{header}\r\n{size} [0, 0 {size}] ({TILE}x{TILE}) -> {COLUMNS // 4}x{ROWS // 4} JPEG{pairs}"
        _level(tiff, picture(ROWS // 4, COLUMNS // 4, 4), small)
        _strips(tiff, picture(60, 70, 3), f"{header}\r\nlabel 70x60", subfiletype=1)
        _strips(tiff, picture(50, 120, 4), f"{header}\r\nmacro 120x50", jpeg=True, subfiletype=9)
    return path


def make_mikroscan(path: Path, **fields: str) -> Path:
    """Write a slide of a Mikroscan SL5."""
    serial = {"SL5 SERIAL #": "CANARYSERIAL-1053"}
    return make_piped(path, "Mikroscan Image Structure", **{**serial, **fields})


def make_motic(path: Path, **fields: str) -> Path:
    """Write a slide of a Motic scanner."""
    own = {"Barcode": "CANARYBARCODE-M1", "BackgroundColor": "16514557"}
    return make_piped(path, "Motic V1.0.0", **{**own, **fields})


def make_argos(path: Path, planes: int = 1, **said: str) -> Path:
    """Write the levels of each focal plane, then the scan of the tissue and the picture of the glass, in strips."""
    zs = {"ZRange": str(4 * (planes - 1)), "MinZ": "-1", "MaxZ": str(planes - 2)}
    document = argos_xml({**XML, **zs, **said})
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for plane in range(planes):
            for factor in (1, 4):
                pixels = picture(ROWS // factor, COLUMNS // factor, 1 + plane + factor)
                xml = document if factor == 1 and not plane else None
                _level(tiff, pixels, "", xml=xml, empty={1} if factor == 1 else set())
        _strips(tiff, picture(100, 150, 2), "", jpeg=True)
        _strips(tiff, picture(50, 140, 4), "", jpeg=True)
    return path


def argos_xml(said: Mapping[str, str]) -> bytes:
    """Return the XML of an Argos slide, a slash in a name for an element inside another."""
    parts = ["<Argos.Scan.Metadata>\r\n", "<!-- CANARYCOMMENT -->"]
    for key, value in said.items():
        names = key.split("/")
        opening = "".join(f"<{name}>" for name in names)
        closing = "".join(f"</{name}>" for name in reversed(names))
        parts.append(f"  {opening}{value}{closing}\r\n")
    parts.append("  <ScanArea><X1>0.15</X1><Y1>0.15</Y1></ScanArea><Slide Name='CANARYNAME'/>\r\n")
    return "".join((*parts, "</Argos.Scan.Metadata>")).encode()


def _level(
    tiff: Any,
    pixels: Pixels,
    description: str,
    named: Mapping[int, str] | None = None,
    *,
    xml: bytes | None = None,
    empty: set[int] | None = None,
) -> None:
    tags = [*_tags(named), *([(ARGOS, 2, len(xml), xml, True)] if xml else [])]
    tiff.write(
        _tiles(pixels, empty or set()),
        shape=pixels.shape,
        dtype=np.uint8,
        tile=(TILE, TILE),
        photometric="ycbcr",
        subsampling=(2, 2),
        compression=7,
        description=description or None,
        extratags=tags,
        resolution=(25000, 25000),
        resolutionunit="CENTIMETER",
        metadata=None,
        software=False,
    )


def _tiles(pixels: Pixels, empty: set[int]) -> Iterator[bytes]:
    rows, columns = (-(-size // TILE) for size in pixels.shape[:2])
    whole = np.full((rows * TILE, columns * TILE, 3), 255, np.uint8)
    whole[: pixels.shape[0], : pixels.shape[1]] = pixels
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        tile = whole[row * TILE :, column * TILE :][:TILE, :TILE]
        coded = imagecodecs.jpeg8_encode(np.ascontiguousarray(tile), level=80, subsampling=(2, 2))
        yield b"" if number in empty else bytes(coded)


def _strips(
    tiff: Any,
    pixels: Pixels,
    description: str,
    named: Mapping[int, str] | None = None,
    *,
    jpeg: bool = False,
    subfiletype: int = 0,
) -> None:
    tiff.write(
        pixels,
        photometric="rgb",
        subfiletype=subfiletype,
        rowsperstrip=16,
        compression="jpeg" if jpeg else None,
        description=description or None,
        extratags=_tags(named),
        metadata=None,
        software=False,
    )


def _tags(named: Mapping[int, str] | None) -> list[tuple[int, int, int, str, bool]]:
    return [(code, 2, len(text) + 1, text, True) for code, text in {**TAGS, **(named or {})}.items()]
