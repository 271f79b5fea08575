"""The face of a slide label, upright and unworn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from conformance.pictures import codes, words
from conformance.pictures.fonts import FACES, by_hand, faces_of, ink
from conformance.pictures.sheet import Sheet
from conformance.pictures.truth import BARCODE, HANDWRITTEN, PRINTED

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from conformance.pictures.fonts import Face
    from conformance.pictures.sheet import Colour

WHITES: tuple[Colour, ...] = ((255, 255, 255), (246, 245, 240), (236, 238, 240))
COLOURS: tuple[Colour, ...] = (
    *((250, 214, 220), (205, 226, 246), (252, 240, 180), (208, 238, 208)),
    *((232, 214, 245), (250, 216, 176)),
)
PRINTS: tuple[Colour, ...] = ((10, 10, 10), (25, 25, 30), (50, 50, 55), (20, 25, 80))
PENS: tuple[Colour, ...] = ((20, 30, 130), (15, 15, 20), (10, 20, 90), (110, 20, 25), (60, 60, 65))
BANDS: tuple[Colour, ...] = ((20, 70, 130), (150, 30, 45), (25, 105, 80))
BACKGROUNDS = ("white", "coloured", "band", "logo", "frame")
TRIES = 4
"""How often another barcode is taken when one does not fit."""

LEAST_HAND = 15
"""Nobody writes smaller than that, in pixels of cap height."""


@dataclass
class Room:
    """What is still free of a label, in pixels."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Free columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Free rows."""
        return self.bottom - self.top

    def take(self, side: str, pixels: int) -> tuple[int, int]:
        """Take a strip off one side; where it begins (column, row)."""
        place = (self.left, self.top)
        if side == "left":
            self.left += pixels
        elif side == "right":
            self.right -= pixels
            place = (self.right, self.top)
        elif side == "top":
            self.top += pixels
        else:
            self.bottom -= pixels
            place = (self.left, self.bottom)
        return place


def colour_of(rng: Generator, colours: tuple[Colour, ...]) -> Colour:
    """Return one of the colours."""
    return colours[int(rng.integers(len(colours)))]


def blank(rng: Generator, columns: int, rows: int) -> tuple[Sheet, Room, str]:
    """Return a label without a text, its room, and the name of its background."""
    background = BACKGROUNDS[int(rng.choice(len(BACKGROUNDS), p=(0.35, 0.25, 0.12, 0.13, 0.15)))]
    sheet = Sheet(columns, rows, colour_of(rng, COLOURS if background == "coloured" else WHITES))
    margin = 6 + round(0.035 * min(columns, rows))
    if background == "frame":
        line = int(rng.integers(1, 4))
        cv2.rectangle(sheet.image, (3, 3), (columns - 4, rows - 4), colour_of(rng, PRINTS), line)
        margin += 4
    if background == "logo":
        _logo(rng, sheet)
    return sheet, Room(margin, margin, columns - margin, rows - margin), background


def _logo(rng: Generator, sheet: Sheet) -> None:
    """Put the pale sign of a hospital behind what is written: a cross in rings, no letters."""
    rows, columns, _ = sheet.image.shape
    mask = np.zeros((rows, columns), np.uint8)
    middle = (int(columns * rng.uniform(0.25, 0.75)), int(rows * rng.uniform(0.3, 0.7)))
    radius = int(min(rows, columns) * rng.uniform(0.2, 0.34))
    arm = radius // 4
    cv2.circle(mask, middle, radius, 255, max(2, radius // 9), cv2.LINE_AA)
    for across, down in ((radius * 2 // 3, arm), (arm, radius * 2 // 3)):
        corner, other = (middle[0] - across, middle[1] - down), (middle[0] + across, middle[1] + down)
        cv2.rectangle(mask, corner, other, 255, -1)
    sheet.stamp(mask, 0, 0, colour_of(rng, BANDS), strength=0.16)


def draw_label(
    rng: Generator, columns: int, rows: int, least: float, *, by_hand_share: float, code_count: int
) -> tuple[Sheet, set[str]]:
    """Draw a label of that size with cap heights from `least` pixels on; also its traits."""
    sheet, room, background = blank(rng, columns, rows)
    traits = {f"{background} background"}
    spoken = words.language(rng)
    if background == "band":
        _band(rng, sheet, room, least, spoken)
    for _ in range(code_count):
        any(_code(rng, sheet, room) for _ in range(TRIES))
    if rng.random() < 0.12 and room.width > 8 * least and room.height > 14 * least:
        _sideways(rng, sheet, room, least)
        traits.add("sideways line")
    _lines(rng, sheet, room, least, spoken, by_hand_share)
    return sheet, traits


def _band(rng: Generator, sheet: Sheet, room: Room, least: float, spoken: words.Language) -> None:
    """Print the name of the house, white on a strip of colour at the top."""
    cap = max(least, min(24.0, sheet.image.shape[0] * 0.05))
    high = round(cap * 2.4)
    sheet.image[:high] = colour_of(rng, BANDS)
    text = words.pick(rng, spoken.houses)
    face = faces_of(text, handwritten=False)
    mask = ink(text, face[int(rng.integers(len(face)))], cap)
    while mask.shape[1] > room.width and cap > least:
        cap = max(least, cap * 0.9)
        mask = ink(text, face[0], cap)
    if mask.shape[1] <= room.width:
        sheet.plant(mask, (room.left, (high - mask.shape[0]) // 2), (255, 255, 255), PRINTED, text)
        sheet.finest = min(sheet.finest, cap)
    room.top = high + 6


def _code(rng: Generator, sheet: Sheet, room: Room) -> bool:
    """Put a barcode at a side where it leaves room for text; whether it does."""
    symbology = str(rng.choice(tuple(codes.SHARES), p=tuple(codes.SHARES.values())))
    text = words.barcode_text(rng, symbology)
    pattern = codes.modules(symbology, text)
    module = float(rng.uniform(codes.LEAST_MODULE, 5))
    quiet = codes.QUIET[symbology]
    linear = symbology in codes.LINEAR
    upright = symbology not in codes.MATRIX and rng.random() < 0.25
    long = room.height if upright else room.width
    module = max(codes.LEAST_MODULE, min(module, long / (pattern.shape[1] + 2 * quiet)))
    height = int(rng.integers(34, 80)) if linear else None
    mask = codes.drawn(pattern, module, height)
    pad = (4 if linear else round(quiet * module), round(quiet * module))
    if upright:
        mask, pad = np.ascontiguousarray(np.rot90(mask, 1 if rng.random() < 0.5 else 3)), (pad[1], pad[0])
    high, wide = mask.shape[0] + 2 * pad[0], mask.shape[1] + 2 * pad[1]
    if high > room.height or wide > room.width:
        return False
    if (room.width - wide) / room.width > 0.42 and (room.height - high) / room.height < 0.75:
        side, left_over, needed = ("left", "right")[int(rng.integers(2))], room.height - high, wide
    elif (room.height - high) / room.height > 0.35:
        side, left_over, needed = ("top", "bottom")[int(rng.integers(2))], room.width - wide, high
    else:
        return False
    left, top = room.take(side, needed)
    slide = int(rng.uniform(0, 1) * left_over)
    left, top = (left, top + slide) if side in {"left", "right"} else (left + slide, top)
    # What a printer would leave empty is empty, also of a logo.
    sheet.image[top : top + high, left : left + wide] = sheet.image[-1, -1]
    place = (left + pad[1], top + pad[0])
    sheet.plant(mask, place, (10, 10, 10), BARCODE + symbology, text)
    return True


def _sideways(rng: Generator, sheet: Sheet, room: Room, least: float) -> None:
    """Print a number up or down one side."""
    text = words.accession(rng)
    cap = float(rng.uniform(least, 1.5 * least))
    face = faces_of(text, handwritten=False)
    mask = ink(text, face[int(rng.integers(len(face)))], cap)
    mask = np.ascontiguousarray(np.rot90(mask, 1 if rng.random() < 0.5 else 3))
    if mask.shape[0] > room.height:
        return
    left, top = room.take(("left", "right")[int(rng.integers(2))], mask.shape[1] + round(cap))
    sheet.plant(mask, (left + round(cap / 2), top), (20, 20, 20), PRINTED, text)
    sheet.finest = min(sheet.finest, cap)


def _lines(
    rng: Generator, sheet: Sheet, room: Room, least: float, spoken: words.Language, by_hand_share: float
) -> None:
    """Fill the room with two to eight lines."""
    count = min(int(rng.integers(2, 9)), max(2, int(room.height / (1.9 * least))))
    biggest = max(least, min(40.0, room.height / (count * 1.9)))
    cap = float(rng.uniform(least, biggest)) if rng.random() < 0.6 else biggest
    print_colour, pen_colour = colour_of(rng, PRINTS), colour_of(rng, PENS)
    top = room.top
    usual = FACES[int(rng.integers(len(FACES)))] if rng.random() < 0.7 else None
    for text in words.lines(rng, spoken, count):
        written = rng.random() < by_hand_share
        size = cap * float(rng.uniform(0.8, 1.25))
        drawn = _written(rng, text, max(size, least), room.width, least, written=written, usual=usual)
        if drawn is None:
            continue
        mask, used, handwritten = drawn
        angle = float(rng.uniform(-2.5, 2.5)) if handwritten else 0.0
        lean = int(abs(angle) / 57 * mask.shape[1]) + 1 if angle else 0
        if top + mask.shape[0] + lean > room.bottom:
            break
        spare = room.width - mask.shape[1] - lean
        left = room.left + (int(spare * rng.random()) if rng.random() < 0.3 else 0)
        colour, kind = (pen_colour, HANDWRITTEN) if handwritten else (print_colour, PRINTED)
        sheet.plant(mask, (left, top), colour, kind, text, angle)
        sheet.finest = min(sheet.finest, used)
        top += mask.shape[0] + lean + round(used * float(rng.uniform(0.4, 0.9)))


def _written(
    rng: Generator,
    text: str,
    cap: float,
    width: int,
    least: float,
    *,
    written: bool,
    usual: Face | None,
) -> tuple[NDArray[np.uint8], float, bool] | None:
    """Return the ink of a line that fits, its cap height, and whether a hand wrote it; None if none fits."""
    faces = faces_of(text, handwritten=True) if written else ()
    handwritten = bool(faces)
    faces = faces or faces_of(text, handwritten=False)
    face = usual if usual in faces else faces[int(rng.integers(len(faces)))]
    floor = max(least, LEAST_HAND) if handwritten else least
    cap = max(cap * (1.3 if handwritten else 1), floor)
    while True:
        mask = ink(text, face, cap, stroke=int(handwritten and cap > 26))
        if mask.shape[1] <= width * 0.97 - 4:
            break
        if cap <= floor:
            return None
        cap = max(floor, cap * 0.88)
    if handwritten:
        bent = by_hand(mask, rng, cap)
        mask = bent if bent.shape[1] <= width - 2 else mask
    return mask, cap, handwritten
