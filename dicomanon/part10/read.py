"""Bytes to `Instance`: preamble, group 2, and the header up to Pixel Data, whatever carries them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError, NotDicomError
from dicomanon.part10.elements import CutShortError, read_header
from dicomanon.part10.encoding import (
    DEFLATED,
    ENCAPSULATED,
    EXPLICIT_BIG,
    EXPLICIT_LE,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    LONG_VRS,
    SHORT_VRS,
    UNDEFINED,
    Encoding,
    encoding_of,
)
from dicomanon.part10.index import index
from dicomanon.part10.instance import Instance, Meta, PixelElement
from dicomanon.part10.readers import ChunkReader, PrefixedReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from io import FileIO

    from dicomanon.part10.index import Entry
    from dicomanon.part10.instance import Reader

PREAMBLE = 128
WINDOW = 1 << 18
FIRST_READ = 1 << 14
LARGEST_READ = 1 << 21
"""Some sources give less than they are asked for: what is asked for at once does not grow with the header."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is held in memory, in bytes."""

    header: int = 512 << 20
    deflated: int = 64 << 20
    """A kilobyte may inflate to a megabyte: a header that costs the sender nothing gets less room than others."""
    meta: int = 1 << 20


class _Front:
    """The front of a source, taken into memory as far as it is asked for."""

    def __init__(self, reader: Reader, limit: int) -> None:
        self._reader = reader
        self._limit = limit
        self.data = bytearray()
        self.ended = False

    def want(self, size: int) -> bool:
        """Hold at least `size` bytes if the source has them; tell whether it has."""
        while len(self.data) < size and not self.ended:
            if size > self._limit:
                raise MalformedError(f"the header is larger than the limit of {self._limit} bytes")
            self._read(size - len(self.data))
        return len(self.data) >= size

    def more(self) -> bool:
        """Double what is held, up to the limit; tell whether there was more."""
        before = len(self.data)
        self.want(min(max(2 * before, WINDOW), max(self._limit, before + 1)))
        return len(self.data) > before

    def _read(self, missing: int) -> None:
        window = bytearray(min(max(missing, WINDOW if self.data else FIRST_READ), LARGEST_READ))
        count = self._reader.readinto(memoryview(window))
        self.ended = count == 0
        self.data += memoryview(window)[:count]

    def rest(self, at: int) -> Reader:
        """Return everything from `at` on as a source."""
        return PrefixedReader(bytes(memoryview(self.data)[at:]), self._reader)


def read_instance(reader: Reader, *, name: str = "", limits: Limits | None = None) -> Instance:
    """Read a DICOM file up to Pixel Data; files without preamble or group 2 are recognised by their first element.

    Raises MalformedError (with the offset) for what does not parse and UnsupportedError for a transfer
    syntax without rules (PS3.10 section 7).
    """
    limits = limits or Limits()
    front = _Front(reader, limits.meta)
    front.want(PREAMBLE + 4)
    start = PREAMBLE + 4 if front.data[PREAMBLE : PREAMBLE + 4] == b"DICM" else 0
    values, at = _group_two(front, start)
    syntax = values.get(0x00020010, "")
    if not syntax:
        syntax = _guess_syntax(front, at)
    meta = Meta(
        transfer_syntax_uid=syntax,
        sop_class_uid=values.get(0x00020002, ""),
        sop_instance_uid=values.get(0x00020003, ""),
        name=name,
        residue=bytes(front.data[:at]),
    )
    return _with_header(meta, front.rest(at), limits)


def replayed(file: FileIO, instance: Instance) -> Callable[[], Instance]:
    """Return what gives an instance, just read from this file, anew from the front of its pixels.

    Its header is not read again, but where the data set is deflated.
    """
    if isinstance(instance.body, PrefixedReader):
        at = file.tell() - instance.body.held

        def again() -> Instance:
            file.seek(at)
            return replace(instance, body=file)

        return again

    def whole() -> Instance:
        file.seek(0)
        return read_instance(file, name=instance.meta.name)

    return whole


def bare_instance(
    reader: Reader,
    *,
    transfer_syntax_uid: str,
    sop_class_uid: str,
    sop_instance_uid: str,
    name: str = "",
    limits: Limits | None = None,
) -> Instance:
    """Read a data set without a container, as C-STORE carries it, up to Pixel Data; raises as `read_instance`."""
    meta = Meta(transfer_syntax_uid, sop_class_uid, sop_instance_uid, name)
    return _with_header(meta, reader, limits or Limits())


def _group_two(front: _Front, at: int) -> tuple[dict[int, str], int]:
    """Return the text of group 0002 by tag, and the offset behind it."""
    values: dict[int, str] = {}
    while front.want(at + 8) and front.data[at : at + 2] == b"\x02\x00":
        if bytes(front.data[at + 4 : at + 6]) == b"\0\0":
            raise MalformedError("group 0002 is not in Explicit VR Little Endian", offset=at)
        front.want(at + 12)
        tag, _, value, length = read_header(front.data, at, EXPLICIT_LE)
        end = value + length
        if length == UNDEFINED or not front.want(end):
            raise MalformedError("group 0002 is cut short", offset=at, tag=tag)
        values[tag] = bytes(front.data[value:end]).decode("ascii", "replace").strip(" \0")
        at = end
    if not front.data:
        raise NotDicomError("the file is empty", offset=0)
    return values, at


def _guess_syntax(front: _Front, at: int) -> str:
    """Tell the transfer syntax of a data set nobody names from its first element, or refuse."""
    if not front.want(at + 8):
        # Without a preamble or a group 2 nothing says that this was meant to be DICOM.
        kind = MalformedError if at else NotDicomError
        raise kind("there is no data set", offset=at)
    first = bytes(front.data[at : at + 8])
    has_vr = first[4:6] in SHORT_VRS or first[4:6] in LONG_VRS
    if has_vr and first[1] == 0 and first[0]:
        return EXPLICIT_LITTLE
    if has_vr and first[0] == 0:
        return EXPLICIT_BIG
    if first[0] == 8 and first[1] == 0 and first[6:8] == b"\0\0":
        return IMPLICIT_LITTLE
    raise NotDicomError("this is not a DICOM file", offset=at)


def _with_header(meta: Meta, reader: Reader, limits: Limits) -> Instance:
    encoding = encoding_of(meta.transfer_syntax_uid)
    limit = limits.header
    if meta.transfer_syntax_uid == DEFLATED:
        reader = ChunkReader(_inflate(reader))
        limit = min(limit, limits.deflated)
    front = _Front(reader, limit)
    entries: list[Entry] = []
    at, found = 0, False
    while front.want(at + 12) or len(front.data) > at:
        at, found = _index_held(front, at, encoding, entries)
        if found:
            break
        if not front.more():
            _check_end(front, at)
            break
    if found:
        front.want(at + 12)
        tag, vr, value, length = read_header(front.data, at, encoding)
        pixels = _pixel_element(meta, tag, vr, length, at)
        body = front.rest(value)
        return Instance(meta, bytes(memoryview(front.data)[:at]), pixels, body, entries)
    if not entries:
        raise MalformedError("there is no data set", offset=0)
    return Instance(meta, bytes(front.data), None, ChunkReader(()), entries)


def _index_held(front: _Front, at: int, encoding: Encoding, entries: list[Entry]) -> tuple[int, bool]:
    """Index what is held; an element cut off here may go on in what is still to be read."""
    while True:
        known = len(entries)
        try:
            return index(front.data, at, encoding, entries)
        except CutShortError:
            if not front.more():
                raise
            if len(entries) > known:
                at = entries[-1].next


def _check_end(front: _Front, at: int) -> None:
    """Raise MalformedError unless the source ends where an element does."""
    if len(front.data) != at:
        raise MalformedError("the data set ends inside an element", offset=at)


def _pixel_element(meta: Meta, tag: int, vr: bytes, length: int, at: int) -> PixelElement:
    if vr not in (b"OB", b"OW", b"OF", b"OD", b"UN"):
        raise MalformedError("Pixel Data has a VR that is none of OB, OW, OF, OD", offset=at, tag=tag)
    if (length == UNDEFINED) != (meta.transfer_syntax_uid in ENCAPSULATED):
        raise MalformedError("Pixel Data and transfer syntax disagree on encapsulation", offset=at, tag=tag)
    return PixelElement(tag, vr, None if length == UNDEFINED else length)


def _inflate(reader: Reader) -> Iterator[bytes]:
    """Yield the data set out of a raw deflate stream (PS3.5 A.5), a window at a time; offsets are of the inflated."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    window = memoryview(bytearray(WINDOW))
    given = 0
    try:
        while not engine.eof:
            chunk = engine.unconsumed_tail
            if not chunk:
                count = reader.readinto(window)
                chunk = bytes(window[:count])
            data = engine.decompress(chunk, WINDOW)
            if not (chunk or data or engine.eof):  # the engine may hold output when its input is used up
                raise MalformedError("the deflated data set is cut short", offset=given)
            given += len(data)
            yield data
    except zlib.error:
        raise MalformedError("the deflated data set does not inflate", offset=given) from None
    if engine.unused_data.strip(b"\0") or (reader.readinto(window) and window[0]):
        raise MalformedError("bytes follow the deflated data set", offset=given)


__all__ = ["Limits", "bare_instance", "read_instance", "replayed"]
