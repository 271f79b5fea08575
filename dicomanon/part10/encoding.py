"""Transfer syntaxes and the two shapes of an element header (PS3.5 sections 7, 10 and Annex A)."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from dicomanon.errors import MalformedError, UnsupportedError

LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
"""VRs whose explicit header has two reserved bytes and a 32-bit length (PS3.5 7.1.2)."""
SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(b" "),
)
UNDEFINED = 0xFFFFFFFF

ITEM = 0xFFFEE000
ITEM_DELIMITER = 0xFFFEE00D
SEQUENCE_DELIMITER = 0xFFFEE0DD

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
ENCAPSULATED_UNCOMPRESSED = "1.2.840.10008.1.2.1.98"

ENCAPSULATED = frozenset(
    [
        ENCAPSULATED_UNCOMPRESSED,
        "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.8.1",
        *(f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 92, 93, 94, 95)),
        *(f"1.2.840.10008.1.2.4.{n}" for n in (100, 101, 102, 103, 104, 105, 106, 107, 108)),
        *(f"1.2.840.10008.1.2.4.{n}.1" for n in range(100, 107)),
        *(f"1.2.840.10008.1.2.4.{n}" for n in (110, 111, 112, 201, 202, 203)),
    ]
)
"""Explicit VR Little Endian with fragments of a code stream, which this package never opens."""
MARKED = frozenset(
    f"1.2.840.10008.1.2.4.{n}" for n in (50, 51, 57, 70, 80, 81, 90, 91, 92, 93, 201, 202, 203)
)
"""Those whose frames are JPEG, JPEG-LS or JPEG 2000 code streams and begin with SOI or SOC."""
VIDEO = frozenset(
    f"1.2.840.10008.1.2.4.{n}" for n in (*range(100, 109), *(f"{number}.1" for number in range(100, 107)))
)
"""MPEG-2, MPEG-4 and HEVC: user data may stand anywhere in them."""
JPEG_XL = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (110, 111, 112))
RUN_LENGTH = "1.2.840.10008.1.2.5"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How elements are written: explicit or implicit VR, byte order."""

    explicit: bool
    little: bool

    @property
    def order(self) -> str:
        """Byte order as `struct` and `int.to_bytes` want it."""
        return "<" if self.little else ">"


EXPLICIT_LE = Encoding(explicit=True, little=True)
IMPLICIT_LE = Encoding(explicit=False, little=True)
EXPLICIT_BE = Encoding(explicit=True, little=False)

_NATIVE = {
    IMPLICIT_LITTLE: IMPLICIT_LE,
    EXPLICIT_LITTLE: EXPLICIT_LE,
    DEFLATED: EXPLICIT_LE,
    EXPLICIT_BIG: EXPLICIT_BE,
}
TRANSFER_SYNTAXES = frozenset((*_NATIVE, *ENCAPSULATED))


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """Return the element encoding of a transfer syntax; raise UnsupportedError for one this package does not know."""
    if transfer_syntax_uid in ENCAPSULATED:
        return EXPLICIT_LE
    encoding = _NATIVE.get(transfer_syntax_uid)
    if encoding is None:
        raise UnsupportedError("the transfer syntax is unknown or private")
    return encoding


_U16 = {True: Struct("<H"), False: Struct(">H")}
_U32 = {True: Struct("<I"), False: Struct(">I")}
_PAIR = {True: Struct("<HH"), False: Struct(">HH")}


def u16(encoding: Encoding) -> Struct:
    """Return the codec of a 16-bit length."""
    return _U16[encoding.little]


def u32(encoding: Encoding) -> Struct:
    """Return the codec of a 32-bit length."""
    return _U32[encoding.little]


def pack_tag(tag: int, encoding: Encoding) -> bytes:
    """Encode a tag."""
    return _PAIR[encoding.little].pack(tag >> 16, tag & 0xFFFF)


def pack_header(tag: int, vr: bytes, length: int, encoding: Encoding) -> bytes:
    """Encode tag, VR and value length; raise MalformedError where the value does not fit its VR."""
    if not encoding.explicit:
        return pack_tag(tag, encoding) + _U32[encoding.little].pack(length)
    if vr in LONG_VRS:
        return pack_tag(tag, encoding) + vr + b"\0\0" + _U32[encoding.little].pack(length)
    if length > 0xFFFF:
        raise MalformedError("a value is too long for its VR", tag=tag)
    return pack_tag(tag, encoding) + vr + _U16[encoding.little].pack(length)


_PAD_SPACE = frozenset(b"AE AS CS DA DS DT IS LO LT PN SH ST TM UC UR UT".split(b" "))


def pack_element(tag: int, vr: bytes, value: bytes, encoding: Encoding) -> bytes:
    """Encode one element, its value padded to even length (PS3.5 6.2)."""
    if len(value) & 1:
        value += b" " if vr in _PAD_SPACE else b"\0"
    return pack_header(tag, vr, len(value), encoding) + value


def pack_sequence(tag: int, items: list[bytes], encoding: Encoding) -> bytes:
    """Encode a sequence and its items with defined lengths."""
    codec = _U32[encoding.little]
    body = b"".join(pack_tag(ITEM, encoding) + codec.pack(len(item)) + item for item in items)
    return pack_header(tag, b"SQ", len(body), encoding) + body
