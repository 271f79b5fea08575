"""A profile laid over an IOD: what happens at each place of the data set, decided once and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.actions import resolve
from dicomanon.codes import CODE_VALUE, says_nothing_else
from dicomanon.content import (
    CONTENT_SEQUENCE,
    SPECIMEN,
    TARGET,
    TREE,
    codes_of,
    content_of,
    judge_of,
    numbers_of,
)
from dicomanon.identifying import is_soft
from dicomanon.kept import CHARACTER_SET_TAG, Check, check_for
from dicomanon.part10.elements import element_at
from dicomanon.part10.encoding import IMPLICIT_LE, LONG_VRS, pack_tag
from dicomanon.profile.rule import NOT_OF_INSTANCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.content import Content, Judge
    from dicomanon.kept import Passes
    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.profile import Profile, Rule
    from dicomanon.standard import IodNode

DEMANDED = {"1": "D", "2": "Z"}
"""X of an attribute that the IOD always has: the de-identifier keeps the IOD whole (PS3.15 E.1.1, note)."""
_NOTHING: dict[int, IodNode] = {}
KEEP_SHORT = 0
KEEP_LONG = 1
ITEM_END = 2
INTERCHANGED = (frozenset(("OB", "OW")), frozenset(("US", "SS")), frozenset(("UL", "SL")))
"""VRs that writers mix up, all of them binary."""
SPECIMEN_IDENTIFIER_TAG = 0x00400551
PIXEL_STRUCTURE = frozenset(
    0x00280000 | element for element in (0x02, 0x04, 0x06, 0x08, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103)
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
    true_vr: bytes
    """The VR of the attribute where it is encoded as UN: what it is cleaned as, and remembered as."""


MOST_REMEMBERED = 1 << 14
"""Attributes of one place known by heart: more than PS3.6 has."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shared:
    """What all places of structured content have in common."""

    judge: Judge
    places: dict[tuple[object, ...], Place]


class Place:
    """The top level, or the items of one sequence: `plan` maps encoded tag and VR to what happens there.

    `checks` has, by the same keys, what a value with a short header must pass to stay; `plan` is for the others.
    `path` are the tags of the sequences around it, from the top level down. With `anything` no IOD tells what may stand
    here, as in the sequence of a private attribute.
    """

    __slots__ = (
        *("_anything", "_children", "_content", "_path", "_profile", "_shared"),
        *("checks", "encoding", "key_length", "plan", "sorts"),
    )

    def __init__(
        self,
        profile: Profile,
        children: Mapping[int, IodNode] | None,
        encoding: Encoding,
        *,
        content: Content | None = None,
        shared: _Shared | None = None,
        anything: bool = False,
        path: tuple[int, ...] = (),
    ) -> None:
        self._profile = profile
        self._path = path
        self._children = _NOTHING if children is None else children
        self._shared = shared or _Shared(judge_of(profile), {})
        self._content = content or (codes_of(self._shared.judge) if anything else None)
        self._anything = anything
        self.sorts = self._content is not None and self._content.sorts
        self.encoding = encoding
        self.key_length = 6 if encoding.explicit else 4
        delimiter = b"\xfe\xff\x0d\xe0" if encoding.little else b"\xff\xfe\xe0\x0d"
        self.plan: dict[bytes, Step | int] = {delimiter + b"\0\0"[: self.key_length - 4]: ITEM_END}
        self.checks: dict[bytes, Passes] = {}

    def of_item(self, buffer: bytes, at: int, stop: int, numbers: Mapping[bytes, bytes]) -> Place | None:
        """Return the place that one item of structured content is walked by, None where the item goes.

        Its elements begin at `at` and end before `stop`; `numbers` are the items of the tree that stay.
        """
        if self._content is None:
            return self
        content = self._content.of_item(buffer, at, stop, self.encoding, numbers)
        if content is None:
            return None
        if content is self._content:
            return self
        return self._within(self._children, self.encoding, content, self._path)

    def numbers(self, header: bytes, entries: Mapping[int, Entry]) -> Mapping[bytes, bytes]:
        """Return the items of an SR tree that stay, by their numbers, where others refer to them by number."""
        entry = entries.get(CONTENT_SEQUENCE)
        tag = pack_tag(TARGET, self.encoding)
        if entry is None or header.find(tag, entry.start, entry.next) < 0:
            return {}
        if self._profile.rule_for(CONTENT_SEQUENCE, "SQ").code == "K":
            return {}
        tree = element_at(header, entry.start, entry.next, self.encoding)
        return numbers_of(header, tree, self._shared.judge)

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
        return Step(
            tag=tag,
            vr=vr,
            letter="C",
            rule=rule,
            long=True,
            soft=True,
            kept=False,
            place=self,
            fallback="X",
            check=None,
            true_vr=b"SQ",
        )

    def has(self, tag: int) -> bool:
        """Tell whether the IOD has the attribute here."""
        return tag in self._children

    def _decide(self, tag: int, vr: bytes) -> Step:
        known = standard.vrs_of(tag)
        true_vr = known[0].encode() if vr == b"UN" and known else vr
        rule = self._rule(tag, true_vr)
        node = self._children.get(tag)
        letter = self._letter(tag, vr, rule, node)
        if letter == "K" and vr != b"UN" and known and not _fits(vr, known):
            # A place for a number that holds text is a place to hide a name, and the other way round.
            letter = resolve("X/Z/D", node.type if node else None)
        sequence = vr == b"SQ" or true_vr == b"SQ"
        if rule.cleaner in ("steps", "list", "tree") and (node is None or not sequence):
            letter = "X"
        if rule.cleaner == "items" and (node is None or not sequence):
            letter = "X"  # nothing says what its items may hold
        place = self._inner(tag, vr, rule, node) if sequence and letter not in ("X", "Z") else None
        fallback = resolve("X/Z/D", node.type if node else None)
        check = self._check(tag, true_vr, rule, letter) if place is None else None
        if check is not None and letter == "K":
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
            true_vr=true_vr,
        )

    def _check(self, tag: int, vr: bytes, rule: Rule, letter: str) -> Check | None:
        """Return what a value has to be to stay as it is, None where any may, or none."""
        if letter == "K":
            return check_for(tag, vr, registered=rule.registered)
        if letter == "C" and rule.cleaner == "meaning":
            return Check(says_nothing_else, demanded=False, searched=b"LO")
        if letter == "C" and rule.cleaner == "scheme" and not rule.anywhere:
            return Check(self._is_known_scheme, demanded=False, searched=b"LO")
        return None

    def _is_known_scheme(self, buffer: bytes, start: int, end: int) -> bool:
        return self._shared.judge.codes.is_known_scheme(buffer[start:end])

    def _rule(self, tag: int, vr: bytes) -> Rule:
        """Return the rule for an attribute: that of the content item it is a value of, or of its place."""
        decided = self._content.rule_for(tag) if self._content else None
        if decided is None:
            return self._profile.rule_at((*self._path, tag), vr.decode("ascii", "replace"))
        if decided.cleaner == SPECIMEN:  # an identifier of one: where those keep a part, it keeps it here too
            of_specimens = self._profile.rule_for(SPECIMEN_IDENTIFIER_TAG, "LO")
            return of_specimens if of_specimens.cleaner == "suffix" else decided
        return decided

    def _letter(self, tag: int, vr: bytes, rule: Rule, node: IodNode | None) -> str:
        if tag >> 16 in NOT_OF_INSTANCES:
            return "X"
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
        if rule.code == "X" and vr != b"SQ" and node and node.type in DEMANDED and not node.conditional:
            return DEMANDED[node.type]
        return resolve(rule.code, node.type if node else None)

    def _inner(self, tag: int, vr: bytes, rule: Rule, node: IodNode | None) -> Place:
        encoding = IMPLICIT_LE if vr == b"UN" else self.encoding
        children = node.children if node else _NOTHING
        # D walks the items, whether the option is chosen or not: who a tree is about is said in its codes and numbers.
        kind = TREE if tag == CONTENT_SEQUENCE and rule.code != "K" and not self._content else rule.cleaner
        content = content_of(kind, self._shared.judge) or (self._content and self._content.below(tag))
        if content is None and (CODE_VALUE in children or self._anything):
            content = codes_of(self._shared.judge)
        return self._within(children, encoding, content, (*self._path, tag))

    def _within(
        self,
        children: Mapping[int, IodNode],
        encoding: Encoding,
        content: Content | None,
        path: tuple[int, ...],
    ) -> Place:
        """Return a place below this one; trees nest in themselves, and their places are shared at any depth."""

        def made() -> Place:
            anything, shared = self._anything, self._shared
            return Place(
                self._profile,
                children,
                encoding,
                content=content,
                shared=shared,
                anything=anything,
                path=path,
            )

        if content is None:
            return made()
        placed = path if self._profile.paths else ()
        key = (id(children), encoding, content.kind, content.rule, content.inner, placed)
        place = self._shared.places.get(key)
        if place is None:
            place = made()
            if len(self._shared.places) < MOST_REMEMBERED:
                self._shared.places[key] = place
        return place

    @property
    def demands_pixels(self) -> bool:
        """Tell whether instances of the IOD have Pixel Data always (a cut file may end just before it)."""
        return any(
            node.type[0] == "1" and not node.conditional
            for tag in (0x7FE00008, 0x7FE00009, 0x7FE00010)
            if (node := self._children.get(tag))
        )


def _fits(vr: bytes, known: tuple[str, ...]) -> bool:
    word = vr.decode()
    return word in known or any({word, each} <= group for group in INTERCHANGED for each in known)
