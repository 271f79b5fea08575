"""Tags of places on a slide, and headers made of elements."""

from __future__ import annotations

from dicomanon.part10.read import read_instance
from dicomanon.pixels.header import Header
from tests.part10.building import BIG, EXPLICIT, IMPLICIT, Coding, data_set, file_of
from tests.pixels.single import Dribble

SYNTAXES = (IMPLICIT, EXPLICIT, BIG)
TOTAL_COLUMNS, TOTAL_ROWS, ORGANIZATION, OFFSET = 0x00480006, 0x00480007, 0x00209311, 0x00209228
PER_FRAME, SHARED, POSITION, COLUMN, ROW, Z = (
    0x52009230,
    0x52009229,
    0x0048021A,
    0x0048021E,
    0x0048021F,
    0x0040074A,
)
PATH, PATH_NUMBER, REFERENCE = 0x00480207, 0x00480106, 0x00200052
ORIENTATION, ORIGIN, X, Y, MEASURES, SPACING = (
    0x00480102,
    0x00480008,
    0x0040072A,
    0x0040073A,
    0x00289110,
    0x00280030,
)
LYING, STANDING = "0\\-1\\0\\-1\\0\\0", "1\\0\\0\\0\\1\\0"
ORIENTATIONS = (
    LYING,
    STANDING,
    "0\\1\\0\\1\\0\\0",
    "-1\\0\\0\\0\\1\\0",
    "1\\0\\0\\0\\-1\\0",
    "0\\1\\0\\-1\\0\\0",
)


def header_of(syntax: str, more: dict[int, bytes]) -> Header:
    return Header.of(read_instance(Dribble(file_of(syntax, data_set(Coding(syntax), more)))))
