"""Pixel Data from a source to a sink: items walked, bytes copied, one window in memory."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.part10.codestream import MAX_HEAD, HeadCutShortError, HeadScrubber
from dicomanon.part10.encoding import MARKED

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.part10.instance import Instance, Reader
    from dicomanon.part10.readers import Buffer
    from dicomanon.part10.write import Sink

    Write = Callable[[Buffer], object]

WINDOW = 1 << 20
"""Measured: smaller windows cost calls, larger ones leave the processor's cache."""
MAX_TRAILER = 64 << 20
_ITEM_HEADER = Struct("<II").unpack_from
_ITEM = 0xE000FFFE
_DELIMITER = 0xE0DDFFFE
_HEAD_PROBE = 1 << 12


def copy_body(instance: Instance, sink: Sink) -> bytes:
    """Write the value of Pixel Data with the text in its code streams overwritten; return the elements behind it.

    Exactly the items of the value are copied (PS3.5 A.4): anything that is not one of them raises
    MalformedError with its offset within the value. Frames are never decoded.
    """
    if instance.pixels is None:
        return b""
    length = instance.pixels.length
    if length is not None:
        return _copy_native(instance.body, length, sink.write)
    return _Fragments(instance.body, sink.write, marked=instance.meta.transfer_syntax_uid in MARKED).copy()


def _copy_native(body: Reader, length: int, write: Write) -> bytes:
    window = memoryview(bytearray(min(WINDOW, max(length, 1))))
    left = length
    while left:
        count = body.readinto(window[: min(left, len(window))])
        if not count:
            raise MalformedError("Pixel Data is cut short", offset=length - left)
        write(window[:count])
        left -= count
    return _read_trailer(body, b"")


def _read_trailer(body: Reader, front: Buffer) -> bytes:
    data = bytearray(front)
    window = memoryview(bytearray(1 << 16))
    while count := body.readinto(window):
        data += window[:count]
        if len(data) > MAX_TRAILER:
            raise MalformedError("more follows Pixel Data than the limit allows", offset=len(data))
    return bytes(data)


class _Fragments:
    """Walks the items of encapsulated Pixel Data through one window.

    `at` is how far the window is dealt with, `filled` how far it holds bytes, `left` what is still to come
    of the fragment being copied, `passed` the offset of the window's front in the value.
    """

    def __init__(self, body: Reader, write: Write, *, marked: bool) -> None:
        self._body = body
        self._marked = marked
        self._write = write
        self._buffer = bytearray(WINDOW + 2 * MAX_HEAD)
        self._view = memoryview(self._buffer)
        self._scrubber = HeadScrubber()
        self._at = self._filled = self._left = self._passed = self._items = 0

    def copy(self) -> bytes:
        """Copy to the sequence delimitation item; return what follows it."""
        while not self._advance():
            self._flush()
            count = self._body.readinto(self._view[self._filled : self._filled + WINDOW])
            if not count:
                raise MalformedError("Pixel Data is cut short", offset=self._passed + self._filled)
            self._filled += count
        end = self._at
        self._write(self._view[:end])
        return _read_trailer(self._body, self._view[end : self._filled])

    def _flush(self) -> None:
        """Write what is dealt with and move the rest to the front."""
        at, filled = self._at, self._filled
        if at:
            self._write(self._view[:at])
            self._buffer[: filled - at] = self._buffer[at:filled]
            self._passed += at
            self._filled = filled - at
            self._at = 0

    def _advance(self) -> bool:
        """Deal with as much of the window as can be; tell whether the value is at its end."""
        buffer, filled, at, left = self._buffer, self._filled, self._at, self._left
        items = self._items
        scrubber = self._scrubber
        known = scrubber.last if scrubber.last_is_clean else b""
        done = False
        while True:
            if left:
                if left > filled - at:
                    left -= filled - at
                    at = filled
                    break
                at += left
                left = 0
            if filled - at < 8:
                break
            tag, length = _ITEM_HEADER(buffer, at)
            if tag == _ITEM:
                if items:
                    size = len(known)
                    if not size or size > length or not buffer.startswith(known, at + 8, filled):
                        if not self._scrub(scrubber.scrub, at, length, items):
                            break
                        known = scrubber.last if scrubber.last_is_clean else b""
                elif length & 3:
                    raise MalformedError(
                        "the Basic Offset Table is no list of offsets", offset=self._passed + at
                    )
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

    def _scrub(self, scrub: Callable[[bytearray, int, int], int], at: int, length: int, items: int) -> bool:
        """Scrub the fragment whose item starts at `at`; tell whether enough of it was in the window."""
        start = at + 8
        held = self._filled - start
        if held < length and held < _HEAD_PROBE:
            return False
        try:
            head = scrub(self._buffer, start, start + min(held, length))
        except HeadCutShortError:
            if held < length and held < MAX_HEAD:
                return False
            raise MalformedError(
                f"the code stream of fragment {items} has no end to its head", offset=self._passed + at
            ) from None
        except MalformedError as error:
            raise MalformedError(f"fragment {items}: {error}", offset=self._passed + at) from None
        if not head and self._marked and items == 1:
            raise MalformedError("the first fragment begins no code stream", offset=self._passed + at)
        return True
