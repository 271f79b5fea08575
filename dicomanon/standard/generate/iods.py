"""Attribute Types of PS3.3 by IOD, from highdicom's tables, with every kind of Item written once.

A kind of Item is one line: `<tag>:<type>` for each attribute, `?` behind the Type where only conditional or
user optional modules give it that Type, and `><line number>` where it is a Sequence with Items of that kind.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Children = dict[str, "Attribute"]

TYPES = ("1", "1C", "2", "2C", "3")
"""Strictest first; where one attribute comes with several, the strictest holds."""

ALIASES = {
    "AnalogFilterType": "AnalogFilterTypeCodeSequence",
    "SummarizedFilterLookupTable": "SummarizedFilterLookupTableSequence",
}
"""Keywords that the source derived from a name, where PS3.6 has another."""

RECURSIVE = {"ContentSequence", "IncorporatedInventoryInstanceSequence"}
"""Sequences whose Items the standard defines by themselves (PS3.3 C.17.3, C.38.1); the source cuts them."""

MANDATORY = "M"


class Attribute:
    """One attribute while its IOD is put together."""

    def __init__(self) -> None:
        self.type = TYPES[-1]
        self.conditional = True
        self.children: Children = {}

    def add(self, found: str, *, conditional: bool) -> None:
        """Take in what one module says; the strictest Type holds, firmly if a mandatory module gives it."""
        if TYPES.index(found) < TYPES.index(self.type):
            self.type, self.conditional = found, conditional
        elif found == self.type:
            self.conditional = self.conditional and conditional


class Kinds:
    """All kinds of Item seen so far, each with its number."""

    def __init__(self, tags: Mapping[str, str]) -> None:
        self._tags = tags
        self._numbers: dict[str, int] = {}
        self.lines: list[str] = []

    def number(self, children: Children, inside: str = "") -> int:
        """Return the number of the kind with these attributes, which Items of Sequence `inside` have."""
        tokens = []
        for keyword, attribute in children.items():
            token = f"{self._tag(keyword)}:{attribute.type}{'?' if attribute.conditional else ''}"
            if keyword == inside and keyword in RECURSIVE:
                token += ">self"
            elif attribute.children:
                token += f">{self.number(attribute.children, keyword)}"
            tokens.append(token)
        line = " ".join(sorted(tokens))
        if line not in self._numbers:
            self._numbers[line] = len(self.lines)
            self.lines.append(line.replace(">self", f">{len(self.lines)}"))
        return self._numbers[line]

    def _tag(self, keyword: str) -> str:
        tag = self._tags.get(ALIASES.get(keyword, keyword))
        if tag is None:
            raise UsageError(f"{keyword} is not in the dictionary")
        return tag


def iods(folder: Path, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return every IOD that a SOP Class has, from the `_standard` folder of highdicom."""
    modules, usages, sop_classes = (
        _read(folder / f"{name}.json")
        for name in ("module_attribute_map", "iod_module_map", "sop_class_iod_map")
    )
    kinds = Kinds(tags)
    numbers, missing = {}, {}
    for name in sorted(set(sop_classes.values())):
        numbers[name] = kinds.number(_merged(usages[name], modules))
        absent = [usage["key"] for usage in usages[name] if usage["key"] not in modules]
        if absent:
            missing[name] = absent
    return {
        "acknowledgement": "DICOM PS3.3 2026b, (c) NEMA, by way of highdicom 0.28.2 (MIT License)",
        "edition": "2026b",
        "sop_classes": dict(sorted(sop_classes.items())),
        "iods": numbers,
        "missing": missing,
        "items": kinds.lines,
    }


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path.name} cannot be read as a table of highdicom") from error


def _merged(usages: list[dict[str, str]], modules: Mapping[str, list[dict[str, Any]]]) -> Children:
    root: Children = {}
    for usage in usages:
        for row in modules.get(usage["key"], ()):
            children = root
            for keyword in row["path"]:
                children = children.setdefault(keyword, Attribute()).children
            attribute = children.setdefault(row["keyword"], Attribute())
            # a few normalised modules give no Type; the laxest then holds, which removes most
            found = row["type"] if row["type"] in TYPES else TYPES[-1]
            attribute.add(found, conditional=usage["usage"] != MANDATORY)
    _recur(root)
    return root


def _recur(children: Children) -> None:
    """Put back into its own Items what the source left out of them."""
    for keyword, attribute in children.items():
        _recur(attribute.children)
        if keyword in RECURSIVE and keyword not in attribute.children:
            again = Attribute()
            again.type, again.conditional = attribute.type, attribute.conditional
            attribute.children[keyword] = again
