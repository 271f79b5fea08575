"""One walk over the header: runs of kept elements are copied as they are, the others meet their action."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from dicomanon.actions import ACTIONS, CLEANERS, DATE_CLEANERS
from dicomanon.codes import read_code
from dicomanon.content import CONTENT_SEQUENCE
from dicomanon.errors import MalformedError
from dicomanon.flags import CONTRIBUTING_EQUIPMENT
from dicomanon.gone import Gone
from dicomanon.objects import SOP_CLASS_UID
from dicomanon.part10.elements import MAX_DEPTH, element_at, read_header
from dicomanon.part10.encoding import UNDEFINED, pack_element, pack_header, u16, u32
from dicomanon.private_group import PrivateGroups
from dicomanon.rules import ITEM_END, KEEP_LONG, KEEP_SHORT, Place, Step

if TYPE_CHECKING:
    from dicomanon.actions import Context
    from dicomanon.flags import Flags
    from dicomanon.identifying import IdentifyingValues
    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.private import SafePrivate
    from dicomanon.profile import Profile

SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
IDENTITY = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)


class Walk:
    """The walk over one buffer; `seen` are the identity UIDs as they leave."""

    def __init__(
        self,
        buffer: bytes,
        profile: Profile,
        context: Context,
        values: IdentifyingValues,
        safe: SafePrivate | None,
    ) -> None:
        self._buffer = buffer
        self._context = context
        self._values = values
        self._gone = Gone(profile, context, values)
        self._private = (
            PrivateGroups(buffer, profile, context, safe, self._gone, self._private_sequence)
            if safe
            else None
        )
        self._item_at = 0
        self.counts: dict[str, int] = {}
        self.seen: dict[int, str] = {}

    def top_level(self, entries: list[Entry], place: Place, flags: Flags | None) -> bytes:
        """Return the new encoding of the top level, flags put in where their tags belong."""
        buffer, plan, checks, key_length = self._buffer, place.plan, place.checks, place.key_length
        inserts = flags.elements(buffer, entries, place) if flags else []
        own = {tag for tag, _ in inserts}
        out: list[bytes] = []
        run = done = 0
        for entry in entries:
            tag, vr, start, value, following, length = entry
            if start < done:
                continue  # dealt with as one group
            while inserts and inserts[0][0] <= tag:
                out += (buffer[run:start], inserts.pop(0)[1])
                run = start
            if tag in own:
                out.append(buffer[run:start])
                run = following
                continue
            key = buffer[start : start + key_length]
            passes = checks.get(key)
            if passes is not None and length is not None and passes(buffer, value, following):
                continue
            step = plan.get(key)
            if step is None:
                step = place.step(key, tag, vr)
            if isinstance(step, int):
                if tag in IDENTITY:
                    self.seen[tag] = ascii_of(buffer[value:following])
                continue
            try:
                size = UNDEFINED if length is None else length
                limit = len(buffer) if step.rule.cleaner == "private" else following
                new, done = self._apply(step, start, value, size, limit, place.encoding, 1)
                following = max(following, done)
            except struct.error:
                raise MalformedError("a sequence is cut short", offset=start, tag=tag) from None
            if flags and tag == CONTRIBUTING_EQUIPMENT and new != []:
                kept = b"".join(new) if new else buffer[start:following]
                new = [flags.with_equipment(kept, place.encoding)]
            if new is not None:
                out.append(buffer[run:start])
                out += new
                run = following
        out.append(buffer[run:])
        out += [element for _, element in inserts]
        return b"".join(out)

    def _apply(
        self, step: Step, start: int, value: int, size: int, stop: int, encoding: Encoding, depth: int
    ) -> tuple[list[bytes] | None, int]:
        """Return what stands in place of an element (None: the element as it is), and where the next one starts."""
        check = step.check
        if check is not None and size != UNDEFINED and check.passes(self._buffer, value, value + size):
            return None, value + size
        letter = step.letter
        if self._private and step.rule.cleaner == "private":
            return self._private.clean(start, stop, encoding, depth)
        self.counts[letter] = self.counts.get(letter, 0) + 1
        if step.place is not None:
            return self._sequence(step, start, value, size, stop, encoding, depth)
        buffer = self._buffer
        if size == UNDEFINED or step.vr == b"SQ":
            element = element_at(buffer, start, stop, encoding)
            self._gone.element(buffer, element, depth)
            return ([] if letter == "X" else [pack_header(step.tag, step.vr, 0, encoding)]), element.next
        following = value + size
        if following > stop:
            raise MalformedError("an element is longer than what holds it", offset=start, tag=step.tag)
        if check is not None and check.demanded:
            raise MalformedError("a value is not what its VR allows", offset=start, tag=step.tag)
        old = buffer[value:following]
        context = self._context
        if step.rule.cleaner == "meaning":
            context = replace(context, code=read_code(buffer, self._item_at, stop, encoding))
        new = CLEANERS[step.rule.cleaner](step.tag, step.true_vr, old, context) if letter == "C" else None
        if old and not step.kept and new != old:  # what a cleaner leaves as it is says nothing
            cut = self._gone.value(step, old)
            if cut:
                self.counts["cut"] = self.counts.get("cut", 0) + cut
        if new and step.rule.cleaner in DATE_CLEANERS:
            self._values.add_written_date(new)
        if new is None:
            action = ACTIONS[step.fallback if letter == "C" else letter]
            new = action(step.tag, step.true_vr, old, context)
        if depth == 1 and step.tag in IDENTITY:
            self.seen[step.tag] = ascii_of(new or b"")
        return ([] if new is None else [pack_element(step.tag, step.vr, new, encoding)]), following

    def _sequence(
        self, step: Step, start: int, at: int, size: int, stop: int, encoding: Encoding, depth: int
    ) -> tuple[list[bytes] | None, int]:
        """Walk the items of a sequence; the same answer as `_apply`."""
        place = step.place
        if depth > MAX_DEPTH or place is None:
            raise MalformedError(f"sequences are nested deeper than {MAX_DEPTH}", offset=start, tag=step.tag)
        buffer, inner, first = self._buffer, place.encoding, at
        codec = u32(inner)
        item_tag, end_tag = (b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0") if inner.little else _BIG_TAGS
        delimited = size == UNDEFINED
        end = stop if delimited else at + size
        if end > stop:
            raise MalformedError("an element is longer than what holds it", offset=start, tag=step.tag)
        out: list[bytes] = []
        run = at
        changed = left = False
        while delimited or at < end:
            tag = buffer[at : at + 4]
            length = codec.unpack_from(buffer, at + 4)[0]
            if tag != item_tag:
                if delimited and tag == end_tag:
                    break
                raise MalformedError("something other than an item stands in a sequence", offset=at)
            within, new, item_end, behind = self._item(place, at, end, length, depth + 1)
            left = left or within is not None
            if within is None or new is not None:
                changed = True
                out.append(buffer[run:at])
                if new is not None and within is not None:
                    body = b"".join(new)
                    out += (item_tag, codec.pack(UNDEFINED if length == UNDEFINED else len(body)), body)
                    out.append(buffer[item_end:behind])
                run = behind
            at = behind
        if at > end or (not delimited and at != end):
            raise MalformedError("an item is longer than what holds it", offset=first)
        following = at + 8 if delimited else end
        if not changed:
            return None, following
        if not left and step.tag == CONTENT_SEQUENCE:
            return [], following  # Type 1C: without items there is none
        out.append(buffer[run:at])
        if delimited:
            return [buffer[start:first], *out, buffer[at:following]], following
        body = b"".join(out)
        return [pack_header(step.tag, step.vr, len(body), encoding), body], following

    def _item(
        self, place: Place, start: int, end: int, length: int, depth: int
    ) -> tuple[Place | None, list[bytes] | None, int, int]:
        """Walk one item; return its place (None: it goes), what replaces it, where it ends, and what is behind it."""
        at, delimited = start + 8, length == UNDEFINED
        stop = end if delimited else at + length
        if stop > end:
            raise MalformedError("an item is longer than what holds it", offset=start)
        numbers = self._context.numbers
        within = place.of_item(self._buffer, at, stop, numbers) if place.sorts else place
        outer, self._item_at = self._item_at, at
        new, item_end = self._items(within or place, at, stop, depth, delimited=delimited)
        self._item_at = outer
        if within is None:
            self._gone.elements(self._buffer, at, item_end, place.encoding, depth)
        return within, new, item_end, item_end + 8 if delimited else item_end

    def _private_sequence(
        self, place: Place, element: Element, stop: int, encoding: Encoding, depth: int
    ) -> list[bytes] | None:
        step = place.sequence_step(element.tag, element.vr)
        size = UNDEFINED if element.length is None else element.length
        return self._sequence(step, element.start, element.value, size, stop, encoding, depth)[0]

    def _items(  # noqa: C901, PLR0912  # one loop for every element of every frame: calls would cost time
        self, place: Place, at: int, stop: int, depth: int, *, delimited: bool
    ) -> tuple[list[bytes] | None, int]:
        """Walk the elements of one item; return what replaces them (None: nothing) and where they end."""
        buffer, key_length, encoding = self._buffer, place.key_length, place.encoding
        plan_get, checks_get = place.plan.get, place.checks.get
        explicit = encoding.explicit
        short, long = u16(encoding).unpack_from, u32(encoding).unpack_from
        out: list[bytes] | None = None
        run = at
        while at < stop:
            key = buffer[at : at + key_length]
            passes = checks_get(key)
            if passes is not None:  # a code or a number, which most elements of a frame are
                value = at + 8
                end = value + (short(buffer, at + 6)[0] if explicit else long(buffer, at + 4)[0])
                if passes(buffer, value, end):
                    at = end
                    continue
            step = plan_get(key)
            if step == KEEP_SHORT:  # nothing is built for a kept element
                at += 8 + (short(buffer, at + 6)[0] if explicit else long(buffer, at + 4)[0])
                continue
            if step == KEEP_LONG:
                size = long(buffer, at + 8)[0] if explicit else long(buffer, at + 4)[0]
                if size == UNDEFINED:
                    raise MalformedError("an element that is no sequence has undefined length", offset=at)
                at += (12 if explicit else 8) + size
                continue
            if step == ITEM_END:
                if not delimited or long(buffer, at + 4)[0]:
                    raise MalformedError("an item delimitation item stands out of place", offset=at)
                if out is not None:
                    out.append(buffer[run:at])
                return out, at
            tag, vr, value, size = read_header(buffer, at, encoding)
            if not isinstance(step, Step):
                if tag >> 16 == 0xFFFE:
                    raise MalformedError("an item tag stands where an element should", offset=at, tag=tag)
                place.step(key, tag, vr)
                continue
            new, following = self._apply(step, at, value, size, stop, encoding, depth)
            if new is not None:
                if out is None:
                    out = []
                out.append(buffer[run:at])
                out += new
                run = following
            at = following
        if at != stop or delimited:
            raise MalformedError("an element is longer than what holds it", offset=run)
        if out is not None:
            out.append(buffer[run:stop])
        return out, at


_BIG_TAGS = (b"\xff\xfe\xe0\x00", b"\xff\xfe\xe0\xdd")


def ascii_of(value: bytes) -> str:
    """Return a UID as text, without its padding."""
    return value.strip(b" \0").decode("ascii", "replace")
