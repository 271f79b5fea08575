"""Clean Structured Content (PS3.15 E.3.4, Table E.3.4-1): content items are judged by concept and value type.

Content items stand in SR trees (Content Sequence), in preparation steps and in Acquisition Context. What is coded,
measured or drawn stays; persons, texts, identifiers and moments meet the row of their concept, or what
`profiles/options/clean-structured-content.toml` says of concepts without one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from dicomanon import standard
from dicomanon.characteristics import STANDS_FOR, ages, characteristics, is_long_number, is_too_old
from dicomanon.codes import CODE_MEANING, CODE_TEXTS, CODE_VALUE, SCHEME, Codes, read_code
from dicomanon.part10.elements import element_at, element_items, elements_in, read_header
from dicomanon.part10.encoding import ITEM_DELIMITER, u32
from dicomanon.profile import Rule, shipped_folder
from dicomanon.profile.files import read_toml
from dicomanon.standard.content import concept_for, concepts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from struct import Struct

    from dicomanon.part10.elements import Element
    from dicomanon.part10.encoding import Encoding
    from dicomanon.profile import Profile

CONTENT_SEQUENCE = 0x0040A730
STEP_CONTENT = 0x00400612
MODIFIERS = 0x00400441
ITEM_SEQUENCES = frozenset((CONTENT_SEQUENCE, STEP_CONTENT, MODIFIERS))
"""Sequences within content whose items are content items themselves."""
VALUE_TYPE = 0x0040A040
CONCEPT_NAME = 0x0040A043
CONCEPT_CODE = 0x0040A168
LOCAL_CODE_TEXTS = CODE_TEXTS - {CODE_MEANING}
"""What a local code is made of; its meaning is looked into as that of any code."""
TARGET = 0x0040DB73
"""Referenced Content Item Identifier: the place of another item in the tree, by number."""
VALUES: Mapping[int, tuple[str, str]] = {
    0x0040A120: ("DATETIME", "DT"),
    0x0040A121: ("DATE", "DA"),
    0x0040A122: ("TIME", "TM"),
    0x0040A123: ("PNAME", "PN"),
    0x0040A124: ("UIDREF", "UI"),
    0x0040A160: ("TEXT", "UT"),
}
"""Attributes that hold what can identify: the value type they belong to, and their VR."""
VRS = dict(VALUES.values())
NUMBERS = ("NUM", "NUMERIC")
"""Value types of measured values: of SR, and of lists (PS3.3 10.2)."""
STEPS, LIST, TREE, BARE = "steps", "list", "tree", "bare"
SPECIMEN = "specimen"
"""The value is an identifier of a specimen or its container: a profile may keep a part of those."""
MOST_REMEMBERED = 1 << 12


class Item(NamedTuple):
    """What a content item says of itself: value type, concept name (code, scheme), whether a code is a local one.

    `target` is the item it refers to by number, as encoded; such an item has no value type.
    """

    value_type: str
    name: tuple[str, str]
    local: bool
    target: bytes


NOTHING_SAID = Item("", ("", ""), local=False, target=b"")


@dataclass(frozen=True, slots=True)
class Judge:
    """The rows of Table E.3.4-1 under the options of one profile."""

    columns: tuple[tuple[str, Mapping[str, str]], ...]
    codes: Codes
    remembered: dict[tuple[str, str, str, str], Rule]

    def is_local(self, code: tuple[str, str]) -> bool:
        """Tell whether a code can say anything: no public one, none that the profile lists, no concept of the table."""
        return self.codes.is_local(code) and code not in concepts()

    def rule_for(self, item: Item, kind: str) -> Rule:
        """Return what happens to the value of an item in a `tree` or a `list`; X means that the item goes."""
        if item.target and not item.value_type:
            return _REFERENCE
        if item.local and kind == LIST:
            return _LOCAL
        name = item.name
        if name in characteristics() and item.value_type in STANDS_FOR:
            name = STANDS_FOR[item.value_type]
        key = (*name, item.value_type, kind)
        rule = self.remembered.get(key)
        if rule is None:
            rule = self._decide(*key)
            if len(self.remembered) < MOST_REMEMBERED:  # what senders invent must not fill the memory
                self.remembered[key] = rule
        return rule

    def _decide(self, code: str, scheme: str, value_type: str, kind: str) -> Rule:
        plain = "NUM" if value_type == "NUMERIC" else value_type
        policy = _policy()
        row = concept_for(code, scheme, plain)
        own = policy["concept"].get((code, scheme, plain), {})
        if row is not None:
            basic = own.get("action", row.basic)
            options = {each: letter for each, letter in row.options.items() if each != own.get("ignores")}
            origin = f"PS3.15 Table E.3.4-1 {standard.EDITION}, {row.meaning} ({code}, {scheme})"
        else:
            basic = policy[kind].get(plain, "X")
            options = {} if kind == LIST else policy["columns"].get(plain, {})
            origin = f"clean-structured-content, {plain} in a {kind}"
        rule = Rule(plain, "D" if basic == "X/D" else basic, origin, anywhere=True)
        if own.get("of") == SPECIMEN:
            rule = replace(rule, cleaner=SPECIMEN)
        vr = VRS.get(plain, "")
        for column, cleaners in self.columns:
            rule = _overlaid(rule, options.get(column, ""), cleaners.get(vr, ""))
        return rule


def _overlaid(rule: Rule, code: str, cleaner: str) -> Rule:
    """Let an option decide as on a row of Table E.1-1: C outranks K, and C with no way to clean changes nothing.

    A cleaner of texts (Clean Descriptors, for VR UT) meets the text of content items here.
    """
    if code == "K" or (code == "C" and cleaner == "keep"):
        return rule if rule.code == "C" else replace(rule, code="K")
    return replace(rule, code="C", cleaner=cleaner) if code == "C" and cleaner else rule


_REFERENCE = Rule("by number", "K", "refers to another item of the tree", anywhere=True)
_LOCAL = Rule("local code", "X", "a local code can say anything", anywhere=True)
_OTHER = Rule("other value", "X", "not a value of this type of content item", anywhere=True)
_LOCAL_CODE = Rule("local code", "D", "a local code becomes a keyed one", anywhere=True)
_LOCAL_SCHEME = Rule("local code", "C", "a local scheme may name a site", cleaner="scheme", anywhere=True)
_BARE_CODE = {
    CODE_VALUE: Rule("bare code", "K", "a public code without the item around it", anywhere=True),
    SCHEME: Rule("bare code", "K", "a public code without the item around it", anywhere=True),
    CODE_MEANING: Rule("bare code", "C", "what a code means", cleaner="meaning", anywhere=True),
}
_TARGET = Rule("by number", "C", "items are numbered anew where some go", cleaner="numbers", anywhere=True)


@cache
def _policy() -> dict[str, Any]:
    """Return what the option's file says of concepts and value types."""
    data = read_toml(shipped_folder() / "options" / "clean-structured-content.toml")
    rows = {(each["code"], each["scheme"], each["type"]): each for each in data["concept"]}
    return {"concept": rows, **data["content"]}


def judge_of(profile: Profile) -> Judge:
    """Return the rows of the table under a profile's options."""
    columns = tuple((option.column or "", option.clean_vrs) for option in profile.options)
    return Judge(columns, Codes(profile.local_codes), {})


@dataclass(frozen=True, slots=True)
class Content:
    """Where in structured content a place is, and what that makes of its attributes.

    `kind` is steps, list or tree (the items here are steps or content items), item (a content item, whose value
    meets `rule`), bare (a code where a content item should be), codes (its codes and references) or local (a code
    of a local scheme).
    """

    judge: Judge
    kind: str
    rule: Rule | None = None
    inner: str = ""
    """What the item sequences below are: list or tree."""

    @property
    def sorts(self) -> bool:
        """Tell whether each item here is judged by itself."""
        return self.kind in (STEPS, LIST, TREE, "codes")

    def rule_for(self, tag: int) -> Rule | None:
        """Return the rule of an attribute that content decides, None for any other."""
        if self.kind == BARE:
            return _BARE_CODE.get(tag, _OTHER)
        if self.kind == "local":
            return _LOCAL_SCHEME if tag == SCHEME else _LOCAL_CODE if tag in LOCAL_CODE_TEXTS else None
        if self.rule is None:
            return None
        if tag == TARGET:
            return _TARGET
        value = VALUES.get(tag)
        if value is None:
            return None
        return self.rule if value[0] == self.rule.selector else _OTHER

    def below(self, tag: int) -> Content | None:
        """Return what the items of a sequence at this place are."""
        if self.kind == STEPS:
            return Content(self.judge, LIST) if tag == STEP_CONTENT else None
        kind = self.inner if tag in ITEM_SEQUENCES and self.inner else "codes"
        return Content(self.judge, kind)

    def of_item(
        self, buffer: bytes, at: int, stop: int, encoding: Encoding, numbers: Mapping[bytes, bytes]
    ) -> Content | None:
        """Return what one item here is, None where it has to go: its elements begin at `at` and end before `stop`."""
        if self.kind == STEPS:
            return self if self._keeps_step(buffer, at, stop, encoding) else None
        if self.kind == "codes":
            code = read_code(buffer, at, stop, encoding)
            return Content(self.judge, "local") if any(code) and self.judge.is_local(code) else self
        item = read_item(buffer, at, stop, encoding, self.judge)
        if self.kind == LIST and self._is_bare_code(item, buffer, at, stop, encoding):
            return Content(self.judge, BARE)
        rule = self.judge.rule_for(item, self.kind)
        if rule.code == "X" or (item.target and item.target not in numbers):
            return None
        if item.value_type in NUMBERS and says_too_much(item, buffer, at, stop, encoding):
            return None
        return Content(self.judge, "item", rule, self.kind)

    def _is_bare_code(self, item: Item, buffer: bytes, at: int, stop: int, encoding: Encoding) -> bool:
        """Tell whether an item is a public code and nothing else, as some writers put a stain into a step."""
        if item != NOTHING_SAID:
            return False
        code = read_code(buffer, at, stop, encoding)
        return all(code) and not self.judge.is_local(code)

    def _keeps_step(self, buffer: bytes, at: int, stop: int, encoding: Encoding) -> bool:
        """Tell whether anything of a step stays: its content items are Type 1, so none are not allowed."""
        items = Content(self.judge, LIST)
        return any(
            items.of_item(buffer, item.value, item.end, element.encoding, {}) is not None
            for element in _elements(buffer, at, stop, encoding)
            if element.tag == STEP_CONTENT
            for item in element_items(buffer, element)
        )


def says_too_much(item: Item, buffer: bytes, at: int, stop: int, encoding: Encoding) -> bool:
    """Tell whether a measured value cannot stay: an age over 89, or a long number under a name of the site's own."""
    if item.name in ages():
        return is_too_old(buffer, at, stop, encoding)
    return item.local and is_long_number(buffer, at, stop, encoding)


def content_of(cleaner: str, judge: Judge) -> Content | None:
    """Return what the items of a sequence with this cleaner are: `steps`, `list` and `tree` are such cleaners."""
    return Content(judge, cleaner) if cleaner in (STEPS, LIST, TREE) else None


def codes_of(judge: Judge) -> Content:
    """Return what the items of a sequence of codes are, wherever it stands."""
    return Content(judge, "codes")


def read_item(buffer: bytes, at: int, stop: int, encoding: Encoding, judge: Judge) -> Item:
    """Read what a content item says of itself, up to its children."""
    value_type, target, local = "", b"", False
    names: list[tuple[str, str]] = []
    for element in _elements(buffer, at, stop, encoding):
        if element.tag == VALUE_TYPE:
            value_type = _text(buffer, element)
        elif element.tag == TARGET:
            target = buffer[element.value : element.end]
        elif element.tag in (CONCEPT_NAME, CONCEPT_CODE):
            for item in element_items(buffer, element):
                code = read_code(buffer, item.value, item.end, element.encoding)
                local = local or judge.is_local(code)
                if element.tag == CONCEPT_NAME:
                    names.append(code)
    return Item(value_type, names[0] if len(names) == 1 else ("", ""), local, target)


def _text(buffer: bytes, element: Element) -> str:
    return buffer[element.value : element.end].strip(b" \0").decode("ascii", "replace")


def _elements(buffer: bytes, at: int, stop: int, encoding: Encoding) -> Iterator[Element]:
    """Yield the elements of an item up to its children, or to its delimitation item, wherever it ends."""
    while at < stop:
        tag = read_header(buffer, at, encoding)[0]
        if tag in (ITEM_DELIMITER, CONTENT_SEQUENCE):
            return
        element = element_at(buffer, at, stop, encoding)
        yield element
        at = element.next


@dataclass(slots=True)
class _Node:
    """An item of a tree: whether it stays by itself, what it refers to by number, and what is below it."""

    stays: bool
    target: bytes
    below: list[_Node]


def numbers_of(buffer: bytes, tree: Element, judge: Judge) -> dict[bytes, bytes]:
    """Return the number of each item that stays, as references to it are encoded, with its new one (PS3.3 C.17.3.2.5).

    `tree` is the Content Sequence of the top level; the root item is 1. Items that refer to one that goes go too.
    """
    codec = u32(tree.encoding)
    root = _nodes(buffer, tree, judge, 1)
    staying: dict[bytes, bytes] = {codec.pack(1): codec.pack(1)}
    _number(root, codec.pack(1), codec.pack(1), codec, None, staying)
    numbers: dict[bytes, bytes] = {codec.pack(1): codec.pack(1)}
    _number(root, codec.pack(1), codec.pack(1), codec, staying, numbers)
    return numbers


def _nodes(buffer: bytes, sequence: Element, judge: Judge, depth: int) -> list[_Node]:
    found = []
    for item in element_items(buffer, sequence, depth):
        read = read_item(buffer, item.value, item.end, sequence.encoding, judge)
        stays = judge.rule_for(read, TREE).code != "X" and not (
            read.value_type in NUMBERS
            and says_too_much(read, buffer, item.value, item.end, sequence.encoding)
        )
        children = [
            node
            for element in (elements_in(buffer, item.value, item.end, sequence.encoding) if stays else ())
            if element.tag == CONTENT_SEQUENCE
            for node in _nodes(buffer, element, judge, depth + 1)
        ]
        found.append(_Node(stays, read.target, children))
    return found


def _number(
    nodes: list[_Node],
    old: bytes,
    new: bytes,
    codec: Struct,
    staying: Mapping[bytes, bytes] | None,
    numbers: dict[bytes, bytes],
) -> None:
    """Give the items below one their numbers; with `staying` without those whose target is not among them."""
    count = 0
    for number, node in enumerate(nodes, 1):
        if not node.stays or (node.target and staying is not None and node.target not in staying):
            continue
        count += 1
        path, now = old + codec.pack(number), new + codec.pack(count)
        numbers[path] = now
        _number(node.below, path, now, codec, staying, numbers)
