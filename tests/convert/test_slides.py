from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pydicom
import pytest
import wsidicom
from pydicom.encaps import generate_frames, parse_basic_offsets

from dicomanon.convert import ConvertOptions, Laboratory, instance, instances, prepared
from dicomanon.convert.text import clean, decimal
from dicomanon.errors import CorruptSlideError, SlideError, UsageError
from dicomanon.part10.plain import write_identified
from tests.peers import dcentvfy, dciodvfy
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

    from dicomanon.part10.instance import Instance
    from tests.slides import Codec

SLIDES = (
    "aperio/CMU-1-Small-Region.svs",
    "synthetic/synthetic-svs.svs",
    "synthetic/synthetic-svs-jp2k.svs",
    "openslide-fixtures/small.svs",
)
CODECS: tuple[Codec, ...] = ("jpeg", "jpeg-rgb", "jp2k", "jp2k-ycbcr", "lzw")
NOTHING = ConvertOptions()


def convert(path: Path, out: Path, options: ConvertOptions = NOTHING) -> list[Path]:
    """Write every image of a slide to a file of its own."""
    out.mkdir(exist_ok=True)
    files = []
    with prepared(path, options, out) as slide:
        for made in instances(slide, options):
            files.append(out / f"{made.meta.name.replace(' ', '-')}.dcm")
            assert write_identified(made, files[-1]) == files[-1].stat().st_size
    return files


def read_all(made: Instance) -> bytes:
    buffer = memoryview(bytearray(1 << 16))
    out = io.BytesIO()
    while count := made.body.readinto(buffer):
        out.write(buffer[:count])
    return out.getvalue()


def read(path: Path) -> Dataset:
    return pydicom.dcmread(path)


@pytest.mark.parametrize("name", SLIDES)
def test_each_image_of_a_corpus_slide_is_a_valid_object(corpus: Path, tmp_path: Path, name: str) -> None:
    files = convert(corpus / "slides" / name, tmp_path / "out")

    assert len(files) >= 2
    assert {path.name: dciodvfy(path) for path in files} == {path.name: [] for path in files}
    assert dcentvfy(files) == []


@pytest.mark.parametrize("codec", CODECS)
def test_each_codec_makes_valid_objects(tmp_path: Path, codec: Codec) -> None:
    shape = Shape(codec=codec, tiles=(5, 4), levels=2, margin=30, empty=frozenset({1}))
    files = convert(make_svs(tmp_path / "slide.svs", shape), tmp_path / "out")

    assert len(files) == 5
    assert {path.name: dciodvfy(path) for path in files} == {path.name: [] for path in files}


def differences(slide: Path, files: list[Path]) -> list[int]:
    """Return how far pixels of the DICOM, as two readers see them, are from those of the slide."""
    volumes = [path for path in files if path.name.startswith("VOLUME")]
    found = []
    with openslide.OpenSlide(slide) as before, openslide.OpenSlide(volumes[0]) as after:
        assert after.level_dimensions == before.level_dimensions
        assert float(after.properties["openslide.mpp-x"]) == float(before.properties["openslide.mpp-x"])
        assert float(after.properties["openslide.mpp-y"]) == float(before.properties["openslide.mpp-y"])
        with wsidicom.WsiDicom.open(files) as third:
            for level, size in enumerate(before.level_dimensions):
                number = third.pyramids[0][level].level
                expected = np.asarray(before.read_region((0, 0), level, size).convert("RGB")).astype(int)
                again = np.asarray(after.read_region((0, 0), level, size).convert("RGB"))
                other = np.asarray(third.read_region((0, 0), number, size))
                found += [int(np.abs(expected - again).max()), int(np.abs(expected - other).max())]
            label = np.asarray(before.associated_images["label"].convert("RGB"))
            assert np.array_equal(label, np.asarray(third.read_label()))
            assert np.array_equal(label, np.asarray(after.associated_images["label"].convert("RGB")))
            assert third.read_overview().size == before.associated_images["macro"].size
    return found


@pytest.mark.filterwarnings("ignore:The odd length pixel data:UserWarning")  # of a reader, about its own copy
@pytest.mark.parametrize("name", SLIDES[:3])
def test_pixels_of_a_corpus_slide_survive(corpus: Path, tmp_path: Path, name: str) -> None:
    path = corpus / "slides" / name

    assert set(differences(path, convert(path, tmp_path / "out"))) == {0}


@pytest.mark.parametrize(("codec", "tolerance"), [(c, 6 if c == "jp2k-ycbcr" else 0) for c in CODECS])
def test_colours_of_each_codec_survive(tmp_path: Path, codec: Codec, tolerance: int) -> None:
    """YCbCr in JPEG 2000 is rounded once less by a decoder that does the transform itself."""
    path = make_svs(tmp_path / "slide.svs", Shape(codec=codec, tiles=(5, 4), levels=2, margin=30))

    assert max(differences(path, convert(path, tmp_path / "out"))) <= tolerance


def test_offset_tables_find_every_frame(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "slides/aperio/CMU-1-Small-Region.svs"
    dataset = read(convert(path, tmp_path / "out")[0])
    offsets = np.frombuffer(dataset.ExtendedOffsetTable, "<u8")
    lengths = np.frombuffer(dataset.ExtendedOffsetTableLengths, "<u8")
    value = dataset.PixelData

    assert parse_basic_offsets(value) == []
    with prepared(path, NOTHING) as slide:
        frames = list(slide.images[0].frames())
    assert len(frames) == len(offsets) == dataset.NumberOfFrames == 130
    for frame, offset, length in zip(frames, offsets, lengths, strict=True):
        start = 8 + int(offset) + 8
        assert value[start : start + int(length)].removesuffix(b"\0") == frame.removesuffix(b"\0")
    assert [frame.removesuffix(b"\0") for frame in generate_frames(value, number_of_frames=130)] == [
        frame.removesuffix(b"\0") for frame in frames
    ]


def test_images_of_a_slide_belong_together_and_levels_to_one_pyramid(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(tiles=(5, 4), levels=2))
    found = [read(file) for file in convert(path, tmp_path / "out")]

    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "ContainerIdentifier"):
        assert len({getattr(dataset, keyword) for dataset in found}) == 1
    assert len({dataset.SOPInstanceUID for dataset in found}) == len(found) == 5
    assert len({dataset.PyramidUID for dataset in found[:2]}) == 1
    assert [dataset.ImageType[2:] for dataset in found] == [
        ["VOLUME", "NONE"],
        ["VOLUME", "RESAMPLED"],
        ["THUMBNAIL", "RESAMPLED"],
        ["OVERVIEW", "NONE"],
        ["LABEL", "NONE"],
    ]
    flags = [(dataset.BurnedInAnnotation, dataset.SpecimenLabelInImage) for dataset in found]
    assert flags == [("NO", "NO")] * 3 + [("YES", "YES")] * 2


def test_converting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs")
    first = [file.read_bytes() for file in convert(path, tmp_path / "first")]
    second = [file.read_bytes() for file in convert(path, tmp_path / "second")]

    assert first == second


def test_an_instance_can_be_read_again_from_an_open_slide(tmp_path: Path) -> None:
    with prepared(make_svs(tmp_path / "slide.svs"), NOTHING) as slide:
        for index in range(len(slide.images)):
            once, again = (instance(slide, index, NOTHING) for _ in range(2))
            assert (once.header, read_all(once)) == (again.header, read_all(again))


def test_of_the_vendors_fields_only_mapped_ones_pass(tmp_path: Path) -> None:
    found = convert(make_svs(tmp_path / "slide.svs"), tmp_path / "out")
    mapped = {"ScanScope ID", "Barcode"}
    for path in found:
        data = path.read_bytes()
        passed = {key for key, value in PLANTED.items() if value.encode() in data}
        assert passed == (mapped | {"Title"} if path.name.startswith("LABEL") else mapped)


def test_mapped_facts_are_where_the_standard_has_them(tmp_path: Path) -> None:
    found = convert(make_svs(tmp_path / "slide.svs"), tmp_path / "out")
    volume, label = read(found[0]), read(found[-1])

    assert volume.DeviceSerialNumber == PLANTED["ScanScope ID"]
    assert (volume.Manufacturer, volume.SoftwareVersions) == ("Aperio", "Aperio Image Library v12.0.15")
    assert (volume.AcquisitionDateTime, volume.TimezoneOffsetFromUTC) == ("20260307160237-0500", "-0500")
    assert (volume.ContentDate, volume.ContentTime) == ("20260307", "160237")
    assert volume.ContainerIdentifier == PLANTED["Barcode"]
    assert volume.SpecimenDescriptionSequence[0].SpecimenIdentifier == PLANTED["Barcode"]
    assert volume.OpticalPathSequence[0].ObjectiveLensPower == 20
    assert (label.BarcodeValue, label.LabelText) == (PLANTED["Barcode"], PLANTED["Title"])
    assert (volume.PatientID, volume.PatientName, volume.AccessionNumber) == ("", "", "")
    assert "LabelText" not in volume


def test_without_barcode_the_file_name_is_the_container(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "S26-1234 A1.svs", Shape(fields={}))
    dataset = read(convert(path, tmp_path / "out")[0])

    assert dataset.ContainerIdentifier == "S26-1234 A1"
    assert (dataset.ManufacturerModelName, dataset.DeviceSerialNumber) == ("UNKNOWN", "UNKNOWN")
    assert path.read_bytes().count(b"S26-1234") == 0


def test_options_fill_the_header(tmp_path: Path) -> None:
    lab = Laboratory(
        patient_id="MRN-1",
        patient_name="Doe^Jane",
        patient_birth_date="19620524",
        patient_sex="F",
        study_instance_uid="1.2.3",
        accession_number="ACC1",
        container_identifier="BOX",
        specimen_identifier="TISSUE",
    )
    dataset = read(
        convert(make_svs(tmp_path / "slide.svs"), tmp_path / "out", ConvertOptions(laboratory=lab))[0]
    )

    assert (dataset.PatientID, dataset.PatientName, dataset.PatientSex) == ("MRN-1", "Doe^Jane", "F")
    assert (dataset.StudyInstanceUID, dataset.AccessionNumber) == ("1.2.3", "ACC1")
    assert dataset.ContainerIdentifier == "BOX"
    assert dataset.SpecimenDescriptionSequence[0].SpecimenIdentifier == "TISSUE"


@pytest.mark.parametrize(("field", "value"), [("quality", 0), ("max_size", 1000), ("spacing", 0.0)])
def test_options_that_cannot_be_are_refused(field: str, value: Any) -> None:
    with pytest.raises(UsageError):
        replace(NOTHING, **{field: value})


def test_a_slide_without_spacing_needs_it_given(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(mpp="", tiles=(5, 4), levels=2))
    with pytest.raises(SlideError, match="spacing"):
        convert(path, tmp_path / "none")

    found = [read(file) for file in convert(path, tmp_path / "out", ConvertOptions(spacing=0.0005))]
    spacing = [
        d.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].get("PixelSpacing") for d in found
    ]
    assert spacing[:2] == [[0.0005, 0.0005], [0.002, 0.002]]
    assert spacing[3:] == [None, None]


def test_the_slides_own_colour_profile_is_kept_and_else_it_is_srgb(tmp_path: Path) -> None:
    own = bytes(imagecodecs.cms_profile("adobergb"))
    with_own = make_svs(tmp_path / "own.svs", Shape(icc=own))
    first = read(convert(with_own, tmp_path / "own")[0]).OpticalPathSequence[0]
    second = read(convert(make_svs(tmp_path / "none.svs"), tmp_path / "none")[0]).OpticalPathSequence[0]

    assert first.ICCProfile[: len(own)] == own
    assert "ColorSpace" not in first
    assert (second.ICCProfile[36:40], second.ColorSpace) == (b"acsp", "SRGB")


def test_a_slide_damaged_in_the_middle_leaves_no_file(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs", Shape(tiles=(40, 30)))
    out = tmp_path / "out"
    out.mkdir()
    with prepared(path, NOTHING, out) as slide:
        made = instance(slide, 0, NOTHING)
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size // 2)
        with pytest.raises(CorruptSlideError):
            write_identified(made, out / "volume.dcm")

    assert list(out.iterdir()) == []


@pytest.mark.parametrize("codec", ["jpeg", "lzw"])
@pytest.mark.parametrize("change", ["longer", "shorter", "missing", "more"])
def test_a_frame_that_is_not_as_announced_is_damage(tmp_path: Path, codec: Codec, change: str) -> None:
    with prepared(make_svs(tmp_path / "slide.svs", Shape(codec=codec, tiles=(2, 2))), NOTHING) as slide:
        level = slide.images[0]
        lengths = list(level.frame_lengths)
        changed = {
            "longer": [*lengths[:-1], lengths[-1] + 2],
            "shorter": [lengths[0] - 2, *lengths[1:]],
            "missing": [*lengths, 10],
            "more": lengths[:-1],
        }[change]
        lying = replace(slide, images=(replace(level, frame_lengths=changed),))
        with pytest.raises(CorruptSlideError):
            read_all(instance(lying, 0, NOTHING))


def test_text_of_a_vendor_cannot_break_a_value() -> None:
    assert clean("  two\\values\nand\x00 a\ttab ", 64) == "two values and a tab"
    assert clean("x" * 100, 64) == "x" * 64
    assert clean("name\udcff", 64) == "name?"
    assert [decimal(value) for value in (0.000499, 1 / 3, 1e-7 / 3, 20.0)] == [
        "0.000499",
        "0.33333333333333",
        "3.3333333333e-08",
        "20",
    ]


MEASURE = """
import resource, sys
from pathlib import Path
from dicomanon.convert import ConvertOptions, Laboratory, instance, prepared
options = ConvertOptions(levels="keep")
with prepared(Path(sys.argv[1]), options) as slide:
    body = instance(slide, 0, options).body
    buffer = memoryview(bytearray(1 << 20))
    while body.readinto(buffer):
        pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_slide(tmp_path: Path) -> None:
    peaks = []
    for tiles in ((20, 20), (140, 100)):
        path = make_svs(tmp_path / "slide.svs", Shape(tiles=tiles))
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path)],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        peaks.append(int(done.stdout))
        size = path.stat().st_size
        path.unlink()

    assert size > 250_000_000
    assert peaks[1] < peaks[0] * 1.1
