"""A profile laid over an IOD: what happens at each place of the data set, decided once and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.actions import resolve
from dicomanon.identifying import is_soft
from dicomanon.kept import CHARACTER_SET_TAG, check_for
from dicomanon.part10.encoding import IMPLICIT_LE, LONG_VRS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.kept import Check, Passes
    from dicomanon.part10.encoding import Encoding
    from dicomanon.profile import Profile, Rule
    from dicomanon.standard import IodNode

KEEP_SHORT = 0
KEEP_LONG = 1
ITEM_END = 2
INTERCHANGED = (frozenset(("OB", "OW")), frozenset(("US", "SS")), frozenset(("UL", "SL")))
"""VRs that writers mix up, all of them binary."""
STEPS_TAG = 0x00400610
STEP_CONTENT_TAG = 0x00400612
TEXT_VALUE_TAG = 0x0040A160
DATETIME_TAG = 0x0040A120
SPECIMEN_IDENTIFIER_TAG = 0x00400551
PIXEL_STRUCTURE = frozenset(
    0x00280000 | element for element in (0x02, 0x04, 0x06, 0x08, 0x09, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103)
) | frozenset((0x7FE00001, 0x7FE00002, 0x7FE00003))
"""Numbers without which Pixel Data cannot be read: kept even where the IOD does not have them (a second frame)."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What to do with one attribute at one place.

    `letter` is X Z D U K or C; `place` is where the items of a sequence lead; `kept` says that values below need not
    be remembered as identifying; `fallback` is the letter where cleaning finds nothing it can keep. A value that
    passes `check` stays as it is, and `letter` is for those that do not.
    """

    tag: int
    vr: bytes
    letter: str
    rule: Rule
    long: bool
    soft: bool
    kept: bool
    place: Place | None
    fallback: str
    check: Check | None


MOST_REMEMBERED = 1 << 14
"""Attributes of one place known by heart: more than PS3.6 has."""


class Place:
    """The top level, or the items of one sequence: `plan` maps encoded tag and VR to what happens there.

    `checks` has, by the same keys, what a value with a short header must pass to stay; `plan` is for the others.
    `path` are the tags of the sequences around it, from the top level down. With `anything` no IOD tells what may stand
    here, as in the sequence of a private attribute.
    """

    __slots__ = (
        *("_anything", "_children", "_in_steps", "_path", "_profile"),
        *("checks", "encoding", "key_length", "plan"),
    )

    def __init__(
        self,
        profile: Profile,
        children: Mapping[int, IodNode] | None,
        encoding: Encoding,
        *,
        in_steps: bool = False,
        anything: bool = False,
        path: tuple[int, ...] = (),
    ) -> None:
        self._profile = profile
        self._path = path
        self._children = children or {}
        self._in_steps = in_steps
        self._anything = anything
        self.encoding = encoding
        self.key_length = 6 if encoding.explicit else 4
        delimiter = b"\xfe\xff\x0d\xe0" if encoding.little else b"\xff\xfe\xe0\x0d"
        self.plan: dict[bytes, Step | int] = {delimiter + b"\0\0"[: self.key_length - 4]: ITEM_END}
        self.checks: dict[bytes, Passes] = {}

    def step(self, key: bytes, tag: int, vr: bytes) -> Step | int:
        """Decide for an attribute met for the first time at this place, and remember."""
        step = self._decide(tag, vr)
        found: Step | int = step
        if step.letter == "K" and step.place is None and vr != b"UI":
            found = KEEP_LONG if step.long else KEEP_SHORT
        if len(self.plan) >= MOST_REMEMBERED:
            return found  # what senders invent must not fill the memory
        if step.check is not None and not step.long:
            self.checks[key] = step.check.passes
        self.plan[key] = found
        return found

    def sequence_step(self, tag: int, vr: bytes) -> Step:
        """Return the step for a private sequence whose items meet the rules of this place."""
        rule = self._profile.rule_for(tag, vr.decode("ascii", "replace"))
        return Step(tag, vr, "C", rule, True, True, False, self, "X", None)  # noqa: FBT003  # in the order above

    def has(self, tag: int) -> bool:
        """Tell whether the IOD has the attribute here."""
        return tag in self._children

    def _decide(self, tag: int, vr: bytes) -> Step:
        known = standard.vrs_of(tag)
        true_vr = known[0].encode() if vr == b"UN" and known else vr
        rule = self._profile.rule_at((*self._path, tag), true_vr.decode("ascii", "replace"))
        if self._in_steps and tag == TEXT_VALUE_TAG:
            rule = self._of_specimens(rule)
        node = self._children.get(tag)
        letter = self._letter(tag, rule, node)
        if letter == "K" and vr != b"UN" and known and not _fits(vr, known):
            # A place for a number that holds text is a place to hide a name, and the other way round.
            letter = resolve("X/Z/D", node.type if node else None)
        sequence = vr == b"SQ" or true_vr == b"SQ"
        if rule.cleaner == "steps" and not sequence:
            letter = "X"
        if rule.cleaner == "items" and (node is None or not sequence):
            letter = "X"  # nothing says what its items may hold
        place = self._inner(tag, vr, rule, node) if sequence and letter not in ("X", "Z") else None
        fallback = resolve("X/Z/D", node.type if node else None)
        check = None
        if letter == "K" and place is None:
            check = check_for(tag, true_vr, registered=rule.registered)
        if check is not None:
            letter = "U" if true_vr == b"UI" else fallback
        return Step(
            tag=tag,
            vr=vr,
            letter=letter,
            rule=rule,
            long=vr in LONG_VRS,
            soft=is_soft(tag, true_vr),
            kept=check is None and (letter == "K" or rule.code == "K"),
            place=place,
            fallback=fallback,
            check=check,
        )

    def _of_specimens(self, rule: Rule) -> Rule:
        """Return the rule that the identifiers of specimens have, where they keep a part: in steps they keep it too."""
        of_specimens = self._profile.rule_for(SPECIMEN_IDENTIFIER_TAG, "LO")
        return of_specimens if of_specimens.cleaner == "suffix" else rule

    def _letter(self, tag: int, rule: Rule, node: IodNode | None) -> str:
        if self._in_steps and tag == TEXT_VALUE_TAG:
            return "C" if rule.cleaner == "suffix" else "D"  # identifiers of specimens are the only text left
        if tag == CHARACTER_SET_TAG:
            return "K"  # allowed in any item that has text of its own (PS3.3 C.12.1.1.2)
        if tag in PIXEL_STRUCTURE and rule.code == "K":
            return "K"
        if (
            0x6000 <= tag >> 16 <= 0x601E
            and self._profile.rule_for(tag & 0xFFFF0000 | 0x3000, "OW").code == "X"
        ):
            return "X"  # an overlay without its data is no overlay
        if node is None and not rule.anywhere and not self._anything:
            return "X"
        return resolve(rule.code, node.type if node else None)

    def _inner(self, tag: int, vr: bytes, rule: Rule, node: IodNode | None) -> Place:
        encoding = IMPLICIT_LE if vr == b"UN" else self.encoding
        in_steps = rule.cleaner == "steps" or (self._in_steps and tag == STEP_CONTENT_TAG)
        path = (*self._path, tag)
        return Place(self._profile, node.children if node else None, encoding, in_steps=in_steps, path=path)

    @property
    def demands_pixels(self) -> bool:
        """Tell whether instances of the IOD have Pixel Data always (a cut file may end just before it)."""
        return any(
            node.type[0] == "1" and not node.conditional
            for tag in (0x7FE00008, 0x7FE00009, 0x7FE00010)
            if (node := self._children.get(tag))
        )

    @property
    def in_steps(self) -> bool:
        """Tell whether the items here are specimen preparation steps or their content."""
        return self._in_steps

    @property
    def dates_stay(self) -> bool:
        """Tell whether the moment of a content item stays, in full or moved."""
        rule = self._profile.rule_for(DATETIME_TAG, "DT")
        return rule.code == "K" or rule.cleaner == "shift"


def _fits(vr: bytes, known: tuple[str, ...]) -> bool:
    word = vr.decode()
    return word in known or any({word, each} <= group for group in INTERCHANGED for each in known)
