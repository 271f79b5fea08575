"""Options, storage level, coercion and limits: Tables N.8-7, N.5-10, N.5-11 and N.5-12."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.node.room import RESERVE
from dicomanon.part10 import Limits
from dicomanon.part10.elements import MAX_DEPTH
from dicomanon.profile import load_option, load_profile, option_keywords
from dicomanon.statement import pixels
from dicomanon.statement.choices import PLAIN
from dicomanon.statement.inserted import inserted
from dicomanon.statement.model import Block, Paragraph, Row, Table
from dicomanon.statement.rules import action_counts, tag_text

if TYPE_CHECKING:
    from dicomanon.statement.subject import Policy, Subject

BASIC = "basic"
"""The keyword of the profile itself among the de-identification methods (CID 7050)."""
MEBIBYTE = 1 << 20


def options(subject: Subject) -> Table:
    """Return Table N.8-7: the profile and every option, whether it can be claimed, and its state here."""
    methods = {**standard.DEIDENTIFICATION_METHODS, **_further()}
    rows = tuple(
        (
            meaning,
            code,
            subject.entity,
            "N" if why_not(keyword) else "Y",
            "N",
            "N" if why_not(keyword) else "Y",
            "; ".join(
                f"{subject.called(policy)}: {_state(keyword, code, policy)}" for policy in subject.policies
            ),
        )
        for keyword, (code, meaning) in methods.items()
    )
    columns = (
        "Option",
        "CID 7050",
        "AE",
        "De-identifier",
        "Re-identifier",
        "Configurable",
        "This configuration",
    )
    title = "Attribute Confidentiality Profiles: Basic Application Level Confidentiality"
    return Table("N.8-7", title, columns, rows)


def _further() -> dict[str, tuple[str, str]]:
    """Return the options that are shipped and that the standard does not have."""
    own = (keyword for keyword in option_keywords() if keyword not in standard.DEIDENTIFICATION_METHODS)
    return {keyword: (load_option(keyword).code or "none", load_option(keyword).meaning) for keyword in own}


@cache
def why_not(keyword: str) -> str:
    """Return why an option cannot be claimed, from a profile compiled with nothing but it; nothing where it can."""
    if keyword == BASIC:
        return ""
    if keyword not in standard.COLUMN_OF_OPTION:
        return ""  # an option of our own claims nothing, one on pixels speaks of instances
    try:
        alone = load_profile(PLAIN, (keyword,))
    except ProfileError as error:
        return str(error)
    return "" if alone.claimed else "no way to clean is built in: its attributes are treated as without it"


def not_promised() -> tuple[Block, ...]:
    """Return the options that cannot be claimed, with the reason, or that there are none."""
    rows = tuple(
        (meaning, code, why_not(keyword))
        for keyword, (code, meaning) in standard.DEIDENTIFICATION_METHODS.items()
        if why_not(keyword)
    )
    if not rows:
        return (
            Paragraph(
                "Every option of PS3.15 E.3 can be claimed; section A.C.2.6.10 says which of instances only."
            ),
        )
    return (Table("A.C.2.6-9", "Options that are never claimed", ("Option", "CID 7050", "Reason"), rows),)


def as_without() -> Table:
    """Return the rows of Table E.1-1 that an option names and that are treated as without it, seen with it alone."""
    plain = load_profile(PLAIN)
    rows: list[Row] = []
    for keyword, column in standard.COLUMN_OF_OPTION.items():
        alone = load_profile(PLAIN, (keyword,))
        for row in standard.rows():
            if column in row.options:
                before, after = (
                    profile.masks[row.selector] if row.tag is None else profile.rules[row.tag]
                    for profile in (plain, alone)
                )
                if before.code == after.code and before.cleaner == after.cleaner:
                    place = row.selector if row.tag is None else tag_text(row.tag)
                    rows.append(
                        (load_option(keyword).meaning, row.name, place, row.options[column], after.code)
                    )
    columns = ("Option", "Attribute", "Tag", "Table E.1-1", "Treated as")
    title = (
        "Rows that an option names and that are treated as without it: there is no way to clean such values"
    )
    return Table("A.C.2.6-12", title, columns, tuple(rows))


def _state(keyword: str, code: str, policy: Policy) -> str:
    profile = policy.profile
    if code in (claimed for claimed, _ in profile.codes):
        return "claimed"
    if code in (held for held, _ in profile.instance_codes):
        return "claimed of instances, see A.C.2.6.10"
    if keyword == BASIC:
        return "not claimed, for overrides keep more"
    if keyword in (option.keyword for option in profile.fallen_back):
        return "chosen, but changes nothing, so not claimed"
    return "chosen" if keyword in (option.keyword for option in profile.options) else "not chosen"


def storage_level() -> Table:
    """Return Table N.5-10 (levels of PS3.4 B.4.1)."""
    rows = (
        ("Level of conformance", "Level 0 (Local): attributes are discarded as Table N.11-6 says"),
        ("Level of digital signatures", "Level 1: signatures are removed and not replaced"),
        ("Duration of storage", "until every destination has the instance"),
        ("Access to what is stored", "none: instances are forwarded, not queried"),
    )
    return Table("N.5-10", "Storage level", ("Item", "Support"), rows)


def coercion(subject: Subject) -> Table:
    """Return Table N.5-11: attributes by action, and those that are added."""
    rows: list[Row] = []
    for policy in subject.policies:
        name = subject.called(policy)
        for code, meaning, number in action_counts(policy):
            kind = "REMOVED" if code == "X" else "REMOVED or MODIFIED" if code.startswith("X") else "MODIFIED"
            if code != "K":
                rows.append(
                    (f"{number} rules with action {code}", kind, "CONFIGURATION", f"{name}: {meaning}")
                )
        for attribute, tag, value in inserted(policy):
            if not tag.startswith(">"):
                rows.append((f"{attribute} {tag}", "ADDED", "ALWAYS", f"{name}: {value or 'see A.C.2.6.5'}"))
        for attributes, when in pixels.coerced(policy).items():
            rows.append((attributes, "MODIFIED", "CONFIGURATION", f"{name}: {when}"))
    columns = ("Attributes", "Type of coercion", "Condition", "Comment")
    return Table("N.5-11", "Attribute coercion; Table N.11-6 has every attribute", columns, tuple(rows))


def limits(subject: Subject) -> Table:
    """Return Table N.5-12."""
    config = subject.config
    usual = Limits()
    header = config.node.max_header if config else usual.header
    rows: list[Row] = [
        ("Attributes before Pixel Data", f"{header:,} bytes"),
        ("The same of a deflated data set, inflated", f"{min(header, usual.deflated):,} bytes"),
        ("Depth of sequences", str(MAX_DEPTH)),
        *pixels.limits(subject),
    ]
    if config:
        rows += (
            ("Simultaneous associations", str(config.node.max_associations)),
            (
                "Free disk space, below which A700 is answered",
                f"{RESERVE // MEBIBYTE} MiB, a twentieth of a small disk",
            ),
        )
    else:
        rows.append(("Group 0002 of a file", f"{usual.meta:,} bytes"))
    return Table("N.5-12", "Limits", ("Item", "Limit"), tuple(rows))
