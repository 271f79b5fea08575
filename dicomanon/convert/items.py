"""Items of sequences, built in one line."""

from __future__ import annotations

from typing import Any

from dicomanon.convert.dataset import Dataset


def item(**elements: Any) -> Dataset:
    """Return a data set with these elements, by keyword."""
    return Dataset(**elements)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence (PS3.3 8.8)."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
