"""Options that several verbs share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomanon.profile import DEFAULT
from dicomanon.pseudonym import ephemeral_key, read_key

Inputs = Annotated[list[Path], typer.Argument(help="Files or folders.", exists=True, readable=True)]
Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for <study>/<series>/<sop>.dcm.", file_okay=False)
]
Profile = Annotated[
    str,
    typer.Option("--profile", "-p", help=f"Name of a shipped profile, or a TOML file. Default: {DEFAULT}."),
]
Options = Annotated[
    list[str],
    typer.Option("--option", help="A further option of PS3.15 E.3, as retain-uids; may be repeated."),
]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key", "-k", help="Key file (`dicomanon key FILE` makes one). Without: a key for this run only."
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Processes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document for machines.")]
Scope = Annotated[
    str, typer.Option("--scope", help="Stands for the patient of instances that have no Patient ID.")
]
Deep = Annotated[bool, typer.Option("--deep", help="Verify every byte, scans of frames included.")]
NoSync = Annotated[
    bool,
    typer.Option(
        "--no-sync", help="Do not wait for the disk; files are whole, but a power cut may lose them."
    ),
]


def key_of(path: Path | None) -> tuple[bytes, bool]:
    """Return the key and whether it is gone after this run."""
    return (ephemeral_key(), True) if path is None else (read_key(path), False)
