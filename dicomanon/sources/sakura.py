"""Sakura SVSLIDE: an SQLite file with tables of the slide and its scan, and one of tiles, a JPEG for each colour."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._pyramid import fingerprint, number, smaller
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from sqlite3 import Connection

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor, Image

_SUFFIX = ".svslide"
_SQLITE = b"SQLite format 3\0"
_SLIDE, _SCAN = "SVSlideDataXPO", "SVHRScanDataXPO"
_WORDS = (b"SVSlideDataXPO", b"SVHRScanDataXPO", b"DataManagerSQLiteConfigXPO")
_HEADER = "Header"
_PLANES = slice(16, 20)
"""Bytes of the header that count focal planes: with none OpenSlide shows none of the tiles."""
_TILE = re.compile(r"T;\d+\|\d+;\d+;\d+;\d+")
_MOST_TABLES, _MOST_ROWS, _MOST_STEPS = 256, 1 << 16, 50_000_000
_FEW = 64
"""Rows of a table whose whole numbers may say something; in larger ones they are places of tiles."""
_LARGEST, _LARGEST_ENTRY = 1 << 26, 1 << 20
"""Bytes of a value, of which a label is the largest that is read here, and of an entry beside the tiles."""
_LARGEST_TILE = 1 << 13


def _detect(peek: Peek) -> bool:
    own = peek.front.startswith(_SQLITE) and peek.mentions(*_WORDS)
    return own or (peek.suffix == _SUFFIX and not peek.is_tiff)


def _open(path: Path) -> SlideSource:
    from dicomanon.sources._bytes import open_bytes  # heavy
    from dicomanon.sources._openslide import level_pixels, open_with  # heavy

    file = open_bytes(path)
    with ExitStack() as stack:
        stack.callback(file.close)
        _check(file)
        fields, header = _read(path)
        planes = _planes(header)
        slide = open_with(path, "sakura")
        stack.callback(slide.close)
        side = int.from_bytes(header[:4], "little")
        why = "each colour of a tile is a picture of its own"
        if planes > 1:
            why += "; of several focal planes only the one that OpenSlide gives is taken"
        levels = level_pixels(slide, file.size, why, tile=(side, side))
        others = tuple(_others(slide, levels[0]))
        return SlideSource(
            format=FORMAT.name,
            fingerprint=fingerprint(file, header),
            metadata=_metadata(facts(FORMAT.name, fields), path.stem),
            levels=levels,
            others=others,
            close=stack.pop_all().close,
            fields=fields,
        )


def _check(file: FileBytes) -> None:
    """Raise CorruptSlideError unless the file has as many pages as it says (SQLite file format, 1.3)."""
    head = file.read(0, min(file.size, 100))
    if len(head) < 100 or not head.startswith(_SQLITE):
        raise CorruptSlideError("the file is no data base")
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    known = head[24:28] == head[92:96] and pages
    if known and pages * (page if page > 1 else 1 << 16) > file.size:
        raise CorruptSlideError("the data base is cut short")


def _read(path: Path) -> tuple[tuple[Field, ...], bytes]:
    """Return the fields and the header of the tiles; raise CorruptSlideError where the tables are damaged."""
    import sqlite3  # heavy

    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            _restrain(base)
            table = _table_of_tiles(base)
            header = _header(base, table)
            return tuple(_fields(base, table)), header
    except (sqlite3.Error, OverflowError, ValueError):
        raise CorruptSlideError("the tables of the slide cannot be read") from None


def _restrain(base: Connection) -> None:
    """Let a file that somebody else made neither compute what it likes nor for as long as it likes."""
    import sqlite3  # heavy

    from dicomanon.sources._tiff_fields import text_of  # heavy

    base.execute("PRAGMA trusted_schema = OFF")
    base.text_factory = text_of
    base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST)
    left = iter(range(_MOST_STEPS // 10_000))
    base.set_progress_handler(lambda: int(next(left, None) is None), 10_000)


def _table_of_tiles(base: Connection) -> str:
    rows = base.execute("SELECT TableName FROM DataManagerSQLiteConfigXPO LIMIT 2").fetchall()
    if len(rows) != 1 or rows[0][0] not in _tables(base):
        raise CorruptSlideError("the slide does not say where its tiles are")
    return str(rows[0][0])


def _header(base: Connection, table: str) -> bytes:
    wanted = f"SELECT data FROM {_quoted(table)} WHERE id = ?"  # noqa: S608 - quoted
    row = base.execute(wanted, (_HEADER,)).fetchone()
    if row is None or not isinstance(row[0], bytes) or len(row[0]) < _PLANES.stop:
        raise CorruptSlideError("the slide has no header")
    return row[0]


def _planes(header: bytes) -> int:
    side, columns, rows = (int.from_bytes(header[at : at + 4], "little") for at in (0, 4, 8))
    planes = int.from_bytes(header[_PLANES], "little")
    if not (0 < side <= _LARGEST_TILE and 0 < columns < 1 << 31 and 0 < rows < 1 << 31):
        raise CorruptSlideError("the slide has no size, or an absurd one")
    if not 0 < planes < 1 << 16:
        raise CorruptSlideError("the slide says that it has no focal plane")
    return planes


def _tables(base: Connection) -> list[str]:
    """Return the tables that are nothing but tables."""
    rows = base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchmany(_MOST_TABLES)
    return [name for name, sql in rows if re.match(r"\s*CREATE\s+TABLE\b", sql or "", re.IGNORECASE)]


def _fields(base: Connection, tiles: str) -> Iterator[Field]:
    """Yield what the tables say in words; SQLite packs its values, so no bytes are told."""
    for table in _tables(base):
        if table == tiles:
            continue
        cursor = base.execute(f"SELECT * FROM {_quoted(table)} LIMIT {_MOST_ROWS}")  # noqa: S608 - quoted
        names = [str(column[0]) for column in cursor.description]
        rows = cursor.fetchmany(_FEW)
        few = len(rows) < _FEW
        while rows:
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    if not isinstance(value, int) or few:
                        yield from _said(f"{table}/{name}", value)
            rows = cursor.fetchmany(_FEW)
    where = f"(id < 'T;' OR id >= 'T<') AND length(data) <= {_LARGEST_ENTRY} LIMIT {_MOST_ROWS}"
    for name, value in base.execute(f"SELECT id, data FROM {_quoted(tiles)} WHERE {where}"):  # noqa: S608 - quoted
        yield from _said(f"data/{name}", value)
        yield Field("data/id", str(name))


def _said(place: str, value: Any) -> Iterator[Field]:
    """Yield a value as a field: bytes where they are words, or what a JPEG says of itself."""
    from dicomanon.sources import _jpeg  # heavy
    from dicomanon.sources._restart_head import texts  # heavy
    from dicomanon.sources._tiff_fields import text_of  # heavy

    if isinstance(value, bytes) and value.startswith(_jpeg.SOI):
        try:
            found = list(texts(value))
        except CorruptSlideError:
            return
        for name, start, stop in found:
            yield Field(f"{place}/{name}", text_of(value[start:stop]))
        return
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return
        if not all(each.isprintable() or each in "\t\r\n" for each in value):
            return
    if value is not None and value != "" and not _TILE.fullmatch(str(value)):
        yield Field(place, str(value))


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def _others(slide: object, base: Image) -> Iterator[Image]:
    from dicomanon.sources._openslide import associated_pixels  # heavy

    roles: tuple[tuple[str, Flavor], ...] = (
        ("thumbnail", "THUMBNAIL"),
        ("macro", "OVERVIEW"),
        ("label", "LABEL"),
    )
    for name, flavor in roles:
        found = associated_pixels(slide, name, flavor, resampled=flavor == "THUMBNAIL")
        if found is not None and flavor == "THUMBNAIL":
            spacing = smaller(base.spacing, (base.columns, base.rows), (found.columns, found.rows))
            yield replace(found, spacing=spacing)
        elif found is not None:
            yield found


def _metadata(said: Mapping[str, str], stem: str) -> SlideMetadata:
    return SlideMetadata(
        manufacturer="Sakura Finetek",
        acquired=_moment(said.get(f"{_SCAN}/Date", "")) or _moment(said.get(f"{_SLIDE}/Date", "")),
        objective_power=number(said.get(f"{_SCAN}/NominalLensMagnification", "")),
        barcode=said.get(f"{_SLIDE}/Barcode", ""),
        name=stem,
    )


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="sakura",
    title="Sakura SVSLIDE",
    suffixes=(_SUFFIX,),
    detect=_detect,
    open=_open,
    encoded="all tiles: each colour is a picture of its own",
    needs=("openslide",),
    extra="slides",
)
