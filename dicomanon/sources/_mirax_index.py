"""The index of an MRXS: where in the data files the tiles of each level are, and the records that are no tiles.

Index.dat is a version, the identifier of the slide, and two pointers to tables of pointers, to lists of tiles and to
records. A list begins with 0 and a pointer to its first page; a page is a count, a pointer to the next and its entries.
"""

from __future__ import annotations

import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._bytes import MAX_RANGE, FileBytes, open_bytes
from dicomanon.sources._slide import Lossy, SlideImage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._mirax_settings import Level, Settings
    from dicomanon.sources._slide import Image

VERSION = 5
"""Bytes of the version in front of the identifier, in Index.dat and the data files."""
APART = 1 << 44
"""How far the beginnings of two data files are apart where they are read as one."""
_TILE, _RECORD = 4, 5
"""Words of an entry: number of the image, offset, length, file; a record has one more in front."""
_WORD = struct.Struct("<i")
_MAX_RECORDS = 4096
SEQUENTIAL = (0xC0, 0xC1)
"""JPEG processes that DICOM has a transfer syntax for."""
_RGB, _YCBCR = 2, 6
_NO_NEXT = (0, 1253)
"""Pointers to no further page of records; the second one is in some real files, and nobody knows why."""


@dataclass(frozen=True, slots=True)
class DataFiles(FileBytes):
    """The data files as one, `APART` from each other, so that no window reaches from one into the next."""

    parts: tuple[FileBytes, ...]

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes of one file; raise CorruptSlideError where it has fewer."""
        number, at = divmod(offset, APART)
        if number >= len(self.parts):
            raise CorruptSlideError("the index leads to a file that is not there")
        return self.parts[number].read(at, count)

    def close(self) -> None:
        """Close the files."""
        for part in self.parts:
            part.close()


@dataclass(frozen=True, slots=True)
class Index:
    """Index.dat, and the data files that it leads to."""

    file: FileBytes
    data: DataFiles
    lists: int
    records: int

    @property
    def size(self) -> int:
        """Bytes of the data files."""
        return sum(part.size for part in self.data.parts)

    def close(self) -> None:
        """Close all files."""
        self.file.close()
        self.data.close()


def open_index(folder: Path, settings: Settings) -> Index:
    """Open the index and the data files; raise CorruptSlideError where one is missing or of another slide."""
    identifier = settings.identifier.encode()
    with ExitStack() as opened:
        file = open_bytes(folder / settings.index)
        opened.callback(file.close)
        if file.read(VERSION, len(identifier)) != identifier:
            raise CorruptSlideError("the index belongs to another slide")
        parts = []
        for name in settings.files:
            parts.append(open_bytes(folder / name))
            opened.callback(parts[-1].close)
        if not parts:
            raise CorruptSlideError("the slide has no file of tiles")
        root = VERSION + len(identifier)
        found = Index(
            file,
            DataFiles(-1, len(parts) * APART, tuple(parts)),
            _word(file, root),
            _word(file, root + _WORD.size),
        )
        opened.pop_all()
    return found


def tiles(index: Index, number: int) -> NDArray[Any]:
    """Return the tiles of a list as rows of image number, offset in the data files, length; lengths may be 0.

    Raises CorruptSlideError where the index or a tile leads out of a file.
    """
    import numpy as np  # heavy

    pages = [
        np.frombuffer(page, "<i4").reshape(-1, _TILE).astype(np.int64)
        for page in _pages(index, index.lists + _WORD.size * number, _TILE)
    ]
    found = np.concatenate([np.empty((0, _TILE), np.int64), *pages])
    return np.column_stack((found[:, 0], *_located(index, found[:, 1:])))


def record(index: Index, number: int) -> tuple[tuple[int, int], ...]:
    """Return offset and length of the pieces of a record, none where the slide has no such record."""
    import numpy as np  # heavy

    pages = _pages(index, index.records + _WORD.size * number, _RECORD, last=_NO_NEXT)
    entries = [each for page in pages for each in np.frombuffer(page, "<i4").reshape(-1, _RECORD).tolist()]
    if len(entries) > _MAX_RECORDS:
        raise CorruptSlideError("a record of the slide has absurdly many pieces")
    found = np.array(entries, np.int64).reshape(-1, _RECORD)
    offsets, lengths = _located(index, found[:, 2:])
    return tuple(
        (int(at), int(size)) for at, size in zip(offsets.tolist(), lengths.tolist(), strict=True) if size
    )


def _located(index: Index, entries: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return offsets in the data files, and lengths, of rows of offset, length and number of the file."""
    import numpy as np  # heavy

    offsets, lengths, files = entries.T
    sizes = np.array([part.size for part in index.data.parts], np.int64)
    if (entries < 0).any() or (files >= len(sizes)).any() or (lengths > MAX_RANGE).any():
        raise CorruptSlideError("the index leads nowhere")
    if (offsets + lengths > sizes[files]).any():
        raise CorruptSlideError("a tile lies beyond the end of the file")
    return offsets + files * APART, lengths


def _pages(index: Index, at: int, words: int, last: Sequence[int] = (0,)) -> Iterator[bytes]:
    """Yield the entries of each page of a list, whose pointer is at an offset; none where it is 0."""
    start = _word(index.file, at)
    if not start:
        return
    if _word(index.file, start):
        raise CorruptSlideError("a list of the index does not begin as it should")
    page = _word(index.file, start + _WORD.size)
    seen: set[int] = set()
    total = 0
    while page:
        size = _word(index.file, page) * words * _WORD.size
        total += 2 * _WORD.size + size
        if page in seen or total > index.file.size:
            raise CorruptSlideError("the pages of the index have no end")
        seen.add(page)
        if page + 2 * _WORD.size + size > index.file.size:
            raise CorruptSlideError("the index leads beyond its end")
        yield index.file.read(page + 2 * _WORD.size, size)
        following = _word(index.file, page + _WORD.size)
        page = 0 if following in last else following


def _word(file: FileBytes, at: int) -> int:
    if at > file.size - _WORD.size:
        raise CorruptSlideError("the index leads beyond its end")
    (value,) = _WORD.unpack(file.read(at, _WORD.size))
    if value < 0:
        raise CorruptSlideError("the index leads nowhere")
    return int(value)


@dataclass(frozen=True, slots=True)
class _Page:
    """The tiles of a level, described as those of a TIFF page are."""

    tilewidth: int
    tilelength: int
    samplesperpixel: int
    photometric: int
    dataoffsets: Sequence[int]
    databytecounts: Sequence[int]
    jpegtables: bytes = b""


def grid(settings: Settings, index: Index) -> tuple[Image, ...] | None:
    """Return the levels with their tiles as frames, None where tiles overlap or are no frames that DICOM knows."""
    from dicomanon.sources._restart_head import read_coding  # heavy

    if not settings.is_grid:
        return None
    found: list[Image] = []
    for each, level in enumerate(settings.levels):
        columns, rows = (
            count * size >> level.exponent
            for count, size in ((settings.across, level.columns), (settings.down, level.rows))
        )
        if not (columns and rows):
            raise CorruptSlideError("a level has no size")
        listed = tiles(index, each)
        listed = listed[listed[:, 2] > 0]
        if not len(listed):
            raise CorruptSlideError("a level has no tile with any data")
        offsets, lengths = _places(settings, level, listed)
        sample = index.data.read(int(listed[0, 1]), int(listed[0, 2]))
        head = _jpeg.read_head(sample)
        if head.process not in SEQUENTIAL or head.bits != 8:
            return None
        coding = read_coding(sample)
        page = _Page(
            level.columns,
            level.rows,
            len(coding.head.sampling),
            _RGB if coding.rgb else _YCBCR,
            offsets,
            lengths,
        )
        if page.samplesperpixel not in (1, 3):
            return None
        found.append(_level(index, page, (columns, rows), settings.levels[0], level.exponent))
    return tuple(found)


def _places(settings: Settings, level: Level, listed: Any) -> tuple[Sequence[int], Sequence[int]]:
    """Return offset and length of the tile in each place of a level, row by row; 0 where there is none."""
    import numpy as np  # heavy

    step = 1 << level.exponent
    across, down = (-(-count // step) for count in (settings.across, settings.down))
    row, column = np.divmod(listed[:, 0], settings.across)
    if (listed[:, 0] < 0).any() or (row >= settings.down).any() or ((row % step) | (column % step)).any():
        raise CorruptSlideError("a tile has a place that is not on the slide")
    place = row // step * across + column // step
    offsets, lengths = np.zeros(across * down, np.int64), np.zeros(across * down, np.int64)
    offsets[place], lengths[place] = listed[:, 1], listed[:, 2]
    # What a level is rounded down by may be a whole tile.
    wide = -(-(settings.across * level.columns >> level.exponent) // level.columns)
    high = -(-(settings.down * level.rows >> level.exponent) // level.rows)
    shape = (down, across)
    return (
        offsets.reshape(shape)[:high, :wide].ravel().tolist(),
        lengths.reshape(shape)[:high, :wide].ravel().tolist(),
    )


def _level(index: Index, page: _Page, size: tuple[int, int], base: Level, exponent: int) -> Image:
    from dicomanon.sources._tiles import jpeg_tiles  # heavy

    if not any(page.databytecounts):
        raise CorruptSlideError("a level has no tile with any data")
    stream = jpeg_tiles(index.data, page)
    return SlideImage(
        flavor="VOLUME",
        columns=size[0],
        rows=size[1],
        samples=page.samplesperpixel,
        spacing=None
        if base.spacing is None
        else (base.spacing[0] * (1 << exponent), base.spacing[1] * (1 << exponent)),
        losses=(Lossy(stream.lossy_method, sum(page.databytecounts)),),
        resampled=exponent > 0,
        tile_columns=page.tilewidth,
        tile_rows=page.tilelength,
        photometric=stream.photometric,
        transfer_syntax_uid=stream.transfer_syntax_uid,
        encapsulated=True,
        frame_lengths=stream.lengths,
        frames=stream.frames,
    )
