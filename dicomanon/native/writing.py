"""A planned file written and checked: what every format of a copy shares."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dicomanon.errors import LeakError, SlideError, UsageError
from dicomanon.native.check import check_bytes, forms_of
from dicomanon.native.copy import copied
from dicomanon.native.shingles import anchors_of
from dicomanon.part10.write import AsideFile
from dicomanon.sources._bytes import open_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.native.plan import Plan
    from dicomanon.native.values import Values
    from dicomanon.sources._bytes import FileBytes

SHORTEST_IN_NAME = 4


def check_name(target: Path, path: Path, values: Values) -> None:
    """Raise UsageError where the new name tells the old one, or a value of the slide."""
    new = target.stem.lower()
    old = path.stem.lower()
    words = {old, *(text.lower() for text in values.texts)}
    if any(len(word) >= SHORTEST_IN_NAME and word in new for word in words):
        raise UsageError("the new name holds the old one, or a value of the slide")


def write_file(file: FileBytes, plan: Plan, target: Path) -> int:
    """Write what was planned, durably; return how many segments of tiles were emptied."""
    state = os.fstat(file.descriptor)
    out = AsideFile(target)
    try:
        segments = copied(file, plan.kept, plan.patches, plan.size, out.write)
        out.sync()
    finally:
        out.close()
    after = os.fstat(file.descriptor)
    if (state.st_size, state.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SlideError("the slide changed while it was read")
    return segments


def check_file(file: FileBytes, plan: Plan, target: Path, values: Values) -> None:
    """Raise LeakError where anything that went is found again in the copy."""
    written = open_bytes(target)
    try:
        if written.size != plan.size:
            raise LeakError("the copy does not have the size that was planned")
        anchors = anchors_of(file, plan.gone, plan.pictures)
        check_bytes(written, file, forms_of(values.texts), anchors, plan.ours)
    finally:
        written.close()
