"""The result for people and for machines: a summary, a table with a line a row, and one JSON document."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from conformance.kit import sheets, tables
from conformance.kit.expect import ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conformance.kit.judge import Verdict
    from conformance.kit.run import Result

FIRST = 20
ACKNOWLEDGEMENT = f"DICOM PS3.15 {tables.EDITION} Tables E.1-1, E.3.4-1 and E.3.10-1, (c) NEMA"


def scores(verdicts: Iterable[Verdict]) -> dict[str, tuple[int, int]]:
    """Return passed and total by action, in the order of ACTIONS; an action that nothing asked for is left out."""
    total, passed = Counter[str](), Counter[str]()
    for verdict in verdicts:
        total[verdict.line.action] += 1
        passed[verdict.line.action] += verdict.passed
    return {action: (passed[action], total[action]) for action in ACTIONS if total[action]}


def percent(passed: int, total: int) -> str:
    """Return a share that says 100 only when it is all."""
    if not total:
        return "-"
    return "100 %" if passed == total else f"{min(passed / total * 100, 99.99):.2f} %"


def groups(failures: Iterable[Verdict]) -> Counter[str]:
    """Count failures that are alike: one line each, whatever the encoding."""
    return Counter(
        f"{tables.label(verdict.line.option)}: {verdict.line.path or verdict.line.row} {verdict.line.action}: "
        f"{verdict.found} (expected {verdict.line.expected or 'so'}; {verdict.line.why})"
        for verdict in failures
    )


def summary(result: Result) -> str:
    """Return what stands on the screen at the end."""
    lines = [
        f"{action:17} {passed:6} of {total:6}  {percent(passed, total)}"
        for action, (passed, total) in scores(result.verdicts).items()
    ]
    passed = len(result.verdicts) - len(result.failures)
    lines.append(
        f"{'score':17} {passed:6} of {len(result.verdicts):6}  {percent(passed, len(result.verdicts))}"
    )
    if accepted := sum(verdict.found == "removed (not in the IOD)" for verdict in result.verdicts):
        lines.append(
            f"passed as removed though kept by an option, for the IOD has them not there: {accepted}"
        )
    lines += [f"not tested: {what}" for what in result.untested]
    alike = groups(result.failures)
    lines += [f"failed {count}x  {words}" for words, count in alike.most_common(FIRST)]
    if len(alike) > FIRST:
        lines.append(f"and {len(alike) - FIRST} more kinds of failure: --json and --table have all of them")
    return "\n".join(lines) + "\n"


def table(result: Result) -> str:
    """Return Markdown: a line for each row of Table E.1-1, a column for each option, passed of total in a cell."""
    cells: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in result.verdicts:
        cells[verdict.line.row, verdict.line.option].append(verdict)
    used = {option for row, option in cells if not row.startswith(sheets.FURTHER)}
    asked = ("", *tables.OPTIONS, *sorted(each for each in used if tables.TOGETHER in each))
    options = [option for option in asked if option in used]
    lines = [
        f"Passed of all lines of the answer key, by row and option. {ACKNOWLEDGEMENT}.\n",
        "| tag | name | " + " | ".join(map(tables.label, options)) + " | what failed |",
        "|---|---|" + "---|" * len(options) + "---|",
    ]
    for row in tables.rows():
        verdicts = [cells[row.selector, option] for option in options]
        counted = (_cell(row.code(option), each) for option, each in zip(options, verdicts, strict=True))
        failed = _alike([verdict for each in verdicts for verdict in each])
        lines.append(f"| {_tag(row.selector)} | {row.name} | {' | '.join(counted)} | {failed} |")
    others = sorted({row for row, _ in cells if row.startswith("case ")})
    if others:
        lines += ["", "| hand-made case | passed | what failed |", "|---|---|---|"]
    for name in others:
        own = [each for (row, _), found in cells.items() if row == name for each in found]
        alike = Counter(f"{v.line.path} {v.line.action}: {v.found}" for v in own if not v.passed)
        words = "; ".join(word for word, _ in alike.most_common(3))
        lines.append(f"| {name.removeprefix('case ')} | {_count(own)} | {words} |")
    lines += _further(cells)
    whole = [each for (row, _), found in cells.items() if not row for each in found]
    lines += ["", f"Of whole files (flags, Patient ID, pixels): {_count(whole)}."]
    lines += ["", "Not tested:", "", *(f"- {what}" for what in result.untested)] if result.untested else []
    return "\n".join(lines) + "\n"


def _further(cells: dict[tuple[str, str], list[Verdict]]) -> list[str]:
    """Return a line for each row of the other tables, by the options it was asked for under."""
    lines = [
        f"| {row} | {tables.label(option)} | {_count(found)} | {_alike(found)} |"
        for (row, option), found in sorted(cells.items())
        if row.startswith(sheets.FURTHER)
    ]
    head = ["", "| row of another table | options | passed | what failed |", "|---|---|---|---|"]
    return [*head, *lines] if lines else []


def _alike(verdicts: list[Verdict]) -> str:
    wrong = Counter(f"{each.line.action}: {each.found}" for each in verdicts if not each.passed)
    return "; ".join(words for words, _ in wrong.most_common(3))


def _tag(selector: str) -> str:
    return selector if selector == "PRIVATE" else f"({selector[:4]},{selector[4:].ljust(4, 'X')})"


def _count(verdicts: list[Verdict]) -> str:
    return f"{sum(each.passed for each in verdicts)}/{len(verdicts)}"


def _cell(code: str | None, verdicts: list[Verdict]) -> str:
    if code is None:
        return ""
    return f"{code} {_count(verdicts)}" if verdicts else f"{code} not tested"


def document(result: Result, engine: str, seed: int) -> dict[str, Any]:
    """Return everything for machines; verdicts in full."""
    return {
        "engine": engine,
        "edition": tables.EDITION,
        "acknowledgement": ACKNOWLEDGEMENT,
        "seed": seed,
        "runs": result.runs,
        "passed": len(result.verdicts) - len(result.failures),
        "total": len(result.verdicts),
        "scores": {
            action: {"passed": passed, "total": total}
            for action, (passed, total) in scores(result.verdicts).items()
        },
        "untested": result.untested,
        "verdicts": [{**asdict(v.line), "passed": v.passed, "found": v.found} for v in result.verdicts],
    }
