"""What the output says of itself: method, options, dates, and who touched it (PS3.15 E.1.1, E.2; PS3.16 CID 7050)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dicomanon import __version__, standard
from dicomanon.part10.elements import element_at, element_items, elements_in
from dicomanon.part10.encoding import pack_element, pack_sequence

if TYPE_CHECKING:
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.profile import Profile
    from dicomanon.rules import Place

PATIENT_IDENTITY_REMOVED = 0x00120062
METHOD = 0x00120063
METHOD_CODES = 0x00120064
DERIVATION = 0x00082111
TEMPORAL = 0x00280303
CONTRIBUTING_EQUIPMENT = 0x0018A001
CODE_VALUE = 0x00080100
BASIC = standard.DEIDENTIFICATION_METHODS["basic"][0]
TEMPORAL_WORDS = ("UNMODIFIED", "MODIFIED", "REMOVED")
"""From the most to the least that dates still say (PS3.3 C.12.1)."""


def pack_code(value: str, scheme: str, meaning: str, encoding: Encoding) -> bytes:
    """Encode the elements of one code item (PS3.3 8.8)."""
    return b"".join(
        (
            pack_element(CODE_VALUE, b"SH", value.encode(), encoding),
            pack_element(0x00080102, b"SH", scheme.encode(), encoding),
            pack_element(0x00080104, b"LO", meaning.encode(), encoding),
        )
    )


class Flags:
    """The elements one profile adds to every instance; `ephemeral` keys are named as such."""

    def __init__(
        self, profile: Profile, *, ephemeral: bool, claims: tuple[str, ...] = (), derivation: bytes = b""
    ) -> None:
        self._profile = profile
        self._ephemeral = ephemeral
        self._claims = claims
        self._derivation = derivation
        self._others: dict[tuple[tuple[str, ...], bytes], Flags] = {}
        name = (
            profile.name.replace("\\", "/").encode("ascii", "replace").decode()
        )  # right in every character set
        method = [f"dicomanon {__version__}", f"profile {name}"[:64]]
        # Options without a code of CID 7050 are said in words.
        method += [f"option {each.keyword}" for each in profile.options if not each.code]
        if profile.keeps_more:
            method.append("overrides keep more than the Basic Profile")
        if ephemeral:
            method.append("ephemeral key: replacement values cannot be repeated")
        self._method = "\\".join(method).encode()
        self._encoded = cache(self._encode)

    def claiming(self, claims: tuple[str, ...], derivation: bytes = b"") -> Flags:
        """Return what an instance says for which these codes of CID 7050 hold too, where the profile promises them.

        `derivation` is what the program itself did to the pixels, in ASCII.
        """
        if not (claims or derivation):
            return self
        which = claims, derivation
        if which not in self._others:
            self._others[which] = Flags(
                self._profile, ephemeral=self._ephemeral, claims=claims, derivation=derivation
            )
        return self._others[which]

    def elements(self, header: bytes, entries: list[Entry], place: Place) -> list[tuple[int, bytes]]:
        """Return the elements to put in, by ascending tag; codes of an earlier de-identification stay."""
        encoding = place.encoding
        tags = {entry.tag: entry for entry in entries}
        earlier = tags.get(METHOD_CODES)
        kept = tuple(self._earlier_codes(header, earlier, encoding)) if earlier else ()
        found = list(self._encoded(encoding, kept, self._temporal(header, tags.get(TEMPORAL))))
        if CONTRIBUTING_EQUIPMENT not in tags and place.has(CONTRIBUTING_EQUIPMENT):
            item = self.equipment(encoding)
            found.append((CONTRIBUTING_EQUIPMENT, pack_sequence(CONTRIBUTING_EQUIPMENT, [item], encoding)))
        return sorted(found)

    def _temporal(self, header: bytes, entry: Entry | None) -> str:
        """Return what is true of the dates after the source's de-identification, if there was one, and ours.

        What was moved before stays moved when we keep it. What was removed does not come back: dates that are
        still there are dummies or were added since, and MODIFIED would promise that intervals hold.
        """
        own = self._profile.temporal
        if entry is None or entry.length is None:
            return own
        earlier = header[entry.value : entry.next].strip(b" \0").decode("ascii", "replace")
        return max(own, earlier, key=TEMPORAL_WORDS.index) if earlier in TEMPORAL_WORDS else own

    def _encode(self, encoding: Encoding, kept: tuple[bytes, ...], temporal: str) -> list[tuple[int, bytes]]:
        removed = self._profile.identity_removed.encode()
        codes = [pack_code(value, "DCM", meaning, encoding) for value, meaning in self._codes()]
        items = list(dict.fromkeys((*kept, *codes)))
        derived = pack_element(DERIVATION, b"ST", self._derivation, encoding)
        return [
            *([(DERIVATION, derived)] if self._derivation else ()),
            (PATIENT_IDENTITY_REMOVED, pack_element(PATIENT_IDENTITY_REMOVED, b"CS", removed, encoding)),
            (METHOD, pack_element(METHOD, b"LO", self._method, encoding)),
            (METHOD_CODES, pack_sequence(METHOD_CODES, items, encoding) if items else b""),
            (TEMPORAL, pack_element(TEMPORAL, b"CS", temporal.encode(), encoding)),
        ]

    def _codes(self) -> list[tuple[str, str]]:
        """Return codes and meanings: the Basic Profile, options in their order, then what holds of this instance."""
        held = [each for each in self._profile.instance_codes if each[0] in self._claims]
        return [*self._profile.codes, *held]

    def _earlier_codes(self, header: bytes, entry: Entry, encoding: Encoding) -> list[bytes]:
        """Return the code items of CID 7050 that the source carries, re-made from their code values alone.

        The Basic Profile is not among them where we do not claim it: a reader could not tell whose claim it is.
        """
        sequence = element_at(header, entry.start, entry.next, encoding)
        known = dict(standard.DEIDENTIFICATION_METHODS.values())
        if self._profile.keeps_more:
            del known[BASIC]
        found = []
        for item in element_items(header, sequence):
            for element in elements_in(header, item.value, item.end, sequence.encoding):
                value = header[element.value : element.end].strip(b" \0").decode("ascii", "replace")
                if element.tag == CODE_VALUE and value in known:
                    found.append(pack_code(value, "DCM", known[value], encoding))
        return found

    def equipment(self, encoding: Encoding) -> bytes:
        """Return the item of Contributing Equipment Sequence for this program (PS3.3 C.12.1)."""
        purpose = pack_code("109104", "DCM", "De-identifying Equipment", encoding)
        return b"".join(
            (
                pack_element(0x00080070, b"LO", b"dicomanon", encoding),
                pack_element(0x00081090, b"LO", b"dicomanon", encoding),
                pack_element(0x00181020, b"LO", __version__.encode(), encoding),
                pack_sequence(0x0040A170, [purpose], encoding),
            )
        )

    def with_equipment(self, element: bytes, encoding: Encoding) -> bytes:
        """Return Contributing Equipment Sequence with our item at its end, once."""
        sequence = element_at(element, 0, len(element), encoding)
        if sequence.vr == b"UN":  # its items are encoded otherwise than ours
            return pack_sequence(CONTRIBUTING_EQUIPMENT, [self.equipment(encoding)], encoding)
        items = [element[item.value : item.end] for item in element_items(element, sequence)]
        own = self.equipment(encoding)
        return pack_sequence(
            CONTRIBUTING_EQUIPMENT, [*(item for item in items if item != own), own], encoding
        )
