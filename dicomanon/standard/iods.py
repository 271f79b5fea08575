"""PS3.3: the attributes of each IOD with their Types, as a tree keyed by tag."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from dicomanon.standard.stored import load

REPEATING_GROUPS = range(0x6000, 0x6020, 2)


@dataclass(frozen=True, slots=True, eq=False)
class IodNode:
    """One attribute at its path in an IOD.

    `type` is 1, 1C, 2, 2C or 3: the strictest that any module of the IOD gives it at this path. `conditional`
    says that only conditional or user optional modules give it that Type, so an absent attribute may stay
    absent; a present one has its Type all the same. `children` are the attributes of an Item by tag; a tree
    that the standard defines by itself (Content Sequence) refers back, so it never ends.
    """

    type: str
    conditional: bool
    children: dict[int, IodNode]


@dataclass(frozen=True, slots=True, eq=False)
class Iod:
    """An IOD; `root.children` are the attributes of the top level Data Set.

    `missing` names modules of the IOD whose attributes are not known: an attribute of theirs looks like one
    that the IOD does not have.
    """

    name: str
    sop_class_uid: str
    root: IodNode
    missing: tuple[str, ...]


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = load("iods")
    return tables


@cache
def _leaf(code: str) -> IodNode:
    """Return the one node for all attributes of a Type that have no Items."""
    return IodNode(code.rstrip("?"), code.endswith("?"), {})


@cache
def _item(number: int) -> dict[int, IodNode]:
    """Return the attributes of one kind of Item; paths share kinds, and a kind may nest in itself."""
    found: dict[int, IodNode] = {}
    waiting = [(number, found)]
    made = {number: found}
    items: list[str] = _tables()["items"]
    while waiting:
        index, children = waiting.pop()
        for token in items[index].split(" "):
            tag, code = int(token[:8], 16), token[9:]
            kind, nested, inner = code.partition(">")
            if not nested:
                node = _leaf(kind)
            else:
                target = int(inner)
                if target not in made:
                    made[target] = {}
                    waiting.append((target, made[target]))
                node = IodNode(kind.rstrip("?"), kind.endswith("?"), made[target])
            if tag >> 16 == REPEATING_GROUPS.start:
                children.update((group << 16 | tag & 0xFFFF, node) for group in REPEATING_GROUPS)
            else:
                children[tag] = node
    return found


@cache
def iod_for(sop_class_uid: str) -> Iod | None:
    """Return the IOD of a storage SOP Class, or None where the tables have none."""
    tables = _tables()
    name = tables["sop_classes"].get(sop_class_uid)
    if name is None:
        return None
    root = IodNode("1", conditional=False, children=_item(tables["iods"][name]))
    return Iod(name, sop_class_uid, root, tuple(tables["missing"].get(name, ())))


def sop_classes() -> tuple[str, ...]:
    """Return the UIDs of all SOP Classes that have an IOD here."""
    return tuple(_tables()["sop_classes"])
