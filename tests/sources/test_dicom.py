from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicomanon import standard
from dicomanon.errors import CorruptSlideError, SlideError, UnknownSlideError
from dicomanon.sources import SlideImage, claims, members, open_slide, row_of
from tests.dicom_slides import BASE, SMALL, Level, gray, level, native, parts, sparse, write

if TYPE_CHECKING:
    from pathlib import Path

TOTAL = BASE.frames


def images(path: Path) -> list[SlideImage]:
    with open_slide(path) as slide:
        assert slide.format == "dicom"
        return [each for each in slide.images if isinstance(each, SlideImage)]


def only(path: Path) -> SlideImage:
    (image,) = images(path)
    return image


def stored(path: Path) -> list[bytes]:
    """Return the frames of a file as another reader finds them."""
    dataset = pydicom.dcmread(path)
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return list(
            generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1)))
        )
    size = len(dataset.PixelData) // int(dataset.get("NumberOfFrames", 1))
    return [dataset.PixelData[at : at + size] for at in range(0, len(dataset.PixelData) - 1, size)]


@pytest.mark.parametrize("table", ["basic", "extended", "none"])
def test_frames_are_those_of_the_file_byte_for_byte(tmp_path: Path, table: str) -> None:
    made = level()
    image = only(write(made, tmp_path / "a.dcm", table=table))

    assert list(image.frames()) == made.frames
    assert list(image.frames(2, 5)) == made.frames[2:5]
    assert list(image.frame_lengths) == [len(each) for each in made.frames]
    assert image.dataset is not None
    assert (image.dataset.uid, image.dataset.renumbered) == (made.dataset.SOPInstanceUID, False)
    assert (image.columns, image.rows, image.tile_columns) == (BASE.columns, BASE.rows, BASE.tile_columns)
    assert image.spacing == (0.0005, 0.0005)


def test_every_slide_of_the_corpus_has_the_frames_that_another_reader_finds(
    corpus: Path, tmp_path: Path
) -> None:
    compared = 0
    for number, path in enumerate(sorted((corpus / "dicom/wsi").rglob("*"))):
        if not path.is_file() or not [each for each in claims(path) if each.name == "dicom"]:
            continue
        alone = tmp_path / str(number) / path.name
        alone.parent.mkdir()
        shutil.copyfile(path, alone)
        try:
            image = only(alone)
        except UnknownSlideError as error:
            assert path.name == "1_Map", error  # noqa: PT017 - a map of regions is none of a slide's images
            continue
        except CorruptSlideError as error:
            assert path.name == "test_wsi2.dcm", error  # noqa: PT017 - a fifth part without the others
            continue
        assert list(image.frames()) == stored(path), path.name
        compared += 1

    assert compared > 25


@pytest.mark.parametrize("table", ["basic", "none"])
def test_fragments_of_a_frame_are_joined_by_table_or_by_their_marks(tmp_path: Path, table: str) -> None:
    made = level()
    path = write(made, tmp_path / "a.dcm", pieces=3, table=table)

    assert list(only(path).frames()) == made.frames
    assert list(only(path).frames(4, 6)) == made.frames[4:6]


def test_fragments_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    made = level()
    made.frames[1] = made.frames[1][:-2] + b"\x11\x12\x13\x14"  # no end of a picture

    with pytest.raises(SlideError, match="which fragments make a frame"):
        only(write(made, tmp_path / "a.dcm", pieces=2, table="none"))


@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
    ],
)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_header_of_any_encoding_says_the_same_in_explicit_little_endian(
    tmp_path: Path, syntax: str, bits: int
) -> None:
    made = gray(level()) if bits == 16 else native(level())
    image = only(write(made, tmp_path / "a.dcm", syntax=syntax))

    assert image.transfer_syntax_uid == ExplicitVRLittleEndian
    assert list(image.frames()) == made.frames
    assert list(image.frames(3, 4)) == made.frames[3:4]
    assert image.dataset is not None
    kept = read(b"".join(image.dataset.elements.values()))
    told = pydicom.dcmread(tmp_path / "a.dcm", stop_before_pixels=True)
    for element in told:
        if element.tag.is_private or element.keyword in ("NumberOfFrames", "DimensionOrganizationType"):
            continue
        assert str(kept[element.tag]) == str(element), element.keyword


def read(elements: bytes) -> Any:
    from io import BytesIO

    return pydicom.dcmread(BytesIO(elements), force=True)


def test_a_sparse_image_in_order_keeps_its_identity(tmp_path: Path) -> None:
    made = sparse(level(), range(TOTAL))
    image = only(write(made, tmp_path / "a.dcm"))

    assert list(image.frames()) == made.frames
    assert image.dataset is not None
    assert not image.dataset.renumbered
    kept = read(b"".join(image.dataset.elements.values()))
    assert "PerFrameFunctionalGroupsSequence" not in kept
    assert "DimensionIndexSequence" not in kept
    shared = kept.SharedFunctionalGroupsSequence[0]
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [0.0005, 0.0005]
    assert shared.OpticalPathIdentificationSequence[0].OpticalPathIdentifier == "1"


def test_shuffled_frames_are_put_in_their_places(tmp_path: Path) -> None:
    whole = level()
    order = [*range(0, TOTAL, 2), *range(1, TOTAL, 2)]
    image = only(write(sparse(whole, order), tmp_path / "a.dcm"))

    assert list(image.frames()) == whole.frames
    assert image.dataset is not None
    assert image.dataset.renumbered


def test_places_without_a_frame_are_white(tmp_path: Path) -> None:
    whole = level()
    image = only(write(sparse(whole, [0, 2, 5]), tmp_path / "a.dcm"))
    frames = list(image.frames())

    assert [frames[0], frames[2], frames[5]] == [whole.frames[each] for each in (0, 2, 5)]
    assert list(image.frames(1, 3)) == frames[1:3]
    blank = imagecodecs.jpeg8_decode(frames[1])
    assert blank.shape == (BASE.tile_rows, BASE.tile_columns, 3)
    assert blank.min() >= 252
    assert [len(each) for each in frames] == list(image.frame_lengths)
    assert image.derivation


def test_places_without_a_gray_frame_are_zero(tmp_path: Path) -> None:
    made = sparse(gray(level()), [3])
    frames = list(only(write(made, tmp_path / "a.dcm", syntax=ExplicitVRBigEndian)).frames())

    assert frames[3] == made.frames[0]
    assert set(b"".join(frames[:3])) == {0}
    assert len(frames) == TOTAL


@pytest.mark.parametrize("name", ["sm_image_jpegls.dcm"])
def test_a_blank_frame_has_the_codec_of_the_others(corpus: Path, tmp_path: Path, name: str) -> None:
    dataset = pydicom.dcmread(corpus / "dicom/wsi/highdicom" / name)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=25))
    dataset.OpticalPathSequence[0].OpticalPathIdentifier = "1"
    made = sparse(Level(dataset, frames, level().planted), [0, 1])
    image = only(write(made, tmp_path / "a.dcm", syntax=dataset.file_meta.TransferSyntaxUID))
    blank = imagecodecs.jpegls_decode(list(image.frames())[7])

    assert np.all(blank == 255)


def test_a_concatenation_is_one_image(tmp_path: Path) -> None:
    made = level()
    for number, part in enumerate(parts(made, [5, 4, 3])):
        write(part, tmp_path / f"{9 - number}.dcm", pieces=1 + number)
    image = only(tmp_path / "8.dcm")

    assert list(image.frames()) == made.frames
    assert list(image.frames(3, 10)) == made.frames[3:10]
    assert image.dataset is not None
    assert image.dataset.uid == made.planted.uids["Whole"]
    assert not image.dataset.renumbered


def test_a_sparse_concatenation_is_one_image(tmp_path: Path) -> None:
    whole = level()
    order = [*range(6, TOTAL), *range(6)]
    for number, part in enumerate(parts(sparse(whole, order), [6, 6])):
        write(part, tmp_path / f"{number}.dcm")

    assert list(only(tmp_path / "0.dcm").frames()) == whole.frames


def test_every_file_of_a_series_stands_for_the_slide(tmp_path: Path) -> None:
    first = level()
    write(first, tmp_path / "b.dcm")
    second = level(SMALL, 2, first.planted)
    write(second, tmp_path / "a.dcm")
    other = level()
    other.dataset.SeriesInstanceUID = "1.2.3"
    write(other, tmp_path / "c.dcm")
    (tmp_path / "notes.txt").write_text("nothing")

    assert members(tmp_path / "b.dcm") == (tmp_path / "a.dcm", tmp_path / "b.dcm")
    assert members(tmp_path / "notes.txt") == (tmp_path / "notes.txt",)
    assert [each.columns for each in images(tmp_path / "a.dcm")] == [BASE.columns, SMALL.columns]
    with open_slide(tmp_path / "a.dcm") as one, open_slide(tmp_path / "b.dcm") as same:
        assert one.fingerprint == same.fingerprint


def test_two_images_of_one_level_are_refused_by_reason(tmp_path: Path) -> None:
    first = level()
    write(first, tmp_path / "a.dcm")
    write(level(BASE, 2, first.planted), tmp_path / "b.dcm")

    with pytest.raises(SlideError, match="same level"):
        open_slide(tmp_path / "a.dcm")


def test_channels_that_are_instances_of_their_own_are_pyramids_of_their_own(tmp_path: Path) -> None:
    first = level()
    write(first, tmp_path / "a.dcm")
    second = level(BASE, 2, first.planted)
    second.dataset.OpticalPathSequence[0].OpticalPathIdentifier = "2"
    write(second, tmp_path / "b.dcm")

    assert [each.scene for each in images(tmp_path / "a.dcm")] == [0, 1]


def test_one_instance_in_two_files_is_refused(tmp_path: Path) -> None:
    write(level(), tmp_path / "a.dcm")
    shutil.copyfile(tmp_path / "a.dcm", tmp_path / "b.dcm")

    with pytest.raises(SlideError, match="same instance"):
        open_slide(tmp_path / "a.dcm")


def test_what_is_dicom_and_no_slide_is_left_to_another_verb(corpus: Path) -> None:
    with pytest.raises(UnknownSlideError, match="no whole-slide image: `dicomanon deid`"):
        open_slide(corpus / "dicom/wsi/highdicom/seg_image_sm_dots.dcm")


def test_fields_of_a_header_stand_where_they_say(tmp_path: Path) -> None:
    made = level()
    path = write(made, tmp_path / "a.dcm")
    data = path.read_bytes()
    with open_slide(path) as slide:
        found = {each.place: each for each in slide.fields}

    patient = found["PatientID"]
    assert patient.value == made.planted.canaries["PATIENTID"]
    assert data[patient.offset :][: patient.length].decode().strip() == patient.value
    assert "SpecimenDescriptionSequence/SpecimenIdentifier" in found
    assert found["Rows"].value == str(BASE.tile_rows)
    for each in found.values():
        raw = data[each.offset :][: each.length].strip(b" \0")
        assert each.value.encode() in (raw, b"") or each.length <= 8 or not each.value.isascii(), each.place


def test_the_number_of_a_frame_is_no_place_of_another(tmp_path: Path) -> None:
    made = sparse(level(), range(TOTAL))
    made.dataset.DimensionOrganizationType = "TILED_FULL"
    write(made, tmp_path / "a.dcm")
    assert list(only(tmp_path / "a.dcm").frames()) == made.frames

    groups = made.dataset.PerFrameFunctionalGroupsSequence
    groups[0], groups[1] = groups[1], groups[0]
    write(made, tmp_path / "b.dcm")
    with pytest.raises(SlideError):
        open_slide(tmp_path / "b.dcm")


def test_a_tag_that_comes_twice_is_damage(tmp_path: Path) -> None:
    path = write(level(), tmp_path / "a.dcm")
    data = path.read_bytes()
    once = data[(at := data.index(struct.pack("<HH2s", 0x10, 0x20, b"LO"))) :]
    element = once[: 8 + struct.unpack_from("<H", once, 6)[0]]
    path.write_bytes(data[:at] + element + data[at:])

    with pytest.raises(CorruptSlideError, match="twice"):
        open_slide(path)


def test_the_catalogue_knows_every_attribute_that_a_whole_slide_image_can_have() -> None:
    iod = standard.iod_for("1.2.840.10008.5.1.4.1.1.77.1.6")
    assert iod is not None
    for tag in iod.root.children:
        keyword = standard.keyword_of(tag)
        if keyword and tag >> 16 < 0x5200:
            inside = "/any" if standard.vr_of(tag) == "SQ" else ""
            assert row_of("dicom", keyword + inside).attribute == keyword, keyword
    assert row_of("dicom", "private").hides
