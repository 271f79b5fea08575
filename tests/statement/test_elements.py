"""Table N.11-6 has every row of the compiled profile, in both formats, and says how each dummy is made."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from dicomanon.explain import explain
from dicomanon.profile import load_profile, option_keywords, shipped_names
from dicomanon.statement.rules import dummy_of
from tests.statement.documents import markdown_tables, of_files, page_tables

if TYPE_CHECKING:
    from dicomanon.profile import Profile

OPTIONS = option_keywords()
PROFILES = [
    *((name, ()) for name in shipped_names()),
    *(("basic", (keyword,)) for keyword in OPTIONS),
    ("basic", ("retain-modified-dates", "retain-device-identity", "clean-structured-content", "retain-uids")),
]
MASKS = {
    "50XXXXXX": "(50xx,xxxx)",
    "60XX3000": "(60xx,3000)",
    "60XX4000": "(60xx,4000)",
    "PRIVATE": "(gggg,eeee) where gggg is odd",
}


def rules_of(profile: Profile) -> Counter[tuple[str, str]]:
    """Tag (or what stands for it) and action of every rule there is, straight from the compiled profile."""
    return Counter(
        [
            *((f"({tag >> 16:04X},{tag & 0xFFFF:04X})", rule.code) for tag, rule in profile.rules.items()),
            *((MASKS[selector], rule.code) for selector, rule in profile.masks.items()),
            *(("by VR", rule.code) for rule in profile.by_vr.values()),
            (profile.unknown.selector, profile.unknown.code),
        ]
    )


@pytest.mark.parametrize(("name", "options"), PROFILES, ids=str)
def test_every_row_of_the_profile_is_in_the_table_of_both_formats(
    name: str, options: tuple[str, ...]
) -> None:
    profile = load_profile(name, options)
    document = of_files(name, *options)

    places = Counter(
        (rule["selector"], rule["action"])
        for rule in explain(name, options)["rules"]
        if "/" in rule["selector"]
    )
    for tables in (page_tables(document), markdown_tables(document)):
        rows = tables["table-n-11-6"]
        assert Counter((row[1], row[2]) for row in rows) == rules_of(profile) + places
        assert {row[3] for row in rows} == {"N"}
        assert all(row[0] and row[4] for row in rows)


@pytest.mark.parametrize("name", shipped_names())
def test_every_row_says_where_its_rule_is_from_and_why(name: str) -> None:
    profile = load_profile(name)
    rows = page_tables(of_files(name))["table-n-11-6"]
    comments = {row[1]: row[4] for row in rows}

    for tag, rule in profile.rules.items():
        comment = comments[f"({tag >> 16:04X},{tag & 0xFFFF:04X})"]
        assert rule.origin in comment
        assert " ".join(rule.reason.split()) in " ".join(comment.split())


def test_every_vr_has_a_row_of_its_own_for_attributes_that_no_row_names() -> None:
    rows = page_tables(of_files("basic"))["table-n-11-6"]
    by_vr = {row[0].split(" of VR ")[1][:2]: row[2] for row in rows if row[1] == "by VR"}

    assert by_vr == {vr: rule.code for vr, rule in load_profile("basic").by_vr.items()}


@pytest.mark.parametrize("name", shipped_names())
def test_a_row_that_may_become_a_dummy_says_how_the_dummy_is_made(name: str) -> None:
    rows = page_tables(of_files(name))["table-n-11-6"]
    dummies = [row for row in rows if "D" in row[2].split("/")]

    assert dummies
    for row in dummies:
        assert "; dummy: " in row[4] or "; items stay, each of their attributes under its own rule" in row[4]


@pytest.mark.parametrize(
    ("vr", "words"),
    [
        ("DA", "19000101"),
        ("CS", "REMOVED"),
        ("US", "2 zero bytes"),
        ("LO", "keyed pseudonym of 16 letters and digits"),
        ("UI", "keyed UID below 2.25"),
    ],
)
def test_the_dummy_of_a_vr_is_the_one_the_action_makes(vr: str, words: str) -> None:
    assert dummy_of(vr) == words


def test_two_routes_with_two_profiles_have_a_table_each() -> None:
    one, other = load_profile("basic"), load_profile("basic", ("retain-uids",))

    assert rules_of(one) != rules_of(other)
    assert (
        page_tables(of_files("basic"))["table-n-11-6"]
        != page_tables(of_files("basic", "retain-uids"))["table-n-11-6"]
    )
