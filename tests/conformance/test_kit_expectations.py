"""What the kit expects, read off the standard by hand: code, Type and place."""

from __future__ import annotations

import pytest

from conformance.kit import tables
from conformance.kit.expect import ABSENT, CHANGED, EMPTY, GONE, SAME, expectations
from conformance.kit.generate import WSI, Planting, plantings


def planting(keyword: str, option: str = "", depth: int = 0) -> Planting:
    tag = tables.tag_of(keyword)
    (found,) = [p for p in plantings(option, (depth,)) if p.tag == tag]
    return found


def expected(keyword: str, option: str = "", depth: int = 0) -> dict[str, set[str]]:
    return {each.action: set(each.passes) for each in expectations(planting(keyword, option, depth))}


@pytest.mark.parametrize(
    ("keyword", "wanted"),
    [
        # X, Type 3: gone.
        ("StudyDescription", {"text_removed": {ABSENT}}),
        # Z, Type 2: there, and empty or a dummy.
        (
            "AccessionNumber",
            {"text_removed": {ABSENT, EMPTY, CHANGED}, "tag_retained": {EMPTY, SAME, CHANGED}},
        ),
        # D, Type 1: there, and not empty.
        (
            "ContainerIdentifier",
            {
                "text_removed": {ABSENT, EMPTY, CHANGED},
                "tag_retained": {EMPTY, SAME, CHANGED},
                "text_notnull": {SAME, CHANGED},
            },
        ),
        # X/Z/D, Type 1 in the slide.
        (
            "AcquisitionDateTime",
            {
                "text_removed": {ABSENT, EMPTY, CHANGED},
                "tag_retained": {EMPTY, SAME, CHANGED},
                "text_notnull": {SAME, CHANGED},
            },
        ),
        # X/Z, Type 3: gone.
        ("AcquisitionDate", {"text_removed": {ABSENT}}),
        # U, Type 1.
        (
            "StudyInstanceUID",
            {
                "uid_changed": {CHANGED},
                "tag_retained": {EMPTY, SAME, CHANGED},
                "text_notnull": {SAME, CHANGED},
            },
        ),
    ],
)
def test_codes_with_a_choice_are_decided_by_the_type(keyword: str, wanted: dict[str, set[str]]) -> None:
    assert planting(keyword).sop_class == WSI
    assert expected(keyword) == wanted


def test_what_the_iod_does_not_have_may_go_even_where_an_option_keeps_it() -> None:
    assert planting("PatientSex", "retain-patient-characteristics", 2).type is None
    assert expected("PatientSex", "retain-patient-characteristics", 2) == {"text_retained": {ABSENT, SAME}}
    assert expected("PatientSex", "retain-patient-characteristics") == {"text_retained": {SAME}}


def test_dates_under_modified_dates_have_to_move_and_texts_to_go() -> None:
    assert expected("StudyDate", "retain-modified-dates") == {"date_shifted": {CHANGED}}
    assert expected("StudyDate", "retain-full-dates") == {"text_retained": {SAME}}
    assert expected("TimezoneOffsetFromUTC", "retain-modified-dates") == {
        "text_removed": {ABSENT, EMPTY, CHANGED}
    }


def test_the_way_down_leads_through_items_of_the_iod() -> None:
    specimen = planting("SpecimenIdentifier", depth=1)

    assert specimen.sop_class == WSI
    assert specimen.type == "1"
    assert specimen.demanded
    assert [tables.keyword_of(tag) for tag in specimen.path] == [
        "SpecimenDescriptionSequence",
        "SpecimenIdentifier",
    ]


def test_an_item_that_stays_keeps_what_the_iod_demands_in_it() -> None:
    found = expected("SourceStrengthReferenceTime", depth=1)

    assert found["tag_retained"] == {EMPTY, SAME, CHANGED, GONE}
    assert found["text_notnull"] == {SAME, CHANGED, GONE}


def test_the_second_reading_of_the_table_is_the_standard_as_published() -> None:
    basic = [row.basic for row in tables.rows()]
    counts = {code: basic.count(code) for code in set(basic)}

    assert len(basic) == 657
    assert counts == {
        "X": 417,
        "D": 93,
        "U": 55,
        "Z": 42,
        "X/D": 23,
        "X/Z": 11,
        "X/Z/D": 8,
        "Z/D": 6,
        "X/Z/U*": 2,
    }
    cells = [tables.OPTIONS[option][0] for option in tables.OPTIONS]
    assert {column: sum(column in row.options for row in tables.rows()) for column in cells} == dict(
        zip(cells, (1, 60, 59, 10, 19, 169, 169, 141, 4, 4), strict=True)
    )
