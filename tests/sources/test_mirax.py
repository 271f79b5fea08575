from __future__ import annotations

import json
import re
import shutil
import struct
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import openslide
import pytest

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, SlideImage, catalogue, claims, open_slide, row_of
from tests.mirax_slides import IDENTIFIER, TILE, Mirax, make_mirax, planted
from tests.peers import dciodvfy
from tests.ventana_slides import coded, pixels, scan

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SAMPLE = "slides/synthetic/synthetic-mrxs.mrxs"
PACKED = ("nonhier/ScanDataLayer_ProfileXML/", "nonhier/ScanDataLayer_Utf16/")
CARRIED = ("SCANNER_HARDWARE_ID", "SLIDE_BARCODE")


def read(slide: openslide.OpenSlide, level: int) -> NDArray[Any]:
    """Return a whole level as OpenSlide reads it, laid over white."""
    found = np.asarray(slide.read_region((0, 0), level, slide.level_dimensions[level]))
    shown: NDArray[Any] = np.where(found[:, :, 3:] == 0, np.uint8(255), found[:, :, :3])
    return shown


def files_of(path: Path) -> dict[str, bytes]:
    """Return the files of a slide by the name that a field calls them."""
    folder = path.with_suffix("")
    beside = {f"{folder.name}/{each.name}": each.read_bytes() for each in folder.iterdir()}
    return {"": path.read_bytes(), **beside}


def copied(corpus: Path, folder: Path) -> Path:
    """Copy the sample, so that it can be damaged."""
    path = folder / "slide.mrxs"
    shutil.copyfile(corpus / SAMPLE, path)
    shutil.copytree((corpus / SAMPLE).with_suffix(""), path.with_suffix(""), copy_function=shutil.copyfile)
    path.with_suffix("").chmod(0o755)
    return path


def test_tiles_of_an_mrxs_without_overlap_are_the_scans_of_the_file(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = (path.with_suffix("") / "Data0000.dat").read_bytes()
    with open_slide(path) as slide:
        for level in slide.levels:
            assert isinstance(level, SlideImage)
            frames = list(level.frames())
            assert list(map(len, frames)) == list(level.frame_lengths)
            assert all(scan(frame) in data for frame in frames)


def test_pixels_geometry_and_spacing_are_those_that_openslide_reads(corpus: Path) -> None:
    path = corpus / SAMPLE
    with openslide.OpenSlide(path) as other, open_slide(path) as slide:
        sizes = tuple((level.columns, level.rows) for level in slide.levels)
        assert (
            sizes
            == other.level_dimensions
            == ((4096, 3072), (2048, 1536), (1024, 768), (512, 384), (256, 192))
        )
        for number, level in enumerate(slide.levels[1:], 1):
            assert np.array_equal(pixels(level), read(other, number)), number
        base = coded(slide.levels[0])
        for frame in (0, 1, 16, 100, 191):
            (data,) = base.frames(frame, frame + 1)
            row, column = divmod(frame, 16)
            tile = replace(
                base, columns=256, rows=256, frame_lengths=[len(data)], frames=lambda *_, d=data: iter((d,))
            )
            wanted = np.asarray(other.read_region((column * 256, row * 256), 0, (256, 256)))[:, :, :3]
            assert np.array_equal(pixels(tile), wanted), frame
        mpp = tuple(float(other.properties[f"openslide.mpp-{axis}"]) / 1000 for axis in "yx")
        assert slide.levels[0].spacing == mpp == (0.0005, 0.0005)
        assert slide.levels[2].spacing == (0.002, 0.002)
        for image, name in zip(slide.others, ("thumbnail", "macro", "label"), strict=True):
            assert np.array_equal(pixels(image), np.asarray(other.associated_images[name])[:, :, :3])
    assert [image.flavor for image in slide.others] == ["THUMBNAIL", "OVERVIEW", "LABEL"]


def test_facts_of_the_sample_are_mapped_and_every_planted_value_is_a_field_at_its_bytes(corpus: Path) -> None:
    path = corpus / SAMPLE
    files = files_of(path)
    with open_slide(path) as slide:
        facts = slide.metadata
        for each in json.loads((path.parent / f"{path.name}.phi.json").read_text())["planted"]:
            found = [field for field in slide.fields if field.value == each["value"]]
            assert found, each["where"]
            for field in found:
                assert row_of("mirax", field.place).hides
                stored = files[field.file][field.offset : field.offset + field.length]
                assert field.length == 0 or stored.decode() == field.value
        identifiers = [field.file for field in slide.fields if field.place.endswith("SLIDE_ID")]
    assert len(identifiers) == 3
    assert (facts.serial, facts.objective_power) == ("SS27936", 20)
    assert facts.barcode == "S26-35312-A1-HE|MRN7297654|19410502"
    assert facts.acquired is not None
    assert facts.acquired.isoformat() == "2026-03-08T15:13:25+00:00"
    assert facts.manufacturer == "3DHISTECH"


def test_tiles_that_are_missing_are_white_and_the_others_are_where_openslide_sees_them(
    tmp_path: Path,
) -> None:
    path = make_mirax(tmp_path / "slide.mrxs")
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        assert [(level.columns, level.rows) for level in slide.levels] == [(320, 192), (160, 96), (80, 48)]
        for number, level in enumerate(slide.levels):
            assert np.array_equal(pixels(level), read(other, number)), number
        assert pixels(slide.levels[0])[:TILE, 4 * TILE :].min() == 255
        spacing = slide.levels[1].spacing
        assert spacing == pytest.approx((0.00052, 0.0005))


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        (Mirax(overlap=8), "fields of view overlap"),
        (Mirax(overlap=8, focus=3), "several focal planes"),
        (Mirax(focus=3), "several focal planes"),
        (Mirax(progressive=True), "put together"),
        (Mirax(6, 4, general={"CameraImageDivisionsPerSide": "2"}), "put together"),
        (Mirax(6, 4, overlap=8, general={"CameraImageDivisionsPerSide": "2"}), "fields of view overlap"),
    ],
)
def test_what_is_no_grid_of_frames_is_put_together_as_openslide_does(
    tmp_path: Path, shape: Mirax, why: str
) -> None:
    path = make_mirax(tmp_path / "slide.mrxs", shape)
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        assert tuple((level.columns, level.rows) for level in slide.levels) == other.level_dimensions
        for number, level in enumerate(slide.levels):
            assert isinstance(level, PixelImage)
            assert why in level.why
            whole = level.read(Region(0, 0, level.columns, level.rows))
            assert np.array_equal(whole, read(other, number))


def test_every_place_of_the_catalogue_is_found_at_its_bytes_and_only_its_own_are_carried(
    tmp_path: Path,
) -> None:
    path = make_mirax(tmp_path / "slide.mrxs")
    files = files_of(path)
    with open_slide(path) as slide:
        for field in slide.fields:
            stored = files[field.file][field.offset : field.offset + field.length]
            assert field.length == 0 or stored.decode() == field.value, field.place
            assert field.length or any(each in f"{field.place}/" for each in PACKED)
        places = {field.place for field in slide.fields}
        values = [field.value for field in slide.fields]
        carried = repr(slide.metadata)
    assert set(planted()) <= places
    needed = {place for place in catalogue("mirax") if place.startswith(("Index", "Data/"))}
    assert needed <= places
    plain = b"".join(data for name, data in files.items() if name)
    told = set(re.findall(rb"CANARY[A-Z0-9_]+", plain + files[""]))
    assert {text.decode() for text in told} <= set(re.findall(r"CANARY[A-Z0-9_]+", " ".join(values)))
    for packed in ("CANARYPROFILE & Co", "CANARYOPERATOR", "CANARYREMARK", "CANARYWIDEOPERATOR"):
        assert packed in values
    own = {value for place, value in planted().items() if place.rpartition("/")[2] in CARRIED}
    assert set(re.findall(r"CANARY\w+", carried)) <= own


def test_numbers_of_a_record_hide_nothing_and_its_words_do(tmp_path: Path) -> None:
    with open_slide(make_mirax(tmp_path / "slide.mrxs")) as slide:
        rows = {field.value: row_of("mirax", field.place) for field in slide.fields}
    assert not rows["1.2345"].hides
    assert not rows["123456.5"].hides
    assert rows["CANARYOPERATOR"].hides
    assert rows["CANARYWARD"].hides
    assert rows[IDENTIFIER].hides


@pytest.mark.parametrize("text", ["Pannoramic 250 Flash III", "P1000", "MIRAX MIDI"])
def test_a_model_is_carried_only_where_it_is_known(tmp_path: Path, text: str) -> None:
    shape = Mirax(general={"SCANNER_HARDWARE_VERSION": text})
    with open_slide(make_mirax(tmp_path / "slide.mrxs", shape)) as slide:
        assert slide.metadata.model == text
    shape = Mirax(general={"SCANNER_HARDWARE_VERSION": f"{text} of Dr. CANARY"})
    with open_slide(make_mirax(tmp_path / "slide.mrxs", shape)) as slide:
        assert slide.metadata.model == ""


def test_words_of_pictures_are_not_in_their_frames(tmp_path: Path) -> None:
    with open_slide(make_mirax(tmp_path / "slide.mrxs")) as slide:
        assert [image.flavor for image in slide.others] == ["THUMBNAIL", "OVERVIEW", "LABEL"]
        for image in slide.others[1:]:
            assert not any(b"CANARY" in frame for frame in coded(image).frames())


def test_a_preview_of_other_proportions_than_the_tissue_may_show_the_label_and_is_no_thumbnail(
    tmp_path: Path,
) -> None:
    with open_slide(make_mirax(tmp_path / "slide.mrxs", Mirax(preview=(32, 96)))) as slide:
        assert [image.flavor for image in slide.others] == ["OVERVIEW", "LABEL"]


def test_the_picture_of_the_whole_slide_is_the_overview_where_there_is_no_other(tmp_path: Path) -> None:
    with open_slide(make_mirax(tmp_path / "slide.mrxs", Mirax(macro="WholeSlide"))) as slide:
        overview = slide.overview
        assert overview is not None
        assert (overview.columns, overview.rows) == (120, 40)


def test_a_slide_is_claimed_by_its_own_format_only_with_or_without_its_folder(
    tmp_path: Path, corpus: Path
) -> None:
    path = make_mirax(tmp_path / "slide.mrxs")
    assert [each.name for each in claims(path)] == ["mirax"]
    shutil.rmtree(path.with_suffix(""))
    assert [each.name for each in claims(path)] == ["mirax"]
    with pytest.raises(CorruptSlideError, match="folder is missing"):
        open_slide(path)
    for each in sorted((corpus / "slides").rglob("*")):
        if each.is_file() and each.suffix != ".mrxs":
            assert "mirax" not in [found.name for found in claims(each)], each.name


@pytest.mark.parametrize("kind", ["SLIDE_TYPE", "VIMSLIDE_SLIDE_TYPE"])
def test_fluorescence_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    path = make_mirax(tmp_path / "slide.mrxs", Mirax(general={kind: "SLIDE_TYPE_FLUORESCENCE"}))
    with pytest.raises(SlideError, match="fluorescence") as refused:
        open_slide(path)
    assert not isinstance(refused.value, CorruptSlideError)


@pytest.mark.parametrize("name", ["Slidedat.ini", "Index.dat", "Data0000.dat", "Data0001.dat"])
@pytest.mark.parametrize("overlap", [0, 8])
def test_a_file_that_is_missing_or_cut_short_anywhere_is_damage(
    tmp_path: Path, name: str, overlap: int
) -> None:
    path = make_mirax(tmp_path / "slide.mrxs", Mirax(overlap=overlap))
    part = path.with_suffix("") / name
    whole = part.read_bytes()
    with open_slide(path) as slide:
        sizes = [(image.columns, image.rows, image.spacing) for image in slide.images]
    begin = time.monotonic()
    for size in range(0, len(whole), len(whole) // 20):
        part.write_bytes(whole[:size])
        try:
            with open_slide(path) as slide:
                # Only what nothing leads to was cut off.
                assert [(image.columns, image.rows, image.spacing) for image in slide.images] == sizes
                assert name == "Slidedat.ini"
        except CorruptSlideError:
            continue
    part.unlink()
    with pytest.raises(CorruptSlideError):
        open_slide(path)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("IMAGENUMBER_X = 5", "IMAGENUMBER_X = 0"),
        ("IMAGENUMBER_X = 5", "IMAGENUMBER_X = 2"),
        ("IMAGENUMBER_X = 5", "IMAGENUMBER_X = 999999999"),
        ("IMAGENUMBER_X = 5", "IMAGENUMBER_X = five"),
        ("DIGITIZER_WIDTH = 64", "DIGITIZER_WIDTH = 0"),
        ("DIGITIZER_WIDTH = 64", "DIGITIZER_WIDTH = 65"),
        ("DIGITIZER_WIDTH = 64", "DIGITIZER_WIDTH = 99999999"),
        ("IMAGE_CONCAT_FACTOR = 1", "IMAGE_CONCAT_FACTOR = 40"),
        ("HIER_0_COUNT = 3", "HIER_0_COUNT = 0"),
        ("HIER_0_COUNT = 3", "HIER_0_COUNT = 99999"),
        ("NONHIER_0_COUNT = 8", "NONHIER_0_COUNT = 4000"),
        ("FILE_COUNT = 2", "FILE_COUNT = 0"),
        ("FILE_COUNT = 2", "FILE_COUNT = 1"),
        ("OVERLAP_X = 0", "OVERLAP_X = some"),
        (IDENTIFIER, IDENTIFIER[::-1]),
        ("SLIDE_VERSION = 01.02", "CameraImageDivisionsPerSide = 2"),
        ("SLIDE_VERSION = 01.02", "CameraImageDivisionsPerSide = 0"),
    ],
)
def test_settings_that_cannot_be_are_damage(tmp_path: Path, old: str, new: str) -> None:
    path = make_mirax(tmp_path / "slide.mrxs")
    part = path.with_suffix("") / "Slidedat.ini"
    text = part.read_text(encoding="utf-8-sig")
    assert old in text
    part.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_fields_of_view_lie_where_the_slide_says_and_none_may_lie_far_off(tmp_path: Path) -> None:
    places = tuple((x * 60 + y, y * 58 + x) for y in range(3) for x in range(5))
    path = make_mirax(tmp_path / "slide.mrxs", Mirax(overlap=6, positions=places))
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        base = slide.levels[0]
        assert isinstance(base, PixelImage)
        assert (base.columns, base.rows) == other.dimensions
        found = np.asarray(other.read_region((0, 0), 0, other.dimensions))
        whole = found[:, :, 3] == 255
        assert whole.any()
        assert np.array_equal(pixels(base)[whole], found[:, :, :3][whole])
    for far in ((1 << 30, 0), (0, -(1 << 30))):
        with pytest.raises(CorruptSlideError, match="far from"):
            open_slide(make_mirax(path, Mirax(overlap=6, positions=(far, *places[1:]))))


@pytest.mark.parametrize("name", ["../Data0000.dat", "/etc/passwd", "Index.dat/../x"])
def test_files_elsewhere_are_not_read(tmp_path: Path, name: str) -> None:
    path = make_mirax(tmp_path / "slide.mrxs")
    part = path.with_suffix("") / "Slidedat.ini"
    text = part.read_text(encoding="utf-8-sig")
    part.write_text(text.replace("FILE_0 = Data0000.dat", f"FILE_0 = {name}"), encoding="utf-8")
    with pytest.raises(SlideError):
        open_slide(path)


@pytest.mark.parametrize("value", [0, -1, 45, 1 << 30])
def test_an_index_that_leads_astray_is_damage_or_opens_as_it_was_and_ends(tmp_path: Path, value: int) -> None:
    path = make_mirax(tmp_path / "slide.mrxs")
    part = path.with_suffix("") / "Index.dat"
    whole = part.read_bytes()
    begin = time.monotonic()
    damaged = 0
    for at in range(37, len(whole) - 3, 4):
        part.write_bytes(whole[:at] + struct.pack("<i", value) + whole[at + 4 :])
        try:
            with open_slide(path) as slide:
                assert slide.levels
        except CorruptSlideError:
            damaged += 1
    assert damaged > 10
    assert time.monotonic() - begin < 5


def test_a_list_that_leads_back_to_itself_is_damage(tmp_path: Path) -> None:
    path = make_mirax(tmp_path / "slide.mrxs")
    part = path.with_suffix("") / "Index.dat"
    data = bytearray(part.read_bytes())
    (table,) = struct.unpack_from("<i", data, 37)
    (start,) = struct.unpack_from("<i", data, table)
    (page,) = struct.unpack_from("<i", data, start + 4)
    struct.pack_into("<i", data, page + 4, page)
    part.write_bytes(data)
    with pytest.raises(CorruptSlideError, match="no end"):
        open_slide(path)


def test_xml_with_a_document_type_is_damage_and_xml_that_is_none_is_words(tmp_path: Path) -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "CANARY">]><a>&b;</a>'
    with pytest.raises(CorruptSlideError, match="document type"):
        open_slide(make_mirax(tmp_path / "slide.mrxs", Mirax(profile=bomb)))
    with open_slide(make_mirax(tmp_path / "slide.mrxs", Mirax(profile=b"<a>CANARYBROKEN"))) as slide:
        assert "<a>CANARYBROKEN" in [field.value for field in slide.fields]


def test_a_level_without_tiles_is_damage(tmp_path: Path) -> None:
    for level, places in ((0, 15), (2, 2)):
        missing = frozenset((level, place) for place in range(places))
        with pytest.raises(CorruptSlideError, match="no tile"):
            open_slide(make_mirax(tmp_path / f"slide{level}.mrxs", Mirax(missing=missing)))


def test_the_same_slide_has_the_same_fingerprint_wherever_it_is(corpus: Path, tmp_path: Path) -> None:
    with open_slide(copied(corpus, tmp_path)) as one, open_slide(corpus / SAMPLE) as other:
        assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("shape", [Mirax(), Mirax(overlap=8)])
def test_a_slide_becomes_valid_dicom(tmp_path: Path, shape: Mirax) -> None:
    options = ConvertOptions()
    with prepared(make_mirax(tmp_path / "slide.mrxs", shape), options, tmp_path) as slide:
        files = []
        for number, instance in enumerate(instances(slide, options)):
            files.append(tmp_path / f"{number}.dcm")
            write_identified(instance, files[-1])
        assert len(files) == len(slide.images) == 6
        assert ("fields of view overlap" in slide.images[0].derivation) == bool(shape.overlap)
    assert all(dciodvfy(file) == [] for file in files)
