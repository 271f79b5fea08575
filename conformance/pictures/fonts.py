"""Typefaces from the Python packages of fonts, and lines of ink written in them."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

INK = 64
"""From this value of 255 on, a pixel counts as ink; less is the soft edge of a letter."""

PROBE = 100
UNUSED = "\uffff"


@dataclass(frozen=True)
class Face:
    """One file of a package of fonts."""

    package: str
    file: str
    handwritten: bool = False


FACES = (
    *(
        Face("font_roboto", f"Roboto-{style}.ttf")
        for style in ("Regular", "Bold", "Medium", "Light", "Italic")
    ),
    *(Face("font_source_sans_pro", f"SourceSansPro-{style}.ttf") for style in ("Regular", "Semibold", "It")),
    *(Face("font_source_serif_pro", f"SourceSerifPro-{style}.ttf") for style in ("Regular", "Bold")),
    *(Face("font_caladea", f"Caladea-{style}.ttf") for style in ("Regular", "Bold", "Italic")),
    Face("font_fredoka_one", "FredokaOne-Regular.ttf"),
    Face("font_amatic_sc", "AmaticSC-Bold.ttf", handwritten=True),
    Face("font_amatic_sc", "AmaticSC-Regular.ttf", handwritten=True),
    Face("font_intuitive", "Intuitive.ttf", handwritten=True),
)


@cache
def _type(face: Face, size: int) -> ImageFont.FreeTypeFont:
    file = importlib.resources.files(face.package) / "files" / face.file
    with importlib.resources.as_file(file) as path:
        # The plain layout is the same whether or not the machine has a shaping library.
        return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def has_glyph(face: Face, character: str) -> bool:
    """Whether the face draws the character, and not the box that stands for what it lacks."""
    font = _type(face, PROBE)
    return character == " " or bytes(font.getmask(character)) != bytes(font.getmask(UNUSED))


def faces_of(text: str, *, handwritten: bool) -> tuple[Face, ...]:
    """Return the faces of that sort that have every character of the text; there may be none."""
    return tuple(
        face for face in FACES if face.handwritten == handwritten and all(has_glyph(face, c) for c in text)
    )


def _size(face: Face, cap_height: float) -> int:
    _, top, _, bottom = _type(face, PROBE).getbbox("H")
    return max(6, round(cap_height * PROBE / (bottom - top)))


def ink(text: str, face: Face, cap_height: float, stroke: int = 0) -> NDArray[np.uint8]:
    """Write a line; return its ink, 0 to 255, cut to where there is any. Sizes are in pixels."""
    font = _type(face, _size(face, cap_height))
    left, top, right, bottom = font.getbbox(text, stroke_width=stroke)
    sheet = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8))
    ImageDraw.Draw(sheet).text((4 - left, 4 - top), text, fill=255, font=font, stroke_width=stroke)
    return cut(np.asarray(sheet))


def cut(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the part of a mask that has ink."""
    rows, columns = np.flatnonzero((mask >= INK).any(1)), np.flatnonzero((mask >= INK).any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def by_hand(mask: NDArray[np.uint8], rng: Generator, cap_height: float) -> NDArray[np.uint8]:
    """Bend a line as a hand would: a wavy base line, letters of unlike width and lean."""
    edge = int(cap_height * 0.4) + 4
    wide = cv2.copyMakeBorder(mask, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=0)
    rows, columns = np.mgrid[: wide.shape[0], : wide.shape[1]].astype(np.float32)
    wave, lean = float(rng.uniform(2.5, 5) * cap_height), float(rng.uniform(-0.12, 0.2))
    phase = rng.uniform(0, 6.3, 2)
    up = 0.09 * cap_height * np.sin(columns / wave + phase[0])
    aside = 0.10 * cap_height * np.sin(columns / (0.6 * wave) + phase[1])
    aside += lean * (rows - wide.shape[0] / 2)
    bent = cv2.remap(
        wide,
        (columns + aside).astype(np.float32),
        (rows + up).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return cut(np.asarray(bent, np.uint8))
