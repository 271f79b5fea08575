"""For engines that take one file at a time: `python -m conformance.kit.one_by_one IN OUT program {file} {target}`.

Each file of IN is given to the program alone, `{target}` is a file of the same name in OUT. Exit code 1: one failed.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(words: list[str]) -> int:
    """Run the program for each file."""
    source, out, *command = words
    failed = 0
    for path in sorted(Path(source).iterdir()):
        filled = [
            word.replace("{file}", str(path)).replace("{target}", str(Path(out, path.name)))
            for word in command
        ]
        failed += subprocess.run(filled, stdin=subprocess.DEVNULL, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
