"""One slide copied in its own format without its identifiers: planned, written aside, checked, then put in place."""

from __future__ import annotations

import re
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dicomanon.errors import (
    AmbiguousSlideError,
    SlideError,
    StorageError,
    UnknownSlideError,
    UsageError,
)
from dicomanon.native.fields import Overwriting
from dicomanon.native.opened import check_opened, seen
from dicomanon.native.pages import TIFF_FORMATS
from dicomanon.native.plan import plan_tiff
from dicomanon.native.report import Done, NativeResult, levels_of
from dicomanon.native.tiff import TEXTS, read_tiff
from dicomanon.native.values import identifying_values
from dicomanon.native.writing import check_file, check_name, write_file
from dicomanon.part10.write import PART_SUFFIX, storage_errors, sync_folder
from dicomanon.sources import claims
from dicomanon.sources._bytes import open_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.sources import SlideFormat

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def deidentify_native(path: Path, folder: Path, name: str) -> NativeResult:
    """Write a copy of the slide at `path` into `folder` as `name`, with the suffix of its format.

    The original is only read. Raises SlideError for a format or a feature that is not supported here, CorruptSlideError
    for damage, UsageError for a name that will not do, LeakError where anything is found again in the copy,
    StorageError; then nothing is left in `folder`.
    """
    only = _claimed(path)
    if only.name == "mirax":
        from dicomanon.native.mirax import copy_mirax  # only this format is several files

        write = copy_mirax
    elif only.name in TIFF_FORMATS:
        write = _copy_tiff
    else:
        raise SlideError(f"{only.title} is not de-identified in its own format; `dicomanon convert` takes it")
    if not _NAME.fullmatch(name):
        raise UsageError("a new name has letters, digits, dot, line and underline, and at most 128 of them")
    suffix = path.suffix.lower() if path.suffix.lower() in only.suffixes else only.suffixes[0]
    target = folder / f"{name}{suffix}"
    if any(each.exists() or each.is_symlink() for each in (target, folder / name)):
        raise StorageError("there is a file of the new name already; it is left as it is")
    with _aside(folder) as aside:
        done, size = write(path, aside / target.name)
        with storage_errors():
            for each in sorted(aside.iterdir(), key=lambda entry: entry.name == target.name):
                each.rename(folder / each.name)
    sync_folder(folder)
    return NativeResult(target, only.name, size, done, levels_of(done))


def _claimed(path: Path) -> SlideFormat:
    try:
        claimed = claims(path)
    except OSError as error:
        raise UnknownSlideError(f"the file cannot be read ({error.strerror})") from None
    if not claimed:
        raise UnknownSlideError("no slide format claims the file; `dicomanon formats` lists them")
    if len(claimed) > 1:
        raise AmbiguousSlideError(
            "more than one format claims the file: " + ", ".join(each.name for each in claimed)
        )
    return claimed[0]


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """Make a hidden folder for what is not yet complete; it is gone afterwards, whatever happens."""
    aside = folder / f".{secrets.token_hex(16)}{PART_SUFFIX}"
    with storage_errors():
        folder.mkdir(parents=True, exist_ok=True)
        aside.mkdir(mode=0o700)
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _copy_tiff(path: Path, target: Path) -> tuple[Done, int]:
    before, fields = seen(path)
    format_name = before.format
    file = open_bytes(path)
    try:
        tiff = read_tiff(file, ndpi=format_name == "hamamatsu")
        numbers = {
            ("", entry.offset)
            for page in tiff.directories
            for each in (page, *page.children)
            for entry in each.entries.values()
            if entry.kind not in TEXTS
        }
        values = identifying_values(format_name, fields, (path.stem,), numbers)
        check_name(target, path, values)
        work = Overwriting(format_name, values)
        plan = plan_tiff(tiff, fields, work)
        if not before.pages <= plan.levels <= before.pages + len(before.small):
            raise SlideError("the pages that would stay are not those that the reader knows as levels")
        segments = write_file(file, plan, target)
        check_file(file, plan, target, values)
    finally:
        file.close()
    check_opened(target, before, values)
    done = Done(
        unlinked=plan.unlinked,
        blanked=plan.blanked,
        destroyed=plan.gone.total + sum(length for _, length in plan.pictures),
        pictures=len(plan.pictures),
        segments=segments,
        cleared=plan.size - plan.kept.total,
        fields=work.places,
    )
    return done, plan.size
