"""`dicomanon convert`: vendor slides to de-identified DICOM whole-slide images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dicomanon.cli import options, progress, report
from dicomanon.cli import slides as slide_options
from dicomanon.cli.progress import Bar

if TYPE_CHECKING:
    from pathlib import Path

POINTLESS_WHEN_IDENTIFIED = ("profile", "option", "key", "scope", "deep", "review")


@click.command("convert", short_help="Slides of any scanner to de-identified DICOM.")
@click.argument("paths", metavar="SLIDES...", nargs=-1, required=True, type=options.EXISTING)
@options.out
@options.profile
@options.option
@options.key
@options.jobs
@options.scope
@slide_options.said
@click.option("--identified", is_flag=True, help="Write DICOM as the slide is, identifiers included.")
@options.deep
@options.no_sync
@options.review
@options.as_json
@click.pass_context
def run(
    context: click.Context,
    paths: tuple[Path, ...],
    out: Path,
    profile: str,
    option: tuple[str, ...],
    key: Path | None,
    jobs: int,
    scope: str,
    slides: slide_options.Said,
    *,
    identified: bool,
    deep: bool,
    no_sync: bool,
    review: Path | None,
    as_json: bool,
) -> None:
    """Convert slides, and those in folders, to DICOM and de-identify them on the way; exit codes as `deid`.

    Whole-slide images that are DICOM already are wrapped anew: the instances of a series become one slide.

    A file that looks like a slide of a format that is not read is quarantined; files of other kinds are skipped.
    """
    from dicomanon.batch import Job, compiled, convert_slides, convert_slides_identified  # heavy

    found = options.inputs_of(paths, out)
    if identified:
        options.refuse_beside(context, "identified", POINTLESS_WHEN_IDENTIFIED, "de-identifies nothing")
        results = convert_slides_identified(paths, out, slide_options.convert_options(slides, None))
        note = "--identified: these files name the patient as far as the slides do."
        raise SystemExit(report.follow(results, found, "slides", as_json=as_json, note=note))
    bar = Bar("slides", found.expected)
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
    watch = bar if progress.wanted(as_json=as_json) else None
    results = convert_slides(paths, job, slide_options.convert_options(slides, rules), jobs, watch)
    raise SystemExit(
        report.follow(results, found, "slides", as_json=as_json, note=note, review=review, bar=bar)
    )
