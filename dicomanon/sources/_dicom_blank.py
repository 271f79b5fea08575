"""A frame for a place where the scanner stored none: white, or zero where samples are gray."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dicomanon.errors import InstanceError, SlideError
from dicomanon.part10.encoding import EXPLICIT_LITTLE
from dicomanon.pixels.codecs import JPEG, decode, encode
from dicomanon.pixels.picture import picture_of
from dicomanon.sources._jpeg import read_head

if TYPE_CHECKING:
    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.picture import Picture

_NEAR = 3
"""By how much a colour may differ that went through a codec."""
_QUALITY = 90
_NONE = "there are places without a frame, and none can be made in their transfer syntax"


def blank_frame(instance: Instance, sample: bytes) -> bytes:
    """Return an empty frame in the transfer syntax of an instance, of even length; `sample` is one of its frames.

    Raises SlideError where there is no codec for it, or the codec makes another colour of it.
    """
    import numpy as np  # heavy

    try:
        picture = picture_of(instance)
        if not picture.encapsulated:
            picture = replace(picture, transfer_syntax_uid=EXPLICIT_LITTLE)
        values = _colour(picture)
        shape = (picture.rows, picture.columns, picture.samples)
        samples = np.empty(shape, f"u{picture.bits_allocated // 8}")
        samples[:] = values
        made = _encoded(samples, picture, sample)
        found = decode(made, picture).astype(int)
    except (InstanceError, RuntimeError, ValueError):
        raise SlideError(_NONE) from None
    if np.abs(found - samples).max() > _NEAR:
        raise SlideError(_NONE)
    return made + b"\0" if len(made) & 1 and picture.encapsulated else made


def _colour(picture: Picture) -> tuple[int, ...]:
    """Return what a sample is of each component as it is stored, or handed to the codec."""
    if picture.samples == 1:
        return (0,)
    most = (1 << picture.bits_stored) - 1
    if picture.photometric.startswith("YBR_FULL"):
        return (most, (most + 1) // 2, (most + 1) // 2)
    return (most, most, most)


def _encoded(samples: Any, picture: Picture, sample: bytes) -> bytes:
    if picture.transfer_syntax_uid in JPEG and picture.samples == 3 and picture.bits_allocated == 8:
        import imagecodecs  # heavy

        space = "RGB" if picture.photometric == "RGB" else "YCBCR"
        subsampling = read_head(sample).sampling[0]
        return bytes(
            imagecodecs.jpeg8_encode(
                samples, level=_QUALITY, colorspace=space, outcolorspace=space, subsampling=subsampling
            )
        )
    return encode(samples, picture)
