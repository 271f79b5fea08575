from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from pydicom.datadict import tag_for_keyword

import dicomanon.sources
from dicomanon.native import NATIVE as NATIVE_FORMATS
from dicomanon.sources import catalogue, formats, row_of
from dicomanon.sources._fields import NAMES, NATIVE, UNKNOWN, Field, facts

FOLDER = Path(dicomanon.sources.__file__).parent / "catalogue"
FORMATS = [record.name for record in formats()]
KEYS = {"names", "attribute", "native", "why"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_catalogue_of_its_places(name: str) -> None:
    rows = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))

    assert rows
    for place, row in rows.items():
        assert set(row) <= KEYS, place
        assert row["names"] in NAMES, place
        assert row.get("native", "X") in NATIVE, place


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_carried_has_a_dicom_attribute(name: str) -> None:
    for place, row in catalogue(name).items():
        if row.attribute:
            assert tag_for_keyword(row.attribute) is not None, (place, row.attribute)


@pytest.mark.parametrize("name", sorted(NATIVE_FORMATS))
def test_what_names_somebody_is_not_kept_in_a_native_copy_without_a_reason(name: str) -> None:
    kept = [row for row in catalogue(name).values() if row.native == "keep" and row.names != "nothing"]

    assert [row.place for row in kept if not row.why and row.names != "time"] == []


def test_every_catalogue_is_of_a_format() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.toml")) == sorted(FORMATS)


def test_a_place_without_a_row_is_not_carried() -> None:
    assert row_of("aperio", "tag 65000") == UNKNOWN
    assert row_of("aperio", "ImageDescription/Patient").place == "ImageDescription/*"
    fields = (Field("tag 65000", "CANARY"), Field("ImageDescription/Patient", "CANARY"))
    assert facts("aperio", fields) == {}


def test_of_a_place_that_comes_twice_the_first_is_carried() -> None:
    fields = (Field("ImageDescription/Barcode", " one "), Field("ImageDescription/Barcode", "two"))

    assert facts("aperio", fields) == {"ImageDescription/Barcode": "one"}
