"""A page that can only be decoded as a whole: once, when it is first asked for, and held."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._pixels import DECODING, LOSSY
from dicomanon.sources._slide import Lossy, PixelImage, Region
from dicomanon.sources._tiff import JPEG, MAX_PIXELS, check_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._restart import Place

_JPEG_XR = 22610


def whole_pixels(file: FileBytes, page: Any, strip: tuple[int, int], place: Place) -> PixelImage:
    """Return a page as pixels; raise SlideError where it is too large to be held, or of a kind DICOM has not."""
    check_page(page)
    if place.columns * place.rows > MAX_PIXELS:
        raise SlideError(
            "a level is one picture that can only be decoded as a whole, and too large for that: "
            "its JPEG has no restart markers to cut it at"
        )
    if strip[0] + strip[1] > file.size:
        raise CorruptSlideError("an image lies beyond the end of the file")
    samples, bits = int(page.samplesperpixel), int(page.bitspersample)
    method = "ISO_29199_2" if page.compression == _JPEG_XR else LOSSY.get(int(page.compression))

    def decode() -> NDArray[Any]:
        import imagecodecs  # heavy
        import numpy as np  # heavy

        try:
            data = file.read(*strip) if page.compression == JPEG else b""
            pixels = np.asarray(imagecodecs.jpeg8_decode(data) if data else page.asarray(squeeze=True))
            return pixels.reshape((place.rows, place.columns, samples))
        except DECODING:
            raise CorruptSlideError("an image cannot be decoded") from None

    return PixelImage(
        flavor=place.flavor,
        columns=place.columns,
        rows=place.rows,
        samples=samples,
        bits=bits,
        spacing=place.spacing,
        paths=(place.path,),
        losses=(Lossy(method, strip[1]),) if method else (),
        resampled=place.resampled,
        read=_held(decode, 0 if place.path.fluorescence else (1 << bits) - 1),
        exact=method is None,
        why="it is one picture without restart markers",
    )


def _held(decode: Callable[[], NDArray[Any]], ground: int) -> Callable[[Region], NDArray[Any]]:
    """Return a reader of what `decode` gives, which is called once; `ground` is what lies beyond."""
    held: list[NDArray[Any]] = []
    lock = Lock()

    def read(region: Region) -> NDArray[Any]:
        import numpy as np  # heavy

        with lock:
            if not held:
                held.append(decode())
        found = held[0][region.top : region.top + region.rows, region.left : region.left + region.columns]
        out = np.full((region.rows, region.columns, found.shape[2]), ground, found.dtype)
        out[: found.shape[0], : found.shape[1]] = found
        return out

    return read
