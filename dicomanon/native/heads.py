"""What in a tile is no picture: overwritten where it stands, so that the picture is the same to the last bit."""

from __future__ import annotations

from dataclasses import dataclass

from dicomanon.errors import CorruptSlideError
from dicomanon.native.jpeg2000_words import image_size, jpeg_2000_head
from dicomanon.native.jpeg_segments import check_head, frame_size, read_head
from dicomanon.native.jpeg_words import JpegTail, jpeg_head, jpeg_tables, jpeg_tail
from dicomanon.native.packed import packed_tail
from dicomanon.native.plain_words import bmp_words, png_words

__all__ = ["NONE", "Scrubber", "jpeg_2000_head", "jpeg_head", "jpeg_tables", "jpeg_tail"]

NONE, JPEG, JPEG_2000, PICTURE, DEFLATE, LZW, PACKBITS = range(7)
"""What lies in a range of the file; `PICTURE` is a file of JPEG, PNG or BMP, as it says itself."""
KINDS = 8
"""A kind may have a size with it, `kind + KINDS * size`: bytes of the unpacked tile, or columns and rows of it."""
WHOLE = frozenset((JPEG_2000, PICTURE, DEFLATE, LZW, PACKBITS))
"""Streams that are looked at as a whole, and so are never cut into windows."""
_PACKED = {DEFLATE: "deflate", LZW: "lzw", PACKBITS: "packbits"}


@dataclass(slots=True)
class Scrubber:
    """Overwrites words; most tiles of a slide have the same head, so the last one is remembered.

    `count` is how many segments were overwritten so far.
    """

    count: int = 0
    _raw: bytes = b""
    _clean: bytes = b""
    _found: int = 0
    _size: int = 0
    _tail: JpegTail | None = None

    def scrub(self, data: bytearray, start: int, stop: int, kind: int) -> None:
        """Overwrite what is no picture in the stream from `start` up to `stop`, which is `kind`.

        A negative kind says that the stream goes on behind `stop`. Raises CorruptSlideError where the stream is not
        what it is said to be: it could be anything.
        """
        goes_on, (size, kind) = kind < 0, divmod(abs(kind), KINDS)
        if kind == JPEG:
            self._jpeg(data, start, stop, size, goes_on=goes_on)
        elif kind in _PACKED:
            self.count += packed_tail(data, start, stop, _PACKED[kind], size)
        elif kind == JPEG_2000:
            self._jpeg_2000(data, start, stop, size)
        elif kind == PICTURE:
            self._picture(data, start, stop)

    def _jpeg(self, data: bytearray, start: int, stop: int, size: int, *, goes_on: bool) -> None:
        if self._tail is None:
            if not data.startswith(b"\xff\xd8", start, stop):
                _refuse(data, start, stop)
                return
            self._tail = JpegTail()
            start = self._head(data, start, stop, size)
        self._tail.feed(data, start, stop)
        if not goes_on:
            self.count += self._tail.count
            self._tail = None

    def _picture(self, data: bytearray, start: int, stop: int) -> None:
        if data.startswith(b"BM", start, stop):
            self.count += bmp_words(data, start, stop)
        elif data.startswith(b"\x89PNG", start, stop):
            self.count += png_words(data, start, stop)
        else:
            self._jpeg(data, start, stop, 0, goes_on=False)

    def _jpeg_2000(self, data: bytearray, start: int, stop: int, size: int) -> None:
        if size and any(data[start:stop]):
            _check_size(image_size(data, start, stop), size)
        first, found = jpeg_2000_head(data, start, stop)
        if first == start:
            _refuse(data, start, stop)
        self.count += found

    def _head(self, data: bytearray, start: int, stop: int, size: int) -> int:
        if self._raw and size == self._size and data.startswith(self._raw, start, stop):
            if self._found:
                data[start : start + len(self._raw)] = self._clean
                self.count += self._found
            return start + len(self._raw)
        before = bytes(data[start : min(stop, start + (1 << 16))])
        end, found = jpeg_head(data, start, stop)
        head = read_head(data, start, end)
        check_head(data, head)
        if size:
            _check_size(frame_size(data, head), size)
        self.count += found
        self._found, self._size = found, size
        self._raw = before[: end - start] if end - start <= len(before) else b""
        self._clean = bytes(data[start:end])
        return end


def sized(kind: int, columns: int, rows: int) -> int:
    """Return a kind with the columns and rows that a tile has at most."""
    return kind + KINDS * (columns << 32 | rows)


def _check_size(found: tuple[int, int] | None, size: int) -> None:
    """Raise CorruptSlideError where a picture is larger than its tile: the rest of it nobody sees."""
    columns, rows = size >> 32, size & 0xFFFFFFFF
    if found is not None and (found[0] > columns or found[1] > rows):
        raise CorruptSlideError("the picture in a tile is larger than the tile")


def _refuse(data: bytearray, start: int, stop: int) -> None:
    if any(data[start:stop]):
        raise CorruptSlideError("a tile is not in the compression that it is said to be in")
