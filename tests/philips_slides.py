"""Synthetic Philips TIFFs: a few small tiles, levels padded to whole tiles, a canary in every place of the catalogue.

They have the shape of an export from iSyntax, not the fidelity of one.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import imagecodecs
import numpy as np
import PIL.Image
import tifffile
from numpy.typing import NDArray

from dicomanon.sources import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Pixels = NDArray[np.uint8]
TILE = 64
BARCODE = "CANARYBARCODE-A1|S26-77001"
VALID = {
    "DICOM_ACQUISITION_DATETIME": "20260307160237.000000",
    "DICOM_DEVICE_SERIAL_NUMBER": "FMTCANARY71",
    "DICOM_MANUFACTURER": "PHILIPS",
    "DICOM_MANUFACTURERS_MODEL_NAME": "UFS Scanner",
    "DICOM_SOFTWARE_VERSIONS": '"1.8.6614" "20180906_R51"',
    "PIM_DP_UFS_BARCODE": base64.b64encode(BARCODE.encode()).decode(),
}
"""What is carried on."""
_ELSEWHERE = ("DICOM_PIXEL_SPACING", "DICOM_ICCPROFILE", "PIM_DP_IMAGE_DATA", "PIM_DP_IMAGE_TYPE")


def canaries(name: str, prefix: str) -> dict[str, str]:
    """Return a value for every attribute of a catalogue that identifies, or may."""
    rows = [place.removeprefix(f"{prefix}/") for place, row in catalogue(name).items() if row.hides]
    names = [each for each in rows if each.isupper() and each not in _ELSEWHERE]
    planted = {each: f'CANARY "{number}" of {each.lower()}' for number, each in enumerate(names, 100)}
    return {**planted, **VALID, "CANARY_ATTRIBUTE": "CANARY in what nobody has written down"}


@dataclass(frozen=True, slots=True)
class Shape:
    """What to make: `tiles` across and down at the base; `empty` are tiles of the base without bytes.

    `pages` says whether label and macro are pages, `pictures` whether they are in the XML.
    """

    tiles: tuple[int, int] = (5, 3)
    levels: int = 4
    empty: frozenset[int] = frozenset()
    pages: bool = True
    pictures: bool = True
    numbered: bool = True
    progressive: bool = False
    attributes: Mapping[str, str] = field(default_factory=lambda: canaries("philips", "ImageDescription"))
    tags: bool = True


def make_philips(path: Path, shape: Shape | None = None) -> Path:
    """Write a slide to `path` and return it."""
    shape = shape or Shape()
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        for level in range(shape.levels):
            pixels = padded(level_pixels(shape, level))
            text = f"level={level} mag={40 >> level} quality=80" if shape.numbered else ""
            tiff.write(
                _tiles(pixels, shape.empty if level == 0 else frozenset()),
                shape=pixels.shape,
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="ycbcr",
                compression="jpeg",
                subsampling=(1, 1),
                subfiletype=1 if level else 0,
                description=text if level else document(shape),
                **_extra(shape if level == 0 else None),
            )
        for name, pixels in (
            ("Macro -offset=(0,0) CANARYMACRO", texture(7, 48, 128)),
            ("Label CANARYLABEL", _label()),
        ):
            if shape.pages:
                tiff.write(
                    pixels,
                    photometric="rgb",
                    compression="jpeg",
                    subfiletype=1,
                    description=name,
                    **_extra(None),
                )
    return path


def level_pixels(shape: Shape, level: int) -> Pixels:
    """Return the true pixels of a level."""
    across, down = (count * TILE >> level for count in shape.tiles)
    return texture(level + 1, down, across)


def padded(pixels: Pixels) -> Pixels:
    """Return pixels with white up to whole tiles."""
    down, across = (-size % TILE for size in pixels.shape[:2])
    return np.pad(pixels, ((0, down), (0, across), (0, 0)), constant_values=255)


def texture(seed: int, rows: int, columns: int) -> Pixels:
    """Return a picture with colour and edges."""
    down, across = np.mgrid[0:rows, 0:columns] / 64
    waves = np.sin(across * (5 + seed)) * np.cos(down * (4 + seed)) * 45
    picture: Pixels = np.stack([base + waves for base in (200, 140, 180)], -1).astype(np.uint8)
    return picture


def _label() -> Pixels:
    return texture(9, 40, 56)


def jpeg(pixels: Pixels, *, progressive: bool = False) -> bytes:
    """Return a JPEG file."""
    file = BytesIO()
    PIL.Image.fromarray(pixels).save(file, "jpeg", quality=90, progressive=progressive)
    return file.getvalue()


def _tiles(pixels: Pixels, empty: frozenset[int]) -> Iterator[bytes]:
    number = 0
    for top in range(0, pixels.shape[0], TILE):
        for left in range(0, pixels.shape[1], TILE):
            tile = np.ascontiguousarray(pixels[top : top + TILE, left : left + TILE])
            own = imagecodecs.jpeg8_encode(
                tile, level=90, colorspace="RGB", outcolorspace="YCbCr", subsampling=(1, 1)
            )
            yield b"" if number in empty else bytes(own)
            number += 1


def _extra(shape: Shape | None) -> dict[str, Any]:
    if shape is None or not shape.tags:
        return {"metadata": None, "software": "Philips DP v1.0"}
    tags = {
        271: "CANARYMAKE",
        272: "CANARYMODEL",
        315: "CANARYARTIST",
        316: "CANARYHOST",
        33432: "CANARYSITE",
    }
    return {
        "metadata": None,
        "software": "Philips DP v1.0",
        "datetime": "2026:03:07 16:02:38",
        "extratags": [
            *((code, 2, 0, text, True) for code, text in tags.items()),
            (269, 2, 0, "CANARYDOCUMENT", True),
            (65000, 2, 0, "CANARYTAG", True),
        ],
    }


def document(shape: Shape) -> str:
    """Return the XML of a slide."""
    levels = "".join(_level(shape, level) for level in range(shape.levels))
    picture = partial_picture(shape)
    scan = "".join(
        (
            _attribute("DICOM_PIXEL_SPACING", '"0.00025" "0.00026"'),
            f'<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>{levels}</Array></Attribute>',
            _attribute("PIM_DP_IMAGE_TYPE", "WSI"),
            _attribute("PIM_DP_SOURCE_FILE", "CANARYSOURCE.isyntax"),
        )
    )
    images = f"{picture}{_object('DPScannedImage', scan)}"
    own = "".join(_attribute(name, value) for name, value in shape.attributes.items())
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<!-- CANARYCOMMENT -->'
        '<DataObject ObjectType="DPUfsImport">\n CANARYBETWEEN'
        f'<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array>{images}</Array></Attribute>{own}'
        '<Attribute Name="CANARY, NAME" Group="CANARYGROUP">CANARYUNNAMED</Attribute>'
        "</DataObject>"
    )


def partial_picture(shape: Shape) -> str:
    """Return label and macro as they are in the XML, before the scan as alphabets would have it."""
    if not shape.pictures:
        return ""
    found = []
    for kind, pixels in (("LABELIMAGE", _label()), ("MACROIMAGE", texture(7, 48, 128))):
        text = base64.b64encode(jpeg(pixels, progressive=shape.progressive)).decode()
        data = _attribute("PIM_DP_IMAGE_DATA", text)
        found.append(_object("DPScannedImage", data + _attribute("PIM_DP_IMAGE_TYPE", kind)))
    return "".join(found)


def _level(shape: Shape, level: int) -> str:
    rows, columns = padded(level_pixels(shape, level)).shape[:2]
    spacing = " ".join(f'"{mm * 2**level:.6f}"' for mm in (0.00025, 0.00026))
    return _object(
        "PixelDataRepresentation",
        _attribute("DICOM_PIXEL_SPACING", spacing)
        + _attribute("PIIM_PIXEL_DATA_REPRESENTATION_COLUMNS", str(columns))
        + _attribute("PIIM_PIXEL_DATA_REPRESENTATION_ROWS", str(rows))
        + _attribute("PIIM_PIXEL_DATA_REPRESENTATION_NUMBER", str(level)),
    )


def _object(kind: str, inner: str) -> str:
    return f'<DataObject ObjectType="{kind}">{inner}</DataObject>'


def _attribute(name: str, value: str) -> str:
    text = escape(value, {'"': "&quot;"})
    return f'<Attribute Name="{name}" Group="0x0008" Element="0x0001" PMSVR="IString">{text}</Attribute>\n'
