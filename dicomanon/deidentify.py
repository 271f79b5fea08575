"""One walk over the header: runs of kept elements are copied as they are, the others meet their action."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.actions import ACTIONS, CLEANERS, Context
from dicomanon.content import CONTENT_SEQUENCE
from dicomanon.errors import MalformedError, RefusedError
from dicomanon.flags import CONTRIBUTING_EQUIPMENT, Flags
from dicomanon.icc import without_text
from dicomanon.identifying import IdentifyingValues, is_soft, names_nobody
from dicomanon.objects import SOP_CLASS_UID, iod_of
from dicomanon.part10.elements import (
    MAX_DEPTH,
    element_at,
    element_items,
    elements_in,
    is_sequence,
    read_header,
)
from dicomanon.part10.encoding import UNDEFINED, encoding_of, pack_element, pack_header, u16, u32
from dicomanon.part10.index import index_header
from dicomanon.rules import ITEM_END, KEEP_LONG, KEEP_SHORT, Place, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.part10.instance import Instance
    from dicomanon.profile import Profile
    from dicomanon.pseudonym import Pseudonymizer

SOP_INSTANCE_UID = 0x00080018
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
PATIENT_ID = 0x00100020
CHARACTER_SET = 0x00080005
TIMEZONE = 0x00080201
PIXEL_DATA = 0x7FE00010
PIXEL_DATA_URL = 0x00287FE0
IDENTITY = (SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID)


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A header that met every rule, with what verification has to look for in the bytes that leave.

    `trailer` does to the elements behind Pixel Data what was done to the header. `identity` are the new SOP Class,
    SOP Instance, Study Instance and Series Instance UIDs. `counts` says how often each letter was applied.
    """

    source: Instance
    header: bytes
    trailer: Callable[[bytes], bytes]
    identity: tuple[str, str, str, str]
    values: IdentifyingValues
    counts: dict[str, int]


class Deidentifier:
    """Applies one profile under one key; in a `scope` each study without Patient ID is a patient of its own."""

    def __init__(self, profile: Profile, pseudonymizer: Pseudonymizer, *, scope: str = "") -> None:
        self.profile = profile
        self.pseudonymizer = pseudonymizer
        self._scope = scope.encode()
        self._flags = Flags(profile, ephemeral=pseudonymizer.ephemeral)
        self._keeps_uids = profile.rule_for(SOP_INSTANCE_UID, "UI").code == "K"
        self._keeps_zone = profile.rule_for(TIMEZONE, "SH").code == "K"
        self._places: dict[tuple[bytes, Encoding], Place] = {}

    def __call__(self, instance: Instance) -> Deidentified:
        """De-identify the header of an instance; raise MalformedError, UnsupportedError or RefusedError."""
        encoding = encoding_of(instance.meta.transfer_syntax_uid)
        header = instance.header
        entries = instance.entries if instance.entries is not None else index_header(header, encoding)
        found = {entry.tag: entry for entry in entries}
        sop_class = self._sop_class(instance, found)
        place = self._place(sop_class, encoding)
        patient, study = _value(header, found, PATIENT_ID), _value(header, found, STUDY_INSTANCE_UID)
        if names_nobody(patient):
            patient = b"\0scope\0%b\0%b" % (self._scope, study) if self._scope else b""
        if instance.pixels is None and place.demands_pixels and PIXEL_DATA_URL not in found:
            raise MalformedError("Pixel Data is missing", tag=PIXEL_DATA)
        context = Context(
            self.pseudonymizer,
            patient,
            study,
            keeps_zone=self._keeps_zone,
            numbers=place.numbers(header, found),
        )
        values = IdentifyingValues(_value(header, found, CHARACTER_SET), keeps_uids=self._keeps_uids)
        values.add_residue(instance.meta.residue)
        walk = _Walk(header, self.profile, context, values)
        walk.seen[SOP_CLASS_UID] = _ascii(sop_class)
        new_header = walk.top_level(entries, place, self._flags)
        missing = [tag for tag in IDENTITY if not walk.seen.get(tag)]
        if missing:
            raise MalformedError("an instance lacks one of its UIDs", tag=missing[0])

        def trailer(data: bytes) -> bytes:
            if not data:
                return b""
            entries = index_header(data, encoding)
            if any(entry.tag <= PIXEL_DATA for entry in entries):
                raise MalformedError("an element stands behind Pixel Data that belongs before it")
            behind = _Walk(data, self.profile, context, values)
            behind.counts = walk.counts
            return behind.top_level(entries, place, None)

        return Deidentified(
            source=instance,
            header=new_header,
            trailer=trailer,
            identity=(
                walk.seen[SOP_CLASS_UID],
                walk.seen[SOP_INSTANCE_UID],
                walk.seen[STUDY_INSTANCE_UID],
                walk.seen[SERIES_INSTANCE_UID],
            ),
            values=values,
            counts=walk.counts,
        )

    def _sop_class(self, instance: Instance, found: dict[int, Entry]) -> bytes:
        sop_class = _value(instance.header, found, SOP_CLASS_UID)
        if not sop_class:
            raise MalformedError("an instance lacks one of its UIDs", tag=SOP_CLASS_UID)
        named = instance.meta.sop_class_uid
        if named and named.encode() != sop_class:
            raise RefusedError("data set and container name different SOP Classes", tag=SOP_CLASS_UID)
        return sop_class

    def _place(self, sop_class: bytes, encoding: Encoding) -> Place:
        place = self._places.get((sop_class, encoding))
        if place is None:
            iod = iod_of(sop_class.decode("ascii", "replace"))
            place = self._places[sop_class, encoding] = Place(self.profile, iod.root.children, encoding)
        return place


def _value(header: bytes, found: dict[int, Entry], tag: int) -> bytes:
    entry = found.get(tag)
    return header[entry.value : entry.next].strip(b" \0") if entry and entry.length is not None else b""


class _Walk:
    """The walk over one buffer; `seen` are the identity UIDs as they leave."""

    def __init__(self, buffer: bytes, profile: Profile, context: Context, values: IdentifyingValues) -> None:
        self._buffer = buffer
        self._profile = profile
        self._context = context
        self._values = values
        self.counts: dict[str, int] = {}
        self.seen: dict[int, str] = {}

    def top_level(self, entries: list[Entry], place: Place, flags: Flags | None) -> bytes:
        """Return the new encoding of the top level, flags put in where their tags belong."""
        buffer, plan, checks, key_length = self._buffer, place.plan, place.checks, place.key_length
        inserts = flags.elements(buffer, entries, place) if flags else []
        own = {tag for tag, _ in inserts}
        out: list[bytes] = []
        run = 0
        for entry in entries:
            tag, vr, start, value, following, length = entry
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
                    self.seen[tag] = _ascii(buffer[value:following])
                continue
            try:
                size = UNDEFINED if length is None else length
                new, _ = self._apply(step, start, value, size, following, place.encoding, 1)
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
        self.counts[letter] = self.counts.get(letter, 0) + 1
        if step.place is not None:
            return self._sequence(step, start, value, size, stop, encoding, depth)
        buffer = self._buffer
        if size == UNDEFINED or step.vr == b"SQ":
            element = element_at(buffer, start, stop, encoding)
            self._collect_element(element, depth)
            return ([] if letter == "X" else [pack_header(step.tag, step.vr, 0, encoding)]), element.next
        following = value + size
        if following > stop:
            raise MalformedError("an element is longer than what holds it", offset=start, tag=step.tag)
        if check is not None and check.demanded:
            raise MalformedError("a value is not what its VR allows", offset=start, tag=step.tag)
        old = buffer[value:following]
        if old and not step.kept:
            self._collect(step, old)
        new = CLEANERS[step.rule.cleaner](step.tag, step.vr, old, self._context) if letter == "C" else None
        if new and step.rule.cleaner == "shift":
            self._values.add_written_date(new)
        if new is None:
            action = ACTIONS[step.fallback if letter == "C" else letter]
            new = action(step.tag, step.vr, old, self._context)
        if depth == 1 and step.tag in IDENTITY:
            self.seen[step.tag] = _ascii(new or b"")
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
        new, item_end = self._items(within or place, at, stop, depth, delimited=delimited)
        if within is None:
            self._collect_elements(at, item_end, place.encoding, depth)
        return within, new, item_end, item_end + 8 if delimited else item_end

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

    def _collect(self, step: Step, old: bytes) -> None:
        if step.rule.cleaner == "icc":
            for text in without_text(old)[1]:
                self._values.add(b"LT", text, soft=True)
            return
        self._values.add(step.check.searched if step.check else step.vr, old, soft=step.soft)

    def _collect_element(self, element: Element, depth: int) -> None:
        """Remember what a sequence that goes had in it."""
        if depth > MAX_DEPTH:
            raise MalformedError(f"sequences are nested deeper than {MAX_DEPTH}", offset=element.start)
        for item in element_items(self._buffer, element, depth):
            self._collect_elements(item.value, item.end, element.encoding, depth + 1)

    def _collect_elements(self, at: int, stop: int, encoding: Encoding, depth: int) -> None:
        for element in elements_in(self._buffer, at, stop, encoding):
            if is_sequence(element):
                self._collect_element(element, depth)
                continue
            rule = self._profile.rule_for(element.tag, element.vr.decode())
            if rule.code != "K":
                raw = self._buffer[element.value : element.end]
                self._values.add(element.vr, raw, soft=is_soft(element.tag, element.vr))


_BIG_TAGS = (b"\xff\xfe\xe0\x00", b"\xff\xfe\xe0\xdd")


def _ascii(value: bytes) -> str:
    return value.strip(b" \0").decode("ascii", "replace")
