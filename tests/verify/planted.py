"""A slide with a value of every kind, cleared, and the place to plant them again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.part10.encoding import EXPLICIT_LE, pack_element
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import load_profile
from dicomanon.verify import Verifier, WrittenBytes
from tests.canary_image import Picture, jpeg_frames, with_segments
from tests.verify.made import Elements, file_of, identity, opened, route_of

if TYPE_CHECKING:
    from dicomanon.identifying import IdentifyingValues
    from dicomanon.verify import Finding

JPEG = "1.2.840.10008.1.2.4.50"
TILE = Picture("VOLUME", 64, 64, 64, 64)
ACCENTED = "Jörgünßøn"
PIXELS = b"\xe0\x7f\x10\0OB\0\0"


def source(name: str = "CanarySmith^Mary Ann", **more: bytes) -> Elements:
    """Return a data set with a value of every kind; `patient`, `accession` and `manufacturer` stand in."""
    return identity(patient=more.get("patient", b"MRN-7309177")) | {
        0x00080005: (b"CS", b"ISO_IR 192"),
        0x00080020: (b"DA", b"20210317"),
        0x00080050: (b"SH", more.get("accession", b"S21-73091")),
        0x00080070: (b"LO", more.get("manufacturer", b"Scanner Works")),
        0x00080090: (b"PN", ACCENTED.encode() + b"^Ute"),
        0x00080201: (b"SH", b"+0100"),
        0x00081030: (b"LO", b"Biopsy of the canary's left wing"),
        0x00100010: (b"PN", name.encode()),
        0x00100030: (b"DA", b"19480203"),
        0x00200010: (b"SH", b"STUDY77"),
        0x00280010: (b"US", b"\x40\0"),
    }


def frames(*segments: tuple[int, bytes], tail: bytes = b"") -> bytes:
    """Return the value of encapsulated Pixel Data: offset table, two JPEG frames, delimiter."""
    items: list[bytes] = []
    for seed in range(2):
        frame = with_segments(jpeg_frames(TILE, "", seed)[0], *segments)
        middle = len(frame) // 2 + 100
        frame = frame[:middle] + tail + frame[middle + len(tail) :]
        items.append(frame + b"\0" * (len(frame) % 2))
    table = bytes(4) + (8 + len(items[0])).to_bytes(4, "little")
    body = b"".join(b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item for item in (table, *items))
    return PIXELS + b"\xff\xff\xff\xff" + body + b"\xfe\xff\xdd\xe0\0\0\0\0"


def cleared(
    elements: Elements, profile: str = "basic", pixels: bytes | None = None
) -> tuple[bytes, IdentifyingValues, Verifier]:
    """Return a JPEG slide cleared, with what verification looked for."""
    route = route_of(profile)
    data = file_of(elements, JPEG) + (pixels or frames())
    values = route.deidentifier(opened(data)).values
    return clear_in_memory(opened(data), route), values, Verifier(load_profile(profile))


def check(
    data: bytes, values: IdentifyingValues, verifier: Verifier, name: str = "", *, deep: bool = False
) -> list[Finding]:
    return verifier.check(WrittenBytes(data), values, name=name, deep=deep)


def with_text(data: bytes, text: bytes, tag: int = 0x00181030, vr: bytes = b"LT") -> bytes:
    """Put a free text into the header of a written file."""
    at = data.index(PIXELS)
    instance = opened(data)
    before = next(entry.start for entry in instance.entries or [] if entry.tag > tag)
    start = at - len(instance.header) + before
    return data[:start] + pack_element(tag, vr, text, EXPLICIT_LE) + data[start:]
