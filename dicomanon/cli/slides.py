"""Options that say more of slides than their files do: shared by the verbs that read slides."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal

import click

from dicomanon.cli import options
from dicomanon.profile.slides import SLIDE_DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dicomanon.convert import ConvertOptions
    from dicomanon.profile import Profile

    Command = Callable[..., Any]

patient_id = click.option(
    "--patient-id", default="", help="Patient ID of the slides; replaced like any other."
)
table = click.option(
    "--slides-table",
    type=options.FILE,
    help="CSV or JSON, one row a slide (column `file` or `barcode`): patient, case, block, stains (docs/convert.md).",
)
rule = click.option(
    "--barcode-rule",
    default="",
    metavar="REGEX",
    help="What parts of the barcode are: groups named as columns of the table, such as (?P<accession_number>...).",
)
worklist = click.option(
    "--worklist",
    default="",
    metavar="URL",
    help="Ask a DICOM worklist for patient and study, by accession number or barcode: dicom://CALLED@host:port.",
)
spacing = click.option(
    "--spacing",
    type=click.FloatRange(0.01, 100),
    metavar="MICROMETRES",
    help="Width of a pixel of the largest level, for slides that do not say.",
)
quality = click.option(
    "--quality",
    type=click.IntRange(1, 100),
    help="Of JPEG, where pixels have to be encoded again; [slides] of the profile says otherwise.",
)
levels = click.option(
    "--levels",
    type=click.Choice(("make", "keep")),
    help="Make the levels that a pyramid lacks, or keep it as it is; [slides] of the profile says otherwise.",
)
max_size = click.option(
    "--max-size",
    type=click.IntRange(min=1),
    metavar="MEGABYTES",
    help="Write larger images as concatenations of instances of at most this size.",
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the options of `said` were given as."""

    patient_id: str
    slides_table: Path | None
    barcode_rule: str
    worklist: str
    spacing: float | None
    quality: int | None
    levels: Literal["make", "keep"] | None
    max_size: int | None


def said(function: Command) -> Command:
    """Add the options that tell of slides to a verb, which gets them as one `slides`."""

    @wraps(function)
    def gathered(**arguments: Any) -> Any:
        names = [each.name for each in fields(Said)]
        slides = Said(**{name: arguments.pop(name) for name in names})
        return function(**arguments, slides=slides)

    for each in (max_size, levels, quality, spacing, worklist, rule, table, patient_id):
        gathered = each(gathered)
    return gathered


def convert_options(slides: Said, profile: Profile | None) -> ConvertOptions:
    """Return how slides are converted, by the options and else by the profile; raise UsageError."""
    from dicomanon.convert import ConvertOptions, Laboratory  # heavy
    from dicomanon.convert.rule import barcode_rule as compiled
    from dicomanon.convert.table import read_table
    from dicomanon.convert.worklist import worklist as asked

    lab = Laboratory(patient_id=slides.patient_id)
    settings = SLIDE_DEFAULTS if profile is None else profile.slides
    levels: Literal["make", "keep"] = "make" if settings["levels"] == "make" else "keep"
    return ConvertOptions(
        laboratory=lab,
        table=read_table(slides.slides_table, lab) if slides.slides_table else None,
        rule=compiled(slides.barcode_rule) if slides.barcode_rule else None,
        worklist=asked(slides.worklist) if slides.worklist else None,
        spacing=slides.spacing / 1000 if slides.spacing else None,
        quality=slides.quality or int(settings["quality"]),
        lossless=settings["exact"] == "lossless",
        levels=slides.levels or levels,
        max_size=slides.max_size * 1_000_000 if slides.max_size else None,
    )
