"""What is found in drawn pictures, and where the label of an overview is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from conformance.pictures import pictures
from conformance.pictures.measure import measure
from dicomanon.pixels.box import Box, Found
from dicomanon.pixels.find import find, find_in_tissue, find_on_glass
from dicomanon.pixels.find.barcodes import find_barcodes
from dicomanon.pixels.find.label_area import find_label
from dicomanon.pixels.find.pen import find_pen
from dicomanon.pixels.find.text import turned_back
from tests.pixels.pyramids import tissue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from conformance.pictures import Picture, Planted

SEED = 20_261
COVERED = 0.95
"""Of a label: what is left of one that is cut is an empty edge."""


def around(thing: Planted) -> Box:
    columns, rows = zip(*thing.corners, strict=True)
    return Box(int(min(columns)), int(min(rows)), int(max(columns)) + 1, int(max(rows)) + 1)


def overviews(count: int) -> list[Picture]:
    return [each for each in pictures(count, SEED) if each.flavour == "OVERVIEW"]


def test_every_barcode_is_found_whichever_way_it_lies_and_however_it_is_worn() -> None:
    with_codes = [
        each for each in pictures(90, SEED) if any("barcode" in thing.kind for thing in each.planted)
    ]

    row = measure(with_codes, lambda picture: list(find_barcodes(picture.image))).row("all barcodes")

    assert row.planted > 40
    assert row.found == row.planted


def test_text_of_labels_is_found_nearly_always() -> None:
    labels = [each for each in pictures(24, SEED) if each.flavour == "LABEL"]

    row = measure(labels, lambda picture: find(picture.image)).row("all text")

    assert row.planted > 40
    assert row.found >= 0.99 * row.planted


def test_an_overview_is_cut_behind_all_writing_of_its_label() -> None:
    for picture in overviews(90):
        if picture.label is None or not picture.planted:
            continue
        columns, rows = zip(*picture.label, strict=True)
        label = Box(int(min(columns)), int(min(rows)), int(max(columns)), int(max(rows)))
        written = [around(each) for each in picture.planted]
        found = find_label(picture.image, [Found("text", box, 1.0, "WORD") for box in written])

        assert found is not None
        assert area(found.box, label) >= 0.6 * label.width * label.height
        for box in written:
            if label.holds(box):
                assert area(found.box, box) >= COVERED * box.width * box.height


def area(one: Box, other: Box) -> int:
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(wide, 0) * max(high, 0)


def test_a_picture_without_a_border_has_no_label() -> None:
    assert find_label(np.full((300, 900, 3), 240, np.uint8), ()) is None
    assert find_label(np.ascontiguousarray(tissue(900, 300)), ()) is None


def test_coloured_strokes_are_found_and_tissue_is_no_pen() -> None:
    image = tissue(900, 600)
    assert list(find_pen(image)) == []
    image[100:108, 100:500] = (20, 40, 190)

    found = list(find_pen(image))

    assert found
    assert all(each.kind == "pen" and each.box.meets(Box(100, 100, 500, 108)) for each in found)


@pytest.mark.parametrize("look", [find_in_tissue, find_on_glass])
def test_nothing_is_found_in_tissue_alone(look: object) -> None:
    found: Sequence[Found] = look(tissue(1200, 900))  # type: ignore[operator]

    assert [each for each in found if each.kind in ("text", "barcode")] == []


def test_what_was_found_is_printed_without_what_it_says() -> None:
    found = Found("text", Box(1, 2, 3, 4), 0.9, "ZEBRAWORD")

    assert "ZEBRA" not in repr(found)
    assert found.without_text().text == ""


@pytest.mark.parametrize("turn", range(4))
def test_a_box_of_a_turned_picture_lies_where_it_was_before(turn: int) -> None:
    picture = np.zeros((50, 80))
    picture[10:20, 30:55] = 1
    rows, columns = np.nonzero(np.rot90(picture, turn))
    box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)

    assert turned_back(box, turn, 80, 50) == Box(30, 10, 55, 20)
