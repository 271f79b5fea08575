"""What a compiled profile is: one rule for every attribute, and what the output says of itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.laxer import note
from dicomanon.profile.objects import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.profile.options import Option

CODES = frozenset(("X", "Z", "D", "U", "K", "C", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"))
"""Action codes of Table E.1-1a."""
CLEANERS = frozenset(("shift", "keep", "list", "steps", "tree", "icc"))
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
    objects: Mapping[str, str] = field(default_factory=lambda: OBJECTS)
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
