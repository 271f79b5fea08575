"""Pictures with places, as CZI files have them, laid together: levels by their scale, the later over the earlier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _czi
from dicomanon.sources._slide import BRIGHTFIELD, Lossy, OpticalPath, PixelImage, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._czi import Block
    from dicomanon.sources._slide import Flavor

    Decode = Callable[[Block], NDArray[Any]]

_METHODS = {_czi.JPEG: "ISO_10918_1", _czi.JPEG_XR: "ISO_29199_2"}
"""Lossy Image Compression Method. DICOM defines no term for JPEG XR: this one is made as its others are, of the number
of the standard (ISO/IEC 29199-2). A file does not say whether its JPEG XR lost anything: it counts as lossy."""
_WHY = "its pictures overlap, or are compressed in a way that DICOM does not have"
_CACHE = 1 << 26
_MAX_PIXELS = 1 << 26
_LARGEST_FRAME = 0xFFFF


def _brightfield(_: int) -> OpticalPath:
    return BRIGHTFIELD


@dataclass(frozen=True, slots=True)
class Optics:
    """How pixels are to be understood: mm between rows and columns, mm between planes, how a channel was lit."""

    spacing: tuple[float, float] | None = None
    plane_spacing: float | None = None
    path: Callable[[int], OpticalPath] = _brightfield


def kept(file: FileBytes, blocks: Iterable[Block]) -> Decode:
    """Return what decodes pictures and keeps the last few: neighbouring frames ask for the same ones."""
    largest = max(block.stored_columns * block.stored_rows for block in blocks) * 6
    keep = lru_cache(maxsize=max(2, _CACHE // largest))(partial(_czi.decoded, file))
    locks = [Lock() for _ in range(64)]

    def decode(block: Block) -> NDArray[Any]:
        with locks[block.data % len(locks)]:  # who comes second waits, instead of decoding it again
            return keep(block)

    return decode


def scene_levels(decode: Decode, blocks: Sequence[Block], optics: Optics, scene: int) -> Iterator[PixelImage]:
    """Yield the levels of a scene, cut to the box around the pictures of the largest; raise CorruptSlideError."""
    by_factor = _by_factor(blocks)
    box = _box(by_factor[min(by_factor)])
    for factor in sorted(by_factor):
        image = _image(decode, by_factor[factor], box, factor, optics)
        yield replace(image, resampled=factor != min(by_factor), scene=scene)


def single_picture(decode: Decode, blocks: Sequence[Block], flavor: Flavor) -> PixelImage:
    """Return all pictures of the largest level, of one channel and plane, as an image of one frame.

    Raises CorruptSlideError where it is too large for one.
    """
    same = (blocks[0].channel, blocks[0].plane)
    by_factor = _by_factor([block for block in blocks if (block.channel, block.plane) == same])
    factor = min(by_factor)
    image = _image(decode, by_factor[factor], _box(by_factor[factor]), factor, Optics(), flavor)
    if image.columns * image.rows > _MAX_PIXELS or max(image.tile) > _LARGEST_FRAME:
        raise CorruptSlideError("an attached picture is absurdly large")
    return image


@dataclass(frozen=True, slots=True)
class _Box:
    left: int
    top: int
    columns: int
    rows: int


def _box(blocks: Sequence[Block]) -> _Box:
    left, top = min(block.left for block in blocks), min(block.top for block in blocks)
    right = max(block.left + block.columns for block in blocks)
    bottom = max(block.top + block.rows for block in blocks)
    return _Box(left, top, right - left, bottom - top)


def _by_factor(blocks: Iterable[Block]) -> dict[int, list[Block]]:
    """Return pictures by how many pixels of the largest level lie along one of theirs.

    The size of a picture is rounded: a small one, that several factors would fit, goes with the larger ones.
    """
    found: dict[int, list[Block]] = {}
    for block in sorted(blocks, key=lambda each: -each.stored_columns * each.stored_rows):
        pairs = ((block.columns, block.stored_columns), (block.rows, block.stored_rows))
        nearest = max(1, _rounded(*max(pairs, key=lambda pair: pair[1])))
        fitting = [
            factor
            for factor in found
            if all(factor * (stored - 1) < size < factor * (stored + 1) for size, stored in pairs)
        ]
        found.setdefault(min(fitting, key=lambda each: abs(each - nearest), default=nearest), []).append(
            block
        )
    return found


def _rounded(size: int, factor: int) -> int:
    return (2 * size + factor) // (2 * factor)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A picture with its place in its level."""

    block: Block
    left: int
    top: int

    @property
    def right(self) -> int:
        return self.left + self.block.stored_columns

    @property
    def bottom(self) -> int:
        return self.top + self.block.stored_rows


@dataclass(frozen=True, slots=True)
class _Canvas:
    """A level: pictures by path, plane and cell of a grid whose cells are as large as the largest of them."""

    columns: int
    rows: int
    samples: int
    bits: int
    paths: tuple[OpticalPath, ...]
    planes: int
    cell: tuple[int, int]
    cells: Mapping[tuple[int, int, int, int], Sequence[_Placed]]


def _image(
    decode: Decode,
    blocks: Sequence[Block],
    box: _Box,
    factor: int,
    optics: Optics,
    flavor: Flavor = "VOLUME",
) -> PixelImage:
    placed = [
        _Placed(block, _rounded(block.left - box.left, factor), _rounded(block.top - box.top, factor))
        for block in blocks
    ]
    canvas = _canvas(placed, box, factor, optics)
    spacing = optics.spacing
    return PixelImage(
        flavor=flavor,
        columns=canvas.columns,
        rows=canvas.rows,
        samples=canvas.samples,
        bits=canvas.bits,
        spacing=None if spacing is None else (spacing[0] * factor, spacing[1] * factor),
        planes=canvas.planes,
        plane_spacing=optics.plane_spacing if canvas.planes > 1 else None,
        paths=canvas.paths,
        losses=_losses(blocks),
        read=partial(_read, decode, canvas),
        exact=all(block.compression in _czi.LOSSLESS for block in blocks),
        tile=_tile(placed, canvas.cell) if flavor == "VOLUME" else (canvas.rows, canvas.columns),
        why=_WHY,
    )


def _canvas(placed: Sequence[_Placed], box: _Box, factor: int, optics: Optics) -> _Canvas:
    columns = min(-(-box.columns // factor), max(each.right for each in placed))
    rows = min(-(-box.rows // factor), max(each.bottom for each in placed))
    if min(columns, rows) < 1:
        raise CorruptSlideError("a level lies beside the largest one")
    samples, bits = _czi.SAMPLES[placed[0].block.pixel]
    channels = _numbered(each.block.channel for each in placed)
    planes = _numbered(each.block.plane for each in placed)
    wide = max(each.block.stored_columns for each in placed)
    high = max(each.block.stored_rows for each in placed)
    cells: dict[tuple[int, int, int, int], list[_Placed]] = {}
    for each in placed:
        key = (channels[each.block.channel], planes[each.block.plane])
        for row in range(each.top // high, (each.bottom - 1) // high + 1):
            for column in range(each.left // wide, (each.right - 1) // wide + 1):
                cells.setdefault((*key, row, column), []).append(each)
    paths = tuple(optics.path(channel) if samples == 1 else BRIGHTFIELD for channel in channels)
    return _Canvas(columns, rows, samples, bits, paths, len(planes), (wide, high), cells)


def _numbered(values: Iterable[int]) -> dict[int, int]:
    return {value: index for index, value in enumerate(sorted(set(values)))}


def _losses(blocks: Iterable[Block]) -> tuple[Lossy, ...]:
    sizes: dict[str, int] = {}
    for block in blocks:
        if block.compression in _METHODS:
            method = _METHODS[block.compression]
            sizes[method] = sizes.get(method, 0) + block.size
    return tuple(Lossy(method, size) for method, size in sizes.items())


def _tile(placed: Iterable[_Placed], cell: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns of frames: those of the pictures where these lie edge to edge."""
    wide, high = cell
    handy = not (wide % 16 or high % 16) and min(cell) >= 128 and max(cell) <= 2048
    if handy and all(each.left % wide == each.top % high == 0 for each in placed):
        return high, wide
    return (1024, 1024) if min(cell) >= 1024 else (512, 512)


def _read(decode: Decode, canvas: _Canvas, region: Region) -> NDArray[Any]:
    """Return a region with the pictures that touch it, in the order of the mosaic."""
    import numpy as np  # heavy

    dark = canvas.paths[region.path].fluorescence
    kind = np.uint8 if canvas.bits == 8 else np.uint16
    shape = (region.rows, region.columns, canvas.samples)
    out = np.full(shape, 0 if dark else (1 << canvas.bits) - 1, kind)
    right = min(region.left + region.columns, canvas.columns)
    bottom = min(region.top + region.rows, canvas.rows)
    wide, high = canvas.cell
    found: dict[int, _Placed] = {}
    for row in range(region.top // high, (bottom - 1) // high + 1):
        for column in range(region.left // wide, (right - 1) // wide + 1):
            for each in canvas.cells.get((region.path, region.plane, row, column), ()):
                found[each.block.data] = each
    for each in sorted(found.values(), key=lambda one: (one.block.mosaic, one.block.data)):
        x0, x1 = max(each.left, region.left), min(each.right, right)
        y0, y1 = max(each.top, region.top), min(each.bottom, bottom)
        if x0 < x1 and y0 < y1:
            part = decode(each.block)[y0 - each.top : y1 - each.top, x0 - each.left : x1 - each.left]
            out[y0 - region.top : y1 - region.top, x0 - region.left : x1 - region.left] = part
    return out
