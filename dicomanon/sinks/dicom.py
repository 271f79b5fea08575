"""A DICOM archive as destination: C-STORE over an association that is kept for as long as there is work."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from pynetdicom import AE
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.pdu import P_DATA_TF
from pynetdicom.presentation import build_context

from dicomanon.errors import ConfigError, PeerRefusedError, PeerUnreachableError, StorageError
from dicomanon.sinks import Receipt, SinkType, Timeouts
from dicomanon.sinks._paced import keep_queue_short, send_data_set
from dicomanon.sinks._upper_layer import hang_up, settle_library, socket_of

if TYPE_CHECKING:
    import socket

    from dicomanon.pipeline import Cleared

CALLING = "DICOMANON"
HIGHEST_MESSAGE_ID = 0xFFFF
SMALLEST_PDU = 16
"""Bytes; a peer that takes less cannot be served, and the library divides by what is left."""
LIBRARY_ERRORS = (OSError, ValueError, ArithmeticError, RuntimeError, AttributeError, TypeError)
"""What pynetdicom and the system raise when a name does not resolve or a peer leaves at a bad moment."""
MOST_CONTEXTS = 128
META_START = 132
GROUP_LENGTH = b"\x02\0\0\0UL\x04\0"
DATA_SET_PRESENT = 0x0001
REFUSED_KIND = "the archive does not take this SOP Class in this transfer syntax"


def is_stored(status: int) -> bool:
    """Tell whether an archive that answers with this status has the instance.

    Warnings (Bxxx) say that it has, and changed something on the way (PS3.4 B.2.3); so does Duplicate SOP Instance
    (PS3.7 C.5.7): a repeat after a crash has the same UID and the same bytes.
    """
    return status in (0x0000, 0x0111) or status >> 12 == 0xB


@dataclass(frozen=True, slots=True)
class Address:
    """Where an archive listens, its AE title, and what we call ourselves."""

    called: str
    host: str
    port: int
    calling: str


class DicomSink:
    """One archive; keeps one association open and proposes on it every kind of instance it has seen."""

    def __init__(self, address: Address, timeouts: Timeouts) -> None:
        settle_library()
        self._address = address
        self._timeouts = timeouts
        self._association: Any = None
        self._kinds: list[tuple[str, str]] = []
        self._message_id = 0

    def send(self, cleared: Cleared) -> Receipt:
        """Store one instance; no answer raises PeerUnreachableError, a refused context PeerRefusedError."""
        context_id = self._context_for(cleared.sop_class_uid, cleared.transfer_syntax_uid)
        try:
            self._send(cleared, context_id)
            status = self._answer(context_id)
        except PeerUnreachableError:
            self._drop()
            raise
        except LIBRARY_ERRORS as error:
            self._drop()
            raise PeerUnreachableError(f"the association broke ({type(error).__name__})") from None
        return Receipt(str(self._address.called), status, stored=is_stored(status))

    def close(self) -> None:
        """Release the association; the next `send` asks for a new one."""
        association, self._association = self._association, None
        if association is not None and association.is_established:
            association.release()

    def _context_for(self, sop_class_uid: str, transfer_syntax_uid: str) -> int:
        kind = (sop_class_uid, transfer_syntax_uid)
        if self._association is not None and not self._association.is_established:
            self._drop()
        if self._association is not None and kind not in self._kinds:
            self.close()
        if self._association is None:
            self._kinds = [*(one for one in self._kinds if one != kind), kind][-MOST_CONTEXTS:]
            self._associate(kind)
        for context in self._association.accepted_contexts:
            if (str(context.abstract_syntax), str(context.transfer_syntax[0])) == kind:
                return int(context.context_id)
        raise PeerRefusedError(REFUSED_KIND)

    def _associate(self, kind: tuple[str, str]) -> None:
        entity: Any = AE(ae_title=self._address.calling)
        entity.connection_timeout = self._timeouts.connect
        entity.acse_timeout = self._timeouts.associate
        entity.dimse_timeout = self._timeouts.response
        # Only reading counts as activity there; sending has its own time-out on the socket.
        entity.network_timeout = None
        # One context each, so that the archive cannot choose another transfer syntax than the file has.
        contexts = [build_context(sop_class, syntax) for sop_class, syntax in self._kinds]
        try:
            association = entity.associate(
                self._address.host, self._address.port, contexts, ae_title=self._address.called
            )
        except LIBRARY_ERRORS as error:
            raise PeerUnreachableError(f"no association ({type(error).__name__})") from None
        if not association.is_established and association.rejected_contexts:
            # Nothing of what was proposed is taken: not to be proposed again on behalf of other kinds.
            self._kinds.remove(kind)
            raise PeerRefusedError(REFUSED_KIND)
        if not association.is_established:
            how = "rejected" if association.is_rejected else "did not answer"
            raise PeerUnreachableError(f"the archive {how} the association")
        if 0 < association.acceptor.maximum_length < SMALLEST_PDU:
            association.abort()
            raise PeerUnreachableError("the archive takes no PDU that a command fits into")
        connection = socket_of(association)
        connection.settimeout(self._timeouts.transfer)
        keep_queue_short(connection)
        self._association = association

    def _send(self, cleared: Cleared, context_id: int) -> None:
        association = self._association
        self._message_id = self._message_id % HIGHEST_MESSAGE_ID + 1
        request = C_STORE()
        request.MessageID = self._message_id
        request.Priority = 0x0002
        request.AffectedSOPClassUID = cleared.sop_class_uid
        request.AffectedSOPInstanceUID = cleared.sop_instance_uid
        try:
            source = os.open(cleared.path, os.O_RDONLY)
        except OSError as error:
            raise StorageError(f"{cleared.path}: {error.strerror}") from error
        try:
            # The association's own thread must not take the answer.
            association._reactor_checkpoint.clear()  # noqa: SLF001  # as its own send methods do
            patience = time.monotonic() + self._timeouts.associate
            while not association._is_paused:  # noqa: SLF001
                if not association.is_alive() or time.monotonic() > patience:
                    raise PeerUnreachableError("the association ended")
                time.sleep(0.0001)
            connection = socket_of(association)
            _send_command(association, connection, request, context_id)
            span = range(_data_set_start(source), os.fstat(source).st_size)
            send_data_set(connection, source, span, context_id, association.acceptor.maximum_length)
        finally:
            os.close(source)

    def _answer(self, context_id: int) -> int:
        association = self._association
        answered, response = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()  # noqa: SLF001
        meant = isinstance(response, C_STORE) and answered == context_id
        if not meant or response.MessageIDBeingRespondedTo != self._message_id:
            raise PeerUnreachableError("the archive ended the association instead of answering")
        if response.Status is None:
            raise PeerUnreachableError("the archive answered without a status")
        return int(response.Status)

    def _drop(self) -> None:
        association, self._association = self._association, None
        if association is not None:
            hang_up(association)
            association.kill()


def _send_command(association: Any, connection: socket.socket, request: C_STORE, context_id: int) -> None:
    message: Any = C_STORE_RQ()
    message.primitive_to_message(request)
    message.command_set.CommandDataSetType = DATA_SET_PRESENT
    message._set_command_group_length()  # noqa: SLF001  # the data set itself is not in the message
    try:
        # Past pynetdicom's queue: the data set that follows does not wait for its thread.
        for primitive in message.encode_msg(context_id, association.acceptor.maximum_length):
            connection.sendall(P_DATA_TF(primitive).encode())
    except OSError as error:
        raise PeerUnreachableError("the archive stopped taking bytes") from error


def _data_set_start(source: int) -> int:
    """Return the offset behind group 2 of a file this package wrote."""
    front = os.pread(source, 12, META_START)
    if len(front) != 12 or not front.startswith(GROUP_LENGTH):
        raise StorageError("a cleared file has no group 2")
    return META_START + 12 + int.from_bytes(front[8:], "little")


def _address(url: str) -> Address:
    form = "an archive is written as dicom://CALLED@host:port?calling=TITLE"
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    try:
        port = parts.port
    except ValueError as error:
        raise ConfigError(form) from error
    titles = [unquote(parts.username or ""), *query.pop("calling", [CALLING])]
    if parts.scheme != "dicom" or not parts.hostname or port is None or parts.password is not None:
        raise ConfigError(form)
    if query or parts.path not in ("", "/") or parts.fragment or len(titles) != 2:
        raise ConfigError(form)
    if not all(1 <= len(title) <= 16 and title.isascii() and title.isprintable() for title in titles):
        raise ConfigError(f"{form}; an AE title has 1 to 16 characters")
    return Address(titles[0], parts.hostname, port, titles[1])


def _check(url: str) -> None:
    _address(url)


def _open(url: str, timeouts: Timeouts) -> DicomSink:
    return DicomSink(_address(url), timeouts)


SINK = SinkType(scheme="dicom", check=_check, open=_open)
