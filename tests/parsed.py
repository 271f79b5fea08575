"""Source files as syntax trees."""

from __future__ import annotations

import ast


def parsed(text: str) -> ast.Module:
    """Parse a module; once more where Python 3.11 loses count of its own depth (a collection at a bad moment)."""
    try:
        return ast.parse(text)
    except SystemError:
        return ast.parse(text)
