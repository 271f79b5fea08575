"""Content trees by concept: every row of Table E.3.4-1 under every option, and what the table does not have."""

from __future__ import annotations

import json
from datetime import date, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from dicomanon.actions import Context
from dicomanon.part10.encoding import (
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    encoding_of,
    pack_element,
)
from dicomanon.part10.write import file_meta
from dicomanon.pipeline import clear_in_memory
from dicomanon.pseudonym import Pseudonymizer
from tests.verify.made import (
    KEY,
    PATIENT_ID,
    SOP_INSTANCE,
    STUDY,
    Elements,
    Found,
    encode,
    found_in,
    identity,
    opened,
    route_of,
    value_at,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

REPORT = b"1.2.840.10008.5.1.4.1.1.88.34"
"""Comprehensive 3D SR: any value type, and references by number are in its older kin (88.33)."""
TREE, NAME, VALUE_TYPE, CONCEPT, TARGET = 0x0040A730, 0x0040A043, 0x0040A040, 0x0040A168, 0x0040DB73
TEXT, PERSON, DAY, TIME, MOMENT, UID = 0x0040A160, 0x0040A123, 0x0040A121, 0x0040A122, 0x0040A120, 0x0040A124
SLIDE = b"1.2.826.0.1.3680043.10.1947.55.900"
STRUCTURED = "clean-structured-content"
PLANTED: dict[str, Elements] = {
    "TEXT": {TEXT: (b"UT", b"CANARYTEXT")},
    "PNAME": {PERSON: (b"PN", b"CANARY^PERSON")},
    "DATE": {DAY: (b"DA", b"20210317")},
    "TIME": {TIME: (b"TM", b"091733")},
    "DATETIME": {MOMENT: (b"DT", b"20210317091733")},
    "UIDREF": {UID: (b"UI", SLIDE)},
    "CONTAINER": {0x0040A050: (b"CS", b"SEPARATE")},
    "NUM": {
        0x0040A300: (
            b"SQ",
            [{0x004008EA: (b"SQ", [{0x00080100: (b"SH", b"mm")}]), 0x0040A30A: (b"DS", b"7")}],
        )
    },
    "CODE": {CONCEPT: (b"SQ", [{0x00080100: (b"SH", b"12710003"), 0x00080102: (b"SH", b"SCT")}])},
    **{
        kind: {0x00081199: (b"SQ", [{0x00081150: (b"UI", REPORT), 0x00081155: (b"UI", SLIDE)}])}
        for kind in ("IMAGE", "COMPOSITE", "WAVEFORM")
    },
}
OPTIONS = {
    "Rtn. UIDs Opt.": "retain-uids",
    "Rtn. Dev. Id. Opt.": "retain-device-identity",
    "Rtn. Inst. Id. Opt.": "retain-institution-identity",
    "Rtn. Pat. Chars. Opt.": "retain-patient-characteristics",
    "Rtn. Long. Full Dates Opt.": "retain-full-dates",
    "Rtn. Long. Modif. Dates Opt.": "retain-modified-dates",
}
OTHERWISE = {"121041", "121039", "111700", "113723"}
"""Concepts that meet another action than the table's (profiles/options/clean-structured-content.toml)."""


def item(code: str, scheme: str, value_type: str, *children: Elements, **more: Elements) -> Elements:
    name: Elements = {
        0x00080100: (b"SH", code.encode()),
        0x00080102: (b"SH", scheme.encode()),
        0x00080104: (b"LO", b"meaning"),
    }
    below: Elements = {TREE: (b"SQ", list(children))} if children else {}
    value = more.get("value", PLANTED.get(value_type, {}))
    return {VALUE_TYPE: (b"CS", value_type.encode()), NAME: (b"SQ", [name]), **value, **below}


def report(*items: Elements, syntax: str = EXPLICIT_LITTLE) -> bytes:
    elements = identity() | {0x00080016: (b"UI", REPORT), VALUE_TYPE: (b"CS", b"CONTAINER")}
    tree: Elements = {TREE: (b"SQ", list(items))} if items else {}
    return file_meta(REPORT.decode(), SOP_INSTANCE.decode(), syntax) + encode(
        elements | tree, encoding_of(syntax)
    )


def cleaned(*items: Elements, syntax: str = EXPLICIT_LITTLE, profile: str = "basic", **more: Any) -> Found:
    options = more.get("options", (STRUCTURED,))
    return found_in(clear_in_memory(opened(report(*items, syntax=syntax)), route_of(profile, options)))


def rows(folder: Path) -> tuple[list[str], list[list[str]]]:
    table = json.loads((folder / "e-3-4-1.json").read_text())
    return table["columns"], table["rows"]


@pytest.mark.parametrize("column", ["", *OPTIONS])
def test_every_row_of_the_table_meets_its_action(standard_folder: Path, column: str) -> None:
    """Each row in a container of its own, so that what goes can be told from what stays."""
    columns, table = rows(standard_folder)
    wrapped = [
        item("111028", "DCM", "CONTAINER", item(row[1], row[2], row[3]), item("111001", "DCM", "CODE"))
        for row in table
    ]
    options = (STRUCTURED, *([OPTIONS[column]] if column else []))
    route = route_of("basic", options)  # unverified: what one row keeps, others have as well and do not
    found = dcmread(BytesIO(clear_in_memory(opened(report(*wrapped)), route, verified=False)))
    wrong = []

    assert len(found.ContentSequence) == len(table) == 214
    for row, container in zip(table, found.ContentSequence, strict=True):
        cell = row[columns.index(column)] if column else ""
        basic = "D" if row[6] == "X/D" else row[6]
        letter = {"K": "K", "C": "K" if row[3] == "TIME" else "C"}.get(cell, basic)
        kept = [
            each for each in container.ContentSequence if each.ConceptNameCodeSequence[0].CodeValue == row[1]
        ]
        if row[1] in OTHERWISE:
            assert kept
        elif (not kept) != (letter == "X") or (kept and not as_said(letter, kept[0], row[3], column)):
            wrong.append((row[0], letter))
    assert wrong == []


def as_said(letter: str, after: Dataset, value_type: str, column: str) -> bool:
    """Tell whether the value of an item is what the letter says."""
    tag = next(iter(PLANTED[value_type]))
    if value_type in ("CODE", "NUM", "CONTAINER"):
        return tag in after
    if value_type in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        same = after.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == SLIDE.decode()
        return bool(same == (OPTIONS.get(column) == "retain-uids"))
    value, source = str(after[tag].value), PLANTED[value_type][tag][1]
    assert isinstance(source, bytes)
    days = timedelta(days=Context(Pseudonymizer(KEY), PATIENT_ID, STUDY).shift())
    moved = f"{date(2021, 3, 17) - days:%Y%m%d}" + source.decode()[8:]
    return {
        "K": value == source.decode(),
        "C": value == moved,
        "D": bool(value) and value != source.decode(),
    }[letter]


@pytest.mark.parametrize("scheme", ["SRT", "SNM3", "99SDM"])
def test_a_retired_code_is_its_successor(scheme: str) -> None:
    retired = item("R-42B89", scheme, "TEXT")  # Clinical Report, 371524004 in SCT: X
    unknown = item("T-62000", scheme, "TEXT")

    assert value_at(cleaned(retired, unknown), TREE) == b"1 items"


def test_persons_and_texts_of_other_concepts_become_dummies_where_they_stood() -> None:
    found = cleaned(
        item("111028", "DCM", "CONTAINER", item("1000-9", "LN", "TEXT", item("2000-8", "LN", "PNAME"))),
        item("3000-7", "LN", "UIDREF"),
    )

    text, person = found[TREE, TREE, TEXT], found[TREE, TREE, TREE, PERSON]
    assert text != [b"CANARYTEXT"]
    assert person != [b"CANARY^PERSON"]
    assert text[0]
    assert person[0]
    assert found[TREE, UID] == [Pseudonymizer(KEY).uid(SLIDE)]


@pytest.mark.parametrize("kind", ["DATE", "TIME", "DATETIME"])
def test_moments_of_other_concepts_follow_the_options_of_dates(kind: str) -> None:
    (tag,) = PLANTED[kind]
    tree = (item("1000-9", "LN", kind), item("2000-8", "LN", "CODE"))
    none, full, moved = (
        cleaned(*tree, options=(STRUCTURED, *options))
        for options in ((), ("retain-full-dates",), ("retain-modified-dates",))
    )

    assert (TREE, tag) not in none
    assert full[TREE, tag] == [PLANTED[kind][tag][1]]
    assert (moved[TREE, tag] == full[TREE, tag]) == (kind == "TIME")


def test_an_item_of_a_value_type_that_nobody_knows_goes() -> None:
    assert value_at(cleaned(item("1000-9", "LN", "RIDDLE"), item("2000-8", "LN", "CODE")), TREE) == b"1 items"


def test_a_tree_of_which_nothing_stays_goes_as_a_whole() -> None:
    found = cleaned(
        item("1000-9", "LN", "CODE", item("121030", "DCM", "DATE")), item("121031", "DCM", "DATE")
    )

    assert value_at(found, TREE) == b"1 items"
    assert (TREE, TREE) not in found


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_values_of_another_type_than_the_item_says_go(syntax: str) -> None:
    every = {tag: pair for each in PLANTED.values() for tag, pair in each.items() if len(each) == 1}
    found = cleaned(
        *(item("1000-9", "LN", kind, value=every) for kind in ("CODE", "NUM", "CONTAINER", "TEXT", "IMAGE")),
        syntax=syntax,
    )

    left = {path[-1] for path in found if path[0] == TREE} & {TEXT, PERSON, DAY, TIME, MOMENT, UID}
    assert left == {TEXT}
    assert len(found[TREE, TEXT]) == 1
    assert not any(b"CANARY" in value for values in found.values() for value in values)


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG])
def test_references_by_number_follow_the_items_that_stay(syntax: str) -> None:
    """1.1 goes, and so does what refers to it; 1.3.2 becomes 1.1.1 by and by."""
    order = "<" if encoding_of(syntax).little else ">"

    def number(*path: int) -> tuple[bytes, bytes]:
        big = order == ">"
        return b"UL", b"".join(each.to_bytes(4, "big" if big else "little") for each in path)

    found = cleaned(
        item("121106", "DCM", "TEXT"),
        {TARGET: number(1, 1)},
        item(
            "111028",
            "DCM",
            "CONTAINER",
            item("121031", "DCM", "DATE"),
            item("5000-5", "LN", "CODE"),
            {TARGET: number(1, 4)},
        ),
        item(
            "6000-6",
            "LN",
            "CODE",
            {TARGET: number(1, 3, 2)},
            {TARGET: number(1, 3, 1)},
            {TARGET: number(1, 9)},
        ),
        syntax=syntax,
    )

    assert value_at(found, TREE) == b"2 items"
    assert found[TREE, TREE, TARGET] == [number(1, 2)[1].rstrip(b" \0"), number(1, 1, 1)[1].rstrip(b" \0")]


@pytest.mark.parametrize("code", ["121041", "111700", "111705"])
def test_identifiers_of_specimens_keep_their_block_where_a_profile_keeps_it(code: str) -> None:
    """And no other text does: a tracking identifier may look the same."""
    written: Elements = {TEXT: (b"UT", b"S26-7309-A1-2")}
    tree = (item(code, "DCM", "TEXT", value=written), item("112039", "DCM", "TEXT", value=written))

    specimen, other = cleaned(*tree, profile="research-wsi", options=("keep-block-structure",))[TREE, TEXT]

    assert specimen.endswith(b"-A1-2")
    assert not specimen.startswith(b"S26")
    assert b"-" not in other


def test_local_codes_in_a_tree_become_keyed_ones_that_stay_equal() -> None:
    local: Elements = {
        CONCEPT: (
            b"SQ",
            [
                {
                    0x00080100: (b"SH", b"CANARY1"),
                    0x00080102: (b"SH", b"99CANARY"),
                    0x00080103: (b"SH", b"CANARY2"),
                    0x00080104: (b"LO", b"CANARY3"),
                }
            ],
        )
    }
    found = cleaned(*(item("CANARY1", "99CANARY", "CODE", value=local) for _ in range(2)))

    assert not any(b"CANARY" in value for values in found.values() for value in values)
    assert len({*found[TREE, CONCEPT, 0x00080100], *found[TREE, NAME, 0x00080100]}) == 1
    assert {*found[TREE, CONCEPT, 0x00080102]} == {b"99LOCAL"}


def test_acquisition_context_keeps_what_is_coded_and_measured_and_nothing_else() -> None:
    context = 0x00400555
    items = [item("1000-9", "LN", kind) for kind in ("CODE", "NUM", "TEXT", "PNAME", "DATE", "UIDREF")]
    local = item("CANARY", "99CANARY", "CODE")
    elements = identity() | {context: (b"SQ", [*items, local]), 0x7FE00010: (b"OB", bytes(8))}
    shape: Elements = {
        tag: (b"US", value.to_bytes(2, "little"))
        for tag, value in ((0x00280002, 1), (0x00280010, 1), (0x00280011, 8), (0x00280100, 8))
    }
    data = file_meta(elements[0x00080016][1].decode(), SOP_INSTANCE.decode(), EXPLICIT_LITTLE) + encode(  # type: ignore[union-attr]
        elements | shape, encoding_of(EXPLICIT_LITTLE)
    )

    found = found_in(clear_in_memory(opened(data), route_of("research-wsi")))
    assert found[context, VALUE_TYPE] == [b"CODE", b"NUM"]


def test_a_tree_is_cleaned_by_concept_without_the_option_too() -> None:
    """What the table says goes under the Basic Profile goes, and the claim of the option is not made."""
    found = cleaned(item("121106", "DCM", "TEXT"), item("112039", "DCM", "TEXT"), options=())

    assert value_at(found, TREE) == b"1 items"
    assert found[TREE, NAME, 0x00080100] == [b"112039"]
    assert found[TREE, TEXT] != [b"CANARYTEXT"]


def trees() -> st.SearchStrategy[list[Elements]]:
    """Grow trees of content items, concepts of the table among them, with values that fit the type or do not."""
    every = [{tag: pair} for each in PLANTED.values() for tag, pair in each.items()]
    codes = st.sampled_from(
        [("121106", "DCM"), ("121008", "DCM"), ("112227", "DCM"), ("1000-9", "LN"), ("1", "99X")]
    )
    kinds = st.sampled_from([*PLANTED, "", "NUMERIC", "SCOORD"])

    def grown(depth: int) -> st.SearchStrategy[list[Elements]]:
        below = grown(depth - 1) if depth else st.just([])
        one = st.builds(
            lambda code, kind, value, children: item(*code, kind, *children, value=value),
            codes,
            kinds,
            st.sampled_from(every),
            below,
        )
        return st.lists(one, max_size=3)

    return grown(2)


@settings(max_examples=150, deadline=None)
@given(
    tree=trees(),
    syntax=st.sampled_from([EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG]),
    delimited=st.booleans(),
)
def test_no_tree_lets_a_planted_value_out(tree: list[Elements], syntax: str, *, delimited: bool) -> None:
    data = report(*tree, syntax=syntax)
    once = clear_in_memory(opened(_delimited(data) if delimited else data), route_of("basic", (STRUCTURED,)))
    read = dcmread(BytesIO(once))

    assert b"CANARY" not in once
    assert b"20210317" not in once
    assert SLIDE not in once
    assert all(each.get("ContentSequence") != [] for each in [read, *_items(read)])


def _items(dataset: Dataset) -> list[Dataset]:
    return [each for item in dataset.get("ContentSequence", ()) for each in (item, *_items(item))]


def _delimited(data: bytes) -> bytes:
    """Write a file anew with sequences and items of undefined length."""
    dataset = dcmread(BytesIO(data))

    def visit(inner: Dataset) -> None:
        for element in inner:
            if element.VR == "SQ":
                element.is_undefined_length = True
                for each in element.value:
                    each.is_undefined_length_sequence_item = True
                    visit(each)

    visit(dataset)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def test_undefined_lengths_change_nothing() -> None:
    data = report(
        item("111028", "DCM", "CONTAINER", item("121106", "DCM", "TEXT"), item("1000-9", "LN", "TEXT")),
        item("121008", "DCM", "PNAME", item("2000-8", "LN", "CODE")),
    )
    delimited = _delimited(data)
    route = route_of("basic", (STRUCTURED,))

    assert pack_element(0xFFFEE00D, b"", b"", encoding_of(IMPLICIT_LITTLE)) in delimited
    assert found_in(clear_in_memory(opened(delimited), route)) == found_in(
        clear_in_memory(opened(data), route)
    )
