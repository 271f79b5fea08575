"""What was done, by the levels of anonymisation of Bisson et al. 2023; level V is never claimed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Done:
    """Counts of what was done to the files of one slide.

    `fields` are fields overwritten by their place in the catalogue. `linked` are images that readers find no more by
    their name; `destroyed` are bytes of image data, `pictures` are images within texts; `segments` are comments in
    code streams of tissue; `cleared` are bytes that nothing referred to, or that belonged to what went.
    """

    renamed: int = 1
    unlinked: int = 0
    blanked: int = 0
    destroyed: int = 0
    pictures: int = 0
    segments: int = 0
    cleared: int = 0
    fields: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One level: whether it was reached, and what was done for it, or why not."""

    name: str
    reached: bool
    done: str


@dataclass(frozen=True, slots=True)
class NativeResult:
    """A slide that was written in its own format: where, how large, which levels of anonymisation it has reached."""

    path: Path
    format: str
    size: int
    done: Done
    levels: tuple[Level, ...]

    @property
    def level(self) -> str:
        """The highest level reached with all below it."""
        reached = "0"
        for each in self.levels:
            if not each.reached:
                break
            reached = each.name
        return reached


NO_FIFTH = (
    "the spatial coherence of the tissue is kept: nobody knows a way to remove it and still have a slide"
)


def levels_of(done: Done) -> tuple[Level, ...]:
    """Return levels I to V; that the copy was checked is what lets I to IV be reached at all."""
    fields = done.fields or {}
    images = done.unlinked + done.pictures + done.blanked
    return (
        Level("I", reached=True, done=f"{_counted(done.renamed, 'name')} of files replaced"),
        Level(
            "II",
            reached=True,
            done=(
                f"{_counted(done.unlinked, 'image')} unlinked; "
                f"{_counted(done.blanked + done.pictures, 'image')} white in place, with no name that leads to it"
            )
            if images
            else "no image of label or overview was there",
        ),
        Level(
            "III",
            reached=True,
            done=f"{_counted(done.destroyed, 'byte')} of these images destroyed, none found again",
        ),
        Level(
            "IV",
            reached=True,
            done=(
                f"{_counted(sum(fields.values()), 'field')} in {_counted(len(fields), 'place')} overwritten; "
                f"{_counted(done.segments, 'comment')} in tiles emptied; no value found again"
            ),
        ),
        Level("V", reached=False, done=NO_FIFTH),
    )


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"
