"""What a picture shows that is no tissue: text, barcodes, pen, the label of a slide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dicomanon.pixels.box import Found
from dicomanon.pixels.find.windows import windows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from dicomanon.pixels.box import Box

    Image = NDArray[np.uint8]

__all__ = ["Found", "find", "find_in_tissue", "find_on_glass", "find_on_label"]

SURE, SURER = 0.75, 0.92
"""Text in tissue has to be read with so much certainty, with two letters alone with more: nuclei look like letters."""
BESIDE = 3.0
"""Heights of a line within which the next one lies."""
LARGEST_LETTER = 0.34
"""Of the shorter side of a picture of tissue: whole pieces of it look like letters too."""


def find(image: Image) -> tuple[Found, ...]:
    """Return text and barcodes in a picture (rows, columns, 3) of 8-bit RGB, in any of four orientations.

    In doubt something is found. Raises UnsupportedError where the packages for it are not installed.
    """
    from dicomanon.pixels.find.barcodes import find_barcodes  # heavy
    from dicomanon.pixels.find.text import find_text  # heavy

    rows, columns = image.shape[:2]
    found = []
    for window in windows_of(columns, rows):
        part = image[window.top : window.bottom, window.left : window.right]
        for each in (*find_barcodes(part), *find_text(part)):
            box = each.box.moved(window.left, window.top).within(columns, rows)
            found.append(replace(each, box=box))
    return tuple(found)


def find_on_label(image: Image) -> tuple[Found, ...]:
    """Return text and barcodes on a label, and what has the texture of either though nobody can read it."""
    from dicomanon.pixels.find.barcodes import find_texture  # heavy

    return (*find(image), *find_texture(image))


def find_in_tissue(image: Image) -> tuple[Found, ...]:
    """Return text and barcodes in a picture of tissue, leaving out what is not read twice alike.

    Beside what is sure, the unsure counts too, and what has the texture of a barcode: writing comes in lines.
    """
    from dicomanon.pixels.find.barcodes import find_texture  # heavy
    from dicomanon.pixels.find.text import reads_again  # heavy

    short = min(image.shape[:2])
    kept: list[Found] = []
    unsure: list[Found] = []
    for each in sorted(find(image), key=lambda found: -found.score):
        if any(other.box.holds(each.box) for other in kept):
            continue
        if each.kind == "barcode":
            sure = each.score == 1.0
        else:
            sure = _is_sure(each, short) and (_is_plain(each) or reads_again(image, each))
        (kept if sure else unsure).append(each)
    kept += _beside(kept, unsure, short)
    around = [each.box.padded(min(each.box.width, each.box.height)) for each in kept]
    texture = (each for each in find_texture(image) if any(each.box.meets(box) for box in around))
    return (*kept, *texture)


def _beside(kept: Sequence[Found], unsure: Sequence[Found], short: int) -> Iterator[Found]:
    """Yield what lies beside something that is sure, or beside what does."""
    around = [_neighbourhood(each) for each in kept]
    left = [each for each in unsure if min(each.box.width, each.box.height) <= LARGEST_LETTER * short]
    while near := [each for each in left if any(each.box.meets(box) for box in around)]:
        yield from near
        around = [_neighbourhood(each) for each in near]
        left = [each for each in left if each not in near]


def _neighbourhood(found: Found) -> Box:
    return found.box.padded(int(BESIDE * min(found.box.width, found.box.height)))


def _is_plain(found: Found) -> bool:
    """Tell whether a text is long enough, and read well enough, that a pattern could not be the reason."""
    return found.score >= SURER and _letters(found) > 4


def find_on_glass(image: Image) -> tuple[Found, ...]:
    """Return label, text, barcodes and pen in an overview, leaving out tissue that was read as letters.

    Where the label is found for sure all of it counts, whatever can be read of it.
    """
    from dicomanon.pixels.find.label_area import find_label  # heavy
    from dicomanon.pixels.find.pen import find_pen  # heavy
    from dicomanon.pixels.find.text import reads_again  # heavy

    short = min(image.shape[:2])
    read = [
        each
        for each in find(image)
        if each.kind == "barcode"
        or (_is_writing(each, short) and (_letters(each) > 2 or reads_again(image, each)))
    ]
    label = find_label(image, read)
    return (*(() if label is None else (label,)), *read, *find_pen(image))


def _letters(found: Found) -> int:
    return sum(each.isalnum() for each in found.text)


def _is_writing(found: Found, short: int) -> bool:
    letters = _letters(found)
    if letters >= 4 and found.score >= 0.7:
        return True
    if min(found.box.width, found.box.height) > 0.4 * short:
        return False
    return found.score >= (0.6 if letters > 1 else 0.8)


def _is_sure(found: Found, short: int) -> bool:
    letters = _letters(found)
    if min(found.box.width, found.box.height) > LARGEST_LETTER * short:
        return False
    return found.score >= (SURE if letters > 2 else SURER) and letters > 1
