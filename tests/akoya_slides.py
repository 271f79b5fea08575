"""Small QPTIFF in the layout of Vectra and PhenoImager: a page a channel, then the thumbnail, levels, glass, label.

They have the shape that readers of the format describe, not the fidelity of a scan: no real one is in the corpus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from tests.ome_slides import Pixels, nested, texture

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TILE, ROWS, COLUMNS = 64, 150, 200
MICROMETRES = 0.5
SAID: Mapping[str, str] = {
    "DescriptionVersion": "2",
    "AcquisitionSoftware": "VectraScan 1.0.7",
    "Identifier": "CANARYGUID-5A4F",
    "SlideID": "CANARYSLIDE, ZOE",
    "Barcode": "CANARYBARCODE-Q1",
    "ComputerName": "CANARYHOST-WS07",
    "OperatorName": "CANARYUSER",
    "StudyName": "CANARYSTUDY",
    "SampleDescription": "CANARYSAMPLE S26-77001",
    "InstrumentType": "Vectra Polaris",
    "CameraName": "CANARYCAMERA",
    "DateTime": "2026-03-07T10:13:08",
    "Objective": "20x",
}
NAMES = ("CANARYSTAIN DAPI", "Opal 520", "Opal 690")
BAND = (
    "<{0}Filter><Name>CANARYFILTER</Name><Bands>"
    "<Band><Active>true</Active><Cuton>{1}</Cuton><Cutoff>{2}</Cutoff></Band>"
    "<Band><Active>false</Active><Cuton>700</Cuton><Cutoff>720</Cutoff></Band></Bands></{0}Filter>"
)
FILTERS = (
    BAND.format("Excitation", 350, 390) + BAND.format("Emission", 440, 470),
    BAND.format("Excitation", 470, 490) + BAND.format("Emission", 510, 540),
    "",
)
"""The third channel does not say."""
TAGS = ((315, "s", 0, "CANARYARTIST, ZOE", False), (269, "s", 0, "CANARYDOCUMENT.qptiff", False))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How a slide is written: `channels` of gray, or 0 for colour; a tile of 0 is strips."""

    channels: int = 0
    kind: Any = np.uint8
    compression: str | None = "jpeg"
    levels: int = 2
    tile: int = TILE
    said: Mapping[str, str] = field(default_factory=dict)
    more: str = "<ScanProfile>{&quot;experiment&quot;: &quot;CANARYPROFILE&quot;}</ScanProfile>"
    types: bool = True
    """Whether pages say what they are."""


def xml(said: Mapping[str, str], kind: str, more: str = "") -> bytes:
    """Return the XML of a page; it says that it is UTF-16, which it is not."""
    found = {**said, **({"ImageType": kind} if kind else {})}
    texts = nested(found, found)
    return (
        '<?xml version="1.0" encoding="utf-16"?>\r\n<PerkinElmer-QPI-ImageDescription>\r\n'
        f"{texts}{more}</PerkinElmer-QPI-ImageDescription>"
    ).encode()


def pictures(scan: Scan) -> list[Pixels]:
    """Return the largest level: channels, or one in colour."""
    if not scan.channels:
        return [texture(ROWS, COLUMNS, colour=True)]
    return [texture(ROWS, COLUMNS, 3 * number, kind=scan.kind) for number in range(scan.channels)]


def make_qptiff(path: Path, scan: Scan) -> Path:
    """Write a slide."""
    said = {**SAID, **scan.said}
    base = pictures(scan)
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for level in range(scan.levels):
            for number, pixels in enumerate(base):
                own = (FILTERS[number] if scan.channels else "") + scan.more
                name = {"Name": NAMES[number]} if scan.channels else {}
                kind = ("ReducedResolution" if level else "FullResolution") if scan.types else ""
                small = pixels[: ROWS >> level << level : 2**level, : COLUMNS >> level << level : 2**level]
                _page(tiff, small, xml({**said, **name}, kind, own), scan, level)
            if not level:
                thumbnail = texture(ROWS // 2, COLUMNS // 2, 2, colour=True)
                _beside(tiff, thumbnail, xml(said, "Thumbnail" if scan.types else ""), 1)
        _beside(tiff, texture(60, 180, 4, colour=True), xml(said, "Overview" if scan.types else ""), 1)
        _beside(tiff, texture(50, 40, 6, colour=True), xml(said, "Label" if scan.types else ""), 1)
    return path


def _page(tiff: tifffile.TiffWriter, pixels: Pixels, description: bytes, scan: Scan, level: int) -> None:
    resolution = 1e4 / MICROMETRES / 2**level
    tiff.write(
        pixels,
        tile=(scan.tile, scan.tile) if scan.tile else None,
        rowsperstrip=None if scan.tile else 16,
        photometric="rgb" if pixels.ndim == 3 else "minisblack",
        compression=scan.compression,
        resolution=(resolution, resolution),
        resolutionunit="CENTIMETER",
        subfiletype=1 if level else 0,
        description=description,
        software="PerkinElmer-QPI",
        datetime="2026:03:07 10:13:08",
        metadata=None,
        extratags=TAGS,
    )


def _beside(tiff: tifffile.TiffWriter, pixels: Pixels, description: bytes, subfiletype: int) -> None:
    tiff.write(
        pixels,
        rowsperstrip=16,
        photometric="rgb",
        compression="lzw",
        subfiletype=subfiletype,
        description=description,
        software="PerkinElmer-QPI",
        metadata=None,
    )
