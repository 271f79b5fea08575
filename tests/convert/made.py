"""Slides held in memory, for what no small file shows: channels, focal planes, scenes, pixels to be encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dicomanon.sources import Lossy, OpticalPath, PixelImage, Region, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest
    from numpy.typing import NDArray


def picture(rows: int, columns: int, samples: int = 3, bits: int = 8, seed: int = 1) -> NDArray[Any]:
    """Return a smooth picture with some noise."""
    down, across = np.mgrid[0:rows, 0:columns]
    waves = np.sin(across / 37 + seed) * np.cos(down / 23) * 60 + 160
    noise = np.random.default_rng(seed).normal(0, 3, (rows, columns))
    channels = [np.clip(waves + noise + 10 * each, 0, 255) for each in range(samples)]
    scale = 257 if bits == 16 else 1
    return (np.stack(channels, -1) * scale).astype(np.uint16 if bits == 16 else np.uint8)


def pixel_image(pictures: dict[tuple[int, int], NDArray[Any]], **changes: Any) -> PixelImage:
    """Return an image of pictures by path and plane."""
    first = pictures[0, 0]
    blank = np.iinfo(first.dtype).max

    def read(region: Region) -> NDArray[Any]:
        whole = pictures[region.path, region.plane]
        part = whole[region.top : region.top + region.rows, region.left : region.left + region.columns]
        out = np.full((region.rows, region.columns, whole.shape[2]), blank, whole.dtype)
        out[: part.shape[0], : part.shape[1]] = part
        return out

    planes = 1 + max(plane for _, plane in pictures)
    paths = 1 + max(path for path, _ in pictures)
    facts: dict[str, Any] = {
        "flavor": "VOLUME",
        "columns": first.shape[1],
        "rows": first.shape[0],
        "samples": first.shape[2],
        "bits": first.dtype.itemsize * 8,
        "spacing": (0.0005, 0.0005),
        "planes": planes,
        "plane_spacing": 0.002 if planes > 1 else None,
        "paths": tuple(
            OpticalPath(fluorescence=True, excitation=400.0 + 50 * n, emission=460.0 + 50 * n)
            for n in range(paths)
        )
        if paths > 1
        else (OpticalPath(),),
        "read": read,
        "tile": (64, 96),
        "why": "it is made for a test",
    }
    return PixelImage(**(facts | changes))


def slide_of(*levels: PixelImage, others: tuple[PixelImage, ...] = ()) -> SlideSource:
    """Return a slide of these images."""
    return SlideSource(
        format="generic_tiff",
        fingerprint=b"made",
        metadata=SlideMetadata(name="made", barcode="S26-1234-A1-HE"),
        levels=levels,
        others=others,
        close=lambda: None,
    )


def opens(monkeypatch: pytest.MonkeyPatch, slide: SlideSource) -> None:
    """Let the slide be what opening any path gives."""
    import dicomanon.convert.prepare

    opener: Callable[..., SlideSource] = lambda _path, *, named=True: slide  # noqa: ARG005, E731
    monkeypatch.setattr(dicomanon.convert.prepare, "open_slide", opener)


def losses(size: int = 1000) -> tuple[Lossy, ...]:
    """Return one lossy compression."""
    return (Lossy("ISO_10918_1", size),)


def is_empty(folder: Path) -> bool:
    """Tell whether nothing is in a folder."""
    return not any(folder.iterdir())
