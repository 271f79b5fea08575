"""A large picture in windows that overlap, so that what lies on a border is whole in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.pixels.box import Box

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1800
"""Columns or rows of pixels that are looked at at once: text detectors make larger pictures smaller."""
OVERLAP = 300


def windows_of(columns: int, rows: int) -> Iterator[Box]:
    """Yield the windows of a picture of this size, all of it where it is not large."""
    for top, bottom in _spans(rows):
        for left, right in _spans(columns):
            yield Box(left, top, right, bottom)


def _spans(size: int) -> Iterator[tuple[int, int]]:
    if size <= LARGEST:
        yield 0, size
        return
    count = -(-(size - OVERLAP) // (LARGEST - OVERLAP))
    for number in range(count):
        start = round(number * (size - LARGEST) / (count - 1))
        yield start, start + LARGEST
