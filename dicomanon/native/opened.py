"""What a reader sees of a slide, before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import LeakError, SlideError
from dicomanon.sources import open_slide, row_of

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.native.values import Values
    from dicomanon.sources import Field, Image, SlideSource

_SHOWS_LABEL = ("LABEL", "OVERVIEW")


@dataclass(frozen=True, slots=True)
class Seen:
    """The format of a slide, its images of tissue, and its thumbnails; a TIFF has `pages` for the levels."""

    format: str
    levels: tuple[object, ...]
    small: tuple[object, ...]
    pages: int


def seen(path: Path) -> tuple[Seen, tuple[Field, ...]]:
    """Open a slide and return what it shows and says; raise what `open_slide` raises."""
    with open_slide(path) as slide:
        return _seen(slide), slide.fields


def _seen(slide: SlideSource) -> Seen:
    return Seen(
        slide.format,
        tuple(map(_shape, slide.levels)),
        tuple(_shape(each) for each in slide.others if each.flavor not in _SHOWS_LABEL),
        sum(each.planes * len(each.paths) for each in slide.levels),
    )


def _shape(image: Image) -> object:
    lengths = tuple(getattr(image, "frame_lengths", ()))
    return (
        *(image.flavor, image.columns, image.rows, image.samples, image.spacing, image.planes),
        hash(lengths),
    )


def check_opened(path: Path, before: Seen, values: Values) -> None:
    """Raise SlideError where the copy is not read as the original was, LeakError where it shows or says too much."""
    with open_slide(path) as slide:
        after = _seen(slide)
        flavors = {each.flavor for each in slide.others}
        said = {
            part
            for each in slide.fields
            if row_of(slide.format, each.place).hides
            for part in (each.value, each.value.strip())
        }
    if flavors & set(_SHOWS_LABEL):
        raise LeakError("the copy still has an image of label or overview")
    if said & values.texts:
        raise LeakError("a field of the copy holds a value of the original")
    if (after.format, after.levels) != (before.format, before.levels) or set(after.small) - set(before.small):
        raise SlideError("the copy is not read as the original was: its levels differ")
