"""`dicomanon node`: receive over DICOM, de-identify, forward."""

from __future__ import annotations

from pathlib import Path

import click

from dicomanon.cli import options


@click.command("node", short_help="Receive, de-identify and forward over DICOM.")
@click.option(
    "--config",
    "-c",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file, as docs/node.md describes it; the options below are for a node without one.",
)
@click.option("--forward", default="", help="Destination: dicom://AE@host:port, or a folder.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=11112, show_default=True, help="Where to listen; 0: any."
)
@click.option(
    "--spool",
    type=options.FOLDER,
    default=Path("dicomanon-spool"),
    show_default=True,
    help="Folder for what is not yet delivered.",
)
@click.option("--profile", "-p", default="", help="Name of a shipped profile, or a TOML file.")
@options.key
@options.scope
@click.option("--retry-failed", is_flag=True, help="Try once more what destinations refused for good.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print counts by state as JSON and stop; starts nothing."
)
def run(
    config: Path | None,
    forward: str,
    port: int,
    spool: Path,
    profile: str,
    key: Path | None,
    scope: str,
    *,
    retry_failed: bool,
    as_json: bool,
) -> None:
    """Receive instances (C-STORE, C-ECHO), clear each as it arrives, keep it until the destination has it."""
    from dicomanon.node.run import configured, print_spool, print_status, run_until_signal  # heavy

    if as_json and config is None:
        click.echo(print_spool(spool))
        return
    settings = configured(
        config, forward=forward, port=port, spool=spool, profile=profile, key=key, scope=scope
    )
    if as_json:
        click.echo(print_status(settings))
        return
    run_until_signal(settings, click.echo, repeat_failed=retry_failed)
