"""Bytes in Pixel Data that are no picture, in each place where some have room: they go, or the file is refused."""

from __future__ import annotations

import io
import struct
from itertools import accumulate
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import LeakError, MalformedError, UnsupportedError
from dicomanon.part10.body import WINDOW, copy_body
from dicomanon.part10.encoding import VIDEO
from dicomanon.part10.frames import TAIL
from dicomanon.part10.read import read_instance
from dicomanon.pipeline import Quarantined
from dicomanon.verify.surface import WrittenBytes, fragment_pieces
from tests.part10.building import (
    BIG,
    CANARY,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    JPEG_2000,
    RLE,
    Coding,
    cleared,
    encapsulated,
    native,
    sent,
    slide_file,
)
from tests.part10.frames import SCAN, TEXT, jpeg, jpeg_2000, jpeg_ls, passed, scans_of, segment

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.pipeline import Route

C = Coding(EXPLICIT)
EVEN_TEXT = TEXT + b" " * (len(TEXT) % 2)
UNCOMPRESSED = "1.2.840.10008.1.2.1.98"
JPEG_XL = "1.2.840.10008.1.2.4.110"
OFFSETS, LENGTHS = 0x7FE00001, 0x7FE00002


def _copied(data: bytes) -> bytes:
    out = io.BytesIO()
    copy_body(read_instance(io.BytesIO(data)), out)
    return out.getvalue()


def _refused(data: bytes, match: str) -> None:
    with pytest.raises(MalformedError, match=match):
        _copied(data)


def _us(tag: int, value: int) -> dict[int, bytes]:
    return {tag: C.element(tag, b"US", value)}


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG, DEFLATED])
def test_text_behind_the_last_native_pixel_is_refused(syntax: str, route: Route, tmp_path: Path) -> None:
    pixels = native(Coding(syntax), bytes(24) + EVEN_TEXT)

    outcome = sent(slide_file(syntax, pixels=pixels), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.message == "Pixel Data is not as long as its pixels at offset 24"


def test_native_pixels_may_have_a_byte_of_padding() -> None:
    more = _us(0x00280010, 3) | _us(0x00280011, 5)

    assert _copied(slide_file(EXPLICIT, more, pixels=native(C, bytes(range(1, 16)) + b"J"))) == (
        bytes(range(1, 16)) + b"J"
    )


def test_native_pixels_are_as_long_as_samples_bits_and_frames_say() -> None:
    frames = {0x00280008: C.element(0x00280008, b"IS", "3")}
    bits = frames | _us(0x00280100, 1) | _us(0x00280010, 5) | _us(0x00280011, 5)
    halved = _us(0x00280002, 3) | {0x00280004: C.element(0x00280004, b"CS", "YBR_FULL_422")}
    for more, size in (
        (frames, 72),
        (_us(0x00280100, 16), 48),
        (_us(0x00280002, 3), 72),
        (bits, 10),
        (halved, 48),
        (halved, 72),
    ):
        assert len(_copied(slide_file(EXPLICIT, more, pixels=native(C, bytes(size))))) == size
        for other in (size - 2, size + 2):
            _refused(slide_file(EXPLICIT, more, pixels=native(C, bytes(other))), "not as long")


@pytest.mark.parametrize("tag", [0x00280002, 0x00280010, 0x00280011, 0x00280100])
def test_native_pixels_of_a_size_nobody_says_are_refused(tag: int) -> None:
    _refused(slide_file(EXPLICIT, {tag: b""}), "missing")


def test_a_number_of_frames_that_is_text_is_refused() -> None:
    _refused(slide_file(EXPLICIT, {0x00280008: C.element(0x00280008, b"IS", "1e3")}), "no number")


FRAMES = [jpeg(), jpeg(scan=SCAN[:200]), jpeg_ls()]
STARTS = [0, *accumulate(len(frame) + 8 for frame in FRAMES)][:-1]


@pytest.mark.parametrize("chosen", [STARTS, STARTS[:2], STARTS[::2], STARTS[:1], []])
def test_an_offset_table_of_starts_of_fragments_leaves_as_it_is(chosen: list[int]) -> None:
    pixels = encapsulated(*FRAMES, table=struct.pack(f"<{len(chosen)}I", *chosen))

    assert _copied(slide_file(JPEG, pixels=pixels)) == pixels[12:]


@pytest.mark.parametrize(
    "table",
    [
        EVEN_TEXT.ljust(36, b" ")[:36],
        struct.pack("<2I", *STARTS[1:]),
        struct.pack("<2I", 0, STARTS[1] + 2),
        struct.pack("<3I", 0, STARTS[2], STARTS[1]),
        struct.pack("<3I", 0, 0, STARTS[1]),
        struct.pack("<4I", *STARTS, 1 << 20),
    ],
    ids=["text", "not from 0", "inside a fragment", "descending", "twice", "behind the end"],
)
def test_an_offset_table_that_points_elsewhere_is_refused(table: bytes) -> None:
    _refused(slide_file(JPEG, pixels=encapsulated(*FRAMES, table=table)), "offset table")


def _extended(offsets: bytes, lengths: bytes) -> dict[int, bytes]:
    return {OFFSETS: C.element(OFFSETS, b"OV", offsets), LENGTHS: C.element(LENGTHS, b"OV", lengths)}


@pytest.mark.parametrize(
    ("offsets", "lengths", "table"),
    [
        (struct.pack("<3Q", 0, STARTS[1], 1 << 40), struct.pack("<3Q", *map(len, FRAMES)), b""),
        (struct.pack("<3Q", *STARTS), b"CANARY12" * 3, b""),
        (struct.pack("<3Q", *STARTS), struct.pack("<2Q", *map(len, FRAMES[:2])), b""),
        (struct.pack("<3Q", *STARTS)[:-2], struct.pack("<3Q", *map(len, FRAMES))[:-2], b""),
        (b"", b"CANARY12", b""),
        (struct.pack("<3Q", *STARTS), struct.pack("<3Q", *map(len, FRAMES)), bytes(4)),
    ],
    ids=["offset", "lengths", "one length less", "cut short", "only lengths", "two tables"],
)
def test_an_extended_offset_table_that_fits_no_fragments_is_refused(
    offsets: bytes, lengths: bytes, table: bytes
) -> None:
    pixels = encapsulated(*FRAMES, table=table)
    _refused(slide_file(JPEG, _extended(offsets, lengths), pixels=pixels), "[oO]ffset [tT]able")


def test_an_extended_offset_table_without_fragments_is_refused() -> None:
    _refused(slide_file(EXPLICIT, _extended(bytes(8), bytes(8))), "without fragments")


@pytest.mark.parametrize("make", [jpeg, jpeg_ls])
@pytest.mark.parametrize("marker", [0x02, 0xBF, 0xC8, 0xF0, 0xF6, 0xF9, 0xFD])
def test_text_in_segments_no_decoder_needs_goes(marker: int, make: object) -> None:
    assert callable(make)
    frame: bytes = make(segment(marker, EVEN_TEXT))

    (after,) = passed(frame)

    assert after == frame.replace(EVEN_TEXT, bytes(len(EVEN_TEXT)))


def test_tables_decoders_need_stay() -> None:
    frame = jpeg_ls(
        segment(0xF8, b"\1" + bytes(range(10))),
        segment(0xC4, b"\x11\0\3" + bytes(14) + b"\1\2\3"),
        segment(0xDD, b"\0\4"),
    )

    assert passed(frame) == [frame]


def test_text_in_tables_of_no_known_kind_goes() -> None:
    (after,) = passed(jpeg_ls(segment(0xF8, b"\5" + TEXT)))

    assert CANARY not in after


def test_text_in_segments_of_jpeg_2000_nobody_knows_goes() -> None:
    frame = jpeg_2000(segment(0x02, EVEN_TEXT), tile_segments=(segment(0x7F, EVEN_TEXT),))

    assert passed(frame) == [frame.replace(EVEN_TEXT, bytes(len(EVEN_TEXT)))]


@pytest.mark.parametrize("make", [jpeg, jpeg_ls, jpeg_2000, lambda: scans_of(0xC2)])
@pytest.mark.parametrize("step", [1 << 30, 4099])
def test_text_behind_the_end_of_a_frame_is_refused(make: object, step: int) -> None:
    assert callable(make)
    frame: bytes = make()
    stripped = frame.rstrip(b"\0")

    for frames in ((stripped + EVEN_TEXT,), (frame, stripped + b"\0" + EVEN_TEXT + b"\0" * 9, frame)):
        with pytest.raises(MalformedError, match="bytes follow the end of a frame"):
            passed(*frames, step=step)


@pytest.mark.parametrize("shift", [-2000, -len(TEXT), -4, -1, 0, 1, 2, 9, 2000])
def test_text_behind_the_end_of_a_frame_is_found_wherever_the_windows_end(shift: int) -> None:
    scan = bytes(WINDOW + shift - 16 - len(jpeg(scan=b"")))
    frame = jpeg(scan=scan + b"\1").rstrip(b"\0")

    assert passed(frame, jpeg()) == [frame, jpeg()]
    with pytest.raises(MalformedError, match="bytes follow the end of a frame"):
        passed(frame + TEXT, jpeg())


def test_padding_behind_the_end_of_a_frame_is_no_fault_and_becomes_zero() -> None:
    stripped = jpeg().rstrip(b"\0")

    assert passed(stripped + b"J", stripped + bytes(TAIL - 2)) == [
        stripped + b"\0",
        stripped + bytes(TAIL - 2),
    ]


def test_text_between_whole_frames_is_refused() -> None:
    for front in (b"", bytes(600)):
        with pytest.raises(MalformedError, match="fragment 2: it begins no code stream"):
            passed(jpeg(), front + EVEN_TEXT, jpeg())


def test_text_behind_the_last_part_of_a_split_frame_is_refused() -> None:
    frame = jpeg().rstrip(b"\0")

    with pytest.raises(MalformedError, match="fragment 2: bytes follow"):
        passed(frame[:-100], frame[-100:] + TEXT)


def _runs(*offsets: int, count: int | None = None, unused: bytes = b"") -> bytes:
    head = struct.pack(f"<{1 + len(offsets)}I", count if count is not None else len(offsets), *offsets)
    return (head + unused).ljust(64, b"\0")[:64] + bytes(range(64))


def test_text_among_the_offsets_of_an_rle_frame_goes(route: Route, tmp_path: Path) -> None:
    frames = [_runs(64, 80, 90, unused=TEXT), _runs(64)]

    written = cleared(slide_file(RLE, pixels=encapsulated(*frames)), route, tmp_path / "out")

    assert CANARY not in written
    assert written.endswith(encapsulated(_runs(64, 80, 90), _runs(64)))


@pytest.mark.parametrize(
    "frame",
    [
        EVEN_TEXT,
        EVEN_TEXT * 4,
        _runs(),
        _runs(64, count=16),
        _runs(60),
        _runs(64, 90, 80),
        _runs(64, 64),
        _runs(64, 128),
    ],
    ids=["short", "text", "none", "too many", "not from 64", "descending", "twice", "behind the end"],
)
def test_an_rle_frame_without_a_sound_head_is_refused(frame: bytes) -> None:
    _refused(slide_file(RLE, pixels=encapsulated(_runs(64), frame)), "fragment 2: an RLE frame")


def test_verification_finds_text_among_the_offsets_of_an_rle_frame() -> None:
    for frame in (_runs(64, unused=TEXT), _runs(64, 64)):
        with pytest.raises(LeakError, match="RLE"):
            list(
                fragment_pieces(
                    WrittenBytes(encapsulated(_runs(64), frame)), 12, marked=False, run_length=True
                )
            )
    assert list(fragment_pieces(WrittenBytes(encapsulated(_runs(64))), 12, marked=False, run_length=True))


@pytest.mark.parametrize("marker", [0x02, 0xC8, 0xF6])
def test_verification_finds_text_in_segments_no_decoder_needs(marker: int) -> None:
    with pytest.raises(LeakError, match="carries text"):
        list(fragment_pieces(WrittenBytes(encapsulated(jpeg(segment(marker, TEXT)))), 12, marked=True))


def _tile_part(*segments: bytes, length: int | None = None, scan: bytes = SCAN) -> bytes:
    body = b"".join(segments) + b"\xff\x93" + scan
    length = 12 + len(body) if length is None else length
    return segment(0x90, struct.pack(">HIBB", 0, length, 0, 0)) + body


def _tiled(*parts: bytes) -> bytes:
    data = b"\xff\x4f" + segment(0x51, bytes(34) + b"\0\1\7\1\1") + b"".join(parts) + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


def test_text_in_the_heads_of_later_tile_parts_goes() -> None:
    comment = segment(0x64, b"\0\1" + TEXT)
    named = _tiled(_tile_part(), _tile_part(comment), _tile_part(comment, length=0))
    plain = _tiled(_tile_part(), _tile_part(), _tile_part(length=0))

    for step in (1 << 30, 5000):
        after = passed(plain, named, plain, named, step=step)
        assert not any(CANARY in frame for frame in after)
        assert after[::2] == [plain, plain]
        assert after[1].count(SCAN) == 3


def test_a_tile_part_that_leads_nowhere_is_refused() -> None:
    for first, match in (
        (_tile_part() + EVEN_TEXT, "ends where none begins"),
        (_tile_part(length=5), "no length"),
    ):
        with pytest.raises(MalformedError, match=match):
            passed(_tiled(first, _tile_part()))


def test_much_text_behind_the_end_of_a_tiled_frame_is_refused() -> None:
    with pytest.raises(MalformedError, match="bytes follow the end of a frame"):
        passed(_tiled(_tile_part()) + EVEN_TEXT * 400)


@pytest.mark.parametrize("syntax", sorted(VIDEO))
def test_video_is_refused(syntax: str) -> None:
    with pytest.raises(UnsupportedError, match="video is not looked into"):
        _copied(slide_file(syntax, pixels=encapsulated(bytes(64))))


def test_a_bare_jpeg_xl_code_stream_leaves_and_anything_else_is_refused() -> None:
    pixels = encapsulated(b"\xff\x0a" + SCAN[:64])

    assert _copied(slide_file(JPEG_XL, pixels=pixels)) == pixels[12:]
    _refused(slide_file(JPEG_XL, pixels=encapsulated(EVEN_TEXT)), "begins no code stream")


def test_uncompressed_fragments_are_as_long_as_a_frame() -> None:
    pixels = encapsulated(bytes(24), bytes(24))

    assert _copied(slide_file(UNCOMPRESSED, pixels=pixels)) == pixels[12:]
    _refused(slide_file(UNCOMPRESSED, pixels=encapsulated(bytes(24), EVEN_TEXT)), "not as long as a frame")


def test_the_head_of_one_frame_does_not_vouch_for_the_end_of_another() -> None:
    whole = _tiled(_tile_part())
    data = slide_file(JPEG_2000, pixels=encapsulated(whole, whole, whole.rstrip(b"\0") + EVEN_TEXT + b"\0"))

    _refused(data, "fragment 3: bytes follow the end of a frame")
