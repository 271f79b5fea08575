"""Options that several verbs share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dicomanon.errors import UsageError
from dicomanon.profile import DEFAULT
from dicomanon.pseudonym import ephemeral_key, read_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.inputs import Inputs

EXISTING = click.Path(exists=True, readable=True, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)

out = click.option(
    "--out", "-o", required=True, type=FOLDER, help="Folder for <study>/<series>/<sop>.dcm, by the new UIDs."
)
profile = click.option(
    "--profile", "-p", default=DEFAULT, show_default=True, help="Name of a shipped profile, or a TOML file."
)
option = click.option(
    "--option",
    multiple=True,
    metavar="KEYWORD",
    help="A further option of PS3.15 E.3 or for pathology, such as retain-uids; may be repeated.",
)
key = click.option(
    "--key",
    "-k",
    type=FILE,
    help="Key file (`dicomanon key FILE` makes one). Without: a key for this run only.",
)
jobs = click.option(
    "--jobs", "-j", type=click.IntRange(1, 256), default=1, show_default=True, help="Number of processes."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines.")
scope = click.option(
    "--scope",
    default="",
    help="Lets instances without Patient ID out: in this scope each study is a patient of its own.",
)
deep = click.option("--deep", is_flag=True, help="Verify every byte, scans of frames included.")
review = click.option(
    "--review",
    type=FILE,
    help="Also write a page with the pictures that were looked into, before and after. It shows what identifies.",
)
no_sync = click.option(
    "--no-sync",
    is_flag=True,
    help="Do not wait for the disk: files are whole, but a power cut may lose them.",
)


def inputs_of(given: Sequence[Path], out: Path) -> Inputs:
    """Return what a run will take; raise UsageError where it would have nothing to do."""
    from dicomanon.inputs import find_inputs  # not for --help

    if any(path.is_dir() and path.resolve() == out.resolve() for path in given):
        raise UsageError("the folder of the input is that of the output: name another one with --out")
    found = find_inputs(given, out)
    if not found.expected:
        but = " but hidden ones, which are taken when they are named" if found.hidden else ""
        raise UsageError(f"there is no file in the folder that was named{but}")
    return found


def refuse_beside(context: click.Context, flag: str, names: Sequence[str], why: str) -> None:
    """Raise UsageError where options were given that a flag makes pointless."""
    given = [
        f"--{name.replace('_', '-')}"
        for name in names
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    ]
    if given:
        raise UsageError(f"--{flag} {why}: leave out {' and '.join(given)}")


def key_of(path: Path | None) -> tuple[bytes, bool]:
    """Return the key and whether it is gone after this run."""
    return (ephemeral_key(), True) if path is None else (read_key(path), False)
