from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import openslide
import pydicom
import pytest
import wsidicom
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicomanon.batch import Job, convert_slides, deidentify_files
from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import SlideError
from dicomanon.part10.plain import write_identified
from tests.canary import assert_no_canary, make_canary_slide
from tests.canary_image import Picture
from tests.dicom_slides import BASE, LARGE, SMALL, gray, level, native, parts, sparse, write
from tests.peers import dcentvfy, dciodvfy

if TYPE_CHECKING:
    from pathlib import Path

    from pydicom.dataset import Dataset

KEY = bytes(range(32))
KEEP = ConvertOptions(levels="keep")
STRUCTURE = {
    *("NumberOfFrames", "DimensionOrganizationType", "PerFrameFunctionalGroupsSequence", "PyramidUID"),
    *("SharedFunctionalGroupsSequence", "DimensionIndexSequence", "ExtendedOffsetTable"),
    *("ExtendedOffsetTableLengths", "PixelData", "SOPInstanceUID"),
}


def identified(path: Path, out: Path, options: ConvertOptions = KEEP) -> list[Dataset]:
    """Convert a slide as it is; return what was written, in the order of its images."""
    out.mkdir()
    files = []
    with prepared(path, options, out) as slide:
        for number, made in enumerate(instances(slide, options)):
            files.append(out / f"{number}.dcm")
            write_identified(made, files[-1])
    return [pydicom.dcmread(each) for each in files]


def cleared(
    paths: list[Path], out: Path, options: ConvertOptions = KEEP, profile: str = "research-wsi"
) -> Any:
    job = Job(out, profile, (), KEY, ephemeral=False, durable=False)
    results = [each for batch in convert_slides(paths, job, options) for each in batch]
    return results, [out / each.output for each in results if each.output]


def frames_of(dataset: Dataset) -> list[bytes]:
    count = int(dataset.NumberOfFrames)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return list(generate_frames(dataset.PixelData, number_of_frames=count))
    size = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    return [dataset.PixelData[at : at + size] for at in range(0, count * size, size)]


def between(folder: Path) -> list[str]:
    """Return what is wrong between the files of a folder, without their names."""
    return [line.partition(" for file ")[0] for line in dcentvfy(sorted(folder.glob("*.dcm")))]


def test_a_data_set_is_kept_but_for_the_structure_of_its_pixels(tmp_path: Path) -> None:
    made = level()
    path = write(made, tmp_path / "a.dcm", pieces=2)
    (found,) = identified(path, tmp_path / "out")

    assert frames_of(found) == made.frames
    assert found.SOPInstanceUID == made.dataset.SOPInstanceUID
    assert found.DimensionOrganizationType == "TILED_FULL"
    assert parse_basic_offsets(found.PixelData) == []
    assert len(found.ExtendedOffsetTable) == 8 * BASE.frames
    for element in pydicom.dcmread(path):
        if element.keyword not in STRUCTURE:
            assert str(found[element.tag]) == str(element), element.keyword


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("shape", [native, gray])
def test_native_frames_leave_in_explicit_little_endian(tmp_path: Path, syntax: str, shape: Any) -> None:
    made = shape(level())
    (found,) = identified(write(made, tmp_path / "a.dcm", syntax=syntax), tmp_path / "out")

    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert frames_of(found) == made.frames
    assert ("OW" if found.BitsAllocated == 16 else "OB") == found["PixelData"].VR
    assert found.PatientID == made.planted.canaries["PATIENTID"]


def test_of_a_corpus_slide_nothing_is_new_that_validators_mind(corpus: Path, tmp_path: Path) -> None:
    compared = 0
    for number, folder in enumerate(("cytomine", "wg26-3dhistech")):
        results, files = cleared([corpus / "dicom/wsi" / folder], tmp_path / str(number))
        assert {each.outcome for each in results} == {"cleared", "dropped", "skipped"}
        (tmp_path / f"own-{number}").mkdir()
        before = set()
        for path in sorted((corpus / "dicom/wsi" / folder).iterdir()):
            before |= set(dciodvfy(path)) if path.suffix != ".txt" else set()
        for path in files:
            assert set(dciodvfy(path)) <= before, path.name
            compared += 1
        assert dcentvfy(files) == []

    assert compared == 10


def test_every_image_of_the_corpus_leaves_as_the_instance_that_deid_makes_of_it(
    corpus: Path, tmp_path: Path
) -> None:
    compared = 0
    for number, path in enumerate(sorted((corpus / "dicom/wsi").glob("*/*.d*"))):
        alone = tmp_path / str(number) / path.name
        alone.parent.mkdir()
        alone.write_bytes(path.read_bytes())
        _, files = cleared([alone], tmp_path / "converted" / str(number))
        out = tmp_path / "deidentified" / str(number)
        job = Job(out, "research-wsi", (), KEY, ephemeral=False, durable=False, scope="study")
        for _ in deidentify_files([alone], job):
            pass
        for file in files:
            one, other = pydicom.dcmread(file), pydicom.dcmread(out / file.relative_to(file.parents[2]))
            assert frames_of(one) == frames_of(other), path.name
            compared += 1

    assert compared > 15


def test_of_a_made_slide_nothing_is_new_that_validators_mind(tmp_path: Path) -> None:
    planted = None
    for number, picture in enumerate((BASE, SMALL), 1):
        made = level(picture, number, planted)
        planted = planted or made.planted
        whole = sparse(made, [*range(1, picture.frames)]) if number == 1 else made
        write(whole, tmp_path / f"{number}.dcm")
    before = {line for number in (1, 2) for line in dciodvfy(tmp_path / f"{number}.dcm")}
    identified(tmp_path / "1.dcm", tmp_path / "out")

    after = {line for path in (tmp_path / "out").iterdir() for line in dciodvfy(path)}
    assert after <= before
    assert between(tmp_path / "out") == between(tmp_path)


def test_viewers_show_the_pixels_of_the_source(corpus: Path, tmp_path: Path) -> None:
    source = corpus / "dicom/wsi/cytomine"
    _, files = cleared([source], tmp_path / "out")
    folder = files[0].parent

    with (
        openslide.OpenSlide(folder / files[0].name) as one,
        openslide.OpenSlide(next(source.iterdir())) as other,
    ):
        assert one.level_dimensions[0] == other.level_dimensions[0] == (2220, 2967)
        assert np.array_equal(
            np.asarray(one.read_region((500, 700), 0, (300, 300))),
            np.asarray(other.read_region((500, 700), 0, (300, 300))),
        )
    with wsidicom.WsiDicom.open(folder) as one, wsidicom.WsiDicom.open(source) as other:
        assert np.array_equal(
            np.asarray(one.read_region((100, 200), 0, (512, 400))),
            np.asarray(other.read_region((100, 200), 0, (512, 400))),
        )


def test_an_instance_has_the_uids_that_deid_gives_it(tmp_path: Path) -> None:
    first = level()
    write(first, tmp_path / "a.dcm")
    write(level(SMALL, 2, first.planted), tmp_path / "b.dcm")
    _, files = cleared([tmp_path / "a.dcm", tmp_path / "b.dcm"], tmp_path / "converted")
    job = Job(tmp_path / "deidentified", "research-wsi", (), KEY, ephemeral=False, durable=False)
    for _ in deidentify_files([tmp_path / "a.dcm", tmp_path / "b.dcm"], job):
        pass

    assert len(files) == 2
    for path in files:
        one = pydicom.dcmread(path)
        other = pydicom.dcmread(tmp_path / "deidentified" / path.relative_to(tmp_path / "converted"))
        assert frames_of(one) == frames_of(other)
        for element in other:
            if element.keyword not in STRUCTURE - {"SOPInstanceUID", "PyramidUID"}:
                assert str(one[element.tag]) == str(element), element.keyword


def test_nothing_planted_is_left_of_a_slide_in_dicom(tmp_path: Path) -> None:
    slide = make_canary_slide(tmp_path / "in")
    for path in slide.files:
        dataset = pydicom.dcmread(path)
        for keyword in ("ConcatenationUID", "InConcatenationNumber", "InConcatenationTotalNumber"):
            delattr(dataset, keyword)
        dataset.save_as(path)
    results, files = cleared([tmp_path / "in"], tmp_path / "out")

    assert [each.outcome for each in results if each.outcome != "skipped"] == [
        *["cleared"] * 3,
        *["dropped"] * 2,
    ]
    assert_no_canary([tmp_path / "out"], slide)
    assert all(pydicom.dcmread(each).PatientIdentityRemoved == "YES" for each in files)


def test_what_stands_behind_pixels_is_carried_too(tmp_path: Path) -> None:
    made = level()
    made.dataset.private_block(0x7FE1, "BEHIND", create=True).add_new(1, "LO", "CANARYBEHIND")
    made.dataset.DataSetTrailingPadding = bytes(16)
    path = write(made, tmp_path / "a.dcm")
    (found,) = identified(path, tmp_path / "identified")
    _, (file,) = cleared([path], tmp_path / "out")

    assert found[0x7FE11001].value == "CANARYBEHIND"
    assert "DataSetTrailingPadding" not in found
    assert b"CANARYBEHIND" not in file.read_bytes()


def test_missing_levels_are_made_with_the_data_set_of_the_one_above(tmp_path: Path) -> None:
    made = native(level(LARGE))
    path = write(made, tmp_path / "a.dcm", syntax=ExplicitVRLittleEndian)
    base, small = identified(path, tmp_path / "out", ConvertOptions())

    assert small.ImageType == ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
    assert (small.TotalPixelMatrixColumns, small.TotalPixelMatrixRows) == (2250, 64)
    measures = small.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(each) for each in measures.PixelSpacing] == [0.002, 0.002]
    assert measures.SliceThickness == 0.001
    for keyword in (
        "PatientID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "FrameOfReferenceUID",
        "PyramidUID",
    ):
        assert small[keyword].value == base[keyword].value
    assert small.SOPInstanceUID != base.SOPInstanceUID == made.dataset.SOPInstanceUID
    assert small.InstanceNumber != base.InstanceNumber
    tile = np.frombuffer(made.frames[0], np.uint8).reshape(128, 1024, 3)[:4, :4].astype(int).sum((0, 1))
    pixel = imagecodecs.jpeg2k_decode(frames_of(small)[0])[0, 0]
    assert np.abs(pixel - tile / 16).max() <= 1
    before = set(dciodvfy(path))
    assert set(dciodvfy(tmp_path / "out/1.dcm")) <= before


def test_a_large_image_becomes_parts_that_make_the_same_image_again(tmp_path: Path) -> None:
    made = native(level(LARGE))
    path = write(made, tmp_path / "a.dcm", syntax=ExplicitVRLittleEndian)
    options = ConvertOptions(levels="keep", max_size=2_000_000)
    found = identified(path, tmp_path / "parts", options)

    assert len(found) == 4
    assert {each.ConcatenationUID for each in found} == {found[0].ConcatenationUID}
    assert {each.SOPInstanceUIDOfConcatenationSource for each in found} == {made.dataset.SOPInstanceUID}
    assert len({each.SOPInstanceUID for each in found} | {made.dataset.SOPInstanceUID}) == 5
    assert [frame for each in found for frame in frames_of(each)] == made.frames
    last = found[-1].PerFrameFunctionalGroupsSequence[-1].PlanePositionSlideSequence[0]
    assert float(last.XOffsetInSlideCoordinateSystem) == pytest.approx(20 - 128 * 0.0005)
    assert float(last.YOffsetInSlideCoordinateSystem) == pytest.approx(40 - 8 * 1024 * 0.0005)
    before = set(dciodvfy(path))
    assert all(set(dciodvfy(each)) <= before for each in (tmp_path / "parts").iterdir())

    (again,) = identified(tmp_path / "parts/2.dcm", tmp_path / "again")
    assert again.SOPInstanceUID == made.dataset.SOPInstanceUID
    assert frames_of(again) == made.frames


def test_parts_of_an_image_that_says_not_where_it_lies_are_refused(tmp_path: Path) -> None:
    made = native(level(LARGE))
    del made.dataset.TotalPixelMatrixOriginSequence
    path = write(made, tmp_path / "a.dcm", syntax=ExplicitVRLittleEndian)

    with pytest.raises(SlideError, match="where it lies on the slide"):
        identified(path, tmp_path / "out", ConvertOptions(levels="keep", max_size=2_000_000))


def test_renumbered_frames_are_another_instance_and_say_so(tmp_path: Path) -> None:
    whole = level()
    path = write(sparse(whole, range(1, BASE.frames)), tmp_path / "a.dcm")
    (found,) = identified(path, tmp_path / "out")
    (again,) = identified(path, tmp_path / "again")

    assert found.SOPInstanceUID != whole.dataset.SOPInstanceUID
    assert found.SOPInstanceUID == again.SOPInstanceUID
    assert frames_of(found)[1:] == whole.frames[1:]
    assert "blank" in found.DerivationDescription
    assert "Lossy" not in found.DerivationDescription


def test_levels_agree_on_their_pyramid_and_frame_of_reference(tmp_path: Path) -> None:
    first = level()
    del first.dataset.PyramidUID
    write(first, tmp_path / "a.dcm")
    second = level(SMALL, 2, first.planted)
    del second.dataset.FrameOfReferenceUID
    write(second, tmp_path / "b.dcm")
    third = level(Picture("VOLUME", 128, 96, 128, 96, scale=4), 3, first.planted)
    del third.dataset.PyramidUID
    write(third, tmp_path / "c.dcm")
    found = identified(tmp_path / "a.dcm", tmp_path / "out")

    assert {each.PyramidUID for each in found} == {second.dataset.PyramidUID}
    assert {each.FrameOfReferenceUID for each in found} == {first.dataset.FrameOfReferenceUID}


def test_a_concatenation_is_cleared_as_one_image(tmp_path: Path) -> None:
    made = level()
    for number, part in enumerate(parts(made, [6, 6])):
        write(part, tmp_path / f"{number}.dcm")
    results, (file,) = cleared([tmp_path / "0.dcm", tmp_path / "1.dcm"], tmp_path / "out")

    assert [each.outcome for each in results] == ["cleared", "skipped"]
    assert frames_of(pydicom.dcmread(file)) == made.frames
    data = file.read_bytes()
    assert not [value for value in made.planted.uids.values() if value.encode() in data]
    assert not [value for value in made.planted.canaries.values() if value.encode() in data]


def test_slides_without_a_patient_are_one_patient_a_study(tmp_path: Path) -> None:
    for name, series in (("a", "1.2.3.1"), ("b", "1.2.3.2")):
        made = level()
        made.dataset.PatientID, made.dataset.SeriesInstanceUID = "", series
        made.dataset.SOPInstanceUID = f"{series}.9"
        write(made, tmp_path / f"{name}.dcm")
    _, files = cleared([tmp_path / "a.dcm", tmp_path / "b.dcm"], tmp_path / "out")

    found = [pydicom.dcmread(each) for each in files]
    assert len({each.SeriesInstanceUID for each in found}) == 2
    assert len({each.PatientID for each in found}) == 1


def test_what_tiled_full_needs_is_added_and_no_more(tmp_path: Path) -> None:
    made = level()
    for keyword in ("NumberOfOpticalPaths", "TotalPixelMatrixFocalPlanes"):
        delattr(made.dataset, keyword)
    made.dataset.DimensionOrganizationSequence = []
    path = write(made, tmp_path / "a.dcm")
    (found,) = identified(path, tmp_path / "out")

    assert (found.NumberOfOpticalPaths, found.TotalPixelMatrixFocalPlanes) == (1, 1)
    assert found.DimensionOrganizationSequence[0].DimensionOrganizationUID
    new = {each.keyword for each in found} - {each.keyword for each in pydicom.dcmread(path)}
    extended = {"ExtendedOffsetTable", "ExtendedOffsetTableLengths"}
    assert new == {"NumberOfOpticalPaths", "TotalPixelMatrixFocalPlanes"} | extended


def test_the_size_of_pixels_is_asked_for_where_no_data_set_says_it(tmp_path: Path) -> None:
    made = level()
    measures = made.dataset.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    del measures.PixelSpacing
    path = write(made, tmp_path / "a.dcm")

    with pytest.raises(SlideError, match="--spacing"):
        identified(path, tmp_path / "not")
    (found,) = identified(path, tmp_path / "out", replace(KEEP, spacing=0.00025))
    measures = found.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert [float(each) for each in measures.PixelSpacing] == [0.00025, 0.00025]
    assert measures.SliceThickness == 0.001


def test_a_series_of_labels_needs_no_tissue(corpus: Path, tmp_path: Path) -> None:
    (found,) = identified(corpus / "dicom/wsi/google/wsi_private_tags.dcm", tmp_path / "out")

    assert found.ImageType[2] == "LABEL"
