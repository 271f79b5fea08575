"""The data set of a C-STORE as a byte source: read from the socket when it is asked for, never kept.

The thread that owns the connection does the clearing too, so there is no queue between the two: what the
pipeline has not asked for stays in the kernel's window, and a full window is what slows the sender down.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError, PeerUnreachableError
from dicomanon.sinks._upper_layer import COMMAND, LAST, P_DATA_TF

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

PDU_HEADER = Struct(">BxL")
FRAGMENT_HEADER = Struct(">LBB")
"""Length, presentation context and message control header of a presentation data value (PS3.8 9.3.5.1)."""
DRAIN_WINDOW = 1 << 18

Fragment = tuple[int, bytes]
"""Presentation context identifier, and message control header with the bytes behind it."""


def receive_exactly(connection: socket.socket, target: memoryview) -> None:
    """Fill `target`; a connection that ends, breaks or stays silent first raises PeerUnreachableError."""
    while target:
        try:
            count = connection.recv_into(target)
        except OSError as error:
            raise PeerUnreachableError("sender gone: the connection broke or stayed silent") from error
        if not count:
            raise PeerUnreachableError("sender gone: the connection was closed")
        target = target[count:]


class DataSetReader:
    """Read the fragments of one data set from the wire; satisfies `part10.Reader`."""

    def __init__(
        self,
        connection: socket.socket,
        context_id: int,
        *,
        early: Sequence[Fragment],
        largest_pdu: int,
        other_pdu: Callable[[int, int], None],
    ) -> None:
        self._connection = connection
        self._context_id = context_id
        self._early = list(early)
        self._largest_pdu = largest_pdu
        self._other_pdu = other_pdu
        self._held = memoryview(b"")
        self._in_fragment = 0
        self._in_pdu = 0
        self._last = False
        self.count = 0
        """Bytes handed out so far."""
        self.broken = False
        """The rest of the data set will not come: sender gone, or what it sends is not DICOM."""
        self.ended = False
        """The sender ended the association in the middle, and the state machine has been told."""

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` as far as the data set goes; 0 at its end; raises when the sender is gone."""
        if self.broken:
            raise PeerUnreachableError("sender gone")
        filled = 0
        try:
            while filled < len(buffer) and self._more():
                size = min(self._in_fragment, len(buffer) - filled)
                self._take(buffer[filled : filled + size])
                filled += size
        except (PeerUnreachableError, MalformedError):
            self.broken = True
            raise
        self.count += filled
        return filled

    def drain(self) -> int:
        """Read to the end of the data set without keeping it; return the number of bytes it still had."""
        before = self.count
        window = memoryview(bytearray(DRAIN_WINDOW))
        while self.readinto(window):
            pass
        return self.count - before

    def _more(self) -> bool:
        while not self._in_fragment:
            if self._last:
                return False
            if self._early:
                self._next_early()
            else:
                self._next_fragment()
        return True

    def _take(self, target: memoryview) -> None:
        if self._held:
            target[:] = self._held[: len(target)]
            self._held = self._held[len(target) :]
        else:
            receive_exactly(self._connection, target)
        self._in_fragment -= len(target)

    def _next_early(self) -> None:
        context_id, data = self._early.pop(0)
        if not data:
            raise MalformedError("a fragment has no message control header")
        self._check(context_id, data[0])
        self._held = memoryview(data)[1:]
        self._in_fragment = len(self._held)
        if self._last and self._early:
            raise MalformedError("fragments follow the last one of a data set")

    def _next_fragment(self) -> None:
        if not self._in_pdu:
            self._in_pdu = self._next_pdu()
        if self._in_pdu < FRAGMENT_HEADER.size:
            raise MalformedError("a P-DATA PDU ends inside a fragment's header")
        header = bytearray(FRAGMENT_HEADER.size)
        receive_exactly(self._connection, memoryview(header))
        length, context_id, control = FRAGMENT_HEADER.unpack(header)
        # The length counts the context and the control header, but not itself (PS3.8 Table 9-23).
        self._in_pdu -= length + 4
        self._in_fragment = length - 2
        if self._in_fragment < 0 or self._in_pdu < 0:
            raise MalformedError("a fragment is longer than its P-DATA PDU")
        self._check(context_id, control)
        if self._last and self._in_pdu:
            raise MalformedError("fragments follow the last one of a data set")

    def _next_pdu(self) -> int:
        header = bytearray(PDU_HEADER.size)
        receive_exactly(self._connection, memoryview(header))
        kind, length = PDU_HEADER.unpack(header)
        if kind != P_DATA_TF:
            self.ended = True
            self._other_pdu(kind, length)
            raise PeerUnreachableError("sender gone: it ended the association")
        if length > self._largest_pdu:
            raise MalformedError("a P-DATA PDU is larger than was agreed")
        return int(length)

    def _check(self, context_id: int, control: int) -> None:
        if control & COMMAND or context_id != self._context_id:
            raise MalformedError("a data set is interrupted by something else")
        self._last = bool(control & LAST)
