"""What a run shows while it works and says at its end: a bar on a terminal, lines elsewhere, JSON for machines."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from dicomanon.cli import progress
from dicomanon.cli.progress import Bar
from dicomanon.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dicomanon.batch import Result
    from dicomanon.inputs import Inputs
    from dicomanon.profile import Profile

QUARANTINED = 1
LABELS = {"identified": "written, identified", "hidden": "hidden and passed over"}
OPTIONAL = ("skipped", "hidden")
"""Words of the sum that are left out where there are none."""
NOTHING_DONE = {
    "files": "Nothing was done: no file of the folder is DICOM. Name another folder; `dicomanon convert` takes slides.",
    "slides": "Nothing was done: no file of the folder is a slide. Name another folder; `dicomanon deid` takes DICOM.",
}
NOTHING_WRITTEN = "Nothing was written: each quarantined file is listed with its reason."


def follow(
    results: Iterable[list[Result]],
    found: Inputs,
    what: str,
    *,
    as_json: bool,
    note: str,
    review: Path | None = None,
    bar: Bar | None = None,
) -> int:
    """Show results as they come, then the sum; return the exit code: 0 all cleared, 1 some quarantined or none done.

    A page for `review` is written at the end, also of what was done before the output could not be written any more.
    """
    every: list[Result] = []
    aborted = ""
    try:
        watched = bar or Bar(what, found.expected) if progress.wanted(as_json=as_json) else None
        for batch in results if watched is None else watched.over(results):
            every += batch
            if not as_json:
                for result in batch:
                    if result.outcome != "skipped":
                        _say(result)
    except StorageError as error:
        aborted = str(error)
    aborted = aborted or next((each.message for each in every if each.reason == StorageError.reason), "")
    if review is not None:
        note = "\n".join(filter(None, (note, _write_review(review, every))))
    counts = Counter(result.outcome for result in every)
    counts["hidden"] = len(found.hidden)
    done = counts["identified"] or counts["cleared"] or counts["dropped"]
    words = ["identified"] if counts["identified"] else ["cleared", "dropped"]
    words += ["quarantined", *OPTIONAL]
    if not (done or aborted):
        note = "\n".join(filter(None, (_next_step(counts, what), note)))
    if as_json:
        summary = {word: counts[word] for word in words}
        instances = [_as_document(result) for result in every]
        document = {**summary, "aborted": aborted, "note": note, "instances": instances}
        click.echo(json.dumps(document, indent=1))
    else:
        _say_skipped(every)
        shown = [word for word in words if counts[word] or word not in OPTIONAL]
        size = sum(result.size for result in every) / 1e6
        click.echo(
            f"{', '.join(f'{counts[word]} {LABELS.get(word, word)}' for word in shown)}; {size:,.1f} MB written"
        )
        if note:
            click.echo(note, err=True)
        if aborted:
            click.echo(f"dicomanon: {aborted}", err=True)
    return 0 if done and not (counts["quarantined"] or aborted) else QUARANTINED


def _write_review(path: Path, results: Iterable[Result]) -> str:
    from dicomanon.review import write_review  # only where somebody wants to look

    entries = [
        (each.source, each.outcome, each.message, each.reviewed)
        for each in results
        if each.reviewed is not None
    ]
    count = write_review(path, entries)
    if not count:
        return "--review: no picture was looked into; [pixels] of the profile says which are."
    return f"--review: {count} pictures in {path}. It shows what identifies: look, then delete it."


def _as_document(result: Result) -> dict[str, object]:
    return {name: value for name, value in asdict(result).items() if name != "reviewed"}


def _next_step(counts: Counter[str], what: str) -> str:
    return NOTHING_WRITTEN if counts["quarantined"] else NOTHING_DONE[what]


def _say(result: Result) -> None:
    if result.output:
        click.echo(f"{LABELS.get(result.outcome, result.outcome):<12} {result.source} -> {result.output}")
        if result.message:
            click.echo(f"             {result.message}")
    else:
        click.echo(f"{result.outcome:<12} {result.source}: {result.reason}: {result.message}")


def _say_skipped(results: Iterable[Result]) -> None:
    """Say what was skipped, many of a kind in one line: beside slides lie thousands of parts that are none."""
    kinds: dict[tuple[str, str, str], list[str]] = {}
    for each in results:
        if each.outcome == "skipped":
            kind = PurePath(each.source).suffix, each.reason, each.message
            kinds.setdefault(kind, []).append(each.source)
    for (suffix, reason, message), sources in sorted(kinds.items()):
        named = f"named *{suffix}" if suffix else "without a suffix"
        which = sources[0] if len(sources) == 1 else f"{len(sources)} files {named}"
        click.echo(f"skipped      {which}: {reason}: {message}")


EPHEMERAL = (
    "No --key: the replacement values cannot be repeated. `dicomanon key FILE` makes a key; "
    "keep it as safe as the originals."
)


KEPT_KEY = (
    "Profile {name} is for data that nobody can trace back: while somebody keeps the key they are pseudonymous. "
    "Run it without --key, or destroy the key afterwards."
)


def notes(profile: Profile, *, ephemeral: bool) -> str:
    """Return what the user should know about this run besides its results."""
    said = [EPHEMERAL] if ephemeral and not profile.anonymous else []
    if profile.anonymous and not ephemeral:
        said.append(KEPT_KEY.format(name=profile.name))
    said += [
        f"Option {option.keyword} cleans nothing yet: its attributes are removed as without it."
        if option.code
        else f"Option {option.keyword} changes nothing: the profile has overrides for all of its attributes."
        for option in profile.fallen_back
    ]
    said += [profile.note] if profile.note else []
    return "\n".join(said)
