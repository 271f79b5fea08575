"""How far a run is, on a terminal: files, and the tiles, bytes and time left of a slide."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.batch import Result

_TOLD = 256
"""Tiles between two looks at the clock."""


def wanted(*, as_json: bool) -> bool:
    """Tell whether somebody looks on."""
    return sys.stderr.isatty() and not as_json


class Bar:
    """A line for the files of a run, and one for the slide that is being converted; a `Watch` of `batch`."""

    def __init__(self, what: str, total: int) -> None:
        self._what, self._total = what, total
        self._progress: Any = None
        self._slide: Any = None
        self._tiles = self._size = 0

    def over(self, results: Iterable[list[Result]]) -> Iterator[list[Result]]:
        """Yield results, and show how many are done."""
        from rich.console import Console  # only for a terminal
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[size]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as self._progress:
            files = self._progress.add_task(self._what, total=self._total, size="")
            for batch in results:
                self._end()
                self._progress.advance(files)
                yield batch

    def stage(self, what: str, tiles: int) -> None:
        """Begin a stage of a slide of so many tiles."""
        self._end()
        self._tiles = self._size = 0
        if self._progress is not None:
            self._slide = self._progress.add_task(f"  {what}, tiles", total=tiles, size="")

    def advance(self, tiles: int, size: int) -> None:
        """Count tiles, and the bytes they took."""
        self._tiles += tiles
        self._size += size
        if self._slide is not None and (tiles > 1 or self._tiles % _TOLD == 0):
            self._progress.update(self._slide, completed=self._tiles, size=f"{self._size / 1e6:,.0f} MB")

    def _end(self) -> None:
        if self._slide is not None:
            self._progress.remove_task(self._slide)
            self._slide = None
