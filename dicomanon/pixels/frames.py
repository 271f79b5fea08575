"""Where the frames of an instance lie, and single ones of them, read in order (PS3.5 A.4)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError, UnsupportedError
from dicomanon.part10.extent import Extent, check_native
from dicomanon.part10.offsets import EXTENDED_OFFSETS, MAX_TABLE, table_of
from dicomanon.part10.readers import skip, take

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.part10.instance import Instance, Reader
    from dicomanon.pixels.picture import Picture

ITEM_HEADER = Struct("<II")
ITEM = 0xE000FFFE
DELIMITER = 0xE0DDFFFE
LARGEST_FRAME = 512 << 20
"""Bytes of one encoded frame that are held in memory."""


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """Where each frame begins in the value of Pixel Data (bytes), and where the last one ends.

    Of encapsulated frames that is their first item. `front` is where the first one begins, behind the Basic Offset
    Table, which has `basic` entries. `fragmented` tells that a frame has more than one item.
    """

    starts: array[int]
    end: int
    front: int
    basic: int
    fragmented: bool

    def span(self, frame: int) -> tuple[int, int]:
        """Return start and end of a frame, its item headers included."""
        return self.starts[frame], self.starts[frame + 1] if frame + 1 < len(self.starts) else self.end


def index_frames(instance: Instance, picture: Picture) -> FrameIndex:
    """Walk the items of Pixel Data without reading what is in them.

    Raises MalformedError for a value that is cut short, an offset table that lies, or fewer items than frames;
    UnsupportedError where nothing tells which fragments make a frame.
    """
    extent = Extent(instance)
    if not picture.encapsulated:
        length = instance.pixels.length if instance.pixels else None
        check_native(extent, length or 0)
        size = picture.frame_size
        if (length or 0) < size * picture.frames:
            raise MalformedError("Pixel Data is not as long as its pixels")
        if (length or 0) - size * picture.frames > 1:  # YBR_FULL_422 by a writer that did not halve anything
            raise UnsupportedError("native pixels whose chrominance should be halved and is not")
        starts = array("Q", range(0, size * picture.frames, size))
        return FrameIndex(starts, size * picture.frames, 0, 0, fragmented=False)
    body = instance.body
    tag, length = ITEM_HEADER.unpack(take(body, 8))
    if tag != ITEM or length & 3 or length > MAX_TABLE:
        raise MalformedError("something other than an offset table begins Pixel Data", offset=0)
    basic = bytes(take(body, length))
    table = table_of(basic, extent)
    front = at = 8 + length
    items, named = array("Q"), array("Q")
    while True:
        tag, length = ITEM_HEADER.unpack(take(body, 8))
        if tag == DELIMITER and not length:
            break
        if tag != ITEM:
            raise MalformedError("something other than a fragment stands in Pixel Data", offset=at)
        if at - front >= table.due:
            table.meet(at - front, length)
            named.append(at)
        items.append(at)
        skip(body, length)
        at += 8 + length
    table.finish()
    return FrameIndex(
        _starts(items, named, picture.frames), at, front, len(basic) // 4, len(items) != picture.frames
    )


def _starts(items: array[int], named: array[int], frames: int) -> array[int]:
    if len(items) == frames:
        return items
    if len(items) < frames or not items:
        raise MalformedError("there are fewer fragments than frames")
    if frames == 1:
        return items[:1]
    if len(named) == frames:
        return named
    raise UnsupportedError("nothing tells which fragments make a frame", tag=EXTENDED_OFFSETS)


def read_frames(
    body: Reader, index: FrameIndex, picture: Picture, wanted: Iterable[int]
) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of the frames that are wanted, by ascending number, from a fresh body."""
    at = 0
    for number in sorted(set(wanted)):
        start, end = index.span(number)
        if end - start > LARGEST_FRAME:
            raise MalformedError("a frame is larger than the limit", offset=start)
        skip(body, start - at)
        data = take(body, end - start)
        at = end
        yield number, _joined(data) if picture.encapsulated else bytes(data)


def _joined(data: bytearray) -> bytes:
    """Return the fragments of a frame without their item headers."""
    parts, at = [], 0
    while at < len(data):
        _, length = ITEM_HEADER.unpack_from(data, at)
        parts.append(data[at + 8 : at + 8 + length])
        at += 8 + length
    return b"".join(parts)
