"""The version of a program is carried, a date or the number of a person in its place is not."""

from __future__ import annotations

import pytest

from dicomanon.sources._versions import is_version


@pytest.mark.parametrize("text", ["1.6", "12.4.3", "1.0.23456", "3.3.1.1069", "4.0.3"])
def test_numbers_with_dots_are_a_version(text: str) -> None:
    assert is_version(text)


@pytest.mark.parametrize(
    "text",
    ["12.03.1961", "1.1.2024", "1961.03.12", "12.34567.8901", "12.345.678.901", "7", "1.2 DOE", "1.2.", ""],
)
def test_dates_long_numbers_and_words_are_no_version(text: str) -> None:
    assert not is_version(text)
