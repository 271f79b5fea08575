"""Frames of a level that is one JPEG, cut at its restart markers: no coefficient is decoded or changed (T.81 E.1.4).

A restart interval begins with its predictions at zero, so any interval can follow any other. A frame has some intervals
side by side and some below each other, byte for byte, between markers that are numbered anew; what a level lacks at its
right and its bottom are intervals of one colour.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._bytes import MAX_RANGE
from dicomanon.sources._pieces import PiecedFrames
from dicomanon.sources._restart import framed
from dicomanon.sources._restart_head import clean_head
from dicomanon.sources._restart_intervals import streams_of
from dicomanon.sources._restart_tile import alike, fits, shared_tile
from dicomanon.sources._restart_white import padding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dicomanon.sources._pieces import Pieces
    from dicomanon.sources._restart import Place
    from dicomanon.sources._restart_intervals import Intervals, Planes
    from dicomanon.sources._slide import SlideImage


@dataclass(frozen=True, slots=True)
class _Band:
    """One row of frames of one stream: `count` rows of intervals from `first`, and `below` more of padding.

    Frames have `joined` intervals side by side, the last one `beside` of them of padding.
    """

    intervals: Intervals
    first: int
    count: int
    below: int
    joined: int
    front: bytes
    fill: bytes

    @property
    def frames(self) -> int:
        return -(-self.intervals.across // self.joined)

    @property
    def beside(self) -> int:
        return -self.intervals.across % self.joined


def cut_levels(
    levels: Sequence[tuple[Planes, Place]],
) -> tuple[tuple[int, int] | None, list[SlideImage | None]]:
    """Return rows and columns of the frames that levels have in common, and the image of each, None as `cut` has it.

    Levels come from the largest down; one without streams cannot be cut. One that cannot have the common size has a
    size of its own.
    """
    known = [planes for planes, _ in levels if planes and alike(planes)]
    size = (levels[0][1].rows, levels[0][1].columns)
    shared = next(filter(None, (shared_tile(known[first:], size) for first in range(len(known)))), None)
    images: list[SlideImage | None] = []
    for planes, place in levels:
        image = None
        if planes and alike(planes):
            image = cut(planes, place, shared)
            image = image or cut(planes, place, shared_tile([planes], (place.rows, place.columns)))
        images.append(image)
    return shared, images


def cut(planes: Planes, place: Place, tile: tuple[int, int] | None) -> SlideImage | None:
    """Return the image that streams make up, in frames of so many rows and columns.

    None where streams do not meet at the edges of such frames, or have no code for what pads the last of them.
    """
    if tile is None or not fits(planes, tile):
        return None
    bands = _bands(planes, tile, fluorescence=place.path.fluorescence)
    if bands is None:
        return None
    lengths = array("Q")
    for band in bands:
        lengths.extend(_lengths(band))
    every = streams_of(planes)
    size = sum(each.stream.size for each in every)
    frames = PiecedFrames(partial(_frames, bands))
    return framed(every[0].stream, place, tile, lengths, frames, size, len(planes))


def _bands(planes: Planes, tile: tuple[int, int], *, fluorescence: bool) -> list[list[_Band]] | None:
    """Return the rows of frames, each a row of streams, in the order of TILED_FULL (PS3.3 C.7.6.17.3)."""
    bands: list[list[_Band]] = []
    for row in (row for plane in planes for row in plane):
        height = tile[0] // row[0].rows
        made = []
        for each in row:
            joined = tile[1] // each.columns
            fill: bytes | None = b""
            if each.down % height or each.across % joined:
                fill = padding(each.stream.coding, black=fluorescence)
            if fill is None:
                return None
            made.append((each, joined, clean_head(each.stream.head, each.stream.coding, *tile), fill))
        for first in range(0, row[0].down, height):
            count = min(height, row[0].down - first)
            bands.append(
                [
                    _Band(each, first, count, height - count, joined, front, fill)
                    for each, joined, front, fill in made
                ]
            )
    return bands


def _lengths(bands: Sequence[_Band]) -> Iterator[int]:
    """Yield the lengths of the frames of a row of them."""
    for band in bands:
        sizes = _sizes(band)
        lengths = sizes.reshape(len(sizes), band.frames, band.joined).sum((0, 2)) + len(band.front)
        yield from lengths.tolist()


def _sizes(band: _Band) -> NDArray[Any]:
    """Return the bytes of all intervals of a row of frames, padding included, by row and column.

    Each brings the two bytes of the marker behind it along: RST, and after the last one EOI.
    """
    import numpy as np  # heavy

    across = band.intervals.across
    begin = band.first * across
    bounds = band.intervals.starts[begin : begin + band.count * across + 1]
    sizes = np.full((band.count + band.below, band.frames * band.joined), len(band.fill) + 2, np.int64)
    sizes[: band.count, :across] = np.diff(bounds).reshape(band.count, across)
    return sizes


def _frames(rows: Sequence[Sequence[_Band]], first: int = 0, stop: int | None = None) -> Pieces:
    bands = [band for row in rows for band in row]
    ends = list(accumulate(band.frames for band in bands))
    last = ends[-1] if stop is None else min(stop, ends[-1])
    for band, end in zip(bands, ends, strict=True):
        begin = end - band.frames
        if begin >= last:
            return
        if end > first:
            yield from _of_band(band, max(first - begin, 0), min(last, end) - begin)


def _of_band(band: _Band, first: int, stop: int) -> Pieces:
    """Yield frames of a row of them, which is read at once; markers are numbered anew."""
    import numpy as np  # heavy

    window, bounds = _window(band)
    sizes, joined = _sizes(band), band.joined
    across = band.intervals.across
    one = band.fill + b"\xff\xd0"
    beside, below = one * band.beside, one * (band.below * joined)
    # The marker behind each interval of a frame, by its second byte.
    numbers = 0xD0 + np.arange(len(sizes) * joined) % 8
    numbers[-1] = _jpeg.EOI[1]
    for column in range(first, stop):
        left, right = column * joined, min((column + 1) * joined, across)
        spans = zip(bounds[left:-1:across], bounds[right::across], strict=True)
        parts: list[bytes | memoryview] = [window[begin:end] for begin, end in spans]
        if right < left + joined:
            parts = [each for part in parts for each in (part, beside)]
        frame = bytearray().join((*parts, below))
        ends = sizes[:, left : left + joined].cumsum()
        np.frombuffer(frame, np.uint8)[ends - 1] = numbers
        yield band.front, memoryview(frame)


def _window(band: _Band) -> tuple[memoryview, list[int]]:
    """Return the bytes of a row of frames, and where intervals begin in them, and last where one more would.

    Raises CorruptSlideError where a marker is not the one that should be there.
    """
    import numpy as np  # heavy

    across = band.intervals.across
    numbers = np.arange(band.first * across, (band.first + band.count) * across)
    bounds = band.intervals.starts[numbers[0] : numbers[-1] + 2]
    if bounds[-1] - bounds[0] > MAX_RANGE:
        raise CorruptSlideError("a restart interval is absurdly large")
    data = band.intervals.stream.file.read(int(bounds[0]), int(bounds[-1] - bounds[0]))
    window = np.frombuffer(data, np.uint8)
    bounds = bounds - bounds[0]
    markers = bounds[1:] - 1
    wanted = 0xD0 + numbers % 8
    if numbers[-1] == len(band.intervals.starts) - 2:
        wanted[-1] = _jpeg.EOI[1]
    if (window[markers - 1] != 0xFF).any() or (window[markers] != wanted).any():
        raise CorruptSlideError("a restart marker is not where it should be")
    return memoryview(data), bounds.tolist()
