"""`dicomanon node`: receive over DICOM, de-identify, forward."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomanon.cli import options

NAME = "node"


def run(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="TOML file; see docs/node.md.", exists=True, dir_okay=False),
    ] = None,
    forward: Annotated[
        str, typer.Option("--forward", help="Without a file: dicom://AE@host:port or a folder.")
    ] = "",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Without a file: where to listen.")
    ] = 11112,
    spool: Annotated[
        Path, typer.Option("--spool", help="Without a file: folder for what is not yet delivered.")
    ] = Path("dicomanon-spool"),
    profile: options.Profile = "",
    key: options.Key = None,
    scope: options.Scope = "",
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print counts as JSON and stop; starts nothing.")
    ] = False,
) -> None:
    """Receive instances (C-STORE, C-ECHO), clear each as it arrives, keep it until the destination has it."""
    from dicomanon.node.run import configured, print_status, run_until_signal  # noqa: PLC0415  # heavy

    settings = configured(
        config, forward=forward, port=port, spool=spool, profile=profile, key=key, scope=scope
    )
    if as_json:
        typer.echo(print_status(settings))
        return
    run_until_signal(settings, typer.echo)
