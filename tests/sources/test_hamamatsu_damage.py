from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import claims, open_slide
from tests.hamamatsu_slides import intervals, make_ndpi
from tests.sources.test_hamamatsu import frames_of, stored

if TYPE_CHECKING:
    from pathlib import Path


def test_a_slide_cut_anywhere_is_damage_and_still_ours(tmp_path: Path) -> None:
    whole = make_ndpi(tmp_path / "slide.ndpi").read_bytes()
    path = tmp_path / "cut.ndpi"
    for size in range(16, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        assert [each.name for each in claims(path)] == ["hamamatsu"]
        with pytest.raises(CorruptSlideError):
            open_slide(path)


def overwritten(path: Path, tag: int, value: bytes, *, at: int = 8) -> Path:
    """Overwrite the value of a tag of the first page, or with `at` another part of its entry."""
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:12], "little")
    for entry in range(first + 2, first + 2 + 12 * int.from_bytes(data[first : first + 2], "little"), 12):
        if int.from_bytes(data[entry : entry + 2], "little") == tag:
            data[entry + at : entry + at + len(value)] = value
            path.write_bytes(data)
            return path
    raise AssertionError(tag)


DAMAGES: dict[str, tuple[int, bytes, int]] = {
    "no width": (256, bytes(4), 8),
    "absurd width": (256, b"\xff\xff\xff\x7f", 8),
    "absurd height": (257, b"\xff\xff\xff\xff", 8),
    "another height": (257, b"\x00\x01\x00\x00", 8),
    "data behind the end": (273, b"\x00\xff\xff\x7f", 8),
    "absurd length": (279, b"\x00\xff\xff\xff", 8),
    "no length": (279, bytes(4), 8),
    "fewer intervals": (65426, b"\x40\x00\x00\x00", 4),
    "no intervals": (65426, bytes(4), 4),
    "absurdly many intervals": (65426, b"\xff\xff\xff\x7f", 4),
    "no lens": (65421, b"\x42\xff", 0),
    "a lens that is none": (65421, b"\x00\x00\xc0\x7f", 8),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_page_that_contradicts_its_jpeg_is_damage(tmp_path: Path, name: str) -> None:
    tag, value, at = DAMAGES[name]
    path = overwritten(make_ndpi(tmp_path / "slide.ndpi"), tag, value, at=at)

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_marker_that_is_not_where_it_should_be_is_damage(tmp_path: Path) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi")
    stream = stored(path)[0]
    data = bytearray(path.read_bytes())
    at = data.index(stream) + stream.index(intervals(stream)[7]) - 2
    data[at : at + 2] = b"\x00\x00"
    path.write_bytes(data)

    with open_slide(path) as slide, pytest.raises(CorruptSlideError):
        list(frames_of(slide.levels[0]).frames())


def test_a_chain_of_pages_without_end_is_damage(tmp_path: Path) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi")
    data = bytearray(path.read_bytes())
    first = int.from_bytes(data[4:12], "little")
    link = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[link : link + 8] = data[4:12]
    path.write_bytes(data)

    with pytest.raises(CorruptSlideError):
        open_slide(path)


@pytest.mark.parametrize("code", [0xDB, 0xC4, 0xC0, 0xDA])
def test_a_head_of_a_jpeg_that_is_damaged_is_damage(tmp_path: Path, code: int) -> None:
    path = make_ndpi(tmp_path / "slide.ndpi")
    data = bytearray(path.read_bytes())
    stream = stored(path)[0]
    at = data.index(stream) + stream.index(bytes((0xFF, code)))
    data[at + 2 : at + 24] = bytes(22)
    path.write_bytes(data)

    with pytest.raises(CorruptSlideError):
        open_slide(path)
