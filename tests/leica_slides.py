"""Synthetic Leica SCN slides: the glass, scenes with channels and focal planes, a label; a canary in every place."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import tifffile

from tests.philips_slides import texture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.philips_slides import Pixels

BARCODE = "CANARYBARCODE-B2|S26-77002"
NAMESPACE = "http://www.leica-microsystems.com/scn/2010/10/01"
_TILE = 64
_GLASS = (26_000_000, 76_000_000)


@dataclass(frozen=True, slots=True)
class Scene:
    """One scan: its size, levels, each a quarter as wide and high, channels and focal planes."""

    columns: int = 200
    rows: int = 150
    levels: int = 2
    channels: int = 1
    planes: int = 1
    objective: str = "20"
    fluorescence: bool = False
    stored: bool = True
    """Whether tiles are in JPEG; decoded pixels else."""


@dataclass(frozen=True, slots=True)
class Slide:
    """What to make: scenes, the glass in so many pieces, and a label."""

    scenes: tuple[Scene, ...] = (Scene(),)
    wholes: tuple[Scene, ...] = (Scene(columns=65, rows=190, objective="0.6"),)
    label: bool = True
    nm: int = 500


def make_scn(path: Path, slide: Slide | None = None) -> Path:
    """Write a slide to `path` and return it."""
    slide = slide or Slide()
    numbers = iter(range(1000))
    images = [_image(slide, each, numbers, at) for at, each in enumerate((*slide.wholes, *slide.scenes))]
    label = f'<supplementalImage type="label" ifd="{next(numbers)}"/>' if slide.label else ""
    barcode = base64.b64encode(BARCODE.encode()).decode()
    text = (
        f'<?xml version="1.0"?><scn xmlns="{NAMESPACE}"><!--CANARYCOMMENT-->'
        f'<collection name="CANARYCOLLECTION, ZOE" uuid="CANARYUUID" ocr="CANARYOCR &amp; more"'
        f' sizeX="{_GLASS[0]}" sizeY="{_GLASS[1]}"><barcode>{barcode}</barcode>'
        f"<operator>CANARYOPERATOR</operator>{''.join(images)}{label}</collection></scn>"
    )
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        first = True
        for scene in (*slide.wholes, *slide.scenes):
            for level, channel, plane in _places(scene):
                _write(tiff, scene, plane_pixels(scene, level, channel, plane), text if first else None)
                first = False
        if slide.label:
            tiff.write(
                texture(9, 40, 56), photometric="rgb", compression="jpeg", metadata=None, software=False
            )
    return path


def _places(scene: Scene) -> list[tuple[int, int, int]]:
    return [
        (level, channel, plane)
        for level in range(scene.levels)
        for channel in range(scene.channels)
        for plane in range(scene.planes)
    ]


def plane_pixels(scene: Scene, level: int, channel: int, plane: int) -> Pixels:
    """Return the pixels of one page."""
    pixels = texture(1 + level + 3 * channel + 7 * plane, *_size(scene, level))
    return pixels[:, :, 0] if scene.fluorescence else pixels


def _size(scene: Scene, level: int) -> tuple[int, int]:
    return max(1, scene.rows >> 2 * level), max(1, scene.columns >> 2 * level)


def _write(tiff: Any, scene: Scene, pixels: Pixels, text: str | None) -> None:
    named: dict[str, Any] = {} if text is None else {"description": text, "datetime": "2026:03:07 16:02:38"}
    extra = [] if text is None else [(271, 2, 0, "CANARYMAKE", True), (315, 2, 0, "CANARYARTIST", True)]
    gray = pixels.ndim == 2
    stored: dict[str, Any] = {"compression": "jpeg", "subsampling": (1, 1)} if scene.stored else {}
    if gray:
        stored.pop("subsampling", None)
    tiff.write(
        _tiles(pixels) if scene.stored else pixels.astype(np.uint16) * 200,
        shape=pixels.shape,
        dtype=np.uint8 if scene.stored else np.uint16,
        tile=(_TILE, _TILE),
        photometric="minisblack" if gray else "ycbcr" if scene.stored else "rgb",
        metadata=None,
        software="Leica SCN" if text else False,
        extratags=extra,
        resolution=(20000, 20000),
        resolutionunit="CENTIMETER",
        **stored,
        **named,
    )


def _tiles(pixels: Pixels) -> Iterator[bytes]:
    down, across = (-size % _TILE for size in pixels.shape[:2])
    whole = np.pad(pixels, ((0, down), (0, across), (0, 0))[: pixels.ndim], mode="edge")
    for top in range(0, whole.shape[0], _TILE):
        for left in range(0, whole.shape[1], _TILE):
            tile = np.ascontiguousarray(whole[top : top + _TILE, left : left + _TILE])
            colours: dict[str, Any] = {}
            if tile.ndim == 3:
                colours = {"colorspace": "RGB", "outcolorspace": "YCbCr", "subsampling": (1, 1)}
            yield bytes(imagecodecs.jpeg8_encode(tile, level=90, **colours))


def _image(slide: Slide, scene: Scene, numbers: Iterator[int], at: int) -> str:
    whole = scene in slide.wholes
    size = _GLASS if whole else (scene.columns * slide.nm, scene.rows * slide.nm)
    offset = 0 if whole else 1_000_000 * (at + 1)
    dimensions = "".join(
        f'<dimension sizeX="{_size(scene, level)[1]}" sizeY="{_size(scene, level)[0]}"'
        f' r="{level}" c="{channel}" z="{plane}" ifd="{next(numbers)}"/>'
        for level, channel, plane in _places(scene)
    )
    channels = "".join(
        f'<channel index="{channel}" name="CANARYCHANNEL{channel}" rgb="#0000FF"><fluorescenceCube name="CANARYCUBE">'
        f"<excitationFilter>BP {405 + 100 * channel}/60</excitationFilter>"
        f"<suppressionFilter>{470 + 100 * channel}/50</suppressionFilter></fluorescenceCube></channel>"
        for channel in range(scene.channels)
    )
    return (
        f'<image name="CANARYIMAGE{at}" uuid="CANARYIMAGEUUID{at}">'
        f"<creationDate>2026-03-07T16:0{at}:37.25Z</creationDate>"
        '<device model="Leica SCN400;Leica SCN" version="1.5.1.10804 2012/05/10 13:29:07;1.5.1.10864"'
        ' serialNumber="CANARYSERIAL"/>'
        f'<pixels sizeX="{scene.columns}" sizeY="{scene.rows}">{dimensions}</pixels>'
        f'<view sizeX="{size[0]}" sizeY="{size[1]}" offsetX="{offset}" offsetY="{offset}" spacingZ="1500"/>'
        f"<scanSettings><objectiveSettings><objective>{scene.objective}</objective></objectiveSettings>"
        f"<illuminationSettings><illuminationSource>{'fluorescence' if scene.fluorescence else 'brightfield'}"
        f"</illuminationSource></illuminationSettings>"
        f"{f'<channelSettings>{channels}</channelSettings>' if scene.fluorescence else ''}</scanSettings></image>"
    )
