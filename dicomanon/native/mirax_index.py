"""The index of an MRXS: which bytes of which data file are a tile, and which are a record of another kind.

Index.dat is a version, the identifier of the slide, and two pointers to tables of pointers, to lists of tiles and to
records. A list begins with 0 and a pointer to its first page; a page is a count, a pointer to the next and its entries.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dicomanon.sources._bytes import FileBytes

VERSION = 5
MAX_INI = 1 << 22
MAX_RECORDS = 4096
_MAX_PAGES, _MAX_ENTRIES = 1 << 20, 1 << 24
_TILE = struct.Struct("<4i")
_RECORD = struct.Struct("<5i")
_NO_NEXT = (0, 1253)
"""Pointers to no further page; the second one is in some real files, and nobody knows why."""
_WORD = struct.Struct("<i")
_SECTION = re.compile(rb"\s*\[([^\]\r\n]{1,128})\]\s*")
_FILE = re.compile(r"(?:Index|Data\d{4,6})\.dat")
POSITIONS = ("VIMSLIDE_POSITION_BUFFER", "StitchingIntensityLayer")
"""Records that say where tiles lie: the only ones that readers need."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of Slidedat.ini: its value and the bytes of it."""

    value: str
    start: int
    stop: int


Ini = dict[str, dict[str, Line]]


def read_ini(raw: bytes) -> Ini:
    """Return sections, keys and values; raise CorruptSlideError where there are none."""
    found: Ini = {}
    section: dict[str, Line] | None = None
    at = 0
    for line in raw.splitlines(keepends=True):
        body = line[3:] if at == 0 and line.startswith(b"\xef\xbb\xbf") else line
        match = _SECTION.fullmatch(body)
        if match:
            section = found.setdefault(match[1].decode("latin-1"), {})
        elif section is not None and b"=" in body:
            key, _, value = body.partition(b"=")
            start = at + len(line) - len(value) + len(value) - len(value.lstrip())
            stop = max(start, at + len(line.rstrip()))
            section[key.strip().decode("latin-1")] = Line(
                raw[start:stop].decode("utf-8", "replace"), start, stop
            )
        at += len(line)
    if "GENERAL" not in found or "HIERARCHICAL" not in found or "DATAFILE" not in found:
        raise CorruptSlideError("Slidedat.ini lacks its sections")
    return found


def line_of(ini: Ini, section: str, key: str) -> Line:
    """Return a line; raise CorruptSlideError where it is not there."""
    try:
        return ini[section][key]
    except KeyError:
        raise CorruptSlideError("Slidedat.ini lacks a line that readers need") from None


def count_of(ini: Ini, section: str, key: str) -> int:
    """Return a line as a count; raise CorruptSlideError where it is none."""
    text = line_of(ini, section, key).value
    if not text.isdigit() or int(text) > MAX_RECORDS:
        raise CorruptSlideError("a count in Slidedat.ini is none")
    return int(text)


def data_files(ini: Ini) -> list[str]:
    """Return the names of the data files, in their order; raise SlideError where one is not as the format has them."""
    names = [
        line_of(ini, "DATAFILE", f"FILE_{number}").value
        for number in range(count_of(ini, "DATAFILE", "FILE_COUNT"))
    ]
    index = line_of(ini, "HIERARCHICAL", "INDEXFILE").value
    if not all(_FILE.fullmatch(name) for name in (*names, index)) or len({*names, index}) <= len(names):
        raise SlideError("the files of the slide do not have the names that the format gives them")
    return names


@dataclass(frozen=True, slots=True)
class Layer:
    """One record that is no tile: the group it is in, its own name, and the line that holds this."""

    group: str
    name: Line


def layers(ini: Ini) -> list[Layer]:
    """Return the records in the order of the index."""
    section = "HIERARCHICAL"
    groups = range(count_of(ini, section, "NONHIER_COUNT"))
    return [
        Layer(
            line_of(ini, section, f"NONHIER_{group}_NAME").value,
            line_of(ini, section, f"NONHIER_{group}_VAL_{number}"),
        )
        for group in groups
        for number in range(count_of(ini, section, f"NONHIER_{group}_COUNT"))
    ]


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a data file."""

    file: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Index:
    """The parts of Index.dat that stay, the pieces of data files that are tiles or say where these lie, and the others.

    `labels` are everything that is neither: pictures of label and glass, profiles, histograms.
    """

    structure: tuple[tuple[int, int], ...]
    tiles: tuple[Piece, ...]
    positions: tuple[Piece, ...]
    labels: tuple[Piece, ...]


def read_index(file: FileBytes, identifier: bytes, ini: Ini) -> Index:
    """Return the index; raise CorruptSlideError where it does not fit Slidedat.ini, or leads out of the file."""
    root = VERSION + len(identifier)
    if file.read(VERSION, len(identifier)) != identifier:
        raise CorruptSlideError("the index belongs to another slide")
    section = "HIERARCHICAL"
    groups = range(count_of(ini, section, "HIER_COUNT"))
    lists = sum(count_of(ini, section, f"HIER_{group}_COUNT") for group in groups)
    hier, nonhier = (_word(file, at) for at in (root, root + 4))
    structure = [(0, root + 8), (hier, hier + 4 * lists)]
    tiles: list[Piece] = []
    for number in range(lists):
        tiles += _tiles(file, _word(file, hier + 4 * number), structure)
    known = layers(ini)
    structure.append((nonhier, nonhier + 4 * len(known)))
    positions: list[Piece] = []
    labels: list[Piece] = []
    for number, layer in enumerate(known):
        stays = layer.group in POSITIONS
        found = _record(file, _word(file, nonhier + 4 * number), structure, stays=stays)
        (positions if stays else labels).extend(found)
    return Index(tuple(structure), tuple(tiles), tuple(positions), tuple(labels))


def _word(file: FileBytes, at: int) -> int:
    if not 0 <= at <= file.size - 4:
        raise CorruptSlideError("the index leads beyond its end")
    (value,) = _WORD.unpack(file.read(at, 4))
    if value < 0:
        raise CorruptSlideError("the index leads nowhere")
    return int(value)


def _tiles(file: FileBytes, at: int, structure: list[tuple[int, int]]) -> Iterator[Piece]:
    if not at:
        return
    _first(file, at)
    structure.append((at, at + 8))
    page = _word(file, at + 4)
    seen: set[int] = set()
    while page:
        if page in seen or len(seen) >= _MAX_PAGES:
            raise CorruptSlideError("the pages of the index have no end")
        seen.add(page)
        count, following = _word(file, page), _word(file, page + 4)
        stop = page + 8 + count * _TILE.size
        if count > _MAX_ENTRIES or stop > file.size:
            raise CorruptSlideError("the index leads beyond its end")
        structure.append((page, stop))
        for _, offset, length, number in _TILE.iter_unpack(file.read(page + 8, stop - page - 8)):
            yield _piece(number, offset, length)
        page = following


def _record(file: FileBytes, at: int, structure: list[tuple[int, int]], *, stays: bool) -> list[Piece]:
    """Return the pieces of a record; of one that goes only an empty page is left, which leads to nothing."""
    if not at:
        return []
    _first(file, at)
    page = _word(file, at + 4)
    structure.append((at, at + 8))
    if not page:
        return []
    count = _word(file, page)
    if count > MAX_RECORDS or (stays and (count > 1 or _word(file, page + 4) not in _NO_NEXT)):
        raise SlideError("a record of the slide is in several pieces, which is not supported in this format")
    stop = page + 8 + count * _RECORD.size
    if stop > file.size:
        raise CorruptSlideError("the index leads beyond its end")
    if stays:
        structure.append((page, stop))
    entries = _RECORD.iter_unpack(file.read(page + 8, stop - page - 8))
    return [_piece(number, offset, length) for _, _, offset, length, number in entries]


def _first(file: FileBytes, at: int) -> None:
    if _word(file, at) != 0:
        raise CorruptSlideError("a list of the index does not begin as it should")


def _piece(file: int, offset: int, length: int) -> Piece:
    if min(file, offset, length) < 0:
        raise CorruptSlideError("the index leads nowhere")
    return Piece(file, offset, offset + length)


def image_formats(ini: Mapping[str, Mapping[str, Line]]) -> set[str]:
    """Return in which formats tiles are."""
    return {lines["IMAGE_FORMAT"].value.upper() for lines in ini.values() if "IMAGE_FORMAT" in lines}
