"""A few letters as dots, five wide and seven high: enough for a made slide label, with no font at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

HIGH, WIDE = 7, 5

_ROWS: Mapping[str, str] = {
    " ": "00 00 00 00 00 00 00",
    "&": "0c 12 14 08 15 12 0d",
    "-": "00 00 00 1f 00 00 00",
    "0": "0e 11 13 15 19 11 0e",
    "1": "04 0c 04 04 04 04 0e",
    "2": "0e 11 01 06 08 10 1f",
    "4": "02 06 0a 12 1f 02 02",
    "6": "06 08 10 1e 11 11 0e",
    "7": "1f 01 02 04 08 08 08",
    "A": "0e 11 11 1f 11 11 11",
    "D": "1e 11 11 11 11 11 1e",
    "E": "1f 10 10 1e 10 10 1f",
    "F": "1f 10 10 1e 10 10 10",
    "H": "11 11 11 1f 11 11 11",
    "I": "0e 04 04 04 04 04 0e",
    "K": "11 12 14 18 14 12 11",
    "L": "10 10 10 10 10 10 1f",
    "M": "11 1b 15 15 11 11 11",
    "O": "0e 11 11 11 11 11 0e",
    "P": "1e 11 11 1e 10 10 10",
    "R": "1e 11 11 1e 14 12 11",
    "S": "0f 10 10 0e 01 01 1e",
    "T": "1f 04 04 04 04 04 04",
    "U": "11 11 11 11 11 11 0e",
}
"""A row is five bits, the left one highest."""


def written(text: str, scale: int) -> NDArray[np.bool_]:
    """Return `text` as dots of `scale` pixels; raise KeyError for a letter that is not drawn here."""
    dots = np.zeros((HIGH, (WIDE + 1) * len(text)), np.bool_)
    for number, letter in enumerate(text):
        for row, bits in enumerate(bytes.fromhex(_ROWS[letter])):
            for column in range(WIDE):
                dots[row, number * (WIDE + 1) + column] = bits >> WIDE - 1 - column & 1
    return np.kron(dots, np.ones((scale, scale), np.bool_))
