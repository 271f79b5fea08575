"""Bytes of the original where a reviewer would look for them: in no class of them is a name left, and the tissue is."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import ImageCms

from dicomanon.errors import DicomanonError, SlideError
from dicomanon.native import deidentify_native
from tests.native.looked_at import as_openslide_sees, found, shown
from tests.native.native_slides import (
    STAND_IN,
    TILE,
    aperio,
    directory_of,
    jpeg_tile,
    page_ranges,
    picture,
    retagged,
    write_tissue,
)
from tests.native.planting import with_entry, with_text

if TYPE_CHECKING:
    from pathlib import Path

NAME = b"DOE^JANE S26-77001"
ANY = [NAME.decode(), "DOE^JANE", "DOE^"]
HEADER = "Aperio Image Library v12.0.15|MPP = 0.5|AppMag = 20"


def cleared(slide: Path, folder: Path) -> Path:
    """Return the copy: with no name in it, and the same tissue."""
    assert found(slide, ANY[2:])
    copy = deidentify_native(slide, folder, "n1").path
    assert found(copy, ANY) == []
    assert shown(slide) in (None, shown(copy))
    return copy


@pytest.mark.parametrize("kind", [1, 2, 6, 7])
@pytest.mark.parametrize(
    "tag",
    [
        285,
        297,
        333,
        337,
        700,
        33432,
        33723,
        34377,
        37510,
        37724,
        42112,
        42113,
        50706,
        50839,
        51023,
        65449,
        65535,
    ],
)
def test_text_in_any_tag_goes(tmp_path: Path, tag: int, kind: int) -> None:
    slide = retagged(aperio(tmp_path / "a.svs", extratags=[(STAND_IN, 7, len(NAME), NAME, True)]), tag)
    data = slide.read_bytes().replace(struct.pack("<HH", tag, 7), struct.pack("<HH", tag, kind))
    slide.write_bytes(data)

    cleared(slide, tmp_path / "out")


@pytest.mark.parametrize("text", [b"\0", b"|Title = 1\0", b"|DOE^ = 3\0", b"|MPP = 0.5\0", b"\r\n"])
def test_what_is_behind_a_zero_in_a_description_goes(tmp_path: Path, text: bytes) -> None:
    slide = with_text(aperio(tmp_path / "b.svs"), tmp_path / "a.svs", 270, HEADER.encode() + text + NAME)

    cleared(slide, tmp_path / "out")


def test_a_description_in_utf_16_or_as_numbers_goes(tmp_path: Path) -> None:
    wide = "Aperio DOE^JANE".encode("utf-16-le")
    for number, kind in enumerate((1, 3, 7)):
        slide = tmp_path / f"a{number}.svs"
        count = len(wide) // (2 if kind == 3 else 1)
        with_entry(
            aperio(tmp_path / "b.svs", labels=[("Aperio\r\nlabel", "lzw", 1)]),
            slide,
            270,
            (270, kind, count, wide),
            1,
        )

        copy = deidentify_native(slide, tmp_path / "out", f"n{number}").path

        assert wide[14:] in slide.read_bytes()
        assert wide[14:] not in copy.read_bytes()


def test_of_two_entries_of_one_tag_the_second_goes_with_its_text(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs", extratags=[(STAND_IN, 2, 0, NAME.decode(), True)])
    data = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        struct.pack_into("<H", data, tiff.pages[0].tags[STAND_IN].offset, 270)
    slide.write_bytes(bytes(data))

    copy = cleared(slide, tmp_path / "out")

    start, end = directory_of(copy, 0)
    table = copy.read_bytes()[start:end]
    assert table.count(struct.pack("<HH", 270, 2)) == 1


def test_what_stands_in_the_entry_of_a_value_of_no_length_goes(tmp_path: Path) -> None:
    for number, (tag, kind) in enumerate(((305, 2), (270, 7), (282, 5), (258, 3), (65001, 1))):
        slide = aperio(tmp_path / f"b{number}.svs", extratags=[(STAND_IN, 4, 1, 0, True)])
        data = bytearray(slide.read_bytes())
        with tifffile.TiffFile(slide) as tiff:
            struct.pack_into("<HHI4s", data, tiff.pages[0].tags[STAND_IN].offset, tag, kind, 0, NAME[:4])
        slide.write_bytes(bytes(data))

        copy = deidentify_native(slide, tmp_path / "out", f"n{number}").path

        assert NAME[:4] in slide.read_bytes()
        assert NAME[:4] not in copy.read_bytes()


def tables_of(tile: bytes) -> tuple[bytes, bytes]:
    """Return a JPEG as a stream of its tables, and as one without them."""
    tables, rest, at = b"", b"", 2
    while tile[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(tile[at + 2 : at + 4], "big")
        if tile[at + 1] in (0xDB, 0xC4):
            tables += tile[at:end]
        else:
            rest += tile[at:end]
        at = end
    return b"\xff\xd8" + tables + b"\xff\xd9", b"\xff\xd8" + rest + tile[at:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


@pytest.mark.parametrize(
    "change",
    [
        lambda tables: tables[:2] + segment(0xFE, NAME) + tables[2:],
        lambda tables: tables[:2] + segment(0xE9, NAME) + tables[2:],
        lambda tables: tables[:-2] + segment(0xF7, NAME) + tables[-2:],
        lambda tables: tables + NAME,
    ],
)
def test_words_in_the_tables_that_tiles_share_go(tmp_path: Path, change: Any) -> None:
    tiles = [tables_of(jpeg_tile(seed)) for seed in range(12)]
    tables = change(tiles[0][0])
    slide = tmp_path / "a.svs"
    with tifffile.TiffWriter(slide) as tiff:
        tiff.write(
            (tile for _, tile in tiles),
            shape=(3 * TILE, 4 * TILE, 3),
            dtype=np.uint8,
            tile=(TILE, TILE),
            photometric="ycbcr",
            subsampling=(1, 1),
            compression=7,
            description=HEADER,
            metadata=None,
            software=False,
            extratags=[(347, 7, len(tables), tables, True)],
        )

    copy = cleared(slide, tmp_path / "out")

    assert [copy.read_bytes()[slice(*each)] for each in page_ranges(copy, 0)] == [tile for _, tile in tiles]


def test_letters_in_the_head_and_private_tags_of_a_colour_profile_go(tmp_path: Path) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[4:8] = profile[40:44] = profile[44:48] = profile[80:84] = b"DOE^"
    at = profile.index(b"cprt")
    profile[at : at + 4] = b"JANE"
    offset, length = struct.unpack_from(">II", profile, at + 4)
    profile[offset : offset + length] = (b"data\0\0\0\0\0\0\0\0" + NAME)[:length].ljust(length, b"\0")
    slide = aperio(tmp_path / "a.svs", extratags=[(34675, 7, len(profile), bytes(profile), True)])

    copy = cleared(slide, tmp_path / "out")

    with tifffile.TiffFile(copy) as tiff:
        after = tiff.pages[0].tags[34675].value
    assert len(after) == len(profile)
    assert ImageCms.ImageCmsProfile(__import__("io").BytesIO(after)).profile.xcolor_space == "RGB "


def moved_tile(slide: Path, number: int, offset: int, length: int, page: int = 0) -> Path:
    """Say that a tile lies elsewhere."""
    data = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        offsets, counts = (tiff.pages[page].tags[tag] for tag in (324, 325))
        places = len(tiff.pages[page].dataoffsets)
    width = counts.valuebytecount // places
    data[offsets.valueoffset + 4 * number : offsets.valueoffset + 4 * number + 4] = offset.to_bytes(
        4, "little"
    )
    at = counts.valueoffset + width * number
    data[at : at + width] = length.to_bytes(width, "little")
    slide.write_bytes(bytes(data))
    return slide


@pytest.mark.parametrize("shift", [-40, -1, 1, 40])
@pytest.mark.parametrize("longer", [-1, 0, 1])
def test_tiles_that_overlap_each_other_are_refused(tmp_path: Path, shift: int, longer: int) -> None:
    slide = aperio(tmp_path / "a.svs")
    start, stop = page_ranges(slide, 0)[5]

    with pytest.raises(SlideError):
        deidentify_native(moved_tile(slide, 3, start + shift, stop - start + longer), tmp_path / "out", "n1")


def test_a_tile_that_stands_for_several_places_is_cleaned_once_and_stays(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs", comment=NAME)
    start, stop = page_ranges(slide, 0)[5]

    cleared(moved_tile(slide, 3, start, stop - start), tmp_path / "out")


def test_a_tile_that_two_pages_call_by_two_compressions_is_refused(tmp_path: Path) -> None:
    slide = tmp_path / "a.tif"
    with tifffile.TiffWriter(slide) as tiff:
        write_tissue(tiff, "base", comment=NAME)
        tiff.write(picture(96, 128, 1), tile=(TILE, TILE), compression=None, subfiletype=1, metadata=None)
    start, stop = page_ranges(slide, 0)[5]

    with pytest.raises(SlideError):
        deidentify_native(moved_tile(slide, 1, start, stop - start, 1), tmp_path / "out", "n1")


def test_a_picture_larger_than_its_tile_is_refused(tmp_path: Path) -> None:
    """What lies beyond the tile no viewer shows: it could be a label."""
    big = bytes(imagecodecs.jpeg8_encode(picture(TILE, 4 * TILE, 3), level=70, subsampling=(1, 1)))
    wide = bytes(imagecodecs.jpeg2k_encode(picture(4 * TILE, TILE, 3), codecformat="j2k", level=0))
    for name, tile, compression, photometric in (("a", big, 7, "ycbcr"), ("b", wide, 33005, "rgb")):
        slide = tmp_path / f"{name}.svs"
        with tifffile.TiffWriter(slide) as tiff:
            tiff.write(
                (tile for _ in range(4)),
                shape=(2 * TILE, 2 * TILE, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric=photometric,
                compression=compression,
                description=HEADER,
                metadata=None,
                software=False,
            )
        with pytest.raises(SlideError):
            deidentify_native(slide, tmp_path / "out", "n1")


@pytest.mark.parametrize(("bigtiff", "order"), [(False, "<"), (False, ">"), (True, "<"), (True, ">")])
def test_an_svs_of_any_order_and_width_loses_its_words(tmp_path: Path, bigtiff: bool, order: str) -> None:  # noqa: FBT001
    slide = tmp_path / "a.svs"
    letters = struct.unpack(f"{order}2I", NAME[:8])
    with tifffile.TiffWriter(slide, bigtiff=bigtiff, byteorder=order) as tiff:
        extra = [
            (65001, 2, 0, NAME.decode(), True),
            (281, 4, 2, letters, True),
            (286, 5, 1, letters, True),
            (42112, 2, 0, f"<GDALMetadata><Item>{NAME.decode()}</Item></GDALMetadata>", True),
        ]
        write_tissue(tiff, f"{HEADER}|Title = {NAME.decode()}", comment=NAME, extratags=extra)
        tiff.write(
            picture(48, 90, 3),
            compression="lzw",
            subfiletype=1,
            description="Aperio\nlabel 90x48",
            metadata=None,
        )

    cleared(slide, tmp_path / "out")


NUMBERS = [tag for tag in range(65420, 65459) if tag not in (65427, 65434, 65442, 65448, 65449)]


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("tag", [*NUMBERS, 65324, 65325, 65468, 65500])
def test_a_name_in_the_numbers_of_an_ndpi_does_not_pass(corpus: Path, tmp_path: Path, tag: int) -> None:
    original = corpus / "slides/synthetic/synthetic-ndpi.ndpi"
    with tifffile.TiffFile(original) as tiff:
        old = tag if tag in tiff.pages[0].tags else 65427
    forms = [(3, 4), (4, 2), (4, 1), (9, 1), (11, 1), (7, 8)]
    for number, (kind, count) in enumerate(forms):
        raw = NAME[: 4 if (kind, count) in ((4, 1), (9, 1), (11, 1)) else 8]
        slide = with_entry(original, tmp_path / f"a{number}.ndpi", old, (tag, kind, count, raw))
        assert raw[:4] in slide.read_bytes()
        try:
            copy = deidentify_native(slide, tmp_path / "out", f"n{number}").path
        except DicomanonError as error:
            assert "DOE" not in str(error)  # noqa: PT017
            continue
        assert raw[:4] not in copy.read_bytes()


def test_words_behind_the_end_of_a_level_of_an_ndpi_go(corpus: Path, tmp_path: Path) -> None:
    original = corpus / "slides/synthetic/synthetic-ndpi.ndpi"
    data = bytearray(original.read_bytes())
    with tifffile.TiffFile(original) as tiff:
        tags = tiff.pages[0].tags
        (start,), (length,) = tags[273].value, tags[279].value
        places = [tags[tag].offset for tag in (273, 279)]
    jpeg = bytes(data[start : start + length])
    stream = jpeg + NAME
    struct.pack_into("<I", data, places[0] + 8, len(data))
    struct.pack_into("<I", data, places[1] + 8, len(stream))
    slide = tmp_path / "a.ndpi"
    slide.write_bytes(bytes(data) + stream)

    cleared(slide, tmp_path / "out")


def test_restart_intervals_that_begin_nowhere_are_refused(corpus: Path, tmp_path: Path) -> None:
    original = corpus / "slides/synthetic/synthetic-ndpi.ndpi"
    with tifffile.TiffFile(original) as tiff:
        tag = tiff.pages[0].tags[65426]
        at, count = tag.valueoffset, tag.count
    data = bytearray(original.read_bytes())
    struct.pack_into(
        "<I", data, at + 4 * (count // 2), struct.unpack_from("<I", data, at + 4 * (count // 2))[0] + 1
    )
    slide = tmp_path / "a.ndpi"
    slide.write_bytes(bytes(data))

    with pytest.raises(SlideError):
        deidentify_native(slide, tmp_path / "out", "n1")


def test_base64_in_the_xml_of_a_bif_goes(corpus: Path, tmp_path: Path) -> None:
    import base64

    from tests.native.planting import text_of_tag

    original = corpus / "slides/synthetic/synthetic-bif.bif"
    packed = base64.b64encode(NAME * 3).decode()
    text = text_of_tag(original, 700, 2).decode()
    for number, own in enumerate(
        (f"<Picture>{packed}</Picture>", f'<SlideInfo UniqueID="{packed}"/>', f"<!--{packed}-->")
    ):
        slide = tmp_path / f"a{number}.bif"
        with_text(original, slide, 700, text.replace("</EncodeInfo>", f"{own}</EncodeInfo>").encode(), 2)

        copy = deidentify_native(slide, tmp_path / "out", f"n{number}").path

        assert packed.encode() in slide.read_bytes()
        assert found(copy, ANY) == []
        assert packed[4:-4].encode() not in copy.read_bytes()
        assert as_openslide_sees(copy) == as_openslide_sees(slide)
