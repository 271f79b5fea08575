"""`dicomanon key`: make a key file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dicomanon.cli import options
from dicomanon.pseudonym import write_key

if TYPE_CHECKING:
    from pathlib import Path


@click.command("key")
@click.argument("path", type=options.FILE)
def run(path: Path) -> None:
    """Make a key file; one that exists is never touched.

    Whoever has the key can tell which pseudonym belongs to whom; whoever loses it cannot add to a data set.
    """
    write_key(path)
    click.echo(f"{path}: a new key, readable by you alone")
