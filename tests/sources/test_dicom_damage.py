from __future__ import annotations

import random
import struct
import tracemalloc
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import open_slide
from tests.dicom_slides import BASE, SMALL, Level, level, native, parts, sparse, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOTAL = BASE.frames


def read_all(path: Path) -> None:
    with open_slide(path) as slide:
        for image in slide.images:
            list(image.frames())  # type: ignore[union-attr]  # of DICOM all images are frames


def refused(path: Path, made: Level | None = None) -> str:
    """Open a slide that cannot be read; return why, and see that the reason says nothing of its values."""
    with pytest.raises(SlideError) as caught:
        read_all(path)
    message = str(caught.value)
    planted = [] if made is None else [*made.planted.canaries.values(), *made.planted.uids.values()]
    names = [path.name, path.stem] if path.stem.startswith("CANARY") else []
    assert not [value for value in (*planted, *names) if value in message]
    return message


def changed(**values: Any) -> Level:
    made = level()
    for keyword, value in values.items():
        setattr(made.dataset, keyword, value)
    return made


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"TotalPixelMatrixColumns": 0}, "no size"),
        ({"TotalPixelMatrixColumns": 0xFFFFFFFF}, "absurd"),
        ({"TotalPixelMatrixRows": 4096}, "fewer frames"),
        ({"NumberOfFrames": 13}, ""),
        ({"NumberOfFrames": 999999999}, ""),
        ({"TotalPixelMatrixFocalPlanes": 9}, "fewer frames"),
        ({"TotalPixelMatrixFocalPlanes": 0xFFFFFFF0}, "absurdly many"),
        ({"NumberOfOpticalPaths": 2}, "fewer frames"),
        ({"BitsAllocated": 32}, "8 or 16 bits"),
        ({"SamplesPerPixel": 4}, "8 or 16 bits"),
        ({"PixelRepresentation": 1}, "signed"),
        ({"DimensionOrganizationType": "TILED_SPARSE"}, "where its frames lie"),
        ({"DimensionOrganizationType": "3D"}, "where its frames lie"),
        ({"ConcatenationUID": "1.2.3", "InConcatenationNumber": 2}, "parts of a concatenation are missing"),
        (
            {"ConcatenationUID": "1.2.3", "InConcatenationNumber": 1, "InConcatenationTotalNumber": 2},
            "missing",
        ),
    ],
)
def test_a_header_that_contradicts_its_frames_is_refused(
    tmp_path: Path, values: dict[str, Any], why: str
) -> None:
    made = changed(**values)

    assert why in refused(write(made, tmp_path / "CANARYNAME.dcm"), made)


def _position(made: Level, frame: int, **values: Any) -> None:
    group = made.dataset.PerFrameFunctionalGroupsSequence[frame]
    for keyword, value in values.items():
        setattr(group.PlanePositionSlideSequence[0], keyword, value)


def _twice(made: Level) -> None:
    _position(made, 1, ColumnPositionInTotalImagePixelMatrix=1)


def _off_grid(made: Level) -> None:
    _position(made, 1, ColumnPositionInTotalImagePixelMatrix=65)


def _outside(made: Level) -> None:
    _position(made, 1, RowPositionInTotalImagePixelMatrix=100_001)


def _nowhere(made: Level) -> None:
    del made.dataset.PerFrameFunctionalGroupsSequence[1].PlanePositionSlideSequence


def _depth(made: Level) -> None:
    _position(made, 1, ZOffsetInSlideCoordinateSystem="3.5")


def _path(made: Level) -> None:
    group = made.dataset.PerFrameFunctionalGroupsSequence[1]
    group.OpticalPathIdentificationSequence[0].OpticalPathIdentifier = "7"


def _own_time(made: Level) -> None:
    content = made.dataset.PerFrameFunctionalGroupsSequence[1].FrameContentSequence[0]
    content.FrameAcquisitionDateTime = "20210317091733"


def _own_specimen(made: Level) -> None:
    reference = pydicom.Dataset()
    reference.SpecimenUID = "1.2.3.4"
    made.dataset.PerFrameFunctionalGroupsSequence[1].SpecimenReferenceSequence = [reference]


def _fewer_groups(made: Level) -> None:
    made.dataset.PerFrameFunctionalGroupsSequence.pop()


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (_twice, "two frames lie in one place"),
        (_off_grid, "cannot be said as TILED_FULL"),
        (_outside, "outside of the image"),
        (_nowhere, "does not say where it lies"),
        (_depth, "cannot be said as TILED_FULL"),
        (_path, ""),
        (_own_time, "cannot be said as TILED_FULL"),
        (_own_specimen, "cannot be said as TILED_FULL"),
        (_fewer_groups, "not as many places as frames"),
    ],
)
def test_what_frames_say_one_by_one_is_kept_or_refused_and_never_lost(
    tmp_path: Path, break_it: Callable[[Level], None], why: str
) -> None:
    made = sparse(level(), range(TOTAL))
    break_it(made)

    assert why in refused(write(made, tmp_path / "CANARYNAME.dcm"), made)


def test_an_image_that_has_nearly_no_frames_is_refused_before_it_fills_a_disk(tmp_path: Path) -> None:
    made = sparse(level(), [0])
    made.dataset.TotalPixelMatrixColumns = made.dataset.TotalPixelMatrixRows = 1 << 20
    path = write(made, tmp_path / "CANARYNAME.dcm")

    tracemalloc.start()
    assert "nearly all" in refused(path, made)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_parts_that_do_not_say_the_same_are_refused(tmp_path: Path) -> None:
    first, second = parts(level(), [6, 6])
    second.dataset.ContainerIdentifier = "another"
    write(first, tmp_path / "a.dcm")
    write(second, tmp_path / "b.dcm")

    assert "do not say the same" in refused(tmp_path / "a.dcm", first)


@pytest.mark.parametrize("left_out", [0, 1, 2])
def test_a_concatenation_that_lacks_a_part_is_refused(tmp_path: Path, left_out: int) -> None:
    for number, part in enumerate(parts(level(), [4, 4, 4])):
        if number != left_out:
            write(part, tmp_path / f"{number}.dcm")

    assert "missing" in refused(tmp_path / ("1.dcm" if left_out == 0 else "0.dcm"))


def test_levels_in_several_frames_of_reference_are_refused(tmp_path: Path) -> None:
    first = level()
    write(first, tmp_path / "a.dcm")
    second = level(SMALL, 2, first.planted)
    second.dataset.FrameOfReferenceUID = "1.2.3"
    write(second, tmp_path / "b.dcm")

    assert "one frame of reference" in refused(tmp_path / "a.dcm", first)


def test_a_file_of_another_class_than_its_container_says_is_refused(tmp_path: Path) -> None:
    made = level()
    path = write(made, tmp_path / "CANARYNAME.dcm")
    data = path.read_bytes()
    place = data.index(struct.pack("<HH2s", 0x08, 0x16, b"UI")) + 8
    path.write_bytes(data[:place] + data[place:].replace(b"77.1.6", b"77.1.4", 1))

    assert "same SOP Class" in refused(path, made)


@pytest.mark.parametrize("twentieths", range(3, 20))
@pytest.mark.parametrize("syntax", [JPEGBaseline8Bit, ExplicitVRLittleEndian])
def test_a_slide_that_is_cut_short_is_a_damaged_slide(tmp_path: Path, twentieths: int, syntax: str) -> None:
    made = level() if syntax == JPEGBaseline8Bit else native(level())
    path = write(made, tmp_path / "CANARYNAME.dcm", syntax=syntax)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * twentieths // 20])

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def _bomb(path: Path, made: Level, fragment: bytes, count: int) -> None:
    write(made, path)
    data = path.read_bytes()
    front = data[: data.index(struct.pack("<HH2s", 0x7FE0, 0x10, b"OB")) + 12]
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(fragment)) + fragment
    path.write_bytes(front + struct.pack("<HHI", 0xFFFE, 0xE000, 0) + item * count)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("fragment", [b"", b"\0\0", b"\xff\xd8"])
def test_a_bomb_of_fragments_costs_neither_time_nor_memory(tmp_path: Path, fragment: bytes) -> None:
    path, made = tmp_path / "CANARYNAME.dcm", level()
    _bomb(path, made, fragment, 3_000_000)

    tracemalloc.start()
    assert refused(path, made)
    assert tracemalloc.get_traced_memory()[1] < 40_000_000
    tracemalloc.stop()


def test_a_table_that_lies_is_damage(tmp_path: Path) -> None:
    made = level()
    path = write(made, tmp_path / "CANARYNAME.dcm")
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HH2s", 0x7FE0, 0x10, b"OB")) + 12 + 8
    data[at + 4 : at + 8] = struct.pack("<I", 12)
    path.write_bytes(data)

    assert "offset table" in refused(path, made)


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path: Path) -> None:
    path = write(level(), tmp_path / "CANARYNAME.dcm")

    with open_slide(path) as slide:
        image: Any = slide.levels[0]
        path.write_bytes(path.read_bytes() + b"\0\0")
        with pytest.raises(CorruptSlideError, match="changed while it was read"):
            list(image.frames())


@pytest.mark.timeout(120)
def test_no_change_of_a_byte_ends_in_anything_but_a_reason(tmp_path: Path) -> None:
    whole = write(sparse(level(SMALL), range(SMALL.frames)), tmp_path / "CANARYNAME.dcm").read_bytes()
    path = tmp_path / "changed.dcm"
    dice = random.Random(7)
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(132, len(data))] = dice.randrange(256)
        path.write_bytes(data)
        try:
            read_all(path)
        except SlideError as error:
            assert "CANARY" not in str(error)  # noqa: PT017 - most changes are in pixels, and open
        path.unlink()
    (tmp_path / "CANARYNAME.dcm").unlink()
