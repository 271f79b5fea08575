"""Names as numbers: what a tag may mean stays, whatever else it says goes, and the slide opens all the same."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError, DicomanonError
from dicomanon.native import deidentify_native
from dicomanon.sources._tiff_fields import STRUCTURE
from tests.native.looked_at import as_openslide_sees, shown
from tests.native.native_slides import STAND_IN, aperio, jpeg_tile, page_ranges, picture, retagged

if TYPE_CHECKING:
    from pathlib import Path

NAME = b"DOE^JANE"
TYPES = {1: "B", 3: "H", 4: "I", 9: "i", 11: "f", 12: "d"}
REFUSED = {512, 513, 514, 515, 519, 520, 521}
TAGS = sorted({*STRUCTURE, *range(254, 345), 33421, 33550, 34665, 34853, 50838, 65000} - REFUSED)
NEEDED = {256, 257, 258, 259, 262, 277, 322, 323, 324, 325}


def forms_of_name(tag: int) -> list[tuple[Any, ...]]:
    """Return the name as every type of numbers, whole and in pieces."""
    found: list[tuple[Any, ...]] = []
    for kind, code in TYPES.items():
        size = struct.calcsize(code)
        numbers = struct.unpack(f"<{len(NAME) // size}{code}", NAME)
        found.append((tag, kind, len(numbers), numbers if len(numbers) > 1 else numbers[0], True))
        if size > 1:
            found.append((tag, kind, len(numbers) // 2 or 1, numbers[: len(numbers) // 2 or 1], True))
    found.append((tag, 5, 1, struct.unpack("<2I", NAME), True))
    found.append((tag, 3, len(NAME), tuple(NAME), True))
    return found


def pieces(data: bytes) -> list[bytes]:
    """Return which forms of the name are in some bytes: whole, its halves, and letters as wider numbers."""
    wide = NAME.decode().encode("utf-16-le")
    return [each for each in (NAME, b"DOE^", b"JANE", wide, wide[:8]) if each in data]


@pytest.mark.parametrize("tag", TAGS)
def test_a_name_in_the_numbers_of_a_tag_does_not_pass(tmp_path: Path, tag: int) -> None:
    copies = 0
    for number, extra in enumerate(forms_of_name(STAND_IN)):
        slide = retagged(aperio(tmp_path / f"a{number}.svs", extratags=[extra]), tag)
        assert pieces(slide.read_bytes())
        try:
            copy = deidentify_native(slide, tmp_path / "out", f"n{number}").path
        except DicomanonError as error:
            assert "DOE" not in str(error)  # noqa: PT017
            continue
        copies += 1
        assert pieces(copy.read_bytes()) == []
        assert shown(slide) in (None, shown(copy))
    assert copies or tag in {*NEEDED, 274, 284, 330, 338, 339, 347, 32997}


def test_a_resolution_that_reads_as_letters_is_the_same_number_in_other_terms(tmp_path: Path) -> None:
    denominator = 30000
    (letters,) = struct.unpack("<I", b"DOEJ")
    slide = tmp_path / "a.tif"
    with tifffile.TiffWriter(slide) as tiff:
        tiff.write(
            picture(128, 128, 1),
            tile=(64, 64),
            compression="deflate",
            resolutionunit=3,
            extratags=[(STAND_IN, 5, 1, (letters, denominator), True)],
            metadata=None,
        )
    retagged(slide, 282)
    assert b"DOEJ" in slide.read_bytes()

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert b"DOEJ" not in copy.read_bytes()
    with tifffile.TiffFile(copy) as tiff:
        assert tiff.pages[0].tags[282].value == (2 * letters, 2 * denominator)
    assert as_openslide_sees(copy) == as_openslide_sees(slide)


def test_places_without_a_tile_say_nothing(tmp_path: Path) -> None:
    slide = tmp_path / "a.svs"
    with tifffile.TiffWriter(slide) as tiff:
        tiff.write(
            (b"" if seed % 3 else jpeg_tile(seed) for seed in range(12)),
            shape=(192, 256, 3),
            dtype=np.uint8,
            tile=(64, 64),
            photometric="ycbcr",
            subsampling=(1, 1),
            compression=7,
            description="Aperio Image Library v12.0.15|MPP = 0.5|AppMag = 20",
            metadata=None,
            software=False,
        )
    data = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        offsets = tiff.pages[0].tags[324]
    data[offsets.valueoffset + 4 : offsets.valueoffset + 12] = b"DO\0\0EJ\0\0"
    slide.write_bytes(bytes(data))

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert b"DO\0\0EJ" in slide.read_bytes()
    assert b"DO\0\0EJ" not in copy.read_bytes()
    assert page_ranges(copy, 0)[0] == page_ranges(slide, 0)[0]


def test_tiles_that_an_image_has_no_place_for_are_refused(tmp_path: Path) -> None:
    slide = aperio(tmp_path / "a.svs")
    with tifffile.TiffFile(slide) as tiff:
        tags = tiff.pages[0].tags
        at = tags[257].valueoffset
        size = 4 if tags[257].dtype == 4 else 2
    data = bytearray(slide.read_bytes())
    data[at : at + size] = (128).to_bytes(size, "little")
    slide.write_bytes(bytes(data))

    with pytest.raises((CorruptSlideError, DicomanonError)):
        deidentify_native(slide, tmp_path / "out", "n1")
