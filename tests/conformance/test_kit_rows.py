"""Tables E.3.4-1 and E.3.10-1 in the kit: every row is asked for, bad engines are found out, dicomanon passes all."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset

from conformance.kit import cases, content_rows, private_rows, report, sheets, tables
from conformance.kit.engines import Command
from conformance.kit.expect import ABSENT, CHANGED, SAME
from conformance.kit.run import Plan, Result, run

if TYPE_CHECKING:
    from conformance.kit.judge import Verdict

REPOSITORY = Path(__file__).resolve().parents[2]
TOYS = Path(__file__).with_name("toy_engines.py")
ENGINE = f"{sys.executable} -m dicomanon deid {{in}} --out {{out}} --profile basic --no-sync {{options}}"
CONTENT, PRIVATE = "E.3.4-1", "E.3.10-1"
ALONE = Plan(("clean-structured-content",), ("explicit",), (0, 1), None)
DATES = Plan(("clean-structured-content", "retain-modified-dates"), ("explicit",), (1,), None)
SAFE = Plan(("retain-safe-private",), ("explicit",), (0, 1), None)


def asked(what: str, plan: Plan) -> Result:
    return run(Command(f"{sys.executable} {TOYS} {what} {{in}} {{out}} {{options}}"), plan)


def of(result: Result, table: str, action: str = "") -> list[Verdict]:
    """Return the verdicts on rows of a table, of one action or of all."""
    return [
        each
        for each in result.verdicts
        if each.line.row.startswith(table) and action in {"", each.line.action}
    ]


def passed(verdicts: list[Verdict]) -> set[bool]:
    return {each.passed for each in verdicts}


def test_every_row_of_the_table_is_asked_for() -> None:
    items = content_rows.items()
    rows = {item.row for item in items}
    private = [element for element in private_rows.elements() if "beside" not in element.row]

    assert len(tables.concepts()) == 214 + 33
    assert len(rows) == 214 + 33 + 2
    assert {"E.3.4-1 121008 DCM PNAME", "E.3.4-1 DF-0070B SNM3 DATETIME"} <= rows
    assert (
        len(private) + len(private_rows.untested(["retain-safe-private"]))
        == len(tables.safe_private())
        == 479
    )
    assert all(item.expected for item in (*items, *private))


def test_every_option_with_a_cell_in_a_row_is_asked_for_together() -> None:
    plan = Plan(encodings=("explicit",), depths=(0,))
    made = content_rows.make(plan.options, plan, cases.Numbers())
    count = {batch[0].option.rpartition("+")[2]: len(batch[0].plantings) - 2 for batch in made}
    cells = {
        keyword: sum(column in concept.options for concept in tables.concepts())
        for keyword, (column, _) in tables.OPTIONS.items()
    }

    assert count.pop("clean-structured-content") == 247
    assert count == {keyword: number for keyword, number in cells.items() if number}
    assert len(count) == 7


def test_options_that_are_not_all_chosen_are_left_out() -> None:
    def made(*options: str) -> list[str]:
        batches = content_rows.make(options, ALONE, cases.Numbers())
        return [batch[0].option for batch in batches + private_rows.make(options, ALONE, cases.Numbers())]

    together = "clean-structured-content+retain-uids"
    assert made("", "retain-uids") == []
    assert made("clean-structured-content") == ["clean-structured-content"]
    assert made(together) == [together]
    assert made("clean-structured-content", "retain-uids") == ["clean-structured-content", together]
    assert made("retain-safe-private") == ["retain-safe-private"]


@pytest.mark.parametrize(
    ("row", "other", "wanted"),
    [
        ("121022 DCM TEXT", "basic", {"text_removed"}),
        ("121008 DCM PNAME", "basic", {"text_removed", "text_notnull"}),
        ("121126 DCM UIDREF", "basic", {"uid_changed"}),
        ("121126 DCM UIDREF", "retain-uids", {"text_retained"}),
        ("126201 DCM DATE", "retain-modified-dates", {"date_shifted"}),
        ("126202 DCM TIME", "retain-modified-dates", {"tag_retained"}),
        ("113723 DCM DATETIME", "retain-modified-dates", {"text_removed"}),
        ("121106 DCM TEXT", "clean-descriptors", {"text_removed"}),
    ],
)
def test_a_code_of_the_table_is_asked_for_as_it_reads(row: str, other: str, wanted: set[str]) -> None:
    (item,) = (each for each in content_rows.items(other) if each.row == f"E.3.4-1 {row}")

    assert {each.action for each in item.expected} == wanted


def test_a_copy_removes_no_row_and_retains_what_stands_beside() -> None:
    result = asked(
        "copied", Plan(("clean-structured-content", "retain-safe-private"), ("implicit",), (2,), None)
    )

    for table, least in ((CONTENT, 200), (PRIVATE, 40)):
        assert len(of(result, table, "text_removed")) > least
        assert passed(of(result, table, "text_removed")) == {False}
        assert passed(of(result, table, "text_retained")) == {True}
    assert passed(of(result, CONTENT, "uid_changed")) == {False}
    assert passed(of(result, PRIVATE, "tag_retained")) == {True}


def test_dates_of_content_that_did_not_move_are_found() -> None:
    shifted = of(asked("copied", DATES), CONTENT, "date_shifted")

    assert len(shifted) > 40
    assert passed(shifted) == {False}


def test_a_tree_that_is_gone_does_not_get_everything_right() -> None:
    result = asked("no_content", ALONE)

    assert passed(of(result, CONTENT, "text_removed")) == {True}
    assert {each.line.row for each in of(result, CONTENT) if not each.passed} == {
        "E.3.4-1 beside: 121071 DCM CODE",
        "E.3.4-1 beside: 410668003 SCT NUM",
    }


def test_a_retired_code_that_is_not_recognised_is_found() -> None:
    wrong = {each.line.row for each in of(asked("current_concepts", ALONE), CONTENT) if not each.passed}

    assert "E.3.4-1 398164008 SCT DATETIME" not in wrong
    assert {f"E.3.4-1 DF-0070B {scheme} DATETIME" for scheme in ("SRT", "SNM3", "99SDM")} <= wrong


def test_an_engine_that_drops_everything_private_retains_no_safe_row() -> None:
    result = asked("nothing_private", SAFE)

    kept = of(result, PRIVATE, "text_retained") + of(result, PRIVATE, "tag_retained")
    assert passed(kept) == {False}
    assert {each.found for each in kept} == {ABSENT}
    assert passed(of(result, PRIVATE, "text_removed")) == {True}


def test_an_engine_that_goes_by_the_number_of_the_block_is_found() -> None:
    result = asked("block_ten", SAFE)

    kept = [each for each in of(result, PRIVATE, "text_retained") if each.line.depth == 0]
    assert passed(kept) == {True, False}
    assert not any(each.passed for each in kept if "Philips Imaging DD 002" in each.line.row)
    unlisted = [each for each in of(result, PRIVATE, "text_removed") if "NQLeft" in each.line.row]
    assert passed(unlisted) == {False}


def test_a_row_that_an_engine_cannot_bear_costs_no_other_row() -> None:
    verdicts = of(asked("bears_no_report", ALONE), CONTENT)
    without = {each.line.row for each in verdicts if each.found.startswith("no output")}

    assert without == {f"E.3.4-1 G-C0E3 {scheme} TEXT" for scheme in ("SRT", "SNM3", "99SDM")}
    assert len({each.line.row for each in verdicts}) == 249


def test_an_engine_that_lets_nothing_out_fails_every_row_by_name() -> None:
    result = asked("writes_nothing", ALONE)

    assert result.runs == 1
    assert {each.found for each in of(result, CONTENT)} == {"no output (exit code 0)"}


def test_the_answer_key_and_the_table_have_the_rows(tmp_path: Path) -> None:
    plan = Plan(("clean-structured-content", "retain-safe-private"), ("explicit",), (0,), None, tmp_path)
    result = asked("copied", plan)
    lines = json.loads((tmp_path / "answer-key.json").read_text())
    page = report.table(result)

    key = sorted((line["row"], line["action"]) for line in lines if line["row"].startswith(sheets.FURTHER))
    assert key == sorted((each.line.row, each.line.action) for each in of(result, sheets.FURTHER))
    assert {line["instance"] for line in lines} == {path.name for path in tmp_path.glob("*.dcm")}
    assert "| E.3.4-1 121008 DCM PNAME | clean-structured-content | 1/2 | text_removed: same |" in page
    assert "+" not in page.partition("\n|---")[0]


def test_a_safe_element_is_found_in_whichever_block_its_creator_is() -> None:
    element = next(each for each in private_rows.elements() if each.row.endswith("DD 001 (2001,xx03) FL"))
    elsewhere, other, unknown = Dataset(), Dataset(), Dataset()
    replace(element, place=5).plant(elsewhere, 0)
    replace(element, value=7.0).plant(other, 0)
    replace(element, creator="SOMEBODY").plant(unknown, 0)

    assert element.outcome(elsewhere, 0)[0] == SAME
    assert element.outcome(other, 0)[0] == CHANGED
    assert element.outcome(unknown, 0)[0] == ABSENT


def test_dicomanon_passes_every_row_of_both_tables() -> None:
    plan = Plan(tuple(tables.OPTIONS), ("implicit", "undefined"), (0, 2), None)
    result = run(Command(ENGINE), plan)

    for table, least in ((CONTENT, 2000), (PRIVATE, 2000)):
        assert len(of(result, table)) > least
        assert [each for each in of(result, table) if not each.passed] == []
