"""Images of JPEG frames beside each other that do not meet at edges of frames: decoded where a region needs them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources._pixels import DECODING
from dicomanon.sources._slide import Lossy, PixelImage, Region
from dicomanon.sources._tiles import JPEG_METHOD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dicomanon.sources._restart import Place
    from dicomanon.sources._slide import SlideImage

_HELD = 1 << 27
"""Bytes of decoded frames that are kept for the regions to come: a row of tiles of a wide slide."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An image and where its first pixel is in the whole."""

    image: SlideImage
    left: int
    top: int


@dataclass(frozen=True, slots=True)
class _Mosaic:
    pieces: Sequence[Piece]
    samples: int
    held: OrderedDict[tuple[int, int], NDArray[Any]] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def read(self, region: Region) -> NDArray[Any]:
        """Return rows x columns x samples of a region, white beyond the image; raise CorruptSlideError."""
        import numpy as np  # heavy

        out = np.full((region.rows, region.columns, self.samples), 255, np.uint8)
        for number, piece in enumerate(self.pieces):
            high, wide = piece.image.tile_rows, piece.image.tile_columns
            top, left = region.top - piece.top, region.left - piece.left
            bottom = min(top + region.rows, piece.image.rows)
            right = min(left + region.columns, piece.image.columns)
            across = -(-piece.image.columns // wide)
            for row in range(max(top, 0) // high, -(-bottom // high)):
                for column in range(max(left, 0) // wide, -(-right // wide)):
                    y, x = row * high, column * wide
                    y0, y1, x0, x1 = max(y, top), min(y + high, bottom), max(x, left), min(x + wide, right)
                    frame = self._frame(number, row * across + column)
                    out[y0 - top : y1 - top, x0 - left : x1 - left] = frame[y0 - y : y1 - y, x0 - x : x1 - x]
        return out

    def _frame(self, piece: int, number: int) -> NDArray[Any]:
        """Return a frame decoded; the latest are kept."""
        import imagecodecs  # heavy

        with self.lock:
            if (piece, number) in self.held:
                self.held.move_to_end((piece, number))
                return self.held[piece, number]
        image = self.pieces[piece].image
        (encoded,) = image.frames(number, number + 1)
        try:
            pixels: NDArray[Any] = imagecodecs.jpeg8_decode(encoded)
            pixels = pixels.reshape((image.tile_rows, image.tile_columns, self.samples))
        except DECODING:
            raise CorruptSlideError("a tile cannot be decoded") from None
        with self.lock:
            self.held[piece, number] = pixels
            while len(self.held) > 1 and sum(each.nbytes for each in self.held.values()) > _HELD:
                self.held.popitem(last=False)
        return pixels


def mosaic(pieces: Sequence[Piece], place: Place, why: str) -> PixelImage:
    """Return images beside each other as one image of pixels."""
    first = pieces[0].image
    return PixelImage(
        flavor=place.flavor,
        columns=place.columns,
        rows=place.rows,
        samples=first.samples,
        spacing=place.spacing,
        paths=(place.path,),
        losses=(Lossy(JPEG_METHOD, sum(piece.image.losses[0].size for piece in pieces)),),
        resampled=place.resampled,
        read=_Mosaic(pieces, first.samples).read,
        tile=(min(first.tile_rows, 512), min(first.tile_columns, 512)),
        why=why,
    )
