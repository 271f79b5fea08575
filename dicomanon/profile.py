"""Profiles: short TOML files compiled with Table E.1-1 into one rule for every attribute there can be."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.laxer import laxer_tags, note
from dicomanon.standard.stored import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

DEFAULT = "research-wsi"
CODES = frozenset(("X", "Z", "D", "U", "K", "C", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"))
"""Action codes of Table E.1-1a."""
CLEANERS = frozenset(("shift", "keep", "steps", "icc"))
"""Ways to clean that this version has; C without one falls back to what the Basic Profile would do."""
FLAVOURS = ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW", "other")
MOST_REMEMBERED = 1 << 16
PIXEL_POLICIES = frozenset(("keep", "drop", "quarantine"))


@dataclass(frozen=True, slots=True)
class Rule:
    """What happens to one attribute, and which line of which table says so.

    `anywhere` is set where a line names the attribute for every place it may stand in (Table E.1-1, an override);
    the other rules hold only where the IOD has the attribute. `registered` says that what is kept are UIDs that the
    standard or a public registry defines, and no others.
    """

    selector: str
    code: str
    origin: str
    cleaner: str = ""
    reason: str = ""
    anywhere: bool = False
    registered: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """One option of PS3.15 E.3 with its code of CID 7050."""

    keyword: str
    code: str
    meaning: str
    column: str | None
    excludes: tuple[str, ...]
    temporal: str
    unavailable: str
    clean_tags: Mapping[int, str]
    clean_vrs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Profile:
    """A total function from attribute to rule, with what the output has to say of itself.

    `claimed` are the options that change something here; an option all of whose rows fall back is listed
    in `fallen_back` instead, and the output does not claim it. `laxer` are the attributes of which an override lets
    out more than Table E.1-1 with these options, `direct` those among them that say by themselves who the patient is.
    """

    name: str
    title: str
    options: tuple[Option, ...]
    claimed: tuple[Option, ...]
    fallen_back: tuple[Option, ...]
    pixels: Mapping[str, str]
    rules: Mapping[int, Rule]
    masks: Mapping[str, Rule]
    by_vr: Mapping[str, Rule]
    unknown: Rule
    laxer: tuple[int, ...] = ()
    direct: tuple[int, ...] = ()
    _cache: dict[tuple[int, str], Rule] = field(default_factory=dict, compare=False, repr=False)

    def rule_for(self, tag: int, vr: str) -> Rule:
        """Return the rule for an attribute (0xGGGGEEEE) met with this VR; there always is one."""
        found = self._cache.get((tag, vr))
        if found is None:
            if len(self._cache) >= MOST_REMEMBERED:
                self._cache.clear()  # what senders invent must not fill the memory
            found = self._cache[tag, vr] = self._find(tag, vr)
        return found

    def _find(self, tag: int, vr: str) -> Rule:
        rule = self.rules.get(tag)
        if rule is None:
            row = standard.row_for(tag)
            rule = self.masks[row.selector] if row else self.by_vr.get(vr, self.unknown)
        return rule

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Return code value and meaning (CID 7050) of what the output may claim."""
        basic = () if self.laxer else (standard.DEIDENTIFICATION_METHODS["basic"],)
        return (*basic, *((option.code, option.meaning) for option in self.claimed))

    @property
    def identity_removed(self) -> str:
        """Return what (0012,0062) Patient Identity Removed has to say."""
        return "NO" if self.direct else "YES"

    @property
    def note(self) -> str:
        """Return what a user has to know of overrides that are laxer than the table."""
        return note(self.laxer, self.direct)

    @property
    def temporal(self) -> str:
        """Return what (0028,0303) Longitudinal Temporal Information Modified has to say (PS3.15 E.2, E.3.6)."""
        if any(standard.vr_of(tag) in ("DA", "DT", "TM") for tag in self.laxer):
            return "UNMODIFIED"  # an override keeps some of them as they are
        return next((option.temporal for option in self.claimed if option.temporal), "REMOVED")


def shipped_folder() -> Path:
    """Return the folder of the profiles that come with the package, from a wheel or from a checkout."""
    installed = Path(__file__).parent / "profiles"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "profiles"


def shipped_names() -> list[str]:
    """Return the names of the profiles that come with the package."""
    return sorted(path.stem for path in shipped_folder().glob("*.toml") if path.stem != "supplement")


def load_profile(name_or_path: str = DEFAULT, options: Iterable[str] = ()) -> Profile:
    """Compile a shipped profile or a TOML file, with further options; refuse every name that is unknown.

    Raises ProfileError naming file and word, and the nearest word that is known.
    """
    layers = _layers(name_or_path, [])
    chosen = _chosen_options(
        [*(word for layer in layers for word in layer.data.get("options", ())), *options]
    )
    return _compile(layers, chosen)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One profile file of a chain of `extends`, the base first."""

    path: Path
    data: dict[str, Any]


_KINDS = {
    "name": "text",
    "title": "text",
    "extends": "text",
    "options": "a list of texts",
    "pixels": "a table of texts",
    "override": "tables of texts, [[override]]",
}
_OVERRIDE_KEYS = frozenset(("keyword", "tag", "action", "reason"))


def _layers(name_or_path: str, seen: list[Path]) -> list[_Layer]:
    path = _find_file(name_or_path)
    if path in seen:
        raise ProfileError(f"{path.name}: the profile extends itself")
    data = _read_toml(path)
    _check_kinds(path.name, data)
    base = _layers(data["extends"], [*seen, path]) if "extends" in data else []
    return [*base, _Layer(path, data)]


def _check_kinds(where: str, data: dict[str, Any]) -> None:
    """Refuse settings that are unknown or of the wrong kind."""
    for key, value in data.items():
        if key not in _KINDS:
            raise ProfileError(f"{where}: there is no setting {key!r}{nearest(key, _KINDS)}")
        kind = _KINDS[key]
        if kind == "text":
            good = isinstance(value, str)
        elif key == "options":
            good = _are_texts(value)
        elif key == "pixels":
            good = isinstance(value, dict) and _are_texts([*value.values()])
        else:
            good = isinstance(value, list) and all(isinstance(line, dict) for line in value)
            good = good and all(_are_texts([*line.values()]) for line in value)
        if not good:
            raise ProfileError(f"{where}: {key} must be {kind}")


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _find_file(name_or_path: str) -> Path:
    if name_or_path in shipped_names():
        return shipped_folder() / f"{name_or_path}.toml"
    path = Path(name_or_path)
    if path.suffix != ".toml" or not path.is_file():
        known = nearest(name_or_path, shipped_names()) or f"; shipped are {' and '.join(shipped_names())}"
        raise ProfileError(f"there is no profile {name_or_path!r}{known}")
    return path


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{path.name}: {error}") from None
    except OSError:
        raise ProfileError(f"{path.name}: the file cannot be read") from None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint at the word that was probably meant."""
    from difflib import get_close_matches  # only for what is wrong

    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def option_keywords() -> list[str]:
    """Return the keywords of all options of PS3.15 E.3."""
    return sorted(path.stem for path in (shipped_folder() / "options").glob("*.toml"))


@cache
def load_option(keyword: str) -> Option:
    """Read one option file; raise ProfileError for a keyword that has none."""
    if keyword not in option_keywords():
        raise ProfileError(f"there is no option {keyword!r}{nearest(keyword, option_keywords())}")
    data = _read_toml(shipped_folder() / "options" / f"{keyword}.toml")
    clean = data.get("clean", {})
    return Option(
        keyword=keyword,
        code=data["code"],
        meaning=data["meaning"],
        column=data.get("column"),
        excludes=tuple(data.get("excludes", ())),
        temporal=data.get("temporal", ""),
        unavailable=data.get("unavailable", ""),
        clean_tags=MappingProxyType({parse_tag(tag): word for tag, word in clean.get("tag", {}).items()}),
        clean_vrs=MappingProxyType(dict(clean.get("vr", {}))),
    )


def _chosen_options(keywords: Iterable[str]) -> tuple[Option, ...]:
    chosen = tuple(load_option(keyword) for keyword in dict.fromkeys(keywords))
    names = {option.keyword for option in chosen}
    for option in chosen:
        if option.unavailable:
            raise ProfileError(f"option {option.keyword!r} cannot be promised: {option.unavailable}")
        for other in option.excludes:
            if other in names:
                raise ProfileError(
                    f"options {option.keyword!r} and {other!r} exclude each other (PS3.15 E.3.6)"
                )
    return chosen


_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")


def parse_tag(text: str) -> int:
    """Read `(0010,0020)`, `00100020` or a keyword; raise ProfileError for anything else."""
    found = _TAG.fullmatch(text)
    if found:
        return int(found[1] + found[2], 16)
    tag = standard.tag_of(text)
    if tag is None:
        keywords = (row[2] for row in load("dictionary")["rows"] if row[2])
        raise ProfileError(f"{text!r} is no tag and no keyword of PS3.6{nearest(text, keywords)}")
    return tag


def _compile(layers: list[_Layer], options: tuple[Option, ...]) -> Profile:
    rules, masks, effective = _table_rules(options)
    by_vr: dict[str, Rule] = {}
    supplement = _read_toml(shipped_folder() / "supplement.toml")
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


def _apply_layer(layer: _Layer, rules: dict[int, Rule], pixels: dict[str, str]) -> None:
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
