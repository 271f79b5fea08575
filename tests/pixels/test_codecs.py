"""Frames of every transfer syntax: there and back, redacted, damaged."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.pixels.decoders.base import get_decoder

from dicomanon.errors import MalformedError, UnsupportedError
from dicomanon.pixels.box import Box
from dicomanon.pixels.codecs import HTJ2K, JPEG, JPEG_2000, JPEG_LOSSLESS, JPEG_LS, check_head, decode, encode
from dicomanon.pixels.redact import redact_frame
from tests.peers import peer_program
from tests.pixels.jpegs import jpeg_of, noise
from tests.pixels.single import a_picture, dataset_of, encapsulated_value, some_samples, written

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.pixels.picture import Picture

UID = "1.2.840.10008.1.2.4."
IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
UNCOMPRESSED, RLE, DEFLATED = "1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.99"
NATIVE = (IMPLICIT, EXPLICIT, BIG, DEFLATED)
CODED = (*sorted(JPEG_LOSSLESS), *sorted(JPEG_LS), *sorted(JPEG_2000), *sorted(HTJ2K), RLE, UNCOMPRESSED)
LOSSLESS = (*NATIVE, *CODED)
SHAPES: dict[str, dict[str, Any]] = {
    "colour": {"samples": 3},
    "YBR": {"samples": 3, "photometric": "YBR_FULL"},
    "grey 8": {},
    "grey 12": {"stored": 12},
    "grey 16": {"stored": 16},
    "inverse": {"photometric": "MONOCHROME1"},
    "signed 8": {"signed": True},
    "signed 12": {"stored": 12, "signed": True},
    "signed 16": {"stored": 16, "signed": True},
}
COLUMNS, ROWS = 18, 11
VIDEO = [UID + each for each in ("100", "101", "102", "103", "104", "105", "106", "107", "108")]
JPEG_XL = [UID + each for each in ("110", "111", "112")]
NUMBER = re.compile(r"\d")


def value_of_frames(picture: Picture, frames: list[bytes]) -> bytes:
    return encapsulated_value(frames) if picture.encapsulated else b"".join(frames)


def read_by_pydicom(picture: Picture, frame: bytes) -> Any:
    """Return what pydicom's own decoder makes of the frame, without any conversion."""
    dataset = dcmread(io.BytesIO(written(dataset_of(picture, value_of_frames(picture, [frame])))))
    array, _ = get_decoder(picture.transfer_syntax_uid).as_array(dataset, raw=True)
    shaped = array[:, :, np.newaxis] if picture.samples == 1 else array
    return (
        np.ascontiguousarray(shaped).astype(shaped.dtype.newbyteorder("=")).view(f"u{shaped.dtype.itemsize}")
    )


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_what_is_written_without_loss_is_read_as_it_was(syntax: str, shape: str) -> None:
    for columns, rows in ((COLUMNS, ROWS), (1, 1), (1, 20), (33, 2)):
        picture = a_picture(syntax, columns, rows, **SHAPES[shape])
        samples = some_samples(picture, columns) if columns * rows > 1 else some_samples(picture)[:1, :1]
        frame = encode(samples, picture)
        found = decode(frame, picture)

        assert found.shape == samples.shape
        assert found.dtype.kind == "u"
        assert (found == samples).all()


READ_BY_PYDICOM = (*NATIVE[:3], *sorted(JPEG_LS), *sorted(JPEG_2000), RLE)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("syntax", READ_BY_PYDICOM)
def test_pydicom_reads_the_same_samples(syntax: str, shape: str) -> None:
    picture = a_picture(syntax, COLUMNS, ROWS, **SHAPES[shape])
    samples = some_samples(picture, 3)

    assert (read_by_pydicom(picture, encode(samples, picture)) == samples).all()


@pytest.mark.parametrize("shape", ["colour", "grey 8", "grey 12", "grey 16", "signed 16"])
def test_another_decoder_reads_high_throughput_code_streams(shape: str) -> None:
    for syntax in sorted(HTJ2K):
        picture = a_picture(syntax, COLUMNS, ROWS, **SHAPES[shape])
        samples = some_samples(picture, 5)
        found: Any = imagecodecs.jpeg2k_decode(encode(samples, picture))

        assert found.dtype.kind == ("i" if picture.signed else "u")
        assert (found.reshape(samples.shape).view(samples.dtype) == samples).all()


@pytest.mark.peer
@pytest.mark.parametrize("shape", ["colour", "grey 8", "grey 12", "grey 16", "signed 12", "signed 16"])
@pytest.mark.parametrize(
    ("program", "syntaxes"),
    [("dcmdjpeg", sorted(JPEG_LOSSLESS)), ("dcmdjpls", sorted(JPEG_LS)), ("dcmdrle", [RLE])],
)
def test_dcmtk_reads_the_same_samples(program: str, syntaxes: list[str], shape: str, tmp_path: Path) -> None:
    path = peer_program(program, "dcmtk")
    for syntax in syntaxes:
        picture = a_picture(syntax, COLUMNS, ROWS, **SHAPES[shape])
        samples = some_samples(picture, 7)
        redacted = redact_frame(encode(samples, picture), picture, [Box(2, 2, 5, 5)], "black")
        source, target = tmp_path / "in.dcm", tmp_path / "out.dcm"
        source.write_bytes(written(dataset_of(picture, encapsulated_value([redacted]))))
        options = ["+cn"] if program == "dcmdjpeg" else []
        subprocess.run([path, *options, str(source), str(target)], check=True, capture_output=True)
        native = dcmread(target)
        found = decode(native.PixelData, replace(picture, transfer_syntax_uid=EXPLICIT))
        if native.get("PlanarConfiguration"):
            found = decode(native.PixelData, replace(picture, transfer_syntax_uid=EXPLICIT, planar=True))
        mask = (1 << picture.bits_stored) - 1

        assert (found & mask == decode(redacted, picture) & mask).all()


@pytest.mark.parametrize("syntax", [*NATIVE, UNCOMPRESSED])
def test_native_planes_are_read_and_written_one_behind_the_other(syntax: str) -> None:
    picture = a_picture(syntax, COLUMNS, ROWS, samples=3, planar=True)
    samples = some_samples(picture)
    frame = encode(samples, picture)

    assert frame[: COLUMNS * ROWS] == samples[:, :, 0].tobytes()
    assert (decode(frame, picture) == samples).all()
    if syntax not in {UNCOMPRESSED, DEFLATED}:
        assert (read_by_pydicom(picture, frame) == samples).all()


def test_samples_of_two_bytes_lie_in_the_order_of_the_transfer_syntax() -> None:
    little, big = (a_picture(each, 1, 1, stored=16) for each in (EXPLICIT, BIG))
    samples = np.array([[[0x0102]]], np.uint16)

    assert encode(samples, little) == b"\2\1"
    assert encode(samples, big) == b"\1\2"
    assert decode(b"\1\2", big)[0, 0, 0] == 0x0102


@pytest.mark.parametrize("syntax", [EXPLICIT, BIG, UNCOMPRESSED])
def test_halved_chrominance_is_read_and_written_in_pairs(syntax: str) -> None:
    picture = a_picture(syntax, 4, 2, samples=3, photometric="YBR_FULL_422")
    frame = bytes(range(16))
    samples = decode(frame, picture)

    assert samples[0].tolist() == [[0, 2, 3], [1, 2, 3], [4, 6, 7], [5, 6, 7]]
    assert encode(samples, picture) == frame
    with pytest.raises(MalformedError):
        decode(bytes(3 * 2 * 2), replace(picture, columns=3))


@pytest.mark.parametrize("kind", ["colour", "RGB", "grey", "12 bits"])
def test_lossy_jpeg_is_read_as_stored_and_written_close_to_it(kind: str) -> None:
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)[:, :, np.newaxis]
    if kind in ("colour", "RGB"):
        photometric = "RGB" if kind == "RGB" else "YBR_FULL_422"
        picture = a_picture(UID + "50", 48, 32, samples=3, photometric=photometric)
        samples: Any = smooth.repeat(3, 2)
    elif kind == "grey":
        picture, samples = a_picture(UID + "50", 48, 32), smooth
    else:
        picture, samples = a_picture(UID + "51", 48, 32, stored=12), smooth.astype(np.uint16) * 16
    frame = encode(samples, picture)
    found = decode(frame, picture)

    assert found.shape == samples.shape
    assert found.dtype == samples.dtype
    assert abs(found.astype(int) - samples).max() <= (64 if kind == "12 bits" else 6)


def test_colours_of_a_jpeg_frame_are_those_that_pillow_reads() -> None:
    picture = a_picture(UID + "50", 40, 24, samples=3, photometric="YBR_FULL_422")
    frame = jpeg_of(noise(40, 24, 3, 9), subsampling="4:2:2")
    with Image.open(io.BytesIO(frame)) as image:
        image.draft("YCbCr", image.size)
        expected = np.asarray(image)

    assert (decode(frame, picture) == expected).all()


def damaged(frame: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "one byte": frame[:1],
        "start only": frame[:4],
        "head only": frame[: min(60, len(frame) // 3)],
        "nearly whole": frame[: len(frame) - 40],
        "half": frame[: len(frame) // 2 - 1],
        "garbage": bytes(range(256)) * 2,
        "zeros": bytes(len(frame)) if len(frame) < COLUMNS * ROWS else bytes(5),
    }


@pytest.mark.parametrize("shape", ["colour", "grey 8", "grey 16"])
@pytest.mark.parametrize("syntax", CODED)
def test_a_damaged_frame_is_malformed_and_no_message_has_a_value(syntax: str, shape: str) -> None:
    picture = a_picture(syntax, COLUMNS, ROWS, **SHAPES[shape])
    frame = encode(some_samples(picture), picture)
    for kind, data in damaged(frame).items():
        if kind == "garbage" and syntax == UNCOMPRESSED:
            continue
        with pytest.raises(MalformedError) as caught:
            decode(data, picture)
        assert not NUMBER.search(str(caught.value)), kind


@pytest.mark.parametrize("syntax", sorted(JPEG))
def test_a_damaged_head_of_a_jpeg_frame_is_malformed(syntax: str) -> None:
    picture = a_picture(syntax, 40, 24, samples=3, photometric="YBR_FULL_422")
    frame = jpeg_of(noise(40, 24, 3, 9))
    for data in (
        b"",
        frame[:1],
        frame[:2],
        frame[:100],
        frame[:300],
        b"\xff\xd8" + bytes(200),
        bytes(900),
        frame[:-100],
    ):
        with pytest.raises(MalformedError):
            decode(data, picture)


@pytest.mark.parametrize("syntax", [*CODED, *sorted(JPEG)])
def test_a_frame_of_another_size_or_other_samples_is_malformed(syntax: str) -> None:
    picture = a_picture(syntax, COLUMNS, ROWS, samples=3)
    frame = encode(some_samples(picture), picture)
    others = [
        replace(picture, rows=ROWS + 1),
        replace(picture, columns=COLUMNS * 2),
        replace(picture, bits_allocated=16, bits_stored=16),
    ]
    if syntax not in (UNCOMPRESSED, RLE):
        others.append(replace(picture, samples=1, photometric="MONOCHROME2"))
        others[2:3] = []
    for other in others:
        with pytest.raises(MalformedError):
            decode(frame, other)


def test_a_frame_of_another_codec_is_malformed() -> None:
    frames = {}
    for syntax in (*CODED[:-2], *sorted(JPEG)):
        picture = a_picture(syntax, COLUMNS, ROWS)
        frames[syntax] = encode(some_samples(picture), picture)
    for syntax in frames:
        for other, frame in frames.items():
            if (frame[:2] == b"\xff\xd8") != (frames[syntax][:2] == b"\xff\xd8"):
                with pytest.raises(MalformedError):
                    decode(frame, a_picture(syntax, COLUMNS, ROWS))
            assert other in frames
    for syntax in (*sorted(JPEG), *sorted(JPEG_LOSSLESS)):
        with pytest.raises(MalformedError):
            decode(frames[UID + "80"], a_picture(syntax, COLUMNS, ROWS))
    with pytest.raises(MalformedError):
        decode(frames[UID + "50"], a_picture(UID + "80", COLUMNS, ROWS))


@pytest.mark.parametrize("syntax", [*sorted(JPEG), *CODED[:-2]])
def test_a_head_that_asks_for_a_huge_picture_gets_no_memory(syntax: str) -> None:
    picture = a_picture(syntax, COLUMNS, ROWS)
    frame = encode(some_samples(picture), picture)
    small, large = ROWS.to_bytes(2, "big") + COLUMNS.to_bytes(2, "big"), b"\xff\xdc\xff\xdc"
    if frame.startswith(b"\xff\x4f"):
        small = COLUMNS.to_bytes(4, "big") + ROWS.to_bytes(4, "big")
        large = b"\x7f\0\0\0\x7f\0\0\0"
    assert small in frame
    check_head(frame, picture)
    with pytest.raises(MalformedError, match="size"):
        decode(frame.replace(small, large, 1), picture)


@pytest.mark.parametrize("syntax", [*VIDEO, *JPEG_XL, UID + "92"])
def test_a_transfer_syntax_without_codec_is_unsupported(syntax: str) -> None:
    picture = replace(a_picture(UID + "50", COLUMNS, ROWS), transfer_syntax_uid=syntax)
    assert picture.encapsulated
    with pytest.raises(UnsupportedError):
        decode(b"\xff\xd8" + bytes(100), picture)
    with pytest.raises(UnsupportedError):
        encode(some_samples(picture), picture)
    with pytest.raises(UnsupportedError):
        redact_frame(bytes(100), picture, [Box(0, 0, 1, 1)], "black")


def expected_fill(picture: Picture, colour: str) -> list[int]:
    """Return the sample values that a person sees as this colour."""
    bits = picture.bits_stored
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if picture.signed else (0, (1 << bits) - 1)
    bright = (colour == "white") != (picture.photometric == "MONOCHROME1")
    value = (high if bright else low) & ((1 << picture.bits_allocated) - 1)
    rgb = picture.photometric == "RGB" or picture.transfer_syntax_uid in JPEG_2000 | HTJ2K
    return (
        [value] * picture.samples
        if rgb or picture.samples == 1
        else [value, 1 << (bits - 1), 1 << (bits - 1)]
    )


@pytest.mark.parametrize("colour", ["black", "white"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("syntax", LOSSLESS)
def test_a_box_is_filled_and_nothing_else_changes(syntax: str, shape: str, colour: str) -> None:
    picture = a_picture(syntax, COLUMNS, ROWS, **SHAPES[shape])
    samples = some_samples(picture, 11)
    boxes = [Box(2, 3, 9, 7), Box(15, 9, COLUMNS, ROWS)]
    redacted = redact_frame(encode(samples, picture), picture, boxes, colour)
    expected = samples.copy()
    for box in boxes:
        expected[box.top : box.bottom, box.left : box.right] = expected_fill(picture, colour)

    assert (decode(redacted, picture) == expected).all()
    if not picture.encapsulated:
        assert len(redacted) == picture.frame_size


@pytest.mark.parametrize("mct", ["YBR_RCT", "YBR_ICT"])
@pytest.mark.parametrize("syntax", sorted(JPEG_2000 | HTJ2K))
def test_a_lossy_code_stream_keeps_what_it_decoded_to(syntax: str, mct: str) -> None:
    picture = a_picture(syntax, 64, 48, samples=3, photometric=mct)
    samples = noise(64, 48, 3, 2)
    if syntax in JPEG_2000:
        frame = bytes(imagecodecs.jpeg2k_encode(samples, level=35, codecformat="j2k", mct=True))
    else:
        frame = bytes(imagecodecs.htj2k_encode(samples, level=0.02, reversible=False, rgb=True))
    before = decode(frame, picture)
    after = decode(redact_frame(frame, picture, [Box(10, 10, 30, 20)], "white"), picture)
    expected = before.copy()
    expected[10:20, 10:30] = 255

    assert not (before == samples).all()
    assert (after == expected).all()


@settings(max_examples=250, deadline=None)
@given(
    syntax=st.sampled_from(
        [each for each in CODED[:-1] if each not in JPEG_LS]
    ),  # it takes seconds to say no
    colour=st.booleans(),
    place=st.floats(0, 1),
    value=st.binary(max_size=5),
    cut=st.booleans(),
)
def test_a_mutated_frame_is_malformed_or_has_its_size(
    syntax: str, place: float, value: bytes, *, colour: bool, cut: bool
) -> None:
    picture = a_picture(syntax, COLUMNS, ROWS, samples=3 if colour else 1)
    data = bytearray(encode(some_samples(picture), picture))
    at = int(place * len(data))
    data[at : at + len(value)] = value
    if cut:
        del data[at + len(value) :]
    try:
        found = decode(bytes(data), picture)
    except MalformedError as error:
        assert not NUMBER.search(str(error))  # noqa: PT017  # either outcome is fine
    else:
        assert found.shape == (ROWS, COLUMNS, picture.samples)
