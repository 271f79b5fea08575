"""Text and barcodes in drawn pictures of labels and overviews: what `clean` covers, and what it lets nobody see."""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING

from conformance.bench.figure import Figure
from conformance.pictures.instance import write_instance
from conformance.pictures.made import pictures
from conformance.pictures.measure import measure
from dicomanon.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conformance.pictures.measure import Table
    from conformance.pictures.truth import Picture
    from dicomanon.pixels.box import Found

PICTURES = 300
QUICK_PICTURES = 60
SEED = 20_261
"""Not the seed that anybody tunes a finder with, which is 0."""

GROUPS = ("all text", "all barcodes")


def measured(folder: Path, count: int, seed: int = SEED) -> tuple[Table, tuple[str, ...]]:
    """Measure what `clean` finds in so many pictures; return also which ones it quarantined.

    What is quarantined does not leave, and stands in the table with what was found in it up to then: nothing.
    """
    from dicomanon.looking import look_into

    held: list[str] = []

    def cleaned(picture: Picture) -> Sequence[Found]:
        path = folder / "picture.dcm"
        write_instance(picture, path)
        (looked,) = look_into(path, "research-wsi", ("clean-pixel-data",), "clean")
        if looked.outcome == "quarantined":
            held.append(picture.name)
        return looked.found

    return measure(pictures(count, seed), cleaned), tuple(held)


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure once and print the table; return its sums, where a ratio is the share that is found."""
    del rounds  # what is found does not vary
    try:
        table, held = measured(folder, QUICK_PICTURES if quick else PICTURES)
    except ProfileError as error:
        return [Figure("pictures", "dicomanon", note=f"could not: {error}")]
    left = [(name, thing) for name, thing in table.missed if name not in held]
    print(f"{table.markdown()}\n")
    print(f"{len(held)} pictures were quarantined; in the others these were not covered to 95 %:")
    for name, thing in left:
        print(f"- {name}: {thing.kind}")
    # Linux counts in units of 1024 bytes, macOS in bytes.
    peak = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    )
    note = f"{100 * table.precision:.1f} % of the area found is right; {len(held)} quarantined"
    rate = table.pictures / table.seconds
    lines = [Figure("pictures, cleaned", "dicomanon", table.seconds, peak, per_second=rate, note=note)]
    for group in GROUPS:
        row = table.row(group)
        away = sum(_group(thing.kind) == group for name, thing in table.missed if name in held)
        note = (
            f"{row.found} of {row.planted} covered, {away} quarantined, {row.planted - row.found - away} left"
        )
        share = (row.found + away) / row.planted
        lines.append(Figure(f"pictures, cleaned: {group}", "dicomanon", ratio=share, note=note))
    return lines


def _group(kind: str) -> str:
    return "all barcodes" if kind.startswith("barcode") else "all text"
