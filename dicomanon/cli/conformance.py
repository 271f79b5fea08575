"""`dicomanon conformance`: what the program promises, on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dicomanon.cli import options
from dicomanon.errors import StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.group("conformance", short_help="What the program promises, on paper.")
def run() -> None:
    """Write down what the program conforms to."""


@run.command("statement", short_help="The DICOM Conformance Statement of a profile or of a node.")
@click.option(
    "--config",
    "-c",
    type=options.FILE,
    help="Configuration of a node, as docs/node.md describes it. Without: the file tools.",
)
@click.option("--profile", "-p", default="", help="Name of a shipped profile, or a TOML file.")
@options.option
@click.option(
    "--format",
    "form",
    type=click.Choice(("html", "markdown")),
    default="html",
    show_default=True,
    help="How to write it.",
)
@click.option("--out", "-o", type=options.FILE, help="File to write to; without, it is printed.")
def statement(
    config: Path | None, profile: str, option: tuple[str, ...], form: str, out: Path | None
) -> None:
    """Write the DICOM Conformance Statement (PS3.2 Annex N) of a profile, or of a node and all of its routes.

    It has every rule of the profile as Table N.11-6, and what PS3.15 E.1.3 wants described. No key is opened, and no
    key file, folder or password is named.
    """
    if config and (profile or option):
        raise UsageError(
            "the routes of --config name their profiles and options: leave --profile and --option out"
        )
    from dicomanon import statement as made  # heavy
    from dicomanon.profile import DEFAULT

    subject = made.of_config(config) if config else made.of_profile(profile or DEFAULT, option)
    text = made.FORMATS[form](made.statement(subject))
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{out}: {error.strerror}") from error
