"""A data set onto the wire in P-DATA PDUs, one window of memory at a time.

The PDU and fragment headers of a window are written once; after that each round is one read from the file
straight between the headers and one send. A peer that does not read stops the round, so nothing piles up.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from struct import Struct

from dicomanon.errors import PeerUnreachableError, StorageError
from dicomanon.sinks._upper_layer import LAST, P_DATA_TF

HEADERS = Struct(">BxLLBB")
"""PDU type and length, fragment length, presentation context, message control header (PS3.8 9.3.5)."""
FRAGMENT_OVERHEAD = 6
WINDOW = 1 << 18
LARGEST_PDU = 131072
"""Used where the peer names no bound, or a larger one (bytes)."""
SLOTS = 256
"""At most so many fragments in one read: systems bound the length of a vector."""
MOST_UNSENT = 1 << 17
"""Bytes that wait in the system before they are on their way."""


def keep_queue_short(connection: socket.socket) -> None:
    """Let little wait in the system that is not on its way yet; what is on its way stays unbounded.

    A queue that grows to megabytes in front of a peer with a small window, as dcmtk's, was seen to fall from 1.6 to
    0.3 GB/s and to stay there.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, MOST_UNSENT)


def send_data_set(
    connection: socket.socket, source: int, span: range, context_id: int, largest_pdu: int
) -> None:
    """Send the bytes `span` of the file descriptor `source` as one data set.

    `largest_pdu` is what the peer takes, 0 for no bound. Raises PeerUnreachableError when the peer does not
    take them within the time-out of the socket, StorageError when the file is shorter than `span`.
    """
    size = min(largest_pdu or LARGEST_PDU, LARGEST_PDU) - FRAGMENT_OVERHEAD
    size -= size % 2
    if size <= 0:
        raise PeerUnreachableError("the peer takes only PDUs too small for any data")
    step = HEADERS.size + size
    count = max(1, min(WINDOW // step, SLOTS, -(-len(span) // size)))
    window = memoryview(bytearray(count * step))
    slots = [window[at + HEADERS.size : at + step] for at in range(0, count * step, step)]
    for at in range(0, count * step, step):
        _write_headers(window, at, size, context_id, 0)
    offset = span.start
    while offset < span.stop:
        taken = min(span.stop - offset, count * size)
        _fill(source, slots, offset, taken)
        offset += taken
        last_slot, rest = divmod(taken - 1, size)
        if offset == span.stop:
            _write_headers(window, last_slot * step, rest + 1, context_id, LAST)
        _send(connection, window[: last_slot * step + HEADERS.size + rest + 1])


def _write_headers(window: memoryview, at: int, size: int, context_id: int, control: int) -> None:
    HEADERS.pack_into(window, at, P_DATA_TF, size + FRAGMENT_OVERHEAD, size + 2, context_id, control)


def _fill(source: int, slots: list[memoryview], offset: int, size: int) -> None:
    if os.preadv(source, slots, offset) < size:
        raise StorageError("a cleared file is shorter than it was")


def _send(connection: socket.socket, data: memoryview) -> None:
    try:
        connection.sendall(data)
    except OSError as error:
        raise PeerUnreachableError("the peer stopped taking the data set") from error
