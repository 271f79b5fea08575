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
from dicomanon.part10.codestream import HeadScrubber
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
from tests.part10.frames import (
    COMMENT,
    SCAN,
    TEXT,
    jpeg,
    jpeg_2000,
    jpeg_ls,
    passed,
    scans_of,
    segment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.pipeline import Route

TEXT_SEGMENTS = {
    "comment": segment(COMMENT, TEXT),
    "comment behind fill bytes": segment(COMMENT, TEXT, fill=5),
    "two comments": segment(COMMENT, TEXT) + segment(COMMENT, TEXT[::-1] + TEXT),
    "EXIF": segment(0xE1, b"Exif\0\0II*\0" + TEXT),
    "XMP": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x>" + TEXT),
    "ICC": segment(0xE2, b"ICC_PROFILE\0\1\1" + TEXT),
    "Photoshop": segment(0xED, b"Photoshop 3.0\x008BIM" + TEXT),
    "JFIF with a thumbnail": segment(0xE0, b"JFIF\0\1\2\1\0\x48\0\x48\3\4" + TEXT[:36]),
    "JFIF extension": segment(0xE0, b"JFXX\0\x10" + TEXT),
    "Adobe with more behind": segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + TEXT),
    "not quite Adobe": segment(0xEE, TEXT),
    "HP with more behind": segment(0xE8, b"mrfx" + b"\1" + TEXT),
    **{f"APP{n}": segment(0xE0 + n, TEXT) for n in range(16)},
    "longest": segment(0xEF, (TEXT * 1500)[:65533]),
}


@pytest.mark.parametrize("name", TEXT_SEGMENTS)
@pytest.mark.parametrize("make", [jpeg, jpeg_ls])
def test_text_in_every_kind_of_segment_goes_and_all_else_stays(name: str, make: object) -> None:
    segments = TEXT_SEGMENTS[name]
    assert callable(make)
    frame: bytes = make(segments)
    bare: bytes = make()

    (after,) = passed(frame)

    assert b"CANARY" not in after.upper()
    assert b"Street" not in after
    behind = len(bare.rstrip(b"\0")) - 2
    assert after.rstrip(b"\0")[-behind:] == bare.rstrip(b"\0")[2:]
    marker = segments.lstrip(b"\xff")[0]
    at = 2 + len(segments) - len(segments.lstrip(b"\xff"))
    assert after[at] == marker


def test_what_decoders_need_of_jfif_and_adobe_stays() -> None:
    jfif, adobe = b"JFIF\0\1\2\1\0\x48\0\x48\0\0", b"Adobe\0\x64\0\0\0\0\1"

    (after,) = passed(jpeg(segment(0xE0, jfif), segment(0xEE, adobe), segment(COMMENT, TEXT)))

    assert jfif in after
    assert adobe in after


def test_a_real_jpeg_decodes_to_the_same_pixels() -> None:
    picture = Picture("VOLUME", 64, 64, 64, 64)
    (frame,) = jpeg_frames(picture, "", 1)
    named = frame[:2] + segment(COMMENT, TEXT) + segment(0xE1, b"Exif\0\0" + TEXT) + frame[2:]
    named += b"\0" * (len(named) % 2)

    (after,) = passed(named)

    before_pixels, after_pixels = (np.asarray(Image.open(io.BytesIO(data))) for data in (named, after))
    assert np.array_equal(before_pixels, after_pixels)
    assert CANARY not in after


def test_a_real_jpeg_2000_decodes_to_the_same_pixels() -> None:
    pixels = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG2000", no_jp2=True, comment=TEXT.decode())
    frame = buffer.getvalue() + b"\0" * (buffer.tell() % 2)
    assert CANARY in frame

    (after,) = passed(frame)

    assert CANARY not in after
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(after))), pixels)


def test_comments_in_main_and_tile_part_header_of_jpeg_2000_go() -> None:
    latin = segment(0x64, b"\0\1" + TEXT)
    binary = segment(0x64, b"\0\0" + TEXT)
    frame = jpeg_2000(latin, binary, tile_segments=(latin,))

    (after,) = passed(frame)

    assert CANARY not in after
    scan = frame.index(b"\xff\x93")
    assert after[scan:] == frame[scan:]
    assert after.count(b"\xff\x64") == 3


@pytest.mark.parametrize("marker", [0xC0, 0xC1, 0xC2, 0xC3, 0xF7])
@pytest.mark.parametrize("fill", [0, 3])
def test_text_between_the_scans_of_one_frame_goes(marker: int, fill: int) -> None:
    text = segment(COMMENT, TEXT, fill=fill) + segment(0xE1, b"Exif\0\0" + TEXT)
    frame, bare = scans_of(marker, text), scans_of(marker)

    for step in (1 << 30, 4096):
        after = passed(frame, bare, jpeg(), step=step)
        assert CANARY not in after[0]
        assert after[0].count(SCAN) == 6
        assert after[1:] == [bare, jpeg()]


def test_a_real_progressive_jpeg_decodes_to_the_same_pixels() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", progressive=True)
    plain = buffer.getvalue()
    second = plain.index(b"\xff\xda", plain.index(b"\xff\xda") + 2)
    frame = plain[:second] + segment(COMMENT, TEXT) + plain[second:]
    frame += b"\0" * (len(frame) % 2)

    (after,) = passed(frame)

    assert CANARY not in after
    before_pixels, after_pixels = (np.asarray(Image.open(io.BytesIO(data))) for data in (plain, after))
    assert np.array_equal(before_pixels, after_pixels)


def test_a_frame_of_several_scans_that_does_not_end_is_refused() -> None:
    frame = scans_of(0xC0).rstrip(b"\0")[:-2]

    with pytest.raises(MalformedError, match="no end to its head"):
        passed(frame + b"\0" * (len(frame) % 2))


def test_many_large_frames_of_several_scans_are_not_remembered() -> None:
    scrubber = HeadScrubber()
    for number in range(40):
        frame = bytearray(scans_of(0xC2, segment(COMMENT, b"%d" % number + TEXT * 1000)))
        assert scrubber.scrub(frame, 0, len(frame)) == len(frame.rstrip(b"\0"))
        assert CANARY not in frame

    assert scrubber.last == b""


@pytest.mark.parametrize("box", [b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_a_frame_that_is_a_file_in_boxes_is_refused(box: bytes) -> None:
    with pytest.raises(MalformedError, match="box"):
        passed(box + TEXT + bytes(36))


def _scans() -> Iterator[tuple[str, str, bytes]]:
    text = segment(COMMENT, TEXT)
    yield "JPEG", JPEG, jpeg(text)
    yield "JPEG-LS", JPEG_LS, jpeg_ls(text)
    yield "JPEG 2000", JPEG_2000, jpeg_2000(segment(0x64, b"\0\1" + TEXT))


@pytest.mark.parametrize(
    ("syntax", "frame"), [(syntax, frame) for _, syntax, frame in _scans()], ids=[n for n, *_ in _scans()]
)
def test_a_whole_file_leaves_with_its_scans_and_without_the_text(
    syntax: str, frame: bytes, route: Route, tmp_path: Path
) -> None:
    written = cleared(slide_file(syntax, pixels=encapsulated(frame, frame)), route, tmp_path / "out")

    assert CANARY not in written
    assert [each.count(SCAN) for each in generate_fragments(dcmread(io.BytesIO(written)).PixelData)] == [
        0,
        1,
        1,
    ]


def test_a_split_head_quarantines_its_file(route: Route, tmp_path: Path) -> None:
    frame = jpeg(segment(COMMENT, TEXT))
    outcome = sent(slide_file(JPEG, pixels=encapsulated(frame[:20], frame[20:])), route, tmp_path / "out")

    assert isinstance(outcome, Quarantined)
    assert outcome.reason == "malformed"
    assert Coding(JPEG).head(0x7FE00010, b"OB", UNDEFINED) == encapsulated()[:12]


def test_a_file_with_frames_of_several_scans_leaves_without_the_text_between_them(
    route: Route, tmp_path: Path
) -> None:
    frames = [scans_of(0xC0, segment(COMMENT, TEXT)), scans_of(0xC2), jpeg()]

    written = cleared(slide_file(JPEG, pixels=encapsulated(*frames)), route, tmp_path / "out")

    assert CANARY not in written
    assert written.endswith(encapsulated(*frames[1:])[20:])
