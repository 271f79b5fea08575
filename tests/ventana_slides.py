"""Slides in the shape of Ventana's and Trestle's: tiles that overlap by known joints, identifiers in every place.

They have the shape of such slides, not the fidelity: overlaps of real ones differ from joint to joint.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from dicomanon.sources import PixelImage, Region, SlideImage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dicomanon.sources import Image

Pixels = NDArray[np.uint8]
Attributes = dict[str, str]

SCANNER: Mapping[str, str] = {
    "ScannerModel": "VENTANA DP 200",
    "UnitNumber": "CANARYUNIT-2000515",
    "DeviceSerialNumber": "CANARYSERIAL-88",
    "BuildVersion": "1.1.0.15854",
    "BuildDate": "11/27/2019 11:6:28 AM",
    "UserName": "canaryuser O'Brien & co",
    "OperatorID": "CANARYOPERATOR-7",
    "UniqueID": "CANARYUNIQUE-5501",
    "ScanDate": "03/27/2026",
    "ScanTime": "02:52:17 PM",
    **{f"Barcode{n}": f"CANARYBAR-{n}" for n in ("1", "1D", "2", "2D")},
    **{f"BarCode{n}": f"CANARYCODE-{n}" for n in ("1", "1D", "2", "2D")},
    "SlideAnnotation": "CANARYPATIENT, ZOË",
    "BaseName": "CANARYBASE-405210fa",
    "BaseFileName": "CANARYBASEFILE_S26-1",
    "JP2FileName": "D:/CANARYFOLDER/S26-1.bif",
    "Magnification": "40",
    "ScanRes": "0.25",
    "Anonymized": "0",
    "Anonymization": "0",
    "FocusMode": "0",
    "FocusQuality": "1",
    "LabelBoundary": "0",
    "Mode": "brightfield",
    "ScanMode": "1",
    "ScanWhitePoint": "235",
    "ShowLabel": "1",
    "Z-layers": "1",
    "Z-spacing": "1",
    "Ward": "CANARYWARD-3B",
}
"""Attributes of iScan; those that identify have values that occur nowhere else, and the last one nobody knows."""
SLIDE: Mapping[str, str] = {
    "Rack": "17",
    "Slot": "16",
    "BaseName": "CANARYOWNBASE-1",
    "BaseFileName": "CANARYOWNFILE-2",
    "JP2FileName": "D:/CANARYSTORE/Customer_1_17.bif",
    "UniqueID": "CANARYOWNID-3",
    "StitchApproach": "0",
    "FallbackStitchApproach": "0",
    "UseFallbackForStitch": "0",
}
"""Attributes of SlideInfo."""
PROGRAM = r"C:\CANARYPROGRAM\iScan\StitchEncode.exe  v0.1"
WRITTEN = "2026:03:28 08:01:02"


@dataclass(frozen=True, slots=True)
class Grid:
    """Tiles `across` and `down`, each `tile` pixels wide and high, whose neighbours share `overlap` pixels."""

    across: int = 4
    down: int = 3
    tile: int = 128
    overlap: tuple[int, int] = (16, 8)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the picture."""
        counts = (self.across, self.down)
        wide, high = (
            (n - 1) * (self.tile - shared) + self.tile for n, shared in zip(counts, self.overlap, strict=True)
        )
        return wide, high

    @property
    def picture(self) -> Pixels:
        """What the tiles were cut out of, and have to be put together to."""
        wide, high = self.size
        y, x = np.mgrid[0:high, 0:wide].astype(float)
        waves = [90 * np.sin(x / 23 + n) * np.cos(y / 17 - n) + 20 * np.sin((x + y) / 5) for n in range(3)]
        ramp = np.stack([x / wide, y / high, (x + y) / (wide + high)], -1) * 60 - 30
        picture: Pixels = np.clip(np.stack(waves, -1) * 0.6 + ramp + 160, 0, 255).astype(np.uint8)
        return picture

    def cut(self) -> Pixels:
        """Return the tiles side by side, as the scanner writes them: what is shared is there twice."""
        picture, step = self.picture, [self.tile - shared for shared in self.overlap]
        return np.vstack(
            [
                np.hstack(
                    [
                        picture[row * step[1] :, column * step[0] :][: self.tile, : self.tile]
                        for column in range(self.across)
                    ]
                )
                for row in range(self.down)
            ]
        )


@dataclass(frozen=True, slots=True)
class Bif:
    """What to make: a grid, as many levels, each half as wide; the first column of it lies `left` on the glass.

    Where `apart` is not 0, the right half of the columns is an area of its own, so many pixels away from the other.

    `horizontal` and `vertical` are what joints call their direction. `joints` says whether there is EncodeInfo at all:
    a Ventana TIFF has none.
    """

    grid: Grid = field(default_factory=Grid)
    levels: int = 3
    left: int = 0
    apart: int = 0
    horizontal: str = "RIGHT"
    vertical: str = "UP"
    joints: bool = True
    wrapped: bool = True
    label: str = "Label_Image"
    scanner: Mapping[str, str] = field(default_factory=lambda: SCANNER)
    changes: Mapping[str, str] = field(default_factory=dict)
    """What of EncodeInfo is to be replaced by what."""
    icc: bytes = b""


def make_bif(path: Path, bif: Bif | None = None) -> Path:
    """Write a slide to `path` and return it."""
    bif = bif or Bif()
    glass = np.full((200, 80, 3), 230, np.uint8)
    glass[:60] = 90
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        scanner = element("iScan", bif.scanner, element("AOI0", _corners(("1", "2", "3", "4"))))
        whole = f'<?xml version="1.0" encoding="utf-8"?><Metadata>{scanner}<!-- CANARYCOMMENT --></Metadata>'
        document = whole if bif.wrapped else scanner
        tiff.write(glass, rowsperstrip=16, description=bif.label, datetime=WRITTEN, **xml(document), **_PLAIN)
        if bif.joints:
            document = "<PreScanData><Note>CANARYNOTE 12</Note></PreScanData>"
            gray = np.zeros((20, 8), np.uint8)
            tiff.write(gray, compression="lzw", description="Probability_Image", **xml(document), **_PLAIN)
        else:
            small = bif.grid.cut()[::4, ::4].copy()
            tiff.write(small, compression="jpeg", rowsperstrip=16, description="Thumbnail", **_PLAIN)
        pixels = bif.grid.cut()
        for level in range(bif.levels):
            document = encode_info(bif) if level == 0 and bif.joints else ""
            _write_level(
                tiff, pixels, bif.grid.tile, f"level={level} mag={40 / 2**level:g} quality=95", document, bif
            )
            high, wide = (size // 2 for size in pixels.shape[:2])
            halves = pixels[: 2 * high, : 2 * wide].reshape(high, 2, wide, 2, 3)
            pixels = halves.mean((1, 3)).round().astype(np.uint8)
    return path


_PLAIN: Mapping[str, Any] = {"metadata": None, "software": False, "photometric": None}


def _write_level(tiff: Any, pixels: Pixels, tile: int, description: str, document: str, bif: Bif) -> None:
    tiff.write(
        tiles(pixels, tile),
        shape=pixels.shape,
        dtype=np.uint8,
        tile=(tile, tile),
        photometric="ycbcr",
        subsampling=(1, 1),
        compression="jpeg",
        description=description,
        datetime=WRITTEN,
        iccprofile=bif.icc or None,
        metadata=None,
        software=PROGRAM,
        **xml(document),
    )


def tiles(pixels: Pixels, tile: int) -> Any:
    """Yield the tiles of a level, encoded as JPEG whose loss is small."""
    for top in range(0, pixels.shape[0], tile):
        for left in range(0, pixels.shape[1], tile):
            part = pixels[top : top + tile, left : left + tile]
            rest = ((0, tile - part.shape[0]), (0, tile - part.shape[1]), (0, 0))
            whole = np.pad(part, rest, mode="edge")
            yield bytes(imagecodecs.jpeg8_encode(whole, level=95, colorspace="RGB", subsampling=(1, 1)))


def xml(document: str) -> dict[str, Any]:
    """Return the tag that holds XML."""
    raw = document.encode()
    return {"extratags": [(700, 1, len(raw), raw, True)] if raw else []}


def element(name: str, attributes: Mapping[str, str], inner: str = "") -> str:
    """Return an XML element."""
    said = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{said}>{inner}</{name}>"


def encode_info(bif: Bif) -> str:
    """Return the XML of the base level."""
    grid = bif.grid
    size = {"NumRows": str(grid.down), "NumCols": str(grid.across)}
    place = {"Pos-X": str(bif.left), "Pos-Y": "0"}
    tile = str(grid.tile)
    capitals = {key.upper(): value for key, value in size.items()}
    pixels = {"XIMAGESIZE": tile, "YIMAGESIZE": tile}
    area = element("AoiInfo", {**pixels, **capitals, **size, **place})
    outside = element("ServerDirectory", {"Path": r"\\CANARYSERVER\x", "Copy": "false"})
    outside += element("LabelImage", {"Path": r"C:\CANARYLABEL\thumb_bs0_16.jpg"})
    again = element("iScan", {"UserName": "CANARYSECONDUSER"})
    scanned = {"AOIScanned": "1", "AOIIndex": "0"}
    images, origins = "", ""
    for number, (column, across, left) in enumerate(areas(bif)):
        own = replace(grid, across=across)
        frames = "".join(
            element("Frame", {"XY": f"{x},{y}", "Z": "0", "Focus": "0"})
            for y in range(own.down)
            for x in range(own.across)
        )
        inner = "".join(element("TileJointInfo", each) for each in joints(replace(bif, grid=own)))
        inner += element("FrameInfo", scanned, frames)
        shape = {"NumRows": str(own.down), "NumCols": str(across), "Width": tile, "Height": tile}
        images += element("ImageInfo", {**scanned, **shape, "Pos-X": str(left), "Pos-Y": "0"}, inner)
        corners = {**_corners(("9", "8", "7", "6")), "AOIScanned": "1"}
        begin = {"OriginX": str(column * grid.tile), "OriginY": "0"}
        origins += element(f"AOI{number}", {**begin, **corners})
    parts = (
        element("SlideInfo", SLIDE, outside + again + area),
        element("SlideStitchInfo", {}, images),
        element("AoiOrigin", {}, origins),
        element("PatientInfo", {"Name": "CANARYPATIENT, ADA"}),
    )
    document = '<?xml version="1.0"?>' + element("EncodeInfo", {"Ver": "2"}, "".join(parts))
    for before, after in bif.changes.items():
        assert before in document, before
        document = document.replace(before, after)
    return document


def areas(bif: Bif) -> list[tuple[int, int, int]]:
    """Return first column, number of columns and place on the glass of each area."""
    if not bif.apart:
        return [(0, bif.grid.across, bif.left)]
    first = bif.grid.across // 2
    right = replace(bif.grid, across=first).size[0] + bif.apart
    return [(0, first, bif.left), (first, bif.grid.across - first, bif.left + right)]


def _corners(values: tuple[str, str, str, str]) -> Attributes:
    return dict(zip(("Left", "Top", "Right", "Bottom"), values, strict=True))


def joints(bif: Bif) -> list[Attributes]:
    """Return the joints of neighbours, whose tiles are numbered from the bottom, there and back again."""
    grid = bif.grid

    def number(column: int, row: int) -> str:
        upwards = grid.down - 1 - row
        along = grid.across - 1 - column if upwards % 2 else column
        return str(upwards * grid.across + along + 1)

    found = []
    for row in range(grid.down):
        for column in range(grid.across):
            own = number(column, row)
            sure = {"FlagJoined": "1", "Confidence": "98"}
            if column + 1 < grid.across:
                shared = {"OverlapX": str(grid.overlap[0]), "OverlapY": "0"}
                pair = {"Tile1": own, "Tile2": number(column + 1, row)}
                found.append({**sure, "Direction": bif.horizontal, **pair, **shared})
            if row:
                shared = {"OverlapX": "0", "OverlapY": str(grid.overlap[1])}
                pair = {"Tile1": own, "Tile2": number(column, row - 1)}
                found.append({**sure, "Direction": bif.vertical, **pair, **shared})
    return found


DESCRIBED: Mapping[str, str] = {
    "Background Color": "FFFFFF",
    "White Balance": "7F7F7F",
    "Objective Power": "20",
    "JPEG Quality": "70",
    "Patient": "CANARYPATIENT, EVA",
    "Slide": "CANARYSLIDE-55",
    "Creation Date": "CANARYDATE 2009-03-01",
    "Ward": "CANARYWARD-9",
}
"""What the description of a Trestle slide says besides its overlaps; the last one nobody knows."""


@dataclass(frozen=True, slots=True)
class Trestle:
    """What to make: levels of `grids`, whose tiles overlap each in its own way, and the picture of the glass."""

    grids: tuple[Grid, ...] = (Grid(4, 3, 64, (8, 4)), Grid(2, 2, 64, (4, 0)))
    software: str = "MedScan 2.0 CANARYSTATION"
    overlaps: str = ""
    full: bool = True


def make_trestle(path: Path, trestle: Trestle | None = None) -> Path:
    """Write a slide to `path`, and what belongs beside it, and return it."""
    trestle = trestle or Trestle()
    shared = " ".join(str(each) for grid in trestle.grids for each in grid.overlap)
    described = {**DESCRIBED, "OverlapsXY": " " + (trestle.overlaps or shared)}
    text = ";".join(f"{key}={value}" for key, value in described.items()) + ";"
    tags = {"DocumentName": (269, "CANARYDOC"), "Artist": (315, "CANARYARTIST"), "Host": (316, "CANARYHOST")}
    more = [(code, 2, len(value), value, True) for code, value in (*tags.values(), (33432, "CANARYRIGHTS"))]
    with tifffile.TiffWriter(path) as tiff:
        for level, grid in enumerate(trestle.grids):
            pixels = grid.cut()
            tiff.write(
                tiles(pixels, grid.tile),
                shape=pixels.shape,
                dtype=np.uint8,
                tile=(grid.tile, grid.tile),
                photometric="ycbcr",
                subsampling=(1, 1),
                compression="jpeg",
                description=text,
                software=trestle.software,
                resolution=((499 * 2**level, 1000), (499 * 2**level, 1000)),
                datetime=WRITTEN,
                extratags=more,
                metadata=None,
            )
    if trestle.full:
        glass = np.full((96, 256, 3), 200, np.uint8)
        glass[20:60, 10:70] = 40
        stream = bytes(imagecodecs.jpeg8_encode(glass, level=90))
        comment = b"CANARYJPEG"
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        path.with_suffix(".Full").write_bytes(stream[:2] + segment + stream[2:] + b"CANARYTAIL")
    return path


def scan(stream: bytes) -> bytes:
    """Return a JPEG stream from its SOS on."""
    at = 2
    while stream[at + 1] != 0xDA:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return stream[at:]


def coded(image: Image | None) -> SlideImage:
    """Return an image whose frames pass as they are."""
    assert isinstance(image, SlideImage)
    return image


def pixels(image: Image) -> NDArray[Any]:
    """Return a whole image, its frames decoded and laid side by side where it has frames."""
    if isinstance(image, PixelImage):
        return image.read(Region(0, 0, image.columns, image.rows))
    across, down = -(-image.columns // image.tile_columns), -(-image.rows // image.tile_rows)
    tiles = [imagecodecs.jpeg8_decode(frame) for frame in image.frames()]
    rows = [np.hstack(tiles[row * across : (row + 1) * across]) for row in range(down)]
    return np.vstack(rows)[: image.rows, : image.columns]


def psnr(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = float(np.mean((found.astype(float) - expected) ** 2))
    return float("inf") if not error else float(10 * np.log10(255**2 / error))


def patch(path: Path, page: int, tag: int, entry: bytes) -> None:
    """Overwrite the entry of a tag in the directory of a page from its start on."""
    with tifffile.TiffFile(path) as tiff:
        tags: Any = tiff.pages[page]
        offset = tags.tags[tag].offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(entry)
