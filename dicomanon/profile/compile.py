"""Table E.1-1, the columns of options, the supplement and the files of a profile become one set of rules."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.laxer import laxer_tags
from dicomanon.profile.files import layers_of, read_toml, shipped_folder
from dicomanon.profile.objects import objects_of
from dicomanon.profile.options import chosen_options
from dicomanon.profile.rule import CODES, FLAVOURS, PIXEL_POLICIES, Profile, Rule
from dicomanon.profile.words import nearest, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dicomanon.profile.files import Layer
    from dicomanon.profile.options import Option

DEFAULT = "research-wsi"
_OVERRIDE_KEYS = frozenset(("keyword", "tag", "action", "reason"))


def load_profile(name_or_path: str = DEFAULT, options: Iterable[str] = ()) -> Profile:
    """Compile a shipped profile or a TOML file, with further options; refuse every name that is unknown.

    Raises ProfileError naming file and word, and the nearest word that is known.
    """
    layers = layers_of(name_or_path, [])
    chosen = chosen_options([*(word for layer in layers for word in layer.data.get("options", ())), *options])
    return _compile(layers, chosen)


def _compile(layers: list[Layer], options: tuple[Option, ...]) -> Profile:
    rules, masks, effective = _table_rules(options)
    by_vr: dict[str, Rule] = {}
    supplement = read_toml(shipped_folder() / "supplement.toml")
    # Retain UIDs reaches the UIDs that the table forgot (E.3.9), and lets any other stay.
    retains_uids = any(option.keyword == "retain-uids" for option in options)
    for line in supplement["row"]:
        tag, action = parse_tag(line["tag"]), line["action"]
        code = "K" if retains_uids and action == "U" else action
        cleaner, registered = line.get("cleaner", ""), action == "K" and not retains_uids
        rules[tag] = Rule(line["tag"], code, "supplement", cleaner, line["reason"], registered=registered)
    for vr, action in supplement["vr"].items():
        by_vr[vr] = Rule(f"VR {vr}", *_catch_all(vr, action, options))
    pixels = dict.fromkeys((*FLAVOURS, "burned-in"), "quarantine")
    before = {tag: rule.code for tag, rule in rules.items()}
    for layer in layers:
        _apply_layer(layer, rules, pixels)
    laxer = laxer_tags(
        before,
        {tag: rule.code for tag, rule in rules.items()},
        {word: rule.code for word, rule in masks.items()},
    )
    return Profile(
        name=layers[-1].data.get("name", layers[-1].path.stem),
        title=layers[-1].data.get("title", ""),
        options=options,
        claimed=tuple(option for option in options if option.keyword in effective),
        fallen_back=tuple(option for option in options if option.keyword not in effective),
        pixels=MappingProxyType(pixels),
        objects=objects_of(layers),
        rules=MappingProxyType(rules),
        masks=MappingProxyType(masks),
        by_vr=MappingProxyType(by_vr),
        unknown=Rule("any other", "X", "not in Table E.1-1 and of no known VR"),
        laxer=laxer,
        direct=tuple(
            tag for tag in laxer if tag in {parse_tag(line["tag"]) for line in supplement["direct"]}
        ),
    )


def _table_rules(options: tuple[Option, ...]) -> tuple[dict[int, Rule], dict[str, Rule], set[str]]:
    """Overlay the option columns on the basic column of Table E.1-1; tell which options changed a row."""
    rules: dict[int, Rule] = {}
    masks: dict[str, Rule] = {}
    effective: set[str] = set()
    for row in standard.rows():
        rule = Rule(
            row.selector, row.basic, f"PS3.15 Table E.1-1 {standard.EDITION}, Basic Profile", anywhere=True
        )
        for option in options:
            code = row.options.get(option.column or "")
            if code is None:
                continue
            overlaid = _overlay(row, rule, option, code)
            if overlaid is not rule:
                effective.add(option.keyword)
                rule = overlaid
        if row.tag is None:
            masks[row.selector] = rule
        else:
            rules[row.tag] = rule
    return rules, masks, effective


def _overlay(row: standard.Row, rule: Rule, option: Option, code: str) -> Rule:
    """Let an option decide a row (PS3.15 E.1.1); C outranks K, and C with no way to clean changes nothing."""
    origin = f"PS3.15 Table E.1-1 {standard.EDITION}, option {option.keyword}"
    if code == "K":
        return rule if rule.code == "C" else Rule(row.selector, "K", origin, anywhere=True)
    vr = standard.vr_of(row.tag) if row.tag is not None else None
    cleaner = (option.clean_tags.get(row.tag) if row.tag else None) or option.clean_vrs.get(vr or "")
    if cleaner == "keep":
        return Rule(row.selector, "K", origin, anywhere=True)
    return Rule(row.selector, "C", origin, cleaner=cleaner, anywhere=True) if cleaner else rule


def _catch_all(vr: str, action: str, options: tuple[Option, ...]) -> tuple[str, str, str]:
    """Return code, origin and cleaner for a VR that no row decides, options overlaid as on any other row."""
    keywords = {option.keyword: option for option in options}
    if vr == "UI" and "retain-uids" in keywords:
        return "K", "supplement, option retain-uids", ""
    if vr in ("DA", "DT", "TM") and "retain-full-dates" in keywords:
        return "K", "supplement, option retain-full-dates", ""
    modified = keywords.get("retain-modified-dates")
    if modified and vr in modified.clean_vrs:
        cleaner = modified.clean_vrs[vr]
        code = ("K", "") if cleaner == "keep" else ("C", cleaner)
        return code[0], "supplement, option retain-modified-dates", code[1]
    return action, "supplement", ""


def _apply_layer(layer: Layer, rules: dict[int, Rule], pixels: dict[str, str]) -> None:
    where = layer.path.name
    for flavour, policy in layer.data.get("pixels", {}).items():
        if flavour not in pixels:
            raise ProfileError(f"{where}: [pixels] has no {flavour!r}{nearest(flavour, pixels)}")
        if policy not in PIXEL_POLICIES:
            raise ProfileError(
                f"{where}: [pixels] {flavour}: no policy {policy!r}{nearest(policy, PIXEL_POLICIES)}"
            )
        pixels[flavour] = policy
    for line in layer.data.get("override", ()):
        for key in line:
            if key not in _OVERRIDE_KEYS:
                raise ProfileError(f"{where}: [[override]] has no {key!r}{nearest(key, _OVERRIDE_KEYS)}")
        if not line.get("reason"):
            raise ProfileError(f"{where}: an [[override]] has no reason")
        selector = line.get("keyword") or line.get("tag", "")
        if not selector:
            raise ProfileError(f"{where}: an [[override]] names no attribute, by tag or keyword")
        tag = parse_tag(selector)
        action = line.get("action", "")
        if action not in CODES - {"C"}:
            raise ProfileError(
                f"{where}: {selector}: no action {action!r}; one of {' '.join(sorted(CODES - {'C'}))}"
            )
        rules[tag] = Rule(selector, action, f"{where}, override", reason=line["reason"], anywhere=True)
