"""How much of what is planted a finder finds, and how much of what it finds is there."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from conformance.pictures.truth import Corners, Picture, Planted

FOUND, TOUCHED = 0.95, 0.5
"""Share of the area of a planted thing that boxes cover."""

NEAR_PIXELS, NEAR_SHARE, NEAR_MOST = 12, 0.6, 40
"""A box may reach past the ink by pixels or by a share of its shorter side, whichever is more, to a limit."""

ALARMING = {"text", "barcode", "pen"}
COUNTED = {*ALARMING, "label"}
"""Kinds of findings; a label that is found covers what is on it, and is no false alarm where it is empty."""


class Edges(Protocol):
    """A box: pixel columns and rows, without `right` and `bottom`."""

    @property
    def left(self) -> int: ...
    @property
    def top(self) -> int: ...
    @property
    def right(self) -> int: ...
    @property
    def bottom(self) -> int: ...


class Found(Protocol):
    """What a finder returns: `kind` is text, barcode, pen or label; others are not counted."""

    @property
    def kind(self) -> str: ...
    @property
    def box(self) -> Edges: ...
    @property
    def score(self) -> float: ...


@dataclass(frozen=True)
class Row:
    """How many things of one kind, or in pictures of one trait, are planted, found, and found in part at least."""

    name: str
    planted: int
    found: int
    touched: int


@dataclass(frozen=True)
class Table:
    """The result: rows, the share of the found area that is right, false alarms, and seconds of the finder.

    `missed`: the name of the picture and what was not found in it.
    """

    pictures: int
    rows: tuple[Row, ...]
    precision: float
    negatives: int
    negatives_with_finding: int
    pen_strokes: int
    pen_strokes_touched: int
    seconds: float
    missed: tuple[tuple[str, Planted], ...] = field(repr=False)

    def row(self, name: str) -> Row:
        """Return the row of that name."""
        return next(row for row in self.rows if row.name == name)

    def markdown(self) -> str:
        """Return the table and the figures below it."""
        wide = max((len(row.name) for row in self.rows), default=4)
        lines = [
            f"| {'what'.ljust(wide)} | planted | found | touched |",
            f"|{'-' * (wide + 2)}|--------:|------:|--------:|",
        ]
        lines += [
            f"| {row.name.ljust(wide)} | {row.planted:7} | {_share(row.found, row.planted):>5} |"
            f" {_share(row.touched, row.planted):>7} |"
            for row in self.rows
        ]
        lines.append("")
        lines.append(
            f"{self.pictures} pictures, {self.seconds / max(self.pictures, 1):.2f} s each; "
            f"{100 * self.precision:.1f} % of the area found is right; "
            f"{self.negatives_with_finding} of {self.negatives} pictures without a text have a finding; "
            f"{self.pen_strokes_touched} of {self.pen_strokes} pen strokes are touched by one."
        )
        return "\n".join(lines)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else ""


def raster(shape: tuple[int, int], corners: Corners) -> NDArray[np.bool_]:
    """Return which pixels have their middle in a convex quadrilateral."""
    rows, columns = shape
    points = np.array(corners)
    left, top = np.maximum(np.floor(points.min(0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int), (columns, rows))
    y, x = np.mgrid[top:bottom, left:right] + 0.5
    sides = [
        (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])
        for p, q in zip(points, np.roll(points, -1, 0), strict=True)
    ]
    inside = np.all([side >= 0 for side in sides], 0) | np.all([side <= 0 for side in sides], 0)
    mask = np.zeros(shape, np.bool_)
    mask[top:bottom, left:right] = inside
    return mask


def _union(shape: tuple[int, int], boxes: Iterable[Edges]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, np.bool_)
    for box in boxes:
        mask[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = True
    return mask


def _right(picture: Picture, boxes: Sequence[Edges]) -> NDArray[np.bool_]:
    """Return which pixels of the boxes lie near something planted, near a pen stroke, or on the label."""
    shape = picture.image.shape[0], picture.image.shape[1]
    truth = np.zeros(shape, np.bool_)
    label = [] if picture.label is None else [picture.label]
    for corners in (*(thing.corners for thing in picture.planted), *picture.pen, *label):
        truth |= raster(shape, corners)
    right = np.zeros(shape, np.bool_)
    if not truth.any():
        return right
    distance = cv2.distanceTransform((~truth).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    for box in boxes:
        near = min(max(NEAR_PIXELS, NEAR_SHARE * min(box.right - box.left, box.bottom - box.top)), NEAR_MOST)
        place = np.s_[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)]
        right[place] |= distance[place] <= near
    return right


def measure(pictures: Iterable[Picture], find: Callable[[Picture], Sequence[Found]]) -> Table:
    """Run a finder over pictures and compare with what is planted."""
    planted, found, touched = Counter[str](), Counter[str](), Counter[str]()
    count = negatives = alarms = strokes = strokes_touched = 0
    area = right_area = 0
    seconds = 0.0
    missed = []
    for picture in pictures:
        start = time.perf_counter()
        findings = find(picture)
        seconds += time.perf_counter() - start
        boxes = [finding.box for finding in findings if finding.kind in COUNTED]
        shape = picture.image.shape[0], picture.image.shape[1]
        union = _union(shape, boxes)
        count += 1
        if not picture.planted and not picture.pen:
            negatives += 1
            alarms += any(finding.kind in ALARMING for finding in findings)
        area += int(union.sum())
        right_area += int(_right(picture, boxes).sum())
        strokes += len(picture.pen)
        strokes_touched += sum(bool(union[raster(shape, corners)].any()) for corners in picture.pen)
        for thing in picture.planted:
            covered = float(union[raster(shape, thing.corners)].mean())
            names = _names(picture, thing)
            planted.update(names)
            found.update(names if covered >= FOUND else ())
            touched.update(names if covered >= TOUCHED else ())
            if covered < FOUND:
                missed.append((picture.name, thing))
    order = sorted(planted, key=lambda name: (not name.startswith("all"), name.startswith("in: "), name))
    rows = tuple(Row(name, planted[name], found[name], touched[name]) for name in order)
    precision = right_area / area if area else 1.0
    return Table(count, rows, precision, negatives, alarms, strokes, strokes_touched, seconds, tuple(missed))


def _names(picture: Picture, thing: Planted) -> list[str]:
    """Return the rows a planted thing counts in."""
    barcode = thing.kind.startswith("barcode")
    group = "all barcodes" if barcode else "all text"
    traits = [f"in: {trait}" for trait in picture.traits]
    return ["all", group, thing.kind, f"all on {picture.flavour}", *traits]
