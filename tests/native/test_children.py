"""Directories below a page (tag 330) and beside it (Exif, GPS, private ones): as those of the chain, or gone."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from dicomanon.native import deidentify_native
from tests.native.looked_at import as_openslide_sees, found, shingles_left
from tests.native.native_slides import CANARY, STAND_IN, aperio, jpeg_tile, picture, retagged

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = (270, 271, 272, 285, 305, 306, 315, 316, 333, 700, 33432, 37510, 65000)


def with_children(
    path: Path, children: list[Any], description: str, *, bigtiff: bool = False, order: str = "<"
) -> Path:
    """Write a slide whose first page has directories below it, each with CANARY in its texts."""
    base = picture(256, 320, 1)
    with tifffile.TiffWriter(path, bigtiff=bigtiff, byteorder=order) as tiff:
        if description.startswith("Aperio"):
            tiff.write(
                (jpeg_tile(seed) for seed in range(20)),
                shape=base.shape,
                dtype=np.uint8,
                tile=(64, 64),
                photometric="ycbcr",
                subsampling=(1, 1),
                compression=7,
                subifds=len(children),
                description=description,
                metadata=None,
            )
        else:
            tiff.write(
                base,
                tile=(64, 64),
                compression="deflate",
                subifds=len(children),
                description=description,
                metadata=None,
            )
        for pixels in children:
            extra = [(tag, 2, 0, f"{CANARY}-{tag}", True) for tag in TEXTS if tag not in (270, 305, 306)]
            tiff.write(
                pixels,
                tile=(64, 64),
                compression="deflate",
                subfiletype=1,
                description=f"{CANARY}-270",
                software=f"{CANARY}-305",
                datetime="2026:03:07 10:11:12",
                extratags=extra,
                metadata=None,
            )
    return path


@pytest.mark.parametrize("kind", ["<", ">", "big <", "big >"])
def test_texts_of_a_level_below_a_page_go_and_the_level_stays(tmp_path: Path, kind: str) -> None:
    small = picture(256, 320, 1)[::2, ::2]
    slide = with_children(
        tmp_path / "a.tif", [small, small[::2, ::2]], "base", bigtiff=kind.startswith("big"), order=kind[-1]
    )

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(slide, [CANARY]) == [CANARY]
    assert found(copy, [CANARY, "2026:03:07"]) == []
    with tifffile.TiffFile(copy) as tiff:
        below = tiff.pages[0].pages
        assert [page.shape for page in below] == [(128, 160, 3), (64, 80, 3)]
        assert (below[0].asarray() == small).all()


def test_a_picture_below_a_page_that_is_no_smaller_copy_is_destroyed(tmp_path: Path) -> None:
    label = picture(150, 100, 7)
    slide = with_children(tmp_path / "a.tif", [picture(256, 320, 1)[::2, ::2], label], "base")
    with tifffile.TiffFile(slide) as tiff:
        child = tiff.pages[0].pages[1]
        ranges = list(zip(child.dataoffsets, child.databytecounts, strict=True))

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [CANARY]) == []
    for offset, count in ranges:
        assert not any(copy.read_bytes()[offset : offset + count])
        assert shingles_left(slide, offset, offset + count, copy) == 0
    with tifffile.TiffFile(copy) as tiff:
        assert 330 not in tiff.pages[0].tags
    assert as_openslide_sees(copy) == as_openslide_sees(slide)


def test_a_level_below_a_page_that_calls_itself_label_goes(tmp_path: Path) -> None:
    slide = with_children(tmp_path / "a.tif", [picture(256, 320, 1)[::2, ::2]], "base")
    slide.write_bytes(slide.read_bytes().replace(f"{CANARY}-270".encode(), b"label".ljust(len(CANARY) + 4)))

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    with tifffile.TiffFile(copy) as tiff:
        assert 330 not in tiff.pages[0].tags


def test_a_vendor_has_nothing_below_its_pages(tmp_path: Path) -> None:
    text = "Aperio Image Library v12.0.15|MPP = 0.5|AppMag = 20"
    slide = with_children(tmp_path / "a.svs", [picture(256, 320, 9)[::2, ::2]], text)
    with tifffile.TiffFile(slide) as tiff:
        child = tiff.pages[0].pages[0]
        offset, count = child.dataoffsets[0], child.databytecounts[0]

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(copy, [CANARY]) == []
    assert not any(copy.read_bytes()[offset : offset + count])
    assert as_openslide_sees(copy) == as_openslide_sees(slide)


@pytest.mark.parametrize("tag", [34665, 34853, 40965, 330, 37724, 50341, 65001])
@pytest.mark.parametrize("kind", [4, 13])
def test_a_directory_beside_a_page_goes_with_all_that_is_in_it(tmp_path: Path, tag: int, kind: int) -> None:
    slide = aperio(tmp_path / "a.svs", extratags=[(STAND_IN, 4, 1, 0, True)])
    with tifffile.TiffFile(slide) as tiff:
        entry = tiff.pages[0].tags[STAND_IN].offset
    data = bytearray(slide.read_bytes())
    at = len(data) + len(data) % 2
    data = data.ljust(at, b"\0")
    text = CANARY.encode() + b"\0"
    entries = [(270, 2, len(text), at + 2 + 12 * 3 + 4), (37510, 7, len(text), at + 2 + 12 * 3 + 4)]
    entries.append((65002, 2, 4, int.from_bytes(b"DOE\0", "little")))
    data += struct.pack("<H", 3) + b"".join(struct.pack("<HHII", *each) for each in entries) + bytes(4) + text
    struct.pack_into("<HHII", data, entry, STAND_IN, kind, 1, at)
    slide.write_bytes(bytes(data))
    retagged(slide, tag)

    copy = deidentify_native(slide, tmp_path / "out", "n2").path

    assert found(slide, [CANARY]) == [CANARY]
    assert found(copy, [CANARY]) == []
    assert b"DOE" not in copy.read_bytes()
    with tifffile.TiffFile(copy) as tiff:
        assert tag not in tiff.pages[0].tags
