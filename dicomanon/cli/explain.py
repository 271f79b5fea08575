"""`dicomanon explain`: what a profile does to an attribute, and which line says so."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from dicomanon.cli import options

NAME = "explain"


def run(
    profile: Annotated[str, typer.Argument(help="Name of a shipped profile, or a TOML file.")],
    attribute: Annotated[str, typer.Argument(help="Tag or keyword; without it every rule is printed.")] = "",
    option: options.Options = [],  # noqa: B006  # typer copies it
    *,
    as_json: options.AsJson = False,
) -> None:
    """Print the rule for an attribute, or all rules, each with where it comes from."""
    from dicomanon.explain import explain, lines  # noqa: PLC0415

    found = explain(profile, option, attribute)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
    else:
        for line in lines(found):
            typer.echo(line)
