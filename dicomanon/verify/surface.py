"""What of a written file can say something in text: everything but the entropy-coded scans."""

from __future__ import annotations

import os
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dicomanon.errors import LeakError, MalformedError
from dicomanon.part10.codestream import MAX_HEAD, HeadCutShortError, text_in_head, unused_run_offsets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROBE = 4096
FRONT = 512
"""Bytes searched of a fragment that goes on with a frame: enough to hold what only looks like a continuation."""
MOST_USUAL = 8
"""Heads known by heart: encoders of slides have one or two."""
TAIL = 8
_VALUE = TAIL + 8
_FRONT = Struct(f"<{TAIL}sII").unpack_from
"""The bytes in front of an item, its tag, its length."""
_ITEM = 0xE000FFFE
_DELIMITER = 0xE0DDFFFE
"""Tags, as the little endian number of their four bytes."""
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"


class Written(Protocol):
    """A written instance, readable anywhere."""

    def read_at(self, size: int, at: int) -> bytes:
        """Return at most `size` bytes from offset `at`, fewer only at the end."""
        ...


class WrittenFile:
    """An open file."""

    def __init__(self, descriptor: int) -> None:
        # Called for every fragment of a slide: nothing stands between that and the system.
        self.read_at: Callable[[int, int], bytes] = partial(os.pread, descriptor)


class WrittenBytes:
    """Bytes in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read_at(self, size: int, at: int) -> bytes:
        """Return at most `size` bytes from offset `at`, fewer only at the end."""
        return self._data[at : at + size]


class Piece(NamedTuple):
    """Bytes of the file and the place they are from."""

    place: str
    data: bytes


def fragment_pieces(written: Written, at: int, *, marked: bool, run_length: bool = False) -> Iterator[Piece]:
    """Yield offset table and fragment heads of the encapsulated value at `at`, equal heads once; last the trailer.

    `marked`: frames begin with SOI or SOC, so that a fragment without is a frame's continuation, or pretends to be.
    `run_length`: they begin with the head of an RLE frame.
    Raises LeakError for a head that still carries text, and for a structure that does not add up.
    """
    heads: set[bytes] = set()
    usual: list[bytes] = []
    last = b""
    number = 0
    jpeg = False
    probe = _VALUE + PROBE
    read_at = written.read_at
    while True:
        block = read_at(probe, at - TAIL)
        if len(block) < _VALUE:
            raise LeakError("the written fragments do not add up", offset=at)
        before, tag, length = _FRONT(block)
        if jpeg and _EOI not in before:
            start = max(at - PROBE, 0)
            yield Piece(f"end of fragment {number - 1}", read_at(at - start, start))
        if tag == _ITEM and last and block.startswith(last, _VALUE, _VALUE + length):
            # As nearly all fragments of a slide do.
            number += 1
            at += 8 + length
            continue
        if tag != _ITEM:
            if tag != _DELIMITER or length:
                raise LeakError("the written fragments do not add up", offset=at)
            yield Piece("trailer", rest(written, at + 8))
            return
        if not number:
            yield Piece("offset table", read_at(length, at + 8))
        elif run_length:
            _check_runs(block[_VALUE : _VALUE + length], length, at)
        elif again := next((head for head in usual if block.startswith(head, _VALUE, _VALUE + length)), b""):
            last = again
            jpeg = last.startswith(_SOI)
        else:
            last = _head(written, at + 8, length, read_at(min(length, PROBE), at + 8))
            jpeg = last.startswith(_SOI)
            usual = [last, *usual[: MOST_USUAL - 1]] if last else usual
            probe = _VALUE + max(map(len, usual), default=PROBE)
            if last and last not in heads:
                heads.add(last)
                yield Piece(f"head of fragment {number}", last)
            elif not last and marked:
                yield Piece(f"front of fragment {number}", read_at(min(length, FRONT), at + 8))
        number += 1
        at += 8 + length


def _head(written: Written, at: int, length: int, probe: bytes) -> bytes:
    """Return the head of the fragment at `at`, nothing where no code stream starts there."""
    try:
        cuts, end = text_in_head(probe, 0, len(probe))
    except HeadCutShortError:
        probe = written.read_at(min(length, MAX_HEAD), at)
        try:
            cuts, end = text_in_head(probe, 0, len(probe))
        except HeadCutShortError:
            raise LeakError("a code stream has no end to its head", offset=at) from None
    except MalformedError as error:
        raise LeakError(str(error), offset=at) from None
    for start, stop in cuts:
        if probe[start:stop].strip(b"\0"):
            raise LeakError("a code stream carries text", offset=at + start)
    return probe[:end]


def _check_runs(front: bytes, length: int, at: int) -> None:
    """Raise LeakError where the head of an RLE frame has more in it than the offsets of its segments."""
    try:
        first, last = unused_run_offsets(front, 0, len(front), length)
    except MalformedError as error:
        raise LeakError(str(error), offset=at) from None
    if any(front[first:last]):
        raise LeakError("the head of an RLE frame carries more than offsets", offset=at)


def rest(written: Written, at: int) -> bytes:
    """Return what the file holds from `at` on."""
    parts = []
    while part := written.read_at(1 << 16, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)
