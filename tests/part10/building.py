"""DICOM bytes put together by hand, so that every way to encode the same thing can be written; and sent the way out."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Cleared, clear, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import Pseudonymizer

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dicomanon.pipeline import Outcome, Route

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, JPEG = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50"
JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"
SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
PARAMETRIC_MAP_CLASS = "1.2.840.10008.5.1.4.1.1.30"
KEY = bytes(range(32))
UNDEFINED = 0xFFFFFFFF
UNREADABLE = frozenset(("malformed", "not-dicom", "unsupported"))
"""Reasons for bytes that cannot be read."""
LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
CANARY = b"CANARYBIRD"
PATIENT_ID = b"CANARYPATIENT1"
INSTANCE_UID = "1.2.826.0.1.3680043.8.498.71.3"


@dataclass(frozen=True, slots=True)
class Coding:
    """One transfer syntax as bytes are put together for it."""

    syntax: str

    @property
    def explicit(self) -> bool:
        return self.syntax != IMPLICIT

    @property
    def order(self) -> str:
        return ">" if self.syntax == BIG else "<"

    def tag(self, tag: int) -> bytes:
        return struct.pack(self.order + "HH", tag >> 16, tag & 0xFFFF)

    def head(self, tag: int, vr: bytes, length: int) -> bytes:
        if not self.explicit:
            return self.tag(tag) + struct.pack(self.order + "I", length)
        if vr in LONG:
            return self.tag(tag) + vr + b"\0\0" + struct.pack(self.order + "I", length)
        return self.tag(tag) + vr + struct.pack(self.order + "H", length)

    def element(self, tag: int, vr: bytes, value: bytes | str | int) -> bytes:
        if isinstance(value, int):
            value = struct.pack(self.order + {b"US": "H", b"UL": "I"}[vr], value)
        elif isinstance(value, str):
            value = value.encode()
        if len(value) % 2:
            value += b"\0" if vr in (b"UI", b"OB", b"UN") else b" "
        return self.head(tag, vr, len(value)) + value

    def item(self, content: bytes, *, defined: bool = True) -> bytes:
        if defined:
            return self.tag(0xFFFEE000) + struct.pack(self.order + "I", len(content)) + content
        open_end = struct.pack(self.order + "I", UNDEFINED)
        return self.tag(0xFFFEE000) + open_end + content + self.tag(0xFFFEE00D) + bytes(4)

    def sequence(
        self,
        tag: int,
        items: Iterable[bytes],
        *,
        defined: bool = True,
        defined_items: bool = True,
        vr: bytes = b"SQ",
    ) -> bytes:
        value = b"".join(self.item(item, defined=defined_items) for item in items)
        if defined:
            return self.head(tag, vr, len(value)) + value
        return self.head(tag, vr, UNDEFINED) + value + self.tag(0xFFFEE0DD) + bytes(4)

    def code(self, value: str, meaning: str, *more: bytes) -> bytes:
        """Elements of one code item, further elements behind."""
        return b"".join(
            (
                self.element(0x00080100, b"SH", value),
                self.element(0x00080102, b"SH", "SCT"),
                self.element(0x00080104, b"LO", meaning),
                *more,
            )
        )


def slide_elements(coding: Coding) -> dict[int, bytes]:
    """Encode the top level of a small slide up to Pixel Data, by tag."""
    e = coding.element
    plain: dict[int, tuple[bytes, bytes | str | int]] = {
        0x00080005: (b"CS", "ISO_IR 192"),
        0x00080008: (b"CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE"),
        0x00080016: (b"UI", SLIDE_CLASS),
        0x00080018: (b"UI", INSTANCE_UID),
        0x00080060: (b"CS", "SM"),
        0x00080070: (b"LO", "Scanner Works"),
        0x00100010: (b"PN", CANARY + b"^PATIENT"),
        0x00100020: (b"LO", PATIENT_ID),
        0x0020000D: (b"UI", "1.2.826.0.1.3680043.8.498.71.1"),
        0x0020000E: (b"UI", "1.2.826.0.1.3680043.8.498.71.2"),
        0x00200011: (b"IS", "1"),
        0x00200013: (b"IS", "7"),
        0x00280002: (b"US", 1),
        0x00280004: (b"CS", "MONOCHROME2"),
        0x00280008: (b"IS", "1"),
        0x00280010: (b"US", 4),
        0x00280011: (b"US", 6),
        0x00280100: (b"US", 8),
        0x00280101: (b"US", 8),
        0x00280102: (b"US", 7),
        0x00280103: (b"US", 0),
    }
    return {tag: e(tag, vr, value) for tag, (vr, value) in plain.items()}


def data_set(coding: Coding, more: dict[int, bytes] | None = None, *, pixels: bytes | None = None) -> bytes:
    """Encode a slide with elements added or replaced; `pixels` is the whole Pixel Data element and what follows."""
    elements = slide_elements(coding) | (more or {})
    return b"".join(value for _, value in sorted(elements.items())) + (
        native(coding) if pixels is None else pixels
    )


def sized(coding: Coding, count: int) -> dict[int, bytes]:
    """Encode what makes native Pixel Data of 8 bits `count` bytes long, in the same number of bytes for any count."""
    return {
        0x00280008: coding.element(0x00280008, b"IS", f"{count:08}"),
        0x00280010: coding.element(0x00280010, b"US", 1),
        0x00280011: coding.element(0x00280011, b"US", 1),
    }


def native(
    coding: Coding, value: bytes = bytes(range(24)), vr: bytes = b"OB", tag: int = 0x7FE00010
) -> bytes:
    """Encode native Pixel Data."""
    return coding.head(tag, vr, len(value)) + value


def encapsulated(*fragments: bytes, table: bytes = b"") -> bytes:
    """Encode encapsulated Pixel Data."""
    coding = Coding(JPEG)
    items = b"".join(coding.item(each) for each in (table, *fragments))
    return coding.head(0x7FE00010, b"OB", UNDEFINED) + items + coding.tag(0xFFFEE0DD) + bytes(4)


def group_two(syntax: str, more: bytes = b"") -> bytes:
    """Encode a small group 0002."""
    e = Coding(EXPLICIT).element
    content = b"".join(
        (
            e(0x00020001, b"OB", b"\0\1"),
            e(0x00020002, b"UI", SLIDE_CLASS),
            e(0x00020003, b"UI", INSTANCE_UID),
            e(0x00020010, b"UI", syntax),
            more,
        )
    )
    return e(0x00020000, b"UL", len(content)) + content


def file_of(syntax: str, data: bytes, *, meta: bytes | None = None) -> bytes:
    """Encode a whole file."""
    if syntax == DEFLATED:
        engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = engine.compress(data) + engine.flush()
    return bytes(128) + b"DICM" + (group_two(syntax) if meta is None else meta) + data


def slide_file(syntax: str, more: dict[int, bytes] | None = None, *, pixels: bytes | None = None) -> bytes:
    """Encode a whole file of a slide."""
    return file_of(syntax, data_set(Coding(syntax), more, pixels=pixels))


def a_route(*, deep: bool = False) -> Route:
    """Return a route of the default profile."""
    return make_route("test", load_profile(), Pseudonymizer(KEY), scope="test", deep=deep, durable=False)


def sent(data: bytes, route: Route, folder: Path) -> Outcome:
    """Send a file the way out, out of memory and from disk; the two must agree to the byte."""
    folder.mkdir(exist_ok=True)
    outcome = clear(lambda: read_instance(io.BytesIO(data)), route, folder)
    source = folder.parent / f"{folder.name}.source"
    source.write_bytes(data)
    with io.FileIO(source) as file:
        other = clear(lambda: read_instance(file), route, folder)
    assert type(outcome) is type(other)
    if isinstance(outcome, Cleared) and isinstance(other, Cleared):
        assert outcome.path.read_bytes() == other.path.read_bytes()
        other.path.unlink()
    else:
        assert outcome == other
        assert list(folder.iterdir()) == []
    return outcome


def cleared(data: bytes, route: Route, folder: Path) -> bytes:
    """Return what a file becomes; fail if it is not cleared."""
    outcome = sent(data, route, folder)
    assert isinstance(outcome, Cleared), outcome
    written = outcome.path.read_bytes()
    outcome.path.unlink()
    assert len(written) == outcome.size
    return written
