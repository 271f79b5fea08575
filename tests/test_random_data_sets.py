"""Whatever is nested in whatever: nothing planted leaves, what leaves is whole, and the same again leaves the same."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomanon import standard
from dicomanon.errors import DicomanonError
from dicomanon.part10.encoding import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from dicomanon.pipeline import clear_in_memory
from dicomanon.profile import load_profile, option_keywords
from dicomanon.standard.stored import load
from tests.verify.made import ROOT, WSI, file_of, found_in, identity, opened, route_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.pipeline import Route
    from dicomanon.standard import IodNode
    from tests.verify.made import Elements, Found

PLANTED = b"QZX7309"
TEXTS = ("AE", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT")
BINARY = ("AT", "FD", "FL", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "UN", "US", "UV")
SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)
IDENTITY = frozenset(identity()) | {0x00080005}
PIXELS = 0x0028
OPTIONS = tuple(
    word
    for word in option_keywords()
    if word not in ("clean-pixel-data", "clean-recognizable-visual-features")
)


@cache
def route(profile: str, options: tuple[str, ...]) -> Route:
    return route_of(profile, options)


@cache
def keeps_text(tag: int, vr: str, profile: str, options: tuple[str, ...]) -> bool:
    """Tell whether a rule keeps what stands in an attribute for what it is: a code, a manufacturer."""
    return load_profile(profile, options).rule_for(tag, vr).code == "K"


@cache
def tags() -> tuple[int, ...]:
    """Attributes of slides and of Table E.1-1, some that no table has, and private ones."""
    iod = standard.iod_for(WSI.decode())
    assert iod is not None
    found = set(iod.root.children) | {row.tag for row in standard.rows() if row.tag}
    found |= {0x00189F77, 0x00111099, 0x00290010, 0x00291001, 0x70530010, 0x70531000}
    return tuple(
        sorted(
            tag
            for tag in found
            if tag not in IDENTITY and tag >> 16 not in (0, 2, 4, PIXELS) and tag < 0x7FE00000
        )
    )


def value_of(tag: int, number: int) -> tuple[bytes, bytes]:
    vr = standard.vr_of(tag) or ("LO" if tag >> 16 & 1 and tag & 0xFFFF < 0x100 else "UN")
    plain = {
        "UI": ROOT + b"73%d" % number,
        "DA": b"20210317",
        "DT": b"20210317091733",
        "TM": b"091733",
        "AS": b"073Y",
        "DS": b"7.5 ",
        "IS": b"7 ",
        "CS": b"CODE",
    }
    if vr in TEXTS or vr == "UN":
        return vr.encode(), PLANTED + b"%04d" % number
    return vr.encode(), plain.get(vr, b"\1\2" * 4)


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 0) -> Elements:
    elements: Elements = {}
    for tag in draw(st.lists(st.sampled_from(tags()), max_size=12 if depth == 0 else 5, unique=True)):
        if standard.vr_of(tag) == "SQ":
            items = [] if depth == 3 else draw(st.lists(data_sets(depth + 1), max_size=2))
            elements[tag] = (b"SQ", items)
        else:
            elements[tag] = value_of(tag, draw(st.integers(0, 9999)))
    return elements


PROFILES = st.tuples(
    st.sampled_from(("basic", "research-wsi")),
    st.lists(st.sampled_from(OPTIONS), max_size=3, unique=True).map(tuple),
)


def kept_text(elements: Elements, profile: str, options: tuple[str, ...]) -> set[bytes]:
    """Return what is planted where a rule keeps it."""
    found = set()
    for tag, (vr, value) in elements.items():
        if isinstance(value, list):
            for item in value:
                found |= kept_text(item, profile, options)
        elif keeps_text(tag, vr.decode(), profile, options):
            found.add(value)
    return found


def cleared(elements: Elements, syntax: str, profile: str, options: tuple[str, ...]) -> bytes | None:
    """Return what leaves, nothing where it is refused by name."""
    try:
        return clear_in_memory(opened(file_of(identity() | elements, syntax)), route(profile, options))
    except DicomanonError as error:
        told = str(error)
    assert PLANTED.decode() not in told
    return None


def compatible(profile: str, options: tuple[str, ...]) -> bool:
    chosen = {*options, *(each.keyword for each in load_profile(profile).options)}
    return not {"retain-full-dates", "retain-modified-dates"} <= chosen


RUN = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@RUN
@given(data_sets(), st.sampled_from(SYNTAXES), PROFILES)
def test_nothing_planted_leaves_but_where_a_rule_keeps_it(
    elements: Elements, syntax: str, chosen: tuple[str, tuple[str, ...]]
) -> None:
    profile, options = chosen
    if not compatible(profile, options):
        return
    data = cleared(elements, syntax, profile, options)
    if data is None:
        return
    allowed = kept_text(elements, profile, options)
    at = data.find(PLANTED)
    while at >= 0:
        assert any(value == data[at : at + len(value)] for value in allowed)
        at = data.find(PLANTED, at + 1)
    assert found_in(data)


@RUN
@given(data_sets(), st.sampled_from(SYNTAXES))
def test_the_same_again_under_the_same_key_leaves_the_same(elements: Elements, syntax: str) -> None:
    first = cleared(elements, syntax, "research-wsi", ())
    other = route_of("research-wsi")
    if first is not None:
        again = clear_in_memory(opened(file_of(identity() | elements, syntax)), other)
        assert again == first


@RUN
@given(data_sets(), data_sets(), st.sampled_from(SYNTAXES))
def test_the_order_in_which_instances_come_changes_nothing(
    one: Elements, other: Elements, syntax: str
) -> None:
    def outcomes(*sets: Elements) -> list[bytes | None]:
        route.cache_clear()
        return [
            cleared(each, syntax, "research-wsi", ("clean-descriptors", "retain-safe-private"))
            for each in sets
        ]

    assert outcomes(one, other) == list(reversed(outcomes(other, one)))


def missing(
    children: Mapping[int, IodNode], before: Elements, found: Found, path: tuple[int, ...]
) -> list[str]:
    """Return what the IOD demands, the source had and the output has not, at one place and below it."""
    wrong = []
    for tag, (vr, value) in before.items():
        node = children.get(tag)
        if node is None or node.type not in ("1", "2"):
            continue  # what a condition asks for may go with what the condition is about
        here = (*path, tag)
        if node.type[0] in "12" and here not in found and (not path or path in found):
            wrong.append(f"({tag:08X}) of Type {node.type} is gone")
        says_nothing = vr.decode() in BINARY  # a dummy of zeros looks like padding here
        if node.type[0] == "1" and value and not says_nothing and found.get(here) and not all(found[here]):
            wrong.append(f"({tag:08X}) of Type {node.type} is empty")
        if isinstance(value, list) and len(value) == 1 and found.get(here) == [b"1 items"]:
            wrong += missing(node.children, value[0], found, here)
    return wrong


@RUN
@given(data_sets(), st.sampled_from(SYNTAXES), PROFILES)
def test_what_the_iod_demands_and_the_source_had_is_there(
    elements: Elements, syntax: str, chosen: tuple[str, tuple[str, ...]]
) -> None:
    profile, options = chosen
    iod = standard.iod_for(WSI.decode())
    assert iod is not None
    data = cleared(elements, syntax, profile, options) if compatible(profile, options) else None
    if data is not None:
        demanded = {tag: entry for tag, entry in elements.items() if not unwanted(tag)}
        assert missing(iod.root.children, demanded, found_in(data), ()) == []


def unwanted(tag: int) -> bool:
    """Tell whether Table E.1-1 removes an attribute whatever its Type: X in the Basic Profile."""
    row = standard.row_for(tag)
    return row is not None and row.basic == "X"


def test_the_attributes_drawn_from_are_many_and_of_every_kind() -> None:
    drawn = tags()

    assert len(drawn) > 750
    assert {standard.vr_of(tag) for tag in drawn} >= {"PN", "LO", "UI", "SQ", "DA", "CS", "OB"}
    assert len(load("e1-1")["rows"]) == 657
