"""One JPEG in a file: where it is, and as the one frame of an image; how it is cut is in `_restart_cut`."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._bytes import MAX_RANGE, FileBytes
from dicomanon.sources._restart_head import SEQUENTIAL, clean_head, read_coding
from dicomanon.sources._slide import BRIGHTFIELD, Lossy, SlideImage
from dicomanon.sources._tiff import YCBCR
from dicomanon.sources._tiles import JPEG_METHOD, jpeg_syntax

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.sources._restart_head import Coding
    from dicomanon.sources._slide import Flavor, Frames, OpticalPath

_RGB = 2
_MAX_HEAD = 1 << 18
MAX_SIDE = 0xFFFF
"""Pixels that a head can say (T.81 B.2.2)."""
_TAIL = 1 << 16


@dataclass(frozen=True, slots=True)
class Stream:
    """One JPEG in a file: where it is, its head, its scan from `begin` to `end`, where EOI stands."""

    file: FileBytes
    head: bytes
    coding: Coding
    begin: int
    end: int

    @property
    def is_frame(self) -> bool:
        """Whether DICOM has a transfer syntax for it: sequential Huffman, 8 bits, one interleaved scan."""
        head = self.coding.head
        return head.process in SEQUENTIAL and head.bits == 8 and self.coding.interleaved

    @property
    def size(self) -> int:
        """Bytes of the whole stream."""
        return len(self.head) + self.end + 2 - self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What the image is that streams make up: see Shape."""

    flavor: Flavor
    columns: int
    rows: int
    spacing: tuple[float, float] | None
    resampled: bool = False
    plane_spacing: float | None = None
    path: OpticalPath = BRIGHTFIELD


def read_stream(file: FileBytes, offset: int, count: int) -> Stream:
    """Read the head of the JPEG in a range of a file and find its end; raise CorruptSlideError."""
    if count > file.size or offset + count > file.size:
        raise CorruptSlideError("an image lies beyond the end of the file")
    front = file.read(offset, min(count, _MAX_HEAD))
    coding = read_coding(front)
    length = coding.head.length
    tail_at = max(offset + length, offset + count - _TAIL)
    at = file.read(tail_at, offset + count - tail_at).rfind(_jpeg.EOI)
    if at < 0:
        raise CorruptSlideError("a JPEG stream has no end")
    return Stream(file, front[:length], coding, offset + length, tail_at + at)


def whole(stream: Stream, place: Place) -> SlideImage | None:
    """Return a stream as the one frame of an image, None where it is none that DICOM knows.

    Raises CorruptSlideError.
    """
    head = stream.coding.head
    if not stream.is_frame or max(place.columns, place.rows) > MAX_SIDE:
        return None
    if (head.columns, head.rows) != (place.columns, place.rows):
        raise CorruptSlideError("a JPEG stream has another size than its image")
    if stream.end - stream.begin > MAX_RANGE:
        raise CorruptSlideError("an image of one frame is absurdly large")
    front = clean_head(stream.head, stream.coding, place.rows, place.columns)
    length = len(front) + stream.end + 2 - stream.begin

    def frames(first: int = 0, stop: int | None = None) -> Iterator[bytes]:
        if first == 0 and stop != 0:
            yield front + stream.file.read(stream.begin, stream.end + 2 - stream.begin)

    return framed(stream, place, (place.rows, place.columns), array("Q", (length,)), frames, stream.size, 1)


def framed(
    stream: Stream,
    place: Place,
    tile: tuple[int, int],
    lengths: array[int],
    frames: Frames,
    size: int,
    planes: int,
) -> SlideImage:
    """Return the image that frames make up; `stream` tells their coding, `size` is what streams have in bytes."""
    photometric, syntax = jpeg_syntax(stream.coding.head, _RGB if stream.coding.rgb else YCBCR)
    return SlideImage(
        flavor=place.flavor,
        columns=place.columns,
        rows=place.rows,
        samples=len(stream.coding.head.sampling),
        spacing=place.spacing,
        planes=planes,
        plane_spacing=place.plane_spacing,
        paths=(place.path,),
        losses=(Lossy(JPEG_METHOD, size),),
        resampled=place.resampled,
        tile_columns=tile[1],
        tile_rows=tile[0],
        photometric=photometric,
        transfer_syntax_uid=syntax,
        encapsulated=True,
        frame_lengths=lengths,
        frames=frames,
    )
