"""Sets of byte ranges of a file, as arrays: a slide has a range for each of a million tiles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges in the order of the file, `starts` up to `stops`, none of them empty, none reaching into the next.

    `kinds` says of each what lies there.
    """

    starts: Numbers
    stops: Numbers
    kinds: Numbers

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.starts.tolist(), self.stops.tolist(), self.kinds.tolist(), strict=True)

    @property
    def total(self) -> int:
        """How many bytes they are together."""
        return int((self.stops - self.starts).sum())


def ranges(pairs: Iterable[tuple[int, int]], kind: int = 0) -> Ranges:
    """Return (start, stop) pairs, joined where they touch or overlap."""
    import numpy as np  # heavy

    joined: list[list[int]] = []
    for start, stop in sorted(pairs):
        if start >= stop:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], stop)
        else:
            joined.append([start, stop])
    table = np.array(joined, np.int64).reshape(-1, 2)
    return Ranges(table[:, 0], table[:, 1], np.full(len(table), kind, np.int64))


def data_ranges(parts: Iterable[tuple[Numbers, Numbers, int | Numbers]], what: str) -> Ranges:
    """Return (offsets, counts, kind or kinds) of images as ranges; the same tile may stand for several places.

    Raises CorruptSlideError where two overlap and are not the same, or one is said to be of two kinds.
    """
    import numpy as np  # heavy

    every = list(parts)
    if not every:
        return ranges(())
    starts = np.concatenate([offsets for offsets, _, _ in every]).astype(np.int64)
    stops = starts + np.concatenate([counts for _, counts, _ in every]).astype(np.int64)
    kinds = np.concatenate(
        [np.broadcast_to(np.asarray(kind, np.int64), len(offsets)) for offsets, _, kind in every]
    )
    filled = stops > starts
    order = np.lexsort((kinds[filled], stops[filled], starts[filled]))
    starts, stops, kinds = starts[filled][order], stops[filled][order], kinds[filled][order]
    first = np.ones(len(starts), bool)
    first[1:] = (starts[1:] != starts[:-1]) | (stops[1:] != stops[:-1]) | (kinds[1:] != kinds[:-1])
    found = Ranges(starts[first], stops[first], kinds[first])
    _check_apart(found, what)
    return found


def together(*sets: Ranges) -> Ranges:
    """Return several sets as one; raise CorruptSlideError where a range of one reaches into another."""
    import numpy as np  # heavy

    starts = np.concatenate([each.starts for each in sets])
    order = np.argsort(starts, kind="stable")
    found = Ranges(
        starts[order],
        np.concatenate([each.stops for each in sets])[order],
        np.concatenate([each.kinds for each in sets])[order],
    )
    _check_apart(found, "what stays, or what is to be destroyed")
    return found


def _check_apart(found: Ranges, what: str) -> None:
    if (found.starts[1:] < found.stops[:-1]).any():
        raise CorruptSlideError(f"ranges of the file overlap: {what}")


def without(wanted: Ranges, taken: Ranges) -> Ranges:
    """Return the parts of `wanted` that are not in `taken`."""
    taken_starts, taken_stops = taken.starts.tolist(), taken.stops.tolist()
    found: list[tuple[int, int]] = []
    number = 0
    for start, stop, _ in wanted:
        at = start
        while number and taken_stops[number - 1] > start:
            number -= 1
        while number < len(taken_starts) and taken_starts[number] < stop:
            if taken_stops[number] > at:
                if taken_starts[number] > at:
                    found.append((at, taken_starts[number]))
                at = taken_stops[number]
            number += 1
        if at < stop:
            found.append((at, stop))
    return ranges(found)
