"""Samples as a person would see them, and what black and white are in samples (PS3.3 C.7.6.3.1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.pixels.codecs import HTJ2K, JPEG_2000

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.pixels.codecs import Samples
    from dicomanon.pixels.picture import Picture

    Image = NDArray[np.uint8]

_TRANSFORMED = JPEG_2000 | HTJ2K
"""Transfer syntaxes whose decoded samples are RGB whatever the photometric interpretation was."""


def is_rgb(picture: Picture) -> bool:
    """Tell whether decoded samples are red, green and blue."""
    return picture.photometric == "RGB" or picture.transfer_syntax_uid in _TRANSFORMED


def fill_of(picture: Picture, colour: str) -> tuple[int, ...]:
    """Return the sample values of `black` or `white` as `codecs.decode` would give them."""
    most = (1 << picture.bits_stored) - 1
    bright = colour == "white"
    if picture.samples == 1:
        bright ^= picture.photometric == "MONOCHROME1"
        if picture.signed:
            half = 1 << (picture.bits_stored - 1)
            return (half - 1 if bright else (1 << picture.bits_allocated) - half,)
        return (most if bright else 0,)
    if is_rgb(picture):
        return (most if bright else 0,) * 3
    middle = 1 << (picture.bits_stored - 1)
    return (most if bright else 0, middle, middle)


def shown(samples: Samples, picture: Picture) -> Image:
    """Return decoded samples as an array (rows, columns, 3) of 8-bit RGB; more bits are spread between the extremes."""
    import numpy as np  # heavy

    if picture.samples == 1:
        grey = _eight_bits(samples[:, :, 0], picture)
        if picture.photometric == "MONOCHROME1":
            grey = 255 - grey
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    eight: Any = samples >> max(picture.bits_stored - 8, 0)
    if picture.bits_stored < 8:
        eight = eight << (8 - picture.bits_stored)
    if is_rgb(picture):
        return np.ascontiguousarray(eight, np.uint8)
    light = eight[:, :, 0].astype(np.float32)
    blue, red = (eight[:, :, each].astype(np.float32) - 128 for each in (1, 2))
    rgb = np.stack((light + 1.402 * red, light - 0.344136 * blue - 0.714136 * red, light + 1.772 * blue), 2)
    return rgb.clip(0, 255).astype(np.uint8)


def _eight_bits(values: Any, picture: Picture) -> Any:
    import numpy as np  # heavy

    wide = values.astype(np.int32)
    if picture.signed:
        wide = values.view(f"{values.dtype.byteorder}i{values.dtype.itemsize}").astype(np.int32)
    low, high = (float(each) for each in np.percentile(wide, (0.1, 99.9)))
    return ((wide - low) * (255 / max(high - low, 1))).clip(0, 255).astype(np.uint8)


def from_rgb(image: Image, picture: Picture) -> Samples:
    """Return an 8-bit RGB picture as samples of another one's photometric interpretation and bits."""
    import numpy as np  # heavy

    wide: Any = image.astype(np.float32)
    if picture.samples == 1:
        grey = wide @ np.array((0.299, 0.587, 0.114), np.float32)
        wide = (255 - grey if picture.photometric == "MONOCHROME1" else grey)[:, :, np.newaxis]
    elif not is_rgb(picture):
        light = wide @ np.array((0.299, 0.587, 0.114), np.float32)
        blue, red = (wide[:, :, 2] - light) / 1.772 + 128, (wide[:, :, 0] - light) / 1.402 + 128
        wide = np.stack((light, blue, red), 2)
    scaled = wide * (((1 << picture.bits_stored) - 1) / 255)
    kind = np.uint8 if picture.bits_allocated == 8 else np.uint16
    found: Samples = scaled.round().clip(0, (1 << picture.bits_stored) - 1).astype(kind)
    return found
