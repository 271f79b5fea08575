"""The index of an MRXS: which bytes of it stay, and which bytes of which data file are a tile or another record.

The reader of the package (`sources/_mirax_index`) knows where tiles are; here every byte of the index itself must be
known, those of lists that no reader asks for as well, for what is not known becomes a zero. So this walk is its own.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._mirax_index import VERSION
from dicomanon.sources._mirax_settings import POSITIONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._mirax_settings import Settings

_MOST_RECORDS, _MOST_PAGES = 4096, 1 << 20
_TILE, _RECORD = 4, 5
"""Words of an entry: place of the tile, offset, length, file; a record has one more in front."""
_WORD = struct.Struct("<i")
_NO_NEXT = (0, 1253)
"""Pointers to no further page; the second one is in some real files, and nobody knows why."""
_POSITION = 9
"""Bytes of where one field of view lies: 1 where it was scanned, and two numbers."""
_FARTHEST = 1 << 28


@dataclass(slots=True)
class Index:
    """The parts of Index.dat that stay, with bytes written over them, and the pieces of data files it leads to.

    Pieces are rows of offset, length, number of the file; `labels` are all that are neither tiles nor say where tiles
    lie: pictures of label and glass, profiles, histograms.
    """

    structure: list[tuple[int, int]]
    patches: list[tuple[int, bytes]] = field(default_factory=list)
    tiles: list[NDArray[Any]] = field(default_factory=list)
    positions: list[NDArray[Any]] = field(default_factory=list)
    labels: list[NDArray[Any]] = field(default_factory=list)


def read_index(file: FileBytes, settings: Settings, lists: int) -> Index:
    """Return the index, of `lists` lists of tiles; raise CorruptSlideError where it leads out of the file.

    Raises SlideError for records in several pieces.
    """
    identifier = settings.identifier.encode()
    root = VERSION + len(identifier)
    if file.read(VERSION, len(identifier)) != identifier:
        raise CorruptSlideError("the index belongs to another slide")
    hier, nonhier = (_word(file, at) for at in (root, root + 4))
    found = Index([(0, root + 8), (hier, hier + 4 * lists), (nonhier, nonhier + 4 * len(settings.layers))])
    for number in range(lists):
        _read_tiles(file, _word(file, hier + 4 * number), settings, found)
    for number, (group, _) in enumerate(settings.layers):
        _read_record(file, _word(file, nonhier + 4 * number), found, stays=group in POSITIONS)
    return found


def _word(file: FileBytes, at: int) -> int:
    if not 0 <= at <= file.size - 4:
        raise CorruptSlideError("the index leads beyond its end")
    (value,) = _WORD.unpack(file.read(at, 4))
    if value < 0:
        raise CorruptSlideError("the index leads nowhere")
    return int(value)


def _read_tiles(file: FileBytes, at: int, settings: Settings, found: Index) -> None:
    import numpy as np  # heavy

    if not at:
        return
    _first(file, at)
    found.structure.append((at, at + 8))
    page = _word(file, at + 4)
    seen: set[int] = set()
    while page:
        if page in seen or len(seen) >= _MOST_PAGES:
            raise CorruptSlideError("the pages of the index have no end")
        seen.add(page)
        entries = _entries(file, page, _TILE)
        if (entries[:, 0] >= settings.across * settings.down).any():
            raise CorruptSlideError("a tile has a place that is not on the slide")
        found.structure.append((page, page + 8 + 16 * len(entries)))
        # What leads to nothing may say anything.
        nothing = (entries[:, 2] == 0) & entries[:, [1, 3]].any(axis=1)
        if nothing.any():
            plain = entries.copy()
            plain[np.ix_(nothing, [1, 3])] = 0
            found.patches.append((page + 8, plain.astype("<i4").tobytes()))
        found.tiles.append(entries[entries[:, 2] > 0][:, 1:])
        page = _word(file, page + 4)


def _read_record(file: FileBytes, at: int, found: Index, *, stays: bool) -> None:
    """Read a record; of one that goes only an empty page is left, which leads to nothing."""
    if not at:
        return
    _first(file, at)
    page = _word(file, at + 4)
    found.structure.append((at, at + 8))
    if not page:
        return
    entries = _entries(file, page, _RECORD)
    if len(entries) > _MOST_RECORDS or (
        stays and (len(entries) > 1 or _word(file, page + 4) not in _NO_NEXT)
    ):
        raise SlideError("a record of the slide is in several pieces, which is not supported in this format")
    if stays:
        if entries[:, :2].any():
            raise CorruptSlideError("a record of the index does not begin as it should")
        found.structure.append((page, page + 8 + 20 * len(entries)))
    (found.positions if stays else found.labels).append(entries[:, 2:])


def _entries(file: FileBytes, page: int, words: int) -> NDArray[Any]:
    """Return the entries of a page, one a row; none of their numbers is negative."""
    import numpy as np  # heavy

    size = _word(file, page) * words * 4
    if page + 8 + size > file.size:
        raise CorruptSlideError("the index leads beyond its end")
    found = np.frombuffer(file.read(page + 8, size), "<i4").reshape(-1, words).astype(np.int64)
    if (found < 0).any():
        raise CorruptSlideError("the index leads nowhere")
    return found


def _first(file: FileBytes, at: int) -> None:
    if _word(file, at) != 0:
        raise CorruptSlideError("a list of the index does not begin as it should")


def check_positions(files: Sequence[FileBytes], index: Index, settings: Settings) -> None:
    """Raise SlideError where a record of where tiles lie holds anything else."""
    import numpy as np  # heavy

    views = (settings.across // settings.divisions) * (settings.down // settings.divisions)
    size = _POSITION * views
    for offset, length, number in (row for piece in index.positions for row in piece.tolist()):
        if number >= len(files) or offset + length > files[number].size or length > 2 * size + 1024:
            raise SlideError("a record of where tiles lie is none")
        raw = files[number].read(offset, length)
        if len(raw) != size:
            engine = zlib.decompressobj()
            try:
                raw = engine.decompress(raw, size + 1)
            except zlib.error:
                raise SlideError("a record of where tiles lie is none") from None
            if engine.unused_data or not engine.eof:
                raise SlideError("a record of where tiles lie holds more than that")
        if len(raw) != size:
            raise SlideError("a record of where tiles lie holds more than that")
        rows = np.frombuffer(raw, np.dtype([("scanned", "u1"), ("at", "<i4", 2)]))
        if (rows["scanned"] > 1).any() or (np.abs(rows["at"].astype(np.int64)) > _FARTHEST).any():
            raise SlideError("a record of where tiles lie holds more than that")
