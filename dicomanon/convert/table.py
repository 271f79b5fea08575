"""A side file: one row a slide, CSV or JSON, with what the laboratory knows of it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dicomanon.convert.laboratory import Laboratory, said
from dicomanon.errors import SlideError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

KEYS = ("file", "barcode")
"""Columns that tell which slide a row is of: the name of its file, with or without suffix, or what its barcode says."""
LARGEST = 64 << 20


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by the name of the file and by the barcode of a slide."""

    files: Mapping[str, Laboratory]
    barcodes: Mapping[str, Laboratory]

    def of(self, path: Path, barcode: str) -> Laboratory:
        """Return the row of a slide; raise SlideError where there is none, or two that are not the same."""
        rows = (self.files.get(path.name), self.files.get(path.stem), self.barcodes.get(barcode.strip()))
        found = [row for row in rows if row is not None]
        if not found:
            raise SlideError("no row of the table is of this slide")
        if any(row != found[0] for row in found):
            raise SlideError("two rows of the table are of this slide, and do not say the same")
        return found[0]

    def check_names(self, paths: Iterable[Path]) -> None:
        """Raise UsageError where one row is of several files, by their names: nobody knows which it means."""
        seen: set[str] = set()
        for path in paths:
            for name in {path.name, path.stem} & set(self.files):
                if name in seen:
                    raise UsageError(
                        "two files have the name of one row of the table of slides: "
                        "convert their folders one by one, or tell slides by their barcode"
                    )
                seen.add(name)


def read_table(path: Path, base: Laboratory) -> Table:
    """Read a CSV (with a line of names first) or JSON (a list of objects) in UTF-8; rows say more than `base` does.

    Raises UsageError, which names the line or entry and never a value.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise UsageError("the table of slides is absurdly large")
        text = path.read_text(encoding="utf-8-sig")
    except OSError:
        raise UsageError("the table of slides cannot be read") from None
    except UnicodeDecodeError:
        raise UsageError("the table of slides is not in UTF-8") from None
    rows = _json_rows(text) if path.suffix.lower() == ".json" else _csv_rows(text)
    if not rows:
        raise UsageError("the table of slides has no row")
    keyed: tuple[dict[str, Laboratory], dict[str, Laboratory]] = ({}, {})
    for where, row in rows:
        try:
            lab = said({name: value for name, value in row.items() if name not in KEYS}, base)
        except UsageError as error:
            raise UsageError(f"{where} of the table of slides: {error}") from None
        names = [row.get(key, "").strip() for key in KEYS]
        if not any(names):
            raise UsageError(f"{where} of the table of slides has neither file nor barcode")
        for name, kept in zip(names, keyed, strict=True):
            if name and kept.get(name, lab) != lab:
                raise UsageError(f"{where} of the table of slides is of a slide that another row is of")
            if name:
                kept[name] = lab
    return Table(MappingProxyType(keyed[0]), MappingProxyType(keyed[1]))


def _csv_rows(text: str) -> list[tuple[str, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = list(reader)
    except csv.Error:
        raise UsageError(f"line {reader.line_num} of the table of slides is no CSV") from None
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UsageError(
                f"line {number} of the table of slides has more or fewer values than the first has names"
            )
    return [
        (f"line {number}", {name.strip().lower(): value for name, value in row.items()})
        for number, row in enumerate(rows, 2)
    ]


def _json_rows(text: str) -> list[tuple[str, dict[str, str]]]:
    try:
        document: Any = json.loads(text)
    except ValueError:
        raise UsageError("the table of slides is no JSON") from None
    if not isinstance(document, list) or not all(isinstance(row, dict) for row in document):
        raise UsageError("the table of slides is a list of objects, one a slide")
    found = []
    for number, row in enumerate(document, 1):
        if not all(isinstance(value, str) for value in row.values()):
            raise UsageError(f"entry {number} of the table of slides has a value that is no text")
        found.append((f"entry {number}", dict(row)))
    return found
