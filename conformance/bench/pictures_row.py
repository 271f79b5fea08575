"""Text and barcodes in drawn pictures of labels and overviews: how much of them the finder finds."""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING

from conformance.bench.figure import Figure
from conformance.pictures.made import pictures
from conformance.pictures.measure import measure
from dicomanon.errors import UnsupportedError

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.pictures.measure import Table

PICTURES = 300
QUICK_PICTURES = 60
SEED = 20_261
"""Not the seed that anybody tunes a finder with, which is 0."""

GROUPS = ("all text", "all barcodes")


def tables(count: int, seed: int = SEED) -> dict[str, Table]:
    """Measure on so many pictures: `find` on all of them, `find_on_glass` on the overviews."""
    from dicomanon.pixels.find import find, find_on_glass

    overviews = (picture for picture in pictures(count, seed) if picture.flavour == "OVERVIEW")
    return {
        "labels and overviews": measure(pictures(count, seed), find),
        "overviews, found on glass": measure(overviews, find_on_glass),
    }


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure once and print whole tables; return their sums, where a ratio is the share that is found."""
    del folder, rounds  # no file is written, and what is found does not vary
    try:
        measured = tables(QUICK_PICTURES if quick else PICTURES)
    except (ImportError, UnsupportedError) as error:
        return [Figure("pictures", "dicomanon", note=f"could not: {error}")]
    # Linux counts in units of 1024 bytes, macOS in bytes.
    peak = (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    )
    lines = []
    for name, table in measured.items():
        print(f"{name}\n\n{table.markdown()}\n")
        rate, note = (
            table.pictures / table.seconds,
            f"{100 * table.precision:.1f} % of the area found is right",
        )
        lines.append(Figure(name, "dicomanon", table.seconds, peak, per_second=rate, note=note))
        for group in GROUPS:
            row = table.row(group)
            note = f"{row.found} of {row.planted} found"
            lines.append(Figure(f"{name}: {group}", "dicomanon", ratio=row.found / row.planted, note=note))
    return lines
