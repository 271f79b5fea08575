"""Frames found in Pixel Data, read, and put back changed."""

from __future__ import annotations

import io
import struct
from array import array
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import encapsulate_extended, generate_frames, parse_basic_offsets

from dicomanon.errors import DicomanonError, MalformedError, UnsupportedError
from dicomanon.part10.read import read_instance, replayed
from dicomanon.part10.readers import ChunkReader
from dicomanon.pixels.frames import FrameIndex, index_frames, read_frames
from dicomanon.pixels.header import with_values
from dicomanon.pixels.picture import picture_of
from dicomanon.pixels.splice import basic_table, new_end, new_lengths, new_offsets, packed, spliced, value_of
from tests.part10.building import JPEG
from tests.pixels.single import Dribble, a_picture, dataset_of, encapsulated_value, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from pydicom import Dataset

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.picture import Picture

EXPLICIT, BIG, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2"
EXTENDED, LENGTHS = 0x7FE00001, 0x7FE00002
FRAMES = [bytes((number,)) * (40 + 2 * number) for number in range(1, 8)]
TRAILER = 0xFFFCFFFC
ITEM = b"\xfe\xff\x00\xe0"


def jpeg_picture(frames: int = len(FRAMES)) -> Picture:
    return a_picture(JPEG, 8, 8, samples=3, photometric="YBR_FULL_422", frames=frames)


def encapsulated_file(how: str, frames: list[bytes] = FRAMES) -> bytes:
    """Return a file whose frames are told in this way; something stands behind Pixel Data."""
    if how == "extended":
        value, offsets, lengths = encapsulate_extended(frames)
        dataset = dataset_of(jpeg_picture(len(frames)), value)
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = offsets, lengths
    else:
        fragments = 3 if "fragments" in how else 1
        value = encapsulated_value(frames, table="table" in how, fragments=fragments)
        dataset = dataset_of(jpeg_picture(len(frames)), value)
    dataset.add_new(TRAILER, "OB", b"behind")
    return written(dataset)


WAYS = ("plain", "table", "fragments and table", "extended")


def opened(data: bytes, tmp_path: Path, source: str) -> Callable[[], Instance]:
    """Return what gives the instance anew, out of a file or in pieces."""
    if source == "file":
        path = tmp_path / "source.dcm"
        path.write_bytes(data)
        file = io.FileIO(path)
        return replayed(file, read_instance(file))
    size = {"memory": len(data), "pieces": 7, "larger pieces": 101}[source]
    return lambda: read_instance(Dribble(data, size))


def index_of(again: Callable[[], Instance]) -> tuple[FrameIndex, Picture]:
    instance = again()
    picture = picture_of(instance)
    return index_frames(instance, picture), picture


def all_frames(again: Callable[[], Instance]) -> list[bytes]:
    index, picture = index_of(again)
    found = list(read_frames(again().body, index, picture, range(picture.frames)))
    assert [number for number, _ in found] == list(range(picture.frames))
    return [frame for _, frame in found]


def value_behind(header_of: Instance, chunks: Any) -> Dataset:
    """Return what pydicom reads of the header of an instance and a new value of Pixel Data."""
    body = b"".join(bytes(each) for each in chunks)
    meta = written(dataset_of(jpeg_picture(1), encapsulated_value([b"12"])))
    assert header_of.pixels is not None
    group_two = meta[: meta.index(b"\x08\x00\x16\x00UI")].replace(
        JPEG.encode(), header_of.meta.transfer_syntax_uid.encode().ljust(len(JPEG), b"\0")
    )
    length = 0xFFFFFFFF if header_of.pixels.length is None else header_of.pixels.length
    head = struct.pack("<HH2sHI", 0x7FE0, 0x0010, header_of.pixels.vr, 0, length)
    return dcmread(io.BytesIO(group_two + header_of.header + head + body))


@pytest.mark.parametrize("source", ["file", "memory", "pieces", "larger pieces"])
@pytest.mark.parametrize("how", WAYS)
def test_every_frame_is_read_whatever_tells_where_it_is(how: str, source: str, tmp_path: Path) -> None:
    again = opened(encapsulated_file(how), tmp_path, source)
    index, picture = index_of(again)

    assert all_frames(again) == FRAMES
    assert list(read_frames(again().body, index, picture, (5, 2, 5))) == [(2, FRAMES[2]), (5, FRAMES[5])]
    assert list(read_frames(again().body, index, picture, ())) == []
    assert index.fragmented == ("fragments" in how)
    assert index.basic == (len(FRAMES) if "table" in how else 0)


@pytest.mark.parametrize("how", ["plain", "table", "fragments", "fragments and table", "extended"])
def test_one_frame_is_all_of_its_fragments(how: str, tmp_path: Path) -> None:
    again = opened(encapsulated_file(how, FRAMES[:1]), tmp_path, "pieces")

    assert all_frames(again) == FRAMES[:1]


CHANGED: dict[str, dict[int, bytes]] = {
    "longer": {2: b"longer" * 30},
    "shorter": {0: b"ab", 6: b"cd"},
    "odd": {1: b"odd", 4: b"o"},
    "all": {number: bytes((number + 100,)) * (90 - 7 * number) for number in range(len(FRAMES))},
    "none": {},
}


@pytest.mark.parametrize("which", CHANGED)
@pytest.mark.parametrize("source", ["file", "pieces"])
@pytest.mark.parametrize("how", WAYS)
def test_changed_frames_stand_at_their_numbers_and_all_others_are_as_they_were(
    how: str, source: str, which: str, tmp_path: Path
) -> None:
    assert_spliced(opened(encapsulated_file(how), tmp_path, source), FRAMES, CHANGED[which])


def assert_spliced(again: Callable[[], Instance], frames: list[bytes], changed: Mapping[int, bytes]) -> None:
    index, _ = index_of(again)
    offsets = new_offsets(index, changed)
    lengths = new_lengths(offsets, new_end(index, changed))
    instance = again()
    if any(entry.tag == EXTENDED for entry in instance.entries or ()):
        tables = {EXTENDED: (b"OV", packed(offsets)), LENGTHS: (b"OV", packed(lengths))}
        instance = with_values(instance, tables)
    dataset = value_behind(instance, spliced(again().body, index, changed, encapsulated=True))
    expected = [changed.get(number, frame) for number, frame in enumerate(frames)]
    extended = (
        (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
        if "ExtendedOffsetTable" in dataset
        else None
    )
    found = list(generate_frames(dataset.PixelData, number_of_frames=len(frames), extended_offsets=extended))

    assert [each.rstrip(b"\0") for each in found] == expected
    assert dataset[TRAILER].value == b"behind"
    basic = parse_basic_offsets(dataset.PixelData)
    front = 8 + 4 * len(basic)
    assert len(basic) == index.basic
    if index.basic:
        assert list(offsets) == basic
    for number, (offset, length) in enumerate(zip(offsets, lengths, strict=True)):
        at = front + offset
        assert dataset.PixelData[at : at + 4] == ITEM
        told = int.from_bytes(dataset.PixelData[at + 4 : at + 8], "little")
        if not index.fragmented or number in changed:
            assert told == length == len(expected[number]) + len(expected[number]) % 2


@settings(max_examples=60, deadline=None)
@given(
    frames=st.lists(
        st.binary(min_size=6, max_size=60).map(lambda each: each + b"\1" * (1 + len(each) % 2)),
        min_size=1,
        max_size=9,
    ),
    how=st.sampled_from(WAYS),
    data=st.data(),
    size=st.integers(1, 300),
)
def test_any_frames_can_be_changed_in_any_way_they_are_told(
    frames: list[bytes], how: str, data: st.DataObject, size: int
) -> None:
    frames = [each + b"\1\1" if len(each) % 2 == 0 else each + b"\1" for each in frames]
    file = encapsulated_file(how, frames)
    some = st.dictionaries(
        st.integers(0, len(frames) - 1), st.binary(min_size=1, max_size=80).map(lambda each: each + b"\1")
    )
    assert_spliced(lambda: read_instance(Dribble(file, size)), frames, data.draw(some))


def native_dataset(
    syntax: str, stored: int = 8, frames: int = 5, columns: int = 3
) -> tuple[Dataset, Picture]:
    picture = a_picture(syntax, columns, 3, samples=1, stored=stored, frames=frames)
    size = picture.frame_size
    value = b"".join(bytes((number + 1,)) * size for number in range(frames))
    return dataset_of(picture, value), picture


def native_file(syntax: str, **how: int) -> tuple[bytes, Picture]:
    dataset, picture = native_dataset(syntax, **how)
    if syntax != BIG:
        return written(dataset), picture
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True, little_endian=False, implicit_vr=False)
    return out.getvalue(), picture


@pytest.mark.parametrize("source", ["file", "pieces"])
@pytest.mark.parametrize("stored", [8, 12])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_native_frames_are_read_and_changed_in_place(
    syntax: str, stored: int, source: str, tmp_path: Path
) -> None:
    data, picture = native_file(syntax, stored=stored)
    again = opened(data, tmp_path, source)
    index, told = index_of(again)
    frames = [bytes((number + 1,)) * picture.frame_size for number in range(5)]
    changed = {1: b"\xaa" * picture.frame_size, 4: b"\xbb" * picture.frame_size}
    value = b"".join(bytes(each) for each in spliced(again().body, index, changed, encapsulated=False))

    assert told == picture
    assert all_frames(again) == frames
    assert value[: 5 * picture.frame_size] == b"".join(
        changed.get(number, frame) for number, frame in enumerate(frames)
    )
    assert len(value) == 5 * picture.frame_size + 5 * picture.frame_size % 2


def test_native_chrominance_that_was_not_halved_is_unsupported() -> None:
    """Such a value is longer than its frames: what lies behind them would not be looked at."""
    picture = a_picture(EXPLICIT, 4, 4, samples=3, photometric="YBR_FULL_422", frames=2)
    for size, fits in ((2, True), (3, False)):
        instance = read_instance(Dribble(written(dataset_of(picture, bytes(4 * 4 * 2 * size)))))
        if fits:
            assert list(index_frames(instance, picture).starts) == [0, 32]
        else:
            with pytest.raises(UnsupportedError):
                index_frames(instance, picture)


@pytest.mark.parametrize("length", [0, 8, 44, 50])
def test_native_pixels_of_another_length_are_malformed(length: int) -> None:
    dataset, picture = native_dataset(EXPLICIT)
    dataset.PixelData = bytes(length)
    instance = read_instance(Dribble(written(dataset)))

    with pytest.raises(MalformedError):
        index_frames(instance, picture)


def items(*values: bytes, end: bytes = b"\xfe\xff\xdd\xe0" + bytes(4)) -> bytes:
    return b"".join(ITEM + len(value).to_bytes(4, "little") + value for value in values) + end


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


FAULTS: dict[str, tuple[int, bytes]] = {
    "a table that points between items": (2, items(numbers(0, 12), b"12345678", b"12345678")),
    "a table that points behind the end": (2, items(numbers(0, 160), b"12345678", b"12345678")),
    "a table that does not begin at the front": (2, items(numbers(16, 0), b"12345678", b"12345678")),
    "a table that goes back": (3, items(numbers(0, 16, 0), b"12345678", b"12345678", b"12345678")),
    "a table of odd size": (1, items(b"\0\0", b"12345678")),
    "a table that is no item": (1, b"\xfe\xff\x0d\xe0" + bytes(4) + items(b"1234")),
    "a table that is larger than the limit": (1, ITEM + (1 << 28).to_bytes(4, "little") + items(b"1234")),
    "fewer fragments than frames": (3, items(b"", b"1234", b"1234")),
    "no fragments": (1, items(b"")),
    "no end": (2, items(b"", b"1234", b"1234", end=b"")),
    "cut in a header": (2, items(b"", b"1234", b"1234", end=ITEM + b"\4")),
    "cut in a fragment": (2, items(b"", b"1234", end=ITEM + b"\x20\0\0\0" + b"1234")),
    "a length beyond the end": (2, items(b"", b"1234", end=ITEM + b"\xfe\xff\xff\x7f" + b"1234" * 9)),
    "an undefined length": (2, items(b"", b"1234", end=ITEM + b"\xff\xff\xff\xff" + b"1234" * 9)),
    "something else": (2, items(b"", b"1234", end=b"\x28\0\x10\0" + b"\4\0\0\0" + b"1234")),
    "an end with a length": (1, items(b"", b"1234", end=b"\xfe\xff\xdd\xe0" + b"\4\0\0\0" + b"1234")),
    "nothing": (1, b""),
}


def damaged(frames: int, value: bytes) -> bytes:
    """Return a file whose value of Pixel Data is this, to the end of the file."""
    data = written(dataset_of(jpeg_picture(frames), encapsulated_value([b"12"])))
    return data[: data.index(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12] + value


@pytest.mark.parametrize("source", ["file", "pieces", "memory"])
@pytest.mark.parametrize("fault", FAULTS)
def test_pixel_data_that_does_not_hold_together_is_malformed(fault: str, source: str, tmp_path: Path) -> None:
    frames, value = FAULTS[fault]
    again = opened(damaged(frames, value), tmp_path, source)

    with pytest.raises(MalformedError):
        index_of(again)


@pytest.mark.parametrize("source", ["file", "pieces"])
def test_fragments_that_nothing_puts_together_are_unsupported(source: str, tmp_path: Path) -> None:
    for value in (
        encapsulated_value(FRAMES, table=False, fragments=2) + b"\xfe\xff\xdd\xe0" + bytes(4),
        items(numbers(0, 16), *[b"12345678"] * 4),
    ):
        with pytest.raises(UnsupportedError):
            index_of(opened(damaged(3, value), tmp_path, source))


@pytest.mark.parametrize("entry", range(len(FRAMES)))
def test_an_extended_table_that_lies_is_malformed(entry: int, tmp_path: Path) -> None:
    value, offsets, lengths = encapsulate_extended(FRAMES)
    for table in (EXTENDED, LENGTHS):
        dataset = dataset_of(jpeg_picture(), value)
        told = {EXTENDED: bytearray(offsets), LENGTHS: bytearray(lengths)}
        told[table][8 * entry] ^= 0x02
        dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = (
            bytes(each) for each in told.values()
        )
        with pytest.raises(MalformedError):
            index_of(opened(written(dataset), tmp_path, "pieces"))


@settings(max_examples=150, deadline=None)
@given(
    how=st.sampled_from(WAYS),
    at=st.integers(0, 1000),
    value=st.binary(min_size=1, max_size=8),
    cut=st.booleans(),
)
def test_damaged_pixel_data_is_refused_by_name_or_read_whole(
    how: str, at: int, value: bytes, *, cut: bool
) -> None:
    data = bytearray(encapsulated_file(how))
    front = data.index(b"\xe0\x7f\x10\x00") + 12
    place = front + at % (len(data) - front)
    if cut:
        del data[place:]
    else:
        data[place : place + len(value)] = value
    try:
        found = all_frames(lambda: read_instance(Dribble(bytes(data), 90)))
    except DicomanonError as error:
        assert isinstance(error, MalformedError | UnsupportedError)  # noqa: PT017  # either outcome is fine
    else:
        assert len(found) == len(FRAMES)


def test_a_frame_larger_than_the_limit_is_malformed() -> None:
    index = FrameIndex(array("Q", [0]), 600 << 20, 0, 0, fragmented=False)

    with pytest.raises(MalformedError, match="limit"):
        list(read_frames(ChunkReader(()), index, jpeg_picture(1), (0,)))


@pytest.mark.parametrize("with_table", [False, True])
def test_whole_new_frames_are_read_by_pydicom(*, with_table: bool) -> None:
    frames = [b"first", b"second", b"", b"x" * 99]
    value = b"".join(value_of(frames, encapsulated=True, with_table=with_table))
    found = list(generate_frames(value[:-8], number_of_frames=4))

    assert value.endswith(b"\xfe\xff\xdd\xe0" + bytes(4))
    assert [each.rstrip(b"\0") for each in found] == frames
    assert parse_basic_offsets(value) == ([0, 14, 28, 36] if with_table else [])


def test_native_frames_anew_are_padded_to_even_length() -> None:
    assert (
        b"".join(value_of([b"123", b"456", b"789"], encapsulated=False, with_table=False)) == b"123456789\0"
    )
    assert b"".join(value_of([b"12"], encapsulated=False, with_table=False)) == b"12"


def test_a_table_whose_offsets_do_not_fit_becomes_empty() -> None:

    assert basic_table(array("Q", [0, (1 << 32) - 2])) == ITEM + b"\x08\0\0\0" + numbers(0, (1 << 32) - 2)
    assert basic_table(array("Q", [0, 1 << 32])) == ITEM + bytes(4)
