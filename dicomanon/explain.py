"""A profile in words: each rule with its attribute, its action and the line that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon import standard
from dicomanon.profile import load_profile, parse_path, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.profile import Profile, Rule

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
COARSE = "of {} what the option says is left: dates as valid ones, the rest goes"
CLEANERS = {
    **{word: COARSE.format("the real moment") for word in ("day", "month", "year")},
    **{f"shift-{word}": COARSE.format("the moved moment") for word in ("day", "month", "year")},
    "pseudonym": "replaced by a keyed pseudonym",
    "suffix": "the number of the case becomes its pseudonym; short parts for part, block and slide stay behind it",
    "label": "names of attributes and words of microscopy stay, any other text goes",
    "shift": "dates move by the days of the patient",
    "steps": "coded and measured content stays, specimens become pseudonyms, dates stay as others do, the rest goes",
    "list": "coded and measured content items stay, others as the row of their concept says",
    "tree": "each content item as the row of its concept says; other texts and persons become dummies where they stand",
    "icc": "colours stay, words and dates go",
    "words": "words known to be harmless stay, all others go",
    "items": "items meet their own rules",
    "title": "replaced by a keyed title",
    "age": "kept, but for ages over 89 years, which become 90",
    "meaning": "words known to be harmless stay, any other text becomes what the code means in PS3.16, or its number",
    "scheme": "names of public vocabularies stay, and those the profile lists; any other becomes 99LOCAL",
    "private": "what is known to be safe stays",
}

ANY_OTHER = "any other"
REGISTERED = (
    "kept where it is a UID of the standard or of a public registry, else replaced by its keyed counterpart"
)


def explain(profile: str, options: Iterable[str], attribute: str = "") -> dict[str, Any]:
    """Return the profile's own words and its rules, all of them or the ones for `attribute` (tag, keyword or path)."""
    compiled = load_profile(profile, tuple(options))
    if "/" in attribute:
        path, _ = parse_path(attribute)
        rules = [told(compiled.rule_at(path, vr_at(path)), path)]
    else:
        tags = [parse_tag(attribute)] if attribute else sorted(compiled.rules)
        rules = [told(compiled.rule_for(tag, vr_at((tag,))), (tag,)) for tag in tags]
        wanted = tags if attribute else sorted(compiled.paths)
        places = [place for tag in wanted for place in compiled.paths.get(tag, ())]
        rules += [told(place.rule, place.path, anywhere=place.anywhere) for place in places]
    if not attribute:
        rules += [told(rule, ()) for rule in compiled.masks.values()]
        rules += [told(rule, ()) for rule in compiled.by_vr.values()]
        rules.append(told(compiled.unknown, ()))
    return {**words_of(compiled), "pixels": dict(compiled.pixels), "rules": rules}


def words_of(compiled: Profile) -> dict[str, Any]:
    """Return what a profile says of itself."""
    return {
        "profile": compiled.name,
        "title": compiled.title,
        "options": [option.keyword for option in compiled.options],
        "claims": [code for code, _ in compiled.codes],
        "instance_claims": [code for code, _ in compiled.instance_codes],
        "masks": [name for name, _ in compiled.device_masks],
        "note": compiled.note,
        "objects": dict(compiled.objects),
    }


def vr_at(path: tuple[int, ...]) -> str:
    """Return the VR that an attribute is expected to have."""
    return standard.vr_of(path[-1]) or "UN"


def _meaning(rule: Rule, path: tuple[int, ...]) -> str:
    if rule.registered and path and standard.vr_of(path[-1]) == "UI":
        return REGISTERED
    return CLEANERS.get(rule.cleaner) or MEANINGS[rule.code]


def told(rule: Rule, path: tuple[int, ...], *, anywhere: bool = False) -> dict[str, str]:
    """Return a rule in words; `path` are the tags of its place, none where it is for a kind of attribute."""
    tags = "/".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path)
    keywords = "/".join(standard.keyword_of(tag) or "" for tag in path)
    return {
        "selector": f"*/{tags}" if anywhere else tags or rule.selector,
        "keyword": keywords if keywords.strip("/") else "",
        "action": rule.code,
        "meaning": _meaning(rule, path),
        "origin": rule.origin,
        "reason": rule.reason,
    }


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield what `explain` found, a line a rule."""
    options = ", ".join(found["options"]) or "none"
    yield f"{found['profile']}: {found['title']}"
    of_some = f"; of instances where it was done: {', '.join(found['instance_claims'])}"
    codes = f"CID 7050 codes: {', '.join(found['claims']) or 'none'}"
    yield f"options: {options}; {codes}{of_some if found['instance_claims'] else ''}"
    if found["note"]:
        yield found["note"]
    if found["rules"][-1]["selector"] == ANY_OTHER:  # all of the profile
        for word in ("pixels", "objects"):
            yield f"{word}: " + ", ".join(f"{kind} {said or 'none'}" for kind, said in found[word].items())
        if found["masks"]:
            yield f"masks: {', '.join(found['masks'])}"
    for rule in found["rules"]:
        reason = f" ({rule['reason']})" if rule["reason"] else ""
        name = f"{rule['selector']} {rule['keyword']}".rstrip()
        yield f"{name}: {rule['action']}, {rule['meaning']}; {rule['origin']}{reason}"
