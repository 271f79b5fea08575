"""A JPEG of a kind that DICOM has no transfer syntax for, or of several scans: decoded when it is first asked for."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._pixels import DECODING
from dicomanon.sources._restart_head import SEQUENTIAL
from dicomanon.sources._restart_tile import MOST_COLUMNS
from dicomanon.sources._slide import Lossy, PixelImage, Region
from dicomanon.sources._tiff import MAX_PIXELS
from dicomanon.sources._tiles import JPEG_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dicomanon.sources._restart import Place, Stream

_DECODABLE = (*SEQUENTIAL, 0xC2)
"""Processes that the codec library decodes: sequential, progressive (T.81 table B.1)."""


def tiled(image: PixelImage, tile: tuple[int, int] | None) -> PixelImage:
    """Return pixels that are to have frames of the rows and columns that other levels have, unless those are huge."""
    return image if tile is None or tile[1] > MOST_COLUMNS else replace(image, tile=tile)


def decoded(stream: Stream, place: Place) -> PixelImage:
    """Return a JPEG as pixels; raise SlideError where it is too large to be held, or of a kind nobody decodes."""
    head = stream.coding.head
    if head.process not in _DECODABLE or head.bits != 8 or len(head.sampling) not in (1, 3):
        raise SlideError(
            "a JPEG is of a kind that is not supported: sequential or progressive, 8 bits, gray or three colours are"
        )
    if (head.columns, head.rows) != (place.columns, place.rows):
        raise CorruptSlideError("a JPEG stream has another size than its image")
    if place.columns * place.rows > MAX_PIXELS:
        raise SlideError(
            "an image is a JPEG of a kind that DICOM has no transfer syntax for, and too large to be decoded as a whole"
        )
    return PixelImage(
        flavor=place.flavor,
        columns=place.columns,
        rows=place.rows,
        samples=len(head.sampling),
        spacing=place.spacing,
        paths=(place.path,),
        losses=(Lossy(JPEG_METHOD, stream.size),),
        resampled=place.resampled,
        read=_held(stream, 0 if place.path.fluorescence else 255),
        why="DICOM has no transfer syntax for its kind of JPEG",
    )


def _held(stream: Stream, ground: int) -> Callable[[Region], NDArray[Any]]:
    """Return a reader of what a stream decodes to, once; `ground` is what lies beyond."""
    held: list[NDArray[Any]] = []
    lock = Lock()

    def read(region: Region) -> NDArray[Any]:
        import numpy as np  # heavy

        with lock:
            if not held:
                held.append(_pixels(stream))
        found = held[0][region.top : region.top + region.rows, region.left : region.left + region.columns]
        out = np.full((region.rows, region.columns, found.shape[2]), ground, np.uint8)
        out[: found.shape[0], : found.shape[1]] = found
        return out

    return read


def _pixels(stream: Stream) -> NDArray[Any]:
    """Return rows x columns x samples; raise CorruptSlideError."""
    import imagecodecs  # heavy

    head = stream.coding.head
    data = stream.file.read(stream.begin - len(stream.head), stream.size)
    try:
        found: NDArray[Any] = imagecodecs.jpeg8_decode(data)
        return found.reshape((head.rows, head.columns, len(head.sampling)))
    except DECODING:
        raise CorruptSlideError("an image cannot be decoded") from None
