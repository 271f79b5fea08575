"""The head of a frame's code stream: text in it is overwritten in place, the scan is never touched.

A head ends behind the first SOS of JPEG and JPEG-LS (ITU-T T.81 B.1, T.87 C.1) or the first SOD of
JPEG 2000 (T.800 A.2). Where a JPEG says that more scans follow, segments may stand between them, and the head
goes on to EOI. Of marker segments only those that decoders need are kept, and one that is not as long as what it
declares is refused. What is overwritten keeps its length, so no offset table changes. A second image behind the
EOI of the first, in one fragment and with an EOI of its own, could only be found by reading the scan: it is not
looked for.
"""

from __future__ import annotations

import re
from itertools import pairwise
from struct import Struct

from dicomanon.errors import MalformedError

MAX_HEAD = 1 << 20
RUN_LENGTH_HEAD = 64
_RUN_OFFSETS = Struct("<16I").unpack_from
_REMEMBERED = 16

_SOI = b"\xff\xd8"
_SOC = b"\xff\x4f\xff\x51"
_JP2_BOX = b"\0\0\0\x0cjP  "
_JPEG_XL_BOX = b"\0\0\0\x0cJXL "
_STANDALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_FRAMES = frozenset((*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7))
"""SOF markers, of JPEG-LS too."""
_NEEDED = _FRAMES | {0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF}
"""Segments without which there is no picture (T.81 table B.1); LSE is judged by its kind."""
_TABLES = frozenset((0xC4, 0xCC, 0xDB))
_NO_TABLE = 0xEC
"""Bits that are not set in the byte in front of a table: there are two kinds or widths, and four of each."""
_SIZES = {0xDC: (2,), 0xDD: (2, 3, 4), 0xDF: (1,)}
"""Bytes of DNL, DRI (which JPEG-LS has in three sizes, T.87 C.2.5) and EXP."""
_NEEDED_2000 = frozenset(
    (*range(0x50, 0x54), 0x55, *range(0x56, 0x5A), *range(0x5C, 0x62), 0x63, *range(0x70, 0x7A), 0x90)
)
"""Those of T.800 table A.2, T.801 and T.814 but COM."""
_EMPTY_2000 = frozenset(range(0x30, 0x40))
_EOC = b"\xff\xd9"
_ONE_PASS = frozenset((0xC0, 0xC1, 0xC3, 0xC9, 0xCB, 0xF7))
"""Those of frames that have one scan if that holds all their components."""
_LARGEST_REMEMBERED = 1 << 16
_BEHIND_SCAN = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
"""A marker that ends entropy-coded data: none that restarts it, no stuffing (T.81 B.1.1.5, T.87 A.1)."""


class HeadCutShortError(Exception):
    """The head does not end within the bytes at hand."""


class HeadScrubber:
    """Overwrites the text in frame heads, remembering heads already seen: most frames share one.

    `last` is the head met last, as it was, and `last_is_clean` says that there was nothing in it to overwrite.
    """

    def __init__(self) -> None:
        self._clean: dict[bytes, bytes] = {}
        self.last = b""
        self.last_is_clean = False

    def scrub(self, buffer: bytearray, at: int, stop: int) -> int:
        """Scrub the head of the fragment at `at`; return its length, 0 for a fragment that starts no code stream.

        Raises HeadCutShortError where the head goes on behind `stop`, MalformedError for broken markers.
        """
        last = self.last
        if last and buffer.startswith(last, at, stop):
            return self._put(buffer, at, last)
        for head in self._clean:
            if buffer.startswith(head, at, stop):
                return self._put(buffer, at, head)
        cuts, end = text_in_head(buffer, at, stop)
        if end == at:
            return 0
        if end - at > _LARGEST_REMEMBERED:  # no other frame will share it
            for first, last_ in cuts:
                buffer[first:last_] = bytes(last_ - first)
            return end - at
        head = bytes(buffer[at:end])
        clean = bytearray(head)
        for first, last_ in cuts:
            clean[first - at : last_ - at] = bytes(last_ - first)
        if len(self._clean) >= _REMEMBERED:
            self._clean.clear()
        self._clean[head] = bytes(clean)
        return self._put(buffer, at, head)

    def _put(self, buffer: bytearray, at: int, head: bytes) -> int:
        clean = self._clean[head]
        self.last, self.last_is_clean = head, clean == head
        if not self.last_is_clean:
            buffer[at : at + len(head)] = clean
        return len(head)


def text_in_head(buffer: bytes | bytearray, at: int, stop: int) -> tuple[list[tuple[int, int]], int]:
    """Return the ranges of a frame head that can carry text, and where the head ends (`at` where none starts).

    Raises HeadCutShortError and MalformedError as `HeadScrubber.scrub`.
    """
    if buffer.startswith(_SOI, at, stop):
        return _jpeg_text(buffer, at, stop)
    if buffer.startswith(_SOC, at, stop):
        return _jpeg_2000_text(buffer, at, stop)
    if buffer.startswith((_JP2_BOX, _JPEG_XL_BOX), at, stop):
        raise MalformedError("a frame is a file in a box format, not a code stream")
    return [], at


def _segment_end(buffer: bytes | bytearray, at: int, stop: int) -> int:
    """Return the end of the marker segment whose marker is at `at`."""
    if at + 4 > stop:
        raise HeadCutShortError
    length = int.from_bytes(buffer[at + 2 : at + 4], "big")
    if length < 2:
        raise MalformedError("a code stream segment has no length")
    if at + 2 + length > stop:
        raise HeadCutShortError
    return at + 2 + length


def _jpeg_text(buffer: bytes | bytearray, at: int, stop: int) -> tuple[list[tuple[int, int]], int]:
    """Return the byte ranges that can carry text, and the end of the SOS segment, or of the last scan of several."""
    cuts: list[tuple[int, int]] = []
    at += 2
    components, scans = 0, 0
    while True:
        if at + 2 > stop:
            raise HeadCutShortError
        if buffer[at] != 0xFF:
            raise MalformedError("a JPEG marker is missing in a frame")
        marker = buffer[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _STANDALONE:
            at += 2
            continue
        if marker == 0xD9 and scans:
            return cuts, at + 2
        if marker in (0xD8, 0xD9):
            raise MalformedError("a JPEG frame has no scan")
        end = after = _segment_end(buffer, at, stop)
        if not _is_filled(buffer, marker, at + 4, end):
            raise MalformedError(f"a JPEG segment FF{marker:02X} is not as long as what it declares")
        if marker == 0xDA:
            if buffer[at + 4] >= components:
                return cuts, end
            scans += 1
            found = _BEHIND_SCAN.search(buffer, end, stop)
            if not found:
                raise HeadCutShortError
            end = found.start()
        elif marker in _FRAMES:
            components = buffer[at + 9] if marker in _ONE_PASS else 256
        if marker not in _NEEDED:
            cuts.extend(_segment_text(buffer, marker, at + 4, after))
        at = end


def _is_filled(buffer: bytes | bytearray, marker: int, at: int, end: int) -> bool:
    """Tell whether what a segment declares takes all its bytes (T.81 B.2): behind it there is room for text."""
    size = end - at
    if marker in _SIZES:
        return size in _SIZES[marker]
    if marker == 0xDA:
        return size > 4 and size == 4 + 2 * buffer[at]
    if marker in _FRAMES or marker == 0xDE:
        return size > 6 and size == 6 + 3 * buffer[at + 5]
    if marker in _TABLES:
        while at < end and not buffer[at] & _NO_TABLE:
            if marker == 0xC4:
                at += 17 + sum(buffer[at + 1 : at + 17])
            elif marker == 0xDB:
                at += 129 if buffer[at] >> 4 else 65
            else:
                at += 2
        return at == end
    return True


def _segment_text(buffer: bytes | bytearray, marker: int, at: int, end: int) -> list[tuple[int, int]]:
    """Keep what decoders need (JFIF version, Adobe and HP colour transform, JPEG-LS tables), cut all else."""
    if marker == 0xE0 and buffer.startswith(b"JFIF\0", at, end):
        keep = 12  # identifier, version, density; width and height of a thumbnail become 0
    elif marker == 0xEE and buffer.startswith(b"Adobe", at, end):
        keep = 12
    elif marker == 0xE8 and buffer.startswith(b"mrfx", at, end):
        keep = 5
    elif marker == 0xF8 and at < end and 1 <= buffer[at] <= 4:  # the kinds of T.87 C.2.4.1
        keep = end - at
    else:
        keep = 0
    return [(min(at + keep, end), end)]


def _jpeg_2000_text(buffer: bytes | bytearray, at: int, stop: int) -> tuple[list[tuple[int, int]], int]:
    """Return the ranges of comments and of segments nobody knows, and the end of the first tile-part header."""
    cuts: list[tuple[int, int]] = []
    at += 2
    while True:
        if at + 2 > stop:
            raise HeadCutShortError
        if buffer[at] != 0xFF:
            raise MalformedError("a JPEG 2000 marker is missing in a frame")
        marker = buffer[at + 1]
        if marker == 0x93:  # SOD
            return cuts, at + 2
        if marker in _EMPTY_2000:
            at += 2
            continue
        end = _segment_end(buffer, at, stop)
        if not _is_filled_2000(buffer, marker, at + 4, end):
            raise MalformedError(f"a JPEG 2000 segment FF{marker:02X} is not as long as what it declares")
        if marker == 0x64:  # COM: two bytes say binary or Latin, the rest is text
            cuts.append((min(at + 6, end), end))
        elif marker not in _NEEDED_2000:
            cuts.append((at + 4, end))
        at = end


def _is_filled_2000(buffer: bytes | bytearray, marker: int, at: int, end: int) -> bool:
    """Tell the same of SIZ, COD and SOT (T.800 A.4 to A.6); the length of others hangs on more than themselves."""
    size = end - at
    if marker == 0x51:
        return size == 36 + 3 * int.from_bytes(buffer[at + 34 : at + 36], "big")
    if marker == 0x52:
        return size > 9 and size == 10 + (buffer[at] & 1) * (buffer[at + 5] + 1)
    return marker != 0x90 or size == 8


def first_tile_part(buffer: bytes | bytearray, at: int, stop: int) -> int:
    """Return the offset of the first SOT of the JPEG 2000 stream at `at`, whose head has been scrubbed."""
    at += 2
    while at + 4 <= stop and buffer[at + 1] != 0x90:
        at = at + 2 if buffer[at + 1] in _EMPTY_2000 else _segment_end(buffer, at, stop)
    return at


def scrub_tile_parts(buffer: bytearray, at: int, stop: int) -> None:
    """Overwrite text in the heads of the tile-parts behind the one at `at`, as far as their lengths lead.

    Where a length is 0 the tile-part goes on to the end; where it leads over `stop` the rest is cut off or not at
    hand, and is left. Raises MalformedError where it leads to neither a tile-part nor EOC, and for
    more bytes behind EOC than one of padding.
    """
    while at + 12 <= stop:
        length = int.from_bytes(buffer[at + 6 : at + 10], "big")
        if not length or at + length + 2 > stop:
            return
        if length < 14:
            raise MalformedError("a tile-part has no length")
        at += length
        if buffer.startswith(_EOC, at, stop):
            if any(buffer[at + 3 : stop]):
                raise MalformedError("bytes follow the end of a frame")
            return
        if not buffer.startswith(b"\xff\x90", at, stop):
            raise MalformedError("a tile-part ends where none begins")
        try:
            cuts, _ = _jpeg_2000_text(buffer, at - 2, stop)
        except HeadCutShortError:
            raise MalformedError("a tile-part has no end to its head") from None
        for first, last in cuts:
            buffer[first:last] = bytes(last - first)


def unused_run_offsets(buffer: bytes | bytearray, at: int, stop: int, length: int) -> tuple[int, int]:
    """Return the range of the unused offsets in the head of an RLE frame of `length` bytes at `at` (PS3.5 G.5).

    Raises MalformedError where the used ones are not ascending from 64 within the frame.
    """
    if stop - at < RUN_LENGTH_HEAD:
        raise MalformedError("an RLE frame without a head")
    count, *offsets = _RUN_OFFSETS(buffer, at)
    if not 1 <= count <= len(offsets):
        raise MalformedError("an RLE frame without a number of segments")
    used = offsets[:count]
    if used[0] != RUN_LENGTH_HEAD or used[-1] >= length or any(a >= b for a, b in pairwise(used)):
        raise MalformedError("an RLE frame with segments out of order")
    return at + 4 + 4 * count, at + RUN_LENGTH_HEAD
