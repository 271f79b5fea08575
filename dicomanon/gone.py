"""What a walk remembers of values that do not leave, for verification to look for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.icc import without_text
from dicomanon.identifying import is_soft
from dicomanon.part10.elements import MAX_DEPTH, dictionary_vr, element_items, elements_in, is_sequence

if TYPE_CHECKING:
    from dicomanon.actions import Context
    from dicomanon.identifying import IdentifyingValues
    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.profile import Profile
    from dicomanon.rules import Step


class Gone:
    """Adds to `values` what goes, as one profile and one context have it."""

    def __init__(self, profile: Profile, context: Context, values: IdentifyingValues) -> None:
        self._profile = profile
        self._context = context
        self._values = values

    def value(self, step: Step, old: bytes) -> int:
        """Remember a value that changes; return how many runs of words go of a description."""
        descriptors = self._context.descriptors
        if step.rule.cleaner == "icc":
            for text in without_text(old)[1]:
                self._values.add(b"LT", text, soft=True)
        elif step.letter == "C" and step.rule.cleaner == "words" and descriptors:
            runs = descriptors.cut(step.true_vr, old)
            for run in runs:
                self._values.add(b"UT", run, soft=True)
            return len(runs)
        else:
            self._values.add(step.check.searched if step.check else step.true_vr, old, soft=step.soft)
        return 0

    def raw(self, vr: bytes, old: bytes, *, soft: bool) -> None:
        """Remember a value that no step decides about."""
        self._values.add(vr, old, soft=soft)

    def element(self, buffer: bytes, element: Element, depth: int) -> None:
        """Remember what a sequence that goes had in it; raise MalformedError for one that is nested too deep."""
        if depth > MAX_DEPTH:
            raise MalformedError(f"sequences are nested deeper than {MAX_DEPTH}", offset=element.start)
        for item in element_items(buffer, element, depth):
            self.elements(buffer, item.value, item.end, element.encoding, depth + 1)

    def elements(self, buffer: bytes, at: int, stop: int, encoding: Encoding, depth: int) -> None:
        """Remember the elements of an item that goes."""
        for element in elements_in(buffer, at, stop, encoding):
            if is_sequence(element):
                self.element(buffer, element, depth)
                continue
            vr = dictionary_vr(element.tag) if element.vr == b"UN" else element.vr
            rule = self._profile.rule_for(element.tag, vr.decode())
            if rule.code != "K":
                raw = buffer[element.value : element.end]
                self._values.add(vr, raw, soft=is_soft(element.tag, vr))
