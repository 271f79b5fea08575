"""`dicomanon demo`: the whole way on one slide, shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dicomanon.cli import options

if TYPE_CHECKING:
    from pathlib import Path


@click.command("demo", short_help="The whole way on one slide, shown.")
@click.argument("slide", required=False, type=options.EXISTING)
@click.option("--keep", type=options.FOLDER, help="Folder to leave the results in.")
def run(slide: Path | None, keep: Path | None) -> None:
    """Slide -> DICOM -> C-STORE -> node -> archive -> checked, with what matters before and after, and the verdict.

    Without SLIDE it takes one of its own.
    """
    from dicomanon.demo import demo  # heavy

    raise SystemExit(demo(slide, keep, click.echo))
