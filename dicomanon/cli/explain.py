"""`dicomanon explain`: what a profile does to an attribute, and which line says so."""

from __future__ import annotations

import json

import click

from dicomanon.cli import options


@click.command("explain", short_help="What a profile does to an attribute, and which line says so.")
@click.argument("profile")
@click.argument("attribute", default="")
@options.option
@options.as_json
def run(profile: str, attribute: str, option: tuple[str, ...], *, as_json: bool) -> None:
    """Print the rule of PROFILE for ATTRIBUTE (tag or keyword), or all rules, each with where it comes from."""
    from dicomanon.explain import explain, lines

    found = explain(profile, option, attribute)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        for line in lines(found):
            click.echo(line)
