"""A name written over any place of a slide: whatever it breaks is refused, and it never leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tifffile

from dicomanon.errors import DicomanonError
from dicomanon.native import deidentify_native
from dicomanon.native.jpeg_segments import DQT, read_head
from tests.native.native_slides import aperio
from tests.native.planting import mrxs

if TYPE_CHECKING:
    from pathlib import Path

NAME = b"DOE^JANE"


def places_of(slide: Path) -> list[int]:
    """Return where nothing of a picture is: directories, values, gaps, and heads of tiles and labels."""
    data = slide.read_bytes()
    plain = bytearray(b"\1" * len(data))
    with tifffile.TiffFile(slide) as tiff:
        for page in tiff.pages:
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
                head = read_head(data, offset, offset + count)
                jpeg = data[offset : offset + 2] == b"\xff\xd8"
                begin = head.stop if jpeg else offset
                plain[begin : offset + count] = bytes(offset + count - begin)
                for marker, start, stop in head.segments if jpeg else ():
                    if marker == DQT:
                        plain[start:stop] = bytes(stop - start)
    return [at for at in range(8, len(data) - len(NAME)) if all(plain[at : at + len(NAME)])]


def left(slide: Path, folder: Path) -> bool | None:
    """Tell whether the name is in the copy, None where there is none."""
    try:
        copy = deidentify_native(slide, folder, "n1").path
    except DicomanonError as error:
        assert "DOE" not in str(error)  # noqa: PT017
        return None
    files = [copy, *copy.with_suffix("").glob("*")]
    return any(NAME in each.read_bytes() for each in files)


def test_a_name_over_any_place_of_an_svs_that_is_no_picture_never_leaves(tmp_path: Path) -> None:
    labels = [("Aperio\nlabel", "jpeg", 1), ("Aperio\nmacro", "lzw", 9)]
    slide = aperio(tmp_path / "a.svs", "|Title = 1", labels=labels)
    data, places = slide.read_bytes(), places_of(slide)
    found = []
    for number, at in enumerate(places[:: max(1, len(places) // 300)]):
        slide.write_bytes(data[:at] + NAME + data[at + len(NAME) :])
        found.append(left(slide, tmp_path / f"out{number}"))

    assert True not in found
    assert found.count(False) > 30


def test_a_name_over_any_place_of_an_mrxs_that_is_no_picture_never_leaves(
    corpus: Path, tmp_path: Path
) -> None:
    slide = mrxs(corpus / "slides/synthetic", tmp_path / "in")
    found: list[bool | None] = []
    for name in ("Slidedat.ini", "Index.dat"):
        part = slide.with_suffix("") / name
        data = part.read_bytes()
        for at in range(3, len(data) - len(NAME), len(data) // 50):
            part.write_bytes(data[:at] + NAME + data[at + len(NAME) :])
            found.append(left(slide, tmp_path / f"out{len(found)}"))
        part.write_bytes(data)

    assert True not in found
    assert found.count(False) > 20
