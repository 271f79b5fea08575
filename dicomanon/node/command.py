"""C-STORE-RQ and C-ECHO-RQ as they arrive (PS3.7 9.3.1, 9.3.5): the few command elements a node needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError, RefusedError

if TYPE_CHECKING:
    from dicomanon.part10 import Instance

C_STORE_RQ = 0x0001
C_ECHO_RQ = 0x0030
NO_DATA_SET = 0x0101
LARGEST_COMMAND = 1 << 16
"""A command set of a storage sender has some 200 bytes; this is the bound (bytes)."""

_ELEMENT = Struct("<HHL")
_UID = re.compile(r"(?=.{1,64}\Z)(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*\Z")
_AFFECTED_SOP_CLASS_UID = 0x0002
_COMMAND_FIELD = 0x0100
_MESSAGE_ID = 0x0110
_COMMAND_DATA_SET_TYPE = 0x0800
_AFFECTED_SOP_INSTANCE_UID = 0x1000
_SOP_INSTANCE_UID = 0x00080018


@dataclass(frozen=True, slots=True)
class Request:
    """One request; the UIDs are empty where they are missing or not UIDs."""

    field: int
    message_id: int
    sop_class_uid: str
    sop_instance_uid: str
    has_data_set: bool


def parse_request(command: bytes) -> Request:
    """Read a command set (always Implicit VR Little Endian); raises MalformedError."""
    values: dict[int, bytes] = {}
    offset = 0
    while offset < len(command):
        if len(command) - offset < _ELEMENT.size:
            raise MalformedError("a command set ends inside an element", offset=offset)
        group, element, length = _ELEMENT.unpack_from(command, offset)
        offset += _ELEMENT.size
        if group != 0 or length > len(command) - offset:
            raise MalformedError("a command set is damaged", offset=offset)
        values[element] = command[offset : offset + length]
        offset += length
    return Request(
        field=_number(values, _COMMAND_FIELD),
        message_id=_number(values, _MESSAGE_ID),
        sop_class_uid=_uid(values, _AFFECTED_SOP_CLASS_UID),
        sop_instance_uid=_uid(values, _AFFECTED_SOP_INSTANCE_UID),
        has_data_set=_number(values, _COMMAND_DATA_SET_TYPE) != NO_DATA_SET,
    )


def check_same_instance(request: Request, instance: Instance) -> None:
    """Raise RefusedError where a data set is another SOP Instance than its command says (PS3.4 B.2.3)."""
    for entry in instance.entries or ():
        if entry.tag == _SOP_INSTANCE_UID and entry.length is not None and request.sop_instance_uid:
            named = instance.header[entry.value : entry.next].strip(b"\0 ")
            if named != request.sop_instance_uid.encode():
                raise RefusedError("data set and command name different SOP Instances", tag=entry.tag)


def _number(values: dict[int, bytes], element: int) -> int:
    value = values.get(element, b"")
    if len(value) != 2:
        raise MalformedError("a command set lacks a number", tag=element)
    return int.from_bytes(value, "little")


def _uid(values: dict[int, bytes], element: int) -> str:
    text = values.get(element, b"").rstrip(b"\0 ").decode("ascii", "replace")
    return text if _UID.match(text) else ""
