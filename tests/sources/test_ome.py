from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import PixelImage, SlideImage, catalogue, claims, open_slide
from tests.ome_slides import (
    ALONE,
    INSIDE,
    INSTRUMENT,
    assert_converts,
    assert_cut_is_damaged,
    brightfield,
    document,
    fluorescence,
    make_canaries,
    make_ome,
    make_set,
    ranges,
    stored,
    whole,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dicomanon.sources import SlideSource
    from tests.ome_slides import Stored

SAMPLE = "slides/synthetic/synthetic-ometiff.ome.tiff"
MPP = {"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.25, "PhysicalSizeZ": 1.5}
NAMES = ("z0.ome.tif", "z1.ome.tif", "z2.ome.tif")
SET = fluorescence(channels=1, planes=3, said=MPP)


def opened(folder: Path, images: Sequence[Stored], xml: bytes | None = None) -> SlideSource:
    return open_slide(make_ome(folder / "slide.ome.tiff", images, xml))


def test_the_levels_of_a_sample_are_its_subifds_with_the_scans_of_the_file(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = path.read_bytes()
    with open_slide(path) as slide, tifffile.TiffFile(path) as tiff:
        levels = tiff.series[0].levels
        assert [(level.rows, level.columns, 3) for level in slide.levels] == [each.shape for each in levels]
        for level, peer in zip(slide.levels, levels, strict=True):
            assert isinstance(level, SlideImage)
            page = peer.pages[0]
            for frame, at, count in zip(level.frames(), page.dataoffsets, page.databytecounts, strict=True):
                assert frame.endswith(data[data.index(b"\xff\xda", at) : at + count])
            assert np.array_equal(whole(level), peer.asarray())
        assert slide.levels[1].spacing == pytest.approx((0.000998, 0.000998))
        others = [("OVERVIEW", 1280, 460), ("LABEL", 600, 560)]
        assert [(image.flavor, image.columns, image.rows) for image in slide.others] == others
        assert np.array_equal(whole(slide.others[1]), tiff.series[1].asarray())
        assert slide.metadata.acquired == dt.datetime(2026, 3, 3, 7, 25, 35)  # noqa: DTZ001
        assert (slide.metadata.software, slide.metadata.name) == ((), "synthetic-ometiff")


def test_what_is_planted_in_a_sample_is_found_where_it_is(corpus: Path) -> None:
    path = corpus / SAMPLE
    data = path.read_bytes()
    planted = json.loads((path.parent / f"{path.name}.phi.json").read_text(encoding="utf-8"))["planted"]
    with open_slide(path) as slide:
        for value in (str(each["value"]) for each in planted):
            held = [field for field in slide.fields if value in field.value]
            assert held
            assert all(value.encode() in data[each.offset : each.offset + each.length] for each in held)


REFUSED = {f"multifile-Z{number}.ome.tiff": "companion" for number in range(1, 6)}
REFUSED |= {"4D-series.ome.tiff": "signed", "multi-channel.ome.tif": "signed"}


@pytest.mark.parametrize("name", REFUSED)
def test_a_real_file_is_refused_by_a_true_reason(corpus: Path, name: str) -> None:
    path = corpus / "slides/ome" / name
    assert [each.name for each in claims(path)] == ["ome"]
    with pytest.raises(SlideError, match=REFUSED[name]) as raised:
        open_slide(path)
    assert type(raised.value) is SlideError


@pytest.mark.parametrize("compression", ["jpeg", "jpeg2000"])
@pytest.mark.parametrize("order", ["XYZCT", "XYCZT"])
def test_tiles_of_channels_and_planes_pass_path_by_path_and_plane_by_plane(
    tmp_path: Path, compression: str, order: str
) -> None:
    image = fluorescence(planes=2, levels=2, compression=compression, said=MPP, order=order)
    path = make_ome(tmp_path / "slide.ome.tiff", [image])
    data = path.read_bytes()
    begin = b"\xff\xda" if compression == "jpeg" else b"\xff\x4f"
    with open_slide(path) as slide:
        for number, level in enumerate(slide.levels):
            assert isinstance(level, SlideImage)
            frames = list(level.frames())
            assert [len(frame) for frame in frames] == list(level.frame_lengths)
            for frame, (at, stop) in zip(frames, ranges(path, image, number), strict=True):
                assert frame.endswith(data[data.index(begin, at) : stop])
            assert list(level.frames(5, 17)) == frames[5:17]
            assert [loss.method for loss in level.losses] == ["ISO_10918_1"] * (compression == "jpeg")
            assert (len(level.paths), level.planes) == (3, 2)
            assert level.plane_spacing == pytest.approx(0.0015)
            for channel, plane in image.places:
                assert np.array_equal(whole(level, plane, channel), stored(path, number)[channel, plane])


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "jpeg2000"])
@pytest.mark.parametrize("tile", [64, 0])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_other_pages_are_pixels_without_loss(
    tmp_path: Path, kind: Any, tile: int, compression: str | None
) -> None:
    image = fluorescence(kind, channels=2, planes=2, levels=2, compression=compression, tile=tile, said=MPP)
    path = make_ome(tmp_path / "slide.ome.tiff", [image])
    with open_slide(path) as slide:
        for number, level in enumerate(slide.levels):
            passes = kind is np.uint8 and compression == "jpeg2000" and tile
            assert passes or (isinstance(level, PixelImage) and level.exact)
            assert (level.bits, level.losses) == (np.iinfo(kind).bits, ())
            for channel, plane in image.places:
                assert np.array_equal(whole(level, plane, channel), stored(path, number)[channel, plane])


@pytest.mark.parametrize("compression", ["jpeg", "lzw", None])
def test_colour_is_the_levels_that_another_reader_reads(tmp_path: Path, compression: str | None) -> None:
    image = brightfield(levels=3, compression=compression, arguments={}, said=MPP)
    path = make_ome(tmp_path / "slide.ome.tiff", [image])
    with open_slide(path) as slide:
        assert [(level.columns, level.rows) for level in slide.levels] == [(200, 150), (100, 75), (50, 38)]
        assert slide.levels[0].spacing == pytest.approx((0.00025, 0.0005))
        assert slide.levels[1].spacing == pytest.approx((0.0005, 0.001))
        for number, level in enumerate(slide.levels):
            assert isinstance(level, SlideImage)
            assert np.array_equal(whole(level), stored(path, number)[0, 0])


def test_spacing_is_said_in_units_of_length(tmp_path: Path) -> None:
    half = ((500, "nm"), (0.0005, "mm"), (0.5, "\u03bcm"), (0.5, "\u00b5m"))
    for value, unit in (*half, (0.5, "pixel"), (0.5, ""), (72, "\u00b5m"), ("nan", "mm")):
        said: dict[str, object] = {"PhysicalSizeY": value, "PhysicalSizeYUnit": unit}
        with opened(tmp_path, [brightfield(said=said)]) as slide:
            wanted = pytest.approx((0.0005, 0.0005)) if (value, unit) in half else None
            assert slide.levels[0].spacing == wanted


def test_optical_paths_have_their_wavelengths_and_ways_of_light(tmp_path: Path) -> None:
    said: tuple[dict[str, object], ...] = (
        {"ExcitationWavelength": 353, "EmissionWavelength": 465.5, "Name": "CANARYSTAIN"},
        {"EmissionWavelength": 0.561, "EmissionWavelengthUnit": "\u00b5m"},
        {"ContrastMethod": "Brightfield"},
        {},
    )
    wanted = [(True, 353, 465.5), (True, None, 561), (False, None, None), (True, None, None)]
    with opened(tmp_path, [replace(fluorescence(channels=4), channels=said)]) as slide:
        found = slide.levels[0].paths
        assert [(each.fluorescence, each.excitation, each.emission) for each in found] == wanted
    for only, lit in (({}, False), ({"ContrastMethod": "Fluorescence"}, True), (said[1], True)):
        with opened(tmp_path, [replace(fluorescence(channels=1), channels=(only,))]) as slide:
            assert [path.fluorescence for path in slide.levels[0].paths] == [lit]


FLAVORS = {
    "LABEL": ("label", "S26-1.svs [label image]", "barcode"),
    "OVERVIEW": ("Macro", "macro image 2", "S26-1 overview", "whatever", ""),
    "THUMBNAIL": ("Thumbnail image", "thumb"),
    "": ("macrophage stain", "label-free tissue", "unlabel", "label.svs"),
}


@pytest.mark.parametrize("flavor", FLAVORS)
def test_images_beside_the_tissue_are_what_their_names_say(tmp_path: Path, flavor: str) -> None:
    for name in FLAVORS[flavor]:
        rows = 30 if flavor == "THUMBNAIL" else 40
        coarse = {"PhysicalSizeX": 30} if flavor else MPP
        beside = brightfield(rows, 40, name=name, compression="lzw", arguments={}, tile=0, said=coarse)
        with opened(tmp_path, [beside, brightfield(levels=2, said=MPP)]) as slide:
            assert [level.columns for level in slide.levels] == [*([] if flavor else [40]), 200, 100]
            assert [image.flavor for image in slide.others] == [flavor] * bool(flavor)
            assert np.array_equal(whole(slide.others[0] if flavor else slide.levels[0]), beside.pages[0][0])


def test_a_thumbnail_that_may_show_the_glass_is_an_overview_of_one_frame(tmp_path: Path) -> None:
    beside = brightfield(150, 90, name="thumbnail", levels=2, said={"PhysicalSizeX": 30})
    with opened(tmp_path, [brightfield(300, 400, levels=2, said=MPP), beside]) as slide:
        (only,) = slide.others
        assert isinstance(only, PixelImage)
        assert (only.flavor, only.tile) == ("OVERVIEW", (150, 90))
        assert only.spacing == pytest.approx((0.03, 0.03))
        assert np.array_equal(whole(only), stored(tmp_path / "slide.ome.tiff", image=1)[0, 0])


def test_further_images_are_scenes_or_levels_by_how_fine_they_are(tmp_path: Path) -> None:
    scene = brightfield(100, 120, levels=2, said=MPP, name="second")
    with opened(
        tmp_path, [scene, brightfield(levels=2, said=MPP), brightfield(30, 40, name="label")]
    ) as slide:
        found = [(level.scene, level.columns) for level in slide.levels]
        assert found == [(0, 120), (0, 60), (1, 200), (1, 100)]
        assert [image.flavor for image in slide.others] == ["LABEL"]
    lower = brightfield(75, 100, name="", said={"PhysicalSizeX": 1.0, "PhysicalSizeY": 0.5})
    with opened(tmp_path, [brightfield(said=MPP), lower, brightfield(38, 50, name="")]) as slide:
        assert [(level.scene, level.columns) for level in slide.levels] == [(0, 200), (0, 100), (0, 50)]
        assert slide.levels[2].spacing == pytest.approx((0.001, 0.002))
    with pytest.raises(SlideError, match="no image is of tissue"):
        opened(tmp_path, [brightfield(name="label")])


@pytest.mark.parametrize("number", range(3))
def test_each_file_of_a_set_gives_the_whole_set(tmp_path: Path, number: int) -> None:
    paths = make_set(tmp_path, SET, NAMES)
    with open_slide(paths[0]) as first, open_slide(paths[number]) as slide:
        level = slide.levels[0]
        assert (level.planes, len(level.paths)) == (3, 1)
        for plane in range(3):
            assert np.array_equal(whole(level, plane)[:, :, 0], SET.pages[0][plane])
        assert (slide.fingerprint, slide.metadata) == (first.fingerprint, first.metadata)
        assert slide.metadata.name == "z0"
        assert {field.file for field in slide.fields} == {"", *NAMES} - {NAMES[number]}
        for field in (each for each in slide.fields if each.value.startswith("urn:")):
            data = (tmp_path / (field.file or NAMES[number])).read_bytes()
            assert data[field.offset : field.offset + field.length] == field.value.encode()


def test_a_set_that_lacks_a_file_or_has_another_is_damaged(tmp_path: Path) -> None:
    paths = make_set(tmp_path, SET, NAMES)
    shutil.copy(paths[2], paths[1])
    with pytest.raises(CorruptSlideError, match="not the one"):
        open_slide(paths[0])
    paths[1].unlink()
    for path in (paths[0], paths[2]):
        with pytest.raises(CorruptSlideError, match="missing"):
            open_slide(path)
    paths[1].mkdir()
    with pytest.raises(CorruptSlideError, match="missing"):
        open_slide(paths[0])
    paths[1].rmdir()
    make_set(tmp_path, SET, NAMES)[0].rename(tmp_path / "renamed.ome.tif")
    with open_slide(tmp_path / "renamed.ome.tif") as slide:
        assert slide.levels[0].planes == 3


@pytest.mark.parametrize("name", ["../z1.ome.tif", "/etc/passwd", "a\\z1.ome.tif", "..", "C:z1.ome.tif"])
def test_a_set_reaches_no_file_outside_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    image = fluorescence(channels=1, planes=2, said=MPP)
    make_set(tmp_path, image, NAMES[:2])
    alone = replace(image, pages=[image.pages[0][:1]])
    path = make_ome(tmp_path / "in" / NAMES[0], [alone], document([image], files=(NAMES[0], name)))
    with pytest.raises(CorruptSlideError, match="not beside it"):
        open_slide(path)


@pytest.mark.parametrize("known", [True, False])
def test_the_facts_of_a_slide_are_mapped_by_name_if_they_are_known(tmp_path: Path, known: bool) -> None:  # noqa: FBT001
    words = ("Hamamatsu Photonics", "NanoZoomer S360") if known else ("Dr Zoe", "Scanner of Dr Zoe")
    creator = "OME Bio-Formats 5.2.2" if known else "scanner on PATH-WS07"
    images = [brightfield(30, 40, name="label"), brightfield(inside=INSIDE)]
    xml = document(images, INSTRUMENT.format(*words), f' Creator="{creator}"')
    with opened(tmp_path, images, xml) as slide:
        facts = slide.metadata
    assert (facts.manufacturer, facts.model) == (words if known else ("", ""))
    assert facts.software == ((creator,) if known else ())
    assert (facts.serial, facts.objective_power, facts.name) == ("SS4711", 20, "slide")
    assert facts.acquired == dt.datetime(2026, 3, 7, 16, 2, 37, 442034, dt.UTC)
    assert (facts.barcode, facts.label_text) == ("", "")


def test_every_place_of_the_catalogue_is_found_where_it_is_and_no_other_is_carried(tmp_path: Path) -> None:
    rows = {row.place.removeprefix("ImageDescription/"): row for row in catalogue("ome").values()}
    odd = ("*", "Creator", "UUID", "Image/Pixels/comment", "ImageDescription")
    places = [each for each in rows if rows[each].names != "nothing" and each not in odd]
    inside = [each for each in places if "/" in each and not each.startswith("BinaryOnly")]
    planted = make_canaries(tmp_path / "slide.ome.tiff", inside)
    data = (tmp_path / "slide.ome.tiff").read_bytes()
    with open_slide(tmp_path / "slide.ome.tiff") as slide:
        found = {(field.place.removeprefix("ImageDescription/"), field.value) for field in slide.fields}
        assert {(place, planted[place]) for place in planted if not place.startswith("tag ")} <= found
        values = {field.value for field in slide.fields}
        assert {*planted.values(), *(f"CANARY{each}" for each in ALONE)} <= values
        for field in (each for each in slide.fields if "CANARY" in each.value):
            assert data[field.offset : field.offset + field.length].decode() == field.value
        assert "CANARY" not in repr(replace(slide.metadata, serial=""))


CONTRADICTIONS = {
    "points in time": ["SizeT=2"],
    "signed or real numbers": ["Type=int16", "Type=float"],
    "8 or 16 bits": ["Type=uint32"],
    "damage: contradict": ["Type=uint16", "SizeX=0", f"SizeX={2**31}"],
    "damage: no number": ["SizeX=many"],
    "damage: no channels or planes, absurdly many, or no order": [
        "SizeZ=0",
        f"SizeC={10**9}",
        "DimensionOrder=XYZZZ",
    ],
    "damage: no page": ["SizeZ=99", "SizeC=4"],
}


@pytest.mark.parametrize("reason", CONTRADICTIONS)
def test_what_the_xml_says_and_the_pages_have_not_is_refused(tmp_path: Path, reason: str) -> None:
    image = fluorescence(planes=2)
    for key, _, value in (each.partition("=") for each in CONTRADICTIONS[reason]):
        with pytest.raises(SlideError, match=reason.removeprefix("damage: ")) as raised:
            opened(tmp_path, [image], document([replace(image, said={key: value})]))
        assert isinstance(raised.value, CorruptSlideError) == reason.startswith("damage")


IFD, FIRST, DTD = 'IFD="1"', 'FirstC="1"', '<!DOCTYPE x [<!ENTITY a "b">]>'
EDITS = [(IFD, 'IFD="0"'), (IFD, 'IFD="77"'), (IFD, 'IFD="-1"'), (FIRST, 'FirstC="0"'), (FIRST, 'FirstC="7"')]
EDITS += [("?>", f"?>{DTD}"), ("</OME>", ""), ("</OME>", "&a;</OME>")]


@pytest.mark.parametrize(("old", "new"), EDITS)
def test_xml_that_contradicts_itself_is_damage(tmp_path: Path, old: str, new: str) -> None:
    image = fluorescence(channels=2)
    xml = document([image]).decode().replace(old, new, 1)
    path = make_ome(tmp_path / "slide.tif", [image], xml.encode())
    assert [each.name for each in claims(path)] == ["ome"]
    with pytest.raises(CorruptSlideError):
        open_slide(path)


def test_pages_without_numbers_are_taken_in_order(tmp_path: Path) -> None:
    image = fluorescence(channels=2, order="XYCZT")
    front, _, rest = document([image]).decode().partition("<TiffData")
    for data in ("", "<TiffData/>", '<TiffData IFD="0" PlaneCount="2"/>'):
        xml = f"{front}{data}{rest[rest.index('</Pixels>') :]}"
        with opened(tmp_path, [image], xml.encode()) as slide:
            assert np.array_equal(whole(slide.levels[0], 0, 1)[:, :, 0], image.pages[1][0])


def test_pages_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "slide.ome.tiff"
    image = fluorescence(channels=3)
    described: dict[str, Any] = {"description": document([image]), "metadata": None}
    pixels = np.stack([channel[0] for channel in image.pages])
    tifffile.imwrite(path, pixels, photometric="minisblack", planarconfig="separate", **described)
    with pytest.raises(SlideError, match="samples of one page"):
        open_slide(path)
    with tifffile.TiffWriter(path) as tiff:
        tiff.write(pixels[0], subifds=1, **described)
        tiff.write(pixels[0, ::2, ::2], metadata=None)
        for channel in pixels[1:]:
            tiff.write(channel, metadata=None)
    with pytest.raises(CorruptSlideError, match="lacks a channel"):
        open_slide(path)


def test_only_ome_xml_is_claimed_and_it_is_claimed_in_any_form(tmp_path: Path) -> None:
    plain = document([brightfield()]).decode()
    prefixed = plain.replace("<OME ", "<OME:OME xmlns:OME='x' ").replace("</OME>", "</OME:OME>")
    commented = plain.replace("?>", "?>\n<!-- Warning: <OME> -->\n", 1)
    for text in (plain, prefixed, commented, plain.partition("?>")[2]):
        path = make_ome(tmp_path / "slide.tif", [brightfield()], text.encode())
        assert [each.name for each in claims(path)] == ["ome"]
        open_slide(path).close()
    for text in ("<OME-metadata not available>", "Aperio <OME xmlns='x'>", "<x><OME /></x>"):
        path = make_ome(tmp_path / "slide.tif", [brightfield()], text.encode())
        assert "ome" not in [each.name for each in claims(path)]
    path = tmp_path / "set.companion.ome"
    path.write_bytes(plain.encode())
    assert [each.name for each in claims(path)] == ["ome"]
    with pytest.raises(SlideError, match="companion file of OME"):
        open_slide(path)


@pytest.mark.parametrize("compression", ["jpeg", "lzw"])
def test_a_slide_that_is_cut_anywhere_is_damaged_or_whole(tmp_path: Path, compression: str) -> None:
    tissue = fluorescence(channels=2, planes=2, levels=2, compression=compression)
    path = make_ome(tmp_path / "slide.ome.tiff", [tissue, brightfield(30, 40, name="label")])
    assert_cut_is_damaged(path)


CONVERTED = {
    "colour": brightfield(levels=2, said=MPP),
    "jpeg": fluorescence(planes=2, levels=2, compression="jpeg", said=MPP),
    "jpeg2000": fluorescence(planes=2, levels=2, compression="jpeg2000", said=MPP),
    "16 bits": fluorescence(np.uint16, planes=3, levels=2, compression="zlib", said=MPP),
    "strips": fluorescence(np.uint16, channels=1, planes=2, tile=0, said=MPP),
    "lzw": fluorescence(channels=1, compression="lzw", said=MPP),
}


@pytest.mark.parametrize("name", CONVERTED)
def test_a_converted_slide_is_valid_in_every_image(tmp_path: Path, name: str) -> None:
    images = [CONVERTED[name], brightfield(100, 90, name="label")]
    assert_converts(make_ome(tmp_path / "slide.ome.tiff", images), tmp_path)
