"""`dicomanon verify`: look for the identifying values of a source in what is about to leave."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from dicomanon.cli import options
from dicomanon.cli import slides as slide_options

if TYPE_CHECKING:
    from pathlib import Path


@click.command("verify", short_help="Look for identifying values in what is about to leave.")
@click.argument("out", nargs=-1, required=True, type=options.EXISTING)
@click.option(
    "--source",
    multiple=True,
    required=True,
    type=options.EXISTING,
    help="The originals: DICOM files, slides or folders; may be repeated.",
)
@options.profile
@options.option
@slide_options.said
@options.deep
@options.as_json
def run(
    out: tuple[Path, ...],
    source: tuple[Path, ...],
    profile: str,
    option: tuple[str, ...],
    slides: slide_options.Said,
    *,
    deep: bool,
    as_json: bool,
) -> None:
    """Search files for every identifying value of their source, in the forms in which people and programs write it.

    Exit code 0: every file has a source, and nothing was found; 1: something was found, each with its place, never
    with its value, or a file is of no source; 2: not one file has a source, or a source could not be read, so that
    its values were not looked for. Slides are converted again in memory: say of them what `convert` was told.
    """
    from dicomanon.batch import compiled  # heavy
    from dicomanon.check import check_files  # heavy

    convert = slide_options.convert_options(slides, compiled(profile, option))
    checked = check_files(out, source, profile, option, deep=deep, convert=convert)
    if as_json:
        click.echo(json.dumps(checked.as_document(), indent=1))
    else:
        for path, finding in checked.findings:
            click.echo(f"{path}: {finding.check} in {finding.path}: expected {finding.expected}")
        for name in checked.unpaired:
            click.echo(f"{name}: of no source")
        for name in checked.ambiguous:
            click.echo(f"{name}: without pixels, of one of several sources")
        click.echo(checked.summary())
    raise SystemExit(checked.exit_code)
