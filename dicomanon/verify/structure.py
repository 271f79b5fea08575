"""Checks of a written file that need no source: container, flags, groups that must not be there, nesting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.part10.elements import element_items, elements_in, is_sequence
from dicomanon.part10.encoding import EXPLICIT_LE
from dicomanon.verify.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.profile import Profile

CONTAINER_TAGS = frozenset(
    (0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010, 0x00020012, 0x00020013)
)
NEVER = {
    0xFFFAFFFA: "Digital Signatures Sequence",
    0xFFFCFFFC: "Data Set Trailing Padding",
    0x04000561: "Original Attributes Sequence",
}
REQUIRED = (0x00120062, 0x00120063, 0x00280303, 0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
METHOD_CODES = 0x00120064
FIRST_BLOCK, LAST_BLOCK = 0x10, 0xFF
"""Elements of a private group that name a creator (PS3.5 7.8.1)."""
LARGEST_WALKED = 1 << 20


def container_findings(residue: bytes, header: bytes, entries: list[Entry]) -> Iterator[Finding]:
    """Yield what is wrong with preamble and group 0002 (PS3.10 7.1, PS3.15 E.1.1)."""
    if residue[128:132] != b"DICM" or residue[:128].strip(b"\0"):
        yield Finding("preamble", "container", "zero bytes and DICM")
    found = {}
    for element in elements_in(residue, 132, len(residue), EXPLICIT_LE):
        found[element.tag] = residue[element.value : element.end].strip(b" \0")
        if element.tag not in CONTAINER_TAGS:
            yield Finding(path_of(element.tag), "container", "nothing but what names the data set")
    values = {
        entry.tag: header[entry.value : entry.next].strip(b" \0")
        for entry in entries
        if entry.tag <= 0x00080018
    }
    for outer, inner in ((0x00020002, 0x00080016), (0x00020003, 0x00080018)):
        if found.get(outer) != values.get(inner):
            yield Finding(path_of(outer), "container", "the UID of the data set")


def header_findings(
    header: bytes, entries: list[Entry], encoding: Encoding, profile: Profile
) -> Iterator[Finding]:
    """Yield missing flags, groups and attributes that must not be there, and nesting that does not add up."""
    tags = {entry.tag for entry in entries}
    for tag in (*REQUIRED, METHOD_CODES) if profile.codes else REQUIRED:
        if tag not in tags:
            yield Finding(path_of(tag), "flags", "present")
    removed = next((header[e.value : e.next].strip(b" \0") for e in entries if e.tag == 0x00120062), b"")
    if removed != profile.identity_removed.encode():
        yield Finding(path_of(0x00120062), "flags", profile.identity_removed)
    private = profile.cleans("private")
    yield from forbidden(tags, private=private)
    if len(header) > LARGEST_WALKED:
        return
    for entry in entries:
        if entry.vr == b"SQ":
            try:
                for inner in elements_in(header, entry.start, entry.next, encoding):
                    yield from _nested(header, inner, 1, private=private)
            except MalformedError as error:
                yield Finding(path_of(entry.tag), "structure", f"items that add up ({error})")


def forbidden(tags: set[int], *, private: bool) -> Iterator[Finding]:
    """Yield the tags that never leave; with `private`, of odd groups elements without creator and creators without."""
    blocks = {(tag >> 16, tag >> 8 & 0xFF) for tag in tags if tag >> 16 & 1 and tag & 0xF000}
    for tag in tags:
        group = tag >> 16
        if group & 1:
            block = (group, tag & 0xFF)
            if not private or (tag & 0xFFFF) < FIRST_BLOCK:
                yield Finding(path_of(tag), "private", "absent")
            elif (tag & 0xFFFF) <= LAST_BLOCK and block not in blocks:
                yield Finding(path_of(tag), "private", "absent, for it names no element")
            elif (tag & 0xFFFF) > LAST_BLOCK and (group << 16 | tag >> 8 & 0xFF) not in tags:
                yield Finding(path_of(tag), "private", "behind its private creator")
        elif group in (0x0000, 0x0002, 0x0004):
            yield Finding(path_of(tag), "group", "absent")
        elif tag in NEVER:
            yield Finding(path_of(tag), "structure", "absent")


def _nested(header: bytes, element: Element, depth: int, *, private: bool) -> Iterator[Finding]:
    for item in element_items(header, element, depth):
        inner = list(elements_in(header, item.value, item.end, element.encoding))
        yield from forbidden({each.tag for each in inner}, private=private)
        for each in inner:
            if is_sequence(each):
                yield from _nested(header, each, depth + 1, private=private)


def path_of(tag: int) -> str:
    """Write a tag as the standard does."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
