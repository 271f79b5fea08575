"""The restart intervals of a JPEG that is to be cut: where each begins (T.81 E.1.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources._bytes import WINDOW
from dicomanon.sources._restart import MAX_SIDE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dicomanon.sources._restart import Stream


@dataclass(frozen=True, slots=True)
class Intervals:
    """The restart intervals of a stream, `across` of them in each of `down` rows of blocks (MCU).

    Each has so many `columns` and `rows` of pixels. `starts` are where they begin in the file, and last where one more
    would; two bytes of a marker are before each.
    """

    stream: Stream
    starts: NDArray[Any]
    across: int
    down: int
    columns: int
    rows: int


Planes = Sequence[Sequence[Sequence[Intervals]]]
"""What makes up a level: focal planes of rows of columns of streams, mostly of one."""


def streams_of(planes: Planes) -> list[Intervals]:
    """Return the streams of all planes, row by row."""
    return [each for plane in planes for row in plane for each in row]


def read_intervals(stream: Stream, columns: int, rows: int, starts: NDArray[Any] | None) -> Intervals | None:
    """Return the intervals of a stream, None where they are no columns of an image, or too wide for a frame.

    `starts` is where the file says that they begin; without it they are searched for. Raises CorruptSlideError.
    """
    import numpy as np  # heavy

    head = stream.coding.head
    for own, said in ((head.columns, columns), (head.rows, rows)):
        if own not in (0, said & MAX_SIDE):  # 0 where a side has more pixels than a head can say
            raise CorruptSlideError("a JPEG stream has another size than its image")
    across, left = divmod(-(-columns // stream.coding.mcu_columns), head.restart_interval or (1 << 31))
    wide = head.restart_interval * stream.coding.mcu_columns
    if not (stream.is_frame and across) or left or wide > MAX_SIDE:
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
