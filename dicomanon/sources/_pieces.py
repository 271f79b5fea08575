"""Frames in the pieces that they are made of, joined by those who need them whole.

A slide has 100,000 tiles: where they are only passed on, each copy of all of them is a tenth of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dicomanon.sources._slide import Frames

    Pieces = Iterator[tuple[bytes, bytes | memoryview]]


@dataclass(frozen=True, slots=True)
class PiecedFrames:
    """Frames whose head was made anew, and whose scan lies in a window of the file.

    `pieces` yields both for a range of frames, from `first` up to `stop`.
    """

    pieces: Callable[[int, int | None], Pieces]

    def __call__(self, first: int = 0, stop: int | None = None, /) -> Iterator[bytes]:
        """Yield the frames of a range, all of them unless told otherwise."""
        for front, rest in self.pieces(first, stop):
            yield b"".join((front, rest))


def pieces_of(frames: Frames, first: int = 0, stop: int | None = None) -> Pieces:
    """Yield the frames of a range in pieces: those that are whole have nothing behind their front."""
    if isinstance(frames, PiecedFrames):
        return frames.pieces(first, stop)
    return ((each, b"") for each in frames(first, stop))
