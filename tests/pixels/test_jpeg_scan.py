"""Blocks of a JPEG scan replaced, all others to the bit as they were."""

from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dicomanon.errors import UnsupportedError
from dicomanon.pixels.box import Box
from dicomanon.pixels.jpeg_scan import _Bits, _Writer, redact_jpeg
from dicomanon.pixels.jpeg_tables import END_OF_BLOCK, Huffman, ac_lookup, dc_lookup, read_tables
from tests.peers import peer_program
from tests.pixels.jpegs import area, jpeg_of, mcus, met, noise, planes, twelve_bits
from tests.pixels.single import a_picture, dataset_of, encapsulated_value, written

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

BLACK, WHITE = (0, 128, 128), (255, 128, 128)
KINDS: dict[str, Callable[[int, int, int], bytes]] = {
    "4:4:4": lambda c, r, s: jpeg_of(noise(c, r, 3, s), subsampling="4:4:4", quality=90),
    "4:2:2": lambda c, r, s: jpeg_of(noise(c, r, 3, s), subsampling="4:2:2", quality=85),
    "4:2:0": lambda c, r, s: jpeg_of(noise(c, r, 3, s), subsampling="4:2:0", quality=75),
    "4:4:0": lambda c, r, s: bytes(imagecodecs.jpeg8_encode(noise(c, r, 3, s), subsampling=(1, 2))),
    "grey": lambda c, r, s: jpeg_of(noise(c, r, 1, s), quality=90),
    "RGB": lambda c, r, s: jpeg_of(noise(c, r, 3, s), keep_rgb=True, subsampling=0, quality=80),
    "optimised": lambda c, r, s: jpeg_of(noise(c, r, 3, s), optimize=True, quality=60),
    "optimised grey": lambda c, r, s: jpeg_of(noise(c, r, 1, s), optimize=True, quality=95),
    "calm": lambda c, r, s: jpeg_of(noise(c, r, 3, s, spread=1), optimize=True, quality=10),
    "finest": lambda c, r, s: jpeg_of(noise(c, r, 3, s, spread=128), quality=100, subsampling="4:2:0"),
    "restart": lambda c, r, s: jpeg_of(noise(c, r, 3, s), restart_marker_blocks=3, quality=90),
    "restart each": lambda c, r, s: jpeg_of(noise(c, r, 1, s), restart_marker_blocks=1),
    "restart rows": lambda c, r, s: jpeg_of(noise(c, r, 3, s), restart_marker_rows=1, optimize=True),
    "12 bits": twelve_bits,
}
SIZES = ((64, 48), (61, 35), (17, 9), (1, 1), (8, 8), (130, 7))
HEAD = 400


def fill_for(data: bytes, *, bright: bool) -> tuple[int, ...]:
    tables = read_tables(data)
    if tables.precision == 12:
        return (4095 if bright else 0,)
    return (WHITE if bright else BLACK)[: len(tables.components)]


def flat(data: bytes, fill: Sequence[int]) -> list[tuple[int, str]]:
    """Return the blocks of an MCU of one colour, as the tables of the frame tell it."""
    tables = read_tables(data)
    found = []
    for each, value in zip(tables.components, fill, strict=True):
        dc = round((value - (1 << (tables.precision - 1))) * 8 / each.quantiser)
        code, length = tables.huffman[each.ac].codes()[END_OF_BLOCK]
        count = 1 if len(tables.components) == 1 else each.across * each.down
        found += [(dc, f"{code:0{length}b}")] * count
    return found


def assert_redacted(data: bytes, boxes: Sequence[Box], fill: Sequence[int]) -> bytes:
    """Redact, and hold every block of the result against what it should be."""
    result = redact_jpeg(data, boxes, fill)
    flags = met(data, boxes)
    before, after = mcus(data), mcus(result)
    if not any(flags):
        assert result == data
        return result
    colour = flat(result, fill)
    assert len(before) == len(after) == len(flags)
    for flag, old, new in zip(flags, before, after, strict=True):
        assert new == (colour if flag else old)
    assert redact_jpeg(result, boxes, fill) == result
    return result


def segments(data: bytes) -> list[tuple[int, bytes]]:
    """Return marker and payload of the segments up to the scan."""
    found, at = [], 2
    while data[at + 1] != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at + 4 : at + 2 + length]))
        at += 2 + length
    return found


def together(parts: Sequence[tuple[int, bytes]], rest: bytes) -> bytes:
    body = b"".join(
        bytes((0xFF, marker)) + (len(value) + 2).to_bytes(2, "big") + value for marker, value in parts
    )
    return b"\xff\xd8" + body + rest


def split_of(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    return segments(data), data[read_tables(data).scan_header :]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_blocks_outside_of_the_boxes_keep_their_coefficients(kind: str, size: tuple[int, int]) -> None:
    columns, rows = size
    data = KINDS[kind](columns, rows, 1)
    some = [Box(columns // 3, rows // 3, columns // 3 + 9, rows // 3 + 5)]
    whole, corner = [Box(0, 0, columns, rows)], [Box(columns - 1, rows - 1, columns + 5, rows + 5)]
    first_and_last = [Box(0, 0, 1, 1), *corner]

    for boxes in (some, whole, corner, first_and_last, []):
        for bright in (False, True):
            assert_redacted(data, boxes, fill_for(data, bright=bright))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "RGB"])
def test_pixels_outside_decode_as_before_and_inside_are_the_fill(kind: str) -> None:
    data = KINDS[kind](83, 59, 4)
    boxes = [Box(20, 20, 37, 31), Box(70, 50, 90, 70)]
    for bright in (False, True):
        fill = fill_for(data, bright=bright)
        result = redact_jpeg(data, boxes, fill)
        before, after = planes(data), planes(result)
        inside, near = area(data, boxes), area(data, boxes, margin=2)
        deep = ~area_of_rest(data, inside)

        assert (after[:, :, 0][~inside] == before[:, :, 0][~inside]).all()
        assert (after[~near] == before[~near]).all()
        for number, component in enumerate(read_tables(data).components):
            found = after[:, :, number][inside if number == 0 else deep]
            assert len(set(found.tolist())) == 1
            assert abs(int(found[0]) - fill[number]) <= component.quantiser / 16 + 1


def area_of_rest(data: bytes, inside: Any) -> Any:
    """Return the pixels that are outside, or so near to it that their chroma is smoothed with what is there."""
    assert inside.any(), len(data)
    rest = ~inside
    grown = rest.copy()
    for down in range(-2, 3):
        for across in range(-2, 3):
            moved = np.zeros_like(rest)
            rows, columns = rest.shape
            moved[max(down, 0) : rows + min(down, 0), max(across, 0) : columns + min(across, 0)] = rest[
                max(-down, 0) : rows + min(-down, 0), max(-across, 0) : columns + min(-across, 0)
            ]
            grown |= moved
    return grown


def test_red_green_and_blue_that_were_not_converted_are_filled_as_they_are() -> None:
    samples = noise(40, 24, 3, 3)
    data = jpeg_of(samples, keep_rgb=True, subsampling=0, quality=90)
    result = redact_jpeg(data, [Box(8, 8, 16, 16)], (255, 255, 255))
    before, after = (np.asarray(Image.open(io.BytesIO(each))) for each in (data, result))

    assert (after[8:16, 8:16] >= 254).all()
    assert (after[:8] == before[:8]).all()
    assert (after[16:] == before[16:]).all()
    assert (after[:, :8] == before[:, :8]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_other_decoders_read_the_result_without_complaint(kind: str) -> None:
    data = KINDS[kind](75, 43, 8)
    result = redact_jpeg(data, [Box(30, 10, 52, 30)], fill_for(data, bright=True))

    assert planes(result).shape[:2] == (43, 75)
    if kind != "12 bits":
        with Image.open(io.BytesIO(result)) as image:
            image.load()
            assert image.size == (75, 43)


@pytest.mark.peer
@pytest.mark.parametrize("kind", ["4:2:0", "4:2:2", "grey", "optimised", "restart", "12 bits"])
def test_dcmtk_reads_the_result_and_says_nothing_of_extraneous_bytes(kind: str, tmp_path: Path) -> None:
    program = peer_program("dcmdjpeg", "dcmtk")
    frames = []
    for seed in range(6):
        data = KINDS[kind](64, 48, seed)
        frames.append(redact_jpeg(data, [Box(9, 9, 40, 20 + seed)], fill_for(data, bright=True)))
    tables = read_tables(frames[0])
    picture = a_picture(
        "1.2.840.10008.1.2.4." + ("51" if tables.precision == 12 else "50"),
        64,
        48,
        samples=len(tables.components),
        stored=tables.precision,
        photometric="YBR_FULL_422" if len(tables.components) == 3 else "MONOCHROME2",
        frames=len(frames),
    )
    source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
    source.write_bytes(written(dataset_of(picture, encapsulated_value(frames))))
    done = subprocess.run(
        [program, "-v", "+cn", str(source), str(target)], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "xtraneous" not in done.stderr
    assert "W: " not in done.stderr
    assert target.stat().st_size > 64 * 48 * len(frames)


BOX = st.builds(
    lambda left, top, wide, high: Box(left, top, left + wide, top + high),
    st.integers(-20, 70),
    st.integers(-20, 50),
    st.integers(0, 60),
    st.integers(0, 40),
)


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    columns=st.integers(1, 70),
    rows=st.integers(1, 50),
    seed=st.integers(0, 10_000),
    boxes=st.lists(BOX, max_size=4),
    bright=st.booleans(),
)
def test_any_boxes_in_any_picture_change_their_blocks_only(
    kind: str, columns: int, rows: int, seed: int, boxes: list[Box], *, bright: bool
) -> None:
    data = KINDS[kind](columns, rows, seed)
    assert_redacted(data, boxes, fill_for(data, bright=bright))


def test_the_rest_of_a_scan_ends_where_its_last_block_ends_whatever_its_padding_looks_like(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The quick end and the one that walks to the last block give the same bytes."""
    whole = _Writer.with_rest
    seen = {True: 0, False: 0}

    def counted(self: _Writer, data: bytes, start: int) -> bytes | None:
        found = whole(self, data, start)
        seen[found is None] += 1
        return found

    def never(self: _Writer, data: bytes, start: int) -> bytes | None:
        assert start <= 8 * len(data), self
        return None  # mypy wants it said

    for seed in range(250):
        data = KINDS["optimised grey" if seed % 2 else "4:4:4"](25, 17, seed)
        boxes = [Box(seed % 25, seed % 7, seed % 25 + 1, seed % 7 + 1)]
        with monkeypatch.context() as patch:
            patch.setattr(_Writer, "with_rest", counted)
            quick = assert_redacted(data, boxes, fill_for(data, bright=True))
        with monkeypatch.context() as patch:
            patch.setattr(_Writer, "with_rest", never)
            assert redact_jpeg(data, boxes, fill_for(data, bright=True)) == quick
    assert min(seen.values()) > 5


@pytest.mark.parametrize("extra", [b"", b"\xff\x00", b"\xff\x00\xff\x00"])
def test_whole_bytes_of_ones_behind_the_last_block_are_left_out_or_stay_harmless(extra: bytes) -> None:
    for seed in range(40):
        data = jpeg_of(noise(40, 24, 1, seed))
        padded = data[:-2] + extra + data[-2:]
        result = redact_jpeg(padded, [Box(0, 0, 3, 3)], (255,))

        assert mcus(result) == mcus(redact_jpeg(data, [Box(0, 0, 3, 3)], (255,)))


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(st.tuples(st.integers(0, (1 << 40) - 1), st.integers(1, 40)), max_size=300),
    data=st.binary(min_size=1, max_size=40),
    start=st.integers(0, 320),
)
def test_bits_come_out_as_they_were_put_and_a_rest_can_be_taken_back(
    parts: list[tuple[int, int]], data: bytes, start: int
) -> None:
    writer, text = _Writer(), ""
    for value, count in parts:
        writer.put(value & ((1 << count) - 1), count)
        text += f"{value & ((1 << count) - 1):0{count}b}"
    start = min(start, 8 * len(data))
    rest = "".join(f"{each:08b}" for each in data)[start:]
    end = writer.with_rest(data, start)
    if end is not None:
        text += rest
    expected = text + "1" * (-len(text) % 8)

    assert (writer.finished() if end is None else end) == bytes(
        int(expected[at : at + 8], 2) for at in range(0, len(expected), 8)
    )
    if end is None:
        both = text + rest
        pad = -len(both) % 8
        assert set((both + "1" * pad)[-8:]) == {"1"} or rest_of_zeros(data) + pad >= 8


def rest_of_zeros(data: bytes) -> int:
    last = f"{data[-1]:08b}"
    return 8 - len(last.rstrip("0"))


def test_a_scan_padded_with_zeros_ends_where_its_last_block_ends_too() -> None:
    for seed in range(60):
        data = jpeg_of(noise(40, 24, 1, seed))
        tables = read_tables(data)
        plain = data[tables.head_end : -2].replace(b"\xff\0", b"\xff")
        bits = _Bits(plain)
        for _ in range(15):
            bits.block(dc_lookup(tables.huffman[0x00]), ac_lookup(tables.huffman[0x10]))
        last = plain[-1] >> (-bits.at % 8) << (-bits.at % 8)
        zeros = (plain[:-1] + bytes((last,))).replace(b"\xff", b"\xff\0")
        other = data[: tables.head_end] + zeros + data[-2:]
        result = redact_jpeg(other, [Box(9, 9, 12, 12)], (255,))

        assert abs(len(result) - len(redact_jpeg(data, [Box(9, 9, 12, 12)], (255,)))) <= 1
        assert leftover(result) < 8


def leftover(data: bytes) -> int:
    """Return the bits behind the last block of a grey frame of 15 blocks."""
    tables = read_tables(data)
    plain = data[tables.head_end : -2].replace(b"\xff\0", b"\xff")
    bits = _Bits(plain)
    for _ in range(15):
        bits.block(dc_lookup(tables.huffman[0x00]), ac_lookup(tables.huffman[0x10]))
    return 8 * len(plain) - bits.at


def test_fill_bytes_in_front_of_markers_are_no_data() -> None:
    data = KINDS["restart"](64, 48, 2)
    head = read_tables(data).head_end
    padded = data[:head] + data[head:].replace(b"\xff\xd0", b"\xff\xff\xff\xd0")
    padded = padded[:-2] + b"\xff\xff" + padded[-2:]
    boxes = [Box(0, 0, 64, 20)]

    assert mcus(redact_jpeg(padded, boxes, BLACK)) == mcus(redact_jpeg(data, boxes, BLACK))


def test_a_frame_no_box_touches_comes_back_as_it_is() -> None:
    data = KINDS["4:2:0"](64, 48, 2)

    assert redact_jpeg(data, [], BLACK) is data
    assert redact_jpeg(data, [Box(64, 0, 90, 48), Box(5, 5, 5, 9), Box(-9, -9, 0, 0)], BLACK) is data


def test_tables_get_only_what_they_lack_and_no_code_becomes_another() -> None:
    data = jpeg_of(noise(64, 48, 3, 1, spread=1), optimize=True, quality=10)
    result = redact_jpeg(data, [Box(0, 0, 8, 8)], WHITE)
    before, after = read_tables(data), read_tables(result)

    for number, table in before.huffman.items():
        new = after.huffman[number].codes()
        assert new.items() >= table.codes().items()
        assert set(new) - set(table.codes()) <= set(range(12))
    added = segments(result)[len(segments(data)) :]
    assert {marker for marker, _ in added} <= {0xC4}
    assert redact_jpeg(jpeg_of(noise(64, 48, 3, 1)), [Box(0, 0, 8, 8)], WHITE).count(b"\xff\xc4") == 4


def test_a_table_without_room_is_unsupported() -> None:
    longest = (*[0] * 15, 250)
    with pytest.raises(UnsupportedError):
        Huffman(longest, bytes(range(6, 256))).with_symbols(frozenset(range(6)))
    with pytest.raises(UnsupportedError):
        Huffman((1, 1, *[0] * 13, (1 << 14) - 1), b"\1\2" + bytes(3)).with_symbols(frozenset((0, 9)))

    filled = Huffman((*[0] * 15, 249), bytes(range(6, 255))).with_symbols(frozenset(range(6)))
    assert len(filled.segment(0)) == 4 + 1 + 16 + 255


def test_the_code_of_ones_alone_is_never_given_away() -> None:
    table = Huffman((1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0), bytes(range(1, 16)))

    assert (
        max(code for code, length in table.with_symbols(frozenset((0,))).codes().values() if length == 16)
        < 0xFFFF
    )
    with pytest.raises(UnsupportedError):
        table.with_symbols(frozenset((0, 99)))
