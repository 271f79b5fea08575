"""The storage SCP: pynetdicom associates and negotiates, the data sets go straight into the pipeline."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_ECHO, C_STORE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification

from dicomanon.errors import (
    DicomanonError,
    ExistsError,
    InstanceError,
    MalformedError,
    PeerUnreachableError,
    StorageError,
)
from dicomanon.node.command import (
    C_ECHO_RQ,
    C_STORE_RQ,
    LARGEST_COMMAND,
    Request,
    check_same_instance,
    parse_request,
)
from dicomanon.node.held import Held, take_in
from dicomanon.node.negotiate import VERIFICATION_SYNTAXES, narrow_to_first_known
from dicomanon.node.room import has_room
from dicomanon.node.wire import PDU_HEADER, DataSetReader, Fragment, receive_exactly
from dicomanon.part10 import Limits, bare_instance
from dicomanon.pipeline import Cleared, Dropped, Outcome
from dicomanon.sinks._upper_layer import COMMAND, LAST, P_DATA_TF, hang_up, settle_library, socket_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pynetdicom.pdu_primitives import P_DATA

    from dicomanon.config import NodeConfig
    from dicomanon.node.lane import Keeper, Lane
    from dicomanon.part10 import Instance

    Clear = Callable[..., Outcome]

log = logging.getLogger(__name__)

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
NOT_OF_THE_AGREED_CLASS = 0xA900
CANNOT_UNDERSTAND = 0xC000
LARGEST_OTHER_PDU = 1 << 20
"""An association request with 128 contexts and every transfer syntax stays under this (bytes)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sender is told, and the words for the log."""

    status: int
    outcome: str
    reason: str = ""
    instance: str = ""
    why: str = ""
    """The reason in a sentence, which never carries a value."""


class Receiver:
    """A listening storage SCP; `start` binds it, `stop` ends all its associations."""

    def __init__(
        self,
        config: NodeConfig,
        lanes: Sequence[Lane],
        folder: Path,
        keeper: Keeper,
        clear: Clear,
    ) -> None:
        settle_library()
        self._config = config
        self._lanes = tuple(lanes)
        self.folder = folder
        self.keeper = keeper
        self.clear = clear
        self.numbers = count(1)
        self._server: Any = None
        self._entity = self._make_entity()

    @property
    def config(self) -> NodeConfig:
        """The bounds and time-outs of this node."""
        return self._config

    @property
    def port(self) -> int:
        """The port it listens on, also where the system chose it."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Bind and listen; raises StorageError when the address cannot be had."""
        handlers = [(evt.EVT_CONN_OPEN, self._on_open), (evt.EVT_REQUESTED, self._on_requested)]
        address = (self._config.host, self._config.port)
        try:
            self._server = self._entity.start_server(address, block=False, evt_handlers=handlers)
        except OSError as error:
            raise StorageError(
                f"cannot listen on {address[0]} port {address[1]}: {error.strerror}"
            ) from error

    def stop(self) -> None:
        """Stop listening and hang up on every sender; what they were sending was not acknowledged."""
        if self._server is None:
            return
        associations = self._server.active_associations
        self._server.shutdown()
        for association in associations:
            hang_up(association)
            # One that waits for its association request waits on this queue, and nothing else wakes it.
            association.dul.to_user_queue.put(None)
        for association in associations:
            association.join(timeout=10)
        self._server = None

    def lane_for(self, calling: str) -> Lane:
        """Return the lane that names a sender, or else the one that takes every sender."""
        for lane in self._lanes:
            if calling in lane.calling:
                return lane
        return next(lane for lane in self._lanes if not lane.calling)

    def _make_entity(self) -> Any:
        entity: Any = AE(ae_title=self._config.ae_title)
        timeouts = self._config.timeouts
        entity.maximum_pdu_size = self._config.max_pdu
        entity.maximum_associations = self._config.max_associations
        entity.acse_timeout = timeouts.associate
        entity.dimse_timeout = timeouts.response
        entity.network_timeout = timeouts.idle
        entity.require_called_aet = True
        if all(lane.calling for lane in self._lanes):
            entity.require_calling_aet = sorted({name for lane in self._lanes for name in lane.calling})
        entity.supported_contexts = [build_context(Verification, list(VERIFICATION_SYNTAXES))]
        return entity

    def _on_open(self, event: Any) -> None:
        """Take the connection over before the first byte is read from it."""
        StorageAssociation(self, event.assoc).take_over()

    @staticmethod
    def _on_requested(event: Any) -> None:
        association = event.assoc
        proposed = association.requestor.primitive.presentation_context_definition_list
        association.acceptor.supported_contexts = narrow_to_first_known(proposed)


class StorageAssociation:
    """One association: reads PDUs within bounds, and answers C-ECHO and C-STORE."""

    def __init__(self, receiver: Receiver, association: Any) -> None:
        self._receiver = receiver
        self._association = association
        self._number = next(receiver.numbers)
        self._command = bytearray()

    def take_over(self) -> None:
        """Put bounded reading, and storing without a spool, in the place of pynetdicom's own."""
        socket_of(self._association).settimeout(self._receiver.config.timeouts.transfer)
        self._association.dul._read_pdu_data = self._read_pdu  # noqa: SLF001  # no public hook reads PDUs
        self._association.dimse.receive_primitive = self._receive

    def _read_pdu(self) -> None:
        """Read the next PDU outside of a data set, or learn that the connection ended."""
        header = bytearray(PDU_HEADER.size)
        try:
            receive_exactly(socket_of(self._association), memoryview(header))
        except PeerUnreachableError:
            self._association.dul.event_queue.put("Evt17")
            return
        kind, length = PDU_HEADER.unpack(header)
        self._read_rest(kind, length)

    def _read_rest(self, kind: int, length: int) -> None:
        dul = self._association.dul
        bound = self._receiver.config.max_pdu if kind == P_DATA_TF else LARGEST_OTHER_PDU
        if not 0x01 <= kind <= 0x07 or length > bound:
            self._break("pdu", kind=kind, length=length)
            return
        pdu = bytearray(PDU_HEADER.size + length)
        PDU_HEADER.pack_into(pdu, 0, kind, length)
        try:
            receive_exactly(socket_of(self._association), memoryview(pdu)[PDU_HEADER.size :])
        except PeerUnreachableError:
            dul.event_queue.put("Evt17")
            return
        try:
            decoded, event = dul._decode_pdu(pdu)  # noqa: SLF001  # the state machine wants its own objects
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, ArithmeticError):
            self._break("pdu", kind=kind, length=length)
            return
        dul._recv_pdu.put(decoded)  # noqa: SLF001
        dul.event_queue.put(event)

    def _receive(self, primitive: P_DATA) -> None:
        """Handle the fragments of one P-DATA PDU; a C-STORE reads on from here to the end of its data set."""
        fragments: list[Fragment] = list(primitive.presentation_data_value_list)
        while fragments:
            context_id, data = fragments.pop(0)
            if not data or not data[0] & COMMAND or len(self._command) + len(data) > LARGEST_COMMAND:
                self._break("fragment")
                return
            self._command += data[1:]
            if data[0] & LAST:
                command = bytes(self._command)
                self._command.clear()
                try:
                    self._serve(context_id, parse_request(command), fragments)
                except MalformedError:
                    self._break("command")
                    return
                except PeerUnreachableError:
                    log.warning("association=%d outcome=sender-gone", self._number)
                    return
                fragments = []

    def _serve(self, context_id: int, request: Request, early: Sequence[Fragment]) -> None:
        context = self._association._accepted_cx.get(context_id)  # noqa: SLF001  # by identifier, not as a list
        if context is None:
            raise MalformedError("a command came on a context that was not agreed")
        if early and not request.has_data_set:
            raise MalformedError("fragments follow a command that has no data set")
        if request.field == C_ECHO_RQ and not request.has_data_set:
            self._answer_echo(context_id, request)
        elif request.field == C_STORE_RQ and request.has_data_set:
            self._store(context_id, context, request, early)
        elif request.field == C_STORE_RQ:
            self._answer_store(context_id, request, Answer(CANNOT_UNDERSTAND, "refused", "no-data-set"))
        else:
            raise MalformedError("a command that this node does not serve")

    def _store(self, context_id: int, context: Any, request: Request, early: Sequence[Fragment]) -> None:
        dul = self._association.dul
        reader = DataSetReader(
            socket_of(self._association),
            context_id,
            early=early,
            largest_pdu=self._receiver.config.max_pdu,
            other_pdu=self._read_rest,
        )
        started = time.monotonic()
        # The data set has time-outs of its own; the idle timer would count the time spent clearing.
        dul._idle_timer.stop()  # noqa: SLF001
        try:
            answer = self._take_in(context, request, reader)
        finally:
            dul._idle_timer.restart()  # noqa: SLF001
        seconds = time.monotonic() - started
        log.info(
            "association=%d outcome=%s status=0x%04X reason=%s bytes=%d seconds=%.3f instance=%s why=%s",
            *(self._number, answer.outcome, answer.status, answer.reason or "-", reader.count, seconds),
            *(answer.instance or "-", json.dumps(answer.why)),
        )
        self._answer_store(context_id, request, answer)

    def _take_in(self, context: Any, request: Request, reader: DataSetReader) -> Answer:
        """Clear one data set and make it durable; whatever happens, all bytes of the sender are read."""
        lane = self._receiver.lane_for(str(self._association.requestor.primitive.calling_ae_title).strip())
        if request.sop_class_uid != str(context.abstract_syntax):
            answer = Answer(NOT_OF_THE_AGREED_CLASS, "quarantined", "not-of-the-agreed-class")
            reader.drain()
            return self._count(lane, answer)
        if not has_room(self._receiver.folder):
            reader.drain()
            return self._count(lane, Answer(StorageError.dicom_status, "failed", StorageError.reason))
        source = partial(self._open, reader, str(context.transfer_syntax[0]), request)
        try:
            receiver, named = self._receiver, request.sop_instance_uid
            outcome = take_in(source, lane, receiver.folder, named, receiver.keeper, receiver.clear)
        except (DicomanonError, OSError) as error:
            answer = _failure(error)
        else:
            answer = self._settle(outcome, lane, reader)
        if reader.broken:
            if not reader.ended:
                hang_up(self._association)
            raise PeerUnreachableError("sender gone")
        reader.drain()
        return answer if answer.status == SUCCESS and answer.instance else self._count(lane, answer)

    def _open(self, reader: DataSetReader, transfer_syntax_uid: str, request: Request) -> Instance:
        instance = bare_instance(
            reader,
            transfer_syntax_uid=transfer_syntax_uid,
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            name=f"association {self._number}",
            limits=Limits(header=self._receiver.config.max_header),
        )
        check_same_instance(request, instance)
        return instance

    def _settle(self, outcome: Held | Outcome, lane: Lane, reader: DataSetReader) -> Answer:
        if isinstance(outcome, Dropped):
            return Answer(SUCCESS, "dropped", outcome.reason, why=outcome.message)
        if isinstance(outcome, Held):
            return Answer(SUCCESS, "held", instance=outcome.instance)
        if not isinstance(outcome, Cleared):
            return Answer(outcome.dicom_status, "quarantined", outcome.reason, why=outcome.message)
        try:
            # Bytes that nobody looked at: what was written is not all that was sent.
            if reader.drain():
                raise MalformedError("bytes follow the data set")
            self._receiver.keeper.add(outcome, lane)
        except DicomanonError as error:
            outcome.path.unlink(missing_ok=True)
            lane.route.note_withdrawn(outcome, error.reason)
            return _failure(error)
        return Answer(SUCCESS, "cleared", instance=outcome.sop_instance_uid)

    def _count(self, lane: Lane, answer: Answer) -> Answer:
        try:
            self._receiver.keeper.refuse(lane, answer.outcome, answer.reason, answer.status)
        except StorageError as error:
            return _failure(error)
        return answer

    def _answer_echo(self, context_id: int, request: Request) -> None:
        response = C_ECHO()
        response.MessageIDBeingRespondedTo = request.message_id
        response.AffectedSOPClassUID = Verification
        response.Status = SUCCESS
        self._association.dimse.send_msg(response, context_id)

    def _answer_store(self, context_id: int, request: Request, answer: Answer) -> None:
        response = C_STORE()
        response.MessageIDBeingRespondedTo = request.message_id
        response.AffectedSOPClassUID = request.sop_class_uid or None
        response.AffectedSOPInstanceUID = request.sop_instance_uid or None
        response.Status = answer.status
        if answer.status != SUCCESS:
            response.ErrorComment = (answer.why or f"{answer.outcome}: {answer.reason}")[:64]
        self._association.dimse.send_msg(response, context_id)

    def _break(self, what: str, **facts: int) -> None:
        words = " ".join(f"{key}={value}" for key, value in facts.items())
        log.warning("association=%d outcome=aborted reason=malformed-%s %s", self._number, what, words)
        hang_up(self._association)


def _failure(error: DicomanonError | OSError) -> Answer:
    if isinstance(error, InstanceError):
        return Answer(error.dicom_status, "quarantined", error.reason, why=str(error))
    if isinstance(error, ExistsError):
        return Answer(error.dicom_status, "failed", error.reason, why=str(error))
    if isinstance(error, DicomanonError):
        return Answer(error.dicom_status, "failed", error.reason)
    return Answer(StorageError.dicom_status, "failed", StorageError.reason)
