"""The node: in and out again, beside dcmsend straight to storescp."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.bench.figure import Figure


def figures(folder: Path, *, rounds: int, quick: bool) -> list[Figure]:
    """Ask `conformance.bench.node`, which knows how to start a node and its peers."""
    node = importlib.import_module("conformance.bench.node")
    measured: list[Figure] = node.run(folder, rounds=rounds, quick=quick)
    return measured
