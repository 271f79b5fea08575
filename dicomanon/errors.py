"""Every error this package raises.

::

    DicomanonError
    ├── UsageError                 the command, profile, configuration or key file is wrong (exit 2)
    │   ├── ProfileError
    │   ├── ConfigError
    │   └── KeyFileError
    ├── InstanceError              one instance cannot leave; it is quarantined
    │   ├── MalformedError         bytes that do not parse: truncated, overlong, too deep, too large
    │   │   └── NotDicomError      bytes that do not even begin like a DICOM file
    │   ├── UnsupportedError       SOP Class, transfer syntax or flavour nobody has rules for
    │   ├── PixelsError            a policy of [pixels] does not let the picture out
    │   ├── RefusedError           a policy says no: no Patient ID and no scope, burned-in text, no key
    │   └── LeakError              verification found something in the written bytes
    ├── SlideError                 one vendor file cannot be read
    │   ├── UnknownSlideError      no format claims it
    │   ├── AmbiguousSlideError    more than one does
    │   └── CorruptSlideError      one does, and it is damaged
    ├── StorageError               the disk is full or not writable
    └── DeliveryError              a destination did not take an instance
        ├── PeerUnreachableError   worth another try
        └── PeerRefusedError       the peer answered, and the answer is no
            └── ExistsError        a folder has other bytes in that place

Messages name file, tag, rule and offset, never a value: `reason` is a word from a closed list that is
safe to log, and `str(error)` is safe as well.
"""

from __future__ import annotations

from typing import ClassVar


class DicomanonError(Exception):
    """Base of all errors; `reason` is a short kebab-case word that never carries a value."""

    reason: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1
    dicom_status: ClassVar[int] = 0x0110
    """C-STORE status a node answers with (PS3.4 B.2.3, PS3.7 C): 0110 processing failure."""


class UsageError(DicomanonError):
    """What was asked for cannot be done as it was asked."""

    reason = "usage"
    exit_code = 2


class ProfileError(UsageError):
    """A profile names something unknown, or contradicts itself."""

    reason = "profile"


class ConfigError(UsageError):
    """A configuration file is incomplete or wrong."""

    reason = "config"


class KeyFileError(UsageError):
    """A key file is missing, too short, or readable by others."""

    reason = "key-file"


class InstanceError(DicomanonError):
    """One instance cannot leave; `reason` says why, `offset` and `tag` say where."""

    reason = "instance"
    dicom_status = 0xC000

    def __init__(self, message: str, *, offset: int | None = None, tag: int | None = None) -> None:
        where = []
        if tag is not None:
            where.append(f"at ({tag >> 16:04X},{tag & 0xFFFF:04X})")
        if offset is not None:
            where.append(f"at offset {offset}")
        super().__init__(" ".join([message, *where]))
        self.offset = offset
        self.tag = tag


class MalformedError(InstanceError):
    """The bytes are not a DICOM data set."""

    reason = "malformed"
    dicom_status = 0xC001


class NotDicomError(MalformedError):
    """The bytes do not begin like a DICOM file."""

    reason = "not-dicom"


class UnsupportedError(InstanceError):
    """There are no rules for this SOP Class, transfer syntax or image flavour."""

    reason = "unsupported"
    dicom_status = 0x0122


class RefusedError(InstanceError):
    """A rule of the profile or the route says that this instance must not leave."""

    reason = "refused"
    dicom_status = 0xC002


class PixelsError(InstanceError):
    """A policy of the profile does not let a picture out: something is found in it, or nobody can tell."""

    reason = "pixels"
    dicom_status = 0xC002


class LeakError(InstanceError):
    """Verification found an identifying value, or broken structure, in the bytes about to leave."""

    reason = "leak"
    dicom_status = 0xC003


class SlideError(DicomanonError):
    """A vendor file cannot be read as a slide."""

    reason = "slide"


class UnknownSlideError(SlideError):
    """No format claims the file."""

    reason = "unknown-slide"


class AmbiguousSlideError(SlideError):
    """Two formats claim one file, which is a bug in one of them."""

    reason = "ambiguous-slide"


class CorruptSlideError(SlideError):
    """The file is of a known format, and damaged."""

    reason = "corrupt-slide"


class StorageError(DicomanonError):
    """Bytes could not be made durable."""

    reason = "storage"
    dicom_status = 0xA700


class DeliveryError(DicomanonError):
    """A destination did not take an instance."""

    reason = "delivery"


class PeerUnreachableError(DeliveryError):
    """No connection, a lost connection, a time-out or an abort: worth another try."""

    reason = "peer-unreachable"


class PeerRefusedError(DeliveryError):
    """The peer answered, and the answer was a refusal or a failure status."""

    reason = "peer-refused"


class ExistsError(PeerRefusedError):
    """The place of an instance is taken by another one of the same UID, which is never replaced."""

    reason = "exists"
    dicom_status = 0xC004
    """Not Duplicate SOP Instance (0111): to a sender that means that the archive has what it sent."""

    def __init__(self) -> None:
        super().__init__(
            "there is an instance of this UID with other content already; "
            "was it de-identified before under another profile or version?"
        )
