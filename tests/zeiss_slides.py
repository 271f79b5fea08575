"""Small CZI files, written as the public layout of ZISRAW has them: tiles, levels, scenes, channels, focal planes.

They have the shape of what a slide scanner writes, not the fidelity of it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape

import imagecodecs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

Pixels = NDArray[Any]
Codec = Literal["none", "jpeg", "jpegxr", "zstd0", "zstd1"]
COMPRESSION: Mapping[Codec, int] = {"none": 0, "jpeg": 1, "jpegxr": 4, "zstd0": 5, "zstd1": 6}
GUID = bytes(range(0x41, 0x51))
_OTHER_GUID = b"\x6b" * 16
_TYPES = {(2, 1): 0, (2, 2): 1, (3, 1): 3, (3, 2): 4}
"""Pixel types by dimensions of the array and bytes of a sample."""
SIZE = (168, 120)
"""Columns and rows of a mosaic."""


@dataclass(frozen=True)
class Tile:
    """One subblock: RGB or gray pixels, at a place of the largest level, `factor` times as large there."""

    pixels: Pixels
    left: int
    top: int
    factor: int = 1
    codec: Codec = "none"
    more: Mapping[str, int] = field(default_factory=dict)
    metadata: bytes = b"<METADATA><Tags></Tags></METADATA>"
    pixel_type: int | None = None


@dataclass(frozen=True)
class File:
    """What a file holds besides its tiles: XML, attachments by name, kind and content."""

    xml: bytes = b""
    attachments: Sequence[tuple[str, str, bytes]] = ()
    several: bool = False


def picture(rows: int, columns: int, seed: int = 0) -> Pixels:
    """Return colours that tell every place from every other."""
    y, x = np.mgrid[:rows, :columns]
    colours = ((3 * x + seed * 40) % 256, (5 * y + seed * 90) % 256, (x + y) % 256)
    return np.stack(colours, axis=-1).astype(np.uint8)


def mosaic(
    scene: int | None = None, *, origin: tuple[int, int] = (0, 0), codec: Codec = "none", seed: int = 0
) -> list[Tile]:
    """Return six tiles that overlap by 8 to 12 pixels, and a level a quarter as wide and high."""
    named = {} if scene is None else {"S": scene}
    tiles = [
        Tile(
            picture(64, 64, seed + number),
            origin[0] + 52 * (number % 3),
            origin[1] + 56 * (number // 3),
            codec=codec,
            more={"M": number, **named},
        )
        for number in range(6)
    ]
    small = picture(SIZE[1] // 4, SIZE[0] // 4, seed + 9)
    return [*tiles, Tile(small, *origin, factor=4, codec=codec, more={"M": 0, **named})]


def document(
    *,
    spacing: tuple[float, float, float] = (0.22e-6, 0.25e-6, 1.5e-6),
    size: tuple[int, int] = SIZE,
    scenes: int = 1,
    channels: Sequence[str] = (),
    information: str = "",
    more: str = "",
) -> bytes:
    """Return the XML of a file: metres between pixels along X, Y and Z; `channels` are what the elements hold."""
    listed = "".join(f'<Channel Id="Channel:{n}">{text}</Channel>' for n, text in enumerate(channels))
    scaling = "".join(
        f'<Distance Id="{axis}"><Value>{value}</Value></Distance>'
        for axis, value in zip("XYZ", spacing, strict=True)
    )
    sizes = f"<SizeX>{size[0]}</SizeX><SizeY>{size[1]}</SizeY><SizeS>{scenes}</SizeS>"
    image = f"<Image>{sizes}<Dimensions><Channels>{listed}</Channels></Dimensions></Image>"
    return (
        f'<?xml version="1.0"?>\n<ImageDocument><Metadata><Information>{image}{information}</Information>'
        f"<Scaling><Items>{scaling}</Items></Scaling>{more}</Metadata></ImageDocument>"
    ).encode()


def nested(path: str, value: str) -> str:
    """Return elements within each other, with a text in the innermost."""
    names = path.split("/")
    return "".join(f"<{n}>" for n in names) + escape(value) + "".join(f"</{n}>" for n in reversed(names))


def make_czi(path: Path, tiles: Iterable[Tile], file: File | None = None) -> Path:
    """Write a slide to `path` and return it."""
    path.write_bytes(czi(tiles, file))
    return path


def czi(tiles: Iterable[Tile], file: File | None = None) -> bytes:
    """Return the bytes of a file: header, subblocks, directory, metadata, attachments."""
    file = file or File()
    out = bytearray(_segment(b"ZISRAWFILE", bytes(512)))
    entries = []
    for tile in tiles:
        entry = _entry(tile, len(out))
        data = _encoded(tile)
        head = (struct.pack("<iiq", len(tile.metadata), 0, len(data)) + entry).ljust(256, b"\0")
        out += _segment(b"ZISRAWSUBBLOCK", head + tile.metadata + data)
        entries.append(entry)
    directory = len(out)
    out += _segment(b"ZISRAWDIRECTORY", struct.pack("<i124x", len(entries)) + b"".join(entries))
    metadata = len(out) if file.xml else 0
    if file.xml:
        out += _segment(b"ZISRAWMETADATA", struct.pack("<ii248x", len(file.xml), 0) + file.xml)
    attachments = _attach(out, file.attachments)
    own = _OTHER_GUID if file.several else GUID
    header = struct.pack("<iiii16s16siqqiq", 1, 0, 0, 0, GUID, own, 0, directory, metadata, 0, attachments)
    out[32 : 32 + len(header)] = header
    return bytes(out)


def _attach(out: bytearray, attachments: Sequence[tuple[str, str, bytes]]) -> int:
    """Write attachments and their directory, of which no reader but ours can do without; return its place."""
    entries = []
    for name, kind, content in attachments:
        fixed = (len(out), 0, bytes(16), kind.encode(), name.encode())
        entry = struct.pack("<2s10xqi16s8s80s", b"A1", *fixed)
        entries.append(entry)
        head = struct.pack("<i12x", len(content)) + entry + bytes(112)
        out += _segment(b"ZISRAWATTACH", head + content)
    at = len(out)
    out += _segment(b"ZISRAWATTDIR", struct.pack("<i252x", len(entries)) + b"".join(entries))
    return at


def _segment(name: bytes, data: bytes) -> bytes:
    room = -(-len(data) // 32) * 32
    return struct.pack("<16sqq", name, room, len(data)) + data.ljust(room, b"\0")


def _entry(tile: Tile, position: int) -> bytes:
    rows, columns = tile.pixels.shape[:2]
    kind = tile.pixel_type
    if kind is None:
        kind = _TYPES[tile.pixels.ndim, tile.pixels.dtype.itemsize]
    places = {
        "X": (tile.left, columns * tile.factor, columns),
        "Y": (tile.top, rows * tile.factor, rows),
        "C": (0, 1, 1),
    }
    places |= {name: (start, 1, 1) for name, start in tile.more.items()}
    level = 0 if tile.factor == 1 else 2
    head = (kind, position, 0, COMPRESSION[tile.codec], level, len(places))
    return struct.pack("<2siqiiB5xi", b"DV", *head) + b"".join(
        struct.pack("<4siifi", name.encode(), start, size, 0.0, stored)
        for name, (start, size, stored) in places.items()
    )


def _encoded(tile: Tile) -> bytes:
    pixels = np.ascontiguousarray(tile.pixels)
    if tile.codec == "jpegxr":
        return _as_bgr(bytes(imagecodecs.jpegxr_encode(pixels, level=1.0)))
    raw = np.ascontiguousarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    if tile.codec == "jpeg":
        return bytes(imagecodecs.jpeg8_encode(raw, level=95))
    if tile.codec == "zstd0":
        return bytes(imagecodecs.zstd_encode(raw.tobytes()))
    if tile.codec == "zstd1":
        apart = raw.dtype.itemsize == 2
        planes = raw.reshape(-1).view(np.uint8).reshape(-1, 2).T if apart else raw
        return bytes((3, 1, apart)) + imagecodecs.zstd_encode(planes.tobytes())
    return raw.tobytes()


def _as_bgr(encoded: bytes) -> bytes:
    """Return a JPEG XR file that gives its three bytes as BGR, which is how scanners write them."""
    pixel_format = bytes.fromhex("24c3dd6f034efe4bb1853d77768dc9")
    return encoded.replace(pixel_format + b"\x0d", pixel_format + b"\x0c")
