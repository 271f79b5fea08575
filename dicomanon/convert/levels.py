"""Levels of a pyramid that a slide lacks, made of the next larger one: what viewers need to zoom out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.convert.encode import Encoding, as_frames, encoding_of, in_order
from dicomanon.pixels.codecs import decode
from dicomanon.pixels.colour import shown
from dicomanon.pixels.picture import Picture
from dicomanon.sources import Lossy

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dicomanon.convert.options import ConvertOptions
    from dicomanon.convert.prepare import Watch
    from dicomanon.convert.spool import Spool
    from dicomanon.sources import SlideImage

    Tiles = Iterator[tuple[int, int, NDArray[Any]]]

FACTOR = 4
"""Between two levels, as most scanners have it."""
_GAP = 5
_SMALL = 8192
"""Pixels on the longer side of the smallest level that is small enough."""


def wanted(levels: Sequence[SlideImage]) -> list[int]:
    """Return after which of the levels of a scene one is missing: before a gap, and behind one that is too large."""
    found = []
    for index, level in enumerate(levels):
        below = levels[index + 1].columns if index + 1 < len(levels) else None
        gap = level.columns / below > _GAP if below else max(level.columns, level.rows) > _SMALL
        divides = not (level.tile_columns % FACTOR or level.tile_rows % FACTOR)
        if gap and divides and level.planes == 1 and len(level.paths) == 1:
            found.append(index)
    return found


def made_level(level: SlideImage, options: ConvertOptions, spool: Spool, watch: Watch | None) -> SlideImage:
    """Return a level a quarter as wide and high, each pixel the mean of sixteen; its frames lie in `spool`."""
    rows, columns = -(-level.rows // FACTOR), -(-level.columns // FACTOR)
    tile = (level.tile_rows, level.tile_columns)
    how = encoding_of(level, options, exact=not level.losses)
    numbers = _into(spool, how, _shrunk(level, tile, watch))
    spacing = None if level.spacing is None else (level.spacing[0] * FACTOR, level.spacing[1] * FACTOR)
    # What was lost before was lost at the ratio of the level above.
    losses = tuple(Lossy(each.method, max(1, each.size // FACTOR**2)) for each in level.losses)
    shape = replace(level, rows=rows, columns=columns, spacing=spacing, resampled=True, losses=losses)
    return as_frames(shape, tile, how, spool, numbers, f"made of the level {FACTOR} times as large")


def _into(spool: Spool, how: Encoding, tiles: Iterator[NDArray[Any]]) -> range:
    first = stop = 0
    for number, frame in enumerate(in_order(how, tiles)):
        stop = spool.add(frame) + 1
        if not number:
            first = stop - 1
    return range(first, stop)


def _shrunk(level: SlideImage, tile: tuple[int, int], watch: Watch | None) -> Iterator[NDArray[Any]]:
    """Yield tiles of the smaller level, row by row; one row of them is held."""
    import numpy as np  # heavy

    across = -(-level.columns // tile[1])
    down = -(-level.rows // tile[0])
    small = (tile[0] // FACTOR, tile[1] // FACTOR)
    wide = -(-across // FACTOR) * tile[1]
    small_tiles = in_order(partial(_mean, level, across), enumerate(level.frames()))
    kind = np.uint8 if level.bits == 8 else np.uint16
    stripe = np.empty((0, 0, 0), kind)
    for number, pixels in enumerate(small_tiles):
        if watch is not None:
            watch.advance(1, level.frame_lengths[number])
        row, column = divmod(number, across)
        if not (row % FACTOR or column):
            stripe = np.full((tile[0], wide, level.samples), np.iinfo(kind).max, kind)
        top, left = row % FACTOR * small[0], column * small[1]
        stripe[top : top + small[0], left : left + small[1]] = pixels
        if column == across - 1 and (row % FACTOR == FACTOR - 1 or row == down - 1):
            for start in range(0, wide, tile[1]):
                if start * FACTOR < level.columns:
                    yield stripe[:, start : start + tile[1]]


def _mean(level: SlideImage, across: int, numbered: tuple[int, bytes]) -> NDArray[Any]:
    """Return a frame decoded, to RGB or gray, each pixel the rounded mean of its sixteen.

    Beyond the image its last column and row go on: what pads a tile is no tissue.
    """
    import numpy as np  # heavy

    number, frame = numbered

    picture = Picture(
        columns=level.tile_columns,
        rows=level.tile_rows,
        frames=1,
        samples=level.samples,
        bits_allocated=level.bits,
        bits_stored=level.bits,
        signed=False,
        planar=False,
        photometric=level.photometric,
        transfer_syntax_uid=level.transfer_syntax_uid,
    )
    samples: NDArray[Any] = decode(frame, picture)
    rows, columns, count = samples.shape
    row, column = divmod(number, across)
    bottom, right = level.rows - row * rows, level.columns - column * columns
    if bottom < rows or right < columns:
        inside = samples[:bottom, :right]
        samples = np.pad(inside, ((0, max(0, rows - bottom)), (0, max(0, columns - right)), (0, 0)), "edge")
    blocks = samples.reshape(rows // FACTOR, FACTOR, columns // FACTOR, FACTOR, count)
    wide = np.uint16 if level.bits == 8 else np.uint32
    pixels = FACTOR * FACTOR
    mean = ((blocks.sum((1, 3), dtype=wide) + pixels // 2) // pixels).astype(samples.dtype)
    # The mean of YCbCr is that of RGB; 16 bits are RGB already, and would be shown in 8.
    return shown(mean, picture) if level.samples == 3 and level.bits == 8 else mean
