"""The size of frames that all levels of a slide can be cut into: viewers want one for a pyramid.

Intervals of a level are joined side by side, so a frame is as wide as a common multiple of what levels have.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from dicomanon.sources._restart import MAX_SIDE
from dicomanon.sources._restart_intervals import streams_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dicomanon.sources._restart_intervals import Intervals, Planes

_FRAME_PIXELS, _FEWEST_ROWS, _MOST_ROWS = 1 << 21, 128, 1024
"""What a frame had better have; fewer rows than the fewest only where the intervals leave no choice."""
_FEWEST_COLUMNS, MOST_COLUMNS = 512, 4096
"""Intervals are joined to at least so many columns, to more than the most only where one is wider by itself."""
MAX_BAND = 1 << 24
"""Encoded bytes that are held at once: a row of frames."""


def shared_tile(levels: Sequence[Planes], size: tuple[int, int]) -> tuple[int, int] | None:
    """Return rows and columns of frames for the first level, and all others that agree with it.

    `size` is rows and columns of the largest level, whether it can be cut or not. None where the streams of the first
    do not meet at rows of frames.
    """
    columns = levels[0][0][0][0].columns
    beside = math.gcd(*(each.across * each.columns for level in levels for each in _not_last(level)))
    most = max(MOST_COLUMNS, columns)
    agreed = []
    for level in levels:
        both = math.lcm(columns, level[0][0][0].columns)
        if both <= most and beside % both == 0:
            columns = both
            agreed.append(level)
    if not agreed or agreed[0] is not levels[0]:
        return None
    columns = _joined(columns, beside, size[1])
    rows = _rows(agreed, columns, size[0])
    return (rows, columns) if rows else None


def _not_last(level: Planes) -> Iterator[Intervals]:
    """Yield the streams that have another at their right."""
    for plane in level:
        for row in plane:
            yield from row[:-1]


def _joined(columns: int, beside: int, wide: int) -> int:
    """Return the first multiple of columns that is no longer narrow; frames end where streams do."""
    wanted = -(-min(wide, _FEWEST_COLUMNS) // columns)
    most = max(1, MOST_COLUMNS // columns)
    fitting = [each for each in range(1, most + 1) if beside % (each * columns) == 0]
    return columns * next((each for each in fitting if each >= wanted), fitting[-1])


def _rows(levels: Sequence[Planes], columns: int, high: int) -> int:
    """Return the rows of a frame, 0 where streams do not meet at rows of frames."""
    every = [each for level in levels for each in streams_of(level)]
    unit = math.lcm(*(each.rows for each in every))
    wanted = min(_MOST_ROWS, max(_FEWEST_ROWS, _FRAME_PIXELS // columns)) // unit
    above = math.gcd(
        *(row[0].down * row[0].rows for level in levels for plane in level for row in plane[:-1])
    )
    if above:
        heights = [each for each in range(wanted, 0, -1) if above % (each * unit) == 0]
        heights = [each for each in heights if each * unit >= _FEWEST_ROWS // 2]
    else:
        tallest = -(-high // unit)
        steps = [max(1, wanted >> step) for step in range(wanted.bit_length())]
        heights = [-(-tallest // -(-tallest // step)) for step in steps]
    held = (
        each
        for each in heights
        if all(largest(stream, each * unit // stream.rows) <= MAX_BAND for stream in every)
    )
    return unit * next(held, heights[-1] if heights else 0)


def largest(intervals: Intervals, height: int) -> int:
    """Return the encoded bytes of the largest row of frames that are so many intervals high."""
    import numpy as np  # heavy

    rows = np.append(np.arange(0, intervals.down, height), intervals.down) * intervals.across
    return int(np.diff(intervals.starts[rows]).max())


def fits(planes: Planes, tile: tuple[int, int]) -> bool:
    """Whether streams can be cut into frames of so many rows and columns, none of which has a part of two streams."""
    wide = all(tile[1] % each.columns == 0 == tile[0] % each.rows for each in streams_of(planes))
    beside = all(each.across * each.columns % tile[1] == 0 for each in _not_last(planes))
    above = all(row[0].down * row[0].rows % tile[0] == 0 for plane in planes for row in plane[:-1])
    return wide and beside and above and max(tile) <= MAX_SIDE


def alike(planes: Planes) -> bool:
    """Whether streams of a level are coded alike, and those of a row equally high."""
    every = streams_of(planes)
    coded = {(each.columns, each.rows, each.stream.coding.colour) for each in every}
    rows = [row for plane in planes for row in plane]
    return len(coded) == 1 and all(
        first.down == second.down for row in rows for first, second in pairwise(row)
    )
