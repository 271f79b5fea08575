"""`dicomanon formats`: which slides are read, what stays as the scanner made it, what is missing here."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING

import click

from dicomanon.cli import options

if TYPE_CHECKING:
    from dicomanon.sources import SlideFormat

_WIDTH = 100


@click.command("formats", short_help="Slide formats that are read, and how.")
@options.as_json
def run(*, as_json: bool) -> None:
    """List the slide formats: what passes without loss, what is encoded again, what is missing and how to get it."""
    from dicomanon.native import NATIVE  # heavy
    from dicomanon.sources import formats  # heavy

    every = formats()
    if as_json:
        document = [_as_document(each, native=each.name in NATIVE) for each in every]
        click.echo(json.dumps(document, indent=1))
        return
    for each in every:
        _say(each, native=each.name in NATIVE)


def _as_document(each: SlideFormat, *, native: bool) -> dict[str, object]:
    return {
        "name": each.name,
        "title": each.title,
        "suffixes": list(each.suffixes),
        "lossless": each.lossless,
        "encoded": each.encoded,
        "native": native,
        "missing": list(each.missing),
        "extra": each.extra if each.missing else "",
    }


def _say(each: SlideFormat, *, native: bool) -> None:
    click.echo(f"{each.title} ({' '.join(each.suffixes)})")
    for word, text in (
        ("passes without loss", each.lossless),
        ("encoded again", each.encoded),
        ("also in its own format", "`dicomanon deid --native`" if native else ""),
        ("missing here", _missing(each)),
    ):
        if text:
            click.echo(
                textwrap.fill(f"{word}: {text}", _WIDTH, initial_indent="  ", subsequent_indent="    ")
            )


def _missing(each: SlideFormat) -> str:
    if not each.missing:
        return ""
    return f"{', '.join(each.missing)}: pip install 'dicomanon[{each.extra}]'"
