"""Drawn pictures of labels and overviews: what is said to be planted is there, and the measure counts it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import zxingcpp

from conformance.pictures import pictures
from conformance.pictures.fonts import FACES, faces_of, has_glyph
from conformance.pictures.measure import measure, raster
from conformance.pictures.truth import BARCODE, moved, quarter_turn

if TYPE_CHECKING:
    from conformance.pictures.truth import Corners, Picture, Planted

COUNT = 90
MARGIN = 4
QUIET = 40


@dataclass(frozen=True)
class Box:
    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Found:
    kind: str
    box: Box
    score: float = 1.0


@pytest.fixture(scope="module")
def some() -> list[Picture]:
    return list(pictures(COUNT))


def around(corners: Corners, margin: int = 0) -> Box:
    columns, rows = zip(*corners, strict=True)
    left, top = math.floor(min(columns)) - margin, math.floor(min(rows)) - margin
    return Box(max(left, 0), max(top, 0), math.ceil(max(columns)) + margin, math.ceil(max(rows)) + margin)


def truth_of(picture: Picture) -> list[Found]:
    """Return what a finder that errs in nothing would."""
    return [Found("text", around(thing.corners)) for thing in picture.planted]


def test_the_same_seed_draws_the_same_pictures_and_a_longer_set_begins_with_a_shorter(
    some: list[Picture],
) -> None:
    for first, again in zip(some, pictures(8), strict=False):
        assert first.image.tobytes() == again.image.tobytes()
        assert (first.name, first.planted, first.traits, first.label) == (
            again.name,
            again.planted,
            again.traits,
            again.label,
        )


def test_another_seed_draws_other_pictures(some: list[Picture]) -> None:
    other = list(pictures(4, seed=1))
    assert all(a.image.tobytes() != b.image.tobytes() for a, b in zip(some, other, strict=False))


def test_every_planted_quadrilateral_lies_inside_its_picture(some: list[Picture]) -> None:
    for picture in some:
        rows, columns, _ = picture.image.shape
        labels = [picture.label] if picture.label else []
        for corners in [*(thing.corners for thing in picture.planted), *labels]:
            assert len(corners) == 4
            assert all(-0.5 <= x <= columns + 0.5 and -0.5 <= y <= rows + 0.5 for x, y in corners), (
                picture.name
            )


def test_planted_things_of_a_picture_do_not_lie_on_each_other(some: list[Picture]) -> None:
    for picture in some:
        shape = picture.image.shape[0], picture.image.shape[1]
        masks = [raster(shape, thing.corners) for thing in picture.planted]
        for one, other in itertools.combinations(masks, 2):
            assert (one & other).sum() <= 0.05 * min(one.sum(), other.sum()), picture.name


def test_ink_reaches_all_four_sides_of_an_upright_quadrilateral(some: list[Picture]) -> None:
    seen = 0
    for picture in some:
        for thing in picture.planted if not picture.traits & {"worn", "tilted", "perspective"} else ():
            if len({round(x, 6) for x, _ in thing.corners}) > 2:
                continue  # handwriting slants by itself
            box = around(thing.corners)
            part = picture.image[box.top : box.bottom, box.left : box.right].astype(int).sum(2)
            ground = int(picture.image[box.top - 1, box.left - 1].astype(int).sum())
            for side in (part[0], part[-1], part[:, 0], part[:, -1]):
                assert abs(side - ground).max() > 12, (picture.name, thing)
            seen += 1
    assert seen > 50


def straightened(picture: Picture, corners: Corners) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return the part of a picture in a quadrilateral as it was before any tilt, and nothing near it."""
    width, height = math.dist(corners[0], corners[1]), math.dist(corners[1], corners[2])
    right, bottom = MARGIN + width, MARGIN + height
    target = np.array(((MARGIN, MARGIN), (right, MARGIN), (right, bottom), (MARGIN, bottom)), np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(corners, np.float32), target)
    size = (int(right) + MARGIN, int(bottom) + MARGIN)
    part = cv2.warpPerspective(picture.image, matrix, size, flags=cv2.INTER_CUBIC)
    part = cv2.copyMakeBorder(part, QUIET, QUIET, QUIET, QUIET, cv2.BORDER_REPLICATE)
    return np.asarray(part, np.uint8)


def reads(picture: Picture, thing: Planted) -> bool:
    # The reader follows straight lines: a long code that is tilted leaves them. That is not a fault of the picture.
    part = straightened(picture, thing.corners)
    return any(
        (BARCODE + symbol.format.name, symbol.text) == (thing.kind, thing.text)
        for symbol in zxingcpp.read_barcodes(part)
    )


def test_unworn_barcodes_decode_to_the_planted_text(some: list[Picture]) -> None:
    unworn = [
        (picture, thing)
        for picture in some
        for thing in picture.planted
        if thing.kind.startswith(BARCODE) and "worn" not in picture.traits
    ]
    assert len(unworn) >= 10
    assert not [(picture.name, thing) for picture, thing in unworn if not reads(picture, thing)]


def test_there_are_all_kinds_and_orientations_and_traits_and_negatives(some: list[Picture]) -> None:
    symbologies = ("DataMatrix", "QRCode", "Code128", "Code39", "PDF417", "Aztec", "ITF")
    kinds = {thing.kind for picture in some for thing in picture.planted}
    assert kinds == {"printed", "handwritten", *(f"barcode {name}" for name in symbologies)}
    for flavour in ("LABEL", "OVERVIEW"):
        traits = {trait for picture in some if picture.flavour == flavour for trait in picture.traits}
        assert traits >= {"upright", "rotated 90", "rotated 180", "rotated 270", "tilted", "negative"}
        assert traits >= {
            "low contrast",
            "glare",
            "blur",
            "noise",
            "jpeg",
            "accents",
            "handwriting",
            "small text",
        }
    assert all(not picture.planted for picture in some if "negative" in picture.traits)
    assert any(picture.flavour == "OVERVIEW" and picture.label is None for picture in some)
    assert any(picture.pen for picture in some)


def test_no_text_is_written_in_a_face_that_lacks_a_letter_of_it() -> None:
    assert len({face.package for face in FACES}) == 7
    assert all(face.package != "font_caladea" for face in faces_of("Щербакова", handwritten=False))
    assert not faces_of("Γεωργίου", handwritten=True)
    assert any(has_glyph(face, "Ż") for face in FACES)


def test_the_measure_finds_all_when_told_the_truth(some: list[Picture]) -> None:
    order = iter(some)
    result = measure(some, lambda _image: truth_of(next(order)))
    assert all(row.found == row.touched == row.planted > 0 for row in result.rows)
    assert not result.missed
    # Boxes around tilted lines hold more than the lines.
    assert result.precision > 0.97
    assert result.negatives > 0
    assert result.negatives_with_finding == 0


def test_the_measure_finds_nothing_when_nothing_is_found(some: list[Picture]) -> None:
    result = measure(some, lambda _image: [])
    assert all(row.found == row.touched == 0 for row in result.rows)
    assert len(result.missed) == result.row("all").planted == sum(len(picture.planted) for picture in some)


def test_a_box_around_the_whole_picture_finds_all_and_is_imprecise(some: list[Picture]) -> None:
    def whole(picture: Picture) -> list[Found]:
        return [Found("text", Box(0, 0, picture.image.shape[1], picture.image.shape[0]))]

    result = measure(some, whole)
    assert result.row("all").found == result.row("all").planted
    assert result.precision < 0.6
    assert result.negatives_with_finding == result.negatives


def test_half_a_thing_is_touched_and_not_found(some: list[Picture]) -> None:
    picture = next(p for p in some if p.planted and not p.traits & {"tilted", "perspective"})
    box = around(picture.planted[0].corners)
    part = Box(box.left, box.top, box.right - max(2, (box.right - box.left) // 4), box.bottom)
    result = measure([picture], lambda _image: [Found("text", part)])
    assert (result.row("all").touched, result.row("all").found) == (1, 0)
    assert "| all " in result.markdown()


def test_corners_turn_by_quarters_with_the_pixels() -> None:
    image = np.zeros((7, 11), np.uint8)
    image[2:4, 5:9] = 1
    corners = ((5.0, 2.0), (9.0, 2.0), (9.0, 4.0), (5.0, 4.0))
    for turns in range(4):
        turned = np.rot90(image, turns)
        place = moved(corners, quarter_turn(7, 11, turns))
        assert (raster((turned.shape[0], turned.shape[1]), place) == turned.astype(bool)).all()
