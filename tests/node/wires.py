"""A storage sender that puts exactly the bytes on the wire that a test asks for, once it is associated."""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pynetdicom import AE
from pynetdicom.presentation import build_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

JPEG = "1.2.840.10008.1.2.4.50"
EXPLICIT = "1.2.840.10008.1.2.1"
SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
ECHO = "1.2.840.10008.1.1"
COMMAND, LAST = 0x01, 0x02
INSTANCE = "1.2.826.0.1.3680043.8.498.77.1.1.1"
"""SOP Instance UID of the first slide that `made.make_slide` makes."""


@contextmanager
def association(
    port: int,
    contexts: Sequence[tuple[str, Sequence[str]]] = ((SLIDE, (JPEG,)),),
    *,
    called: str = "NODE",
    calling: str = "SENDER",
) -> Iterator[Any]:
    """Associate with the node on `port`; release at the end where that is still possible."""
    entity: Any = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    wanted = [build_context(sop_class, list(syntaxes)) for sop_class, syntaxes in contexts]
    made = entity.associate("127.0.0.1", port, wanted, ae_title=called)
    try:
        yield made
    finally:
        if made.is_established:
            made.release()
        elif made.dul.is_alive():
            made.abort()


def store_command(
    *, message: int = 1, instance: str = INSTANCE, sop_class: str = SLIDE, data: int = 1
) -> bytes:
    """Encode a C-STORE-RQ command set."""
    elements = b"".join(
        (
            _element(0x0002, _uid(sop_class)),
            _element(0x0100, struct.pack("<H", 0x0001)),
            _element(0x0110, struct.pack("<H", message)),
            _element(0x0700, struct.pack("<H", 0)),
            _element(0x0800, struct.pack("<H", data)),
            _element(0x1000, _uid(instance)),
        )
    )
    return _element(0x0000, struct.pack("<L", len(elements))) + elements


def fragment(context: int, control: int, data: bytes) -> bytes:
    """Encode one presentation data value."""
    return struct.pack(">LBB", len(data) + 2, context, control) + data


def p_data(*fragments: bytes) -> bytes:
    """Encode a P-DATA PDU."""
    body = b"".join(fragments)
    return struct.pack(">BxL", 4, len(body)) + body


def put(made: Any, *pdus: bytes) -> None:
    """Send bytes past the sender's own state machine."""
    connection = made.dul.socket.socket
    assert isinstance(connection, socket.socket)
    # Its thread must not take the answer from under the test.
    made._reactor_checkpoint.clear()
    for pdu in pdus:
        connection.sendall(pdu)


def answer(made: Any) -> int | None:
    """Wait for the status of the next response; None when the node ended the association."""
    _context, response = made.dimse.get_msg(block=True)
    made._reactor_checkpoint.set()
    return None if response is None else int(response.Status)


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, element, len(value)) + value


def _uid(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)
