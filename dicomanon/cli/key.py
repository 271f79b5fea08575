"""`dicomanon key`: make a key file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomanon.pseudonym import write_key

NAME = "key"


def run(
    path: Annotated[Path, typer.Argument(help="File to make; an existing one is never touched.")],
) -> None:
    """Make a key. Whoever has it can tell which pseudonym belongs to whom; who loses it cannot add to a data set."""
    write_key(path)
    typer.echo(f"{path}: a new key, readable by you alone")
