"""Before and after, side by side: what named someone, what science needs, and the frames by their hashes."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.characters import decode
from dicomanon.errors import MalformedError
from dicomanon.part10.elements import element_items, elements_in
from dicomanon.part10.encoding import encoding_of
from dicomanon.part10.read import read_instance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.instance import Instance

SPECIMEN, STEPS, CONTENT = 0x00400560, 0x00400610, 0x00400612
CONCEPT_CODE, CODE_MEANING = 0x0040A168, 0x00080104
ANATOMY, OPTICAL_PATH = 0x00082228, 0x00480105
_NUMBERS = (b"US", b"UL")
_WINDOW = 1 << 20
_ITEM, _DELIMITER = 0xE000FFFE, 0xE0DDFFFE
_STARTS = {b"\xff\xd8": b"\xff\xda", b"\xff\x4f": b"\xff\x90"}
"""Where the scan begins in a JPEG and in a JPEG 2000 code stream; what is before may have its text wiped."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `expected` says what should become of the value: `gone`, `new` or `kept`."""

    what: str
    before: str
    after: str
    expected: str

    @property
    def as_expected(self) -> bool:
        """Whether that is what became of it."""
        if self.expected == "kept":
            return self.before == self.after
        if self.expected == "gone":
            return not self.after
        return self.before != self.after or not self.before


ROWS: tuple[tuple[str, tuple[int, ...], str], ...] = (
    ("Patient's Name", (0x00100010,), "new"),
    ("Patient ID", (0x00100020,), "new"),
    ("Patient's Birth Date", (0x00100030,), "gone"),
    ("Accession Number", (0x00080050,), "new"),
    ("Referring Physician's Name", (0x00080090,), "gone"),
    ("Institution Name", (0x00080080,), "gone"),
    ("Operators' Name", (0x00081070,), "gone"),
    ("Study Date", (0x00080020,), "new"),
    ("Acquisition DateTime (scan)", (0x0008002A,), "new"),
    ("Container Identifier", (0x00400512,), "new"),
    ("Specimen Identifier", (SPECIMEN, 0x00400551), "new"),
    ("Specimen Short Description", (SPECIMEN, 0x00400600), "gone"),
    ("Device Serial Number", (0x00181000,), "new"),
    ("Private (0099,1001)", (0x00991001,), "gone"),
    ("SOP Instance UID", (0x00080018,), "new"),
    ("Anatomy (code)", (SPECIMEN, ANATOMY, CODE_MEANING), "kept"),
    ("Stain (codes)", (SPECIMEN, STEPS, CONTENT, CONCEPT_CODE, CODE_MEANING), "kept"),
    ("Objective Lens Power", (OPTICAL_PATH, 0x00480112), "kept"),
    ("Total Pixel Matrix Columns", (0x00480006,), "kept"),
)


def rows(before: Path, after: Path) -> Iterator[Row]:
    """Yield the table of one image and what became of it."""
    with io.FileIO(before) as source, io.FileIO(after) as output:
        old, new = read_instance(source), read_instance(output)
        for what, path, expected in ROWS:
            yield Row(what, text_at(old, path), text_at(new, path), expected)


def text_at(instance: Instance, path: tuple[int, ...]) -> str:
    """Return the value at `path`, those of several items joined; empty where there is none."""
    encoding = encoding_of(instance.meta.transfer_syntax_uid)
    header = instance.header
    sets = [raw for _, raw in _values(header, 0, len(header), encoding, (0x00080005,))]
    character_set = b"".join(sets).strip(b" \0")
    found = (
        str(int.from_bytes(raw, "little")) if vr in _NUMBERS else decode(raw, character_set).strip(" \0")
        for vr, raw in _values(header, 0, len(header), encoding, path)
    )
    return ", ".join(dict.fromkeys(filter(None, found)))


def _values(
    data: bytes, at: int, stop: int, encoding: Encoding, path: tuple[int, ...]
) -> Iterator[tuple[bytes, bytes]]:
    for element in elements_in(data, at, stop, encoding):
        if element.tag > path[0]:
            return
        if element.tag == path[0] and len(path) == 1:
            yield element.vr, data[element.value : element.end]
        elif element.tag == path[0]:
            for item in element_items(data, element):
                yield from _values(data, item.value, item.end, element.encoding, path[1:])


@dataclass(frozen=True, slots=True)
class Image:
    """What tells the images of one slide apart: Image Type value 3 (LABEL, say) and the size in pixels."""

    flavour: str
    columns: str
    rows: str


def image_of(path: Path) -> Image:
    """Return which image of the slide a file holds."""
    with io.FileIO(path) as file:
        instance = read_instance(file)
        parts = text_at(instance, (0x00080008,)).split("\\")
        flavour = parts[2] if len(parts) > 2 else ""
        return Image(flavour, text_at(instance, (0x00480006,)), text_at(instance, (0x00480007,)))


@dataclass(frozen=True, slots=True)
class Frames:
    """A SHA-256 over every scan of an image in order, and the number of fragments."""

    digest: str
    count: int


def frames_of(path: Path) -> Frames:
    """Hash the frames of a file without decoding one; raise MalformedError."""
    digest, count = hashlib.sha256(), 0
    with io.FileIO(path) as file:
        for scan in scans(read_instance(file)):
            digest.update(b"%d:" % len(scan))
            digest.update(scan)
            count += 1
    return Frames(digest.hexdigest(), count)


def scans(instance: Instance) -> Iterator[bytes]:
    """Yield each fragment from its entropy-coded data on, or windows of native pixels."""
    if instance.pixels is None:
        return
    if instance.pixels.length is not None:
        left = instance.pixels.length
        while left:
            window = _exactly(instance, min(left, _WINDOW))
            left -= len(window)
            yield window
        return
    first = True
    while True:
        head = _exactly(instance, 8)
        tag, length = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
        if tag == _DELIMITER:
            return
        if tag != _ITEM:
            raise MalformedError("something other than a fragment stands in Pixel Data")
        data = _exactly(instance, length)
        if not first:
            start = _STARTS.get(data[:2], b"")
            yield data[max(data.find(start), 0) :]
        first = False


def _exactly(instance: Instance, size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = instance.body.readinto(view)
        if not count:
            raise MalformedError("Pixel Data is cut short")
        view = view[count:]
    return bytes(data)


def jpeg_of(path: Path) -> bytes | None:
    """Return the one frame of a file as the JPEG file that it is, None where it is something else."""
    with io.FileIO(path) as file:
        instance = read_instance(file)
        if instance.meta.transfer_syntax_uid != "1.2.840.10008.1.2.4.50":
            return None
        items = []
        while _exactly(instance, 4) == _ITEM.to_bytes(4, "little"):
            items.append(_exactly(instance, int.from_bytes(_exactly(instance, 4), "little")))
    return items[1] if len(items) == 2 else None
