"""The command lines that are compared: ours, the peers' defaults, and what the machine itself takes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[2]
PEERS_BIN = REPOSITORY / ".venv-peers" / "bin"

DCMANON = """
import sys
from dcmanon import Anonymizer
open(sys.argv[2], "wb").write(Anonymizer().anonymize(sys.argv[1]))
"""


@dataclass(frozen=True, slots=True)
class Tool:
    """A name and how to run it from a source file into an empty folder; `copies`: a file must come out."""

    name: str
    command: Callable[[Path, Path], list[str | Path]]
    copies: bool = True
    rounds: int | None = None

    @property
    def installed(self) -> bool:
        """Whether the program (the first word) is there."""
        program = Path(self.command(Path(), Path())[0])
        return not program.is_absolute() or program.exists()


OURS = Tool(
    "dicomanon", lambda source, out: [Path(sys.executable).parent / "dicomanon", "deid", source, "--out", out]
)
OURS_UNSYNCED = Tool(
    "dicomanon --no-sync",
    lambda source, out: [
        Path(sys.executable).parent / "dicomanon",
        "deid",
        source,
        "--out",
        out,
        "--no-sync",
    ],
)
OURS_START = Tool(
    "dicomanon --version",
    lambda _source, _out: [Path(sys.executable).parent / "dicomanon", "--version"],
    copies=False,
)
COPY_SHIFTED = Tool(
    "tail -c +2, a copy that is shifted",  # what any rewritten header does to all that follows it
    lambda source, out: ["sh", "-c", 'tail -c +2 "$1" > "$2"', "sh", source, out / "copy.dcm"],
)
START = Tool("python -c pass", lambda _source, _out: [sys.executable, "-c", "pass"], copies=False)
COPY = Tool("cp", lambda source, out: ["cp", source, out / "copy.dcm"])
COPY_SYNC = Tool(
    "cp, then sync of the file",
    lambda source, out: ["sh", "-c", 'cp "$1" "$2" && sync "$2"', "sh", source, out / "copy.dcm"],
)
PEERS = (
    Tool(
        "dicognito 0.19.0",
        lambda source, out: [PEERS_BIN / "python", "-m", "dicognito", "--quiet", "-o", out, source],
    ),
    Tool(
        "dicom-anonymizer 2.1.0",
        lambda source, out: [PEERS_BIN / "dicom-anonymizer", source, out / "out.dcm"],
    ),
    Tool(
        "dcm-anonymizer 0.5.0",
        lambda source, out: [PEERS_BIN / "dcm-anon", "--quiet", source, out],
    ),
    Tool(
        "dcmanon 0.3.1",
        lambda source, out: [PEERS_BIN / "python", "-c", DCMANON, source, out / "out.dcm"],
    ),
)
