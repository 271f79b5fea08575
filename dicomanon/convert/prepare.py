"""A slide made ready for DICOM: pixels encoded, missing levels made, images cut into the parts of a concatenation."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Protocol

from dicomanon.convert.encode import encoded
from dicomanon.convert.levels import made_level, wanted
from dicomanon.convert.spool import Spool
from dicomanon.errors import CorruptSlideError, SlideError, UsageError
from dicomanon.sources import Part, PiecedFrames, PixelImage, SlideImage, members, open_slide, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dicomanon.convert.laboratory import Laboratory
    from dicomanon.convert.options import ConvertOptions
    from dicomanon.sources import DataSet, Field, Image, SlideMetadata, SlideSource
    from dicomanon.sources._pieces import Pieces


MAX_FRAMES = 20_000_000
"""A slide of 200 by 200 mm at 0.1 micrometres in tiles of 512: what says that it has more is damaged."""
_ITEM = 8
"""Bytes in front of each frame."""


class Watch(Protocol):
    """Somebody who wants to know how far a slide is."""

    def stage(self, what: str, tiles: int, /) -> None:
        """Begin a stage of so many tiles."""
        ...

    def advance(self, tiles: int, size: int, /) -> None:
        """Count tiles, and the bytes they took."""
        ...


@dataclass(frozen=True, slots=True)
class ReadySlide:
    """A slide whose images are all frames, levels first; it is to be read while the block that made it lasts."""

    format: str
    fingerprint: bytes
    metadata: SlideMetadata
    fields: tuple[Field, ...]
    laboratory: Laboratory
    images: tuple[SlideImage, ...]

    @property
    def is_dicom(self) -> bool:
        """Whether the slide was DICOM already, so that its data sets know patient and study."""
        return any(each.dataset is not None for each in self.images)

    def base(self, scene: int) -> SlideImage:
        """Return the largest level of a scene."""
        return next(each for each in self.images if each.flavor == "VOLUME" and each.scene == scene)


@contextmanager
def prepared(
    path: Path,
    options: ConvertOptions,
    folder: Path | None = None,
    watch: Watch | None = None,
    *,
    named: bool = True,
) -> Iterator[ReadySlide]:
    """Open the slide at `path`, with every image as frames; what has to be encoded rests sealed in `folder`.

    Without a folder, in that for temporary files.

    `watch` is told of tiles that are encoded. Raises what opening and reading the slide raises, StorageError where
    the folder is full, SlideError where a module for it is not installed.
    """
    with open_slide(path, named=named) as slide:
        check_slide(slide, options)
        lab = _laboratory(path, slide, options)
        if not _needs_spool(slide, options):
            yield _parted(
                slide, lab, options, [image for image in slide.images if isinstance(image, SlideImage)]
            )
            return
        check_ready()
        with Spool(folder) as spool:
            images = [_encoded(image, options, spool, watch) for image in slide.images]
            levels, others = images[: len(slide.levels)], images[len(slide.levels) :]
            if options.levels == "make":
                levels = [
                    each for group in _scenes(levels) for each in _completed(group, options, spool, watch)
                ]
            yield _parted(slide, lab, options, [*levels, *others])


def check_ready() -> None:
    """Raise SlideError where what seals frames on the disk is not installed."""
    try:
        import cryptography  # noqa: F401  # only asked for
    except ImportError:
        raise SlideError(
            "pixels have to be encoded, which needs more: pip install 'dicomanon[slides]'"
        ) from None


def check_slide(slide: SlideSource, options: ConvertOptions) -> None:
    """Raise SlideError for what DICOM cannot do without, before anything is encoded: a level, its spacing."""
    if not slide.levels and not all(_dataset(image) for image in slide.images):
        raise SlideError("there is no image of tissue")
    if options.spacing is None and any(level.spacing is None for level in slide.levels):
        raise SlideError(
            "the slide does not say how large its pixels are; give it in micrometres with --spacing"
        )
    for level in slide.levels:
        frames = tile_count(level) if isinstance(level, PixelImage) else len(level.frame_lengths)
        if frames > MAX_FRAMES:
            raise CorruptSlideError("a level has more tiles than a slide can have")


def _dataset(image: Image) -> DataSet | None:
    return image.dataset if isinstance(image, SlideImage) else None


def _needs_spool(slide: SlideSource, options: ConvertOptions) -> bool:
    if any(isinstance(image, PixelImage) for image in slide.images):
        return True
    levels = [image for image in slide.levels if isinstance(image, SlideImage)]
    return options.levels == "make" and any(wanted(group) for group in _scenes(levels))


def _encoded(image: Image, options: ConvertOptions, spool: Spool, watch: Watch | None) -> SlideImage:
    if isinstance(image, SlideImage):
        return image
    if watch is not None:
        watch.stage("encoding", tile_count(image))
    return encoded(image, options, spool, watch)


def tile_count(image: PixelImage) -> int:
    """Return how many frames an image will have."""
    down, across = -(-image.rows // image.tile[0]), -(-image.columns // image.tile[1])
    return down * across * image.planes * len(image.paths)


def _scenes(levels: Sequence[SlideImage]) -> list[list[SlideImage]]:
    return [list(group) for _, group in groupby(levels, key=lambda level: level.scene)]


def _completed(
    levels: list[SlideImage], options: ConvertOptions, spool: Spool, watch: Watch | None
) -> list[SlideImage]:
    """Return the levels of a scene with those that were missing; each is made of the one above."""
    found = list(levels)
    while missing := wanted(found):
        after = missing[0]
        if watch is not None:
            watch.stage("making a level", len(found[after].frame_lengths))
        made = made_level(found[after], options, spool, watch)
        above = found[after].dataset
        if above is not None:
            made = replace(made, dataset=replace(above, made=above.made + 1))
        found.insert(after + 1, made)
    return found


def _laboratory(path: Path, slide: SlideSource, options: ConvertOptions) -> Laboratory:
    """Return what is said of all slides, of this one by its row, by its barcode, and by the worklist."""
    metadata, lab = slide.metadata, options.laboratory
    if options.table is not None:
        named = options.table.files
        files = members(path) if any(_dataset(image) for image in slide.images) else (path,)
        told = [each for each in files if each.name in named or each.stem in named] or [path]
        rows = [options.table.of(each, metadata.barcode) for each in told]
        if any(row != rows[0] for row in rows):
            raise SlideError("two rows of the table are of this slide, and do not say the same")
        lab = rows[0]
    if options.rule is not None:
        lab = options.rule.read(metadata.barcode, lab)
    return lab if options.worklist is None else options.worklist.of(lab, metadata.barcode)


def container_of(metadata: SlideMetadata, lab: Laboratory) -> str:
    """Return what is known as the identifier of the glass, and is part of what its UIDs are made of."""
    return lab.container_identifier or metadata.barcode or metadata.name


def _parted(
    slide: SlideSource, lab: Laboratory, options: ConvertOptions, images: Sequence[SlideImage]
) -> ReadySlide:
    """Return the slide with these images, each cut into parts of at most `options.max_size` bytes of frames."""
    parts = tuple(part for image in images for part in _parts(image, options.max_size))
    fingerprint = hashlib.sha256(slide.fingerprint + container_of(slide.metadata, lab).encode()).digest()
    return ReadySlide(slide.format, fingerprint, slide.metadata, slide.fields, lab, parts)


def _parts(image: SlideImage, most: int | None) -> Iterator[SlideImage]:
    if most is None or sum(image.frame_lengths) + _ITEM * len(image.frame_lengths) <= most:
        yield image
        return
    bounds = [0]
    size = 0
    for number, length in enumerate(image.frame_lengths):
        taken = length + (length & 1) + _ITEM
        if taken > most:
            raise UsageError("a single frame of the slide is larger than --max-size")
        if size + taken > most:
            bounds.append(number)
            size = 0
        size += taken
    bounds.append(len(image.frame_lengths))
    total = len(bounds) - 1
    for number, (first, stop) in enumerate(pairwise(bounds), 1):
        yield replace(
            image,
            frame_lengths=image.frame_lengths[first:stop],
            frames=PiecedFrames(partial(_ranged, image, first, stop)),
            part=Part(number, total, first),
        )


def _ranged(image: SlideImage, begin: int, end: int, first: int, stop: int | None) -> Pieces:
    """Yield frames of the range of an image from `begin` to `end`, numbered from 0."""
    return pieces_of(image.frames, begin + first, end if stop is None else min(end, begin + stop))
