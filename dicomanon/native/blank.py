"""Pictures of nothing: valid streams of a declared compression, to stand where a label was."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import TYPE_CHECKING

from dicomanon.errors import SlideError
from dicomanon.native.heads import jpeg_head

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

WHITE = 255
_NONE, _LZW, _JPEG, _DEFLATE, _OLD_DEFLATE, _PACKBITS = 1, 5, 7, 8, 32946, 32773
_RGB, _WHITE_IS_ZERO = 2, 0
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"BM", b"II*\0", b"MM\0*", b"GIF8", b"\0\0\0\x0cjP")
_BASE64 = re.compile(rb"[A-Za-z0-9+/\s]{128,}={0,2}\s*")
_LEAST = 128
"""Characters of base64 that no picture fits into."""


def blank_stream(
    compression: int,
    shape: tuple[int, int, int],
    *,
    photometric: int = _RGB,
    predictor: int = 1,
    subsampling: tuple[int, int] = (2, 2),
) -> bytes:
    """Return white in rows x columns x samples of 8 bits as TIFF tag 259 says; raise SlideError for what we cannot."""
    import numpy as np  # heavy

    white = np.full(shape, 0 if photometric == _WHITE_IS_ZERO else WHITE, np.uint8)
    if compression == _JPEG:
        return _jpeg(white, photometric, subsampling)
    if predictor == 2:
        white[:, 1:] = 0
    elif predictor != 1:
        raise SlideError("the label image has a predictor that a blank cannot be made for")
    encode: dict[int, Callable[[bytes], bytes]] = {
        _NONE: bytes,
        _LZW: _lzw,
        _DEFLATE: zlib.compress,
        _OLD_DEFLATE: zlib.compress,
        _PACKBITS: _packbits,
    }
    if compression not in encode:
        raise SlideError("the label image has a compression that a blank cannot be made for")
    return encode[compression](white.tobytes())


def _lzw(data: bytes) -> bytes:
    import imagecodecs  # heavy

    return bytes(imagecodecs.lzw_encode(data))


def _packbits(data: bytes) -> bytes:
    runs = [data[at : at + 128] for at in range(0, len(data), 128)]
    return b"".join(bytes((257 - len(run), run[0])) if len(run) > 1 else b"\0" + run for run in runs)


def _jpeg(white: NDArray[np.uint8], photometric: int, subsampling: tuple[int, int]) -> bytes:
    import imagecodecs  # heavy

    if white.shape[2] == 1:
        return bytes(imagecodecs.jpeg8_encode(white[..., 0], level=50))
    colour = "RGB" if photometric == _RGB else "YCbCr"
    sampling = (1, 1) if photometric == _RGB else subsampling
    return bytes(
        imagecodecs.jpeg8_encode(
            white, level=50, colorspace="RGB", outcolorspace=colour, subsampling=sampling
        )
    )


def is_picture(text: bytes) -> bool:
    """Tell whether a text is a picture in base64."""
    if not _BASE64.fullmatch(text):
        return False
    front = b"".join(text[:64].split())
    try:
        return base64.b64decode(front[: len(front) // 4 * 4]).startswith(_PICTURES)
    except binascii.Error:
        return False


def blank_base64(text: bytes) -> bytes:
    """Return a white picture in base64 in place of one, as long as it, line ends where they were."""
    places = [at for at, byte in enumerate(text) if byte not in b" \t\r\n"]
    room = len(places) // 4 * 3
    picture = blank_stream(_JPEG, (16, 16, 3), photometric=6)
    filled = picture.ljust(room, b"\0") if len(places) >= _LEAST and len(picture) <= room else bytes(room)
    packed = base64.b64encode(filled).ljust(len(places), b"=")
    found = bytearray(text)
    for at, byte in zip(places, packed, strict=True):
        found[at] = byte
    return bytes(found)


def scan_of_base64(text: bytes) -> int:
    """Return from which character on a picture in base64 is its own: the head of a JPEG is like many others."""
    front = b"".join(text[: 1 << 14].split())
    head = bytearray(base64.b64decode(front[: len(front) // 4 * 4]))
    if not head.startswith(b"\xff\xd8"):
        return 0
    scan, _ = jpeg_head(head, 0, len(head))
    return min(len(text), -(-scan // 3) * 4 + 4)
