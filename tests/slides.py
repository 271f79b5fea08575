"""Synthetic SVS slides: a few encoded tiles repeated, a gigabyte in seconds, identifiers in every page.

They have the shape of an SVS, not the fidelity of one: real slides are in the corpus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import imagecodecs
import numpy as np
import tifffile
from numpy.typing import NDArray

from dicomanon.sources import SlideImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dicomanon.sources import Image

Pixels = NDArray[np.uint8]
Codec = Literal["jpeg", "jpeg-rgb", "jp2k", "jp2k-ycbcr", "lzw"]

PLANTED: Mapping[str, str] = {
    "ScanScope ID": "SSCANARY71",
    "Filename": "CANARYFILE_S26-77001",
    "Title": "CANARYTITLE, ZOE S26-77001",
    "Date": "03/07/26",
    "Time": "16:02:37",
    "Time Zone": "GMT-05:00",
    "User": "canaryuser-93ffed92",
    "DSR ID": "CANARYHOST-WS07",
    "ImageID": "1004486771",
    "Barcode": "CANARYBARCODE-A1",
    "Patient": "CANARYPATIENT, ZOE",
}
"""Fields of an ImageDescription that identify, with values that occur nowhere else."""

_TEXTURES = 8
_COMPRESSION = {"jpeg": 7, "jpeg-rgb": 7, "jp2k": 33005, "jp2k-ycbcr": 33003, "lzw": 5}


@dataclass(frozen=True, slots=True)
class Shape:
    """What to make: `tiles` across and down at the base, and as many levels, each a quarter as wide and high.

    `margin` is how many pixels the last column and row of tiles reach beyond the image. `empty` are the
    numbers of tiles of the last level that have no bytes.
    """

    tiles: tuple[int, int] = (4, 3)
    levels: int = 1
    tile: int = 256
    codec: Codec = "jpeg"
    margin: int = 0
    empty: frozenset[int] = frozenset()
    label: bool = True
    macro: bool = True
    thumbnail: bool = True
    header: str = "Aperio Image Library v12.0.15"
    mpp: str = "0.4990"
    icc: bytes = b""
    fields: Mapping[str, str] = field(default_factory=lambda: PLANTED)


def framed(image: Image | None) -> SlideImage:
    """Return an image whose frames pass as they are."""
    assert isinstance(image, SlideImage)
    return image


def make_svs(path: Path, shape: Shape | None = None) -> Path:
    """Write a slide to `path` and return it."""
    shape = shape or Shape()
    encoded, tables = _encode(shape)
    with tifffile.TiffWriter(path, bigtiff=shape.tiles[0] * shape.tiles[1] > 100_000) as tiff:
        base = _size(shape, 0)
        for level in range(shape.levels):
            width, height = _size(shape, level)
            across, down = -(-width // shape.tile), -(-height // shape.tile)
            empty = shape.empty if level == shape.levels - 1 else frozenset()
            tiff.write(
                _repeat(encoded, across * down, empty),
                shape=(height, width, 3),
                dtype=np.uint8,
                tile=(shape.tile, shape.tile),
                photometric="ycbcr" if shape.codec == "jpeg" else "rgb",
                compression=_COMPRESSION[shape.codec],
                description=_description(shape, base, (width, height)),
                iccprofile=shape.icc or None,
                extratags=[(347, 7, len(tables), tables, True)] if tables else [],
                **_COLOUR.get(shape.codec, {}),
                **_PLAIN,
            )
            if level == 0 and shape.thumbnail:
                _write_thumbnail(tiff, shape, base)
        if shape.label:
            text = f"{shape.header} \r\nlabel 120x90"
            pixels = _texture(3, 128)[:90, :120]
            tiff.write(pixels, subfiletype=1, rowsperstrip=7, compression="lzw", description=text, **_PLAIN)
        if shape.macro:
            text = f"{shape.header} \r\nmacro 320x100"
            pixels = np.hstack([_texture(2, 160)[:100]] * 2)
            _write_strips(tiff, pixels, text, subfiletype=9)
    return path


_COLOUR: Mapping[str, Mapping[str, Any]] = {
    "jpeg": {"subsampling": (2, 2)},
    "jpeg-rgb": {"compressionargs": {"outcolorspace": "rgb"}},
}
_PLAIN: Mapping[str, Any] = {"metadata": None, "software": False}


def _size(shape: Shape, level: int) -> tuple[int, int]:
    width, height = (count * shape.tile - shape.margin for count in shape.tiles)
    return width >> 2 * level, height >> 2 * level


def _write_thumbnail(tiff: Any, shape: Shape, base: tuple[int, int]) -> None:
    width, height = 160, max(16, 160 * base[1] // base[0])
    pixels = np.resize(_texture(1, 160), (height, width, 3))
    _write_strips(tiff, pixels, _description(shape, base, (width, height), thumbnail=True), subfiletype=0)


def _write_strips(tiff: Any, pixels: Pixels, description: str, *, subfiletype: int) -> None:
    tiff.write(
        pixels,
        photometric="rgb",
        subfiletype=subfiletype,
        rowsperstrip=16,
        compression="jpeg",
        compressionargs={"level": 80},
        description=description,
        **_PLAIN,
    )


def _description(
    shape: Shape, base: tuple[int, int], size: tuple[int, int], *, thumbnail: bool = False
) -> str:
    arrow = f" -> {size[0]}x{size[1]}" if size != base else ""
    kind = " - " if thumbnail else f" ({shape.tile}x{shape.tile}) {shape.codec.upper()}"
    facts = {"AppMag": "20", "MPP": shape.mpp, **shape.fields}
    pairs = "".join(f"|{key} = {value}" for key, value in facts.items() if value)
    return f"{shape.header} \r\n{base[0]}x{base[1]} [0,0 {base[0]}x{base[1]}]{kind}{arrow}{pairs}"


def _repeat(encoded: list[bytes], count: int, empty: frozenset[int]) -> Iterator[bytes]:
    for number in range(count):
        yield b"" if number in empty else encoded[number % len(encoded)]


def _texture(seed: int, size: int) -> Pixels:
    """Return a picture with colour, edges and noise, in the pinks of a stain."""
    generator = np.random.default_rng(seed)
    down, across = np.mgrid[0:size, 0:size] / size
    waves = np.sin(across * (7 + seed)) * np.cos(down * (5 + seed)) * 40
    noise = generator.normal(0, 14, (size, size))
    channels = [base + waves * weight + noise for base, weight in ((205, 0.6), (150, 1.2), (190, 0.8))]
    picture: Pixels = np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)
    return picture


def _encode(shape: Shape) -> tuple[list[bytes], bytes]:
    """Return encoded tiles, and the JPEG tables they share (TIFF tag 347) where they share any."""
    pictures = [_texture(seed, shape.tile) for seed in range(_TEXTURES)]
    if shape.codec == "lzw":
        return [bytes(imagecodecs.lzw_encode(picture.tobytes())) for picture in pictures], b""
    if shape.codec == "jp2k":
        return [_jpeg_2000(picture, transform=True) for picture in pictures], b""
    if shape.codec == "jp2k-ycbcr":
        return [_jpeg_2000(_to_ycbcr(picture), transform=False) for picture in pictures], b""
    rgb = shape.codec == "jpeg-rgb"
    full = [
        bytes(
            imagecodecs.jpeg8_encode(
                picture,
                level=80,
                colorspace="RGB",
                outcolorspace="RGB" if rgb else "YCbCr",
                subsampling=(1, 1) if rgb else (2, 2),
            )
        )
        for picture in pictures
    ]
    split = [_split_tables(stream) for stream in full]
    return [tile for tile, _ in split], split[0][1]


def _jpeg_2000(picture: Pixels, *, transform: bool) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(picture, level=38, codecformat="j2k", reversible=False, mct=transform)
    )


def _to_ycbcr(picture: Pixels) -> Pixels:
    matrix = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    converted: Pixels = np.clip(picture @ matrix.T + [0, 128, 128], 0, 255).round().astype(np.uint8)
    return converted


def _split_tables(stream: bytes) -> tuple[bytes, bytes]:
    """Split a JPEG stream into an abbreviated one, with frame and scan only, and its tables."""
    tile, tables = bytearray(b"\xff\xd8"), bytearray(b"\xff\xd8")
    at = 2
    while stream[at + 1] != 0xDA:
        stop = at + 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
        if stream[at + 1] in (0xDB, 0xC4):
            tables += stream[at:stop]
        elif not 0xE0 <= stream[at + 1] <= 0xEF:
            tile += stream[at:stop]
        at = stop
    return bytes(tile + stream[at:]), bytes(tables + b"\xff\xd9")
