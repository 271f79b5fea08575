"""Small Sakura slides: an SQLite file laid out as OpenSlide reads it, with a canary in every column of words.

They have the shape that the reader describes, not the fidelity of a scan: no real one is in the corpus.
"""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

Pixels = NDArray[np.uint8]
TILE, COLUMNS, ROWS = 64, 300, 200
FACTORS = (1, 4)
DATA = "CANARYTABLE"
TEXTS = {
    "SVSlideDataXPO": {
        "SlideId": "CANARYSLIDEID",
        "Date": "2012-05-10 14:21:36",
        "Description": "CANARYDESCRIPTION, ZOE",
        "Creator": "CANARYCREATOR",
        "DiagnosisCode": "CANARYDIAGNOSIS",
        "Keywords": "CANARYKEYWORDS",
    },
    "SVHRScanDataXPO": {
        "ScanId": "CANARYSCANID",
        "Date": "2012-05-10 14:22:58",
        "Name": "CANARYNAME",
        "Description": "CANARYSCAN",
        "FocussingMethod": "CANARYFOCUS",
    },
}


def picture(rows: int, columns: int, seed: int = 1) -> Pixels:
    """Return a smooth picture in pink."""
    down, across = np.mgrid[0:rows, 0:columns]
    waves = np.sin(across / (9 + seed)) * np.cos(down / (7 + seed)) * 40
    channels = [base + waves * weight for base, weight in ((205, 0.6), (150, 1.2), (190, 0.8))]
    found: Pixels = np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)
    return found


def base(factor: int = 1) -> Pixels:
    """Return the picture of a level."""
    return picture(ROWS // factor, COLUMNS // factor, factor)


def make_sakura(path: Path, *, planes: int = 1, tables: bool = True) -> Path:
    """Write two levels, label, picture of the glass and thumbnail; without `tables` only what is no tile."""
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE DataManagerSQLiteConfigXPO (OID INTEGER PRIMARY KEY, TableName TEXT)")
        file.execute("INSERT INTO DataManagerSQLiteConfigXPO VALUES (1, ?)", (DATA,))
        file.execute("CREATE TABLE SVScannedImageDataXPO (OID INTEGER PRIMARY KEY, Image BLOB)")
        for number, (seed, size) in enumerate(((3, (60, 70)), (4, (50, 140))), 1):
            coded = imagecodecs.jpeg8_encode(picture(*size, seed), level=90)
            commented = coded[:2] + b"\xff\xfe\x00\x0fCANARYCOMMENT" + coded[2:]
            file.execute("INSERT INTO SVScannedImageDataXPO VALUES (?, ?)", (number, commented))
        _described(file)
        if tables:
            _tiles(file, planes)
        file.commit()
    return path


def _described(file: sqlite3.Connection) -> None:
    for table, more in (
        ("SVSlideDataXPO", "m_labelScan INTEGER, m_overviewScan INTEGER"),
        (
            "SVHRScanDataXPO",
            "ParentSlide INTEGER, ResolutionMmPerPix FLOAT, NominalLensMagnification FLOAT, ThumbnailImage BLOB",
        ),
    ):
        columns = ", ".join(f"{name} TEXT" for name in TEXTS[table])
        file.execute(f"CREATE TABLE {table} (OID INTEGER PRIMARY KEY, {columns}, {more})")
    values = tuple(TEXTS["SVSlideDataXPO"].values())
    file.execute("INSERT INTO SVSlideDataXPO VALUES (1, ?, ?, ?, ?, ?, ?, 1, 2)", values)
    values = tuple(TEXTS["SVHRScanDataXPO"].values())
    thumbnail = imagecodecs.jpeg8_encode(picture(100, 150, 2), level=90)
    file.execute(
        "INSERT INTO SVHRScanDataXPO VALUES (1, ?, ?, ?, ?, ?, 1, 0.000465, 20.0, ?)", (*values, thumbnail)
    )


def _tiles(file: sqlite3.Connection, planes: int) -> None:
    file.execute(f"CREATE TABLE {DATA} (id TEXT PRIMARY KEY, size INTEGER, data BLOB)")
    header = struct.pack("<8I", TILE, COLUMNS, ROWS, 24, planes, 0, 0, 0)
    rows: list[tuple[str, bytes]] = [
        ("++MagicBytes", b"SVGigaPixelImage"),
        ("++VersionBytes", b"1.0.0"),
        ("Header", header),
        ("Note", b"CANARYNOTE"),
    ]
    for factor in FACTORS:
        level = base(factor)
        high, wide = (-(-size // TILE) for size in level.shape[:2])
        whole = np.full((high * TILE, wide * TILE, 3), 255, np.uint8)
        whole[: level.shape[0], : level.shape[1]] = level
        for place in range(high * wide):
            row, column = divmod(place, wide)
            tile = whole[row * TILE :, column * TILE :][:TILE, :TILE]
            for colour in range(3):
                for plane in range(max(planes, 1)):
                    coded = imagecodecs.jpeg8_encode(np.ascontiguousarray(tile[:, :, colour]), level=95)
                    at = f"{column * TILE * factor}|{row * TILE * factor}"
                    rows.append((f"T;{at};{factor};{colour};{plane}", bytes(coded)))
    file.executemany(
        "INSERT INTO CANARYTABLE VALUES (?, ?, ?)", [(name, len(data), data) for name, data in rows]
    )
