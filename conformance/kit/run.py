"""A whole run: a probe, the generated cases of each option, the hand-made ones, and one result."""

from __future__ import annotations

import json
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.kit import (
    cases,
    content_rows,
    generate,
    handmade,
    judge,
    judge_handmade,
    objects,
    private_rows,
    sheets,
    tables,
    write,
)
from conformance.kit.cases import Line
from conformance.kit.judge import Verdict
from conformance.kit.settle import Runner, Settled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from conformance.kit.cases import Case, Numbers
    from conformance.kit.engines import Engine
    from conformance.kit.sheets import Sheet

HAND_MADE = Path(__file__).resolve().parents[1] / "cases"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run tests; `seed` makes the same files each time."""

    options: tuple[str, ...] = (tables.BASIC, *tables.OPTIONS, *tables.COMBINED)
    encodings: tuple[str, ...] = generate.ENCODINGS
    depths: tuple[int, ...] = generate.DEPTHS
    hand_made: Path | None = HAND_MADE
    keep: Path | None = None
    seed: int = 1


@dataclass(slots=True)
class Result:
    """All verdicts, what was not tested and why, and the number of runs of the engine."""

    verdicts: list[Verdict] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    runs: int = 0

    @property
    def failures(self) -> list[Verdict]:
        """Verdicts that failed."""
        return [verdict for verdict in self.verdicts if not verdict.passed]


def run(engine: Engine, plan: Plan, say: Callable[[str], None] = lambda _: None) -> Result:
    """Test an engine; one that lets nothing out at all fails every line without being asked again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library warns of planted values, which are meant
        return _run(engine, plan, say)


def _run(engine: Engine, plan: Plan, say: Callable[[str], None]) -> Result:
    result, numbers = Result(), cases.Numbers()
    options = plan.options if engine.options else tuple(o for o in plan.options if not o)
    result.untested += [f"{option}: the engine takes no options" for option in plan.options[len(options) :]]
    result.untested += [
        f"({row.selector[:4]},{row.selector[4:]}) {row.name}: a command element, no file has it"
        for row in tables.rows()
        if row.tag in generate.NOT_IN_A_FILE
    ]
    result.untested.append("(0004,1511) in a DICOMDIR: planted where it has to go, in instances")
    result.untested += [
        f"({row.selector[:4]},{row.selector[4:]}) {row.name}, {tables.label(option)}: they say {' and '.join(codes)}"
        for option in options
        for row in tables.rows()
        if len(codes := sorted(row.codes(option))) > 1
    ]
    batches = {
        option: cases.make([option], plan.encodings, plan.depths, numbers, plan.seed) for option in options
    }
    made = _hand_made(engine, plan, numbers, result)
    further = [*content_rows.make(options, plan, numbers), *private_rows.make(options, plan, numbers)]
    result.untested += private_rows.untested(options)
    if plan.keep:
        generated = [case for batch in batches.values() for case in batch]
        _keep(plan.keep, generated, [sheet for batch in further for sheet in batch], made)
    runner = Runner(engine, numbers)
    refusal = _probe(runner, numbers, plan)
    for option, batch in batches.items():
        say(f"{tables.label(option)}: {sum(len(case.plantings) for case in batch)} plantings")
        settled = [Settled(case, None, refusal) for case in batch] if refusal else runner.settle(batch)
        result.verdicts += judge.judge(settled)
    for rows in further:
        say(f"{sheets.title(rows)}: {sum(len(sheet.plantings) for sheet in rows)} plantings")
        laid = [Settled(sheet, None, refusal) for sheet in rows] if refusal else runner.settle(rows)
        result.verdicts += sheets.judged(laid)
    for case in made:
        say(f"case {case.name}")
        result.verdicts += _judged(runner, case, refusal)
    for said, chosen in runner.strays.items():
        line = Line(
            0, "", "outputs", "text_removed", "absent", "nothing of a source leaves", option=" ".join(chosen)
        )
        result.verdicts.append(Verdict(line, passed=False, found=said))
    result.runs = runner.runs
    return result


def _hand_made(engine: Engine, plan: Plan, numbers: Numbers, result: Result) -> list[handmade.HandMade]:
    if plan.hand_made is None:
        return []
    folders = sorted(path.parent for path in plan.hand_made.glob("*/case.toml"))
    made = [handmade.load(folder, numbers, plan.seed) for folder in folders]
    result.untested += [
        f"case {case.name}: the engine takes no options"
        for case in made
        if case.options and not engine.options
    ]
    return [case for case in made if engine.options or not case.options]


def _judged(runner: Runner, case: handmade.HandMade, refusal: str) -> list[Verdict]:
    if refusal:
        return judge_handmade.judge(case, {}, refusal)
    files = {each.number: (str(each.dataset.SOPClassUID), each.data) for each in case.instances}
    ran, found, damaged = runner.once(files, case.options)
    reason = f"damaged output: {damaged[0]}" if damaged else f"no output ({ran.note})"
    return judge_handmade.judge(case, found, reason)


def _probe(runner: Runner, numbers: Numbers, plan: Plan) -> str:
    """Return why a plain slide with nothing planted does not come out, or nothing."""
    number = numbers.next()
    data = write.encoded(objects.base(generate.WSI, number, plan.seed), "explicit")
    ran, found, damaged = runner.once({number: (generate.WSI, data)}, ())
    if number in found:
        return ""
    return f"damaged output: {damaged[0]}" if damaged else f"no output ({ran.note})"


def _keep(
    folder: Path, generated: Sequence[Case], further: Sequence[Sheet], made: Sequence[handmade.HandMade]
) -> None:
    """Write the files, and beside them the answer key."""
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[Line] = []
    for case in generated:
        (folder / case.name).write_bytes(case.content())
        lines += cases.key(case)
    for sheet in further:
        (folder / sheet.name).write_bytes(sheet.content())
        lines += sheets.key(sheet)
    for each in made:
        lines += judge_handmade.key(each)
        for instance in each.instances:
            (folder / f"{instance.number:06}.dcm").write_bytes(instance.data)
    text = json.dumps([asdict(line) for line in lines], indent=1)
    (folder / "answer-key.json").write_text(text + "\n", encoding="utf-8")
