"""Text in the heads of frames goes; scans, lengths and what decoders need stay."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.encaps import generate_fragments

from dicomanon.errors import MalformedError
from dicomanon.part10.body import WINDOW, copy_body
from dicomanon.part10.codestream import MAX_HEAD, HeadCutShortError, HeadScrubber, text_in_head
from dicomanon.part10.instance import Instance, Meta, PixelElement
from dicomanon.part10.readers import ChunkReader
from dicomanon.pipeline import Quarantined
from tests.canary_image import Picture, jpeg_frames
from tests.part10.building import (
    CANARY,
    JPEG,
    JPEG_2000,
    JPEG_LS,
    UNDEFINED,
    Coding,
    cleared,
    encapsulated,
    sent,
    slide_file,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.pipeline import Route

COMMENT = 0xFE
TEXT = CANARY + b" lives at 7 Canary Street"
SCAN = bytes(range(1, 250)) * 40 + b"\xff\0" + TEXT[:0]


def _segment(marker: int, payload: bytes, *, fill: int = 0) -> bytes:
    return b"\xff" * fill + bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2, "big") + payload


TABLES = _segment(0xDB, b"\0" + bytes(range(1, 65)))
FRAME_HEAD = _segment(0xC0, b"\x08\0\x10\0\x10\1\1\x11\0")
SCAN_HEAD = _segment(0xDA, b"\1\1\0\0\x3f\0")


def _jpeg(*segments: bytes, scan: bytes = SCAN) -> bytes:
    data = b"\xff\xd8" + b"".join(segments) + TABLES + FRAME_HEAD + SCAN_HEAD + scan + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


def _jpeg_ls(*segments: bytes) -> bytes:
    frame = _segment(0xF7, b"\x08\0\x10\0\x10\1\1\x11\0")
    data = b"\xff\xd8" + b"".join(segments) + frame + _segment(0xDA, b"\1\1\0\0\0\0") + SCAN + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


def _jpeg_2000(*segments: bytes, tile_segments: tuple[bytes, ...] = ()) -> bytes:
    size = _segment(0x51, bytes(36) + b"\0\1\7\1\1")
    tile = _segment(0x90, b"\0\0\0\0\0\0\0\1") + b"".join(tile_segments)
    data = b"\xff\x4f" + size + b"".join(segments) + tile + b"\xff\x93" + SCAN + b"\xff\xd9"
    return data + b"\0" * (len(data) % 2)


class _Chunks(ChunkReader):
    """Hands out at most `step` bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__([data])
        self.step = step

    def readinto(self, buffer: memoryview, /) -> int:
        return super().readinto(buffer[: self.step])


def _passed(*fragments: bytes, step: int = 1 << 30) -> list[bytes]:
    """Return the fragments as they leave."""
    value = encapsulated(*fragments)[12:]
    instance = Instance(Meta(JPEG), b"", PixelElement(0x7FE00010, b"OB", None), _Chunks(value, step))
    out = io.BytesIO()
    assert copy_body(instance, out) == b""
    written = out.getvalue()
    assert len(written) == len(value)
    found = list(generate_fragments(written[8:]))
    assert [len(fragment) for fragment in found] == [len(fragment) for fragment in fragments]
    return found


TEXT_SEGMENTS = {
    "comment": _segment(COMMENT, TEXT),
    "comment behind fill bytes": _segment(COMMENT, TEXT, fill=5),
    "two comments": _segment(COMMENT, TEXT) + _segment(COMMENT, TEXT[::-1] + TEXT),
    "EXIF": _segment(0xE1, b"Exif\0\0II*\0" + TEXT),
    "XMP": _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + TEXT),
    "ICC": _segment(0xE2, b"ICC_PROFILE\0\1\1" + TEXT),
    "Photoshop": _segment(0xED, b"Photoshop 3.0\x008BIM" + TEXT),
    "JFIF with a thumbnail": _segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\3\4" + TEXT[:36]),
    "JFIF extension": _segment(0xE0, b"JFXX\0\x10" + TEXT),
    "Adobe with more behind": _segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + TEXT),
    "not quite Adobe": _segment(0xEE, TEXT),
    "HP with more behind": _segment(0xE8, b"mrfx" + b"\1" + TEXT),
    **{f"APP{n}": _segment(0xE0 + n, TEXT) for n in range(16)},
    "longest": _segment(0xEF, (TEXT * 1500)[:65533]),
}


@pytest.mark.parametrize("name", TEXT_SEGMENTS)
@pytest.mark.parametrize("make", [_jpeg, _jpeg_ls])
def test_text_in_every_kind_of_segment_goes_and_all_else_stays(name: str, make: object) -> None:
    segments = TEXT_SEGMENTS[name]
    assert callable(make)
    frame: bytes = make(segments)
    bare: bytes = make()

    (after,) = _passed(frame)

    assert b"CANARY" not in after.upper()
    assert b"Street" not in after
    behind = len(bare.rstrip(b"\0")) - 2
    assert after.rstrip(b"\0")[-behind:] == bare.rstrip(b"\0")[2:]
    marker = segments.lstrip(b"\xff")[0]
    at = 2 + len(segments) - len(segments.lstrip(b"\xff"))
    assert after[at] == marker


def test_what_decoders_need_of_jfif_and_adobe_stays() -> None:
    jfif, adobe = b"JFIF\0\1\2\1\0\x48\0\x48\0\0", b"Adobe\0\x64\0\0\0\0\1"

    (after,) = _passed(_jpeg(_segment(0xE0, jfif), _segment(0xEE, adobe), _segment(COMMENT, TEXT)))

    assert jfif in after
    assert adobe in after


def test_a_real_jpeg_decodes_to_the_same_pixels() -> None:
    picture = Picture("VOLUME", 64, 64, 64, 64)
    (frame,) = jpeg_frames(picture, "", 1)
    named = frame[:2] + _segment(COMMENT, TEXT) + _segment(0xE1, b"Exif\0\0" + TEXT) + frame[2:]
    named += b"\0" * (len(named) % 2)

    (after,) = _passed(named)

    before_pixels, after_pixels = (np.asarray(Image.open(io.BytesIO(data))) for data in (named, after))
    assert np.array_equal(before_pixels, after_pixels)
    assert CANARY not in after


def test_a_real_jpeg_2000_decodes_to_the_same_pixels() -> None:
    pixels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG2000", no_jp2=True, comment=TEXT.decode())
    frame = buffer.getvalue() + b"\0" * (buffer.tell() % 2)
    assert CANARY in frame

    (after,) = _passed(frame)

    assert CANARY not in after
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(after))), pixels)


def test_comments_in_main_and_tile_part_header_of_jpeg_2000_go() -> None:
    latin = _segment(0x64, b"\0\1" + TEXT)
    binary = _segment(0x64, b"\0\0" + TEXT)
    frame = _jpeg_2000(latin, binary, tile_segments=(latin,))

    (after,) = _passed(frame)

    assert CANARY not in after
    scan = frame.index(b"\xff\x93")
    assert after[scan:] == frame[scan:]
    assert after.count(b"\xff\x64") == 3


@pytest.mark.parametrize("box", [b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_a_frame_that_is_a_file_in_boxes_is_refused(box: bytes) -> None:
    with pytest.raises(MalformedError, match="box"):
        _passed(box + TEXT + bytes(36))


@pytest.mark.parametrize("step", [1, 7, 4096, 65_537])
def test_text_goes_however_the_bytes_arrive(step: int) -> None:
    frames = [_jpeg(_segment(COMMENT, b"%d " % n + TEXT), scan=SCAN[: 500 + n]) for n in range(5)]

    after = _passed(*frames, step=step)

    assert after == _passed(*frames)
    assert not any(CANARY in frame for frame in after)


@pytest.mark.parametrize("border", [WINDOW, 2 * WINDOW, WINDOW + MAX_HEAD])
@pytest.mark.parametrize("shift", [-9000, -4097, -200, -60, -30, -17, -9, -8, -7, -4, -1, 0, 1, 8])
def test_text_goes_from_a_head_that_straddles_a_window(shift: int, border: int) -> None:
    second = _jpeg(_segment(COMMENT, TEXT), _segment(0xE1, b"Exif\0\0" + TEXT * 200))
    # 8 bytes for the empty table and 8 for the item of the first fragment lie in front of its frame.
    first = _jpeg(scan=bytes(border + shift - 16 - len(_jpeg(scan=b"")) - 8))

    after = _passed(first, second, second)

    assert after[0] == first
    assert after[1] == after[2]
    assert CANARY not in after[1]
    assert after[1].endswith(second[second.index(TABLES) :])


@pytest.mark.parametrize("segments", [1, 3, 12])
def test_text_goes_from_heads_longer_than_what_is_looked_at_first(segments: int) -> None:
    long = [_segment(0xE1, b"Exif\0\0" + TEXT * 1500) for _ in range(segments)]
    frame = _jpeg(*long, scan=SCAN * 200)

    for step in (1 << 30, 60_000):
        after = _passed(_jpeg(), frame, frame, _jpeg(), step=step)
        assert not any(CANARY in each for each in after)
        assert after[1].endswith(frame[frame.index(TABLES) :])


def test_a_head_longer_than_the_limit_is_refused() -> None:
    frame = _jpeg(*[_segment(0xE1, TEXT * 1500) for _ in range(1 + MAX_HEAD // (1500 * len(TEXT)))] * 2)

    with pytest.raises(MalformedError, match="no end to its head"):
        _passed(frame, step=1 << 16)


def test_hundreds_of_different_heads_are_all_overwritten() -> None:
    frames = [_jpeg(_segment(COMMENT, b"%05d " % n + TEXT), scan=SCAN[:64]) for n in range(400)]

    after = _passed(*frames, *frames[:50])

    assert not any(CANARY in frame for frame in after)
    assert not any(b"%05d" % n in frame for n, frame in enumerate(after[:400]))


def test_a_head_that_begins_as_another_one_is_not_taken_for_it() -> None:
    plain = _jpeg()
    longer = plain[: plain.index(SCAN_HEAD)] + _segment(COMMENT, TEXT) + plain[plain.index(SCAN_HEAD) :]

    for frames in ((plain, longer), (longer, plain), (longer, longer, plain, longer)):
        after = _passed(*frames)
        assert not any(CANARY in frame for frame in after)
        assert [each.endswith(SCAN_HEAD + SCAN + b"\xff\xd9") for each in map(_stripped, after)]


def _stripped(frame: bytes) -> bytes:
    return frame.rstrip(b"\0")


@pytest.mark.parametrize("cut", [2, 3, 4, 10, 40, 90, 132])
def test_a_head_split_over_two_fragments_is_refused(cut: int) -> None:
    frame = _jpeg(_segment(COMMENT, TEXT))
    cut += cut % 2

    with pytest.raises(MalformedError, match="fragment 1 has no end to its head"):
        _passed(frame[:cut], frame[cut:])


def test_a_frame_in_several_fragments_with_a_whole_head_leaves_bit_for_bit() -> None:
    frame = _jpeg(_segment(COMMENT, TEXT))
    cut = frame.index(SCAN) + 100 & ~1

    first, second = _passed(frame[:cut], frame[cut:])

    assert CANARY not in first
    assert second == frame[cut:]
    assert (first + second)[frame.index(TABLES) :] == frame[frame.index(TABLES) :]


@pytest.mark.parametrize(
    "frame",
    [
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xd8" + bytes(8),
        b"\xff\xd8\0\0" + bytes(8),
        b"\xff\xd8\xff\xfe\0\0" + bytes(8),
        b"\xff\xd8\xff\xfe\0\1" + bytes(8),
        b"\xff\xd8\xff\xfe\xff\xff" + bytes(64),
        b"\xff\xd8" + b"\xff" * 64,
        b"\xff\x4f\xff\x51\0\0" + bytes(8),
        b"\xff\x4f\xff\x51\0\4\0\0" + bytes(8),
    ],
    ids=["no scan", "two starts", "no marker", "length 0", "length 1", "too long", "only fill", "length 0 in 2000", "no marker in 2000"],
)
def test_broken_heads_are_refused_with_the_number_of_their_fragment(frame: bytes) -> None:
    with pytest.raises(MalformedError, match="fragment 2") as raised:
        _passed(_jpeg(), frame)

    assert raised.value.offset == 8 + 8 + len(_jpeg())


def test_a_fragment_that_starts_no_code_stream_is_left_alone() -> None:
    fragment = bytes(64) + SCAN[:100]

    assert _passed(fragment) == [fragment]
    assert HeadScrubber().scrub(bytearray(fragment), 0, len(fragment)) == 0


def test_the_head_ends_behind_the_start_of_scan() -> None:
    frame = _jpeg(_segment(COMMENT, TEXT))

    cuts, end = text_in_head(frame, 0, len(frame))

    assert [frame[start:stop] for start, stop in cuts] == [TEXT]
    assert frame[end:].startswith(SCAN)
    for stop in range(2, end):
        with pytest.raises(HeadCutShortError):
            text_in_head(frame, 0, stop)


def _scans() -> Iterator[tuple[str, str, bytes]]:
    text = _segment(COMMENT, TEXT)
    yield "JPEG", JPEG, _jpeg(text)
    yield "JPEG-LS", JPEG_LS, _jpeg_ls(text)
    yield "JPEG 2000", JPEG_2000, _jpeg_2000(_segment(0x64, b"\0\1" + TEXT))


@pytest.mark.parametrize(("syntax", "frame"), [(syntax, frame) for _, syntax, frame in _scans()], ids=[n for n, *_ in _scans()])
def test_a_whole_file_leaves_with_its_scans_and_without_the_text(
    syntax: str, frame: bytes, route: Route, tmp_path: Path
) -> None:
    written = cleared(slide_file(syntax, pixels=encapsulated(frame, frame)), route, tmp_path / "out")

    assert CANARY not in written
    assert [each.count(SCAN) for each in generate_fragments(dcmread(io.BytesIO(written)).PixelData)] == [0, 1, 1]


def test_a_split_head_quarantines_its_file(route: Route, tmp_path: Path) -> None:
    frame = _jpeg(_segment(COMMENT, TEXT))
    outcome = sent(slide_file(JPEG, pixels=encapsulated(frame[:20], frame[20:])), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert Coding(JPEG).head(0x7FE00010, b"OB", UNDEFINED) == encapsulated()[:12]
