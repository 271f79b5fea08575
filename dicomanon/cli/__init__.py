"""The command line: one module a verb, each thin; nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import gc
import sys
from typing import Annotated

import typer

from dicomanon import __version__
from dicomanon.cli import convert, deid, demo, explain, key, node, verify
from dicomanon.errors import DicomanonError

app = typer.Typer(
    name="dicomanon",
    help="De-identify pathology whole-slide images: vendor slides and DICOM in, DICOM that names nobody out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for _verb in (convert, deid, verify, node, explain, key, demo):
    app.command(_verb.NAME)(_verb.run)


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)
    ] = False,
) -> None:
    if version:
        typer.echo(f"dicomanon {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def main() -> None:
    """Run the command line; errors of ours end in one line and their exit code, never in a traceback."""
    # Headers of many frames make many small objects and no cycles.
    gc.set_threshold(100_000, 50, 50)
    try:
        app()
    except DicomanonError as error:
        typer.echo(f"dicomanon: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("dicomanon: stopped; nothing half-written is left", err=True)
        sys.exit(130)
