"""Other de-identifiers under the kit, as they come: `python -m conformance.kit.peers` writes docs/peers.md.

The Basic Profile alone, default settings; a seed or a salt is given where a program takes one, so that a second run
gives the same figures. A program that is not installed is named as such.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.kit import cases, report, tables
from conformance.kit.engines import Command
from conformance.kit.expect import ACTIONS
from conformance.kit.run import Plan, run

if TYPE_CHECKING:
    from conformance.kit.run import Result

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = REPOSITORY / ".venv-peers" / "bin"
PYTHON = sys.executable
VALUE_LEFT = ("same", "stands in the file", "and its value stands in the file")
DCMANON = "import sys, dcmanon; open(sys.argv[2], 'wb').write(dcmanon.Anonymizer().anonymize(sys.argv[1]))"


@dataclass(frozen=True, slots=True)
class Peer:
    """A program: its name, its package (or how it tells its version), and its command for the kit."""

    name: str
    package: str
    command: str

    @property
    def version(self) -> str:
        """Version as installed, or an empty text where it is not installed."""
        if self.package == "Orthanc":
            program = shutil.which("Orthanc", path="/usr/sbin:/usr/bin:/usr/local/bin")
            if program is None:
                return ""
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
            return said.stdout.split()[1] if len(said.stdout.split()) > 1 else ""
        python = PYTHON if self.package == "dicomanon" else str(BIN / "python")
        ask = f"from importlib.metadata import version; print(version({self.package!r}))"
        try:
            said = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        except OSError:
            return ""
        return said.stdout.strip()

    @property
    def shown(self) -> str:
        """The command as the page has it: without folders of this machine."""
        return (
            self.command.replace(f"{BIN}/", "").replace(
                f"{PYTHON} -m conformance.kit.one_by_one", "one_by_one"
            )
        ).replace(PYTHON, "python")


PEERS = (
    Peer(
        "dicomanon",
        "dicomanon",
        f"{PYTHON} -m dicomanon deid {{in}} --out {{out}} --profile basic --no-sync",
    ),
    Peer("Orthanc", "Orthanc", f"{PYTHON} -m conformance.kit.orthanc {{in}} {{out}}"),
    Peer("pathsafe", "pathsafe", f"{BIN}/pathsafe deidentify {{in}} --output {{out}}"),
    Peer("dicom-anonymizer", "dicom-anonymizer", f"{BIN}/dicom-anonymizer {{in}} {{out}}"),
    Peer(
        "dcmanon",
        "dcmanon",
        f'{PYTHON} -m conformance.kit.one_by_one {{in}} {{out}} {BIN}/python -c "{DCMANON}" {{file}} {{target}}',
    ),
    Peer("dcm-anonymizer", "dcm-anonymizer", f"{BIN}/dcm-anon --quiet --salt kit {{in}} {{out}}"),
    Peer("dicognito", "dicognito", f"{BIN}/python -m dicognito --quiet --seed kit -o {{out}} {{in}}"),
)

INTRODUCTION = f"""# Peers under the kit

`make peers` writes this page: the [conformance kit](conformance.md) on the Basic Profile of PS3.15
{tables.EDITION}, each program with its default settings, on the same files. A program that does not set out to follow
PS3.15, or keeps more by its defaults on purpose, scores low here for that reason alone: this is no ranking of what the
programs are good for, and says nothing of what their settings could make of them. dicomanon is in the table because
the same kit is run on it; its profile `basic` is not its default. {report.ACKNOWLEDGEMENT}.

What a line of the tables means is in [conformance.md](conformance.md). *Values left*: lines of text_removed and
uid_changed where the planted value is still in the file, as against an attribute emptied or replaced where the table
says X.
"""
CLOSING = """
Columns differ in their totals: consistency is judged where two values are left to compare, and what a program leaves
out as a whole, as it may, is not asked what it retains. pixels_hidden is no part of the Basic Profile, and date_shifted
of none without options: it is not asked here. Most of what is planted in items lies in Specimen Description Sequence:
a program that takes that sequence away as a whole leaves little there, and loses what the IOD demands.
"""


def values_left(result: Result, depth: int | None = None) -> tuple[int, int]:
    """Return how many planted values stand in the output, and of how many; of a depth: generated ones alone."""
    lines = [
        verdict
        for verdict in result.verdicts
        if verdict.line.action in {"text_removed", "uid_changed"}
        and (depth is None or (verdict.line.depth == depth and not verdict.line.row.startswith("case ")))
    ]
    return sum(not each.passed and each.found.endswith(VALUE_LEFT) for each in lines), len(lines)


def shortfalls(result: Result) -> list[str]:
    """Say where an engine falls short, in figures of this run."""
    failures = result.failures
    kinds = Counter(verdict.line.action for verdict in failures)
    found = []
    places = enumerate(("at the top level", "in items", "in items of items"))
    counts = [(*values_left(result, depth), place) for depth, place in places]
    found += [f"{left} of {total} planted values left {place}" for left, total, place in counts if left]
    emptied = sum(each.found in {"empty", "changed"} and each.line.expected == "absent" for each in failures)
    if emptied:
        found.append(f"{emptied} attributes emptied or replaced where the table says they go")
    if kinds["tag_retained"] or kinds["text_notnull"]:
        lost = kinds["tag_retained"] + kinds["text_notnull"]
        found.append(f"{lost} times a Type 1 or 2 attribute of the IOD gone or emptied")
    unset = {each.line.path for each in failures} & set(cases.FLAGS)
    found += [f"{keyword} not as PS3.15 wants it" for keyword in sorted(unset)]
    missing = [each for each in failures if each.found.startswith(("no output", "damaged"))]
    if refused := sorted({each.line.path.rpartition(".")[2] for each in missing}):
        others = f" and {len(refused) - 4} others" if len(refused) > 4 else ""
        found.append(f"no output for files with {', '.join(refused[:4])}{others}")
    wrong = sorted({e.line.row.removeprefix("case ") for e in failures if e.line.row.startswith("case ")})
    if wrong:
        found.append(f"hand-made cases with a failure: {', '.join(wrong)}")
    return found


def page(results: dict[Peer, Result | None]) -> str:
    """Return the page."""
    lines = [INTRODUCTION, "| program | version | command |", "|---|---|---|"]
    lines += [f"| {peer.name} | {peer.version or 'not installed'} | `{peer.shown}` |" for peer in results]
    tested = {peer: result for peer, result in results.items() if result is not None}
    lines += ["", f"| action | {' | '.join(peer.name for peer in tested)} |", "|---|" + "---:|" * len(tested)]
    for action in ACTIONS:
        counts = [report.scores(result.verdicts).get(action, (0, 0)) for result in tested.values()]
        if any(total for _, total in counts):
            lines.append(f"| {action} | {' | '.join(_share(*each) for each in counts)} |")
    totals = [(len(r.verdicts) - len(r.failures), len(r.verdicts)) for r in tested.values()]
    lines.append(f"| **all** | {' | '.join(_share(*each) for each in totals)} |")
    left = [values_left(result) for result in tested.values()]
    lines.append(f"| *values left* | {' | '.join(f'{count} of {total}' for count, total in left)} |")
    lines.append(CLOSING.rstrip("\n"))
    for peer, result in tested.items():
        lines += ["", f"## {peer.name} {peer.version}", ""]
        lines += [f"- {words}" for words in shortfalls(result)] or ["- nothing failed"]
    return "\n".join(lines) + "\n"


def _share(passed: int, total: int) -> str:
    return f"{report.percent(passed, total)} ({passed}/{total})" if total else "-"


def main() -> int:
    """Run the kit on every peer that is installed, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m conformance.kit.peers", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "peers.md")
    parser.add_argument("--only", help="names of peers, with commas between")
    arguments = parser.parse_args()
    only = arguments.only.split(",") if arguments.only else [peer.name for peer in PEERS]
    results: dict[Peer, Result | None] = {}
    for peer in PEERS:
        if peer.name not in only:
            continue
        print(f"testing: {peer.name}", file=sys.stderr, flush=True)
        results[peer] = run(Command(peer.command), Plan(options=(tables.BASIC,))) if peer.version else None
    arguments.out.write_text(page(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
