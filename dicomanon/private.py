"""Retain Safe Private (PS3.15 E.3.10): which private attributes are known to be safe, and what is done to them.

Three say so: Table E.3.10-1, by private creator, group and low byte of the element, never by the block; the instance
itself in Private Data Element Characteristics Sequence (0008,0300); and the site, in its profile. A creator is text
of the sender, so that only those that the table or the site knows stay, whatever the instance declares.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dicomanon.part10.elements import element_at, element_items, elements_in
from dicomanon.part10.encoding import u16
from dicomanon.standard.private import safe_private, safe_private_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry

CHARACTERISTICS = 0x00080300
GROUP = 0x00080301
CREATOR = 0x00080302
STATUS = 0x00080303
SAFE_ELEMENTS = 0x00080304
ACTIONS = 0x00080305
IDENTIFYING_ELEMENTS = 0x00080306
ACTION = 0x00080307
FIRST_BLOCK, LAST_BLOCK = 0x10, 0xFF
"""Elements of a private group that name the creator of a block (PS3.5 7.8.1)."""
WHOLE_BLOCK = -1
ALLOWED = frozenset("DZXU")
UNKNOWN = "?"
"""The letter of an element that nobody says anything of."""
_SAYS_ANYTHING = frozenset(("UN", "LO", "LT", "SH", "ST", "UC", "UT", "UR", "OB", "OW"))
"""VRs whose values an instance cannot vouch for itself."""

_NUMBERS = frozenset(("FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"))
"""What a row without a VR may be: it is of a measurement, and none of these has room for a name."""
Declared = dict[tuple[str, int, int], str]
"""Action letter by creator, group and low byte of the element, or WHOLE_BLOCK."""


class SafePrivate:
    """What one instance under one profile knows to be safe."""

    def __init__(self, own: Mapping[tuple[str, int, int], str], declared: Declared) -> None:
        self._own = own
        self._declared = declared

    def knows(self, creator: str) -> bool:
        """Tell whether the table or the site has a private creator."""
        return creator in _creators() or any(creator == known for known, _, _ in self._own)

    def judge(self, creator: str, tag: int, vr: str) -> tuple[str, str]:
        """Return the action letter for an attribute and its VR, the true one where it is encoded as UN.

        UNKNOWN where nobody says what it is; X where its VR is another than the one that is known to be safe, or where
        only the instance says so of a text.
        """
        group, element = tag >> 16, tag & 0xFF
        row = safe_private_for(creator, tag)
        vrs = row.vrs if row else ()
        if own := self._own.get((creator, group, element)):
            vrs = (own,)
        if row or own:
            if vr == "UN" and vrs:
                return "K", vrs[0]
            return ("K" if vr in (vrs or _NUMBERS) else "X"), vr
        declared = self._declared.get((creator, group, element))
        letter = declared or self._declared.get((creator, group, WHOLE_BLOCK), UNKNOWN)
        if letter == "K" and vr in _SAYS_ANYTHING:
            return "X", vr
        return letter, vr


@cache
def _creators() -> frozenset[str]:
    return frozenset(creator for creator, _, _ in safe_private())


def declared_in(buffer: bytes, entries: list[Entry], stop: int, encoding: Encoding) -> Declared:
    """Return what an instance says of its own private attributes in (0008,0300) (PS3.3 C.12.1.1.7).

    Items that are incomplete say nothing. Raises MalformedError for a sequence that does not parse.
    """
    found: Declared = {}
    for entry in entries:
        if entry.tag == CHARACTERISTICS:
            sequence = element_at(buffer, entry.start, stop, encoding)
            for item in element_items(buffer, sequence):
                _read_item(buffer, list(elements_in(buffer, item.value, item.end, sequence.encoding)), found)
    return found


def _read_item(buffer: bytes, elements: list[Element], found: Declared) -> None:
    by_tag = {element.tag: element for element in elements}
    if GROUP not in by_tag or CREATOR not in by_tag:
        return
    groups = _numbers(buffer, by_tag[GROUP])
    creator = _text(buffer, by_tag[CREATOR])
    if len(groups) != 1 or not groups[0] & 1 or not creator:
        return
    status = _text(buffer, by_tag[STATUS]) if STATUS in by_tag else ""
    if status == "SAFE":
        found[creator, groups[0], WHOLE_BLOCK] = "K"
    elif status == "MIXED" and SAFE_ELEMENTS in by_tag:
        for element in _numbers(buffer, by_tag[SAFE_ELEMENTS]):
            found[creator, groups[0], element & 0xFF] = "K"
    if ACTIONS in by_tag:
        for item in element_items(buffer, by_tag[ACTIONS]):
            inner = {
                element.tag: element
                for element in elements_in(buffer, item.value, item.end, by_tag[ACTIONS].encoding)
            }
            letter = _text(buffer, inner[ACTION]) if ACTION in inner else ""
            if letter in ALLOWED and IDENTIFYING_ELEMENTS in inner:
                for number in _numbers(buffer, inner[IDENTIFYING_ELEMENTS]):
                    found[creator, groups[0], number & 0xFF] = letter


def _numbers(buffer: bytes, element: Element) -> list[int]:
    codec = u16(element.encoding)
    return [codec.unpack_from(buffer, at)[0] for at in range(element.value, element.end - 1, 2)]


def _text(buffer: bytes, element: Element) -> str:
    return buffer[element.value : element.end].strip(b" \0").decode("latin-1")
