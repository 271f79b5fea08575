"""`dicomanon deid`: DICOM files to de-identified DICOM files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dicomanon.cli import options, report

if TYPE_CHECKING:
    from pathlib import Path


@click.command("deid", short_help="DICOM files to de-identified DICOM files.")
@click.argument("inputs", nargs=-1, required=True, type=options.EXISTING)
@options.out
@options.profile
@options.option
@options.key
@options.jobs
@options.scope
@options.deep
@options.no_sync
@options.as_json
def run(
    inputs: tuple[Path, ...],
    out: Path,
    profile: str,
    option: tuple[str, ...],
    key: Path | None,
    jobs: int,
    scope: str,
    *,
    deep: bool,
    no_sync: bool,
    as_json: bool,
) -> None:
    """De-identify DICOM files and folders of them.

    Exit code 0: all cleared, or dropped on purpose; 1: some quarantined, each with its reason, or nothing was done;
    2: the command is wrong.

    Files of other kinds in a folder are skipped, and listed; hidden ones are passed over, and counted. Links to
    folders are followed.
    """
    from dicomanon.batch import Job, compiled, deidentify_files  # heavy

    rules = compiled(profile, option)
    secret, ephemeral = options.key_of(key)
    job = Job(out, profile, option, secret, ephemeral, scope, deep=deep, durable=not no_sync)
    found = options.inputs_of(inputs, out)
    note = report.notes(rules, ephemeral=ephemeral)
    results = deidentify_files(inputs, job, jobs)
    raise SystemExit(report.follow(results, found, "files", as_json=as_json, note=note))
