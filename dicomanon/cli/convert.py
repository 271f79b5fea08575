"""`dicomanon convert`: vendor slides to de-identified DICOM whole-slide images."""

from __future__ import annotations

from typing import Annotated

import typer

from dicomanon.cli import options, report
from dicomanon.profile import DEFAULT

NAME = "convert"

Identified = Annotated[
    bool,
    typer.Option(
        "--identified", help="Write DICOM as the slide is, identifiers included; for tests and archives."
    ),
]


def run(
    slides: options.Inputs,
    out: options.Out,
    profile: options.Profile = DEFAULT,
    option: options.Options = [],  # noqa: B006  # typer copies it
    key: options.Key = None,
    jobs: options.Jobs = 1,
    scope: options.Scope = "",
    patient_id: Annotated[
        str, typer.Option(help="Patient ID of the slides, to be replaced as any other.")
    ] = "",
    *,
    identified: Identified = False,
    deep: options.Deep = False,
    no_sync: options.NoSync = False,
    as_json: options.AsJson = False,
) -> None:
    """Convert vendor slides to DICOM and de-identify them on the way. Exit codes as `deid`."""
    from dicomanon.batch import Job, compiled, convert_slides, convert_slides_identified  # noqa: PLC0415  # heavy
    from dicomanon.convert.options import ConvertOptions  # noqa: PLC0415

    said = ConvertOptions(patient_id=patient_id)
    if identified:
        results = convert_slides_identified(slides, out, said)
        note = "--identified: these files name the patient as far as the slides do."
        raise typer.Exit(report.follow(results, len(slides), "slides", as_json=as_json, note=note))
    fallen_back = [each.keyword for each in compiled(profile, tuple(option)).fallen_back]
    secret, ephemeral = options.key_of(key)
    job = Job(out, profile, tuple(option), secret, ephemeral, scope, deep=deep, durable=not no_sync)
    note = report.notes(ephemeral=ephemeral, fallen_back=fallen_back)
    results = convert_slides(slides, job, said, jobs)
    raise typer.Exit(report.follow(results, len(slides), "slides", as_json=as_json, note=note))
