"""What is wrong with a slide: a named error, soon, in bounded memory, and nothing of it is written."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions
from tests.slides import Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.batch import Result

SINGLE = (
    *("aperio/CMU-1-Small-Region.svs", "generic/CropBreastSlide.tiff", "hamamatsu/test3-TRITC-2-560.ndpi"),
    *(
        f"synthetic/synthetic-{name}"
        for name in (
            *("bif.bif", "generic.tiff", "histech.tif", "ndpi.ndpi", "ometiff.ome.tiff", "philips.tiff"),
            *("scn.scn", "svs-jp2k.svs", "ventana-tif.tif"),
        )
    ),
)
"""Slides of one file."""
SECONDS = 20
TWENTY = range(1, 21)


def converted(path: Path, out: Path) -> list[Result]:
    job = Job(out, "research-wsi", (), bytes(32), ephemeral=False, scope="x", durable=False)
    (results,) = convert_slides([path], job, ConvertOptions(spacing=0.00025))
    return results


def refused(path: Path, out: Path) -> str:
    """Convert a slide that cannot be; return the message. Nothing must be written, nothing named."""
    began = time.monotonic()
    results = converted(path, out)
    assert time.monotonic() - began < SECONDS
    (result,) = results
    assert result.outcome == "quarantined", result
    assert result.reason in ("corrupt-slide", "slide", "unknown-slide"), result
    assert path.stem not in result.message
    assert not [each for each in out.rglob("*") if each.is_file()]
    return result.message


@pytest.mark.parametrize("name", SINGLE)
def test_a_slide_that_is_cut_at_twenty_places_is_refused_or_whole(
    corpus: Path, tmp_path: Path, name: str
) -> None:
    whole = (corpus / "slides" / name).read_bytes()
    path = tmp_path / f"CANARYNAME{(corpus / 'slides' / name).suffix}"
    for part in TWENTY:
        path.write_bytes(whole[: len(whole) * part // 21])
        refused(path, tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "companion"),
    [
        ("synthetic-mrxs.mrxs", "synthetic-mrxs/Index.dat"),
        ("synthetic-mrxs.mrxs", "synthetic-mrxs/Data0000.dat"),
        ("synthetic-mrxs.mrxs", "synthetic-mrxs/Slidedat.ini"),
        ("synthetic-vms.vms", "synthetic-vms_img.jpg"),
    ],
)
def test_a_companion_that_is_missing_or_cut_is_refused(
    corpus: Path, tmp_path: Path, name: str, companion: str
) -> None:
    folder = tmp_path / "in"
    shutil.copytree(corpus / "slides/synthetic", folder, ignore=shutil.ignore_patterns("*.json", "*.tif*"))
    part = folder / companion
    data = part.read_bytes()
    part.unlink()
    refused(folder / name, tmp_path / "out")
    for tenth in (1, 5, 9):
        part.write_bytes(data[: len(data) * tenth // 10])
        refused(folder / name, tmp_path / "out")


def test_a_slide_without_its_folder_is_refused(corpus: Path, tmp_path: Path) -> None:
    shutil.copy(corpus / "slides/synthetic/synthetic-mrxs.mrxs", tmp_path / "CANARYNAME.mrxs")

    assert "folder" in refused(tmp_path / "CANARYNAME.mrxs", tmp_path / "out")


@pytest.mark.parametrize("tag", [256, 257, 322, 323])
@pytest.mark.parametrize("value", [0, 0x7FFFFFFF])
def test_sizes_that_cannot_be_are_refused(tmp_path: Path, tag: int, value: int) -> None:
    path = make_svs(tmp_path / "CANARYNAME.svs", Shape(tiles=(2, 2)))
    data = bytearray(path.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    (entries,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, at + 2 + 12 * entries, 12):
        if struct.unpack_from("<H", data, entry) == (tag,):
            struct.pack_into("<HII", data, entry + 2, 4, 1, value)
    path.write_bytes(data)

    refused(path, tmp_path / "out")


LIMITED = """
import sys
from pathlib import Path
from dicomanon.convert import ConvertOptions, prepared
from dicomanon.errors import SlideError
try:
    with prepared(Path(sys.argv[1]), ConvertOptions(spacing=0.00025)) as slide:
        print("opened", len(slide.images))
except SlideError as error:
    print(type(error).__name__)
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


def test_a_bomb_costs_no_more_memory_than_a_slide(tmp_path: Path) -> None:
    """A page of 20,000 x 20,000 pixels whose one strip unpacks to 400 MB of zeros."""
    import zlib

    import tifffile

    path = tmp_path / "CANARYNAME.tif"
    packer = zlib.compressobj(9)
    zeros = bytes(1 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(382)) + packer.flush()
    with tifffile.TiffWriter(path, bigtiff=True) as tiff:
        tiff.write(
            iter([packed]),
            shape=(20_000, 20_000),
            dtype="uint8",
            rowsperstrip=20_000,
            compression="deflate",
            photometric="minisblack",
            metadata=None,
        )
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr[-500:]
    word, peak = done.stdout.split("\n")[:2]
    assert word in ("CorruptSlideError", "SlideError")
    assert int(peak) < 250_000
