"""The whole way on one slide, shown: vendor file, DICOM, C-STORE, node, archive, read back, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["demo"]


def demo(slide: Path | None, keep: Path | None, say: Callable[[str], object]) -> int:
    """Show the whole way on `slide`, a sample file or a made one; return 0 if all is well, else 1.

    `keep` is a folder for what came out and the report. No process and no file is left otherwise.
    """
    from dicomanon.demo.run import run  # light, for the processes that are started from here

    return run(slide, keep, say)
