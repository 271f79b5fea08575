"""What of a written file can say something in text: everything but the entropy-coded scans."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from dicomanon.errors import LeakError, MalformedError
from dicomanon.part10.codestream import MAX_HEAD, HeadCutShortError, text_in_head

if TYPE_CHECKING:
    from collections.abc import Iterator

PROBE = 4096
TAIL = 8
_EOI = b"\xff\xd9"


class Piece(NamedTuple):
    """Bytes of the file and the place they are from."""

    place: str
    data: bytes


def fragment_pieces(descriptor: int, at: int) -> Iterator[Piece]:
    """Yield offset table and fragment heads of the encapsulated value at `at`, equal heads once; last the trailer.

    Raises LeakError for a head that still carries text, and for a structure that does not add up.
    """
    heads: set[bytes] = set()
    last = b""
    number = 0
    before_was_jpeg = False
    while True:
        block = os.pread(descriptor, PROBE + TAIL, at - TAIL)
        tag = block[TAIL : TAIL + 4]
        if before_was_jpeg and _EOI not in block[:TAIL]:
            start = max(at - PROBE, 0)
            yield Piece(f"end of fragment {number - 1}", os.pread(descriptor, at - start, start))
        if tag == b"\xfe\xff\xdd\xe0":
            yield Piece("trailer", _rest(descriptor, at + 8))
            return
        if tag != b"\xfe\xff\x00\xe0":
            raise LeakError("the written fragments do not add up", offset=at)
        length = int.from_bytes(block[TAIL + 4 : TAIL + 8], "little")
        start = TAIL + 8
        before_was_jpeg = False
        if number == 0:
            yield Piece("offset table", os.pread(descriptor, length, at + 8))
        elif last and length >= len(last) and block.startswith(last, start):
            before_was_jpeg = last.startswith(b"\xff\xd8")
        else:
            last = _head(descriptor, at + 8, length, block[start : start + length])
            before_was_jpeg = last.startswith(b"\xff\xd8")
            if last and last not in heads:
                heads.add(last)
                yield Piece(f"head of fragment {number}", last)
        number += 1
        at += 8 + length


def _head(descriptor: int, at: int, length: int, probe: bytes) -> bytes:
    """Return the head of the fragment at `at`, nothing where no code stream starts there."""
    try:
        cuts, end = text_in_head(probe, 0, len(probe))
    except HeadCutShortError:
        probe = os.pread(descriptor, min(length, MAX_HEAD), at)
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


def _rest(descriptor: int, at: int) -> bytes:
    """Return what the file holds from `at` on."""
    parts = []
    while part := os.pread(descriptor, 1 << 16, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)
