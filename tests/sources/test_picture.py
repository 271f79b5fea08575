"""PNG and JPEG pictures, made by Pillow, which is also the reader that ours is compared with."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError, UnknownSlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, SlideImage, catalogue, claims, open_slide
from tests.peers import dciodvfy
from tests.picture_files import (
    COLUMNS,
    ROWS,
    canary_jpeg,
    canary_png,
    chunk,
    exif,
    in_place,
    interlaced,
    jpeg,
    pixels,
    png,
    scan,
    seen,
    segment,
    shown,
    with_chunks,
    with_segments,
    write,
)
from tests.small_vendor_slides import picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources import Field

MODES = ("1", "L", "LA", "P", "P-clear", "RGB", "RGBA", "I;16", "rgb16", "rgba16")


def fields_of(path: Path) -> tuple[Field, ...]:
    with open_slide(path) as slide:
        return slide.fields


@pytest.mark.parametrize("make", [jpeg, png])
def test_a_picture_is_claimed_by_what_it_begins_with(tmp_path: Path, make: Callable[[], bytes]) -> None:
    for part in (1.0, 0.5):
        data = make()
        path = write(tmp_path, data[: int(len(data) * part)])
        assert [each.name for each in claims(path)] == ["picture"]


@pytest.mark.parametrize("make", [jpeg, png])
def test_a_picture_that_nobody_named_is_no_slide(tmp_path: Path, make: Callable[[], bytes]) -> None:
    path = write(tmp_path, make(), "photo.png")
    with pytest.raises(UnknownSlideError):
        open_slide(path, named=False)


def test_the_jpeg_beside_the_folder_of_a_mirax_is_no_picture(tmp_path: Path) -> None:
    (tmp_path / "slide").mkdir()
    (tmp_path / "slide/Slidedat.ini").write_bytes(b"[GENERAL]")
    for name in ("slide.mrxs", "slide.bin", "other.mrxs"):
        found = {each.name for each in claims(write(tmp_path, jpeg(), name))}
        assert "picture" not in found, name


def test_pictures_that_lie_beside_slides_are_taken_for_pictures_and_not_for_slides(corpus: Path) -> None:
    found = 0
    for path in sorted((corpus / "slides").rglob("*")):
        names = [each.name for each in claims(path)] if path.is_file() else []
        if "picture" in names:
            found += 1
            assert names == ["picture"], path.name
            with pytest.raises(UnknownSlideError):
                open_slide(path, named=False)
    assert found


@pytest.mark.parametrize(
    ("mode", "options", "photometric"),
    [
        ("RGB", {}, "YBR_FULL_422"),
        ("RGB", {"subsampling": 0, "optimize": True}, "YBR_FULL_422"),
        ("RGB", {"keep_rgb": True}, "RGB"),
        ("RGB", {"restart_marker_blocks": 3}, "YBR_FULL_422"),
        ("L", {}, "MONOCHROME2"),
    ],
)
def test_the_scan_of_a_jpeg_is_that_of_the_file(
    tmp_path: Path, mode: str, options: dict[str, Any], photometric: str
) -> None:
    data = jpeg(mode, **options, comment="CANARYCOMMENT", exif=exif())
    with open_slide(write(tmp_path, data)) as slide:
        (level,) = slide.levels
        assert isinstance(level, SlideImage)
        (frame,) = level.frames()
        assert scan(frame) == scan(data)
        assert level.frame_lengths == [len(frame)]
        assert (level.columns, level.rows, level.photometric) == (COLUMNS, ROWS, photometric)
        assert (level.losses[0].method, level.derivation) == ("ISO_10918_1", "")
        assert b"CANARY" not in frame
        assert np.array_equal(shown(level), seen(data))


def test_what_jfif_says_of_colour_stays_true_without_it(tmp_path: Path) -> None:
    data = jpeg(subsampling=0)
    frame = data.index(b"\xff\xc0")
    table = data.index(b"\xff\xda", frame)
    named = bytearray(data)
    for number, letter in enumerate(b"RGB"):  # YCbCr all the same: JFIF says so
        named[frame + 10 + 3 * number] = named[table + 5 + 2 * number] = letter
    with open_slide(write(tmp_path, bytes(named))) as slide:
        assert np.array_equal(shown(slide.levels[0]), seen(bytes(named)))
        assert np.array_equal(shown(slide.levels[0]), seen(data))


def test_bytes_behind_the_end_of_a_picture_are_left_out_and_searched(tmp_path: Path) -> None:
    for data in (jpeg(), png()):
        longer = data + b"\0\0CANARYTRAILER, ZOE" + data
        path = write(tmp_path, longer)
        with open_slide(path) as slide:
            if isinstance(slide.levels[0], SlideImage):
                (frame,) = slide.levels[0].frames()
                assert scan(frame) == scan(data)
            assert np.array_equal(shown(slide.levels[0]), seen(data))
            (field,) = [each for each in slide.fields if "CANARY" in each.value]
            assert (field.place, in_place(field, longer)) == ("after the end", True)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("make", [jpeg, png])
def test_a_picture_on_its_side_is_turned_upright(
    tmp_path: Path, make: Callable[..., bytes], orientation: int
) -> None:
    data = make(exif=exif(orientation), dpi=(3000, 6000))
    with open_slide(write(tmp_path, data)) as slide:
        (level,) = slide.levels
        assert isinstance(level, SlideImage) == (make is jpeg and orientation == 1)
        expected = seen(data)
        assert (level.rows, level.columns) == expected.shape[:2]
        assert np.array_equal(shown(level), expected)
        aside = orientation > 4
        spacing = (25.4 / 6000, 25.4 / 3000)
        assert level.spacing == pytest.approx(spacing[::-1] if aside else spacing, rel=1e-4)


def test_a_progressive_jpeg_is_decoded(tmp_path: Path) -> None:
    for mode in ("RGB", "L"):
        data = jpeg(mode, progressive=True)
        with open_slide(write(tmp_path, data)) as slide:
            (level,) = slide.levels
            assert isinstance(level, PixelImage)
            assert (level.exact, level.losses[0].method) == (False, "ISO_10918_1")
            assert np.array_equal(shown(level), seen(data))


@pytest.mark.parametrize("mode", MODES)
def test_the_pixels_of_a_png_are_those_that_pillow_reads(tmp_path: Path, mode: str) -> None:
    data = png(mode)
    with open_slide(write(tmp_path, data)) as slide:
        (level,) = slide.levels
        assert isinstance(level, PixelImage)
        assert level.exact
        found = shown(level)
    if mode == "rgb16":
        expected: NDArray[Any] = pixels(mode)  # Pillow reads 8 of the 16 bits
    elif mode == "rgba16":
        colours, alpha = pixels(mode)[:, :, :3].astype(float), 40_000 / 65_535
        expected = (colours * alpha + 65_535 * (1 - alpha)).round().astype(np.uint16)
    else:
        expected = seen(data)
    assert found.dtype == (np.uint16 if "16" in mode else np.uint8)
    assert found.shape == expected.shape == (ROWS, COLUMNS, level.samples)
    assert np.abs(found.astype(int) - expected).max() <= (1 if "A" in mode or "a" in mode else 0)


def test_a_png_in_passes_is_put_together(tmp_path: Path) -> None:
    with open_slide(write(tmp_path, interlaced())) as slide:
        assert np.array_equal(shown(slide.levels[0]), seen(interlaced()))


def test_a_region_beyond_the_picture_is_white(tmp_path: Path) -> None:
    with open_slide(write(tmp_path, png())) as slide:
        (level,) = slide.levels
        assert isinstance(level, PixelImage)
        part = level.read(Region(COLUMNS - 10, ROWS - 20, 64, 64))
    assert np.array_equal(part[:20, :10], picture(ROWS, COLUMNS)[-20:, -10:])
    assert part[20:].min() == part[:, 10:].min() == 255


@pytest.mark.parametrize(
    ("make", "resolution", "spacing"),
    [
        (jpeg, (50_800, 25_400), (0.001, 0.0005)),
        (jpeg, (300, 300), None),
        (png, (50_800, 25_400), (0.001, 0.0005)),
        (png, (72, 72), None),
        (png, None, None),
    ],
)
def test_only_a_spacing_that_a_microscope_can_have_is_believed(
    tmp_path: Path,
    make: Callable[..., bytes],
    resolution: tuple[int, int] | None,
    spacing: tuple[float, float] | None,
) -> None:
    data = make(dpi=resolution) if resolution else make()
    with open_slide(write(tmp_path, data)) as slide:
        assert slide.levels[0].spacing == (spacing and pytest.approx(spacing, rel=1e-3))


@pytest.mark.parametrize(
    "data",
    [jpeg(), jpeg("L"), jpeg(progressive=True), png("RGBA"), png("LA"), png("rgb16")],
    ids=["jpeg", "gray", "progressive", "png", "png gray", "png 16"],
)
def test_a_picture_with_its_spacing_given_is_written_without_an_error_of_dciodvfy(
    tmp_path: Path, data: bytes
) -> None:
    path = write(tmp_path, data)
    options = ConvertOptions(spacing=0.0005)
    with pytest.raises(SlideError, match="--spacing"), prepared(path, ConvertOptions(), tmp_path):
        pass
    with prepared(path, options, tmp_path) as slide:
        for opened in instances(slide, options):
            file = tmp_path / "picture.dcm"
            write_identified(opened, file)
            assert dciodvfy(file) == []


def test_every_text_of_a_jpeg_is_a_field_at_its_place(tmp_path: Path) -> None:
    data = canary_jpeg()
    fields = fields_of(write(tmp_path, data))

    found = " ".join(each.value for each in fields)
    for word in (
        *(
            "ARTIST, ZOE",
            "DESCRIPTION",
            "AUTHOR Zoë",
            "BODY-77",
            "COMMENT",
            "MAKER",
            "PLACE",
            "COM",
            "SECOND é",
        ),
        *("XMPCASE", "XMPCREATOR", "BYLINE, ZOE", "MPF", "DUCKY", "BROKEN"),
    ):
        assert "CANARY" + word in found
    assert {"2026:03:07 16:02:37", "2026:03:07"} <= {each.value for each in fields}
    places = {each.place: each for each in fields if "CANARY" in each.value}
    assert places["IPTC/By-line"].value == "CANARYBYLINE, ZOE, WITH FORTY-THREE LETTERS"
    assert all(in_place(each, data) for each in fields if "CANARY" in each.value)
    assert all(each.length for each in fields)


def test_every_text_of_a_png_is_a_field_at_its_place(tmp_path: Path) -> None:
    data = canary_png()
    fields = fields_of(write(tmp_path, data))

    found = " ".join(each.value for each in fields)
    plain = (
        *("AUTHOR", "KEYWORD", "TEXT", "TITLE Zoë", "TRANSLATED", "CHUNK", "NOVALUE"),
        *("ARTIST, ZOE", "AUTHOR Zoë", "BODY-77", "COMMENT", "MAKER", "PLACE"),
    )
    packed = ("PACKED", "ITXTPACKED", "HIDDEN")
    for word in (*plain, *packed, "XMPCASE", "XMPCREATOR"):
        assert "CANARY" + word in found
    assert "1948-02-03 04:05:06" in {each.value for each in fields}
    for each in fields:
        if "CANARY" in each.value:
            assert in_place(each, data) if each.length else each.value.startswith("CANARY")
            assert each.length or any(word in each.value for word in (*packed, "XMPCASE", "XMPCREATOR"))
    assert all(0 < each.offset < len(data) for each in fields)


@pytest.mark.parametrize("make", [canary_jpeg, canary_png])
def test_nothing_that_a_picture_says_in_words_is_carried(tmp_path: Path, make: Callable[[], bytes]) -> None:
    assert not any(row.attribute for row in catalogue("picture").values())
    path = write(tmp_path, make())
    options = ConvertOptions(spacing=0.0005)
    with prepared(path, options, tmp_path) as slide:
        assert "CANARY" not in repr(slide.metadata)
        for opened in instances(slide, options):
            size = write_identified(opened, tmp_path / "picture.dcm")
            assert size > 0
    written = (tmp_path / "picture.dcm").read_bytes()
    assert b"CANARY" not in written
    assert "CANARY".encode("utf-16-le") not in written


def test_a_sound_colour_profile_is_carried(tmp_path: Path) -> None:
    profile = bytearray(200)
    profile[16:20], profile[36:40] = b"RGB ", b"acsp"
    for make in (jpeg, png):
        with open_slide(write(tmp_path, make(icc_profile=bytes(profile)))) as slide:
            assert slide.metadata.icc_profile == bytes(profile)
            assert not any("acsp" in each.value for each in slide.fields)
        with open_slide(write(tmp_path, make("L", icc_profile=bytes(profile)))) as slide:
            assert slide.metadata.icc_profile is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (jpeg("CMYK"), "three colours"),
        (bytes(imagecodecs.jpeg_encode(np.zeros((16, 16), np.uint16), bitspersample=12)), "8 bits"),
        (jpeg().replace(b"\xff\xc0", b"\xff\xc9", 1), "Huffman"),
        (with_chunks(png(), chunk(b"acTL", bytes(8))), "moves"),
    ],
    ids=["CMYK", "12 bits", "arithmetic", "animated"],
)
def test_what_is_sound_but_not_supported_is_refused_with_its_reason(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    with pytest.raises(SlideError, match=reason) as caught:
        open_slide(write(tmp_path, data))
    assert not isinstance(caught.value, CorruptSlideError)


@pytest.mark.parametrize("make", [canary_jpeg, canary_png, lambda: jpeg(progressive=True)])
def test_a_picture_that_is_cut_short_is_damaged(tmp_path: Path, make: Callable[[], bytes]) -> None:
    data = make()
    for part in range(1, 21):
        path = write(tmp_path, data[: max(3 if data[0] == 0xFF else 8, len(data) * part // 21)])
        with pytest.raises(CorruptSlideError) as caught:
            open_slide(path)
        assert "CANARY" not in str(caught.value)


def test_a_picture_with_no_size_or_an_absurd_one_is_refused(tmp_path: Path) -> None:
    data = jpeg()
    frame = data.index(b"\xff\xc0") + 5
    for size in (bytes(4), b"\xff\xff\xff\xff"):
        with pytest.raises(SlideError):
            open_slide(write(tmp_path, data[:frame] + size + data[frame + 4 :]))
    for columns, rows in ((0, 9), (9, 0), (60_000, 60_000), (1 << 31, 1), (0xFFFFFFFF, 0xFFFFFFFF)):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0))
        with pytest.raises(CorruptSlideError):
            open_slide(write(tmp_path, png()[:8] + header + png()[33:]))


def test_what_unpacks_to_more_than_memory_is_refused_or_cut(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(1 << 28), 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 13_000, 8, 0, 0, 0, 0))
    large = png()[:8] + header + chunk(b"IDAT", bomb) + chunk(b"IEND", b"")
    with pytest.raises(SlideError, match="pixels"):
        open_slide(write(tmp_path, large))
    text = with_chunks(png(), chunk(b"zTXt", b"Comment\0\0" + bomb), chunk(b"iCCP", b"x\0\0" + bomb))
    assert max(len(each.value) for each in fields_of(write(tmp_path, text))) <= 1 << 22


def test_a_png_whose_checksum_is_wrong_is_damaged(tmp_path: Path) -> None:
    data = bytearray(png())
    data[len(data) // 2] ^= 1
    with pytest.raises(CorruptSlideError):
        open_slide(write(tmp_path, bytes(data)))


def test_a_picture_that_cannot_be_decoded_is_damaged_when_it_is_read(tmp_path: Path) -> None:
    header = png()[:33]
    data = header + chunk(b"IDAT", zlib.compress(b"\x07" * 40_000, 0)) + chunk(b"IEND", b"")
    broken = jpeg(progressive=True)
    table = broken.index(b"\xff\xc4") + 5
    for each in (data, broken[:table] + b"\xff" * 16 + broken[table + 16 :]):
        with open_slide(write(tmp_path, each)) as slide:
            (level,) = slide.levels
            assert isinstance(level, PixelImage)
            with pytest.raises(CorruptSlideError):
                level.read(Region(0, 0, 8, 8))


def test_directories_of_exif_that_go_in_circles_or_nowhere_end(tmp_path: Path) -> None:
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    circle = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 1) + entry + struct.pack("<I", 8)
    nowhere = b"II*\0" + struct.pack("<I", 1 << 30) + b"CANARYNOWHERE"
    crowd = b"MM\0*" + struct.pack(">I", 8) + b"\xff\xff" + b"CANARYCROWD"
    for body, words in ((circle, 0), (nowhere, 1), (crowd, 1), (b"no TIFF CANARYELSE", 1)):
        data = with_segments(jpeg(), segment(0xE1, b"Exif\0\0" + body))
        assert sum("CANARY" in each.value for each in fields_of(write(tmp_path, data))) == words


def test_more_scans_than_any_picture_has_are_refused(tmp_path: Path) -> None:
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    with pytest.raises(CorruptSlideError):
        open_slide(write(tmp_path, data[:last] + data[last:-2] * 100 + data[-2:]))
