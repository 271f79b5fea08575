"""A whole slide on the stage of a scanner, lying flat with its label at the left or the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from conformance.pictures import words
from conformance.pictures.fonts import by_hand, faces_of, ink
from conformance.pictures.labels import LEAST_HAND, blank, colour_of, draw_label
from conformance.pictures.sheet import Sheet
from conformance.pictures.tissue import PENS, cover_slip, pen_marks, smooth_noise, tissue
from conformance.pictures.truth import HANDWRITTEN, box_corners

if TYPE_CHECKING:
    from numpy.random import Generator

    from conformance.pictures.sheet import Colour
    from conformance.pictures.tissue import Region

DARK: tuple[Colour, ...] = ((18, 18, 20), (35, 34, 32), (52, 54, 58))
LIGHT: tuple[Colour, ...] = ((225, 226, 222), (205, 208, 210), (240, 240, 238))
LEAST = 10
"""Least cap height in pixels of a text on an overview."""


def draw_overview(rng: Generator, what: str) -> tuple[Sheet, set[str]]:
    """Draw a slide; `what` is "labelled", "blank label" or "no label". Also its traits."""
    columns = int(rng.integers(1000, 1700))
    rows = int(columns / rng.uniform(2.3, 2.8))
    dark = rng.random() < 0.5
    sheet = Sheet(columns, rows, colour_of(rng, DARK if dark else LIGHT))
    traits = {"dark stage" if dark else "light stage"}
    edge = (int(columns * rng.uniform(0.015, 0.05)), int(rows * rng.uniform(0.05, 0.12)))
    glass = (edge[0], edge[1], columns - edge[0], rows - edge[1])
    _glass(rng, sheet, glass)
    area = glass
    if what != "no label":
        area = _labelled(rng, sheet, glass, traits, empty=what == "blank label")
    inset = 14
    field = (area[0] + inset, area[1] + inset, area[2] - inset, area[3] - inset)
    if rng.random() < 0.7:
        cover_slip(rng, sheet, field)
        traits.add("cover slip")
    if what == "labelled" and rng.random() < 0.3 and _initials(rng, sheet, field):
        traits.add("writing on glass")
        field = (field[0], field[1] + (field[3] - field[1]) // 4, *field[2:])
    pieces = tissue(rng, sheet, field)
    if what == "labelled" and rng.random() < 0.35:
        pen_marks(rng, sheet, pieces)
        traits |= {"pen marks"} if sheet.pen else set()
    return sheet, traits


def _glass(rng: Generator, sheet: Sheet, glass: Region) -> None:
    left, top, right, bottom = glass
    colour = np.array(rng.uniform(196, 240) + rng.uniform(-4, 4, 3))
    uneven = smooth_noise(rng, bottom - top, right - left, 5)[..., None] * 10
    sheet.image[top:bottom, left:right] = np.clip(colour + uneven - 5, 0, 255)
    shade = int(rng.integers(120, 175))
    cv2.rectangle(sheet.image, (left, top), (right - 1, bottom - 1), (shade, shade + 6, shade + 4), 3)


def _labelled(rng: Generator, sheet: Sheet, glass: Region, traits: set[str], *, empty: bool) -> Region:
    """Stick a label to one end, or write on the painted end; what remains of the glass."""
    left, top, right, bottom = glass
    wide = int((right - left) * rng.uniform(0.22, 0.3))
    gap = int(rng.integers(2, 12))
    high = bottom - top - 2 * gap
    at_left = rng.random() < 0.5
    turns = int(rng.choice(4, p=(0.4, 0.25, 0.1, 0.25)))
    size = (high, wide) if turns % 2 else (wide, high)
    painted = rng.random() < 0.25
    if empty:
        label, more = blank(rng, *size)[0], {"blank label"}
    else:
        label, more = draw_label(
            rng,
            *size,
            LEAST,
            by_hand_share=0.8 if painted else 0.15,
            code_count=0 if painted else int(rng.choice(3, p=(0.45, 0.45, 0.1))),
        )
    label.rotate(turns)
    x = left + gap if at_left else right - gap - wide
    sheet.paste(label, x, top + gap)
    sheet.label = box_corners(x, top + gap, x + wide, top + gap + high)
    traits |= more | {"label at the left" if at_left else "label at the right"}
    return (
        (left + wide + 2 * gap, top, right, bottom)
        if at_left
        else (left, top, right - wide - 2 * gap, bottom)
    )


def _initials(rng: Generator, sheet: Sheet, field: Region) -> bool:
    """Write initials or a number on the glass with a thick pen, above the tissue."""
    spoken = words.language(rng)
    text = words.initials(rng, spoken) if rng.random() < 0.6 else words.accession(rng)
    faces = faces_of(text, handwritten=True)
    if not faces:
        return False
    cap = max(LEAST_HAND, (field[3] - field[1]) * float(rng.uniform(0.08, 0.15)))
    mask = by_hand(
        ink(text, faces[int(rng.integers(len(faces)))], cap, stroke=max(1, round(cap / 18))), rng, cap
    )
    spare = field[2] - field[0] - mask.shape[1] - 20
    if spare < 0:
        return False
    place = (field[0] + 10 + int(spare * rng.random()), field[1] + 8)
    sheet.plant(mask, place, colour_of(rng, PENS), HANDWRITTEN, text)
    sheet.finest = min(sheet.finest, cap)
    return True
