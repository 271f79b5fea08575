"""What a fragment may begin and end with, by transfer syntax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.part10.codestream import (
    MAX_HEAD,
    HeadCutShortError,
    HeadScrubber,
    first_tile_part,
    scrub_tile_parts,
    unused_run_offsets,
)
from dicomanon.part10.encoding import ENCAPSULATED_UNCOMPRESSED, JPEG_XL, MARKED, RUN_LENGTH

if TYPE_CHECKING:
    from dicomanon.part10.extent import Extent

FEW_FRAMES = 64
"""Images of up to so many frames are searched for the end of each; for the tiles of a slide that is a copy's time."""
TAIL = 1 << 12
"""Bytes in front of the end of a fragment that are searched for the end of its frame."""
_PROBE = 1 << 12
_SOI = b"\xff\xd8"
_EOI = b"\xff\xd9"
"""EOC of JPEG 2000 is the same."""
_PADDED_EOI = (_EOI, _EOI + b"\0")
_JPEG_XL_START = b"\xff\x0a"


class FrameRules:
    """Judges fragments one after the other, and overwrites in place what of them is no picture.

    `known`: a fragment that begins with it needs no `begin`. `ends`: what the last bytes of a frame are, empty
    where nothing is known of them. `ended`: whether the fragment before had them. Left alone are entropy-coded
    scans, and what RLE, deflated and JPEG XL frames hold behind their last pixel; tile-parts of JPEG 2000
    are followed as far as fragments of up to MAX_HEAD bytes go. `thorough`: `look` is to see every byte of a frame.
    `head_length`: that of the head that `begin` dealt with last.
    """

    def __init__(self, syntax: str, extent: Extent) -> None:
        self._syntax = syntax
        self._marked = syntax in MARKED
        self._scrubber = HeadScrubber()
        self._lengths = extent.frame_lengths() if syntax == ENCAPSULATED_UNCOMPRESSED else ()
        self._begun = False
        self.head_length = 0
        self._skip = 0
        self._over = False
        self.thorough = self._marked and extent.frames() <= FEW_FRAMES
        self.known = b""
        self.ends = _PADDED_EOI if self._marked else ()
        self.ended = True

    def begin(self, buffer: bytearray, at: int, stop: int, length: int) -> bool:
        """Deal with the head of a fragment of `length` bytes at `at`; tell whether enough was at hand, up to `stop`.

        Raises MalformedError for a head that is none.
        """
        held = stop - at
        if held < min(length, _PROBE):
            return False
        if self._syntax == RUN_LENGTH:
            first, last = unused_run_offsets(buffer, at, stop, length)
            buffer[first:last] = bytes(last - first)
            return True
        if self._syntax == ENCAPSULATED_UNCOMPRESSED:
            if length not in {each + (each & 1) for each in self._lengths}:
                raise MalformedError("it is not as long as a frame")
            return True
        if self._syntax in JPEG_XL and not self._begun and not buffer.startswith(_JPEG_XL_START, at, stop):
            raise MalformedError("it begins no code stream")
        scrubber = self._scrubber
        try:
            head = scrubber.scrub(buffer, at, stop)
        except HeadCutShortError:
            if held < length and held < MAX_HEAD:
                return False
            raise MalformedError("no end to its head") from None
        if not head and self._marked and length and self.ended:
            raise MalformedError("it begins no code stream")
        self._begun = True
        self.head_length = head
        return self._behind_head(buffer, at, at + head, stop, length)

    def enter(self, buffer: bytearray, at: int, head: int) -> None:
        """Begin to `look` at a fragment whose first `head` bytes are dealt with; JPEG 2000 ends in other ways."""
        if head and self.thorough:
            self._over = False
            self.thorough = buffer.startswith(_SOI, at)
        self._skip = head

    def look(self, buffer: bytearray, at: int, stop: int) -> None:
        """Raise MalformedError where a JPEG frame ends before `stop` and more than zeros stand behind that.

        Cameras put further pictures there. FF D9 stands nowhere else in a scan (ITU-T T.81 B.1.1.5).
        """
        start = min(at + self._skip, stop)
        self._skip -= start - at
        # A mark may lie across the border: its second byte is then at hand, and not yet passed.
        found = -1 if self._over else buffer.find(_EOI, start, stop + 1)
        if found >= 0:
            self._over = True
            start = found + 2
            self._skip = max(start - stop, 0)
        if self._over and any(buffer[start:stop]):
            raise MalformedError("bytes follow the end of a frame")

    def _behind_head(self, buffer: bytearray, at: int, head_end: int, stop: int, length: int) -> bool:
        """Deal with further tile-parts, and with a head that was all of its frame."""
        fast = self._scrubber.last_is_clean
        if buffer.startswith(b"\xff\x4f", at, head_end):
            if stop - at < length <= MAX_HEAD:
                return False
            tile = first_tile_part(buffer, at, head_end)
            if any(buffer[tile + 6 : tile + 10]):
                fast = False
                scrub_tile_parts(buffer, tile, stop)
        elif buffer.endswith(_EOI, at, head_end):
            fast = False
            if any(buffer[head_end + 1 : stop]):
                raise MalformedError("bytes follow the end of a frame")
        self.known = self._scrubber.last if fast else b""
        return True

    def check_end(self, buffer: bytearray, at: int, end: int) -> None:
        """Raise MalformedError where a frame ends shortly before `end` and more than zeros stand behind that.

        One byte is padding, and is overwritten.
        Where none does the frame may go on in the next fragment. `ended` is set.
        """
        found = buffer.rfind(_EOI, max(at, end - TAIL), end)
        self.ended = found >= 0
        if found + 3 == end:
            buffer[end - 1] = 0  # some pad with FF
        elif self.ended and any(buffer[found + 2 : end]):
            raise MalformedError("bytes follow the end of a frame")
