"""All elements of one private group at one place: a creator stays only where something of its block does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.actions import ACTIONS, CLEANERS, resolve
from dicomanon.errors import MalformedError
from dicomanon.identifying import is_soft
from dicomanon.kept import check_for
from dicomanon.part10.elements import element_at, element_items, is_sequence, read_header
from dicomanon.part10.encoding import pack_element
from dicomanon.private import FIRST_BLOCK, LAST_BLOCK, UNKNOWN, SafePrivate
from dicomanon.rules import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.actions import Context
    from dicomanon.gone import Gone
    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.profile import Profile

    WalkSequence = Callable[[Place, Element, int, Encoding, int], list[bytes] | None]
    """Walks the items of a private sequence by the rules of a place; None where nothing changes."""

LONGEST_CREATOR = 64
_NEVER = frozenset(("PN", "AE"))
"""A person's name is not safe whoever says so, and an AE title names a place."""
_BY_RULE = frozenset(("DA", "DT", "TM", "UI"))


class PrivateGroups:
    """Cleans the private groups of one buffer."""

    def __init__(
        self,
        buffer: bytes,
        profile: Profile,
        context: Context,
        safe: SafePrivate,
        gone: Gone,
        walk_sequence: WalkSequence,
    ) -> None:
        self._buffer = buffer
        self._profile = profile
        self._context = context
        self._safe = safe
        self._gone = gone
        self._walk_sequence = walk_sequence

    def clean(self, start: int, stop: int, encoding: Encoding, depth: int) -> tuple[list[bytes], int]:
        """Return what stays of the group whose first element is at `start`, and where the next group starts."""
        buffer = self._buffer
        creators: dict[int, Element] = {}
        found: list[tuple[int, bytes]] = []
        at, last, group = start, 0, read_header(buffer, start, encoding)[0] >> 16
        while at < stop and read_header(buffer, at, encoding)[0] >> 16 == group:
            element = element_at(buffer, at, stop, encoding)
            low = element.tag & 0xFFFF
            if element.tag <= last:
                raise MalformedError(
                    "private elements are out of order", offset=element.start, tag=element.tag
                )
            last = element.tag
            if FIRST_BLOCK <= low <= LAST_BLOCK:
                if self._is_known(element):
                    creators[low] = element
                else:
                    self._remember(element, depth)
            else:
                creator = creators.get(low >> 8)
                new = self._element(element, self._name(creator), stop, encoding, depth) if creator else b""
                if new:
                    found.append((low >> 8, new))
                elif not creator:
                    self._remember(element, depth)
            at = element.next
        staying = {block for block, _ in found}
        for block, creator in creators.items():
            if block not in staying:
                self._remember(creator, depth)
        heads = [buffer[each.start : each.next] for block, each in creators.items() if block in staying]
        return [*heads, *(piece for _, piece in found)], at

    def _is_known(self, creator: Element) -> bool:
        """Tell whether a creator is one name in the VR that it has to have, and one that is known."""
        if creator.vr not in (b"LO", b"UN") or creator.length is None or creator.length > LONGEST_CREATOR:
            return False
        return self._safe.knows(self._name(creator))

    def _name(self, creator: Element) -> str:
        return self._buffer[creator.value : creator.end].strip(b" \0").decode("latin-1")

    def _element(self, element: Element, creator: str, stop: int, encoding: Encoding, depth: int) -> bytes:
        """Return what stays of one element, nothing where it goes."""
        vr = "SQ" if is_sequence(element) else element.vr.decode("ascii", "replace")
        letter, true_vr = self._safe.judge(creator, element.tag, vr)
        letter = self._overridden(element.tag, true_vr) or letter
        if true_vr == "SQ" and letter in ("K", UNKNOWN):
            return self._sequence(element, stop, encoding, depth, safe=letter == "K")
        new = None if element.length is None else self._value(element, letter, true_vr)
        if new is None:
            self._remember(element, depth)
            return b""
        return new

    def _overridden(self, tag: int, vr: str) -> str:
        """Return the letter that an override of the profile has for an attribute, the strictest of several."""
        rules = [self._profile.rule_for(tag, vr), *(each.rule for each in self._profile.paths.get(tag, ()))]
        letters = {resolve(rule.code, None) for rule in rules if rule.cleaner != "private"}
        return next((letter for letter in "XZDUK" if letter in letters), "")

    def _value(self, element: Element, letter: str, vr: str) -> bytes | None:
        raw = self._buffer[element.value : element.end]
        cleaner = ""
        if letter == "K" and vr in _BY_RULE:
            rule = self._profile.by_vr[vr]
            letter, cleaner = (rule.code, rule.cleaner) if rule.code in ("K", "U", "C") else ("X", "")
        if letter in ("X", UNKNOWN) or vr in _NEVER:
            return None
        if letter == "K":
            check = check_for(element.tag, vr.encode())
            if check is not None and not check.passes(raw, 0, len(raw)):
                return None  # known to be safe is a number there, not what this is
            return self._buffer[element.start : element.next]
        action = CLEANERS[cleaner] if letter == "C" else ACTIONS[letter]
        new = action(element.tag, vr.encode(), raw, self._context)
        if new is None:
            return None
        if raw:
            self._gone.raw(vr.encode(), raw, soft=is_soft(element.tag, vr.encode()))
        return pack_element(element.tag, element.vr, new, element.encoding)

    def _sequence(self, element: Element, stop: int, encoding: Encoding, depth: int, *, safe: bool) -> bytes:
        """Walk the items; a sequence whose items are all empty goes.

        Of a safe one attributes meet the rules of their VR; of any other only what is safe by itself is left.
        """
        place = Place(self._profile, None, element.encoding, anything=safe)
        changed = self._walk_sequence(place, element, stop, encoding, depth)
        new = self._buffer[element.start : element.next] if changed is None else b"".join(changed)
        left = element_at(new, 0, len(new), encoding) if new else None
        if left is None or not any(item.end > item.value for item in element_items(new, left)):
            return b""
        return new

    def _remember(self, element: Element, depth: int) -> None:
        if is_sequence(element):
            self._gone.element(self._buffer, element, depth)
        elif element.end > element.value:
            raw = self._buffer[element.value : element.end]
            self._gone.raw(element.vr, raw, soft=is_soft(element.tag, element.vr))
