"""`dicomanon inspect`: where a slide carries identifiers, its values hidden unless they are asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from dicomanon.cli import options
from dicomanon.errors import DicomanonError

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.inspection import Inspected, Place

_LONGEST, _MOST = 60, 4


@click.command("inspect", short_help="Where a slide carries identifiers.")
@click.argument("slide", type=options.EXISTING)
@click.option("--values", is_flag=True, help="Show the values, which may name the patient.")
@click.option("--all", "every", is_flag=True, help="Also list places that name nobody.")
@options.as_json
def run(slide: Path, *, values: bool, every: bool, as_json: bool) -> None:
    """Show what a vendor slide says of patient, specimen, people, device and time: each place, and what becomes of it.

    What has no DICOM attribute is not carried by `convert`; what has one meets the profile like any other attribute.
    Exit code 0: looked at; 1: it cannot be read.
    """
    from dicomanon.inspection import inspect_slide  # heavy

    try:
        found = inspect_slide(slide)
    except DicomanonError as error:
        raise click.ClickException(str(error)) from None
    shown = [place for place in found.places if every or place.names != "nothing"]
    if as_json:
        click.echo(json.dumps(found.as_document(shown, values=values), indent=1))
        return
    _say(found, shown, values=values)


def _say(found: Inspected, shown: list[Place], *, values: bool) -> None:
    click.echo(f"{found.title}")
    for image in found.images:
        click.echo(f"  {image}")
    if any(image.flavour in ("LABEL", "OVERVIEW") for image in found.images):
        click.echo(
            "LABEL and OVERVIEW show what is written on the glass; [pixels] of a profile says what becomes of them."
        )
    click.echo(f"{len(shown)} places:")
    widest = max((len(place.where) for place in shown), default=0)
    for place in shown:
        fate = f"-> {place.attribute}" if place.attribute else "not carried"
        often = f", {place.times} times" if place.times > 1 else ""
        click.echo(f"  {place.names:<9} {place.where:<{min(widest, 56)}}  {fate}{often}")
        for value in place.values[:_MOST] if values else ():
            click.echo(f"            {_short(value)!r}")
    if not values and shown:
        click.echo("--values shows what they say, which may name the patient.", err=True)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({len(text)} characters)"
