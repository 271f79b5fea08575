"""Whatever is wrong: an error with a name, no value in it, and nothing left behind."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, Any

import pytest
import tifffile

from dicomanon.errors import (
    CorruptSlideError,
    DicomanonError,
    LeakError,
    SlideError,
    StorageError,
    UnknownSlideError,
    UsageError,
)
from dicomanon.native import check, copy, deidentify_native, pages, plan, shingles
from dicomanon.native.ranges import ranges
from dicomanon.part10.write import AsideFile
from tests.native.native_slides import CANARY, HEADER, aperio, directory_of, page_ranges, set_word
from tests.slides import Shape, make_svs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dicomanon.native.ranges import Ranges
    from dicomanon.sources._bytes import FileBytes

MACRO = f"{HEADER}\r\nmacro 160x48"
LABEL = f"{HEADER}\r\nlabel 160x48"


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    return aperio(
        tmp_path / "CANARYFILE.svs", f"|Title = {CANARY}", labels=[(LABEL, "lzw", 1), (MACRO, "jpeg", 9)]
    )


def left(folder: Path) -> list[str]:
    return [each.name for each in folder.rglob("*")] if folder.exists() else []


def refused(slide: Path, folder: Path, *kinds: type[DicomanonError], name: str = "n1") -> DicomanonError:
    """Return the error of a copy that is refused; nothing may be left, and no value said."""
    with pytest.raises(kinds) as caught:
        deidentify_native(slide, folder, name)
    assert left(folder) == []
    assert "CANARY" not in str(caught.value)
    return caught.value


def test_a_slide_cut_short_anywhere_is_refused_or_copied_whole(slide: Path, tmp_path: Path) -> None:
    data = slide.read_bytes()
    out = tmp_path / "out"
    copied = 0
    for number in range(20):
        slide.write_bytes(data[: len(data) * number // 20])
        try:
            deidentify_native(slide, out, f"n{number}")
            copied += 1
        except (SlideError, UnknownSlideError) as error:
            assert "CANARY" not in str(error)  # noqa: PT017
    assert copied == 0
    assert left(out) == []


def test_a_chain_of_directories_that_loops_is_refused(slide: Path, tmp_path: Path) -> None:
    first, _ = directory_of(slide, 0)
    _, last_pointer = directory_of(slide, 2)
    set_word(slide, last_pointer, first)

    refused(slide, tmp_path / "out", CorruptSlideError)


def _tile_offset(slide: Path) -> int:
    """Where the offset of the third tile is written."""
    with tifffile.TiffFile(slide) as tiff:
        return int(tiff.pages[0].tags[324].valueoffset) + 8


@pytest.mark.parametrize("into", ["label", "text", "directory", "tile", "end"])
def test_a_tile_that_reaches_into_something_else_is_refused(slide: Path, tmp_path: Path, into: str) -> None:
    with tifffile.TiffFile(slide) as tiff:
        places = {
            "label": page_ranges(slide, 1)[0][0] + 3,
            "text": tiff.pages[0].tags[270].valueoffset - 5,
            "directory": tiff.pages[0].offset - 5,
            "tile": page_ranges(slide, 0)[0][0] + 7,
            "end": slide.stat().st_size - 9,
        }
    set_word(slide, _tile_offset(slide), places[into])

    refused(slide, tmp_path / "out", SlideError)


def test_a_tile_that_is_the_label_itself_is_refused(slide: Path, tmp_path: Path) -> None:
    start, stop = page_ranges(slide, 2)[0]
    with tifffile.TiffFile(slide) as tiff:
        counts = tiff.pages[0].tags[325].valueoffset
    set_word(slide, _tile_offset(slide), start)
    data = bytearray(slide.read_bytes())
    struct.pack_into("<H" if tiff.pages[0].tags[325].dtype == 3 else "<I", data, counts + 4, stop - start)
    slide.write_bytes(bytes(data))

    refused(slide, tmp_path / "out", SlideError)


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("dicomanon.part10.write.os.write", full)

    assert "ENOSPC" in str(refused(slide, tmp_path / "out", StorageError))


def test_a_folder_that_cannot_be_made_is_a_storage_error(slide: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError):
        deidentify_native(slide, tmp_path / "file" / "out", "n1")


def test_an_interruption_leaves_nothing(slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    for moment in ("write", "sync"):
        with monkeypatch.context() as patch:
            patch.setattr(AsideFile, moment, interrupt)
            with pytest.raises(KeyboardInterrupt):
                deidentify_native(slide, tmp_path / "out", "n1")
        assert left(tmp_path / "out") == []


def test_a_name_that_tells_the_old_one_or_a_value_is_refused(slide: Path, tmp_path: Path) -> None:
    for name in ("canaryfile-1", CANARY, f"x-{CANARY.lower()}"):
        refused(slide, tmp_path / "out", UsageError, name=name)
    for name in ("", "../n1", "a/b", ".hidden", "n 1", "é"):
        refused(slide, tmp_path / "out", UsageError, name=name)


def test_a_file_of_the_new_name_is_left_as_it_is(slide: Path, tmp_path: Path) -> None:
    (tmp_path / "n1.svs").write_text("mine")

    with pytest.raises(StorageError, match="already"):
        deidentify_native(slide, tmp_path, "n1")
    assert (tmp_path / "n1.svs").read_text() == "mine"


def test_old_jpeg_and_a_file_that_is_no_slide_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "no.bin").write_bytes(b"CANARY" * 10)
    refused(tmp_path / "no.bin", tmp_path / "out", UnknownSlideError)
    refused(tmp_path / "missing.svs", tmp_path / "out", UnknownSlideError)
    old = aperio(tmp_path / "old.svs", extratags=[(513, 4, 1, 8, True), (514, 4, 1, 100, True)])
    refused(old, tmp_path / "out", SlideError)


def _keep_fields(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "overwrite_text", lambda _, raw, *__: raw)


def _keep_everything(patch: pytest.MonkeyPatch) -> None:
    copied = copy.copied

    def whole(file: FileBytes, _: Ranges, *rest: Any) -> int:
        return copied(file, ranges([(0, file.size)]), *rest)

    patch.setattr("dicomanon.native.writing.copied", whole)


def _keep_pages(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(plan, "fates", lambda _, tiff: ("stays",) * len(tiff.directories))


@pytest.mark.parametrize(
    ("mutant", "error"),
    [
        (_keep_fields, LeakError),
        (_keep_everything, LeakError),
        (_keep_pages, SlideError),
    ],
)
def test_a_program_that_does_less_is_caught_by_the_check(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mutant: Callable[..., None], error: type
) -> None:
    mutant(monkeypatch)

    refused(slide, tmp_path / "out", error)


def test_every_stretch_of_64_bytes_of_a_label_is_looked_for(slide: Path, tmp_path: Path) -> None:
    from dicomanon.sources._bytes import open_bytes

    start, stop = page_ranges(slide, 1)[0]
    source = open_bytes(slide)
    anchors = shingles.anchors_of(source, ranges([(start, stop)]), ())
    piece = slide.read_bytes()
    nothing = check.forms_of(())
    for at in (start, start + 1, start + 300, start + 333, stop - 64):
        written = tmp_path / "written"
        written.write_bytes(b"x" * 777 + piece[at : at + 64] + b"y" * 5000)
        with pytest.raises(LeakError):
            check.check_bytes(open_bytes(written), source, nothing, anchors, ())
        written.write_bytes(b"x" * 777 + piece[at : at + 40] + b"y" * 5000)
        check.check_bytes(open_bytes(written), source, nothing, anchors, ())


def test_values_are_found_in_every_form_and_by_themselves_in_numbers(tmp_path: Path) -> None:
    import base64

    from dicomanon.sources._bytes import open_bytes

    written = tmp_path / "written"
    looked_for = check.forms_of(["Müller & Söhne", "1234567"])
    none = shingles.Anchors((), ())
    text = "Müller & Söhne"
    there = [
        text.encode(),
        text.encode("latin-1"),
        text.encode("utf-16-le"),
        text.upper().encode("utf-16-be")[:0],
    ]
    there += [base64.b64encode(b"ab" + text.encode()), b"M\xc3\xbcller &amp; S\xc3\xb6hne", b"id=1234567;"]
    for each in filter(None, there):
        written.write_bytes(b"...." + each + b"....")
        with pytest.raises(LeakError):
            check.check_bytes(open_bytes(written), None, looked_for, none, ())
    written.write_bytes(b"0.001234567 and 12345678")
    check.check_bytes(open_bytes(written), None, looked_for, none, ())


def test_a_page_with_no_known_tissue_is_refused(tmp_path: Path) -> None:
    slide = make_svs(tmp_path / "a.svs", Shape())

    assert "stays" in pages.fates("aperio", _tiff(slide))
    with pytest.raises(SlideError, match="no page"):
        pages.fates("hamamatsu", _tiff(slide))


def _tiff(path: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from dicomanon.native.tiff import read_tiff
    from dicomanon.sources._bytes import open_bytes

    return read_tiff(open_bytes(path))
