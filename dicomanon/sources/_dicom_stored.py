"""Where the frames of a DICOM file lie, and their bytes: items of Pixel Data walked, nothing decoded (PS3.5 A.4)."""

from __future__ import annotations

import io
import os
from array import array
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.elements import elements_in
from dicomanon.part10.encoding import ENCAPSULATED, EXPLICIT_BIG, EXPLICIT_LE, MARKED, encoding_of
from dicomanon.part10.extent import Extent, check_native
from dicomanon.part10.offsets import MAX_TABLE, table_of
from dicomanon.part10.read import read_instance
from dicomanon.part10.readers import skip, take
from dicomanon.sources._bytes import MAX_RANGE, FileBytes, windows
from dicomanon.sources._dicom_set import explicit, swapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.instance import Instance

_ITEM_HEADER = Struct("<II")
_ITEM, _DELIMITER = 0xE000FFFE, 0xE0DDFFFE
_HEAD = 8
_MOST_FRAGMENTS, _FEW = 16, 1 << 16
"""Fragments of a frame on average, and of a file in any case: more are a bomb."""
_BEGINNINGS, _END = (b"\xff\xd8", b"\xff\x4f"), b"\xff\xd9"
_MAX_TRAILER = 1 << 20
_GONE = frozenset((0xFFFAFFFA, 0xFFFCFFFC))
"""Digital Signatures, which do not hold of another data set, and Data Set Trailing Padding."""
_PIXEL_DATA = 0x7FE00010


@dataclass(frozen=True, slots=True)
class Stored:
    """Frames in one file, in its order: from `starts` to `stops`, with the heads of items where there are several.

    `lengths` are those of the frames themselves. `trailer` are the elements that follow. `inflated` tells that offsets
    are those in Pixel Data of a deflated data set. `width` (of `array`) is that of numbers whose bytes are swapped.
    """

    path: Path
    state: tuple[int, int, int]
    starts: Sequence[int]
    stops: Sequence[int]
    lengths: Sequence[int]
    trailer: bytes = b""
    fragmented: bool = False
    inflated: bool = False
    width: str = ""

    def read(self, numbers: Sequence[int]) -> Iterator[bytes | memoryview]:
        """Yield frames by their numbers; raise CorruptSlideError where the file is not any more what it was."""
        if self.inflated:
            yield from self._inflated(numbers)
            return
        offsets = array("Q", (self.starts[number] for number in numbers))
        counts = array("Q", (self.stops[number] - self.starts[number] for number in numbers))
        with opened(self.path) as file:
            if state_of(file.descriptor) != self.state:
                raise CorruptSlideError("a file of the slide changed while it was read")
            for window, begin, among in windows(file, offsets, counts):
                view = memoryview(window)
                for each in among:
                    start = offsets[each] - begin
                    yield self._frame(view[start : start + counts[each]])

    def _frame(self, data: memoryview) -> bytes | memoryview:
        if self.fragmented:
            return _joined(data)
        return swapped(bytes(data), self.width) if self.width else data

    def _inflated(self, numbers: Sequence[int]) -> Iterator[bytes]:
        with io.FileIO(self.path) as file:
            if state_of(file.fileno()) != self.state:
                raise CorruptSlideError("a file of the slide changed while it was read")
            body, at = read_instance(file).body, 0
            for number in numbers:
                skip(body, self.starts[number] - at)
                at = self.stops[number]
                yield bytes(take(body, at - self.starts[number]))
            if at == self.stops[-1]:
                rest = memoryview(bytearray(_MAX_TRAILER))
                held = 0
                while count := body.readinto(rest[held:]):
                    held += count
                if _trailer(bytes(rest[:held]), EXPLICIT_LE):
                    raise SlideError("elements behind Pixel Data of a deflated data set are not supported")


@contextmanager
def opened(path: Path) -> Iterator[FileBytes]:
    """Open a file for reading; raise CorruptSlideError where that fails."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise CorruptSlideError(f"a file of the slide cannot be read ({error.strerror})") from None
    try:
        yield FileBytes(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def state_of(descriptor: int) -> tuple[int, int, int]:
    """Return what tells a file from the one it was: its number, size and time of change."""
    found = os.fstat(descriptor)
    return found.st_ino, found.st_size, found.st_mtime_ns


def _joined(data: memoryview) -> bytes:
    """Return the fragments of a frame without the heads of their items."""
    parts, at = [], 0
    while at < len(data):
        _, length = _ITEM_HEADER.unpack_from(data, at)
        parts.append(data[at + _HEAD : at + _HEAD + length])
        at += _HEAD + length
    return b"".join(parts)


def stored_frames(
    path: Path, file: io.FileIO, instance: Instance, value_at: int | None, frames: int
) -> Stored:
    """Find the frames of an instance whose Pixel Data begins at `value_at`, None where it is deflated.

    Raises CorruptSlideError and MalformedError for what is cut short or contradicts itself, SlideError where nothing
    tells which fragments make a frame.
    """
    pixels = instance.pixels
    if pixels is None or pixels.tag != _PIXEL_DATA:
        raise CorruptSlideError("the image has no pixels")
    state = state_of(file.fileno())
    data = FileBytes(file.fileno(), state[1])
    syntax = instance.meta.transfer_syntax_uid
    if syntax in ENCAPSULATED:
        starts, stops, lengths, trailer = _encapsulated(data, instance, value_at or 0, frames)
        fragmented = any(
            stop - start != length for start, stop, length in zip(starts, stops, lengths, strict=True)
        )
        return Stored(path, state, starts, stops, lengths, trailer, fragmented=fragmented)
    extent, length = Extent(instance), pixels.length or 0
    check_native(extent, length)
    size = next((each // frames for each in extent.lengths() if length - each in (0, each & 1)), 0)
    if not length or not size or size * frames not in extent.lengths():
        raise CorruptSlideError("Pixel Data is not as long as its pixels")
    if size > MAX_RANGE:
        raise SlideError("a frame is larger than is supported")
    first = value_at or 0
    trailer = b""
    if value_at is not None:
        if first + length > data.size:
            raise CorruptSlideError("Pixel Data is cut short")
        trailer = _behind(data, instance, first + length)
    starts = array("Q", range(first, first + size * frames, size))
    stops = array("Q", range(first + size, first + size * frames + 1, size))
    width = "H" if syntax == EXPLICIT_BIG and pixels.vr == b"OW" else ""
    if width and size & 1:
        raise SlideError("big endian words that reach over the border of frames are not supported")
    return Stored(
        path,
        state,
        starts,
        stops,
        array("Q", [size]) * frames,
        trailer,
        inflated=value_at is None,
        width=width,
    )


def _encapsulated(
    data: FileBytes, instance: Instance, at: int, frames: int
) -> tuple[array[int], array[int], array[int], bytes]:
    tag, size = _ITEM_HEADER.unpack(data.read(at, _HEAD))
    if tag != _ITEM or size & 3 or size > MAX_TABLE:
        raise CorruptSlideError("something other than an offset table begins Pixel Data")
    table = table_of(data.read(at + _HEAD, size), Extent(instance))
    front = at = at + _HEAD + size
    items, lengths, named = array("Q"), array("Q"), array("Q")
    most = max(frames * _MOST_FRAGMENTS, _FEW)
    while True:
        tag, length = _ITEM_HEADER.unpack(data.read(at, _HEAD))
        if tag == _DELIMITER and not length:
            break
        if tag != _ITEM or not length or length & 1:
            raise CorruptSlideError("something other than a fragment stands in Pixel Data")
        if length > MAX_RANGE or at + _HEAD + length > data.size:
            raise CorruptSlideError("a fragment is longer than its file")
        if len(items) == most:
            raise CorruptSlideError("there are absurdly many fragments")
        if at - front >= table.due:
            table.meet(at - front, length)
            named.append(len(items))
        items.append(at)
        lengths.append(length)
        at += _HEAD + length
    table.finish()
    trailer = _behind(data, instance, at + _HEAD)
    firsts = _firsts(data, instance, items, lengths, named, frames)
    return (*_frames(items, lengths, firsts), trailer)


def _frames(
    items: array[int], lengths: array[int], firsts: Sequence[int]
) -> tuple[array[int], array[int], array[int]]:
    """Return starts, stops and lengths of frames that begin with these items; one of several starts with its head."""
    if len(firsts) == len(items):
        starts = array("Q", (each + _HEAD for each in items))
        return starts, array("Q", map(int.__add__, starts, lengths)), lengths
    starts, stops, sizes = array("Q"), array("Q"), array("Q")
    for number, first in enumerate(firsts):
        after = firsts[number + 1] if number + 1 < len(firsts) else len(items)
        starts.append(items[first])
        stops.append(items[after - 1] + _HEAD + lengths[after - 1])
        sizes.append(sum(lengths[first:after]))
        if sizes[-1] > MAX_RANGE:
            raise SlideError("a frame is larger than is supported")
    return starts, stops, sizes


def _firsts(
    data: FileBytes,
    instance: Instance,
    items: array[int],
    lengths: array[int],
    named: array[int],
    frames: int,
) -> Sequence[int]:
    """Return the items that frames begin with: by their number, by the offset table, or by where code streams begin."""
    if len(items) == frames:
        return range(frames)
    if len(items) < frames or not items:
        raise CorruptSlideError("there are fewer fragments than frames")
    if frames == 1:
        return range(1)
    if len(named) == frames:
        return named
    begun = array("Q")
    if instance.meta.transfer_syntax_uid in MARKED:
        ended = True
        for number, (at, length) in enumerate(zip(items, lengths, strict=True)):
            if ended and data.read(at + _HEAD, 2) in _BEGINNINGS:
                begun.append(number)
            tail = data.read(at + _HEAD + max(0, length - 3), min(3, length))
            ended = tail.rstrip(b"\0").endswith(_END)
    if len(begun) != frames or begun[0]:
        raise SlideError("nothing tells which fragments make a frame")
    return begun


def _behind(data: FileBytes, instance: Instance, at: int) -> bytes:
    """Return the elements that follow Pixel Data, in Explicit VR Little Endian; raise SlideError for too many."""
    if data.size - at > _MAX_TRAILER:
        raise SlideError("more follows Pixel Data than is supported")
    return _trailer(data.read(at, data.size - at), encoding_of(instance.meta.transfer_syntax_uid))


def _trailer(rest: bytes, encoding: Encoding) -> bytes:
    elements = [each for each in elements_in(rest, 0, len(rest), encoding) if each.tag not in _GONE]
    if any(one.tag >= other.tag for one, other in pairwise(elements)) or any(
        each.tag <= _PIXEL_DATA for each in elements
    ):
        raise CorruptSlideError("an element stands behind Pixel Data that belongs before it, or comes twice")
    return b"".join(explicit(rest, each) for each in elements)
