"""Pixel Data from a source to a sink: items walked, bytes copied, two windows in memory in turn."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError, UnsupportedError
from dicomanon.part10.behind import behind
from dicomanon.part10.codestream import MAX_HEAD
from dicomanon.part10.encoding import VIDEO
from dicomanon.part10.extent import Extent, check_native
from dicomanon.part10.frames import TAIL, FrameRules
from dicomanon.part10.offsets import EXTENDED_LENGTHS, EXTENDED_OFFSETS, MAX_TABLE, OffsetTable, table_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.part10.instance import Instance, Reader
    from dicomanon.part10.readers import Buffer
    from dicomanon.part10.write import Sink

    Write = Callable[[Buffer], object]

WINDOW = 1 << 21
"""Measured: smaller windows cost calls, larger ones leave the processor's cache."""
MAX_TRAILER = 64 << 20
_ITEM_HEADER = Struct("<II").unpack_from
_ITEM = 0xE000FFFE
_DELIMITER = 0xE0DDFFFE


def copy_body(instance: Instance, sink: Sink) -> bytes:
    """Write the value of Pixel Data with the text in its code streams overwritten; return the elements behind it.

    Exactly the pixels that the header promises, or the items of the value (PS3.5 A.4) that its offset table names,
    are copied: anything else raises MalformedError with its offset within the value. Frames are never decoded, so
    that video, where anything may stand between pictures, raises UnsupportedError.
    """
    if instance.pixels is None:
        return b""
    if instance.meta.transfer_syntax_uid in VIDEO:
        raise UnsupportedError("video is not looked into", tag=instance.pixels.tag)
    extent = Extent(instance)
    length = instance.pixels.length
    front: Buffer = b""
    if length is not None:
        if extent.raw(EXTENDED_OFFSETS) or extent.raw(EXTENDED_LENGTHS):
            raise MalformedError("an offset table without fragments", tag=EXTENDED_OFFSETS)
        check_native(extent, length)
        with behind(sink.write) as write:
            _copy_native(instance.body, length, write)
    else:
        rules = FrameRules(instance.meta.transfer_syntax_uid, extent)
        with behind(sink.write) as write:
            front = _Fragments(instance.body, write, rules).copy(extent)
    return _read_trailer(instance.body, front)


def _copy_native(body: Reader, length: int, write: Write) -> None:
    window = memoryview(bytearray(min(WINDOW, length)))
    other = memoryview(bytearray(min(WINDOW, max(length - WINDOW, 0))))
    left = length
    while left:
        count = body.readinto(window[: min(left, len(window))])
        if not count:
            raise MalformedError("Pixel Data is cut short", offset=length - left)
        left -= count
        write(window[:count])
        if other:
            window, other = other, window


def _read_trailer(body: Reader, front: Buffer) -> bytes:
    data = bytearray(front)
    window = memoryview(bytearray(1 << 16))
    while count := body.readinto(window):
        data += window[:count]
        if len(data) > MAX_TRAILER:
            raise MalformedError("more follows Pixel Data than the limit allows", offset=len(data))
    return bytes(data)


class _Fragments:
    """Walks the items of encapsulated Pixel Data through a window; the one before is being written meanwhile.

    `at` is how far the window is dealt with, `filled` how far it holds bytes, `left` what is still to come
    of the fragment being copied, `passed` the offset of the window's front in the value, `first` that of the
    first fragment's item. The end of a fragment is dealt with once `TAIL` bytes in front of it are at hand.
    """

    def __init__(self, body: Reader, write: Write, rules: FrameRules) -> None:
        self._body = body
        self._write = write
        self._rules = rules
        self._buffer = bytearray(WINDOW + 2 * MAX_HEAD)
        self._view = memoryview(self._buffer)
        self._other = bytearray()
        self._table = OffsetTable(b"")
        self._at = self._filled = self._left = self._passed = self._first = 0
        self._items = 1

    def copy(self, extent: Extent) -> memoryview:
        """Copy to the sequence delimitation item; return what is at hand of what follows it."""
        self._copy_table(extent)
        while not self._advance():
            self._flush()
            count = self._body.readinto(self._view[self._filled : self._filled + WINDOW])
            if not count:
                raise MalformedError("Pixel Data is cut short", offset=self._passed + self._filled)
            self._filled += count
        self._table.finish()
        end = self._at
        self._write(self._view[:end])
        return self._view[end : self._filled]

    def _copy_table(self, extent: Extent) -> None:
        """Copy the item of the Basic Offset Table."""
        head = self._take(8)
        tag, length = _ITEM_HEADER(head)
        if tag != _ITEM:
            raise MalformedError("something other than an offset table begins Pixel Data", offset=0)
        if length & 3 or length > MAX_TABLE:
            raise MalformedError("the Basic Offset Table is no list of offsets", offset=0)
        table = self._take(length)
        self._table = table_of(bytes(table), extent)
        self._write(head + table)
        self._passed = self._first = 8 + length

    def _take(self, size: int) -> bytearray:
        """Read exactly `size` bytes from the front of the value."""
        data = bytearray(size)
        view = memoryview(data)
        at = 0
        while at < size:
            count = self._body.readinto(view[at:])
            if not count:
                raise MalformedError("Pixel Data is cut short", offset=at)
            at += count
        return data

    def _flush(self) -> None:
        """Write what is dealt with, and take the rest to the front of the other window."""
        at, filled = self._at, self._filled
        if at:
            self._write(self._view[:at])
            other = self._other or bytearray(len(self._buffer))
            other[: filled - at] = self._view[at:filled]
            self._buffer, self._other = other, self._buffer
            self._view = memoryview(other)
            self._passed += at
            self._filled = filled - at
            self._at = 0

    def _advance(self) -> bool:
        """Deal with as much of the window as can be; tell whether the value is at its end."""
        buffer, filled, at, left = self._buffer, self._filled, self._at, self._left
        items, rules = self._items, self._rules
        known, ends, table = rules.known, rules.ends, self._table
        shift = self._first - self._passed
        due = table.due + shift
        thorough = rules.thorough
        done = False
        while True:
            if left:
                end = at + left
                if end > filled:
                    step = max(filled - at - TAIL, 0)
                    if thorough:
                        self._look(at, at + step, items)
                    at += step
                    left -= step
                    break
                if ends:
                    rules.ended = buffer.endswith(ends, at, end)
                    if thorough or not rules.ended:
                        self._check_end(at, end, items)
                at = end
                left = 0
            if filled - at < 8:
                break
            tag, length = _ITEM_HEADER(buffer, at)
            if tag == _ITEM:
                size = len(known)
                if not size or size > length or not buffer.startswith(known, at + 8, filled):
                    if not self._begin(at, length, items):
                        break
                    known = rules.known
                    size = rules.head_length
                if thorough:
                    rules.enter(buffer, at + 8, size)
                if at >= due:
                    due = table.meet(at - shift, length) + shift
                items += 1
                at += 8
                left = length
                continue
            if tag != _DELIMITER or length:
                raise MalformedError(
                    "something other than a fragment stands in Pixel Data", offset=self._passed + at
                )
            at += 8
            done = True
            break
        self._at, self._left, self._items = at, left, items
        return done

    def _begin(self, at: int, length: int, items: int) -> bool:
        """Deal with the head of the fragment whose item starts at `at`; tell whether enough of it was at hand."""
        start = at + 8
        try:
            return self._rules.begin(self._buffer, start, min(self._filled, start + length), length)
        except MalformedError as error:
            raise MalformedError(f"fragment {items}: {error}", offset=self._passed + at) from None

    def _look(self, at: int, stop: int, items: int) -> None:
        try:
            if self._rules.thorough:
                self._rules.look(self._buffer, at, stop)
        except MalformedError as error:
            raise MalformedError(f"fragment {items - 1}: {error}", offset=self._passed + at) from None

    def _check_end(self, at: int, end: int, items: int) -> None:
        try:
            if not self._rules.ended:
                self._rules.check_end(self._buffer, at, end)
            if self._rules.thorough:
                self._rules.look(self._buffer, at, end)
        except MalformedError as error:
            raise MalformedError(f"fragment {items - 1}: {error}", offset=self._passed + end) from None
