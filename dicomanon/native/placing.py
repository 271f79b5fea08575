"""A page that must stay and shows the label: its picture becomes white, in a stream as the page declares it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.native.blank import blank_stream
from dicomanon.native.copy import Patch
from dicomanon.native.ranges import ranges
from dicomanon.native.tiff import Directory, Entry, Tiff, data_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PIXELS = 1 << 26
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _ROWS = 256, 257, 258, 259, 262, 277, 278
_PLANAR, _PREDICTOR, _SUBSAMPLING = 284, 317, 530
_STRIPS, _STRIP_COUNTS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_COUNTS = 273, 279, 322, 323, 324, 325
_NUMBERS = {3: "u2", 4: "u4", 16: "u8"}


def blank_page(
    tiff: Tiff, page: Directory, entries: Sequence[Entry], size: int
) -> tuple[list[Entry], list[Patch], int]:
    """Return the entries of a page whose tiles all lead to white, patches with it, and the size of the file.

    The white lies where the picture was; only where that is too small does the file grow. Raises SlideError where
    the compression is none that we write.
    """
    import numpy as np  # heavy

    tiled = _TILES in page.entries
    offsets_tag, counts_tag = (_TILES, _TILE_COUNTS) if tiled else (_STRIPS, _STRIP_COUNTS)
    streams = _streams(tiff, page, len(tiff.numbers(page, offsets_tag)), tiled=tiled)
    starts, counts = data_of(tiff, page)
    room = ranges(zip(starts.tolist(), (starts + counts).tolist(), strict=True))
    whole = sum(len(stream) + len(stream) % 2 for stream, _ in streams)
    at = next((start for start, stop, _ in room if stop - start >= whole), size + size % 2)
    offsets: list[int] = []
    lengths: list[int] = []
    patches: list[Patch] = []
    for stream, times in streams:
        patches.append(Patch(at, stream))
        offsets += [at] * times
        lengths += [len(stream)] * times
        at += len(stream) + len(stream) % 2
    found = list(entries)
    for tag, values in ((offsets_tag, offsets), (counts_tag, lengths)):
        entry = page.entries[tag]
        if max(values) >= 1 << 8 * _width(entry):
            raise SlideError("the label image cannot be blanked within its directory")
        raw = np.array(values, tiff.layout.order + _NUMBERS[entry.kind]).tobytes()
        if entry.inline:
            number = next(number for number, each in enumerate(found) if each.tag == tag)
            found[number] = replace(entry, raw=raw.ljust(tiff.layout.inline, b"\0"), high=0)
        else:
            patches.append(Patch(entry.offset, raw))
    return found, patches, max(size, at)


def _width(entry: Entry) -> int:
    if entry.kind not in _NUMBERS:
        raise CorruptSlideError("offsets of tiles have a type that they cannot have")
    return int(_NUMBERS[entry.kind][1])


def _streams(tiff: Tiff, page: Directory, count: int, *, tiled: bool) -> list[tuple[bytes, int]]:
    """Return white streams, and of how many tiles or strips in a row each is the data."""
    values = {tag: int(tiff.number(page, tag, default)) for tag, default in _DEFAULTS.items()}
    width, height = values[_WIDTH], values[_HEIGHT]
    samples = values[_SAMPLES]
    planes = samples if values[_PLANAR] == 2 else 1
    if values[_BITS] != 8 or samples > 4:
        raise SlideError("the label image has samples that a blank cannot be made for")
    if tiled:
        rows = [values[_TILE_HEIGHT]] * count
        width = values[_TILE_WIDTH]
    else:
        strip = min(values[_ROWS] or height, height)
        each = [min(strip, height - top) for top in range(0, height, max(strip, 1))]
        rows = each * planes
    if len(rows) != count or not width or width * max(rows, default=0) > MAX_PIXELS:
        raise CorruptSlideError("the number of strips does not fit the size of the label image")
    made = {tall: _white(tiff, page, values, (tall, width, samples // planes)) for tall in set(rows)}
    found: list[tuple[bytes, int]] = []
    for tall in rows:
        if found and found[-1][0] is made[tall]:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((made[tall], 1))
    return found


_DEFAULTS = {
    **dict.fromkeys((_WIDTH, _HEIGHT, _ROWS, _TILE_WIDTH, _TILE_HEIGHT), 0),
    **dict.fromkeys((_COMPRESSION, _PHOTOMETRIC, _SAMPLES, _BITS, _PLANAR, _PREDICTOR), 1),
}


def _white(tiff: Tiff, page: Directory, values: dict[int, int], shape: tuple[int, int, int]) -> bytes:
    declared: Any = tiff.numbers(page, _SUBSAMPLING).tolist()
    across, down = declared if len(declared) == 2 else (2, 2)
    return blank_stream(
        values[_COMPRESSION],
        shape,
        photometric=values[_PHOTOMETRIC],
        predictor=values[_PREDICTOR],
        subsampling=(across, down),
    )
