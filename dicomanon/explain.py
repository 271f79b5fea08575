"""A profile in words: each rule with its attribute, its action and the line that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon import standard
from dicomanon.profile import load_profile, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.profile import Rule

MEANINGS = {
    "X": "removed",
    "Z": "emptied",
    "D": "replaced by a dummy or a keyed pseudonym",
    "U": "each UID replaced by its keyed counterpart",
    "K": "kept; items of a sequence meet their own rules",
    "C": "cleaned",
    "Z/D": "emptied, or replaced where the IOD demands a value",
    "X/Z": "removed, or emptied where the IOD demands the attribute",
    "X/D": "removed, or replaced where the IOD demands a value",
    "X/Z/D": "removed, emptied or replaced, by what the IOD demands",
    "X/Z/U*": "removed where the IOD does not have it, else its UIDs replaced",
}
CLEANERS = {
    "shift": "dates move by the days of the patient",
    "steps": "coded and measured content stays, specimens become pseudonyms, dates stay as others do, the rest goes",
    "list": "coded and measured content items stay, others as the row of their concept says",
    "tree": "each content item as the row of its concept says; other texts and persons become dummies where they stand",
    "icc": "colours stay, words and dates go",
}

REGISTERED = (
    "kept where it is a UID of the standard or of a public registry, else replaced by its keyed counterpart"
)


def explain(profile: str, options: Iterable[str], attribute: str = "") -> dict[str, Any]:
    """Return the profile's own words and its rules, all of them or the one for `attribute`."""
    compiled = load_profile(profile, tuple(options))
    tags = [parse_tag(attribute)] if attribute else sorted(compiled.rules)
    rules = [_told(compiled.rule_for(tag, standard.vr_of(tag) or "UN"), tag) for tag in tags]
    if not attribute:
        rules += [_told(rule, None) for rule in compiled.masks.values()]
        rules += [_told(rule, None) for rule in compiled.by_vr.values()]
        rules.append(_told(compiled.unknown, None))
    return {
        "profile": compiled.name,
        "title": compiled.title,
        "options": [option.keyword for option in compiled.options],
        "claims": [code for code, _ in compiled.codes],
        "note": compiled.note,
        "pixels": dict(compiled.pixels),
        "objects": dict(compiled.objects),
        "rules": rules,
    }


def _meaning(rule: Rule, tag: int | None) -> str:
    if rule.registered and tag is not None and standard.vr_of(tag) == "UI":
        return REGISTERED
    return CLEANERS.get(rule.cleaner) or MEANINGS[rule.code]


def _told(rule: Rule, tag: int | None) -> dict[str, str]:
    selector = rule.selector if tag is None else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return {
        "selector": selector,
        "keyword": (standard.keyword_of(tag) or "") if tag is not None else "",
        "action": rule.code,
        "meaning": _meaning(rule, tag),
        "origin": rule.origin,
        "reason": rule.reason,
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what `explain` found, a line a rule."""
    options = ", ".join(found["options"]) or "none"
    yield f"{found['profile']}: {found['title']}"
    yield f"options: {options}; CID 7050 codes: {', '.join(found['claims']) or 'none'}"
    if found["note"]:
        yield found["note"]
    if len(found["rules"]) > 1:
        for word in ("pixels", "objects"):
            yield f"{word}: " + ", ".join(f"{kind} {policy}" for kind, policy in found[word].items())
    for rule in found["rules"]:
        reason = f" ({rule['reason']})" if rule["reason"] else ""
        name = f"{rule['selector']} {rule['keyword']}".rstrip()
        yield f"{name}: {rule['action']}, {rule['meaning']}; {rule['origin']}{reason}"
