from __future__ import annotations

from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _jpeg, _jpeg2000, open_slide
from tests.slides import framed

if TYPE_CHECKING:
    from pathlib import Path

PICTURE = np.random.default_rng(5).integers(0, 255, (64, 48, 3), np.uint8)
HEADER = "Aperio Image Library v12.0.15 \r\n"


def encode(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], model: str = "YCbCr") -> bytes:
    return bytes(
        imagecodecs.jpeg8_encode(
            picture, level=90, colorspace="RGB", outcolorspace=model, subsampling=(1, 1), optimize=False
        )
    )


def test_a_head_says_what_the_frame_is() -> None:
    head = _jpeg.read_head(encode(PICTURE))

    assert (head.process, head.bits, head.rows, head.columns) == (0xC0, 8, 64, 48)
    assert (head.sampling, head.subsampled) == (((1, 1),) * 3, False)


def test_of_a_table_stream_only_tables_are_taken() -> None:
    stream = encode(PICTURE)
    comment = b"\xff\xfe\x00\x0eCANARYCANARY"
    found = _jpeg.tables(stream[:2] + comment + stream[2:])

    assert b"CANARY" not in found
    assert b"JFIF" not in found
    assert found.startswith((b"\xff\xdb", b"\xff\xc4"))


def test_tables_of_a_page_without_any_are_empty() -> None:
    assert _jpeg.tables(b"") == b""


def test_rgb_that_claims_to_be_jfif_decodes_as_rgb() -> None:
    stream = encode(PICTURE, "RGB")
    jfif = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    adobe = stream.find(b"\xff\xee")
    lying = stream[:2] + jfif + (stream[2:adobe] + stream[adobe + 16 :] if adobe > 0 else stream[2:])
    head = _jpeg.read_head(lying).length
    clean = _jpeg.as_rgb(lying[:head])
    mended = _jpeg.SOI + _jpeg.ADOBE_RGB + clean[2:] + lying[head:]

    assert len(clean) == head
    assert np.array_equal(imagecodecs.jpeg8_decode(mended), imagecodecs.jpeg8_decode(stream))


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 20, 100, 300])
def test_a_stream_that_ends_in_its_head_is_damage(cut: int) -> None:
    with pytest.raises(CorruptSlideError):
        _jpeg.read_head(encode(PICTURE)[:cut])


def test_joined_strips_decode_to_what_the_strips_do() -> None:
    strips = [encode(PICTURE[row : row + 16]) for row in range(0, 64, 16)]
    joined = _jpeg.join_strips(strips, b"", 64, rgb=False)

    assert joined is not None
    single = np.vstack([imagecodecs.jpeg8_decode(strip) for strip in strips])
    assert np.array_equal(imagecodecs.jpeg8_decode(joined), single)


@pytest.mark.parametrize("heights", [(12, 52), (16, 32, 16)])
def test_strips_that_do_not_fit_each_other_are_not_joined(heights: tuple[int, ...]) -> None:
    stops = np.cumsum(heights)
    strips = [encode(PICTURE[stop - height : stop]) for stop, height in zip(stops, heights, strict=True)]

    assert _jpeg.join_strips(strips, b"", 64, rgb=False) is None


def test_strips_of_other_tables_are_not_joined() -> None:
    other = bytes(imagecodecs.jpeg8_encode(PICTURE[32:], level=50, subsampling=(1, 1), optimize=False))

    assert _jpeg.join_strips([encode(PICTURE[:32]), other], b"", 64, rgb=False) is None


def test_strips_that_do_not_fill_the_image_are_not_joined() -> None:
    assert _jpeg.join_strips([encode(PICTURE)], b"", 80, rgb=False) is None


@pytest.mark.parametrize("compression", ["lzw", "jpeg"])
def test_an_overview_that_cannot_be_joined_is_decoded(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "slide.svs"
    base = np.full((256, 256, 3), 200, np.uint8)
    macro = np.ascontiguousarray(np.tile(PICTURE, (2, 3, 1)))
    rows = 16 if compression == "lzw" else 128
    with tifffile.TiffWriter(path) as tiff:
        text = f"{HEADER}256x256 [0,0 256x256] (256x256)|MPP = 0.5"
        tiff.write(base, tile=(256, 256), compression="jpeg", description=text, metadata=None)
        text = f"{HEADER}macro 144x128"
        tiff.write(
            macro, rowsperstrip=rows, subfiletype=9, compression=compression, description=text, metadata=None
        )
    if compression == "jpeg":
        data = path.read_bytes()
        at = data.rindex(b"\xff\xd9")  # the last strip no longer ends as a stream must
        path.write_bytes(data[:at] + b"\xff\x00" + data[at + 2 :])

    with open_slide(path) as slide:
        assert slide.overview is not None
        assert not framed(slide.overview).encapsulated
        (frame,) = framed(slide.overview).frames()
        pixels = np.frombuffer(frame, np.uint8).reshape(macro.shape)
        assert (not slide.overview.losses) == (compression == "lzw")
    assert np.abs(pixels.astype(int) - macro).mean() < 60
    assert compression == "jpeg" or np.array_equal(pixels, macro)


def jpeg_2000(*, reversible: bool, transform: bool) -> bytes:
    return bytes(
        imagecodecs.jpeg2k_encode(PICTURE, level=40, codecformat="j2k", reversible=reversible, mct=transform)
    )


@pytest.mark.parametrize("reversible", [True, False])
@pytest.mark.parametrize("transform", [True, False])
def test_a_main_header_says_what_the_code_stream_is(*, reversible: bool, transform: bool) -> None:
    header = _jpeg2000.read_main_header(jpeg_2000(reversible=reversible, transform=transform))

    assert (header.rows, header.columns, header.components, header.bits) == (64, 48, 3, 8)
    assert (header.reversible, header.transformed, header.subsampled) == (reversible, transform, False)


def test_declaring_the_transform_changes_one_byte() -> None:
    stream = jpeg_2000(reversible=False, transform=False)
    header = _jpeg2000.read_main_header(stream)
    changed = _jpeg2000.as_transformed(stream[: header.length], header)

    assert _jpeg2000.read_main_header(changed + stream[header.length :]).transformed
    assert sum(a != b for a, b in zip(changed, stream, strict=False)) == 1


@pytest.mark.parametrize("cut", [0, 4, 30, 60, 100])
def test_a_main_header_that_is_cut_short_is_damage(cut: int) -> None:
    with pytest.raises(CorruptSlideError):
        _jpeg2000.read_main_header(jpeg_2000(reversible=False, transform=True)[:cut])
