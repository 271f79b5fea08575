"""A JPEG frame of other pixels with the quantisation and the subsampling of one that was there before."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.pixels.codecs import encode

if TYPE_CHECKING:
    from dicomanon.pixels.codecs import Samples
    from dicomanon.pixels.picture import Picture


def encode_as(frame: bytes, samples: Samples, picture: Picture) -> bytes:
    """Return samples as a JPEG whose quality is that of `frame`; those of 12 bits get the quality of new pictures."""
    if picture.bits_allocated != 8:
        return encode(samples, picture)
    from PIL import Image, JpegImagePlugin  # heavy: the one library that takes quantisation tables

    try:
        source = Image.open(io.BytesIO(frame))
        tables = source.quantization  # type: ignore[attr-defined]
        sampling = JpegImagePlugin.get_sampling(source)
    except (OSError, ValueError, SyntaxError):
        raise MalformedError("a frame does not decode") from None
    out = io.BytesIO()
    if picture.samples == 1:
        Image.fromarray(samples[:, :, 0]).save(out, "JPEG", qtables=tables)
    elif picture.photometric == "RGB":
        Image.fromarray(samples).save(out, "JPEG", qtables=tables, keep_rgb=True, subsampling=0)
    else:
        whole = Image.frombytes("YCbCr", (picture.columns, picture.rows), samples.tobytes())
        whole.save(out, "JPEG", qtables=tables, subsampling=max(sampling, 0))
    return out.getvalue()
