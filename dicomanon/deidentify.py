"""An instance under one profile and one key: its new header, and what verification has to look for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dicomanon.actions import Context
from dicomanon.codes import Codes
from dicomanon.descriptors import Descriptors
from dicomanon.errors import MalformedError, RefusedError
from dicomanon.flags import Flags
from dicomanon.identifying import IdentifyingValues, names_nobody
from dicomanon.objects import SOP_CLASS_UID, iod_of
from dicomanon.part10.encoding import IMPLICIT_LE, encoding_of, pack_tag
from dicomanon.part10.index import index_header
from dicomanon.private import SafePrivate, declared_in
from dicomanon.rules import Place
from dicomanon.vocabulary import vocabulary
from dicomanon.walk import (
    IDENTITY,
    SERIES_INSTANCE_UID,
    SOP_INSTANCE_UID,
    STUDY_INSTANCE_UID,
    Walk,
    ascii_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.part10.instance import Instance
    from dicomanon.profile import Profile
    from dicomanon.pseudonym import Pseudonymizer

PATIENT_ID = 0x00100020
CHARACTER_SET = 0x00080005
TIMEZONE = 0x00080201
PIXEL_DATA = 0x7FE00010
PIXEL_DATA_URL = 0x00287FE0
FRAME_INCREMENT_POINTER = 0x00280009


@dataclass(frozen=True, slots=True)
class Deidentified:
    """A header that met every rule, with what verification has to look for in the bytes that leave.

    `trailer` does to the elements behind Pixel Data what was done to the header. `identity` are the new SOP Class,
    SOP Instance, Study Instance and Series Instance UIDs. `counts` says how often each letter was applied, and as `cut`
    how many runs of words went from descriptions.
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
        self._vocabulary = vocabulary(profile.words) if profile.cleans("words") else None
        self._codes = Codes(profile.local_codes)
        self._keeps_private = profile.cleans("private")
        self._places: dict[tuple[bytes, Encoding], Place] = {}

    def __call__(self, instance: Instance, claims: tuple[str, ...] = ()) -> Deidentified:
        """De-identify the header of an instance; raise MalformedError, UnsupportedError or RefusedError.

        `claims` are codes of CID 7050 that hold of this instance, because of what was done to its pixels.
        """
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
        values = IdentifyingValues(_value(header, found, CHARACTER_SET), keeps_uids=self._keeps_uids)
        values.add_residue(instance.meta.residue)
        words = self._vocabulary
        context = Context(
            self.pseudonymizer,
            patient,
            study,
            keeps_zone=self._keeps_zone,
            numbers=place.numbers(header, found),
            codes=self._codes,
            descriptors=Descriptors(words, values.character_set) if words else None,
        )
        derivation = instance.derivation.encode("ascii", "replace")
        flags = self._flags.claiming(claims, derivation)
        values.own_words = derivation
        safe = None
        if self._keeps_private:
            safe = SafePrivate(self.profile.private, declared_in(header, entries, len(header), encoding))
        while True:
            walk = Walk(header, self.profile, context, values, safe)
            walk.seen[SOP_CLASS_UID] = ascii_of(sop_class)
            new_header = walk.top_level(entries, place, flags)
            better = context.descriptors.better(values) if context.descriptors else None
            if better is None:
                break
            # A description kept a word before the walk met the name that it is part of.
            context = replace(context, descriptors=better)
        missing = [tag for tag in IDENTITY if not walk.seen.get(tag)]
        if missing:
            raise MalformedError("an instance lacks one of its UIDs", tag=missing[0])
        if FRAME_INCREMENT_POINTER in found and place.has(FRAME_INCREMENT_POINTER):
            _check_frame_pointer(new_header, encoding)

        def trailer(data: bytes) -> bytes:
            if not data:
                return b""
            entries = index_header(data, encoding)
            if any(entry.tag <= PIXEL_DATA for entry in entries):
                raise MalformedError("an element stands behind Pixel Data that belongs before it")
            behind = Walk(data, self.profile, context, values, safe)
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


def _check_frame_pointer(header: bytes, encoding: Encoding) -> None:
    """Raise RefusedError where frames differ by an attribute that the header does not have."""
    found = {entry.tag: entry for entry in index_header(header, encoding)}
    pointer = found.get(FRAME_INCREMENT_POINTER)
    if pointer is None:
        return  # an override took it away
    written = IMPLICIT_LE if pointer.vr == b"UN" else encoding
    tags = {pack_tag(tag, written) for tag in found}
    value = header[pointer.value : pointer.next]
    if any(value[at : at + 4] not in tags for at in range(0, len(value), 4)):
        raise RefusedError("frames differ by an attribute that does not stay", tag=FRAME_INCREMENT_POINTER)


def _value(header: bytes, found: dict[int, Entry], tag: int) -> bytes:
    entry = found.get(tag)
    return header[entry.value : entry.next].strip(b" \0") if entry and entry.length is not None else b""
