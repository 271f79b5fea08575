"""What verification found: where, by which check, and what was expected; never the value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One finding; `path` is a tag path, `preamble`, `file name`, or a place in the pixel data."""

    path: str
    check: str
    expected: str
