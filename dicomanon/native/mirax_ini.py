"""Slidedat.ini overwritten: values by the catalogue, and names of lines and sections that the format does not have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dicomanon.native.fields import Overwriting, overwrite_field
from dicomanon.sources import catalogue
from dicomanon.sources._ini import ini_lines
from dicomanon.sources._mirax_settings import POSITIONS

if TYPE_CHECKING:
    from dicomanon.sources._ini import Line
    from dicomanon.sources._mirax_settings import Settings

_SECTION = re.compile(rb"^[ \t\xef\xbb\xbf]*\[([^\]\r\n]+)\]", re.MULTILINE)
_SECTIONS = re.compile(rb"GENERAL|HIERARCHICAL|DATAFILE|(?:NONHIER)?LAYER_\d{1,4}(?:_LEVEL_\d{1,4})?_SECTION")
_KEYS = re.compile(
    r"(?:NON)?HIER_(?:COUNT|\d{1,4}_(?:NAME|COUNT|SECTION|VAL_\d{1,4}(?:_SECTION)?))|INDEXFILE|FILE_(?:COUNT|\d{1,5})"
)
_NUMBERED = re.compile(r"(?<=_)\d+(?=_)")
_LAYER = re.compile(r"NONHIER_(\d+)_VAL_\d+")
_POSITION_VERSION = "VIMSLIDE_POSITION_DATA_FORMAT_VERSION"
"""The one line of a section of records that readers need, wherever it stands."""


def overwrite_ini(work: Overwriting, raw: bytes, settings: Settings, identifier: bytes) -> bytes:
    """Return Slidedat.ini overwritten at equal length, with another identifier in place of the slide's own."""
    found = bytearray(raw)
    for header in _SECTION.finditer(raw):
        if not _SECTIONS.fullmatch(header[1]):
            found[header.start(1) : header.end(1)] = b"X" * len(header[1])
            work.count("Slidedat/*")
    stays = _groups_that_stay(raw)
    for line in ini_lines(raw):
        section = _NUMBERED.sub("n", line.section)
        place = f"Slidedat/{section}/{line.key}"
        layer = _LAYER.fullmatch(line.key)
        if (section, line.key, line.value) == ("GENERAL", "SLIDE_ID", settings.identifier):
            found[line.start : line.stop] = identifier
            work.count(place)
        elif layer and section == "HIERARCHICAL" and layer[1] not in stays:
            # Without its name readers do not find a record.
            found[line.start : line.stop] = b"X" * (line.stop - line.start)
            work.count("Slidedat/*")
        elif not line.key:
            # OpenSlide reads nothing of a file with a line that is neither a value nor a comment.
            found[line.start : line.stop] = b"#".ljust(line.stop - line.start, b"X")
            work.count("Slidedat/*")
        elif line.key != _POSITION_VERSION or not re.fullmatch(r"\d{1,4}", line.value):
            overwrite_field(work, found, (line.start, line.stop), 0, place)
        if line.key and not (
            _KEYS.fullmatch(line.key) or line.key == _POSITION_VERSION or place in catalogue("mirax")
        ):
            start, stop = _key_of(raw, line)
            found[start:stop] = b"X" * (stop - start)
            work.count("Slidedat/*")
    clean = work.values.crossed_out(bytes(found))
    if clean != found:
        work.count("Slidedat/*")
    return clean


def _groups_that_stay(raw: bytes) -> set[str]:
    return {
        line.key.split("_")[1]
        for line in ini_lines(raw)
        if re.fullmatch(r"NONHIER_\d+_NAME", line.key) and line.value in POSITIONS
    }


def _key_of(raw: bytes, line: Line) -> tuple[int, int]:
    """Return the bytes of the name of a line: from the end of the line before up to the sign for equal."""
    stop = raw.rfind(b"=", 0, line.start)
    start = max(raw.rfind(b"\n", 0, stop), raw.rfind(b"\r", 0, stop)) + 1
    key = raw[start:stop].removeprefix(b"\xef\xbb\xbf")
    start = stop - len(key.lstrip())
    return start, stop - (len(key) - len(key.rstrip()))
