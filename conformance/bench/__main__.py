"""Run measurements and print one table."""

from __future__ import annotations

import argparse
import compileall
import importlib
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Protocol, cast

import dicomanon
from conformance.bench.figure import Figure, markdown

ROWS = {
    "slide": "slide",
    "copy": "copy_row",
    "convert": "convert_row",
    "sparse": "sparse",
    "ct": "small_ct",
    "node": "node_row",
    "boxes": "boxes_row",
    "pictures": "pictures_row",
    "tissue": "tissue_row",
}
"""Name on the command line, and the module whose `figures` measures it."""


class Measurement(Protocol):
    """A module of this folder that measures one thing."""

    def figures(self, folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
        """Measure, with files in `folder`; the lines of the table."""
        ...


def main() -> int:
    """Measure what is asked for; everything written lies in one folder and is removed."""
    parser = argparse.ArgumentParser(prog="python -m conformance.bench", description=__doc__)
    parser.add_argument(
        "--rows", default=",".join(ROWS), help="which, with commas between (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="best of how many (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="smaller files: to see that all runs")
    parser.add_argument(
        "--folder", type=Path, help="where to put files, 5 GB at most (default: a temporary folder)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures here")
    arguments = parser.parse_args()
    wanted = [name for name in arguments.rows.split(",") if name]
    if unknown := [name for name in wanted if name not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    # As pip did for the peers: a checkout has no byte code of its own where the environment forbids writing it.
    compileall.compile_dir(Path(dicomanon.__file__).parent, quiet=1)
    found: list[Figure] = []
    if arguments.folder:
        Path(arguments.folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=arguments.folder) as folder:
        for name in wanted:
            print(f"measuring: {name}", file=sys.stderr, flush=True)
            measurement = cast("Measurement", importlib.import_module(f"conformance.bench.{ROWS[name]}"))
            found += measurement.figures(Path(folder), rounds=arguments.rounds, quick=arguments.quick)
    print(markdown(found))
    if arguments.json:
        machine = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "system": platform.system(),
        }
        arguments.json.write_text(
            json.dumps({"machine": machine, "figures": [figure.as_dict() for figure in found]}, indent=2)
            + "\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
