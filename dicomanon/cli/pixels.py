"""`dicomanon pixels`: what one file shows that is no tissue, and what a profile would do to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from dicomanon.cli import options
from dicomanon.errors import DicomanonError

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.looking import Looked


@click.command("pixels", short_help="What a file shows beside tissue, and what would become of it.")
@click.argument("file", type=options.EXISTING)
@options.profile
@options.option
@click.option(
    "--policy",
    type=click.Choice(("clean", "gate", "crop", "blank", "replace")),
    help="Try this policy on every image, whatever the profile says.",
)
@click.option(
    "--review", type=options.FILE, help="Also write a page with the pictures. It shows what identifies."
)
@options.as_json
def run(
    file: Path,
    profile: str,
    option: tuple[str, ...],
    policy: str | None,
    review: Path | None,
    *,
    as_json: bool,
) -> None:
    """Look into the images of a DICOM file or a slide as `deid` and `convert` would, and write none.

    Exit code 0: every image could leave; 1: one could not, with its reason; 2: the command is wrong. What text and
    barcodes say is not shown: --review has the pictures.
    """
    from dicomanon.looking import look_into  # heavy
    from dicomanon.review import write_review  # heavy

    try:
        looked = look_into(file, profile, option, policy)
    except OSError:
        raise click.ClickException("the file cannot be read") from None
    except DicomanonError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps([each.as_document() for each in looked], indent=1))
    else:
        for each in looked:
            _say(each)
    if review is not None:
        write_review(review, [(each.name, each.outcome, each.why, each.reviewed) for each in looked])
        click.echo(f"{review} shows what identifies: look, then delete it.", err=True)
    raise SystemExit(0 if all(each.outcome != "quarantined" for each in looked) else 1)


def _say(each: Looked) -> None:
    click.echo(f"{each.outcome:<12} {each.name}: {each.flavour}, {each.why}")
    for found in each.found:
        box = found.box
        place = f"columns {box.left} to {box.right}, rows {box.top} to {box.bottom}"
        click.echo(f"             {found.kind:<8} {found.score:.2f}  {place}")
