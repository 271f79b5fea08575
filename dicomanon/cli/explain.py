"""`dicomanon explain`: what a profile does to an attribute, and which line says so; or how two profiles differ."""

from __future__ import annotations

import json

import click

from dicomanon.cli import options
from dicomanon.errors import UsageError


@click.command("explain", short_help="What a profile does to an attribute, and which line says so.")
@click.argument("profile")
@click.argument("attribute", default="")
@click.option("--diff", is_flag=True, help="Compare PROFILE with a second one, named in place of ATTRIBUTE.")
@options.option
@options.as_json
def run(profile: str, attribute: str, option: tuple[str, ...], *, diff: bool, as_json: bool) -> None:
    """Print the rule of PROFILE for ATTRIBUTE (tag, keyword or path), or all rules, each with where it comes from.

    `explain --diff A B` prints what two profiles, shipped ones or files, do otherwise: grouped and counted.
    """
    if diff:
        from dicomanon.difference import difference, lines

        if not attribute:
            raise UsageError("--diff takes two profiles: `dicomanon explain --diff A B`")
        found = difference(profile, attribute, option)
    else:
        from dicomanon.explain import explain, lines

        found = explain(profile, option, attribute)
    if as_json:
        click.echo(json.dumps(found, indent=1))
    else:
        for line in lines(found):
            click.echo(line)
