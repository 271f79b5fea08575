"""Places that other programs leave as they are (research notes on wsi-anon, anonymize-slide, svs-deidentifier)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from dicomanon.native import deidentify_native
from dicomanon.sources import open_slide
from tests.native.looked_at import LABELS, as_openslide_sees, associated, found, shingles_left
from tests.native.native_slides import CANARY, HEADER, aperio, moved_directory, page_ranges, picture
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path

MACRO = f"{HEADER}\r\nmacro 160x48"


def test_title_barcode_and_file_name_go_from_every_page(tmp_path: Path) -> None:
    slide = make_svs(tmp_path / "a.svs", Shape(tiles=(16, 16), levels=2))
    values = [value for name, value in PLANTED.items() if name != "Time Zone"]

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert sorted(found(slide, values)) == sorted(values)
    assert found(copy, values) == []
    with open_slide(copy) as opened:
        said = {each.place: each.value for each in opened.fields}
    assert said["ImageDescription/Date"] == "01/01/00"
    assert said["ImageDescription/Time"] == "00:00:00"
    assert set(said["ImageDescription/Title"]) == {"X"}
    assert said["ImageDescription/MPP"] == "0.4990"


def test_a_text_that_stands_twice_in_a_file_goes_twice(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs", f"|Title = {CANARY}|Filename = {CANARY}")
    moved_directory(slide, f"{HEADER}|Title = {CANARY}".encode())

    assert slide.read_bytes().count(CANARY.encode()) == 3
    assert found(deidentify_native(slide, tmp_path / "out", "n1").path, [CANARY]) == []


def test_a_name_repeated_in_a_field_that_stays_goes_there_too(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs", f"|Title = {CANARY}|ICC Profile = {CANARY}|Gamma = 2.2 {CANARY}")

    assert found(deidentify_native(slide, tmp_path / "out", "n1").path, [CANARY]) == []


@pytest.mark.parametrize("compression", ["jpeg", "lzw", "deflate", "none"])
@pytest.mark.parametrize(
    "said", [(MACRO, 9), (f"{HEADER} \r\nlabel 160x48", 1), (HEADER, 9), (None, 1), ("scan overview", 0)]
)
def test_a_label_goes_whatever_it_is_called_and_however_stored(
    tmp_path: Path, compression: str, said: tuple[str | None, int]
) -> None:
    description, kind = said
    other = (f"{HEADER}\r\nlabel", "jpeg", 1) if kind != 1 else (f"{HEADER}\r\nmacro", "jpeg", 9)
    labels = [(description, compression, kind), other]
    slide = aperio(tmp_path / "a.svs", labels=labels)

    result = deidentify_native(slide, tmp_path / "out", "n1")

    assert result.done.unlinked == 2
    for start, stop in (*page_ranges(slide, 1), *page_ranges(slide, 2)):
        assert not any(result.path.read_bytes()[start:stop])
    with tifffile.TiffFile(result.path) as tiff:
        assert len(tiff.pages) == 1
    assert not associated(result.path) & LABELS
    assert as_openslide_sees(result.path) == as_openslide_sees(slide)


def test_flavours_of_other_makers_lose_label_and_names(tmp_path: Path) -> None:
    fields = (
        f"|ScanScope ID = {CANARY}1|User = {CANARY}2|Slide = {CANARY}3|Rack = {CANARY}4|KFBIO = {CANARY}5"
    )
    labels = [("Aperio KFBIO\r\nlabel 160x48", "lzw", 1), ("Aperio Motic\r\nmacro 160x48", "lzw", 9)]
    slide = aperio(tmp_path / "a.svs", fields, labels=labels)

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [CANARY]) == []
    assert all(shingles_left(slide, *each, copy) == 0 for each in page_ranges(slide, 1))
    assert not associated(copy)


def test_texts_after_the_end_in_gaps_and_in_unknown_tags_are_gone(tmp_path: Path) -> None:
    wide = CANARY.encode("utf-16-le")
    number = np.frombuffer(CANARY.encode(), "<u4").tolist()
    extratags = [
        (65001, 2, 0, CANARY, True),
        (40091, 1, len(wide), wide, True),
        (65002, 4, len(number), number, True),
        (65003, 7, len(CANARY), CANARY.encode(), True),
        (65004, 2, 0, "abc", True),
    ]
    slide = aperio(tmp_path / "a.svs", extratags=extratags)
    moved_directory(slide, CANARY.encode())
    slide.write_bytes(slide.read_bytes() + CANARY.encode() + wide)

    result = deidentify_native(slide, tmp_path / "out", "n1")

    assert slide.read_bytes().count(CANARY.encode()) == 5
    assert found(result.path, [CANARY]) == []
    assert result.path.stat().st_size == slide.stat().st_size
    with tifffile.TiffFile(result.path) as tiff:
        assert not {65001, 65002, 65003, 65004, 40091} & set(tiff.pages[0].tags.keys())


def test_segments_of_text_in_tiles_are_emptied_and_scans_are_not_touched(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs", comment=CANARY.encode())

    result = deidentify_native(slide, tmp_path / "out", "n1")

    assert result.done.segments == 24
    assert found(result.path, [CANARY]) == []
    with tifffile.TiffFile(slide) as old, tifffile.TiffFile(result.path) as new:
        assert np.array_equal(old.pages[0].asarray(), new.pages[0].asarray())


def test_what_stands_behind_the_end_of_a_tile_is_gone(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs")
    start, stop = page_ranges(slide, 0)[-1]
    data = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        tag = tiff.pages[0].tags[325]
    at = len(data) + len(data) % 2
    tile = bytes(data[start:stop]) + CANARY.encode() + b"\xff\xd9"
    data = data.ljust(at, b"\0") + tile
    with tifffile.TiffFile(slide) as tiff:
        offsets = tiff.pages[0].tags[324].valueoffset
    data[offsets + 44 : offsets + 48] = at.to_bytes(4, "little")
    width = 2 if tag.dtype == 3 else 4
    data[tag.valueoffset + 11 * width : tag.valueoffset + 12 * width] = len(tile).to_bytes(width, "little")
    slide.write_bytes(bytes(data))

    result = deidentify_native(slide, tmp_path / "out", "n1")

    assert found(slide, [CANARY]) != []
    assert found(result.path, [CANARY]) == []
    assert result.done.segments == 1
    assert as_openslide_sees(result.path) == as_openslide_sees(slide)


def test_an_exif_directory_goes_with_all_that_is_in_it(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs", extratags=[(65100, 4, 1, 0, True)])
    data = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        entry = tiff.pages[0].tags[65100].offset
    data[entry : entry + 2] = (34665).to_bytes(2, "little")
    at = len(data) + len(data) % 2
    data = data.ljust(at, b"\0")
    text = CANARY.encode() + b"\0"
    exif = (1).to_bytes(2, "little") + (37510).to_bytes(2, "little") + (7).to_bytes(2, "little")
    exif += len(text).to_bytes(4, "little") + (at + 18).to_bytes(4, "little") + bytes(4) + text
    data[entry + 8 : entry + 12] = at.to_bytes(4, "little")
    slide.write_bytes(bytes(data) + exif)

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [CANARY]) == []
    with tifffile.TiffFile(copy) as tiff:
        assert 34665 not in tiff.pages[0].tags


@pytest.mark.parametrize(("bigtiff", "byteorder"), [(False, "<"), (False, ">"), (True, "<"), (True, ">")])
def test_every_byte_order_and_width_of_tiff_is_copied(tmp_path: Path, bigtiff: bool, byteorder: str) -> None:  # noqa: FBT001
    slide = tmp_path / "a.tif"
    pictures = [picture(256, 320, seed) for seed in range(3)]
    with tifffile.TiffWriter(slide, bigtiff=bigtiff, byteorder=byteorder) as tiff:
        tiff.write(
            pictures[0],
            tile=(64, 64),
            compression="deflate",
            description=CANARY,
            datetime="2026:03:07 10:11:12",
        )
        tiff.write(pictures[0][::2, ::2], tile=(64, 64), compression="deflate", subfiletype=1)
        tiff.write(pictures[1][:50], compression="lzw", description="Label", metadata=None)

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [CANARY, "2026:03:07"]) == []
    with tifffile.TiffFile(copy) as tiff:
        assert len(tiff.pages) == 2
        assert np.array_equal(tiff.pages[0].asarray(), pictures[0])
        assert np.array_equal(tiff.pages[1].asarray(), pictures[0][::2, ::2])
        assert tiff.pages[0].tags[306].value == "1900:01:01 00:00:00"


def test_words_in_a_colour_profile_go_and_colours_stay(tmp_path: Path) -> None:
    import struct

    from PIL import ImageCms

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    text = b"text\0\0\0\0" + CANARY.encode() + b"\0"
    (count,) = struct.unpack_from(">I", profile, 128)
    for number in range(count):
        name, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if name == b"cprt":
            profile[offset : offset + length] = text[:length].ljust(length, b"\0")
    slide = aperio(tmp_path / "a.svs", extratags=[(34675, 7, len(profile), bytes(profile), True)])

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [CANARY]) == []
    with tifffile.TiffFile(copy) as tiff:
        after = tiff.pages[0].tags[34675].value
    assert len(after) == len(profile)
    assert ImageCms.ImageCmsProfile(__import__("io").BytesIO(after)).profile.xcolor_space == "RGB "
