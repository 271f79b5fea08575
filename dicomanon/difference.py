"""Two profiles side by side: each attribute they treat otherwise, by what is done to it in one and in the other."""

from __future__ import annotations

from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any

from dicomanon.explain import told, vr_at, words_of
from dicomanon.profile import load_profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.profile import Profile, Rule
    from dicomanon.profile.rule import PathRule

NAMED = 8
"""Attributes of a group that are named in a line of text; JSON has all of them."""


def difference(one: str, other: str, options: Iterable[str] = ()) -> dict[str, Any]:
    """Return what differs between two profiles, each compiled with the same further options.

    `groups` has attributes with one action, cleaner and origin in each of the two, the largest group first; a place
    that has a rule of its own in either is compared as such.
    """
    further = tuple(options)
    first, second = load_profile(one, further), load_profile(other, further)
    groups: dict[tuple[str, ...], dict[str, Any]] = {}
    for path, selector, old, new in _pairs(first, second):
        if (old.code, old.cleaner, old.registered) == (new.code, new.cleaner, new.registered):
            continue
        sides = [_side(old, path), _side(new, path)]
        key = tuple(word for side in sides for word in side.values())
        group = groups.setdefault(key, {"one": sides[0], "other": sides[1], "count": 0, "attributes": []})
        group["count"] += 1
        reasons = {"reason_one": old.reason, "reason_other": new.reason}
        names = {"selector": selector, "keyword": told(old, path)["keyword"]}
        group["attributes"].append(names | reasons)
    ranked = sorted(groups.values(), key=lambda group: -group["count"])
    return {
        "one": words_of(first),
        "other": words_of(second),
        "pixels": [
            {"flavour": flavour, "one": policy, "other": second.pixels[flavour]}
            for flavour, policy in first.pixels.items()
            if policy != second.pixels[flavour]
        ],
        "objects": [
            {"kind": kind, "one": policy, "other": second.objects[kind]}
            for kind, policy in first.objects.items()
            if policy != second.objects[kind]
        ],
        "masks": _only(map(_masks, first.device_masks), map(_masks, second.device_masks)),
        "words": _only(first.words, second.words),
        "private": _only(map(_private, first.private.items()), map(_private, second.private.items())),
        "codes": _only(
            *(((f"{scheme} {value}") for value, scheme in each.local_codes) for each in (first, second))
        ),
        "count": sum(group["count"] for group in ranked),
        "groups": ranked,
    }


def _only(first: Iterable[str], second: Iterable[str]) -> dict[str, list[str]]:
    """Return what only one of two lists has."""
    one, other = set(first), set(second)
    return {"one": sorted(one - other), "other": sorted(other - one)}


def _masks(listed: tuple[str, str]) -> str:
    """Return the name of a file of masks, and a word that tells what it says from what another one says."""
    name, text = listed
    return f"{name} ({sha256(text.encode()).hexdigest()[:8]})"


def _private(listed: tuple[tuple[str, int, int], str]) -> str:
    (creator, group, element), vr = listed
    return f"{creator} ({group:04X},xx{element:02X}) {vr}"


def _pairs(first: Profile, second: Profile) -> Iterator[tuple[tuple[int, ...], str, Rule, Rule]]:
    """Yield path, selector and both rules for all that either of them has a rule for; kinds have no path."""
    tags = sorted({*first.rules, *second.rules})
    places = {(place.path, place.anywhere) for each in (first, second) for place in _places(each)}
    for tag in tags:
        old, new = (each.rule_for(tag, vr_at((tag,))) for each in (first, second))
        yield (tag,), told(old, (tag,))["selector"], old, new
    for path, anywhere in sorted(places):
        old, new = (each.rule_at(path, vr_at(path)) for each in (first, second))
        yield path, told(old, path, anywhere=anywhere)["selector"], old, new
    for selector, old in first.masks.items():
        yield (), selector, old, second.masks[selector]
    for vr, old in first.by_vr.items():
        yield (), f"any other {vr}", old, second.by_vr[vr]


def _places(profile: Profile) -> Iterator[PathRule]:
    return chain.from_iterable(profile.paths.values())


def _side(rule: Rule, path: tuple[int, ...]) -> dict[str, str]:
    said = told(rule, path)
    return {word: said[word] for word in ("action", "meaning", "origin")}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Yield a difference for people to read: a group, then its attributes."""
    one, other = found["one"], found["other"]
    yield f"{one['profile']} -> {other['profile']}: {found['count']} attributes differ"
    for word in ("options", "claims", "instance_claims"):
        if one[word] != other[word]:
            yield f"{word.replace('_', ' ')}: {', '.join(one[word]) or 'none'} -> {', '.join(other[word]) or 'none'}"
    for side in (one, other):
        if side["note"]:
            yield f"{side['profile']}: {side['note']}"
    for pixels in found["pixels"]:
        yield f"pixels: {pixels['flavour']} {pixels['one'] or 'none'} -> {pixels['other'] or 'none'}"
    for objects in found["objects"]:
        yield f"objects: {objects['kind']} {objects['one']} -> {objects['other']}"
    for kind in ("masks", "words", "private", "codes"):
        for side, sign in (("one", "-"), ("other", "+")):
            if found[kind][side]:
                yield f"{kind}: {sign} {', '.join(found[kind][side])}"
    for group in found["groups"]:
        yield ""
        yield f"{group['count']} x {group['one']['action']} -> {group['other']['action']}"
        yield f"  {one['profile']}: {group['one']['meaning']}; {group['one']['origin']}"
        yield f"  {other['profile']}: {group['other']['meaning']}; {group['other']['origin']}"
        named = [each["keyword"] or each["selector"] for each in group["attributes"]]
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        yield f"  {', '.join(named[:NAMED])}{more}"
