"""Offset tables (PS3.5 A.4, PS3.3 C.7.6.3.1.8): each entry must be the start of an item that is there."""

from __future__ import annotations

import sys
from array import array
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError

if TYPE_CHECKING:
    from dicomanon.part10.extent import Extent

EXTENDED_OFFSETS = 0x7FE00001
EXTENDED_LENGTHS = 0x7FE00002
MAX_TABLE = 64 << 20
NEVER = 1 << 65


class OffsetTable:
    """The table of one instance, compared with its items as they are walked; 4 or 8 bytes of memory a frame.

    `due` is the start of the next item named, from the front of the first, NEVER behind the last. Raises
    MalformedError: two tables, one that does not begin with 0, lengths without offsets.
    """

    def __init__(self, basic: bytes, extended: bytes = b"", lengths: bytes = b"") -> None:
        if basic and extended:
            raise MalformedError("there are two offset tables", tag=EXTENDED_OFFSETS)
        if len(extended) & 7 or len(extended) != len(lengths):
            raise MalformedError("the Extended Offset Table and its lengths do not fit", tag=EXTENDED_OFFSETS)
        self._offsets = _numbers("Q", extended) if extended else _numbers("I", basic)
        self._lengths = _numbers("Q", lengths) if lengths else None
        self._next = 0
        self._front = 8 + len(basic)
        self.due = NEVER
        if self._offsets:
            self.due = 0
            if self._offsets[0]:
                raise MalformedError("the offset table does not begin with the first fragment", offset=0)

    def meet(self, start: int, length: int) -> int:
        """Take note of the item at `start`, not before `due`, of `length` bytes; return what is due then.

        Raises MalformedError, with the offset in the value of Pixel Data, where `due` was passed over, or the length
        is another.
        """
        number = self._next
        if start != self.due:
            raise MalformedError(
                f"entry {number + 1} of the offset table is the start of no fragment",
                offset=self._front + start,
            )
        # A length may leave out the padding of the item.
        if self._lengths is not None and self._lengths[number] not in (length, length - 1):
            raise MalformedError(
                f"length {number + 1} of the Extended Offset Table is that of no fragment",
                offset=self._front + start,
            )
        self._next = number + 1
        self.due = self._offsets[number + 1] if number + 1 < len(self._offsets) else NEVER
        return self.due

    def finish(self) -> None:
        """Raise MalformedError where an entry points behind the last item."""
        if self.due != NEVER:
            raise MalformedError(f"entry {self._next + 1} of the offset table is the start of no fragment")


def _numbers(kind: str, data: bytes) -> array[int]:
    numbers = array(kind, data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def table_of(basic: bytes, extent: Extent) -> OffsetTable:
    """Return the table of an instance, the Basic one as given, the Extended one out of the header."""
    return OffsetTable(basic, extent.raw(EXTENDED_OFFSETS) or b"", extent.raw(EXTENDED_LENGTHS) or b"")
