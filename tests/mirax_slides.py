"""Small MRXS slides: a file, and a folder with Slidedat.ini, an index and two data files, canaries where words may be.

They have the shape that readers of the format describe, not the fidelity of a scan: no real one is in the corpus.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from dicomanon.sources import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Pixels = NDArray[np.uint8]
TILE = 64
IDENTIFIER = "0123456789ABCDEF0123456789ABCDEF"
GENERAL = {
    "SLIDE_VERSION": "01.02",
    "SLIDE_ID": IDENTIFIER,
    "SLIDE_CREATIONDATETIME": "08/03/2026 15:13:25",
    "SLIDE_UTC_CREATIONDATETIME": "08/03/2026 14:13:25",
    "OBJECTIVE_MAGNIFICATION": "20",
    "SLIDE_TYPE": "SLIDE_TYPE_BRIGHTFIELD",
}
PROFILE = (
    '<?xml version="1.0"?><Profile ProfileName="CANARYPROFILE &amp; Co" Gain="1.2345"><!-- CANARYREMARK -->'
    "<Operator>CANARYOPERATOR</Operator><Width>123456.5</Width></Profile>"
)
PLAIN = "<Info Host='CANARYHOST'><User>CANARYUSER, ZOË</User></Info>"
NOTE = "CANARYNOTE"


@dataclass(frozen=True)
class Mirax:
    """What a slide is to be; `missing` are (level, place) of tiles that are not stored."""

    across: int = 5
    down: int = 3
    exponents: tuple[int, ...] = (0, 1, 1)
    overlap: int = 0
    missing: frozenset[tuple[int, int]] = frozenset(((0, 4), (1, 0)))
    general: Mapping[str, str] = field(default_factory=dict)
    focus: int = 1
    preview: tuple[int, int] = (48, 80)
    macro: str = "SlideThumbnail"
    profile: bytes = PROFILE.encode()
    progressive: bool = False
    positions: tuple[tuple[int, int], ...] = ()


def picture(rows: int, columns: int, seed: int = 1) -> Pixels:
    """Return a smooth picture in pink."""
    down, across = np.mgrid[0:rows, 0:columns]
    waves = np.sin(across / (9 + seed)) * np.cos(down / (7 + seed)) * 40
    channels = [base + waves * weight for base, weight in ((205, 0.6), (150, 1.2), (190, 0.8))]
    found: Pixels = np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)
    return found


def jpeg(pixels: Pixels, comment: str = "", *, progressive: bool = False) -> bytes:
    """Return a JPEG, with a comment where one is given."""
    from io import BytesIO

    from PIL import Image

    if progressive:
        out = BytesIO()
        Image.fromarray(pixels).save(out, "JPEG", quality=90, progressive=True)
        coded = out.getvalue()
    else:
        coded = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels), level=90, subsampling=(2, 2)))
    if not comment:
        return coded
    body = comment.encode()
    return coded[:2] + b"\xff\xfe" + struct.pack(">H", len(body) + 2) + body + coded[2:]


def planted() -> dict[str, str]:
    """Return a canary for each place of Slidedat.ini that is a line of its own and is not needed."""
    rows = catalogue("mirax")
    places = [place for place, row in rows.items() if place.startswith("Slidedat/") and "*" not in place]
    return {
        place: f"CANARY{number:03}{place[-4:]}"
        for number, place in enumerate(places)
        if rows[place].native != "keep" and place.rpartition("/")[2] not in GENERAL
    }


def make_mirax(path: Path, slide: Mirax | None = None) -> Path:
    """Write the slide; the path is that of the file with the suffix."""
    shape = slide or Mirax()
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    stores = [bytearray(f"01.02{IDENTIFIER}{number:03}".encode()) for number in range(2)]
    index = bytearray(f"01.02{IDENTIFIER}".encode() + bytes(8))
    lists = _lists(shape, stores)
    records = _records(shape)
    struct.pack_into("<i", index, 37, len(index))
    table = len(index)
    index += bytes(4 * (len(lists) + shape.focus - 1))
    for number, entries in enumerate(lists):
        _list(index, table + 4 * number, [struct.pack("<4i", *each) for each in entries], pages=2)
    struct.pack_into("<i", index, 41, len(index))
    table = len(index)
    index += bytes(4 * len(records))
    for number, data in enumerate(records.values()):
        entry = struct.pack("<5i", 0, 0, len(stores[1]), len(data), 1)
        stores[1] += data
        _list(index, table + 4 * number, [entry], pages=1)
    (folder / "Slidedat.ini").write_bytes(b"\xef\xbb\xbf" + _ini(shape, tuple(records)).encode())
    (folder / "Index.dat").write_bytes(index)
    for number, store in enumerate(stores):
        (folder / f"Data{number:04}.dat").write_bytes(store)
    path.write_bytes(jpeg(picture(32, 32), "CANARYFRONT") + b"CANARYBEHIND")
    return path


def _lists(shape: Mirax, stores: list[bytearray]) -> list[list[tuple[int, int, int, int]]]:
    """Store the tiles; return their entries in the index, level by level."""
    found = []
    total = 0
    for level, exponent in enumerate(shape.exponents):
        total += exponent
        step = 1 << total
        entries = []
        places = [(y, x) for y in range(0, shape.down, step) for x in range(0, shape.across, step)]
        for place, (y, x) in enumerate(places):
            if (level, place) in shape.missing:
                continue
            data = jpeg(picture(TILE, TILE, place + level), progressive=shape.progressive)
            store = (place + level) % 2
            entries.append((y * shape.across + x, len(stores[store]), len(data), store))
            stores[store] += data
        found.append(entries)
    return found


def _records(shape: Mirax) -> dict[str, bytes]:
    places = b"".join(struct.pack("<B2i", 1, *each) for each in shape.positions)
    buffer = {"Positions": places} if places else {}
    return {
        shape.macro: jpeg(picture(40, 120, 2), "CANARYMACRO"),
        "SlideBarcode": jpeg(picture(60, 70, 3), "CANARYLABEL"),
        "SlidePreview": jpeg(picture(*shape.preview, 4), "CANARYPREVIEW", progressive=True),
        "ProfileXML": zlib.compress(shape.profile),
        "XMLInfoHeader": PLAIN.encode(),
        "Utf16": b"\xff\xfe" + PROFILE.replace("CANARY", "CANARYWIDE").encode("utf-16-le"),
        "Note": NOTE.encode(),
        "Histogram": bytes(range(256)) * 4,
        **buffer,
    }


def _list(index: bytearray, pointer: int, entries: list[bytes], *, pages: int) -> None:
    """Write a list of entries on one page or two, and the pointer to it."""
    struct.pack_into("<i", index, pointer, len(index))
    index += struct.pack("<2i", 0, len(index) + 8)
    half = len(entries) // 2 if pages == 2 else 0
    for part, last in ((entries[:half], False), (entries[half:], True)):
        if not part and not last:
            continue
        size = 8 + sum(map(len, part))
        index += struct.pack("<2i", len(part), 0 if last else len(index) + size) + b"".join(part)


def _ini(shape: Mirax, records: tuple[str, ...]) -> str:
    sections: dict[str, dict[str, str]] = {
        "GENERAL": {
            **GENERAL,
            "IMAGENUMBER_X": str(shape.across),
            "IMAGENUMBER_Y": str(shape.down),
        },
        "HIERARCHICAL": _hierarchy(shape, records),
        "DATAFILE": {"FILE_COUNT": "2", "FILE_0": "Data0000.dat", "FILE_1": "Data0001.dat"},
        "NONHIERLAYER_0_SECTION": {},
        "NONHIERLAYER_0_LEVEL_0_SECTION": {"LABORATORY": "CANARYLABORATORY"},
        "WARD": {"Name": "CANARYWARD"},
    }
    total = 0
    for level, exponent in enumerate(shape.exponents):
        total += exponent
        sections[f"LAYER_0_LEVEL_{level}_SECTION"] = {
            "OVERLAP_X": str(shape.overlap / (1 << total)) if shape.overlap else "0",
            "OVERLAP_Y": str(shape.overlap / (1 << total)) if shape.overlap else "0",
            "MICROMETER_PER_PIXEL_X": str(0.25 * (1 << total)),
            "MICROMETER_PER_PIXEL_Y": str(0.26 * (1 << total)),
            "IMAGE_FORMAT": "JPEG",
            "IMAGE_FILL_COLOR_BGR": "16777215",
            "DIGITIZER_WIDTH": str(TILE),
            "DIGITIZER_HEIGHT": str(TILE),
            "IMAGE_CONCAT_FACTOR": str(exponent),
        }
    for number, kind in enumerate(("THUMBNAIL", "BARCODE", "PREVIEW")):
        record = sections.setdefault(f"NONHIERLAYER_0_LEVEL_{number}_SECTION", {})
        record[f"{kind}_IMAGE_TYPE"] = "JPEG"
    for place, value in planted().items():
        _, section, key = place.split("/")
        sections.setdefault(section.replace("_n", "_0"), {})[key] = value
    sections["GENERAL"].update(shape.general)
    if shape.positions:
        sections["NONHIERLAYER_1_LEVEL_0_SECTION"] = {"VIMSLIDE_POSITION_DATA_FORMAT_VERSION": "257"}
    lines = ["# CANARYREMARKLINE"]
    for section, values in sections.items():
        lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items())]
    return "\r\n".join(lines) + "\r\n"


def _hierarchy(shape: Mirax, records: tuple[str, ...]) -> dict[str, str]:
    found = {
        "HIER_COUNT": "2" if shape.focus > 1 else "1",
        "NONHIER_COUNT": "2" if shape.positions else "1",
        "INDEXFILE": "Index.dat",
        "HIER_0_NAME": "Slide zoom level",
        "HIER_0_COUNT": str(len(shape.exponents)),
        "NONHIER_0_NAME": "Scan data layer",
        "NONHIER_0_COUNT": str(len(records)),
    }
    if shape.positions:
        found |= {
            "NONHIER_0_COUNT": str(len(records) - 1),
            "NONHIER_1_NAME": "VIMSLIDE_POSITION_BUFFER",
            "NONHIER_1_COUNT": "1",
            "NONHIER_1_VAL_0": "default",
            "NONHIER_1_VAL_0_SECTION": "NONHIERLAYER_1_LEVEL_0_SECTION",
        }
        records = records[:-1]
    if shape.focus > 1:
        found |= {"HIER_1_NAME": "Microscope focus level", "HIER_1_COUNT": str(shape.focus)}
    for level in range(len(shape.exponents)):
        found[f"HIER_0_VAL_{level}"] = f"ZoomLevel_{level}"
        found[f"HIER_0_VAL_{level}_SECTION"] = f"LAYER_0_LEVEL_{level}_SECTION"
    for number, name in enumerate(records):
        found[f"NONHIER_0_VAL_{number}"] = f"ScanDataLayer_{name}"
        found[f"NONHIER_0_VAL_{number}_SECTION"] = f"NONHIERLAYER_0_LEVEL_{number}_SECTION"
    return found
