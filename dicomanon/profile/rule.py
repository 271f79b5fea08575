"""What a compiled profile is: one rule for every attribute, and what the output says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.laxer import is_laxer, note
from dicomanon.profile.objects import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.profile.options import Option

CODES = frozenset(("X", "Z", "D", "U", "K", "C", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"))
"""Action codes of Table E.1-1a."""
COARSE = frozenset(("day", "month", "year"))
"""Ways to clean that leave of a moment as much as they are called by."""
PATHOLOGY_CLEANERS = frozenset(
    ("pseudonym", "suffix", "label", *COARSE, *(f"shift-{word}" for word in COARSE))
)
CLEANERS = (
    frozenset(
        (
            "shift",
            "keep",
            "steps",
            "icc",
            "words",
            "items",
            "title",
            "age",
            "private",
            "list",
            "tree",
            "numbers",
            "scheme",
            "meaning",
        )
    )
    | PATHOLOGY_CLEANERS
)
"""Ways to clean that this version has; C without one falls back to what the Basic Profile would do."""
VRS = frozenset(
    (
        *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT"),
        *("OB", "OD", "OF", "OL", "OV", "OW", "PN", "SH", "SL", "SQ", "SS", "ST"),
        *("SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"),
    )
)
"""Value Representations (PS3.5 6.2)."""
NOT_OF_INSTANCES = {
    0x0000: "a command element, no part of a data set",
    0x0002: "an element of the container, which is written anew",
    0x0004: "of a DICOMDIR, and removed from anything else",
}
"""Groups of which no data set has any, whatever their rows in Table E.1-1 say of the places where they belong."""
MOST_REMEMBERED = 1 << 16


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
class PathRule:
    """A rule for one place: `path` are the tags from the top level down, or the last ones of them if `anywhere`."""

    path: tuple[int, ...]
    anywhere: bool
    rule: Rule

    def holds_at(self, path: tuple[int, ...]) -> bool:
        """Tell whether this is the place."""
        return path[-len(self.path) :] == self.path if self.anywhere else path == self.path


@dataclass(frozen=True, slots=True)
class Profile:
    """A total function from attribute to rule, with what the output has to say of itself.

    `claimed` are the options that change something here; an option all of whose rows fall back is listed
    in `fallen_back` instead, and the output does not claim it. `words` may stay in descriptions, beside those known
    anyway; `private` are the VRs of what a site knows to be safe, by creator, group and low byte of the element;
    `local_codes` the meanings of codes that say nothing of persons, by code and scheme.
    `paths` has rules for single places by their last tag, the one that wins first. `vr_overrides` are overrides by VR,
    for attributes that are a row of the table only as a kind. `laxer` are the attributes of which an override lets out
    more than Table E.1-1 with these options, `laxer_vrs` the VRs of which one keeps what the table does not list,
    `direct` those of both that say by themselves who the patient is, or may. `temporal` is what (0028,0303) has to say
    (PS3.15 E.2, E.3.6). `instance_codes` are codes and meanings of
    options that the output claims where they were carried out: those of pixels. `device_masks` are names and
    texts of files of boxes by device. What an `anonymous` profile makes is anonymous only while nobody keeps the key.
    """

    name: str
    title: str
    options: tuple[Option, ...]
    claimed: tuple[Option, ...]
    fallen_back: tuple[Option, ...]
    pixels: Mapping[str, str]
    slides: Mapping[str, str]
    rules: Mapping[int, Rule]
    masks: Mapping[str, Rule]
    by_vr: Mapping[str, Rule]
    unknown: Rule
    words: tuple[str, ...] = ()
    private: Mapping[tuple[str, int, int], str] = field(default_factory=dict)
    local_codes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    paths: Mapping[int, tuple[PathRule, ...]] = field(default_factory=lambda: MappingProxyType({}))
    vr_overrides: Mapping[str, Rule] = field(default_factory=lambda: MappingProxyType({}))
    laxer: tuple[int, ...] = ()
    laxer_vrs: tuple[str, ...] = ()
    direct: tuple[int | str, ...] = ()
    temporal: str = "REMOVED"
    anonymous: bool = False
    device_masks: tuple[tuple[str, str], ...] = ()
    instance_codes: tuple[tuple[str, str], ...] = ()
    objects: Mapping[str, str] = field(default_factory=lambda: OBJECTS)
    _cache: dict[tuple[int, str], Rule] = field(default_factory=dict, compare=False, repr=False)
    _cleaners: set[str] = field(default_factory=set, compare=False, repr=False)

    def rule_at(self, path: tuple[int, ...], vr: str) -> Rule:
        """Return the rule for an attribute at a place, given by the tags from the top level down to its own."""
        for each in self.paths.get(path[-1], ()):
            if each.holds_at(path):
                return each.rule
        return self.rule_for(path[-1], vr)

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
            if row is None:
                return self.by_vr.get(vr, self.unknown)
            rule, override = self.masks[row.selector], self.vr_overrides.get(vr)
            if override and rule.code != "X" and not is_laxer(tag, override.code, rule.code):
                return override  # of private attributes it lets none out that would stay behind
        return rule

    def cleans(self, cleaner: str) -> bool:
        """Tell whether any rule has this way to clean."""
        if not self._cleaners:  # asked for every instance
            placed = (each.rule for found in self.paths.values() for each in found)
            laid = (*self.rules.values(), *self.masks.values(), *self.by_vr.values(), *placed)
            self._cleaners.update({rule.cleaner for rule in laid})  # at once: threads ask too
        return cleaner in self._cleaners

    @property
    def codes(self) -> tuple[tuple[str, str], ...]:
        """Return code value and meaning (CID 7050) of what the output may claim."""
        basic = () if self.keeps_more else (standard.DEIDENTIFICATION_METHODS["basic"],)
        return (*basic, *((option.code, option.meaning) for option in self.claimed))

    @property
    def keeps_more(self) -> bool:
        """Tell whether overrides or options let out more than the Basic Profile, so that it cannot be claimed."""
        return bool(self.laxer or self.laxer_vrs)

    @property
    def identity_removed(self) -> str:
        """Return what (0012,0062) Patient Identity Removed has to say."""
        return "NO" if self.direct else "YES"

    @property
    def note(self) -> str:
        """Return what a user has to know of overrides that are laxer than the table."""
        return note((*self.laxer, *self.laxer_vrs), self.direct)
