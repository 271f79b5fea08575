"""What a vendor file is to the rest of the package: images, encoded or to be encoded, and facts with a DICOM name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._fields import Field
    from dicomanon.sources._peek import Peek

Flavor = Literal["VOLUME", "LABEL", "OVERVIEW", "THUMBNAIL"]
"""Image Type value 3 (PS3.3 C.8.12.4.1.1)."""


@dataclass(frozen=True, slots=True)
class Lossy:
    """How pixels lost information: Lossy Image Compression Method (PS3.3 C.7.6.1.1.5.1), bytes left."""

    method: str
    size: int


@dataclass(frozen=True, slots=True)
class OpticalPath:
    """How one channel was lit: brightfield, or fluorescence with the wavelengths in nm as far as they are known."""

    fluorescence: bool = False
    excitation: float | None = None
    emission: float | None = None


BRIGHTFIELD = OpticalPath()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What an image is, whether its frames are encoded already or not.

    `spacing` is mm between rows, mm between columns, None where nobody knows. `bits` are those of a sample: 8 or 16.
    `planes` are focal planes, `plane_spacing` apart in mm. `paths` are the channels. `losses` are the lossy
    compressions that pixels went through, the last one last. `scene` tells the pieces of tissue of one glass apart
    that were scanned as images of their own.
    """

    flavor: Flavor
    columns: int
    rows: int
    samples: int
    spacing: tuple[float, float] | None
    bits: int = 8
    planes: int = 1
    plane_spacing: float | None = None
    paths: tuple[OpticalPath, ...] = (BRIGHTFIELD,)
    losses: tuple[Lossy, ...] = ()
    resampled: bool = False
    scene: int = 0


class Frames(Protocol):
    """Reads frames lazily, from `first` up to `stop`."""

    def __call__(self, first: int = 0, stop: int | None = None, /) -> Iterator[bytes]:
        """Yield the frames of a range, all of them unless told otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an image that is written as a concatenation (PS3.3 C.7.6.16.2.2.4): its number from 1, of how many.

    `offset` is how many frames are in the parts before.
    """

    number: int
    total: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """What DICOM says of an image that is DICOM already, but for the structure of its pixels.

    `elements` are those of the top level by tag, each as encoded in Explicit VR Little Endian, `trailer` those behind
    Pixel Data. `container` are preamble and group 0002. `uid` is what the image as a whole was called; where its frames
    are `renumbered`, references to them no longer hold. `made` counts the levels that this program made of it, 0 in the
    data set of an image that it has not made.
    """

    elements: Mapping[int, bytes]
    container: bytes
    uid: str
    trailer: bytes = b""
    renumbered: bool = False
    made: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideImage(Shape):
    """One image of a slide as it will be in DICOM: frames in TILED_FULL order, encoded.

    Each frame has the length that `frame_lengths` says, or CorruptSlideError is raised. `derivation` says what was done
    to pixels that are not as they were stored. `dataset` is there where the image was DICOM already: its header is made
    of that.
    """

    tile_columns: int
    tile_rows: int
    photometric: str
    transfer_syntax_uid: str
    encapsulated: bool
    frame_lengths: Sequence[int]
    frames: Frames
    derivation: str = ""
    part: Part | None = None
    dataset: DataSet | None = None


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of an image, in pixels, on one focal plane and optical path; it may reach beyond right and bottom."""

    left: int
    top: int
    columns: int
    rows: int
    plane: int = 0
    path: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelImage(Shape):
    """One image of a slide whose pixels have to be decoded or put together; frames are yet to be made of it.

    `read` returns rows x columns x samples of a region, white (or zero, in fluorescence) beyond the image, in uint8 or
    uint16, and may be called by several threads at once; it raises CorruptSlideError. `exact` are pixels that were
    never lossy and stay so. `tile` is how the vendor cuts it, where frames had better follow.
    """

    read: Callable[[Region], NDArray[Any]]
    exact: bool = False
    tile: tuple[int, int] = (512, 512)
    why: str = ""
    """Why frames cannot be passed on as they are: a phrase for Derivation Description."""


Image = SlideImage | PixelImage


@dataclass(frozen=True, slots=True)
class SlideMetadata:
    """Facts of a slide, each mapped to DICOM by name; empty or None where the vendor file does not say."""

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


@dataclass(frozen=True, slots=True)
class SlideSource:
    """An open slide, its levels from the largest down; close it, or use it in `with`.

    `fields` is everything the vendor's files say in words, carried on or not; `levels` of several scenes follow each
    other.
    """

    format: str
    fingerprint: bytes
    """A digest of the content, from which UIDs are made: the same file gives the same UIDs."""
    metadata: SlideMetadata
    levels: tuple[Image, ...]
    others: tuple[Image, ...]
    """THUMBNAIL, OVERVIEW and LABEL, in this order, as far as there are any."""
    close: Callable[[], None]
    fields: tuple[Field, ...] = ()

    @property
    def images(self) -> tuple[Image, ...]:
        """All images: levels, then the others."""
        return (*self.levels, *self.others)

    @property
    def label(self) -> Image | None:
        """The LABEL, where there is one."""
        return self._first("LABEL")

    @property
    def overview(self) -> Image | None:
        """The OVERVIEW, where there is one."""
        return self._first("OVERVIEW")

    @property
    def thumbnail(self) -> Image | None:
        """The THUMBNAIL, where there is one."""
        return self._first("THUMBNAIL")

    def _first(self, flavor: Flavor) -> Image | None:
        return next((image for image in self.others if image.flavor == flavor), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideFormat:
    """A vendor format: `detect` claims a file, however damaged; `open` reads it or says what is wrong.

    `title`, `suffixes`, `lossless`, `encoded` are what `dicomanon formats` says. `needs` are modules that are not
    always there, `extra` the one of the package that brings them. A `fallback` is asked only where no other claims;
    `named_only` are files that also lie beside slides as a part of them: they are taken where they are named. `members`
    are all files of the slide that a file belongs to, where each of them stands for it: it is taken once. `is_dicom`:
    not of a vendor, and what other verbs take as it is.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    detect: Callable[[Peek], bool]
    open: Callable[[Path], SlideSource]
    lossless: str = ""
    encoded: str = ""
    needs: tuple[str, ...] = ()
    extra: str = ""
    fallback: bool = False
    named_only: bool = False
    members: Callable[[Path], tuple[Path, ...]] | None = None
    is_dicom: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """Modules that this format needs and that are not installed."""
        return tuple(module for module in self.needs if find_spec(module) is None)
