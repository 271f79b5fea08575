"""Test any de-identifier against DICOM PS3.15 Annex E.

Exit code 0: everything passed; 1: something failed; 2: the command is wrong, or the engine does not start.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.kit import generate, report, tables
from conformance.kit.engines import SECONDS, SETTLE, Command, EngineError, Node
from conformance.kit.handmade import CaseError
from conformance.kit.run import HAND_MADE, Plan, run

if TYPE_CHECKING:
    from conformance.kit.engines import Engine

FAILED, WRONG = 1, 2


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="python -m conformance.kit", description=__doc__)
    made.add_argument(
        "--engine",
        required=True,
        help="'cmd {in} {out}', with {options} if it takes any; or dicom://host:port, dicom://AET@host:port",
    )
    made.add_argument(
        "--option-form", default="--option {keyword}", help="how it is told an option (default: %(default)s)"
    )
    made.add_argument(
        "--options",
        help="only these, with commas between, and a + between those to test together; `basic` is the Basic Profile",
    )
    made.add_argument("--depths", default="0,1,2", help="default: %(default)s")
    made.add_argument("--encodings", default=",".join(generate.ENCODINGS), help="default: %(default)s")
    made.add_argument("--cases", type=Path, default=HAND_MADE, help="folder of hand-made cases")
    made.add_argument("--no-cases", action="store_true", help="generated cases alone")
    made.add_argument("--listen-port", type=int, default=0, help="of the receiver, for a node (default: any)")
    made.add_argument(
        "--settle",
        type=float,
        default=SETTLE,
        help="seconds without an arrival until a node is taken to be done (default: %(default)s)",
    )
    made.add_argument(
        "--seconds", type=float, default=SECONDS, help="for one run of the engine (default: %(default)s)"
    )
    made.add_argument("--seed", type=int, default=1, help="the same files for the same number")
    made.add_argument("--keep", type=Path, help="put the files and answer-key.json here")
    made.add_argument("--table", type=Path, help="write a line for each row of Table E.1-1 (Markdown)")
    made.add_argument("--json", type=Path, help="write every verdict")
    return made


def plan_of(arguments: argparse.Namespace, wrong: argparse.ArgumentParser) -> Plan:
    """Return what is asked for; unknown words end the program with exit code 2."""
    words = (
        (arguments.options or "").split(",")
        if arguments.options
        else ["basic", *tables.OPTIONS, *tables.COMBINED]
    )
    options = tuple("" if word == "basic" else word for word in words)
    encodings = tuple(arguments.encodings.split(","))
    depths = tuple(int(word) for word in arguments.depths.split(",") if word.isdecimal())
    if unknown := [part for word in options for part in tables.parts(word) if part not in tables.OPTIONS]:
        wrong.error(f"no option {', '.join(unknown)}; there are basic, {', '.join(tables.OPTIONS)}")
    if unknown := [word for word in encodings if word not in generate.ENCODINGS]:
        wrong.error(f"no encoding {', '.join(unknown)}; there are {', '.join(generate.ENCODINGS)}")
    if not depths or not set(depths) <= set(generate.DEPTHS):
        wrong.error("depths are 0, 1 and 2")
    hand_made = None if arguments.no_cases else arguments.cases
    return Plan(options, encodings, depths, hand_made, arguments.keep, arguments.seed)


def main(words: list[str] | None = None) -> int:
    """Test the engine that is named, and say what was found."""
    command_line = parser()
    arguments = command_line.parse_args(words)
    plan = plan_of(arguments, command_line)
    try:
        engine: Engine
        if arguments.engine.startswith("dicom://"):
            engine = Node(arguments.engine, arguments.listen_port, arguments.settle)
            print(f"the receiver listens: KIT, port {engine.port}", file=sys.stderr, flush=True)
        else:
            engine = Command(arguments.engine, arguments.option_form, arguments.seconds)
        try:
            result = run(engine, plan, lambda what: print(what, file=sys.stderr, flush=True))
        finally:
            engine.close()
    except (EngineError, CaseError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    if arguments.table:
        arguments.table.write_text(report.table(result), encoding="utf-8")
    if arguments.json:
        document = report.document(result, arguments.engine, arguments.seed)
        arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(report.summary(result), end="")
    return FAILED if result.failures or not result.verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
