"""What is particular to one vendor: NDPI, Ventana, Philips, 3DHISTECH."""

from __future__ import annotations

import base64
import re
import shutil
import struct
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.native import deidentify_native, heads
from dicomanon.native.placing import blank_page
from dicomanon.native.tiff import data_of, read_tiff, written
from dicomanon.sources._bytes import open_bytes
from tests.native.looked_at import (
    as_openslide_sees,
    associated,
    files_of,
    found,
    needs_reader,
    planted,
    shingles_left,
)
from tests.native.native_slides import CANARY, page_ranges

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def synthetic(corpus: Path) -> Path:
    return corpus / "slides/synthetic"


def changed(original: Path, target: Path, old: bytes, new: bytes) -> Path:
    """Copy a slide with some bytes of it replaced by as many others."""
    data = original.read_bytes()
    assert len(old) == len(new)
    assert old in data
    target.write_bytes(data.replace(old, new))
    return target


def test_reference_serial_and_properties_of_an_ndpi_go_from_every_page(corpus: Path, tmp_path: Path) -> None:
    slide = corpus / "slides/hamamatsu/test3-TRITC-2-560.ndpi"
    copy = deidentify_native(slide, tmp_path, "n1").path

    assert (
        found(copy, ["950291", "950410", "2011/05/23", "2017/01/27", "TRITC 2", "2017:02:07 13:07:45"]) == []
    )
    with tifffile.TiffFile(copy) as tiff:
        pages = list(tiff.pages)
        assert [page.tags[65421].value > 0 for page in pages] == [True] * len(pages)
        for page in pages:
            assert page.tags[306].value == "1900:01:01 00:00:00"
            assert set(page.tags[65442].value) == {"0"}
            assert "Created=1900/01/01\r\nUpdated=1900/01/01\r\nProduct=C9600-12" in page.tags[65449].value
    with tifffile.TiffFile(slide) as tiff:
        macros = [number for number, page in enumerate(tiff.pages) if page.tags[65421].value < 0]
    assert macros
    assert all(
        shingles_left(slide, start + 700, stop, copy) == 0
        for number in macros
        for start, stop in page_ranges(slide, number)
    )


def test_an_ndpi_beyond_4_gb_is_read_and_its_directories_are_written_back(tmp_path: Path) -> None:
    far = (1 << 32) + 0x1000
    data_at = (1 << 32) + 0x100
    entries = [
        (256, 4, 1, 64, 0),
        (257, 4, 1, 64, 0),
        (273, 4, 1, data_at & 0xFFFFFFFF, 1),
        (279, 4, 1, 100, 0),
        (305, 2, 8, (far + 0x200) & 0xFFFFFFFF, 1),
        (65420, 3, 1, 1, 0),
    ]
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each[:4]) for each in entries)
    table += struct.pack("<Q", 0) + struct.pack(f"<{len(entries)}I", *(each[4] for each in entries))
    path = tmp_path / "far.ndpi"
    with path.open("wb") as file:
        file.write(b"II*\0" + struct.pack("<Q", far))
        file.seek(far)
        file.write(table)
        file.seek(far + 0x200)
        file.write(b"NDP.scan")
        file.truncate(far + 0x400)

    source = open_bytes(path)
    tiff = read_tiff(source, ndpi=True)
    page = tiff.directories[0]
    offsets, counts = data_of(tiff, page)
    again = written(tiff.layout, page, page.entries.values(), 0)
    program = tiff.text(page, 305)
    source.close()

    assert (offsets.tolist(), counts.tolist()) == ([data_at], [100])
    assert program == "NDP.scan"
    assert again == table


@pytest.mark.parametrize(
    "attribute",
    ["BarCode1", "BarCode2", "OperatorID", "BaseFileName", "DeviceSerialNumber", "UniqueID", "Unheard"],
)
def test_newer_names_of_ventana_go_as_the_older_ones(synthetic: Path, tmp_path: Path, attribute: str) -> None:
    old = b'SlideAnnotation="TESTPATIENT, HANNELORE" Z-layers="1"'
    new = f'{attribute}="CANARY77001A"'.encode().ljust(len(old) - 15) + b' Z-layers="1"'[:15]
    slide = changed(synthetic / "synthetic-bif.bif", tmp_path / "a.bif", old, new.ljust(len(old)))

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert found(slide, ["CANARY77001A"]) != []
    assert found(copy, ["CANARY77001A"]) == []


def test_a_ventana_label_is_white_and_the_page_with_its_xml_stays(synthetic: Path, tmp_path: Path) -> None:
    slide = synthetic / "synthetic-bif.bif"
    copy = deidentify_native(slide, tmp_path, "n1").path

    with tifffile.TiffFile(copy) as tiff, tifffile.TiffFile(slide) as old:
        assert len(tiff.pages) == len(old.pages)
        assert (tiff.pages[0].asarray() == 255).all()
        assert (tiff.pages[1].asarray() == 255).all()
        assert tiff.pages[0].shape == old.pages[0].shape
        assert tiff.pages[0].tags[306].value == "1900:01:01 00:00:00"
        assert b"<iScan" in tiff.pages[0].tags[700].value
    assert copy.stat().st_size == slide.stat().st_size
    start, stop = page_ranges(slide, 0)[30]
    assert shingles_left(slide, start + 700, stop, copy) == 0
    assert associated(copy) == set()


@pytest.mark.parametrize(
    ("compression", "predictor"),
    [
        ("lzw", False),
        ("lzw", True),
        ("deflate", False),
        ("deflate", True),
        ("none", False),
        ("packbits", False),
    ],
)
def test_a_label_that_must_stay_is_white_in_its_own_compression(
    tmp_path: Path,
    compression: str,
    predictor: bool,  # noqa: FBT001
) -> None:
    path = tmp_path / "a.tif"
    pixels = np.random.default_rng(1).integers(0, 255, (50, 70, 3), np.uint8)
    tifffile.imwrite(
        path, pixels, compression=compression, predictor=predictor, rowsperstrip=16, metadata=None
    )
    source = open_bytes(path)
    tiff = read_tiff(source)
    page = tiff.directories[0]
    entries, patches, size = blank_page(tiff, page, list(page.entries.values()), source.size)
    data = bytearray(path.read_bytes().ljust(size, b"\0"))
    for each in patches:
        data[each.offset : each.stop] = each.data
    data[page.offset : page.offset + page.length] = written(tiff.layout, page, entries, 0)
    path.write_bytes(bytes(data))

    assert (tifffile.imread(path) == 255).all()
    assert size == source.size


def test_pictures_in_the_xml_of_philips_are_white_and_have_no_name(synthetic: Path, tmp_path: Path) -> None:
    slide = synthetic / "synthetic-philips.tiff"
    result = deidentify_native(slide, tmp_path, "n1")

    assert result.done.pictures == 2
    with tifffile.TiffFile(result.path) as tiff, tifffile.TiffFile(slide) as old:
        text, before = tiff.pages[0].tags[270].value, old.pages[0].tags[270].value
        assert len(tiff.pages) == len(old.pages) - 2
    packed = re.findall(r"[A-Za-z0-9+/=]{1000,}", text)
    assert [len(each) for each in packed] == [
        len(each) for each in re.findall(r"[A-Za-z0-9+/=]{1000,}", before)
    ]
    for each in packed:
        assert (imagecodecs.jpeg8_decode(base64.b64decode(each, validate=True)) == 255).all()
    assert len(text) == len(before)
    assert "LABELIMAGE" not in text
    assert "MACROIMAGE" not in text
    assert "&quot;19000101&quot;" in text
    assert ">19000101000000.000000<" in text
    assert associated(result.path) == set()


def mrxs(synthetic: Path, folder: Path) -> Path:
    folder.mkdir()
    path = needs_reader(folder / "CANARYSLIDE.mrxs")
    shutil.copyfile(synthetic / "synthetic-mrxs.mrxs", path)
    shutil.copytree(synthetic / "synthetic-mrxs", path.with_suffix(""), copy_function=shutil.copyfile)
    path.with_suffix("").chmod(0o755)
    return path


def test_the_identifier_of_an_mrxs_is_another_one_and_the_same_everywhere(
    synthetic: Path, tmp_path: Path
) -> None:
    slide = mrxs(synthetic, tmp_path / "in")
    copy = deidentify_native(slide, tmp_path / "out", "n1").path
    folder = copy.with_suffix("")

    old = (slide.with_suffix("") / "Index.dat").read_bytes()[5:37]
    new = (folder / "Index.dat").read_bytes()[5:37]
    assert new != old
    assert b"SLIDE_ID = " + new in (folder / "Slidedat.ini").read_bytes()
    assert (folder / "Data0000.dat").read_bytes()[:37] == b"01.02" + new
    assert {each.name for each in tmp_path.joinpath("out").iterdir()} == {"n1.mrxs", "n1"}
    assert found(copy, [old.decode(), "CANARYSLIDE"]) == []
    assert [each.stat().st_size for each in files_of(copy)] == [
        each.stat().st_size for each in files_of(slide)
    ]


def test_records_of_an_mrxs_that_are_no_tile_are_destroyed_packed_or_not(
    synthetic: Path, tmp_path: Path
) -> None:
    slide = mrxs(synthetic, tmp_path / "in")
    data = slide.with_suffix("") / "Data0000.dat"
    data.write_bytes(data.read_bytes() + CANARY.encode())
    (slide.with_suffix("") / "Notes.txt").write_text(CANARY)
    index = (slide.with_suffix("") / "Index.dat").read_bytes()

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    after = copy.with_suffix("") / "Data0000.dat"
    values = planted(synthetic / "synthetic-mrxs.mrxs")
    assert found(copy, [*values, CANARY]) == []
    root = struct.unpack_from("<i", index, 41)[0]
    for number in range(4):
        page = struct.unpack_from("<i", index, struct.unpack_from("<i", index, root + 4 * number)[0] + 4)[0]
        start, length = struct.unpack_from("<2i", index, page + 16)
        assert length
        assert not any(after.read_bytes()[start : start + length])
    assert b"ScanDataLayer" not in (copy.with_suffix("") / "Slidedat.ini").read_bytes()
    assert not (copy.with_suffix("") / "Notes.txt").exists()
    assert associated(copy) == set()


def with_positions(slide: Path) -> bytes:
    """Add a record of where each tile lies, as real slides have one; return its bytes."""
    folder = slide.with_suffix("")
    positions = b"".join(
        struct.pack("<bii", 0, 256 * column, 256 * row) for row in range(12) for column in range(16)
    )
    data = (folder / "Data0000.dat").read_bytes()
    index = bytearray((folder / "Index.dat").read_bytes())
    pointers = struct.unpack_from("<4i", index, struct.unpack_from("<i", index, 41)[0])
    at = len(index)
    struct.pack_into("<i", index, 41, at)
    index += struct.pack("<5i", *pointers, at + 20) + struct.pack("<2i", 0, at + 28)
    index += struct.pack("<7i", 1, 0, 0, 0, len(data), len(positions), 0)
    text = (folder / "Slidedat.ini").read_text(encoding="utf-8-sig")
    lines = "NONHIER_COUNT = 2\nNONHIER_1_NAME = VIMSLIDE_POSITION_BUFFER\nNONHIER_1_COUNT = 1\n"
    lines += "NONHIER_1_VAL_0 = default\nNONHIER_1_VAL_0_SECTION = NONHIERLAYER_1_LEVEL_0_SECTION\n"
    lines += "NONHIER_1_SECTION = NONHIERLAYER_1_SECTION\n"
    version = f"[NONHIERLAYER_1_SECTION]\nVIMSLIDE_POSITION_DATA_FORMAT_VERSION = 257\nSCANNER_HARDWARE_ID = {CANARY}\n"
    text = text.replace("NONHIER_COUNT = 1\n", lines).replace("NONHIER_COUNT = 1\r\n", lines)
    (folder / "Data0000.dat").write_bytes(data + positions)
    (folder / "Index.dat").write_bytes(bytes(index))
    (folder / "Slidedat.ini").write_text(text.rstrip() + f"\n{version}", encoding="utf-8-sig")
    return positions


def test_where_the_tiles_of_an_mrxs_lie_is_kept(synthetic: Path, tmp_path: Path) -> None:
    slide = mrxs(synthetic, tmp_path / "in")
    positions = with_positions(slide)

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert (copy.with_suffix("") / "Data0000.dat").read_bytes().endswith(positions)
    assert b"VERSION = 257" in (copy.with_suffix("") / "Slidedat.ini").read_bytes()
    assert as_openslide_sees(copy) == as_openslide_sees(slide)
    assert found(slide, [CANARY]) != []
    assert found(copy, [CANARY]) == []


@pytest.mark.parametrize("missing", ["Slidedat.ini", "Index.dat", "Data0000.dat"])
def test_an_mrxs_that_lacks_a_file_or_half_of_it_is_refused(
    synthetic: Path, tmp_path: Path, missing: str
) -> None:
    slide = mrxs(synthetic, tmp_path / "in")
    part = slide.with_suffix("") / missing
    part.write_bytes(part.read_bytes()[: part.stat().st_size // 2])
    with pytest.raises(SlideError):
        deidentify_native(slide, tmp_path / "out", "n1")
    part.unlink()
    with pytest.raises(SlideError):
        deidentify_native(slide, tmp_path / "out", "n1")
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_an_index_of_another_slide_is_refused(synthetic: Path, tmp_path: Path) -> None:
    slide = mrxs(synthetic, tmp_path / "in")
    index = slide.with_suffix("") / "Index.dat"
    index.write_bytes(index.read_bytes()[:5] + b"0" * 32 + index.read_bytes()[37:])

    with pytest.raises((CorruptSlideError, SlideError)):
        deidentify_native(slide, tmp_path / "out", "n1")


def test_comments_in_the_head_of_jpeg_2000_and_around_it_are_emptied() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    for kind in ("j2k", "jp2"):
        stream = bytearray(imagecodecs.jpeg2k_encode(pixels, codecformat=kind))
        start = stream.find(b"\xff\x52")
        stream[start:start] = b"\xff\x64" + struct.pack(">HH", 4 + len(CANARY), 1) + CANARY.encode()
        if kind == "jp2":
            box = stream.find(b"jp2c") - 4
            size = struct.unpack_from(">I", stream, box)[0]
            if size:
                struct.pack_into(">I", stream, box, size + 6 + len(CANARY))
            stream[box:box] = struct.pack(">I", 8 + len(CANARY)) + b"xml " + CANARY.encode()
        _, count = heads.jpeg_2000_head(stream, 0, len(stream))

        assert count >= 1
        assert CANARY.encode() not in stream
        assert (imagecodecs.jpeg2k_decode(bytes(stream)) == pixels).all()
