"""Pixels of a TIFF page, decoded region by region: for pages whose tiles or strips are no frames for DICOM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._slide import Flavor, Lossy, PixelImage, Region

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes

WHITE_IS_ZERO = 0
LOSSY = {
    6: "ISO_10918_1",
    7: "ISO_10918_1",
    33003: "ISO_15444_1",
    33004: "ISO_15444_1",
    33005: "ISO_15444_1",
    34712: "ISO_15444_1",
    22610: "ISO_29199_2",
    34934: "ISO_29199_2",
    50001: "WEBP",
    50002: "ISO_18181_1",
}
"""TIFF compressions that lose, or may lose, and what DICOM calls them."""
DECODING = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What codecs raise on damaged input."""
_MAX_ROTATED = 1 << 26
_MAX_PIECE = 1 << 28
"""Samples of one tile or strip, which is decoded as a whole."""


def page_pixels(
    file: FileBytes,
    page: Any,
    flavor: Flavor,
    spacing: tuple[float, float] | None,
    *,
    resampled: bool,
    scene: int,
    whole: bool = False,
) -> PixelImage:
    """Return a page as pixels, `whole` as one frame: without alpha, white-is-zero turned, a page on its side upright.

    Raises SlideError where a strip, or a page that has to be turned, is too large to be held.
    """
    size = (int(page.imagelength), int(page.imagewidth))
    high, wide = _piece(page)
    if high * wide * page.samplesperpixel > _MAX_PIECE:
        raise SlideError("a strip of the image has more pixels than can be held")
    tag = page.tags.get(274)
    orientation = int(tag.value) if tag is not None else 1
    read: Callable[[Region], NDArray[Any]] = _reader(file, page)
    if orientation not in (0, 1):
        if size[0] * size[1] > _MAX_ROTATED:
            raise SlideError("an image that lies on its side is too large to be turned")
        read, size = _turned(read, size, orientation)
        spacing = None if spacing is None else spacing[::-1] if orientation > 4 else spacing
    method = LOSSY.get(int(page.compression))
    return PixelImage(
        flavor=flavor,
        columns=size[1],
        rows=size[0],
        samples=_kept_samples(page),
        bits=int(page.bitspersample),
        spacing=spacing,
        losses=(Lossy(method, sum(page.databytecounts)),) if method else (),
        resampled=resampled,
        scene=scene,
        read=read,
        exact=method is None,
        tile=size if whole else _tile(page, orientation),
        why=_why(page, orientation),
    )


def _kept_samples(page: Any) -> int:
    return int(page.samplesperpixel) - len(page.extrasamples)


def _why(page: Any, orientation: int) -> str:
    if orientation not in (0, 1):
        return "it lay on its side, or was mirrored"
    return "its samples have no place in DICOM as they are" if page.is_tiled else "it is stored in strips"


def _tile(page: Any, orientation: int) -> tuple[int, int]:
    upright = page.is_tiled and orientation in (0, 1)
    return (int(page.tilelength), int(page.tilewidth)) if upright else (512, 512)


def _piece(page: Any) -> tuple[int, int]:
    """Return rows and columns of a tile or strip."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _reader(file: FileBytes, page: Any) -> Callable[[Region], NDArray[Any]]:
    """Return a function that decodes the tiles or strips that a region touches."""
    kept = _kept_samples(page)
    apart = page.planarconfig == 2 and page.samplesperpixel > 1
    high, wide = _piece(page)
    across, down = -(-page.imagewidth // wide), -(-page.imagelength // high)
    blank = (1 << page.bitspersample) - 1 if page.photometric != WHITE_IS_ZERO else 0

    def read(region: Region) -> NDArray[Any]:
        import numpy as np  # heavy

        kind = np.uint8 if page.bitspersample == 8 else np.uint16
        out = np.full((region.rows, region.columns, kept), blank, kind)
        bottom, right = (
            min(region.top + region.rows, page.imagelength),
            min(region.left + region.columns, page.imagewidth),
        )
        for row in range(region.top // high, -(-bottom // high)):
            for column in range(region.left // wide, -(-right // wide)):
                for plane in range(kept if apart else 1):
                    index = (plane * down + row) * across + column
                    tile = _decoded(file, page, index)
                    if tile is None:
                        continue
                    top, left = row * high, column * wide
                    y0, y1 = max(top, region.top), min(top + tile.shape[0], bottom)
                    x0, x1 = max(left, region.left), min(left + tile.shape[1], right)
                    if y0 >= y1 or x0 >= x1:
                        continue
                    part = tile[y0 - top : y1 - top, x0 - left : x1 - left]
                    place = out[y0 - region.top : y1 - region.top, x0 - region.left : x1 - region.left]
                    if apart:
                        place[:, :, plane] = part[:, :, 0]
                    else:
                        place[...] = part[:, :, :kept]
        return ~out if page.photometric == WHITE_IS_ZERO else out

    return read


def _decoded(file: FileBytes, page: Any, index: int) -> NDArray[Any] | None:
    """Return a tile or strip as rows x columns x samples, None where the file has none."""
    count = page.databytecounts[index]
    if not count:
        return None
    try:
        pixels = page.decode(file.read(page.dataoffsets[index], count), index, jpegtables=page.jpegtables)[0]
    except DECODING:
        raise CorruptSlideError("a tile cannot be decoded") from None
    if pixels is None:
        return None
    found: NDArray[Any] = pixels.reshape(pixels.shape[-3:])
    return found


def _turned(
    read: Callable[[Region], NDArray[Any]], size: tuple[int, int], orientation: int
) -> tuple[Callable[[Region], NDArray[Any]], tuple[int, int]]:
    """Return a reader of the page as it is to be seen, and its size (TIFF 6.0, Orientation)."""
    held: list[NDArray[Any]] = []

    def whole() -> NDArray[Any]:
        import numpy as np  # heavy

        pixels = read(Region(0, 0, size[1], size[0]))
        if orientation > 4:
            pixels = np.swapaxes(pixels, 0, 1)
        if orientation in (3, 4, 7, 8):
            pixels = pixels[::-1]
        if orientation in (2, 3, 6, 7):
            pixels = pixels[:, ::-1]
        return pixels

    def part(region: Region) -> NDArray[Any]:
        import numpy as np  # heavy

        if not held:
            held.append(whole())
        found = held[0][region.top : region.top + region.rows, region.left : region.left + region.columns]
        out = np.full((region.rows, region.columns, found.shape[2]), np.iinfo(found.dtype).max, found.dtype)
        out[: found.shape[0], : found.shape[1]] = found
        return out

    return part, size[::-1] if orientation > 4 else size
