"""One JPEG a level, cut into frames at its restart markers (T.81 E.1.4): no coefficient is decoded or changed.

A restart interval begins with its predictions at zero, so any interval can follow any other. A frame is one interval
wide and some rows of blocks (MCU) high; its intervals are those of one column, byte for byte.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._bytes import MAX_RANGE, WINDOW, FileBytes
from dicomanon.sources._restart_head import clean_head, read_coding
from dicomanon.sources._restart_white import padding
from dicomanon.sources._slide import BRIGHTFIELD, Lossy, SlideImage
from dicomanon.sources._tiff import YCBCR
from dicomanon.sources._tiles import JPEG_METHOD, jpeg_syntax

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dicomanon.sources._restart_head import Coding
    from dicomanon.sources._slide import Flavor, OpticalPath

_RGB = 2
_MAX_HEAD = 1 << 18
_MAX_SIDE = 0xFFFF
_TAIL = 1 << 16
_FRAME_PIXELS, _FEWEST_ROWS, _MOST_ROWS = 1 << 21, 128, 1024
"""What a frame had better have; fewer rows than the fewest only where the intervals leave no choice."""
MAX_BAND = 1 << 24
"""Encoded bytes that are held at once: a row of frames."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One JPEG in a file: where it is, its head, its scan from `begin` to `end`, where EOI stands."""

    file: FileBytes
    head: bytes
    coding: Coding
    begin: int
    end: int

    @property
    def is_frame(self) -> bool:
        """Whether DICOM has a transfer syntax for it: sequential Huffman, 8 bits, one interleaved scan."""
        head = self.coding.head
        return head.process in (0xC0, 0xC1) and head.bits == 8 and self.coding.interleaved


@dataclass(frozen=True, slots=True)
class Intervals:
    """The restart intervals of a stream, `across` of them in each of `down` rows of blocks.

    `starts` are where they begin in the file, and last where one more would; two bytes of a marker are before each.
    """

    stream: Stream
    starts: NDArray[Any]
    across: int
    down: int
    columns: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the image is that streams make up: see Shape."""

    flavor: Flavor
    columns: int
    rows: int
    spacing: tuple[float, float] | None
    resampled: bool = False
    plane_spacing: float | None = None
    path: OpticalPath = BRIGHTFIELD


@dataclass(frozen=True, slots=True)
class _Band:
    """One row of frames of one stream: `count` rows of intervals from `first`, and `missing` more to be made."""

    intervals: Intervals
    first: int
    count: int
    front: bytes
    missing: int
    fill: bytes


def read_stream(file: FileBytes, offset: int, count: int) -> Stream:
    """Read the head of the JPEG in a range of a file and find its end; raise CorruptSlideError."""
    if count > file.size or offset + count > file.size:
        raise CorruptSlideError("an image lies beyond the end of the file")
    front = file.read(offset, min(count, _MAX_HEAD))
    coding = read_coding(front)
    length = coding.head.length
    tail_at = max(offset + length, offset + count - _TAIL)
    at = file.read(tail_at, offset + count - tail_at).rfind(_jpeg.EOI)
    if at < 0:
        raise CorruptSlideError("a JPEG stream has no end")
    return Stream(file, front[:length], coding, offset + length, tail_at + at)


def read_intervals(stream: Stream, columns: int, rows: int, starts: NDArray[Any] | None) -> Intervals | None:
    """Return the intervals of a stream, None where they are no columns of an image, or too wide for a frame.

    `starts` is where the file says that they begin; without it they are searched for. Raises CorruptSlideError.
    """
    import numpy as np  # heavy

    head = stream.coding.head
    for own, said in ((head.columns, columns), (head.rows, rows)):
        if own not in (0, said & _MAX_SIDE):  # 0 where a side has more pixels than a head can say
            raise CorruptSlideError("a JPEG stream has another size than its image")
    across, left = divmod(-(-columns // stream.coding.mcu_columns), head.restart_interval or (1 << 31))
    wide = head.restart_interval * stream.coding.mcu_columns
    if not (stream.is_frame and across) or left or wide > _MAX_SIDE:
        return None
    down = -(-rows // stream.coding.mcu_rows)
    if starts is None:
        starts = _found_starts(stream, across * down)
    if len(starts) != across * down:
        raise CorruptSlideError("there are not as many restart intervals as the size of the image asks for")
    bounds = np.append(starts.astype(np.int64), stream.end + 2)
    if bounds[0] != stream.begin or int(np.diff(bounds).min()) < 3:
        raise CorruptSlideError("restart intervals are out of order")
    return Intervals(stream, bounds, across, down, wide, stream.coding.mcu_rows)


def _found_starts(stream: Stream, most: int) -> NDArray[Any]:
    """Return where intervals begin, by the markers between them (RST, which no coded byte can look like)."""
    import numpy as np  # heavy

    found, count = [np.array([stream.begin], np.int64)], 1
    for at in range(stream.begin, stream.end - 1, WINDOW):
        window = np.frombuffer(stream.file.read(at, min(WINDOW + 1, stream.end - at)), np.uint8)
        hits = np.flatnonzero((window[:-1] == 0xFF) & (window[1:] & 0xF8 == 0xD0))
        found.append(hits + (at + 2))
        count += len(hits)
        if count > most:
            break
    return np.concatenate(found)


def cut(planes: Sequence[Sequence[Sequence[Intervals]]], place: Place) -> SlideImage | None:
    """Return the image that streams make up: focal planes of rows of columns of them, mostly of one.

    None where streams do not meet at the edges of frames, or have no code for what pads the last row.
    """
    every = [each for plane in planes for row in plane for each in row]
    first = every[0]
    shapes = {(each.columns, each.rows, each.stream.coding.colour) for each in every}
    height = _height(planes)
    if len(shapes) > 1 or not height:
        return None
    bands = _bands(planes, height, fluorescence=place.path.fluorescence)
    if bands is None:
        return None
    lengths = array("Q")
    for band in bands:
        lengths.extend(_lengths(band))
    size = sum(each.stream.end + 2 - each.starts[0] + len(each.stream.head) for each in every)
    tile = (height * first.rows, first.columns)
    return _image(first.stream, place, tile, lengths, partial(_frames, bands), int(size), len(planes))


def whole(stream: Stream, place: Place) -> SlideImage | None:
    """Return a stream as the one frame of an image, None where it is none that DICOM knows.

    Raises CorruptSlideError.
    """
    head = stream.coding.head
    if not stream.is_frame or max(place.columns, place.rows) > _MAX_SIDE:
        return None
    if (head.columns, head.rows) != (place.columns, place.rows):
        raise CorruptSlideError("a JPEG stream has another size than its image")
    if stream.end - stream.begin > MAX_RANGE:
        raise CorruptSlideError("an image of one frame is absurdly large")
    front = clean_head(stream.head, stream.coding, place.rows, place.columns)
    length = len(front) + stream.end + 2 - stream.begin

    def frames(first: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if first == 0 and stop != 0:
            yield front + stream.file.read(stream.begin, stream.end + 2 - stream.begin)

    size = stream.end + 2 - stream.begin + len(stream.head)
    return _image(stream, place, (place.rows, place.columns), array("Q", (length,)), frames, size, 1)


def _image(
    stream: Stream,
    place: Place,
    tile: tuple[int, int],
    lengths: array[int],
    frames: Any,
    size: int,
    planes: int,
) -> SlideImage:
    photometric, syntax = jpeg_syntax(stream.coding.head, _RGB if stream.coding.rgb else YCBCR)
    return SlideImage(
        flavor=place.flavor,
        columns=place.columns,
        rows=place.rows,
        samples=len(stream.coding.head.sampling),
        spacing=place.spacing,
        planes=planes,
        plane_spacing=place.plane_spacing,
        paths=(place.path,),
        losses=(Lossy(JPEG_METHOD, size),),
        resampled=place.resampled,
        tile_columns=tile[1],
        tile_rows=tile[0],
        photometric=photometric,
        transfer_syntax_uid=syntax,
        encapsulated=True,
        frame_lengths=lengths,
        frames=frames,
    )


def _height(planes: Sequence[Sequence[Sequence[Intervals]]]) -> int:
    """Return how many rows of intervals a frame has, 0 where streams do not meet at rows of frames."""
    first = planes[0][0][0]
    wanted = min(_MOST_ROWS, max(_FEWEST_ROWS, _FRAME_PIXELS // first.columns)) // first.rows
    if any({each.down for each in row} != {row[0].down} for plane in planes for row in plane):
        return 0
    above = math.gcd(*(row[0].down for plane in planes for row in plane[:-1]))
    every = [each for plane in planes for row in plane for each in row]
    if above:
        heights = [each for each in range(min(wanted, above), 0, -1) if above % each == 0]
        heights = [each for each in heights if each * first.rows >= _FEWEST_ROWS // 2]
    else:
        tallest = max(each.down for each in every)
        steps = [max(1, wanted >> step) for step in range(wanted.bit_length())]
        heights = [-(-tallest // -(-tallest // step)) for step in steps]
    fitting = (each for each in heights if all(_largest(stream, each) <= MAX_BAND for stream in every))
    return next(fitting, heights[-1] if heights else 0)


def _largest(intervals: Intervals, height: int) -> int:
    """Return the encoded bytes of the largest row of frames of a height."""
    import numpy as np  # heavy

    rows = np.append(np.arange(0, intervals.down, height), intervals.down) * intervals.across
    return int(np.diff(intervals.starts[rows]).max())


def _bands(
    planes: Sequence[Sequence[Sequence[Intervals]]], height: int, *, fluorescence: bool
) -> list[list[_Band]] | None:
    """Return the rows of frames, each a row of streams, in the order of TILED_FULL (PS3.3 C.7.6.17.3)."""
    bands: list[list[_Band]] = []
    for row in (row for plane in planes for row in plane):
        fronts = [clean_head(e.stream.head, e.stream.coding, height * e.rows, e.columns) for e in row]
        missing = -row[0].down % height
        fills = [padding(e.stream.coding, black=fluorescence) if missing else b"" for e in row]
        if any(fill is None for fill in fills):
            return None
        for first in range(0, row[0].down, height):
            count = min(height, row[0].down - first)
            bands.append(
                [
                    _Band(each, first, count, front, height - count, fill or b"")
                    for each, front, fill in zip(row, fronts, fills, strict=True)
                ]
            )
    return bands


def _lengths(bands: Sequence[_Band]) -> Iterator[int]:
    """Yield the lengths of the frames of a row of them."""
    import numpy as np  # heavy

    for band in bands:
        across = band.intervals.across
        begin = band.first * across
        sizes = np.diff(band.intervals.starts[begin : begin + band.count * across + 1])
        # Each interval brings the two bytes of its marker along: RST, and after the last one EOI.
        constant = len(band.front) + band.missing * (len(band.fill) + 2)
        yield from (sizes.reshape(band.count, across).sum(0) + constant).tolist()


def _frames(rows: Sequence[Sequence[_Band]], first: int = 0, stop: int | None = None) -> Iterator[bytes]:
    bands = [band for row in rows for band in row]
    ends = list(accumulate(band.intervals.across for band in bands))
    last = ends[-1] if stop is None else min(stop, ends[-1])
    for band, end in zip(bands, ends, strict=True):
        begin = end - band.intervals.across
        if begin >= last:
            return
        if end > first:
            yield from _of_band(band, max(first - begin, 0), min(last, end) - begin)


def _of_band(band: _Band, first: int, stop: int) -> Iterator[bytes]:
    """Yield frames of a row of them, which is read at once; markers are numbered anew."""
    across = band.intervals.across
    numbers = range(band.first * across, (band.first + band.count) * across)
    bounds = band.intervals.starts[numbers.start : numbers.stop + 1].tolist()
    if bounds[-1] - bounds[0] > MAX_RANGE:
        raise CorruptSlideError("a restart interval is absurdly large")
    window = band.intervals.stream.file.read(bounds[0], bounds[-1] - bounds[0])
    final = len(band.intervals.starts) - 2
    for column in range(first, stop):
        parts = [band.front]
        for row in range(band.count):
            index = row * across + column
            begin, end = bounds[index] - bounds[0], bounds[index + 1] - bounds[0] - 2
            marker = _jpeg.EOI if numbers[index] == final else _restart(numbers[index])
            if window[end : end + 2] != marker:
                raise CorruptSlideError("a restart marker is not where it should be")
            parts += (window[begin:end], _restart(row))
        for row in range(band.count, band.count + band.missing):
            parts += (band.fill, _restart(row))
        parts[-1] = _jpeg.EOI
        yield b"".join(parts)


def _restart(number: int) -> bytes:
    return bytes((0xFF, 0xD0 + number % 8))
