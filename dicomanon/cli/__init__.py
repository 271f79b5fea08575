"""The command line: one module a verb, each thin; nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dicomanon import __version__
from dicomanon.cli import convert, deid, demo, explain, key, node, verify
from dicomanon.errors import DicomanonError

app = typer.Typer(
    name="dicomanon",
    help="De-identify pathology whole-slide images: vendor slides and DICOM in, DICOM that names nobody out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for _verb in (convert, deid, verify, node, explain, key, demo):
    app.command(_verb.NAME)(_verb.run)


@app.callback()
def _main(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    if version:
        typer.echo(f"dicomanon {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; errors of ours end in one line and their exit code, never in a traceback."""
    try:
        app()
    except DicomanonError as error:
        typer.echo(f"dicomanon: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("dicomanon: stopped; nothing half-written is left", err=True)
        sys.exit(130)
