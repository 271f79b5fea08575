"""Table N.11-6 out of compiled profiles: what happens to each attribute, how its dummy is made, who says so."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.actions import Context, dummy
from dicomanon.explain import MEANINGS
from dicomanon.pseudonym import KEY_BYTES, Pseudonymizer
from dicomanon.statement.model import Block, Paragraph, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dicomanon.statement.subject import Policy

COLUMNS = ("Attribute", "Tag", "Action", "Encrypted", "Comments")
NOT_ENCRYPTED = "N"
ANY_TAG = 0x00091001
"""An attribute without a role of its own."""
TEXT_VRS = frozenset(("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UT"))
NOT_REACHED = {
    "(0042,0011)": "not reached: an instance that holds a document is refused or dropped (Tables A.A-1, A.C.2.6-13)",
}
"""Rules that the table has and that no instance meets."""
ANY_NUMBER = "a binary number"
"""What a row of Table E.3.10-1 without a VR may be."""
KEYED = "keyed pseudonym of {} letters and digits"
KEYED_UID = "keyed UID below 2.25"


def elements(policy: Policy, label: str) -> Table:
    """Return Table N.11-6: a row for each rule of the profile, masks and VRs included."""
    rows = tuple(
        (*attribute(rule["selector"]), rule["action"], NOT_ENCRYPTED, _comment(rule)) for rule in policy.told
    )
    return Table(label, f"De-identified Elements and Actions, profile {policy.name}", COLUMNS, rows)


def attribute(selector: str) -> tuple[str, str]:
    """Return name and tag of what a rule is about: one attribute, a mask of Table E.1-1, a VR, or all others."""
    path = _path(selector)
    if path:
        return " / ".join(map(_name, path)), selector
    if selector == standard.PRIVATE:
        return "Private attributes", "(gggg,eeee) where gggg is odd"
    row = next((row for row in standard.rows() if row.selector == selector), None)
    if row:
        return row.name, f"({selector[:4]},{selector[4:]})".replace("X", "x")
    if selector.startswith("VR "):
        return f"Every other attribute of VR {selector[3:]} that the IOD has", "by VR"
    return "Every attribute that nothing above decides", selector


_TAG = re.compile(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)")


def _path(selector: str) -> tuple[int, ...]:
    """Return the tags of a rule about one attribute, from the outermost sequence it stands in; none of any other."""
    found = [_TAG.fullmatch(part) for part in selector.removeprefix("*/").split("/")]
    return tuple(int(tag[1] + tag[2], 16) for tag in found if tag) if all(found) else ()


def _name(tag: int) -> str:
    row = standard.row_for(tag)
    return standard.name_of(tag) or (row.name if row else "unknown attribute")


def _comment(rule: Mapping[str, str]) -> str:
    parts = [rule["meaning"]]
    if "D" in rule["action"].split("/"):
        vr = _vr(rule["selector"])
        parts.append(
            "items stay, each of their attributes under its own rule"
            if vr == "SQ"
            else f"dummy: {dummy_of(vr)}"
        )
    if rule["selector"] in NOT_REACHED:
        parts.append(NOT_REACHED[rule["selector"]])
    parts.append(rule["origin"])
    if rule["reason"]:
        parts.append(f"reason: {rule['reason']}")
    return "; ".join(parts)


def _vr(selector: str) -> str:
    path = _path(selector)
    return standard.vr_of(path[-1]) or "UN" if path else selector.removeprefix("VR ")


@cache
def _contexts() -> tuple[Context, Context]:
    """Return the same instance under two keys: what differs between them is keyed."""
    one, other = (Pseudonymizer(bytes([number]) * KEY_BYTES) for number in (1, 2))
    return Context(one, b"patient", b"study"), Context(other, b"patient", b"study")


@cache
def dummy_of(vr: str) -> str:
    """Return how the dummy of a VR is made, from the dummies that the action makes under two keys."""
    source = b"1.2.3" if vr == "UI" else b"source"
    one, other = (dummy(ANY_TAG, vr.encode(), source, context) or b"" for context in _contexts())
    if one != other:
        return KEYED_UID if vr == "UI" else KEYED.format(len(one))
    return f"{len(one)} zero bytes" if not any(one) else one.decode("ascii")


def dummies(policy: Policy) -> Table:
    """Return the dummy of every VR."""
    vrs = sorted(set(policy.profile.by_vr) - {"SQ"})
    rows = tuple((vr, dummy_of(vr)) for vr in vrs)
    return Table("A.C.2.6-2", "Dummy values by VR", ("VR", "Dummy value (action D)"), rows)


def shared_roles(policy: Policy) -> tuple[tuple[str, ...], ...]:
    """Return attributes whose equal values get equal pseudonyms, a group for each such role."""
    groups: dict[bytes, list[str]] = {}
    context = _contexts()[0]
    for tag in sorted(policy.profile.rules):
        if standard.vr_of(tag) in TEXT_VRS:
            made = dummy(tag, b"LO", b"source", context) or b""
            groups.setdefault(made, []).append(f"{attribute_name(tag)} {tag_text(tag)}")
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def attribute_name(tag: int) -> str:
    """Return the name of an attribute as PS3.6 has it, or as Table E.1-1."""
    return _name(tag)


def tag_text(tag: int) -> str:
    """Return a tag as the standard writes it."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def action_counts(policy: Policy) -> tuple[tuple[str, str, str], ...]:
    """Return each action code of the profile with its meaning and how many rules have it."""
    counts = Counter(rule["action"] for rule in policy.told)
    return tuple((code, MEANINGS[code], str(counts[code])) for code in MEANINGS if counts[code])


def cleaned(policy: Policy) -> tuple[tuple[str, str, str], ...]:
    """Return each way of cleaning with who asks for it and the attributes it is used on."""
    ways: dict[tuple[str, str], list[str]] = {}
    for rule in policy.told:
        if rule["action"] == "C":
            ways.setdefault((rule["meaning"], rule["origin"]), []).append(
                " ".join(reversed(attribute(rule["selector"])))
            )
    return tuple((meaning, origin, "; ".join(names)) for (meaning, origin), names in ways.items())


def private(policies: Sequence[Policy]) -> tuple[Block, ...]:
    """Return which private attributes stay (PS3.15 E.3.10): none, or those that are known to be safe.

    They are those of Table E.3.10-1, and those that a profile lists as the site's own.
    """
    keeping = [policy for policy in policies if policy.profile.masks[standard.PRIVATE].code != "X"]
    if not keeping:
        return (
            Paragraph(
                "Private attributes (E.3.10): none is retained, but for those that are rows of Table N.11-6."
            ),
        )
    names = ", ".join(policy.name for policy in keeping)
    rows = tuple(
        (
            row.creator,
            f"({row.group:04X},xx{row.element:02X})",
            "/".join(row.vrs) or "a number, in explicit VR",
            row.meaning,
        )
        for row in standard.safe_private().values()
    ) + tuple(
        (
            creator,
            f"({group:04X},xx{element:02X})",
            vr,
            f"choice of the site, listed by the profile {policy.name}",
        )
        for policy in keeping
        for (creator, group, element), vr in policy.profile.private.items()
    )
    columns = ("Private creator", "Data element", "VR", "Meaning")
    return (
        Paragraph(
            f"Private attributes (E.3.10): the following may stay, with their private creators, under {names}. So "
            "may those that the instance itself declares safe in (0008,0300). Names and AE titles go all the same; "
            "UIDs and dates among them meet their rules."
        ),
        Table(
            "A.C.2.6-11",
            f"Safe private attributes: PS3.15 Table E.3.10-1 ({standard.EDITION}) and lists of profiles",
            columns,
            rows,
        ),
    )
