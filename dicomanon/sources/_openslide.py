"""Pixels through OpenSlide: for formats whose tiles overlap or have to be put together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources._slide import Lossy, PixelImage, Region

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._slide import Flavor

_JPEG_METHOD = "ISO_10918_1"
_WHITE = (255, 255, 255)


def open_with(path: Path, vendor: str) -> Any:
    """Return the open slide; raise CorruptSlideError where OpenSlide cannot read it, or takes it for another's."""
    import openslide  # heavy

    try:
        slide = openslide.OpenSlide(path)
    except (openslide.OpenSlideError, openslide.OpenSlideUnsupportedFormatError, OSError):
        raise CorruptSlideError("OpenSlide cannot read the slide") from None
    if slide.properties.get(openslide.PROPERTY_NAME_VENDOR) != vendor:
        slide.close()
        raise CorruptSlideError("OpenSlide takes the slide for one of another format")
    return slide


def level_pixels(
    slide: Any, stored: int, why: str, *, tile: tuple[int, int] = (512, 512)
) -> tuple[PixelImage, ...]:
    """Return the levels, each cut to the part that was scanned; `stored` are the bytes that pixels take in the file."""
    properties: Mapping[str, str] = slide.properties
    left, top = (int(properties.get(f"openslide.bounds-{axis}", 0)) for axis in "xy")
    columns = int(properties.get("openslide.bounds-width", slide.dimensions[0]))
    rows = int(properties.get("openslide.bounds-height", slide.dimensions[1]))
    spacing = _spacing(properties)
    every = sum(width * height for width, height in slide.level_dimensions)
    background = _background(properties)
    found = []
    for level, factor in enumerate(slide.level_downsamples):
        cut = (-(-columns // factor), -(-rows // factor))
        size = cut if _is_cut(properties) else slide.level_dimensions[level]
        width, height = (max(1, int(each)) for each in size)
        share = stored * slide.level_dimensions[level][0] * slide.level_dimensions[level][1] // every
        found.append(
            PixelImage(
                flavor="VOLUME",
                columns=width,
                rows=height,
                samples=3,
                spacing=None if spacing is None else (spacing[0] * factor, spacing[1] * factor),
                losses=(Lossy(_JPEG_METHOD, max(1, share)),),
                resampled=level > 0,
                read=partial(_read, slide, level, factor, (left, top), (width, height), background),
                tile=tile,
                why=why,
            )
        )
    return tuple(found)


def _is_cut(properties: Mapping[str, str]) -> bool:
    return "openslide.bounds-width" in properties


def _spacing(properties: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        return float(properties["openslide.mpp-y"]) / 1000, float(properties["openslide.mpp-x"]) / 1000
    except (KeyError, ValueError):
        return None


def _background(properties: Mapping[str, str]) -> tuple[int, ...]:
    colour = properties.get("openslide.background-color", "FFFFFF")
    try:
        return tuple(bytes.fromhex(colour))
    except ValueError:
        return _WHITE


def _read(
    slide: Any,
    level: int,
    factor: float,
    origin: tuple[int, int],
    size: tuple[int, int],
    background: tuple[int, ...],
    region: Region,
) -> NDArray[Any]:
    import numpy as np  # heavy
    import openslide  # heavy

    at = (origin[0] + round(region.left * factor), origin[1] + round(region.top * factor))
    columns, rows = min(region.columns, size[0] - region.left), min(region.rows, size[1] - region.top)
    try:
        picture = np.asarray(slide.read_region(at, level, (columns, rows)))
    except (openslide.OpenSlideError, OSError):
        raise CorruptSlideError("OpenSlide cannot read a tile") from None
    out = np.full((region.rows, region.columns, 3), background, np.uint8)
    out[:rows, :columns] = over(picture, background)
    return out


def over(picture: NDArray[Any], background: tuple[int, ...]) -> NDArray[Any]:
    """Return RGBA laid over a background, as RGB."""
    import numpy as np  # heavy

    alpha = picture[:, :, 3:]
    if alpha.min() == 255:
        return picture[:, :, :3]
    colours = picture[:, :, :3].astype(np.uint16)
    ground = np.array(background, np.uint16)
    laid: NDArray[Any] = ((colours * alpha + ground * (255 - alpha) + 127) // 255).astype(np.uint8)
    return laid


def associated_pixels(slide: Any, name: str, flavor: Flavor, *, resampled: bool = False) -> PixelImage | None:
    """Return an associated image, which is held in memory, None where the slide has none of the name."""
    import numpy as np  # heavy
    import openslide  # heavy

    try:
        if name not in slide.associated_images:
            return None
        pixels = over(np.asarray(slide.associated_images[name]), _WHITE)
    except (openslide.OpenSlideError, OSError):
        raise CorruptSlideError("OpenSlide cannot read an associated image") from None
    return held_pixels(pixels, flavor, "OpenSlide gives it as pixels", resampled=resampled)


def held_pixels(pixels: NDArray[Any], flavor: Flavor, why: str, *, resampled: bool = False) -> PixelImage:
    """Return an image whose pixels, rows x columns x samples, are in memory: one frame."""
    rows, columns, samples = pixels.shape
    return PixelImage(
        flavor=flavor,
        columns=columns,
        rows=rows,
        samples=samples,
        spacing=None,
        losses=(Lossy(_JPEG_METHOD, max(1, pixels.nbytes // 10)),),
        resampled=resampled,
        read=lambda region: pixels[
            region.top : region.top + region.rows, region.left : region.left + region.columns
        ],
        tile=(rows, columns),
        why=why,
    )
