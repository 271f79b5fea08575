"""`dicomanon verify`: look for the identifying values of a source in what is about to leave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from dicomanon.cli import options
from dicomanon.profile import DEFAULT

NAME = "verify"


def run(
    out: Annotated[list[Path], typer.Argument(help="De-identified files or folders.", exists=True)],
    source: Annotated[
        list[Path],
        typer.Option("--source", help="The originals: DICOM files, slides or folders.", exists=True),
    ],
    profile: options.Profile = DEFAULT,
    option: options.Options = [],  # noqa: B006  # typer copies it
    *,
    deep: options.Deep = False,
    as_json: options.AsJson = False,
) -> None:
    """Search files for every identifying value of their source, in every form it could take. Exit code 1: found one."""
    from dicomanon.check import check_files  # noqa: PLC0415  # heavy

    report = check_files(out, source, profile, tuple(option), deep=deep)
    if as_json:
        typer.echo(json.dumps(report.as_document(), indent=1))
    else:
        for path, finding in report.findings:
            typer.echo(f"{path}: {finding.check} in {finding.path}: expected {finding.expected}")
        typer.echo(report.summary())
    raise typer.Exit(1 if report.findings else 0)
