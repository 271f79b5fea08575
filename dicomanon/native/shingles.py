"""Stretches of destroyed pictures: every 64 bytes of them hold eight that are looked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.native import heads
from dicomanon.native.blank import scan_of_base64

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.native.ranges import Ranges
    from dicomanon.sources._bytes import FileBytes

SHINGLE = 64
_ANCHOR = 8
_MOST = 1 << 14
_DISTINCT = 6
"""Eight bytes with fewer values are of plain white, which looks alike in every picture."""
_CHUNK = 1 << 20
_HEAD = 1 << 12
_SAME_PLACES = 4


@dataclass(frozen=True, slots=True)
class Anchors:
    """Eight bytes each, and where in the original they are: (offset, start and stop of the stretch)."""

    patterns: tuple[bytes, ...]
    places: tuple[tuple[tuple[int, int, int], ...], ...]

    def run(self, original: FileBytes, written: FileBytes, number: int, at: int) -> tuple[int, int] | None:
        """Return where at least 64 bytes around a hit are those of a destroyed picture, None where they are not."""
        for place, start, stop in self.places[number]:
            back = min(SHINGLE - _ANCHOR, place - start, at)
            ahead = min(SHINGLE, stop - place, written.size - at)
            there = original.read(place - back, back + ahead)
            here = written.read(at - back, back + ahead)
            begin = back
            while begin and there[begin - 1] == here[begin - 1]:
                begin -= 1
            end = back
            while end < len(there) and there[end] == here[end]:
                end += 1
            if end - begin >= SHINGLE:
                return at - back + begin, at - back + end
        return None


def anchors_of(file: FileBytes, gone: Ranges, pictures: Iterable[tuple[int, int]]) -> Anchors:
    """Return anchors of image data, and of pictures in base64, without the tables that most pictures share."""
    stretches = [*_own(file, gone), *_own_of_base64(file, pictures)]
    total = sum(stop - start for start, stop in stretches)
    stride = max(SHINGLE - _ANCHOR + 1, -(-total // _MOST))
    found: dict[bytes, list[tuple[int, int, int]]] = {}
    for start, stop in stretches:
        if stop - start < SHINGLE:
            continue
        for at, piece in _pieces(file, start, stop, stride):
            if len(set(piece)) >= _DISTINCT:
                places = found.setdefault(piece, [])
                if len(places) < _SAME_PLACES:
                    places.append((at, start, stop))
    return Anchors(tuple(found), tuple(map(tuple, found.values())))


def _pieces(file: FileBytes, start: int, stop: int, stride: int) -> Iterator[tuple[int, bytes]]:
    for begin in range(start, stop, stride * (_CHUNK // stride + 1)):
        end = min(begin + stride * (_CHUNK // stride + 1) + _ANCHOR, stop)
        chunk = file.read(begin, end - begin)
        for at in range(0, min(len(chunk) - _ANCHOR + 1, end - begin - _ANCHOR + 1), stride):
            yield begin + at, chunk[at : at + _ANCHOR]


def _own(file: FileBytes, gone: Ranges) -> Iterator[tuple[int, int]]:
    for start, stop, kind in gone:
        if kind == heads.NONE:
            yield start, stop
            continue
        head = bytearray(file.read(start, min(_HEAD, stop - start)))
        walk = heads.jpeg_head if kind == heads.JPEG else heads.jpeg_2000_head
        end, _ = walk(head, 0, len(head))
        yield start + end, stop


def _own_of_base64(file: FileBytes, pictures: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, length in pictures:
        yield start + scan_of_base64(file.read(start, length)), start + length
