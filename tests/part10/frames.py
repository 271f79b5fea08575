"""Frames of code streams put together by hand, and passed through the copy of Pixel Data."""

from __future__ import annotations

import io

from pydicom.encaps import generate_fragments

from dicomanon.part10.body import copy_body
from dicomanon.part10.instance import Instance, Meta, PixelElement
from dicomanon.part10.readers import ChunkReader
from tests.part10.building import CANARY, JPEG, encapsulated

COMMENT = 0xFE
TEXT = CANARY + b" lives at 7 Canary Street"
SCAN = bytes(range(1, 250)) * 40 + b"\xff\0"


def segment(marker: int, payload: bytes, *, fill: int = 0) -> bytes:
    return b"\xff" * fill + bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


TABLES = segment(0xDB, b"\0" + bytes(range(1, 65)))
FRAME_HEAD = segment(0xC0, b"\x08\0\x10\0\x10\1\1\x11\0")
SCAN_HEAD = segment(0xDA, b"\1\1\0\0\x3f\0")


def jpeg(*segments: bytes, scan: bytes = SCAN) -> bytes:
    data = b"\xff\xd8" + b"".join(segments) + TABLES + FRAME_HEAD + SCAN_HEAD + scan + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


def jpeg_ls(*segments: bytes) -> bytes:
    frame = segment(0xF7, b"\x08\0\x10\0\x10\1\1\x11\0")
    data = b"\xff\xd8" + b"".join(segments) + frame + segment(0xDA, b"\1\1\0\0\0\0") + SCAN + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


def jpeg_2000(*segments: bytes, tile_segments: tuple[bytes, ...] = ()) -> bytes:
    size = segment(0x51, bytes(34) + b"\0\1\7\1\1")
    tile = segment(0x90, b"\0\0\0\0\0\0\0\1") + b"".join(tile_segments)
    data = b"\xff\x4f" + size + b"".join(segments) + tile + b"\xff\x93" + SCAN + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


def scans_of(frame_marker: int, *segments: bytes) -> bytes:
    """Make a frame of three components in three scans, segments between them."""
    frame = segment(frame_marker, b"\x08\0\x10\0\x10\3\1\x11\0\2\x11\0\3\x11\0")
    stuffed = b"\xff\0" if frame_marker != 0xF7 else b"\xff\x7f"
    scans = [
        segment(0xDA, bytes((1, number, 0, 0, 0, 0))) + SCAN + stuffed + b"\xff\xd0" + SCAN
        for number in (1, 2, 3)
    ]
    data = b"\xff\xd8" + frame + b"".join(scan + b"".join(segments) for scan in scans) + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


class _Chunks(ChunkReader):
    """Hands out at most `step` bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__([data])
        self.step = step

    def readinto(self, buffer: memoryview, /) -> int:
        return super().readinto(buffer[: self.step])


def passed(*fragments: bytes, step: int = 1 << 30) -> list[bytes]:
    """Return the fragments as they leave."""
    value = encapsulated(*fragments)[12:]
    instance = Instance(Meta(JPEG), b"", PixelElement(0x7FE00010, b"OB", None), _Chunks(value, step))
    out = io.BytesIO()
    assert copy_body(instance, out) == b""
    written = out.getvalue()
    assert len(written) == len(value)
    found = list(generate_fragments(written[8:]))
    assert [len(fragment) for fragment in found] == [len(fragment) for fragment in fragments]
    return found
