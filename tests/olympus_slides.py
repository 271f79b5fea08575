"""Small Olympus slides: a VSI, which is a TIFF with a tree of tags, beside a folder of stacks of tiles (ETS).

They have the shape of what a slide scanner writes, not the fidelity of it: a real one is in the corpus.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

Pixels = NDArray[Any]
Codec = Literal["raw", "jpeg", "jpeg-rgb", "jp2k", "ljpeg", "png", "bmp"]
Place = tuple[int, ...]
COMPRESSION: Mapping[Codec, int] = {
    "raw": 0,
    "jpeg": 2,
    "jpeg-rgb": 2,
    "jp2k": 3,
    "ljpeg": 5,
    "png": 8,
    "bmp": 9,
}
TILE = 64
_LONG, _DOUBLE, _TEXT, _RECTANGLE, _PAIR = 7, 10, 8192, 259, 260
MEANINGS = {"Z": 1, "T": 2, "C": 4}


def tag(code: int, kind: int, value: bytes | int, second: int | None = None) -> tuple[bytes, bytes]:
    """Return the two halves of a tag: type and number, and what follows the place of the next one."""
    inline = isinstance(value, int)
    flags = kind | (1 << 30 if inline else 0) | (1 << 27 if second is not None else 0)
    size = value if isinstance(value, int) else len(value)
    more = b"" if second is None else struct.pack("<i", second)
    return struct.pack("<Ii", flags, code), struct.pack("<I", size) + more + (
        b"" if isinstance(value, int) else value
    )


def word(code: int, text: str) -> tuple[bytes, bytes]:
    """Return a tag that holds words."""
    return tag(code, _TEXT, text.encode("utf-16-le"))


def below(code: int, tags: Sequence[tuple[bytes, bytes]], second: int | None = None) -> tuple[bytes, bytes]:
    """Return a tag that holds a volume of tags."""
    volume = tree(tags)
    flags = 1 << 31 | 1 << 28 | (0 if second is None else 1 << 27) | (1 if second is None else 0)
    more = b"" if second is None else struct.pack("<i", second)
    return struct.pack("<Ii", flags, code), struct.pack("<I", len(volume)) + more + volume


def tree(tags: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return a volume of tags, each of which says where the next one is."""
    out = struct.pack("<4sIqII", b"\x18\0IS", 1, 24, len(tags), 0)
    for number, (front, rest) in enumerate(tags, 1):
        following = len(out) + len(front) + 4 + len(rest)
        out += front + struct.pack("<I", following if number < len(tags) else 0) + rest
    return out


@dataclass(frozen=True)
class Stack:
    """A stack of tiles: levels as pictures by what else there is (plane, channel); `missing` tiles are not stored.

    `told` is whether the tags say anything of it, `dimensions` which letters the others have.
    """

    pictures: Mapping[tuple[int, ...], Sequence[Pixels]]
    codec: Codec = "jpeg"
    number: int = 1
    dimensions: str = ""
    name: str = "20x_01"
    kind: int = 0
    scale: float = 0.25
    unit: str = "10^-6m^1"
    told: bool = True
    missing: frozenset[tuple[int, int]] = frozenset()
    order: int = 0
    component: int | None = None
    words: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True)
class Slide:
    """A slide: its stacks, and words of its document by the number of their tags."""

    stacks: Sequence[Stack] = ()
    words: Sequence[tuple[int, str]] = ()
    artist: str = "CANARYARTIST1"


def levels(rows: int, columns: int, count: int = 2, seed: int = 0) -> list[Pixels]:
    """Return pictures that tell every place from every other, each half as large as the one before."""
    found = []
    for number in range(count):
        y, x = np.mgrid[: -(-rows // 2**number), : -(-columns // 2**number)]
        colours = (2 * x + 40 * seed, 3 * y + 9 * number, x + y)
        found.append(np.stack([each % 256 for each in colours], axis=-1).astype(np.uint8))
    return found


def brightfield(rows: int = 150, columns: int = 200, **more: Any) -> Stack:
    """Return a stack of one picture in colour."""
    return Stack({(): levels(rows, columns)}, **more)


def make_vsi(path: Path, slide: Slide | None = None) -> Path:
    """Write a slide to `path` and the folder beside it, and return it."""
    slide = slide or Slide((brightfield(),))
    path.write_bytes(vsi(slide))
    for stack in slide.stacks:
        folder = path.parent / f"_{path.stem}_" / f"stack{stack.number}"
        folder.mkdir(parents=True)
        (folder / "frame_t.ets").write_bytes(ets(stack))
    return path


def vsi(slide: Slide) -> bytes:
    """Return the bytes of a VSI: header of a TIFF, tree of tags, a picture, its directory."""
    document = below(2, [word(code, text) for code, text in slide.words] or [word(34, "cellSens")])
    images = [_image(stack) for stack in slide.stacks if stack.told]
    volumes = tree([document, below(2000, images or [word(2030, "none")], 0)])
    preview = np.full((24, 32, 3), 200, np.uint8)
    data_at = 8 + len(volumes) + len(volumes) % 2
    artist_at = data_at + preview.nbytes
    artist = slide.artist.encode() + b"\0"
    bits_at = artist_at + len(artist) + len(artist) % 2
    entries = [
        (256, 4, 1, 32),
        (257, 4, 1, 24),
        (258, 3, 3, bits_at),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, data_at),
        (277, 3, 1, 3),
        (278, 4, 1, 24),
        (279, 4, 1, preview.nbytes),
        (315, 2, len(artist), artist_at),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each) for each in entries)
    front = struct.pack("<2sHI", b"II", 42, bits_at + 6) + volumes
    body = preview.tobytes() + artist
    return (
        front.ljust(data_at, b"\0")
        + body.ljust(bits_at - data_at, b"\0")
        + struct.pack("<3H", 8, 8, 8)
        + directory
        + bytes(4)
    )


def _image(stack: Stack) -> tuple[bytes, bytes]:
    rows, columns = next(iter(stack.pictures.values()))[0].shape[:2]
    boundary = tag(2053, _RECTANGLE, struct.pack("<4i", 0, 0, columns, rows))
    frame = below(2002, [below(2018, [boundary])], 0)
    properties = [
        tag(2019, _PAIR, struct.pack("<2d", stack.scale, 2 * stack.scale)),
        word(2020, stack.unit),
        word(2030, stack.name),
        word(175122, f"stack{stack.number}"),
        tag(2074, 5, stack.kind),
        tag(2015, _LONG, struct.pack("<q", 1772899357)),
        tag(120060, _DOUBLE, struct.pack("<d", 20.0)),
        *(word(code, text) for code, text in stack.words),
    ]
    dimensions = [_dimension(letter, at) for at, letter in enumerate(stack.dimensions) if letter in MEANINGS]
    return below(2001, [frame, below(2005, properties), *dimensions], stack.number)


def _dimension(letter: str, at: int) -> tuple[bytes, bytes]:
    meaning = tag(2023, 5, MEANINGS[letter])
    if letter == "Z":
        step = [word(268435456, "10^-6m^1"), tag(268435458, _DOUBLE, struct.pack("<d", 1.5))]
        return below(2007, [below(2008, [below(2013, step), meaning], 0)], at)
    waves = [(465.0, 353.0), (561.0, 548.0)]
    channels = [
        below(
            2008,
            [
                meaning,
                below(2417, [tag(268435458, _DOUBLE, struct.pack("<d", emission))]),
                below(2474, [tag(268435458, _DOUBLE, struct.pack("<d", excitation))]),
            ],
            number,
        )
        for number, (emission, excitation) in enumerate(waves)
    ]
    return below(2007, channels, at)


def ets(stack: Stack) -> bytes:
    """Return the bytes of a file of tiles: headers, tiles, the table of them."""
    first = next(iter(stack.pictures.values()))[0]
    samples = 1 if first.ndim == 2 else 3
    component = stack.component or (2 if first.dtype == np.uint8 else 4)
    header = struct.pack(
        "<4sIIIIIIIII68s40sII72x",
        *(b"ETS\0", 0x30006, component, samples, 0, COMPRESSION[stack.codec], 90, TILE, TILE, 1),
        *(b"", b"", stack.order, 1),
    )
    body, table = bytearray(64 + len(header)), bytearray()
    dimensions = 3 + len(stack.dimensions)
    count = 0
    for others, pictures in stack.pictures.items():
        for level, picture in enumerate(pictures):
            for (column, row), tile in cut(picture).items():
                if level == 0 and (column, row) in stack.missing:
                    continue
                data = ENCODERS[stack.codec](tile if not stack.order else tile[..., ::-1])
                place = (column, row, *others, level)
                table += struct.pack(f"<I{dimensions}iQII", dimensions, *place, len(body), len(data), count)
                body += data
                count += 1
    volume = struct.pack(
        "<4sIIIQIIQII16x", b"SIS\0", 64, 3, dimensions, 64, len(header), 0, len(body), count, 0
    )
    body[: len(volume) + len(header)] = volume + header
    return bytes(body + table)


def cut(picture: Pixels) -> dict[tuple[int, int], Pixels]:
    """Return the tiles of a picture by column and row, white where it ends."""
    rows, columns = picture.shape[:2]
    found = {}
    for row in range(-(-rows // TILE)):
        for column in range(-(-columns // TILE)):
            tile = np.full((TILE, TILE, *picture.shape[2:]), np.iinfo(picture.dtype).max, picture.dtype)
            part = picture[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            tile[: part.shape[0], : part.shape[1]] = part
            found[column, row] = tile
    return found


def _bitmap(tile: Pixels) -> bytes:
    rows, columns = tile.shape[:2]
    data = tile[::-1, :, ::-1].tobytes()
    head = struct.pack("<IiiHHIIiiII", 40, columns, rows, 1, 24, 0, len(data), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, 54) + head + data


ENCODERS: Mapping[Codec, Callable[[Pixels], bytes]] = {
    "raw": lambda tile: tile.tobytes(),
    "jpeg": lambda tile: bytes(imagecodecs.jpeg8_encode(tile, level=90)),
    "jpeg-rgb": lambda tile: bytes(
        imagecodecs.jpeg8_encode(tile, level=90, colorspace="rgb", outcolorspace="rgb")
    ),
    "jp2k": lambda tile: bytes(imagecodecs.jpeg2k_encode(tile, codecformat="j2k", level=60)),
    "ljpeg": lambda tile: bytes(imagecodecs.ljpeg_encode(tile)),
    "png": lambda tile: bytes(imagecodecs.png_encode(tile)),
    "bmp": _bitmap,
}
