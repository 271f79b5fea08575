"""What is needed of pynetdicom beyond its public interface, and its global settings, in one place."""

from __future__ import annotations

import logging
import socket
import warnings
from functools import cache
from typing import Any

from pynetdicom import _config

from dicomanon.errors import PeerUnreachableError

log = logging.getLogger(__name__)

P_DATA_TF = 0x04
COMMAND = 0x01
LAST = 0x02
"""Bits of the message control header (PS3.8 E.2)."""
ABORT = bytes((0x07, 0, 0, 0, 0, 4, 0, 0, 2, 0))
"""A-ABORT by the service provider, no reason given (PS3.8 9.3.8)."""


@cache
def settle_library() -> None:
    """Set what pynetdicom keeps global: quiet, and never a data set in a file of its own."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    _config.STORE_RECV_CHUNKED_DATASET = False
    _config.STORE_SEND_CHUNKED_DATASET = False
    _config.UNRESTRICTED_STORAGE_SERVICE = False
    # Its messages quote what peers sent; ours say the same without values.
    for name in ("pynetdicom", "pydicom"):
        library = logging.getLogger(name)
        library.setLevel(logging.CRITICAL + 1)
        library.propagate = False
    warnings.filterwarnings("ignore", module="pydicom")
    warnings.filterwarnings("ignore", module="pynetdicom")


def socket_of(association: Any) -> socket.socket:
    """Return the open socket of an association; raises PeerUnreachableError when it is closed."""
    wrapper = association.dul.socket
    found = None if wrapper is None else wrapper.socket
    if not isinstance(found, socket.socket):
        raise PeerUnreachableError("the connection is closed")
    return found


def hang_up(association: Any) -> None:
    """Send A-ABORT if that can be done at once, and close; the state machine sees a closed connection."""
    wrapper = association.dul.socket
    if wrapper is None or wrapper.socket is None:
        return
    connection = wrapper.socket
    try:
        connection.settimeout(1.0)
        connection.sendall(ABORT)
    except OSError:
        log.debug("the peer was gone before it could be told")
    finally:
        wrapper.close()
        # The wrapper does not close what it could not shut down.
        connection.close()
