"""The set: label or overview, worn or not, by a seed and a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from conformance.pictures.labels import WHITES, blank, draw_label
from conformance.pictures.overviews import DARK, LIGHT, draw_overview
from conformance.pictures.sheet import turn
from conformance.pictures.truth import BARCODE, HANDWRITTEN, Picture
from conformance.pictures.wear import worn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator

    from conformance.pictures.sheet import Sheet

LEAST = 11
"""Least cap height in pixels of a text on a label."""

SMALL = 13
ASCII_END = 0x7F
TURNED = ("upright", "rotated 90", "rotated 180", "rotated 270")


def pictures(count: int, seed: int = 0) -> Iterator[Picture]:
    """Draw pictures; a picture depends on the seed and its number only, so that a longer set begins with a shorter."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        yield _label(rng, number) if rng.random() < 0.55 else _overview(rng, number)


def _label(rng: Generator, number: int) -> Picture:
    columns, rows = int(rng.integers(300, 900)), int(rng.integers(300, 900))
    if rng.random() < 0.5:
        rows = max(300, int(columns * rng.uniform(0.6, 0.9)))
    empty = rng.random() < 0.07
    if empty:
        sheet, traits = blank(rng, columns, rows)[0], {"blank label"}
    else:
        hand = float(rng.choice((0.0, 0.25, 0.9), p=(0.45, 0.35, 0.2)))
        code_count = int(rng.choice(3, p=(0.35, 0.45, 0.2)))
        sheet, traits = draw_label(rng, columns, rows, LEAST, by_hand_share=hand, code_count=code_count)
    tilted = rng.random()
    if tilted < 0.3:
        _tilt(rng, sheet, float(rng.uniform(1.5, 12)) * (1 if rng.random() < 0.5 else -1))
        traits.add("tilted")
    elif tilted < 0.45:
        _perspective(rng, sheet)
        traits.add("perspective")
    return _finished(rng, sheet, f"label-{number:04}", "LABEL", traits)


def _overview(rng: Generator, number: int) -> Picture:
    what = str(rng.choice(("labelled", "blank label", "no label"), p=(0.8, 0.07, 0.13)))
    sheet, traits = draw_overview(rng, what)
    traits |= {"no label"} if what == "no label" else set()
    if rng.random() < 0.3:
        rows, columns, _ = sheet.image.shape
        angle = float(rng.uniform(0.5, 2))
        matrix, size = turn(columns, rows, angle if rng.random() < 0.5 else -angle)
        sheet.warp(matrix, size, None)
        traits.add("tilted")
    return _finished(rng, sheet, f"overview-{number:04}", "OVERVIEW", traits)


def _around_label(rng: Generator) -> tuple[int, int, int]:
    colours = DARK + LIGHT + WHITES
    return colours[int(rng.integers(len(colours)))]


def _tilt(rng: Generator, sheet: Sheet, angle: float) -> None:
    rows, columns, _ = sheet.image.shape
    matrix, size = turn(columns, rows, angle)
    sheet.warp(matrix, size, _around_label(rng))


def _perspective(rng: Generator, sheet: Sheet) -> None:
    """Look at a label slightly from the side."""
    rows, columns, _ = sheet.image.shape
    edge = 0.035 * min(rows, columns)
    source = np.array(((0, 0), (columns, 0), (columns, rows), (0, rows)), np.float32)
    target = (source + edge + rng.uniform(-edge, edge, (4, 2))).astype(np.float32)
    matrix = np.asarray(cv2.getPerspectiveTransform(source, target), np.float64)
    size = (int(columns + 2 * edge) + 1, int(rows + 2 * edge) + 1)
    sheet.warp(matrix, size, _around_label(rng))


def _finished(rng: Generator, sheet: Sheet, name: str, flavour: str, traits: set[str]) -> Picture:
    turns = int(rng.choice(4, p=(0.4, 0.2, 0.2, 0.2)))
    sheet.rotate(turns)
    coded = any(thing.kind.startswith(BARCODE) for thing in sheet.planted)
    image, wears = worn(sheet.image, rng, min(sheet.finest, 40), codes=coded)
    traits = {*traits, *wears, TURNED[turns], *({"worn"} if wears else ())}
    if not sheet.planted:
        traits.add("negative")
    if sheet.finest < SMALL:
        traits.add("small text")
    texts = [thing for thing in sheet.planted if not thing.kind.startswith(BARCODE)]
    if any(ord(character) > ASCII_END for thing in texts for character in thing.text):
        traits.add("accents")
    if any(thing.kind == HANDWRITTEN for thing in texts):
        traits.add("handwriting")
    planted, pen = tuple(sheet.planted), tuple(sheet.pen)
    return Picture(name, flavour, image, planted, sheet.label, frozenset(traits), pen)
