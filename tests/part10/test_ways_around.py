"""Ways around the rules, each of which is closed: text in UIDs, code streams, profiles, wrong VRs, wrong places."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from dicomanon.icc import without_text
from dicomanon.pipeline import Quarantined
from tests.part10.building import (
    CANARY,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    Coding,
    cleared,
    encapsulated,
    native,
    sent,
    slide_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.pipeline import Route

C = Coding(EXPLICIT)


def test_steps_that_are_no_sequence_are_not_an_internal_error(route: Route, tmp_path: Path) -> None:
    steps = C.sequence(0x00400560, [C.element(0x00400610, b"LO", CANARY)])
    outcome = sent(slide_file(EXPLICIT, {0x00400560: steps}), route, tmp_path / "out")
    assert not isinstance(outcome, Quarantined) or outcome.reason != "internal"


@pytest.mark.parametrize("tag", [0x00080018, 0x0020000D, 0x0020000E, 0x00080014])
def test_text_behind_the_root_of_the_standard_is_no_uid_of_the_standard(
    tag: int, route: Route, tmp_path: Path
) -> None:
    uid = C.element(tag, b"UI", b"1.2.840.10008.JOHNDOE1962/../../x")
    outcome = sent(slide_file(EXPLICIT, {tag: uid}), route, tmp_path / "out")
    assert isinstance(outcome, Quarantined) or b"JOHNDOE" not in outcome.path.read_bytes()  # type: ignore[union-attr]


def test_a_jpeg_frame_that_does_not_start_with_soi_is_refused(route: Route, tmp_path: Path) -> None:
    frame = (
        b"\xff\xff\xd8\xff\xfe\0\x0c" + CANARY + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + bytes(20) + b"\xff\xd9\0"
    )
    assert isinstance(
        sent(slide_file(JPEG, pixels=encapsulated(frame)), route, tmp_path / "out"), Quarantined
    )


def test_contributing_equipment_hidden_in_un_is_cleared(route: Route, tmp_path: Path) -> None:
    i = Coding(IMPLICIT)
    value = i.item(
        i.element(0x00080070, b"LO", "Maker") + i.sequence(0x0040A170, [i.code("109101", "Acquisition")])
    )
    element = C.head(0x0018A001, b"UN", len(value)) + value
    assert cleared(slide_file(EXPLICIT, {0x0018A001: element}), route, tmp_path / "out")


def test_elements_behind_pixel_data_that_belong_before_it_are_refused(route: Route, tmp_path: Path) -> None:
    pixels = native(C) + C.element(0x00120062, b"CS", "NO")
    assert isinstance(sent(slide_file(EXPLICIT, pixels=pixels), route, tmp_path / "out"), Quarantined)


def test_many_harmless_hits_are_explained_in_linear_time(route: Route, tmp_path: Path) -> None:
    items = [C.code("1", "Scanner Bravo")] * 4000
    more = {
        0x00400518: C.sequence(0x00400518, items),
        0x00081010: C.element(0x00081010, b"SH", "Scanner Bravo"),
    }
    start = time.monotonic()
    cleared(slide_file(EXPLICIT, more), route, tmp_path / "out")
    assert time.monotonic() - start < 2


def test_icc_text_with_a_broken_record_count_goes() -> None:
    text = "CANARY OWNER".encode("utf-16-be")
    tag = (
        b"mluc"
        + bytes(4)
        + b"\xff\xff\xff\xff"
        + b"\0\0\0\x0c"
        + b"enUS"
        + len(text).to_bytes(4, "big")
        + b"\0\0\0\x1c"
        + text
    )
    body = (
        bytes(36)
        + b"acsp"
        + bytes(88)
        + b"\0\0\0\1cprt"
        + (144).to_bytes(4, "big")
        + len(tag).to_bytes(4, "big")
        + tag
    )
    assert text not in without_text(body)[0]
