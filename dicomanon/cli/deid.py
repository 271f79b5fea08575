"""`dicomanon deid`: DICOM files to de-identified DICOM files."""

from __future__ import annotations

import typer

from dicomanon.cli import options, report
from dicomanon.profile import DEFAULT

NAME = "deid"


def run(
    inputs: options.Inputs,
    out: options.Out,
    profile: options.Profile = DEFAULT,
    option: options.Options = [],  # noqa: B006  # typer copies it
    key: options.Key = None,
    jobs: options.Jobs = 1,
    scope: options.Scope = "",
    *,
    deep: options.Deep = False,
    no_sync: options.NoSync = False,
    as_json: options.AsJson = False,
) -> None:
    """De-identify DICOM files. Exit 0: all cleared or dropped; 1: some quarantined, each with its reason; 2: usage."""
    from dicomanon.batch import Job, compiled, deidentify_files, dicom_files  # noqa: PLC0415  # heavy

    fallen_back = [each.keyword for each in compiled(profile, tuple(option)).fallen_back]
    secret, ephemeral = options.key_of(key)
    job = Job(out, profile, tuple(option), secret, ephemeral, scope, deep=deep, durable=not no_sync)
    files = list(dicom_files(inputs))
    note = report.notes(ephemeral=ephemeral, fallen_back=fallen_back)
    results = deidentify_files(files, job, jobs)
    raise typer.Exit(report.follow(results, len(files), "files", as_json=as_json, note=note))
