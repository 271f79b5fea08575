"""How many bytes Pixel Data has by its own header: what is behind them is no pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.part10.encoding import encoding_of, u16
from dicomanon.part10.index import index_header

if TYPE_CHECKING:
    from dicomanon.part10.index import Entry
    from dicomanon.part10.instance import Instance

_SAMPLES, _PHOTOMETRIC, _FRAMES = 0x00280002, 0x00280004, 0x00280008
_ROWS, _COLUMNS, _BITS = 0x00280010, 0x00280011, 0x00280100
_WIDTHS = {0x7FE00008: 32, 0x7FE00009: 64}
"""Bits of Float and Double Float Pixel Data (PS3.3 C.7.6.24, C.7.6.25)."""
_DIGITS = 9


class Extent:
    """The attributes of an instance that say how many bytes its pixels take; raises MalformedError when asked."""

    def __init__(self, instance: Instance) -> None:
        self._encoding = encoding_of(instance.meta.transfer_syntax_uid)
        self._header = instance.header
        entries = instance.entries or index_header(instance.header, self._encoding)
        self._entries = {entry.tag: entry for entry in entries}
        self._bits = _WIDTHS.get(instance.pixels.tag, 0) if instance.pixels else 0

    def raw(self, tag: int) -> bytes | None:
        """Return the value of an attribute as encoded, None where it is missing or a sequence."""
        entry = self._entries.get(tag)
        return None if entry is None or entry.length is None else _value(self._header, entry)

    def lengths(self) -> tuple[int, ...]:
        """Return the lengths in bytes that native Pixel Data of all frames may have, without padding.

        Two for YBR_FULL_422, whose chrominance is halved (PS3.3 C.7.6.3.1.2) but by some writers kept.
        """
        return self._bytes_of(self.frames())

    def frame_lengths(self) -> tuple[int, ...]:
        """Return the lengths in bytes that one frame may have, without padding."""
        return self._bytes_of(1)

    def _bytes_of(self, frames: int) -> tuple[int, ...]:
        bits = self._bits or self.number(_BITS)
        pixels = self.number(_ROWS) * self.number(_COLUMNS) * frames
        samples = self.number(_SAMPLES)
        halved = (self.raw(_PHOTOMETRIC) or b"").strip(b" \0") == b"YBR_FULL_422" and samples == 3
        # Bits are packed over the borders of rows and frames (PS3.5 8.1.1), which matters where there is one.
        return tuple((pixels * each * bits + 7) // 8 for each in ((2, 3) if halved else (samples,)))

    def number(self, tag: int) -> int:
        """Return the value of an attribute of VR US."""
        value = self.raw(tag)
        if value is None or len(value) != 2:
            raise MalformedError("what says how large Pixel Data is is missing", tag=tag)
        return int(u16(self._encoding).unpack(value)[0])

    def frames(self) -> int:
        """Return the number of frames, one where nothing is said."""
        text = (self.raw(_FRAMES) or b"").strip(b" \0").removeprefix(b"+") or b"1"
        if not text.isdigit() or len(text.lstrip(b"0")) > _DIGITS:
            raise MalformedError("the number of frames is no number", tag=_FRAMES)
        return int(text)


def _value(header: bytes, entry: Entry) -> bytes:
    return header[entry.value : entry.next]


def check_native(extent: Extent, length: int) -> None:
    """Raise MalformedError where native Pixel Data is longer or shorter than its pixels and a byte of padding.

    An empty value has none.
    """
    lengths = extent.lengths() if length else ()
    if length and not any(length in (expected, expected + (expected & 1)) for expected in lengths):
        raise MalformedError("Pixel Data is not as long as its pixels", offset=min(lengths[0], length))
