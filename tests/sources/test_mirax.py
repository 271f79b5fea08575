from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import openslide
import pytest

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import PixelImage, Region, claims, open_slide

if TYPE_CHECKING:
    from pathlib import Path

MADE = "slides/synthetic/synthetic-mrxs.mrxs"


@pytest.fixture
def slide(corpus: Path, tmp_path: Path) -> Path:
    """Give a copy of the sample that may be damaged."""
    shutil.copy(corpus / MADE, tmp_path / "slide.mrxs")
    shutil.copytree((corpus / MADE).with_suffix(""), tmp_path / "slide")
    for path in (tmp_path / "slide").iterdir():
        path.chmod(0o600)
    return tmp_path / "slide.mrxs"


def settings(slide: Path, old: str, new: str) -> None:
    path = slide.with_suffix("") / "Slidedat.ini"
    text = path.read_bytes()
    assert old.encode() in text
    path.write_bytes(text.replace(old.encode(), new.encode()))


def test_levels_are_those_that_openslide_reads(corpus: Path) -> None:
    with open_slide(corpus / MADE) as opened, openslide.OpenSlide(corpus / MADE) as other:
        assert [(level.columns, level.rows) for level in opened.levels] == list(other.level_dimensions)
        assert opened.levels[0].spacing == (0.0005, 0.0005)
        for number, level in enumerate(opened.levels):
            assert isinstance(level, PixelImage)
            size = (min(level.columns, 700), min(level.rows, 500))
            expected = np.asarray(other.read_region((0, 0), number, size).convert("RGB"))
            assert np.array_equal(level.read(Region(0, 0, *size)), expected)


def test_label_and_overview_are_what_they_show_and_a_preview_is_not_carried(corpus: Path) -> None:
    with open_slide(corpus / MADE) as opened:
        assert [image.flavor for image in opened.others] == ["OVERVIEW", "LABEL"]


def test_facts_are_mapped_by_name_and_others_are_not_carried(corpus: Path) -> None:
    planted = json.loads((corpus / f"{MADE}.phi.json").read_text())["identifiers"]
    with open_slide(corpus / MADE) as opened:
        facts = opened.metadata

    assert (facts.manufacturer, facts.serial, facts.barcode) == (
        "3DHISTECH",
        planted["scanner"],
        planted["barcode"],
    )
    assert facts.acquired == dt.datetime(2026, 3, 8, 15, 13, 25, tzinfo=dt.UTC)
    assert facts.objective_power == 20
    assert planted["last"] not in str(facts).replace(planted["barcode"], "")


def test_every_line_is_a_field_with_its_place(corpus: Path) -> None:
    folder = (corpus / MADE).parent
    with open_slide(corpus / MADE) as opened:
        fields = opened.fields

    assert len(fields) > 60
    for each in fields:
        data = (folder / each.file).read_bytes()
        assert data[each.offset : each.offset + each.length].decode() == each.value
    places = {each.place for each in fields}
    assert {"Index/SLIDE_ID", "Data/SLIDE_ID", "Slidedat/GENERAL/SLIDE_NAME"} <= places


def test_a_slide_without_its_folder_or_a_file_of_it_is_damage_and_still_claimed(slide: Path) -> None:
    folder = slide.with_suffix("")
    for name in ("Slidedat.ini", "Index.dat", "Data0000.dat"):
        data = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(CorruptSlideError):
            open_slide(slide)
        (folder / name).write_bytes(data)
    shutil.rmtree(folder)

    assert [each.name for each in claims(slide)] == ["mirax"]
    with pytest.raises(CorruptSlideError, match="folder"):
        open_slide(slide)


def test_an_index_of_another_slide_is_damage(slide: Path) -> None:
    settings(slide, "SLIDE_ID = 7CC6", "SLIDE_ID = 0000")

    with pytest.raises(CorruptSlideError, match="another slide"):
        open_slide(slide)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "Data0000.dat/../x"])
def test_a_data_file_outside_of_the_folder_is_refused(slide: Path, name: str) -> None:
    settings(slide, "FILE_0 = Data0000.dat", f"FILE_0 = {name}")

    with pytest.raises(SlideError, match="names"):
        open_slide(slide)


def test_fluorescence_is_refused_by_its_name(slide: Path) -> None:
    settings(slide, "SLIDE_TYPE_BRIGHTFIELD", "SLIDE_TYPE_FLUORESCENCE")

    with pytest.raises(SlideError, match="fluorescence"):
        open_slide(slide)


def test_settings_cut_anywhere_are_damage_or_read_by_openslide(slide: Path) -> None:
    path = slide.with_suffix("") / "Slidedat.ini"
    whole = path.read_bytes()
    for part in range(1, 20):
        path.write_bytes(whole[: len(whole) * part // 20])
        with pytest.raises(CorruptSlideError):
            open_slide(slide)
