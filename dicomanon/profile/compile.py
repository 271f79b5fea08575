"""Table E.1-1, the columns of options, the supplement and the files of a profile become one set of rules."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.laxer import is_laxer, names_somebody
from dicomanon.profile.codes import codes_of
from dicomanon.profile.files import layers_of, read_toml, shipped_folder
from dicomanon.profile.objects import objects_of
from dicomanon.profile.options import chosen_options, option_keywords
from dicomanon.profile.overrides import overrides_of
from dicomanon.profile.pixels import masks_of, pixels_of
from dicomanon.profile.private import private_of
from dicomanon.profile.rule import COARSE, NOT_OF_INSTANCES, PathRule, Profile, Rule
from dicomanon.profile.slides import slides_of
from dicomanon.profile.words import nearest, parse_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dicomanon.profile.files import Layer
    from dicomanon.profile.options import Option
    from dicomanon.profile.overrides import Override

DEFAULT = "research-wsi"
DATE_VRS = frozenset(("DA", "DT", "TM"))


def load_profile(name_or_path: str = DEFAULT, options: Iterable[str] = ()) -> Profile:
    """Compile a shipped profile or a TOML file, with further options; refuse every name that is unknown.

    Raises ProfileError naming file, line and word, and the nearest word that is known.
    """
    layers = layers_of(name_or_path)
    named = [
        (word, partial(layer.at, "options", at))
        for layer in layers
        for at, word in enumerate(layer.data.get("options", ()))
    ]
    chosen = chosen_options([*named, *((word, None) for word in options)])
    _check_chosen(layers, chosen)
    return _compile(layers, chosen)


def _check_chosen(layers: list[Layer], chosen: Iterable[Option]) -> None:
    """Refuse options that a profile forbids, and settings whose option is not chosen; raise ProfileError."""
    keywords = {option.keyword for option in chosen}
    for layer in layers:
        for at, word in enumerate(layer.data.get("forbids", ())):
            if word not in option_keywords():
                where = layer.at("forbids", at)
                raise ProfileError(f"{where}: there is no option {word!r}{nearest(word, option_keywords())}")
            if word in keywords:
                raise ProfileError(
                    f"the profile {layer.path.stem!r} forbids the option {word!r}: with it the output would not be "
                    "what the profile says"
                )
        if layer.data.get("words") and keywords.isdisjoint(
            ("clean-descriptors", "retain-patient-characteristics")
        ):
            raise ProfileError(
                f"{layer.at('words')}: words are for profiles with the option 'clean-descriptors'"
            )


@dataclass(frozen=True, slots=True)
class _Draft:
    """Rules while they are laid over each other; `vrs` are the overrides by VR."""

    rules: dict[int, Rule]
    masks: dict[str, Rule]
    by_vr: dict[str, Rule] = field(default_factory=dict)
    paths: dict[int, list[PathRule]] = field(default_factory=dict)
    vrs: dict[str, Rule] = field(default_factory=dict)

    def lay(self, overrides: Iterable[Override]) -> None:
        """Lay the lines of one file over all that was: first those by VR, then by tag, then by path."""
        lines = list(overrides)
        for line in (each for each in lines if each.vr):
            self._lay_vr(line.vr, line.rule)
        for line in (each for each in lines if each.of_tag):
            self.rules[line.path[0]] = line.rule
            self.paths.pop(line.path[0], None)
        for line in (each for each in lines if each.path and not each.of_tag):
            before = self.paths.get(line.path[-1], [])
            others = [each for each in before if (each.path, each.anywhere) != (line.path, line.anywhere)]
            new = PathRule(line.path, line.anywhere, line.rule)
            # The longer path is the more exact one; of two that are as long, the one from the top level.
            self.paths[line.path[-1]] = sorted(
                (new, *others), key=lambda each: (-len(each.path), each.anywhere)
            )

    def _lay_vr(self, vr: str, rule: Rule) -> None:
        for tag, old in self.rules.items():
            if vr in standard.vrs_of(tag) and not old.registered:
                self.rules[tag] = replace(rule, anywhere=old.anywhere)
                self.paths.pop(tag, None)
        for tag in [each for each in self.paths if vr in standard.vrs_of(each)]:
            del self.paths[tag]
        self.by_vr[vr] = self.vrs[vr] = rule


def _compile(layers: list[Layer], options: tuple[Option, ...]) -> Profile:
    rules, masks, effective = _table_rules(options)
    draft = _Draft(rules, masks)
    supplement = read_toml(shipped_folder() / "supplement.toml")
    # Retain UIDs reaches the UIDs that the table forgot (E.3.9), and lets any other stay.
    retains_uids = any(option.keyword == "retain-uids" for option in options)
    for line in supplement["row"]:
        tag, action = parse_tag(line["tag"]), line["action"]
        code = "K" if retains_uids and action == "U" else action
        cleaner, registered = line.get("cleaner", ""), action == "K" and not retains_uids
        rules[tag] = Rule(line["tag"], code, "supplement", cleaner, line["reason"], registered=registered)
    for vr, action in supplement["vr"].items():
        draft.by_vr[vr] = Rule(f"VR {vr}", *_catch_all(vr, action, options))
    before, catch_all = dict(rules), dict(draft.by_vr)
    for option in options:
        draft.lay(_rows_of(option, options))
    for layer in layers:
        draft.lay(overrides_of(layer, "override", f"{layer.path.name}, override"))
    effective |= {rule.origin.removeprefix("option ") for _, rule in _laid(draft)}
    laxer = [(tag, rule) for tag, rule in _laid(draft) if _lets_out_more(tag, rule, before, masks)]
    laxer_vrs = tuple(
        vr for vr, rule in draft.vrs.items() if rule.code == "K" and _denied(vr, before, catch_all)
    )
    direct = {parse_tag(line["tag"]) for line in supplement["direct"]}
    # Of a value that is cleaned as much is left as its cleaner promises, and none leaves a name or a number.
    says_who = {tag for tag, rule in laxer if tag in direct and rule.code != "C"}
    return Profile(
        name=layers[-1].data.get("name", layers[-1].path.stem),
        title=layers[-1].data.get("title", ""),
        options=options,
        claimed=tuple(each for each in options if each.code and each.keyword in effective),
        fallen_back=tuple(each for each in options if each.keyword not in effective and not each.pixels),
        pixels=MappingProxyType(pixels_of(layers, options)),
        slides=MappingProxyType(slides_of(layers)),
        device_masks=tuple(masks_of(layers)),
        instance_codes=tuple((each.code, each.meaning) for each in options if each.pixels),
        objects=objects_of(layers),
        anonymous=next(
            (each.data["anonymous"] for each in reversed(layers) if "anonymous" in each.data), False
        ),
        rules=MappingProxyType(rules),
        masks=MappingProxyType(masks),
        by_vr=MappingProxyType(draft.by_vr),
        unknown=Rule("any other", "X", "not in Table E.1-1 and of no known VR"),
        words=tuple(word for layer in layers for word in layer.data.get("words", ())),
        private=MappingProxyType(private_of(layers, options)),
        local_codes=MappingProxyType(codes_of(layers)),
        paths=MappingProxyType({tag: tuple(found) for tag, found in draft.paths.items()}),
        vr_overrides=MappingProxyType(draft.vrs),
        laxer=tuple(sorted({tag for tag, _ in laxer})),
        laxer_vrs=laxer_vrs,
        direct=(*sorted(says_who), *(vr for vr in laxer_vrs if names_somebody(vr))),
        temporal=_temporal(options, effective, laxer, laxer_vrs, altered=_alters_kept_dates(before, draft)),
    )


def _rows_of(option: Option, options: tuple[Option, ...]) -> Iterator[Override]:
    """Yield the rows of an option; where dates move, what is left of a moment is left of the moved one."""
    moved = any(each.keyword == "retain-modified-dates" for each in options)
    for row in option.rows:
        if moved and row.rule.cleaner in COARSE:
            yield replace(row, rule=replace(row.rule, cleaner=f"shift-{row.rule.cleaner}"))
        else:
            yield row


def _laid(draft: _Draft) -> Iterator[tuple[int, Rule]]:
    """Yield every rule that is for a tag, wherever it stands or at one place."""
    yield from draft.rules.items()
    for tag, found in draft.paths.items():
        yield from ((tag, each.rule) for each in found)


def _lets_out_more(tag: int, rule: Rule, before: Mapping[int, Rule], masks: Mapping[str, Rule]) -> bool:
    """Tell whether a rule lets out more than the row of the table, private attributes being a row too."""
    row = standard.row_for(tag)
    if row is None or rule is before.get(tag):
        return False
    old = before[tag] if tag in before else masks[row.selector]
    # A keyed pseudonym is what D stands for; it is a cleaner where D would come to X.
    code = "D" if rule.cleaner == "pseudonym" else rule.code
    return is_laxer(tag, code, old.code)


def _denied(vr: str, before: Mapping[int, Rule], catch_all: Mapping[str, Rule]) -> bool:
    """Tell whether attributes of a VR that the table does not list were not all kept."""
    outside = (
        rule for tag, rule in before.items() if vr in standard.vrs_of(tag) and not standard.row_for(tag)
    )
    return any(rule.code != "K" for rule in (catch_all[vr], *outside))


def _temporal(
    options: tuple[Option, ...],
    effective: set[str],
    laxer: list[tuple[int, Rule]],
    laxer_vrs: tuple[str, ...],
    *,
    altered: bool,
) -> str:
    """Return what (0028,0303) has to say; dates that lost their day or month are not what they were.

    `altered` says that some of the dates which an option keeps are dummies, coarse or gone.
    """
    dates = [rule for tag, rule in laxer if standard.vr_of(tag) in DATE_VRS]
    if any(rule.code == "K" for rule in dates) or not DATE_VRS.isdisjoint(laxer_vrs):
        return "UNMODIFIED"  # an override keeps some of them as they are
    claimed = (each.temporal for each in options if each.temporal and each.keyword in effective)
    word = next(claimed, "MODIFIED" if dates else "REMOVED")
    return "MODIFIED" if word == "UNMODIFIED" and altered else word


def _alters_kept_dates(before: Mapping[int, Rule], draft: _Draft) -> bool:
    """Tell whether a row or an override takes something from a date or time that the table keeps (PS3.15 E.3.6)."""
    return any(
        tag in before and before[tag].code == "K" and rule.code != "K"
        for tag, rule in _laid(draft)
        if standard.vr_of(tag) in DATE_VRS
    )


def _table_rules(options: tuple[Option, ...]) -> tuple[dict[int, Rule], dict[str, Rule], set[str]]:
    """Overlay the option columns on the basic column of Table E.1-1; tell which options changed a row."""
    rules: dict[int, Rule] = {}
    masks: dict[str, Rule] = {}
    effective: set[str] = set()
    for row in standard.rows():
        if row.tag is not None and row.tag >> 16 in NOT_OF_INSTANCES:
            why = NOT_OF_INSTANCES[row.tag >> 16]
            rules[row.tag] = Rule(row.selector, "X", "PS3.15 E.1.1", reason=why, anywhere=True)
            continue
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
        extreme = option.clean_kept.get(standard.vr_of(row.tag) or "") if row.tag is not None else None
        if extreme:
            return Rule(row.selector, "C", origin, cleaner=extreme, anywhere=True)
        return rule if rule.code == "C" else Rule(row.selector, "K", origin, anywhere=True)
    if row.tag is None:
        cleaner = option.clean_masks.get(row.selector)
    else:
        cleaner = option.clean_tags.get(row.tag) or option.clean_vrs.get(standard.vr_of(row.tag) or "")
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
