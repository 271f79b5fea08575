"""What a vendor file is to the rest of the package: images of encoded tiles, and facts with a DICOM name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

Flavor = Literal["VOLUME", "LABEL", "OVERVIEW", "THUMBNAIL"]
"""Image Type value 3 (PS3.3 C.8.12.4.1.1)."""


@dataclass(frozen=True, slots=True)
class Lossy:
    """How pixels lost information: Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1), bytes left."""

    method: str
    size: int


@dataclass(frozen=True, slots=True)
class SlideImage:
    """One image of a slide as it will be in DICOM: frames in TILED_FULL order, encoded as they were stored.

    `spacing` is mm between rows, mm between columns, None where nobody knows. `frames` reads lazily, one
    frame at a time; each has the length that `frame_lengths` says, or CorruptSlideError is raised.
    """

    flavor: Flavor
    columns: int
    rows: int
    tile_columns: int
    tile_rows: int
    samples: int
    photometric: str
    transfer_syntax_uid: str
    encapsulated: bool
    spacing: tuple[float, float] | None
    lossy: Lossy | None
    resampled: bool
    frame_lengths: Sequence[int]
    frames: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class SlideMetadata:
    """Facts of a slide, each mapped to DICOM by name; empty or None where the vendor file does not say.

    `properties` are the vendor's own fields, for inspection only: nothing of them is written unless it is
    one of the named facts.
    """

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    software: tuple[str, ...] = ()
    acquired: dt.datetime | None = None
    objective_power: float | None = None
    icc_profile: bytes | None = None
    barcode: str = ""
    label_text: str = ""
    name: str = ""
    """The stem of the file name, which scanners use as the slide's identifier."""
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SlideSource:
    """An open slide, its levels from the largest down; close it, or use it in `with`."""

    format: str
    fingerprint: bytes
    """A digest of the content, from which UIDs are made: the same file gives the same UIDs."""
    metadata: SlideMetadata
    levels: tuple[SlideImage, ...]
    label: SlideImage | None
    overview: SlideImage | None
    thumbnail: SlideImage | None
    close: Callable[[], None]

    @property
    def images(self) -> tuple[SlideImage, ...]:
        """All images: levels, then THUMBNAIL, OVERVIEW and LABEL where there are any."""
        others = (self.thumbnail, self.overview, self.label)
        return (*self.levels, *(image for image in others if image is not None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class SlideFormat:
    """A vendor format: `detect` claims a file, however damaged; `open` reads it or says what is wrong."""

    name: str
    detect: Callable[[Path], bool]
    open: Callable[[Path], SlideSource]
