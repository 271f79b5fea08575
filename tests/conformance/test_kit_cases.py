"""The hand-made cases: each says something, is refused where it does not, and finds out an engine that copies."""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conformance.kit import judge_handmade
from conformance.kit.cases import Numbers
from conformance.kit.engines import Command
from conformance.kit.handmade import CaseError, HandMade, load
from conformance.kit.run import HAND_MADE
from conformance.kit.settle import Runner

if TYPE_CHECKING:
    from conformance.kit.judge import Verdict

TOYS = Path(__file__).with_name("toy_engines.py")
CASES = sorted(path.parent for path in HAND_MADE.glob("*/case.toml"))


def judged(engine: str, case: HandMade, numbers: Numbers) -> list[Verdict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = {each.number: (str(each.dataset.SOPClassUID), each.data) for each in case.instances}
        ran, found, _ = Runner(Command(engine), numbers).once(files, ())
        return judge_handmade.judge(case, found, f"no output ({ran.note})")


def made(folder: Path, numbers: Numbers) -> HandMade:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load(folder, numbers, 1)


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: str(folder.name))
def test_a_case_has_its_reason_and_finds_out_a_copy(folder: Path) -> None:
    numbers = Numbers()
    case = made(folder, numbers)
    verdicts = judged("cp -r {in}/. {out}", case, numbers)

    assert len(case.reason) > 20
    assert "PS3." in case.source
    assert any(not verdict.passed for verdict in verdicts)
    assert "nothing was planted" not in {verdict.found for verdict in verdicts}
    assert [v.line for v in verdicts] == judge_handmade.key(case), (
        "the answer key has the lines that are judged"
    )


@pytest.mark.parametrize("name", ["descriptions-cleaned", "annotations-cleaned", "code-meanings"])
def test_taking_everything_away_is_no_cleaning(name: str) -> None:
    numbers = Numbers()
    case = made(HAND_MADE / name, numbers)
    verdicts = judged(f"{sys.executable} {TOYS} without_texts {{in}} {{out}}", case, numbers)

    wrong = {each.line.action for each in verdicts if not each.passed}
    assert wrong & {"text_retained", "text_notnull"}


def test_there_are_cases_for_slides_and_what_comes_with_them() -> None:
    assert len(CASES) >= 15


def test_an_engine_that_lets_nothing_out_passes_no_case_not_even_what_may_be_dropped() -> None:
    numbers = Numbers()
    case = made(HAND_MADE / "label-and-barcode", numbers)
    verdicts = judged("true {in} {out}", case, numbers)

    assert verdicts
    assert not any(verdict.passed for verdict in verdicts)


def test_a_label_that_does_not_leave_is_hidden_and_retains_nothing() -> None:
    numbers = Numbers()
    case = made(HAND_MADE / "label-and-barcode", numbers)
    labels = " ".join(f"{{out}}/{each.number:06}.dcm" for each in case.instances[3:])
    verdicts = judged(f"sh -c 'cp -r {{in}}/. {{out}} && rm {labels}'", case, numbers)

    assert all(verdict.passed for verdict in verdicts)
    assert {v.found for v in verdicts if v.line.action == "pixels_hidden"} == {"left out, as it may be"}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('action = "text_removed"', 'action = "text_vanished"', "text_vanished"),
        ('object = "slide"', 'object = "slide"\nreasons = "x"', "reasons"),
        ('path = "preamble"\nvalue', 'path = "NoKeyword"\nvalue', "NoKeyword"),
        ("source =", "sources =", "sources"),
        ('object = "slide"', 'object = "slide"\noptions = ["keep-all"]', "keep-all"),
    ],
)
def test_a_case_that_means_nothing_is_refused_by_its_word(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    shutil.copytree(HAND_MADE / "preamble", tmp_path / "preamble")
    path = tmp_path / "preamble" / "case.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(CaseError, match=named):
        made(tmp_path / "preamble", Numbers())
