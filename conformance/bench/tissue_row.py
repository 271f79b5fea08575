"""Drawn labels as writing in tissue at 20x: how much of it is found with the settings of a profile as it comes."""

from __future__ import annotations

import resource
from collections import Counter
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import cv2
import numpy as np

from conformance.bench.figure import Figure
from conformance.pictures.made import pictures
from conformance.pictures.measure import FOUND, raster
from dicomanon.demo.slide import _section
from dicomanon.errors import PixelsError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from conformance.pictures.truth import Corners, Picture

    Image = NDArray[np.uint8]

LABELS, QUICK_LABELS = 24, 6
SEED = 20_262
SPACING, SEARCH = 0.5, 2.0
"""Micrometres between pixels of the slide, and of what is looked at."""
LARGER = (1, 2, 4)
"""How many pixels of the slide a pixel of a label is wide."""
COLUMNS, ROWS, GAP = 2600, 1500, 60
EDGES = (8, 16, 24, 40)
"""Heights of lines, in micrometres, between which they are counted together."""


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Measure once, and print the table by height."""
    del folder, rounds
    planted, found = Counter[str](), Counter[str]()
    try:
        for larger in LARGER:
            for image, things in _sheets(QUICK_LABELS if quick else LABELS, larger * SPACING / SEARCH):
                _count(image, things, planted, found)
    except (ImportError, UnsupportedError) as error:
        return [Figure("tissue", "dicomanon", note=f"could not: {error}")]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return [
        Figure(
            f"writing in tissue: {name}",
            "dicomanon",
            peak_mb=peak,
            ratio=found[name] / planted[name],
            note=f"{found[name]} of {planted[name]} covered",
        )
        for name in sorted(planted)
    ]


def _sheets(count: int, factor: float) -> Iterator[tuple[Image, list[tuple[str, Corners]]]]:
    """Yield pictures of tissue full of labels, with kind and corners of what they say."""
    image, things = _tissue(), list[tuple[str, "Corners"]]()
    left, top, high = GAP, GAP, 0
    labels = (each for each in pictures(4 * count, SEED) if each.flavour == "LABEL" and each.planted)
    for label in islice(labels, count):
        small = cv2.resize(label.image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        rows, columns = small.shape[:2]
        if left + columns > COLUMNS - GAP:
            left, top, high = GAP, top + high + GAP, 0
        if top + rows > ROWS - GAP:
            yield image, things
            image, things = _tissue(), []
            left, top, high = GAP, GAP, 0
        image[top : top + rows, left : left + columns] = small
        things += list(_moved(label, factor, left, top))
        left, high = left + columns + GAP, max(high, rows)
    yield image, things


def _tissue() -> Image:
    section = _section()
    down, across = -(-ROWS // section.shape[0]), -(-COLUMNS // section.shape[1])
    return np.ascontiguousarray(np.tile(section, (down, across, 1))[:ROWS, :COLUMNS])


def _moved(label: Picture, factor: float, left: int, top: int) -> Iterator[tuple[str, Corners]]:
    for thing in label.planted:
        corners = tuple((x * factor + left, y * factor + top) for x, y in thing.corners)
        yield _name(thing.kind, corners), corners


def _name(kind: str, corners: Corners) -> str:
    """Return the row a thing counts in: barcodes by themselves, lines by their height."""
    if kind.startswith("barcode"):
        return "barcodes"
    sides = [np.hypot(x - other_x, y - other_y) for (x, y), (other_x, other_y) in pairwise(corners)]
    height = float(min(sides)) * SEARCH
    below = next((edge for edge in EDGES if height < edge), None)
    number = len(EDGES) if below is None else EDGES.index(below)
    words = ("below 8", "8 to 16", "16 to 24", "24 to 40", "40 and more")
    return f"lines {number + 1}, {words[number]} micrometres high"


def _count(
    image: Image, things: Iterable[tuple[str, Corners]], planted: Counter[str], found: Counter[str]
) -> None:
    from dicomanon.pixels.find import find_in_tissue
    from dicomanon.pixels.find.again import find_again

    covered = np.zeros(image.shape[:2], bool)
    try:
        seen = find_again(image, find_in_tissue)
    except PixelsError:
        covered[:] = True  # nothing of this slide leaves
        seen = []
        print("a picture was quarantined")
    for each in seen:
        box = each.box
        covered[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = True
    for name, corners in things:
        planted[name] += 1
        place = raster((ROWS, COLUMNS), corners)
        found[name] += bool(place.any() and covered[place].mean() >= FOUND)
