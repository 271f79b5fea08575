"""`dicomanon demo`: the whole way on one slide, shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

NAME = "demo"


def run(
    slide: Annotated[
        Path | None, typer.Argument(help="A slide of your own; without it a made one.", exists=True)
    ] = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="Folder to leave the results in.")] = None,
) -> None:
    """Slide -> DICOM -> C-STORE -> node -> archive -> checked, with what matters before and after, and the verdict."""
    from dicomanon.demo import demo  # noqa: PLC0415  # heavy

    raise typer.Exit(demo(slide, keep, typer.echo))
