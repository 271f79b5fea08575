"""What counts as the version of a program: numbers with dots, that are no date and too few for a number of a person."""

from __future__ import annotations

import re

VERSION = r"(?!\d{1,2}\.\d{1,2}\.(?:18|19|20)\d\d(?!\d))(?!(?:18|19|20)\d\d\.)(?!(?:\D*\d){9})\d{1,2}(?:\.\d{1,5}){1,3}"
"""Pattern of a version: 12.4.3 and 1.0.23456, but neither 12.03.1961 nor 12.34567.8901."""
_WHOLE = re.compile(VERSION)


def is_version(text: str) -> bool:
    """Tell whether a text is a version and nothing else."""
    return _WHOLE.fullmatch(text) is not None
