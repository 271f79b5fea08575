"""The kit against engines that are known to be bad: each is found out, by name."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.kit import cases, objects, report, tables
from conformance.kit.__main__ import main
from conformance.kit.engines import Command, EngineError, Node
from conformance.kit.expect import GONE
from conformance.kit.generate import WSI, plantings
from conformance.kit.run import Plan, Result, run
from conformance.kit.settle import Output, match
from tests.parsed import parsed

if TYPE_CHECKING:
    from conformance.kit.judge import Verdict

REPOSITORY = Path(__file__).resolve().parents[2]
TOYS = Path(__file__).with_name("toy_engines.py")
SMALL = Plan(options=("",), encodings=("explicit",), hand_made=None)


def asked(what: str, plan: Plan = SMALL, *, seconds: float = 60) -> Result:
    return run(Command(f"{sys.executable} {TOYS} {what} {{in}} {{out}} {{options}}", seconds=seconds), plan)


def failed(result: Result, action: str) -> tuple[int, int]:
    passed, total = report.scores(result.verdicts)[action]
    return total - passed, total


def found(verdicts: list[Verdict]) -> set[str]:
    return {verdict.found for verdict in verdicts if not verdict.passed}


def test_an_engine_that_copies_removes_nothing_and_keeps_all() -> None:
    result = asked("copied")

    wrong, total = failed(result, "text_removed")
    assert total > 1500
    assert wrong == total
    assert failed(result, "uid_changed")[0] == failed(result, "uid_changed")[1]
    assert failed(result, "tag_retained")[0] == 0
    assert failed(result, "pixels_retained")[0] == 0


def test_an_engine_that_leaves_pixels_alone_loses_every_tag_the_iod_demands() -> None:
    result = asked("picture_alone")

    kept = [v for v in result.verdicts if v.line.action == "tag_retained" and GONE not in v.line.expected]
    assert len(kept) > 30
    assert not any(verdict.passed for verdict in kept)
    slide = [v for v in result.verdicts if v.line.action == "text_removed" and v.passed]
    assert len(slide) > 1000
    assert failed(result, "pixels_retained")[0] == 0


def test_an_engine_with_new_uids_for_each_file_is_not_consistent() -> None:
    plan = Plan(options=("",), hand_made=None)
    result = asked("random_uids", plan)

    wrong, total = failed(result, "uid_consistent")
    assert total > 50
    assert wrong == total
    unchanged = {v.line.row for v in result.failures if v.line.action == "uid_changed"}
    assert unchanged == {"0018100B", "00020003", "00080018"}, (
        "what this engine takes for a class, and group 2"
    )
    assert found([v for v in result.verdicts if v.line.action == "uid_consistent"]) == {
        "several new UIDs for one"
    }


def test_an_engine_with_one_uid_for_all_is_not_consistent_either() -> None:
    result = asked("one_uid", Plan(options=("",), hand_made=None))

    assert found([v for v in result.verdicts if v.line.action == "uid_consistent"]) == {
        "one new UID for several"
    }


def test_dates_that_move_differently_in_each_instance_are_found() -> None:
    plan = Plan(options=("retain-modified-dates",), depths=(0,), hand_made=None)
    result = asked("dates_by_instance", plan)

    assert failed(result, "date_shifted")[0] > failed(result, "date_shifted")[1] * 0.5
    assert "moved by other days" in found(result.verdicts)


def test_an_engine_that_paints_everything_black_retains_no_pixels() -> None:
    result = asked("blackened")

    assert failed(result, "pixels_retained")[0] > 0
    assert failed(result, "pixels_retained")[0] == failed(result, "pixels_retained")[1]


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("crashes", "no output (killed by signal 6)"),
        ("writes_nothing", "no output (exit code 0)"),
        ("cuts_off", "damaged output: "),
        ("never_ends", "no output (stopped after 1 seconds)"),
    ],
)
def test_an_engine_that_brings_nothing_fails_every_line_and_is_asked_once(what: str, named: str) -> None:
    result = asked(what, Plan(options=("",)), seconds=1 if what == "never_ends" else 60)

    assert result.runs == 1
    assert result.verdicts
    assert result.failures == result.verdicts
    lines = [verdict for verdict in result.verdicts if verdict.line.path != "outputs"]
    assert all(verdict.found.startswith(named) for verdict in lines)


@pytest.mark.parametrize("what", ["skips_one_attribute", "fails_at_one_attribute"])
def test_one_attribute_that_an_engine_cannot_bear_costs_no_other_row(what: str) -> None:
    plan = Plan(options=("retain-institution-identity",), encodings=("explicit", "implicit"), hand_made=None)
    result = asked(what, plan)

    without = [v for v in result.verdicts if v.found.startswith("no output") and v.line.row]
    assert {(verdict.line.row, verdict.line.depth) for verdict in without} == {("00080080", 0)}
    assert len({verdict.line.row for verdict in result.verdicts if verdict.line.row}) == 10


def test_the_command_line_tells_passed_from_failed_from_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = f"{sys.executable} {TOYS} copied {{in}} {{out}}"
    small = ["--options", "basic", "--depths", "0", "--encodings", "explicit", "--no-cases"]
    files = ["--table", str(tmp_path / "rows.md"), "--json", str(tmp_path / "all.json")]

    assert main(["--engine", engine, *small, *files, "--keep", str(tmp_path / "kept")]) == 1
    assert "score" in capsys.readouterr().out
    assert main(["--engine", "no-such-program {in} {out}", *small]) == 2
    assert main(["--engine", "cp {in}", *small]) == 2
    for words in (["--options", "retain-all"], ["--encodings", "big"], ["--depths", "3"]):
        with pytest.raises(SystemExit) as wrong:
            main(["--engine", engine, *words])
        assert wrong.value.code == 2

    table = (tmp_path / "rows.md").read_text()
    document = json.loads((tmp_path / "all.json").read_text())
    key = json.loads((tmp_path / "kept" / "answer-key.json").read_text())
    assert table.count("\n| (") + table.count("\n| PRIVATE") == 657
    assert document["total"] == len(document["verdicts"])
    assert document["passed"] < document["total"]
    assert {line["action"] for line in key} >= {"text_removed", "tag_retained", "uid_changed"}
    assert {line["instance"] for line in key} == {path.name for path in (tmp_path / "kept").glob("*.dcm")}


def test_a_run_that_tested_nothing_is_no_success() -> None:
    nothing = ["--options", "retain-uids", "--no-cases", "--engine", "cp {in} {out}"]

    assert main(nothing) == 1


def test_every_row_is_planted_under_the_basic_profile_and_under_each_of_its_options() -> None:
    basic = {planting.row.selector for planting in plantings("")}
    assert len(basic) == 655  # 657 without the two command elements
    assert {planting.depth for planting in plantings("")} == {0, 1, 2}
    assert len(list(plantings("retain-full-dates"))) == 169 * 3
    assert len(list(plantings("clean-descriptors"))) == 141 * 3
    elsewhere = {p.sop_class for p in plantings("") if p.places and p.sop_class != WSI}
    assert len(elsewhere) > 8


@pytest.mark.parametrize("option", ["", "retain-uids", tables.COMBINED[0]])
def test_methods_that_are_named_have_to_be_those_that_were_asked_for(option: str) -> None:
    result = asked(
        "says_basic", Plan(options=(option,), encodings=("explicit",), depths=(0,), hand_made=None)
    )
    verdicts = [each for each in result.verdicts if each.line.path == cases.METHODS]

    assert len(verdicts) > 3
    assert all(each.passed == (not option) for each in verdicts)


def test_options_are_asked_for_together_and_what_they_leave_open_is_named() -> None:
    moved = tables.COMBINED[0]
    result = asked("crashes", Plan(options=(moved,), encodings=("explicit",), depths=(0,), hand_made=None))
    codes = {planting.row.selector: planting.code for planting in plantings(moved, (0,))}

    assert codes["00100040"] == "K"
    assert codes["00080020"] == "C"
    assert codes["00100010"] == "Z"
    assert "00181204" not in codes
    opened = [said for said in result.untested if "all options with retain-modified-dates" in said]
    assert len(opened) == 11
    assert (
        "(0018,1204) Date of Manufacture, all options with retain-modified-dates: they say C and K" in opened
    )


@pytest.mark.parametrize(
    ("address", "title"), [("dicom://GATE@localhost:1", "GATE"), ("dicom://localhost:1", "ANY-SCP")]
)
def test_a_node_is_reached_with_a_title_or_without(address: str, title: str) -> None:
    node = Node(address)
    try:
        assert (node.title, node.host, node.remote) == (title, "localhost", 1)
    finally:
        node.close()


def test_the_template_needs_its_two_folders() -> None:
    with pytest.raises(EngineError):
        Command("cp {in} out")


def test_the_kit_shares_no_code_with_the_engine_beside_it() -> None:
    for path in (REPOSITORY / "conformance" / "kit").rglob("*.py"):
        for node in ast.walk(parsed(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "dicomanon" for name in names), path.name


def test_what_comes_late_from_another_run_is_not_taken_for_this_one() -> None:
    slide, report_class = WSI, "1.2.840.10008.5.1.4.1.1.88.22"
    late = Output(objects.base(slide, 7), 1, frozenset(), b"")
    mine = Output(objects.base(slide, 9), 1, frozenset(), b"")
    bare = Output(objects.base(report_class, 8), 1, frozenset(), b"")
    del late.dataset.InstanceNumber, bare.dataset.InstanceNumber

    assert match([late, bare], {9: slide, 8: report_class}) == {8: bare}
    assert match([late, mine, bare], {9: slide, 8: report_class}) == {9: mine, 8: bare}


def test_a_program_for_one_file_is_run_for_each(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    for name in ("a", "b"):
        (source / name).write_text(name)
    command = [sys.executable, "-m", "conformance.kit.one_by_one", str(source), str(out)]
    command += ["cp", "{file}", "{target}"]

    done = subprocess.run(command, cwd=REPOSITORY, check=False)
    broken = subprocess.run([*command[:-3], "false"], cwd=REPOSITORY, check=False)

    assert sorted(path.read_text() for path in out.iterdir()) == ["a", "b"]
    assert (done.returncode, broken.returncode) == (0, 1)


def test_what_says_most_of_a_value_still_says_it() -> None:
    result = asked("scratched")

    told = [v for v in result.verdicts if v.line.action == "text_removed" and v.line.row == "00100010"]
    assert told
    assert not any(verdict.passed for verdict in told)
    assert failed(result, "uid_changed")[0] == failed(result, "uid_changed")[1]


def test_dates_that_did_not_move_have_not_been_shifted() -> None:
    result = asked(
        "still_dates", Plan(options=("retain-modified-dates",), encodings=("explicit",), hand_made=None)
    )

    wrong, total = failed(result, "date_shifted")
    assert wrong == total


def test_a_patient_s_id_in_any_other_place_is_found() -> None:
    wrong, total = failed(asked("hidden_patient"), "patid_consistent")

    assert total > 10
    assert wrong == total


def test_an_original_beside_the_outputs_is_found() -> None:
    command = f"{sys.executable} {TOYS} picture_alone {{in}} {{out}} beside"
    result = run(Command(command), Plan(options=("",), encodings=("explicit",), depths=(0,), hand_made=None))

    assert "a further DICOM file beside the outputs holds what was planted" in found(result.verdicts)
