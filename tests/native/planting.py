"""Values planted in slides that others have made: in a tag, in XML, in Slidedat.ini."""

from __future__ import annotations

import shutil
import struct
from typing import TYPE_CHECKING

import tifffile

if TYPE_CHECKING:
    from pathlib import Path


def text_of_tag(path: Path, tag: int, page: int = 0) -> bytes:
    with tifffile.TiffFile(path) as tiff:
        entry = tiff.pages[page].tags[tag]
        at, size = entry.valueoffset, entry.valuebytecount
    return path.read_bytes()[at : at + size].rstrip(b"\0")


def with_text(path: Path, target: Path, tag: int, text: bytes, page: int = 0) -> Path:
    """Copy a TIFF with another text in a tag: at the end of the file, where the entry leads to then."""
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        entry, big, order = tiff.pages[page].tags[tag], tiff.is_bigtiff, tiff.byteorder
    data += bytes(len(data) % 2)
    struct.pack_into(order + ("QQ" if big else "II"), data, entry.offset + 4, len(text) + 1, len(data))
    target.write_bytes(bytes(data + text + b"\0"))
    return target


def mrxs(synthetic: Path, folder: Path) -> Path:
    """Copy the MRXS to a folder, under the name of a person."""
    folder.mkdir(parents=True)
    path = folder / "CANARYSLIDE.mrxs"
    shutil.copyfile(synthetic / "synthetic-mrxs.mrxs", path)
    shutil.copytree(synthetic / "synthetic-mrxs", path.with_suffix(""), copy_function=shutil.copyfile)
    path.with_suffix("").chmod(0o755)
    return path


def ini_of(slide: Path) -> str:
    return (slide.with_suffix("") / "Slidedat.ini").read_text(encoding="utf-8-sig")


def with_ini(slide: Path, text: str) -> Path:
    (slide.with_suffix("") / "Slidedat.ini").write_text(text, encoding="utf-8-sig")
    return slide


def with_entry(path: Path, target: Path, old: int, entry: tuple[int, int, int, bytes], page: int = 0) -> Path:
    """Copy a classic TIFF with another entry, (tag, type, count, bytes), in place of that of a tag."""
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        at, order = tiff.pages[page].tags[old].offset, tiff.byteorder
    tag, kind, count, raw = entry
    if len(raw) > 4:
        data += bytes(len(data) % 2)
        raw, more = struct.pack(f"{order}I", len(data)), raw
        data += more
    struct.pack_into(f"{order}HHI4s", data, at, tag, kind, count, raw.ljust(4, b"\0"))
    target.write_bytes(bytes(data))
    return target
