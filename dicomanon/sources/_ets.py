"""Tiles of Olympus: an ETS file is a table of chunks, each a tile with its place, other dimensions and level."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _jpeg, _jpeg2000
from dicomanon.sources._bytes import MAX_RANGE, FileBytes, spans
from dicomanon.sources._pixels import DECODING
from dicomanon.sources._slide import BRIGHTFIELD, Lossy, PixelImage, Region, SlideImage
from dicomanon.sources._tiles import JPEG_2000_METHOD, JPEG_METHOD, FrameStream, jpeg_2000_tiles, jpeg_tiles

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from dicomanon.sources._slide import Flavor, Image, OpticalPath

RAW, JPEG, JPEG_2000, JPEG_LOSSLESS, PNG, BMP = 0, 2, 3, 5, 8, 9
_COMPRESSIONS = frozenset((RAW, JPEG, JPEG_2000, JPEG_LOSSLESS, PNG, BMP))
_BITS = {2: 8, 4: 16}
"""Component types: unsigned, of one byte and of two."""
_BGR = 1
"""Component order of tiles without compression."""
_VOLUME = struct.Struct("<4sIIIQIIQII")
_HEADER = struct.Struct("<4sIIIIIIIII68s40sII")
_MOST_DIMENSIONS, _MOST_LEVELS = 16, 32
_MOST_TILES = 20_000_000
_MAX_PIXELS = 1 << 26
_LARGEST_TILE = 0xFFFF
_MAX_PICTURE = 1 << 25
"""Pixels of an overview that is one frame."""
_YCBCR, _RGB = 6, 2
_WHY = "its tiles are missing, or compressed in a way that DICOM does not have"
_JPEG_2000_LOSSLESS, _JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"


@dataclass(frozen=True, slots=True)
class Ets:
    """An open file of tiles, each of which has a row in the arrays: coordinates (column, row, others), level, bytes."""

    file: FileBytes
    samples: int
    bits: int
    compression: int
    bgr: bool
    columns: int
    rows: int
    coordinates: NDArray[Any]
    levels: NDArray[Any]
    offsets: NDArray[Any]
    counts: NDArray[Any]

    @property
    def extents(self) -> tuple[int, ...]:
        """Return how many tiles there are across and down, and how many values of each other dimension."""
        base = self.coordinates[self.levels == 0]
        return tuple(int(most) + 1 for most in base.max(axis=0))


def read_ets(file: FileBytes) -> Ets:
    """Read the headers and the table of chunks; raise CorruptSlideError, SlideError for what is not supported."""
    import numpy as np  # heavy

    (magic, size, _, dimensions, header_at, header_size, _, table_at, count, _) = _VOLUME.unpack(
        file.read(0, _VOLUME.size)
    )
    if magic != b"SIS\0" or size < _VOLUME.size or header_size < _HEADER.size:
        raise CorruptSlideError("a file of tiles has no header")
    if not 3 <= dimensions <= _MOST_DIMENSIONS or header_at + _HEADER.size > file.size:
        raise CorruptSlideError("the header of a file of tiles cannot be read")
    header = _HEADER.unpack(file.read(header_at, _HEADER.size))
    magic, _, kind, samples, _, compression, _, columns, rows, deep, _, _, order, pyramid = header
    if magic != b"ETS\0":
        raise CorruptSlideError("the header of a file of tiles cannot be read")
    if kind not in _BITS or samples not in (1, 3):
        raise SlideError("only gray and three colours with samples of 8 or 16 bits are supported")
    if compression not in _COMPRESSIONS:
        raise SlideError("the compression is not JPEG, JPEG 2000, PNG, BMP or none")
    if deep > 1:
        raise SlideError("tiles have a depth: whole-slide images in DICOM have none")
    if not (0 < columns <= _LARGEST_TILE and 0 < rows <= _LARGEST_TILE and columns * rows <= _MAX_PIXELS):
        raise CorruptSlideError("tiles have no size, or an absurd one")
    row = np.dtype([("_", "<u4"), ("at", "<i4", (dimensions,)), ("o", "<u8"), ("n", "<u4"), ("r", "<u4")])
    if not 0 < count <= _MOST_TILES or table_at + count * row.itemsize > file.size:
        raise CorruptSlideError("the table of tiles is empty, or lies beyond the end of the file")
    table = np.frombuffer(file.read(table_at, count * row.itemsize), row)
    places, offsets, counts = table["at"], table["o"], table["n"]
    beyond = (offsets > file.size) | (counts > MAX_RANGE) | (offsets + counts > file.size) | (counts == 0)
    if beyond.any() or (places < 0).any() or (places >= _MOST_TILES).any():
        raise CorruptSlideError("a tile lies beyond the end of the file, or has an absurd place")
    levels = places[:, -1] if pyramid else np.zeros(count, np.int32)
    if levels.max() >= _MOST_LEVELS or not (levels == 0).any():
        raise CorruptSlideError("the levels of a file of tiles contradict themselves")
    return Ets(
        file=file,
        samples=samples,
        bits=_BITS[kind],
        compression=compression,
        bgr=order == _BGR,
        columns=columns,
        rows=rows,
        coordinates=places[:, :-1] if pyramid else places,
        levels=levels,
        offsets=offsets,
        counts=counts,
    )


@dataclass(frozen=True, slots=True)
class Use:
    """What a file of tiles shows: columns and rows of its largest level, which dimension is which, how it was lit.

    `plane` and `path` are places among the coordinates of a tile, None where there is one plane or path.
    """

    flavor: Flavor
    columns: int
    rows: int
    spacing: tuple[float, float] | None
    plane: int | None = None
    plane_spacing: float | None = None
    path: int | None = None
    paths: tuple[OpticalPath, ...] = (BRIGHTFIELD,)
    scene: int = 0


@dataclass(frozen=True, slots=True)
class _Level:
    """One level: where its tiles are, in the order of TILED_FULL; a length of 0 is a tile that is not there.

    Has the names that tifffile gives to pages, since pages of a TIFF pass the same way.
    """

    imagewidth: int
    imagelength: int
    tilewidth: int
    tilelength: int
    samplesperpixel: int
    bits: int
    photometric: int
    dataoffsets: Sequence[int]
    databytecounts: Sequence[int]
    compression: int = 33005
    jpegtables: bytes = b""

    @property
    def across(self) -> int:
        return -(-self.imagewidth // self.tilewidth)

    @property
    def down(self) -> int:
        return -(-self.imagelength // self.tilelength)


def ets_images(ets: Ets, use: Use) -> Iterator[Image]:
    """Yield the levels, the largest first; raise CorruptSlideError."""
    planes = 1 if use.plane is None else ets.extents[use.plane]
    for number in sorted(set(ets.levels.tolist())):
        level = _level(ets, use, number, planes)
        small = replace(use, spacing=_times(use.spacing, 2**number))
        stream = _passing(ets, level, small)
        if stream is None:
            yield _as_pixels(ets, level, small, planes, resampled=number > 0)
        else:
            yield _as_frames(level, small, planes, stream, resampled=number > 0)


def ets_picture(ets: Ets, use: Use) -> PixelImage | None:
    """Return the largest level that can be one frame, as LABEL and OVERVIEW have to be; None where there is none.

    Raises CorruptSlideError.
    """
    for number in sorted(set(ets.levels.tolist())):
        level = _level(ets, use, number, 1)
        if level.imagewidth * level.imagelength <= _MAX_PICTURE:
            small = replace(use, spacing=_times(use.spacing, 2**number))
            picture = _as_pixels(ets, level, small, 1, resampled=False)
            return replace(picture, tile=(level.imagelength, level.imagewidth))
    return None


def _times(spacing: tuple[float, float] | None, factor: int) -> tuple[float, float] | None:
    return None if spacing is None else (spacing[0] * factor, spacing[1] * factor)


def _level(ets: Ets, use: Use, number: int, planes: int) -> _Level:
    import numpy as np  # heavy

    columns, rows = (-(-size // 2**number) for size in (use.columns, use.rows))
    across, down = -(-columns // ets.columns), -(-rows // ets.rows)
    total = len(use.paths) * planes * across * down
    if total > _MOST_TILES:
        raise CorruptSlideError("a level has more tiles than a slide can have")
    unnamed = [at for at in range(2, ets.coordinates.shape[1]) if at not in (use.plane, use.path)]
    chosen = (ets.levels == number) & (ets.coordinates[:, unnamed] == 0).all(axis=1)
    places = ets.coordinates[chosen].astype(np.int64)
    plane = places[:, use.plane] if use.plane is not None else np.zeros(len(places), np.int64)
    path = places[:, use.path] if use.path is not None else np.zeros(len(places), np.int64)
    bounds = ((places[:, 0], across), (places[:, 1], down), (plane, planes), (path, len(use.paths)))
    if any((values >= most).any() for values, most in bounds):
        raise CorruptSlideError("a tile lies outside of its level")
    index = ((path * planes + plane) * down + places[:, 1]) * across + places[:, 0]
    offsets, counts = np.zeros(total, np.uint64), np.zeros(total, np.uint64)
    offsets[index], counts[index] = ets.offsets[chosen], ets.counts[chosen]
    return _Level(
        imagewidth=columns,
        imagelength=rows,
        tilewidth=ets.columns,
        tilelength=ets.rows,
        samplesperpixel=ets.samples,
        bits=ets.bits,
        photometric=_YCBCR,
        dataoffsets=array("Q", offsets.tobytes()),
        databytecounts=array("Q", counts.tobytes()),
    )


def _passing(ets: Ets, level: _Level, use: Use) -> FrameStream | None:
    """Return tiles as they are, None where they have to be decoded; raise CorruptSlideError."""
    dark = any(path.fluorescence for path in use.paths)
    if (0 in level.databytecounts and dark) or not any(level.databytecounts):
        return None
    try:
        if ets.compression == JPEG and ets.bits == 8:
            return jpeg_tiles(ets.file, replace(level, photometric=_colours(ets, level)))
        if ets.compression == JPEG_2000 and ets.bits == 8 and ets.samples == 3:
            return jpeg_2000_tiles(ets.file, level)
        if ets.compression == JPEG_2000 and 0 not in level.databytecounts:
            return _deep_tiles(ets, level)
    except CorruptSlideError:
        raise
    except SlideError:
        return None
    return None


def _first(ets: Ets, level: _Level) -> bytes:
    at = next(index for index, count in enumerate(level.databytecounts) if count)
    return ets.file.read(level.dataoffsets[at], level.databytecounts[at])


def _colours(ets: Ets, level: _Level) -> int:
    """Return the colour model of JPEG tiles: YCbCr unless they say that they are not (Adobe's segment)."""
    stream = _first(ets, level)
    length = _jpeg.read_head(stream).length
    adobe = stream.find(b"Adobe", 0, length)
    return _RGB if adobe >= 0 and stream[adobe + 11] == 0 else _YCBCR


def _deep_tiles(ets: Ets, level: _Level) -> FrameStream:
    """Return JPEG 2000 tiles of any number of bits, each of which has to be like the first."""
    first = _jpeg2000.read_main_header(_first(ets, level))
    told = (first.columns, first.rows, first.bits, first.components, first.subsampled)
    if told != (level.tilewidth, level.tilelength, ets.bits, ets.samples, False):
        raise SlideError("JPEG 2000 tiles are not what the file says of them")
    shape = replace(first, transform_at=0, length=0)

    def frames(start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        wanted = slice(start, stop)
        for window, begin, end in spans(ets.file, level.dataoffsets[wanted], level.databytecounts[wanted]):
            tile = window[begin:end]
            if replace(_jpeg2000.read_main_header(tile), transform_at=0, length=0) != shape:
                raise CorruptSlideError("a JPEG 2000 tile has another shape than its neighbours")
            yield tile

    photometric = "MONOCHROME2"
    if first.components == 3:
        photometric = "RGB" if not first.transformed else "YBR_RCT" if first.reversible else "YBR_ICT"
    return FrameStream(
        transfer_syntax_uid=_JPEG_2000_LOSSLESS if first.reversible else _JPEG_2000_LOSSY,
        encapsulated=True,
        photometric=photometric,
        lossy_method="" if first.reversible else JPEG_2000_METHOD,
        lengths=level.databytecounts,
        frames=frames,
    )


def _as_frames(level: _Level, use: Use, planes: int, stream: FrameStream, *, resampled: bool) -> SlideImage:
    losses = (Lossy(stream.lossy_method, sum(level.databytecounts)),) if stream.lossy_method else ()
    return SlideImage(
        flavor=use.flavor,
        columns=level.imagewidth,
        rows=level.imagelength,
        tile_columns=level.tilewidth,
        tile_rows=level.tilelength,
        samples=level.samplesperpixel,
        bits=level.bits,
        photometric=stream.photometric,
        transfer_syntax_uid=stream.transfer_syntax_uid,
        encapsulated=stream.encapsulated,
        spacing=use.spacing,
        planes=planes,
        plane_spacing=use.plane_spacing if planes > 1 else None,
        paths=use.paths,
        losses=losses,
        resampled=resampled,
        scene=use.scene,
        frame_lengths=stream.lengths,
        frames=stream.frames,
    )


def _as_pixels(ets: Ets, level: _Level, use: Use, planes: int, *, resampled: bool) -> PixelImage:
    method = {JPEG: JPEG_METHOD, JPEG_2000: JPEG_2000_METHOD}.get(ets.compression)
    handy = not (level.tilewidth % 16 or level.tilelength % 16)
    return PixelImage(
        flavor=use.flavor,
        columns=level.imagewidth,
        rows=level.imagelength,
        samples=level.samplesperpixel,
        bits=level.bits,
        spacing=use.spacing,
        planes=planes,
        plane_spacing=use.plane_spacing if planes > 1 else None,
        paths=use.paths,
        losses=(Lossy(method, max(1, sum(level.databytecounts))),) if method else (),
        resampled=resampled,
        scene=use.scene,
        read=partial(_read, ets, level, use, planes),
        exact=method is None,
        tile=(level.tilelength, level.tilewidth) if handy else (512, 512),
        why=_WHY,
    )


def _read(ets: Ets, level: _Level, use: Use, planes: int, region: Region) -> NDArray[Any]:
    import numpy as np  # heavy

    kind = np.uint8 if ets.bits == 8 else np.uint16
    ground = 0 if use.paths[region.path].fluorescence else (1 << ets.bits) - 1
    out = np.full((region.rows, region.columns, ets.samples), ground, kind)
    right = min(region.left + region.columns, level.imagewidth)
    bottom = min(region.top + region.rows, level.imagelength)
    wide, high = level.tilewidth, level.tilelength
    for row in range(region.top // high, -(-bottom // high)):
        for column in range(region.left // wide, -(-right // wide)):
            index = ((region.path * planes + region.plane) * level.down + row) * level.across + column
            count = level.databytecounts[index]
            if not count:
                continue
            tile = _decoded(ets, ets.file.read(level.dataoffsets[index], count))
            top, left = row * high, column * wide
            y0, y1 = max(top, region.top), min(top + high, bottom)
            x0, x1 = max(left, region.left), min(left + wide, right)
            part = tile[y0 - top : y1 - top, x0 - left : x1 - left]
            out[y0 - region.top : y1 - region.top, x0 - region.left : x1 - region.left] = part
    return out


def _decoded(ets: Ets, data: bytes) -> NDArray[Any]:
    """Return a tile as rows x columns x samples, in RGB; raise CorruptSlideError."""
    import imagecodecs  # heavy
    import numpy as np  # heavy

    shape = (ets.rows, ets.columns, ets.samples)
    kind = np.dtype("u1" if ets.bits == 8 else "<u2")
    try:
        if ets.compression == RAW:
            raw = np.frombuffer(data, kind).reshape(shape)
            return raw[:, :, ::-1] if ets.bgr and ets.samples == 3 else raw
        if _told_size(ets.compression, data) != (ets.columns, ets.rows):
            raise CorruptSlideError("a tile has another size than its file says")
        decoders: dict[int, Any] = {
            JPEG: imagecodecs.jpeg8_decode,
            JPEG_LOSSLESS: imagecodecs.jpeg_decode,
            JPEG_2000: imagecodecs.jpeg2k_decode,
            PNG: imagecodecs.png_decode,
            BMP: imagecodecs.bmp_decode,
        }
        pixels: NDArray[Any] = decoders[ets.compression](data)
        if pixels.dtype != kind:
            raise CorruptSlideError("a tile has other bits than its file says")
        found: NDArray[Any] = np.asarray(pixels).reshape(shape)
    except (*DECODING, struct.error):
        raise CorruptSlideError("a tile cannot be decoded") from None
    return found


def _told_size(compression: int, data: bytes) -> tuple[int, int]:
    """Return columns and rows as the head of a tile tells: a decoder asks memory for them."""
    if compression in (JPEG, JPEG_LOSSLESS):
        head = _jpeg.read_head(data)
        return head.columns, head.rows
    if compression == JPEG_2000:
        main = _jpeg2000.read_main_header(data[max(0, data.find(b"\xff\x4f\xff\x51")) :])
        return main.columns, main.rows
    if compression == PNG:
        columns, rows = struct.unpack_from(">II", data, 16)
        return columns, rows
    columns, rows = struct.unpack_from("<ii", data, 18)
    return columns, abs(rows)
