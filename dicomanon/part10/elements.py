"""Element headers out of bytes: the slow, careful walk that everything off the hot path uses."""

from __future__ import annotations

import struct
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from dicomanon import standard
from dicomanon.errors import MalformedError
from dicomanon.part10.encoding import (
    IMPLICIT_LE,
    ITEM,
    ITEM_DELIMITER,
    LONG_VRS,
    SEQUENCE_DELIMITER,
    SHORT_VRS,
    UNDEFINED,
    Encoding,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = {True: struct.Struct("<HH2sH").unpack_from, False: struct.Struct(">HH2sH").unpack_from}
_LENGTH = {True: struct.Struct("<I").unpack_from, False: struct.Struct(">I").unpack_from}


class CutShortError(MalformedError):
    """Elements reach over the end of the bytes at hand: more bytes, where there are more, could mend that."""


MAX_DEPTH = 32
"""Sequences nested deeper than this are refused: no IOD comes near, and a loop of crafted items does."""


class Element(NamedTuple):
    """Where one element lies: header at `start`, value from `value` to `end`, next element at `next`.

    `length` is None where it was undefined; then `end` excludes the delimitation item that `next` is behind.
    `encoding` is that of the content: Implicit VR Little Endian inside UN (PS3.5 6.2.2).
    """

    tag: int
    vr: bytes
    start: int
    value: int
    end: int
    next: int
    length: int | None
    encoding: Encoding


@cache
def dictionary_vr(tag: int) -> bytes:
    """Return the VR an implicit element has: from the dictionary, UN where that does not know it."""
    vr = standard.vr_of(tag)
    return vr.encode() if vr else b"UN"


def read_header(buffer: bytes | bytearray, at: int, encoding: Encoding) -> tuple[int, bytes, int, int]:
    """Return tag, VR, offset of the value and length (0xFFFFFFFF: undefined) of the element at `at`.

    Raises MalformedError with the offset where the VR is none of PS3.5 6.2, CutShortError where there is no whole
    header.
    """
    little = encoding.little
    try:
        group, element, vr, length = _HEADER[little](buffer, at)
        tag = group << 16 | element
        if group == 0xFFFE or not encoding.explicit:
            vr = b"" if group == 0xFFFE else dictionary_vr(tag)
            return tag, vr, at + 8, _LENGTH[little](buffer, at + 4)[0]
        if vr in SHORT_VRS:
            return tag, vr, at + 8, length
        if vr not in LONG_VRS:
            raise MalformedError("an element has no valid VR", offset=at, tag=tag)
        return tag, vr, at + 12, _LENGTH[little](buffer, at + 8)[0]
    except struct.error:
        raise CutShortError("the data set ends inside an element header", offset=at) from None


def element_at(buffer: bytes | bytearray, at: int, stop: int, encoding: Encoding) -> Element:
    """Return the element at `at`, its end found by walking where the length is undefined.

    Raises MalformedError: cut short, overlong (past `stop`), too deep, or an item tag out of place.
    """
    tag, vr, value, length = read_header(buffer, at, encoding)
    if tag >> 16 == 0xFFFE:
        raise MalformedError("an item tag stands where an element should", offset=at, tag=tag)
    inner = IMPLICIT_LE if vr == b"UN" and (length == UNDEFINED or encoding.explicit) else encoding
    if length != UNDEFINED:
        end = value + length
        if end > stop:
            raise MalformedError("an element is longer than what holds it", offset=at, tag=tag)
        return Element(tag, vr, at, value, end, end, length, inner)
    if vr not in (b"SQ", b"UN"):
        raise MalformedError("an element that is no sequence has undefined length", offset=at, tag=tag)
    following = skip_items(buffer, value, stop, inner)
    return Element(tag, vr, at, value, following - 8, following, None, inner)


def skip_items(buffer: bytes | bytearray, at: int, stop: int, encoding: Encoding) -> int:
    """Return the offset behind the delimitation item of a sequence of undefined length whose first item is at `at`.

    One pass, whatever the nesting; what has a length is stepped over.
    """
    stack = [encoding]  # one encoding a sequence that is open
    in_item = False
    while True:
        current = stack[-1]
        tag, vr, value, length = read_header(buffer, at, current)
        if value > stop:
            raise CutShortError("an element is longer than what holds it", offset=at)
        if in_item and tag == ITEM_DELIMITER:
            in_item = False
        elif not in_item and tag == SEQUENCE_DELIMITER:
            stack.pop()
            if not stack:
                return value
            in_item = True
        elif not in_item and tag == ITEM:
            if length != UNDEFINED:
                value += length
            else:
                in_item = True
        elif not in_item or tag >> 16 == 0xFFFE:
            raise MalformedError("an item tag stands out of place", offset=at, tag=tag)
        elif length != UNDEFINED:
            value += length
        else:
            if vr not in (b"SQ", b"UN"):
                raise MalformedError(
                    "an element that is no sequence has undefined length", offset=at, tag=tag
                )
            if len(stack) >= MAX_DEPTH:
                raise MalformedError(f"sequences are nested deeper than {MAX_DEPTH}", offset=at, tag=tag)
            stack.append(IMPLICIT_LE if vr == b"UN" else current)
            in_item = False
        at = value
        if at > stop:
            raise CutShortError("an element is longer than what holds it", offset=at)


class Item(NamedTuple):
    """One item of a sequence: header at `start`, elements from `value` to `end`, next item at `next`."""

    start: int
    value: int
    end: int
    next: int
    length: int | None


def items_in(
    buffer: bytes, at: int, end: int | None, stop: int, encoding: Encoding, depth: int = 1
) -> Iterator[Item]:
    """Yield the items of a sequence value from `at` to `end`, or to its delimitation item where `end` is None."""
    if depth > MAX_DEPTH:
        raise MalformedError(f"sequences are nested deeper than {MAX_DEPTH}", offset=at)
    last = stop if end is None else end
    while end is None or at < end:
        tag, _, value, length = read_header(buffer, at, encoding)
        if tag == SEQUENCE_DELIMITER and end is None:
            return
        if tag != ITEM:
            raise MalformedError("something other than an item stands in a sequence", offset=at, tag=tag)
        if length != UNDEFINED:
            if value + length > last:
                raise MalformedError("an item is longer than what holds it", offset=at)
            yield Item(at, value, value + length, value + length, length)
            at = value + length
            continue
        position = value
        while True:
            tag, _, after, length = read_header(buffer, position, encoding)
            if tag == ITEM_DELIMITER:
                break
            position = element_at(buffer, position, last, encoding).next
        if after > last:
            raise MalformedError("an item is longer than what holds it", offset=at)
        yield Item(at, value, position, after, None)
        at = after


def elements_in(buffer: bytes, at: int, stop: int, encoding: Encoding) -> Iterator[Element]:
    """Yield the elements from `at` to exactly `stop`, one level, without opening sequences."""
    while at < stop:
        element = element_at(buffer, at, stop, encoding)
        if element.next > stop:
            raise MalformedError("an element is longer than what holds it", offset=at, tag=element.tag)
        yield element
        at = element.next


def is_sequence(element: Element) -> bool:
    """Tell whether the value holds items: SQ, or a UN that is a sequence by its length or by the dictionary."""
    return element.vr == b"SQ" or (
        element.vr == b"UN" and (element.length is None or dictionary_vr(element.tag) == b"SQ")
    )


def element_items(buffer: bytes, element: Element, depth: int = 1) -> Iterator[Item]:
    """Yield the items of a sequence element."""
    end = None if element.length is None else element.end
    yield from items_in(buffer, element.value, end, element.next, element.encoding, depth)
