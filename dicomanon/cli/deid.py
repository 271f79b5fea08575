"""`dicomanon deid`: DICOM files to de-identified DICOM files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dicomanon.cli import options, report
from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.batch import Result


POINTLESS_WHEN_NATIVE = ("profile", "option", "scope", "deep", "no_sync", "review", "dicomdir")


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
@options.review
@click.option(
    "--dicomdir",
    type=options.FOLDER,
    help="Also make a file-set of what was cleared, with a DICOMDIR, in this new folder.",
)
@click.option(
    "--native",
    is_flag=True,
    help="Copy vendor slides in their own format, without label and overview, their fields overwritten.",
)
@options.as_json
@click.pass_context
def run(
    context: click.Context,
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
    review: Path | None,
    dicomdir: Path | None,
    native: bool,
    as_json: bool,
) -> None:
    """De-identify DICOM files and folders of them; with --native, vendor slides in their own format (docs/native.md).

    Exit code 0: all cleared, or dropped on purpose; 1: some quarantined, each with its reason, or nothing was done;
    2: the command is wrong.

    Files of other kinds in a folder are skipped, and listed; hidden ones are passed over, and counted. Links to
    folders are followed.
    """
    from dicomanon.batch import Job, compiled, deidentify_files  # heavy
    from dicomanon.copies import copy_slides  # heavy

    secret, ephemeral = options.key_of(key)
    if native:
        options.refuse_beside(context, "native", POINTLESS_WHEN_NATIVE, "follows no profile")
        found = options.inputs_of(inputs, out)
        note = report.EPHEMERAL if ephemeral else ""
        results = copy_slides(inputs, out, secret, jobs)
        raise SystemExit(report.follow(results, found, "slides", as_json=as_json, note=note))
    rules = compiled(profile, option)
    job = Job(
        out,
        profile,
        option,
        secret,
        ephemeral,
        scope,
        deep=deep,
        durable=not no_sync,
        review=review is not None,
    )
    found = options.inputs_of(inputs, out)
    note = report.notes(rules, ephemeral=ephemeral)
    results = deidentify_files(inputs, job, jobs)
    if dicomdir is not None:
        results = _with_file_set(results, out, dicomdir)
    raise SystemExit(report.follow(results, found, "files", as_json=as_json, note=note, review=review))


def _with_file_set(results: Iterator[list[Result]], out: Path, folder: Path) -> Iterator[list[Result]]:
    """Pass results on, and make a file-set of what was cleared at their end."""
    from dicomanon.batch import Result  # heavy
    from dicomanon.fileset import check_folder, make_file_set  # heavy

    if folder.resolve() == out.resolve():
        raise UsageError("--dicomdir is the folder of --out: name another one")
    check_folder(folder)
    cleared: list[str] = []
    for batch in results:
        cleared += [each.output for each in batch if each.outcome == "cleared"]
        yield batch
    without = make_file_set([out / name for name in sorted(set(cleared))], folder)
    if without:
        message = f"{without} cleared files are of kinds that have no directory record"
        yield [Result(str(folder), "skipped", "unsupported", message)]
