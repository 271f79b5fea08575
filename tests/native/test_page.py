"""docs/native.md says what the catalogues say."""

from __future__ import annotations

import re

from dicomanon.native.pages import TIFF_FORMATS
from dicomanon.sources import formats
from dicomanon.sources._fields import NATIVE
from tests.native.tables import FORMATS, PAGE, TREATMENTS, filled, rows_of


def test_the_page_lists_every_format_and_place_as_the_catalogues_have_them() -> None:
    text = PAGE.read_text()

    assert filled(text) == text, "run: python -m tests.native.tables"
    assert re.findall(r"<!-- table (\w+) -->", text) == list(FORMATS)
    assert {*TIFF_FORMATS, "mirax"} == set(FORMATS)
    assert {each.name for each in formats()} >= set(TIFF_FORMATS)


def test_every_row_of_a_catalogue_has_a_treatment_that_is_known() -> None:
    assert set(TREATMENTS) == set(NATIVE)
    for name in FORMATS:
        assert {row.native for row in rows_of(name)} <= set(NATIVE)
