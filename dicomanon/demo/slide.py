"""A slide of nobody: an SVS with the texture of a stained section, a written label, and fake identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dicomanon.demo.letters import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

NAME = "S26-04711_MUSTERFRAU.svs"
WIDTH, HEIGHT, TILE = 2048, 1536, 256
_LABEL = ("DEMO HOSPITAL", "MUSTERFRAU ERIKA", "S26-04711 A1", "H&E")
_SOFTWARE = "Aperio Image Library v12.0.15"
_FIELDS = (
    "AppMag = 20|MPP = 0.4990|ScanScope ID = SS71302|Filename = S26-04711_MUSTERFRAU|Date = 03/21/26|"
    "Time = 13:50:13|Time Zone = GMT+01:00|User = 5b1c7f5e-demo-user|Title = MUSTERFRAU, ERIKA S26-04711|"
    "DSR ID = DEMO-SCAN-WS07|ImageID = 1004711|Barcode = S26-04711-A1"
)
_GLASS = np.array((243, 241, 244), np.float32)
_STROMA = np.array((232, 158, 196), np.float32)
_NUCLEUS = np.array((96, 62, 138), np.float32)
_NUCLEI = 5000


def make_slide(path: Path) -> None:
    """Write two levels of JPEG tiles, thumbnail, LZW label and macro, as the vendor lays them out."""
    import tifffile  # heavy

    section = _section()
    size = f"{WIDTH}x{HEIGHT}"
    with tifffile.TiffWriter(path) as tiff:
        _write_level(tiff, section, f"{_SOFTWARE} \r\n{size} [0,0 {size}] (256x256) JPEG Q=80|{_FIELDS}")
        small = _smaller(section, 8)
        text = f"{_SOFTWARE} \r\n{size} [0,0 {size}] - -> {small.shape[1]}x{small.shape[0]}|{_FIELDS}"
        _write_strips(tiff, small, text, compression="jpeg")
        quarter = _smaller(section, 4)
        arrow = f"-> {quarter.shape[1]}x{quarter.shape[0]}"
        _write_level(
            tiff, quarter, f"{_SOFTWARE} \r\n{size} [0,0 {size}] (256x256) {arrow} JPEG Q=80|{_FIELDS}"
        )
        label = _label()
        text = f"{_SOFTWARE} \r\nlabel {label.shape[1]}x{label.shape[0]}"
        _write_strips(tiff, label, text, subfiletype=1, compression="lzw")
        macro = _macro(label, section)
        text = f"{_SOFTWARE} \r\nmacro {macro.shape[1]}x{macro.shape[0]}"
        _write_strips(tiff, macro, text, subfiletype=9, compression="jpeg")


def _write_level(tiff: Any, picture: Picture, description: str) -> None:
    tiff.write(
        _tiles(picture),
        shape=picture.shape,
        dtype=np.uint8,
        tile=(TILE, TILE),
        photometric="rgb",
        compression="jpeg",
        compressionargs={"level": 80},
        description=description,
        metadata=None,
        software=False,
    )


def _write_strips(tiff: Any, picture: Picture, description: str, **how: Any) -> None:
    arguments = {"compressionargs": {"level": 80}} if how["compression"] == "jpeg" else {}
    tiff.write(
        picture,
        photometric="rgb",
        rowsperstrip=16,
        description=description,
        metadata=None,
        software=False,
        **arguments,
        **how,
    )


def _tiles(picture: Picture) -> Iterator[Picture]:
    """Yield tiles row by row; those at the edges are filled up with glass."""
    rows, columns = picture.shape[:2]
    for top in range(0, rows, TILE):
        for left in range(0, columns, TILE):
            tile = np.full((TILE, TILE, 3), _GLASS, np.uint8)
            part = picture[top : top + TILE, left : left + TILE]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile


def _section() -> Picture:
    """Return a section on glass: waves of stroma, and nuclei that lie closer where the waves are high."""
    chance = np.random.default_rng(4711)
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / HEIGHT
    waves = np.sin(across * 23 + np.sin(down * 11) * 2) * np.cos(down * 19 + np.sin(across * 7))
    tissue = ((across - 0.68) / 0.58) ** 2 + ((down - 0.5) / 0.42) ** 2 + waves * 0.07 < 1
    shade = np.where(tissue, 0.75 + waves * 0.25, 0)[..., None]
    picture = _GLASS * (1 - shade) + _STROMA * shade
    for row, column, radius in zip(
        chance.integers(10, HEIGHT - 10, _NUCLEI),
        chance.integers(10, WIDTH - 10, _NUCLEI),
        chance.integers(3, 8, _NUCLEI),
        strict=True,
    ):
        if tissue[row, column] and waves[row, column] > chance.uniform(-1, 0.6):
            dy, dx = np.ogrid[-radius : radius + 1, -radius : radius + 1]
            disc = dy**2 + dx**2 * 1.6 <= radius**2
            picture[row - radius : row + radius + 1, column - radius : column + radius + 1][disc] = _NUCLEUS
    noise = chance.normal(0, 5, (HEIGHT, WIDTH, 1)).astype(np.float32)
    section: Picture = np.clip(picture + noise, 0, 255).astype(np.uint8)
    return section


def _smaller(picture: Picture, factor: int) -> Picture:
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    blocks = picture[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor, 3)
    small: Picture = blocks.mean(axis=(1, 3)).astype(np.uint8)
    return small


def _label() -> Picture:
    picture = np.full((360, 400, 3), 250, np.uint8)
    for line, text in enumerate(_LABEL):
        dots = written(text, 4)
        picture[30 + 80 * line : 30 + 80 * line + dots.shape[0], 8 : 8 + dots.shape[1]][dots] = 20
    return picture


def _macro(label: Picture, section: Picture) -> Picture:
    """Return the whole slide as the overview camera sees it: the label, then the section on glass."""
    picture = np.full((400, 1200, 3), _GLASS, np.uint8)
    picture[20:380, 10:410] = label
    small = _smaller(section, 4)[:, 40:-40]
    picture[8 : 8 + small.shape[0], 560 : 560 + small.shape[1]] = small
    return picture
