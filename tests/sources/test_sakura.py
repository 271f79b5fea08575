from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import openslide
import pytest

from dicomanon.convert import ConvertOptions, instances, prepared
from dicomanon.errors import CorruptSlideError
from dicomanon.part10.plain import write_identified
from dicomanon.sources import PixelImage, Region, catalogue, claims, open_slide, row_of
from tests.peers import dciodvfy
from tests.sakura_slides import FACTORS, TEXTS, base, make_sakura
from tests.ventana_slides import pixels, psnr

if TYPE_CHECKING:
    from pathlib import Path


def test_pixels_geometry_and_spacing_are_those_that_openslide_reads(tmp_path: Path) -> None:
    path = make_sakura(tmp_path / "slide.svslide")
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        assert tuple((level.columns, level.rows) for level in slide.levels) == other.level_dimensions
        for number, level in enumerate(slide.levels):
            wanted = np.asarray(other.read_region((0, 0), number, other.level_dimensions[number]))[:, :, :3]
            assert isinstance(level, PixelImage)
            assert np.array_equal(level.read(Region(0, 0, level.columns, level.rows)), wanted)
            assert psnr(pixels(level), base(FACTORS[number])) > 45  # JPEG at quality 95
        assert slide.levels[0].spacing == pytest.approx((0.000465, 0.000465))
        for image, name in zip(slide.others, ("thumbnail", "macro", "label"), strict=True):
            assert np.array_equal(pixels(image), np.asarray(other.associated_images[name])[:, :, :3])
    assert [image.flavor for image in slide.others] == ["THUMBNAIL", "OVERVIEW", "LABEL"]


def test_of_several_focal_planes_one_is_taken_and_the_slide_says_so(tmp_path: Path) -> None:
    with open_slide(make_sakura(tmp_path / "slide.svslide", planes=3)) as slide:
        assert isinstance(slide.levels[0], PixelImage)
        assert "of several focal planes" in slide.levels[0].why


def test_a_slide_without_focal_planes_is_damage_and_not_empty(tmp_path: Path) -> None:
    with pytest.raises(CorruptSlideError, match="no focal plane"):
        open_slide(make_sakura(tmp_path / "slide.svslide", planes=0))


def test_every_text_of_the_tables_is_a_field_and_only_those_of_the_catalogue_are_carried(
    tmp_path: Path,
) -> None:
    with open_slide(make_sakura(tmp_path / "slide.svslide")) as slide:
        said = {(field.place, field.value) for field in slide.fields}
        facts = slide.metadata
    for table, texts in TEXTS.items():
        for column, value in texts.items():
            assert (f"{table}/{column}", value) in said
            assert row_of("sakura", f"{table}/{column}").hides
    assert {("data/Note", "CANARYNOTE"), ("SVScannedImageDataXPO/Image/JPEG/COM", "CANARYCOMMENT")} <= said
    absent = {"SVSlideDataXPO/Barcode"}  # not a column that OpenSlide tells of
    rows = {place for place in catalogue("sakura") if not place.endswith("*")}
    assert rows - absent <= {place for place, _ in said}
    assert "CANARY" not in repr(facts)
    assert (facts.manufacturer, facts.objective_power) == ("Sakura Finetek", 20)
    assert facts.acquired is not None
    assert facts.acquired.isoformat() == "2012-05-10T14:22:58"


def test_a_slide_is_claimed_by_its_own_format_only_whatever_its_name(tmp_path: Path, corpus: Path) -> None:
    for name in ("slide.svslide", "slide.db"):
        assert [each.name for each in claims(make_sakura(tmp_path / name))] == ["sakura"]
    (tmp_path / "broken.svslide").write_bytes(b"no data base")
    assert [each.name for each in claims(tmp_path / "broken.svslide")] == ["sakura"]
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE something (text TEXT)")
    assert claims(tmp_path / "other.db") == ()
    for path in sorted((corpus / "slides").rglob("*")):
        if path.is_file():
            assert "sakura" not in [each.name for each in claims(path)], path.name


def test_a_slide_cut_short_anywhere_is_damage_and_still_claimed(tmp_path: Path) -> None:
    path = make_sakura(tmp_path / "slide.svslide")
    whole = path.read_bytes()
    begin = time.monotonic()
    for size in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        assert [each.name for each in claims(path)] == ["sakura"]
        with pytest.raises(CorruptSlideError):
            open_slide(path)
    assert time.monotonic() - begin < 5


def changed(path: Path, *statements: str) -> Path:
    """Change the tables of a slide."""
    with closing(sqlite3.connect(path)) as file:
        for each in statements:
            file.execute(each)
        file.commit()
    return path


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM DataManagerSQLiteConfigXPO",
        "INSERT INTO DataManagerSQLiteConfigXPO VALUES (2, 'other')",
        "UPDATE DataManagerSQLiteConfigXPO SET TableName = 'sqlite_master'",
        "UPDATE DataManagerSQLiteConfigXPO SET TableName = 'a\" UNION SELECT 1'",
        "DELETE FROM CANARYTABLE WHERE id = 'Header'",
        "DELETE FROM CANARYTABLE WHERE id LIKE 'T;%'",
        "UPDATE CANARYTABLE SET data = zeroblob(12) WHERE id = 'Header'",
        "UPDATE CANARYTABLE SET data = zeroblob(32) WHERE id = 'Header'",
        "UPDATE CANARYTABLE SET data = x'ffffffffffffffffffffffffffffffff01000000' WHERE id = 'Header'",
        "DROP TABLE CANARYTABLE",
    ],
)
def test_tables_that_cannot_be_are_damage(tmp_path: Path, statement: str) -> None:
    path = changed(make_sakura(tmp_path / "slide.svslide"), statement)
    begin = time.monotonic()
    with pytest.raises(CorruptSlideError):
        open_slide(path)
    assert time.monotonic() - begin < 5


def test_a_view_in_place_of_a_table_is_not_read(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 'Header' AS id, i AS data FROM n"
    view = f"CREATE VIEW CANARYTABLE AS {endless}"
    path = changed(make_sakura(tmp_path / "slide.svslide"), "DROP TABLE CANARYTABLE", view)
    begin = time.monotonic()
    with pytest.raises(CorruptSlideError):
        open_slide(path)
    assert time.monotonic() - begin < 2


def test_reading_a_slide_leaves_it_and_its_folder_as_they_were(tmp_path: Path) -> None:
    path = make_sakura(tmp_path / "slide #1?.svslide")
    before = path.read_bytes()
    with open_slide(path) as slide:
        assert slide.levels
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_slide_becomes_valid_dicom(tmp_path: Path) -> None:
    options = ConvertOptions()
    with prepared(make_sakura(tmp_path / "slide.svslide"), options, tmp_path) as slide:
        files = []
        for number, instance in enumerate(instances(slide, options)):
            files.append(tmp_path / f"{number}.dcm")
            write_identified(instance, files[-1])
        assert len(files) == len(slide.images) == 5
        assert "each colour of a tile" in slide.images[0].derivation
    assert all(dciodvfy(file) == [] for file in files)
