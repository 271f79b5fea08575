from __future__ import annotations

import datetime as dt
import logging
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import open_slide
from tests.slides import PLANTED, Shape, framed, make_svs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slides import Codec

JPEG_SLIDES = ("aperio/CMU-1-Small-Region.svs", "synthetic/synthetic-svs.svs")
SLIDES = (*JPEG_SLIDES, "synthetic/synthetic-svs-jp2k.svs")
CODECS: tuple[Codec, ...] = ("jpeg", "jpeg-rgb", "jp2k", "jp2k-ycbcr", "lzw")


def stored_tiles(path: Path) -> list[list[bytes]]:
    """Return the tiles of each tiled page as the TIFF library finds them."""
    with tifffile.TiffFile(path) as tiff, path.open("rb") as file:
        pages: list[Any] = [page for page in tiff.pages if page.is_tiled]
        found = []
        for page in pages:
            tiles = []
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                file.seek(offset)
                tiles.append(file.read(count))
            found.append(tiles)
        return found


def scan(stream: bytes) -> bytes:
    """Return a JPEG stream from its SOS on."""
    at = 2
    while stream[at + 1] != 0xDA:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return stream[at:]


@pytest.mark.parametrize("name", JPEG_SLIDES)
def test_jpeg_scans_are_those_of_the_file(corpus: Path, name: str) -> None:
    path = corpus / "slides" / name
    with open_slide(path) as slide:
        for level, tiles in zip(slide.levels, stored_tiles(path), strict=True):
            frames = list(framed(level).frames())
            assert [scan(frame) for frame in frames] == [scan(tile) for tile in tiles]
            assert [len(frame) for frame in frames] == list(framed(level).frame_lengths)


def test_jpeg_2000_tiles_are_those_of_the_file(corpus: Path) -> None:
    path = corpus / "slides/synthetic/synthetic-svs-jp2k.svs"
    with open_slide(path) as slide:
        for level, tiles in zip(slide.levels, stored_tiles(path), strict=True):
            assert list(framed(level).frames()) == tiles


@pytest.mark.parametrize("name", SLIDES)
def test_geometry_is_that_of_the_file(corpus: Path, name: str) -> None:
    path = corpus / "slides" / name
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = [page for page in tiff.pages if page.is_tiled]
        assert [(level.columns, level.rows) for level in slide.levels] == [
            (page.imagewidth, page.imagelength) for page in pages
        ]
        assert slide.levels[0].spacing == (0.000499, 0.000499)
        assert slide.levels[-1].spacing == pytest.approx(
            [0.000499 * slide.levels[0].columns / slide.levels[-1].columns] * 2
        )
        assert [image.flavor for image in slide.images[len(pages) :]] == ["THUMBNAIL", "OVERVIEW", "LABEL"]


@pytest.mark.parametrize("name", SLIDES)
def test_associated_images_decode_to_the_pixels_of_the_file(corpus: Path, name: str) -> None:
    path = corpus / "slides" / name
    with tifffile.TiffFile(path) as tiff, open_slide(path) as slide:
        pages: list[Any] = [page for page in tiff.pages if not page.is_tiled]
        found = (slide.thumbnail, slide.label, slide.overview)
        for page, image in zip(pages, found, strict=True):
            assert image is not None
            (frame,) = framed(image).frames()
            expected = page.asarray()
            if not framed(image).encapsulated:
                assert frame == expected.tobytes()
                continue
            pixels = imagecodecs.jpeg8_decode(frame).astype(int)
            # Decoders smooth colour across rows: a joined stream differs from single strips at their edges.
            inner = [row for row in range(len(pixels)) if row % 16 not in (0, 15)]
            assert np.array_equal(pixels[inner], expected[inner].astype(int))
            assert np.abs(pixels - expected).mean() < 0.3


def test_the_facts_of_a_real_slide_are_mapped_by_name(corpus: Path) -> None:
    with open_slide(corpus / "slides/aperio/CMU-1-Small-Region.svs") as slide:
        facts = slide.metadata

    assert (facts.manufacturer, facts.model, facts.serial) == ("Aperio", "ScanScope", "CPAPERIOCS")
    assert facts.software == ("Aperio Image Library v11.2.1", "Aperio Image Library v10.0.51")
    assert facts.acquired == dt.datetime(2009, 12, 29, 9, 59, 15)  # noqa: DTZ001 - this file knows no zone
    assert (facts.objective_power, facts.barcode, facts.label_text) == (20, "", "")
    assert facts.name == "CMU-1-Small-Region"


def test_date_time_and_zone_make_one_moment(tmp_path: Path) -> None:
    with open_slide(make_svs(tmp_path / "slide.svs")) as slide:
        moment = slide.metadata.acquired

    assert moment == dt.datetime(2026, 3, 7, 21, 2, 37, tzinfo=dt.UTC)


@pytest.mark.parametrize("model", ["GT450", "GT450 DX"])
def test_a_header_line_names_maker_model_and_program(tmp_path: Path, model: str) -> None:
    header = f"Aperio Leica Biosystems {model} v1.0.1"
    with open_slide(make_svs(tmp_path / "slide.svs", Shape(header=header))) as slide:
        facts = slide.metadata

    assert (facts.manufacturer, facts.model, facts.software) == ("Leica Biosystems", model, (header,))


@pytest.mark.parametrize(
    "model",
    [
        *(
            "AT2",
            "AT Turbo",
            "CS2",
            "CS5",
            "CSO",
            "GT450",
            "GT 450",
            "GT 450 DX",
            "FL",
            "LV1",
            "VERSA",
            "VERSA 200",
        ),
        *("ScanScope", "ScanScope XT", "Aperio AT2", "Aperio ScanScope CS"),
    ],
)
def test_a_known_model_passes(tmp_path: Path, model: str) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(fields={**PLANTED, "ScannerType": model}))
    with open_slide(path) as slide:
        assert slide.metadata.model == model


@pytest.mark.parametrize("model", ["MRN7", "Mueller", "AT2 Mueller", "GT450-7309177", "CS19480203"])
def test_a_model_that_nobody_makes_does_not_pass(tmp_path: Path, model: str) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(fields={**PLANTED, "ScannerType": model}))
    with open_slide(path) as slide:
        assert slide.metadata.model == "ScanScope"


@pytest.mark.parametrize(
    "program",
    [
        *("Aperio Image Library v12.0.15", "Aperio Image v10.0.50", "Aperio Image Library vFS90 01"),
        *("Aperio Leica Biosystems GT450 v1.0.1", "Aperio Leica Biosystems GT450 DX v1.2.0"),
    ],
)
def test_a_known_program_passes_with_its_version(tmp_path: Path, program: str) -> None:
    with open_slide(make_svs(tmp_path / "slide.svs", Shape(header=program))) as slide:
        assert slide.metadata.software == (program,)


@pytest.mark.parametrize(
    "header",
    [
        *(
            "Aperio Mueller Zqxcan19 v1948",
            "Aperio Image Library v19480203",
            "Aperio Image Library v7309177.1",
        ),
        *(
            "Aperio Image Mueller v12.0.15",
            "Aperio Leica Biosystems MRN7 v1.0.1",
            "Aperio Image v1.2.3.4.5.6",
        ),
    ],
)
def test_a_header_line_that_no_program_writes_does_not_pass(tmp_path: Path, header: str) -> None:
    with open_slide(make_svs(tmp_path / "slide.svs", Shape(header=header))) as slide:
        assert slide.metadata.software == ()


@pytest.mark.parametrize(("date", "time"), [("", ""), ("31/31/26", "10:00:00"), ("03/07/26", "ten")])
def test_a_date_that_is_none_is_not_guessed(tmp_path: Path, date: str, time: str) -> None:
    fields = {**PLANTED, "Date": date, "Time": time}
    with open_slide(make_svs(tmp_path / "slide.svs", Shape(fields=fields))) as slide:
        assert slide.metadata.acquired is None


@pytest.mark.parametrize("codec", CODECS)
def test_a_tile_without_bytes_becomes_a_white_frame(tmp_path: Path, codec: Codec) -> None:
    shape = Shape(codec=codec, tiles=(2, 2), empty=frozenset({1}))
    with open_slide(make_svs(tmp_path / "slide.svs", shape)) as slide:
        frames = list(framed(slide.levels[0]).frames())
        assert [len(frame) for frame in frames] == list(framed(slide.levels[0]).frame_lengths)

    if codec == "lzw":
        pixels = np.frombuffer(frames[1], np.uint8).reshape(256, 256, 3)
    elif codec.startswith("jpeg"):
        pixels = imagecodecs.jpeg8_decode(frames[1])
    else:
        pixels = imagecodecs.jpeg2k_decode(frames[1])
    assert pixels.shape == (256, 256, 3)
    assert pixels.min() == 255


def test_images_that_are_not_there_are_none(tmp_path: Path) -> None:
    shape = Shape(label=False, macro=False, thumbnail=False)
    with open_slide(make_svs(tmp_path / "slide.svs", shape)) as slide:
        assert (slide.label, slide.overview, slide.thumbnail) == (None, None, None)
        assert [image.flavor for image in slide.images] == ["VOLUME"]


def test_a_level_that_is_not_a_multiple_of_its_tiles_keeps_its_size(tmp_path: Path) -> None:
    shape = Shape(tiles=(5, 4), levels=2, margin=77)
    with open_slide(make_svs(tmp_path / "slide.svs", shape)) as slide:
        assert [(level.columns, level.rows) for level in slide.levels] == [(1203, 947), (300, 236)]
        assert [len(framed(level).frame_lengths) for level in slide.levels] == [20, 2]
        assert slide.levels[1].spacing == pytest.approx((0.001996, 0.001996))


def test_the_fingerprint_is_of_the_content_not_of_the_name(tmp_path: Path) -> None:
    first = make_svs(tmp_path / "one.svs")
    other = make_svs(tmp_path / "other.svs", Shape(fields={**PLANTED, "ImageID": "1004486772"}))
    copy = tmp_path / "copy.svs"
    copy.write_bytes(first.read_bytes())
    prints = []
    for path in (first, copy, other):
        with open_slide(path) as slide:
            prints.append(slide.fingerprint)

    assert prints[0] == prints[1] != prints[2]


def test_two_focal_planes_are_refused_and_not_merged(tmp_path: Path) -> None:
    path = tmp_path / "planes.svs"
    text = "Aperio Image Library v12.0.15 \r\n256x256 [0,0 256x256] (256x256)|MPP = 0.5"
    with tifffile.TiffWriter(path) as tiff:
        for _ in range(2):
            plane = np.zeros((256, 256, 3), np.uint8)
            tiff.write(plane, tile=(256, 256), compression="jpeg", description=text, metadata=None)

    with pytest.raises(SlideError, match="focal plane"):
        open_slide(path)


def patch(path: Path, tag: int, value: bytes) -> None:
    """Overwrite the value field of one tag of the first page of a little-endian classic TIFF."""
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", data, entry)[0] == tag:
            data[entry + 8 : entry + 8 + len(value)] = value
            path.write_bytes(data)
            return
    raise AssertionError(tag)


DAMAGES = {
    "no width": (256, bytes(4)),
    "absurd width": (256, b"\xff\xff\xff\x7f"),
    "absurd height": (257, b"\xff\xff\xff\x7f"),
    "no tile width": (322, bytes(4)),
    "another tile width": (322, b"\x80\x00\x00\x00"),
    "offsets behind the end": (324, b"\x00\xff\xff\x7f"),
    "lengths behind the end": (325, b"\x00\xff\xff\x7f"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_page_that_contradicts_its_tiles_is_damage(tmp_path: Path, name: str) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(label=False, macro=False, thumbnail=False))
    patch(path, *DAMAGES[name])

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_chain_of_pages_without_end_is_damage(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(label=False, macro=False, thumbnail=False))
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    struct.pack_into("<I", data, at + 2 + 12 * entries, at)
    path.write_bytes(data)

    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_a_level_without_any_tile_data_is_damage(tmp_path: Path) -> None:
    shape = Shape(tiles=(2, 2), empty=frozenset(range(4)))

    with pytest.raises(CorruptSlideError):
        open_slide(make_svs(tmp_path / "slide.svs", shape))


@pytest.mark.parametrize("codec", ["jpeg", "jp2k", "lzw"])
def test_a_tile_overwritten_with_zeros_is_damage_when_it_is_read(tmp_path: Path, codec: Codec) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(codec=codec))
    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[0]
        offset, count = page.dataoffsets[5], page.databytecounts[5]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(count))

    with open_slide(path) as slide, pytest.raises(CorruptSlideError):
        list(framed(slide.levels[0]).frames())


def test_a_file_that_shrinks_while_it_is_read_is_damage(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs")
    with open_slide(path) as slide:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 4)
        with pytest.raises(CorruptSlideError):
            list(framed(slide.levels[0]).frames())


def test_nothing_of_a_damaged_slide_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = make_svs(tmp_path / "slide.svs", replace(Shape(), levels=2)).read_bytes()
    path = tmp_path / "cut.svs"
    with caplog.at_level(logging.DEBUG):
        for size in range(1000, len(whole), len(whole) // 15):
            path.write_bytes(whole[:size])
            with pytest.raises(CorruptSlideError):
                open_slide(path)

    assert caplog.text == ""
