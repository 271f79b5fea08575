"""`dicomanon convert`: vendor slides to de-identified DICOM whole-slide images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dicomanon.cli import options, report
from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

POINTLESS_WHEN_IDENTIFIED = ("profile", "option", "key", "scope", "deep", "review")


@click.command("convert", short_help="Vendor slides to de-identified DICOM.")
@click.argument("slides", nargs=-1, required=True, type=options.EXISTING)
@options.out
@options.profile
@options.option
@options.key
@options.jobs
@options.scope
@click.option("--patient-id", default="", help="Patient ID of the slides; replaced like any other.")
@click.option("--identified", is_flag=True, help="Write DICOM as the slide is, identifiers included.")
@options.deep
@options.no_sync
@options.review
@options.as_json
@click.pass_context
def run(
    context: click.Context,
    slides: tuple[Path, ...],
    out: Path,
    profile: str,
    option: tuple[str, ...],
    key: Path | None,
    jobs: int,
    scope: str,
    patient_id: str,
    *,
    identified: bool,
    deep: bool,
    no_sync: bool,
    review: Path | None,
    as_json: bool,
) -> None:
    """Convert vendor slides, and those in folders, to DICOM and de-identify them on the way; exit codes as `deid`.

    A file that looks like a slide of a format that is not read is quarantined; files of other kinds are skipped.
    """
    from dicomanon.batch import Job, compiled, convert_slides, convert_slides_identified  # heavy
    from dicomanon.convert.options import ConvertOptions

    said = ConvertOptions(patient_id=patient_id)
    found = options.inputs_of(slides, out)
    if identified:
        _refuse_beside_identified(context)
        results = convert_slides_identified(slides, out, said)
        note = "--identified: these files name the patient as far as the slides do."
        raise SystemExit(report.follow(results, found, "slides", as_json=as_json, note=note))
    rules = compiled(profile, option)
    secret, ephemeral = options.key_of(key)
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
    note = report.notes(rules, ephemeral=ephemeral)
    results = convert_slides(slides, job, said, jobs)
    raise SystemExit(report.follow(results, found, "slides", as_json=as_json, note=note, review=review))


def _refuse_beside_identified(context: click.Context) -> None:
    given = [
        f"--{name}"
        for name in POINTLESS_WHEN_IDENTIFIED
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
    ]
    if given:
        raise UsageError(f"--identified de-identifies nothing: leave out {' and '.join(given)}")
