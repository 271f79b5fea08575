"""The container of Zeiss: segments, the directory of pictures and that of attachments, and what a picture holds."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._bytes import MAX_RANGE, FileBytes
from dicomanon.sources._jpeg import read_head
from dicomanon.sources._pixels import DECODING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

MAGIC = b"ZISRAWFILE"
NO_SCENE = NO_MOSAIC = -1
UNCOMPRESSED, JPEG, JPEG_XR, ZSTD_0, ZSTD_1 = 0, 1, 4, 5, 6
LOSSLESS = frozenset((UNCOMPRESSED, ZSTD_0, ZSTD_1))
SAMPLES = {0: (1, 8), 1: (1, 16), 3: (3, 8), 4: (3, 16)}
"""Gray8, Gray16, Bgr24, Bgr48: samples, and bits of each."""
_REAL = frozenset((2, 8, 10, 11))
"""Pixel types of real and complex numbers."""
_MAX_PIXELS = 1 << 26
_MAX_COORDINATE = 1 << 30
_HEADER = struct.Struct("<16sqq")
_FILE = struct.Struct("<iiii16s16siqqiq")
_ENTRY = struct.Struct("<2siqiiB5xi")
_DIMENSION = struct.Struct("<4siifi")
_BLOCK = struct.Struct("<iiq")
_ATTACHMENT = struct.Struct("<2s10xqi16s8s80s")
_FIXED = 256
"""Bytes in front of what a segment of metadata, a picture or an attachment holds."""
_DIRECTORY_HEAD, _ATTACHMENT_LENGTH = 128, 128
_MOST_DIMENSIONS, _MOST_BLOCKS, _MOST_ATTACHMENTS = 64, 1_000_000, 1000
_TIME = "T"


@dataclass(frozen=True, slots=True)
class Block:
    """A picture with its place: in pixels of the largest level, and in those that are stored.

    `data` and `size` are the bytes of the picture, `metadata` are those of its XML in front of it. `single` are the
    other dimensions that the file has; in a slide none of them has two values.
    """

    pixel: int
    compression: int
    left: int
    top: int
    columns: int
    rows: int
    stored_columns: int
    stored_rows: int
    mosaic: int
    scene: int
    channel: int
    plane: int
    single: tuple[tuple[str, int], ...]
    data: int
    size: int
    metadata: int


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in the file: its name, with where it is, and its bytes."""

    name: str
    name_at: int
    name_length: int
    data: int
    size: int


@dataclass(frozen=True, slots=True)
class Czi:
    """What a file, or an attachment that is one, consists of; places are counted from the front of the whole file."""

    base: int
    blocks: tuple[Block, ...]
    xml: bytes
    xml_at: int
    attachments: tuple[Attachment, ...]


def read_czi(file: FileBytes, base: int = 0, size: int | None = None) -> Czi:
    """Read the directories of a file, or of the part of one that begins at `base`.

    Raises CorruptSlideError; SlideError where the slide is spread over several files.
    """
    segments = _Segments(file, base, file.size if size is None else base + size)
    at, _ = segments.find(0, MAGIC, _FILE.size)
    found = _FILE.unpack(file.read(at, _FILE.size))
    primary, own, part, directory, metadata, _, attachments = found[4:]
    if part or primary != own:
        raise SlideError("the slide is spread over several files, of which this is one")
    if not directory:
        raise CorruptSlideError("there is no directory of pictures: the file was never closed")
    xml, xml_at = _metadata(segments, metadata)
    return Czi(
        base=base,
        blocks=tuple(_blocks(segments, directory)),
        xml=xml,
        xml_at=xml_at,
        attachments=tuple(_attachments(segments, attachments)),
    )


@dataclass(frozen=True, slots=True)
class _Segments:
    """The part of a file that segments lie in."""

    file: FileBytes
    base: int
    stop: int

    def find(self, position: int, name: bytes, least: int) -> tuple[int, int]:
        """Return where the data of a segment begins, and its length."""
        at = self.base + position
        if position < 0 or at + _HEADER.size > self.stop:
            raise CorruptSlideError("a segment lies beyond the end of the file")
        identifier, allocated, used = _HEADER.unpack(self.file.read(at, _HEADER.size))
        length = int(used or allocated)
        if identifier.rstrip(b"\0") != name:
            raise CorruptSlideError("a segment is not of the kind that the file says")
        if length < least or at + _HEADER.size + length > self.stop:
            raise CorruptSlideError("a segment is cut short")
        return at + _HEADER.size, length


def _metadata(segments: _Segments, position: int) -> tuple[bytes, int]:
    if not position:
        return b"", 0
    at, length = segments.find(position, b"ZISRAWMETADATA", _FIXED)
    (size,) = struct.unpack("<i", segments.file.read(at, 4))
    if not 0 <= size <= min(length - _FIXED, MAX_RANGE):
        raise CorruptSlideError("the metadata are longer than their segment")
    return segments.file.read(at + _FIXED, size).rstrip(b"\0 \r\n\t"), at + _FIXED


def _blocks(segments: _Segments, position: int) -> Iterator[Block]:
    at, length = segments.find(position, b"ZISRAWDIRECTORY", _DIRECTORY_HEAD)
    if length > MAX_RANGE:
        raise CorruptSlideError("the directory of pictures is absurdly large")
    table = segments.file.read(at, length)
    (count,) = struct.unpack_from("<i", table)
    offset = _DIRECTORY_HEAD
    if not 0 <= count <= min((length - offset) // _ENTRY.size, _MOST_BLOCKS):
        raise CorruptSlideError("the directory of pictures is cut short, or absurdly large")
    for _ in range(count):
        block, offset = _block(segments, table, offset)
        yield block


def _block(segments: _Segments, table: bytes, offset: int) -> tuple[Block, int]:
    """Return the picture that an entry of the directory tells of, and where the entry ends."""
    try:
        schema, pixel, position, part, compression, _, count = _ENTRY.unpack_from(table, offset)
        first = offset + _ENTRY.size
        after = first + count * _DIMENSION.size
        if schema != b"DV" or not 0 < count <= _MOST_DIMENSIONS:
            raise CorruptSlideError("an entry of the directory of pictures cannot be read")
        found = {
            name.rstrip(b"\0").decode("latin-1"): (start, size, stored)
            for name, start, size, _, stored in _DIMENSION.iter_unpack(table[first:after])
        }
        (left, columns, wide), (top, rows, high) = found.pop("X"), found.pop("Y")
    except (struct.error, KeyError):
        raise CorruptSlideError("an entry of the directory of pictures cannot be read") from None
    if part:
        raise SlideError("the slide is spread over several files")
    wide, high = wide or columns, high or rows
    if min(columns, rows, wide, high) < 1 or wide * high > _MAX_PIXELS:
        raise CorruptSlideError("a picture has no size, or an absurd one")
    if max(abs(left), abs(top), columns, rows) > _MAX_COORDINATE:
        raise CorruptSlideError("a picture has an absurd place")
    head = max(_FIXED, _BLOCK.size + after - offset)
    at, length = segments.find(position, b"ZISRAWSUBBLOCK", head)
    metadata, _, size = _BLOCK.unpack(segments.file.read(at, _BLOCK.size))
    if metadata < 0 or not 0 < size <= MAX_RANGE or head + metadata + size > length:
        raise CorruptSlideError("a picture is longer than its segment")
    mosaic, scene, channel, plane = (
        int(found.pop(name, (missing,))[0])
        for name, missing in (("M", NO_MOSAIC), ("S", NO_SCENE), ("C", 0), ("Z", 0))
    )
    block = Block(
        pixel=pixel,
        compression=compression,
        left=left,
        top=top,
        columns=columns,
        rows=rows,
        stored_columns=wide,
        stored_rows=high,
        mosaic=mosaic,
        scene=scene,
        channel=channel,
        plane=plane,
        single=tuple((name, value[0]) for name, value in sorted(found.items())),
        data=at + head + metadata,
        size=size,
        metadata=metadata,
    )
    return block, after


def _attachments(segments: _Segments, position: int) -> Iterator[Attachment]:
    if not position:
        return
    at, length = segments.find(position, b"ZISRAWATTDIR", _FIXED)
    (count,) = struct.unpack("<i", segments.file.read(at, 4))
    if not 0 <= count <= min((length - _FIXED) // _ATTACHMENT_LENGTH, _MOST_ATTACHMENTS):
        raise CorruptSlideError("the directory of attachments is cut short, or absurdly large")
    for index in range(count):
        entry = at + _FIXED + index * _ATTACHMENT_LENGTH
        schema, where, _, _, _, name = _ATTACHMENT.unpack(segments.file.read(entry, _ATTACHMENT.size))
        if schema != b"A1":
            raise CorruptSlideError("an entry of the directory of attachments cannot be read")
        data, room = segments.find(where, b"ZISRAWATTACH", _FIXED)
        (size,) = struct.unpack("<i", segments.file.read(data, 4))
        if not 0 <= size <= room - _FIXED:
            raise CorruptSlideError("an attachment is longer than its segment")
        named = name.partition(b"\0")[0]
        yield Attachment(
            name=named.decode("utf-8", "replace"),
            name_at=entry + _ATTACHMENT.size - len(name),
            name_length=len(named),
            data=data + _FIXED,
            size=size,
        )


def check_blocks(blocks: Sequence[Block]) -> None:
    """Raise SlideError for pictures that a slide in DICOM has no place for, or that cannot be decoded."""
    if not blocks:
        raise CorruptSlideError("there is no picture")
    for block in blocks:
        if block.pixel in _REAL:
            raise SlideError("samples are real numbers: whole-slide images in DICOM have none")
        if block.pixel not in SAMPLES:
            raise SlideError("only gray and three colours with samples of 8 or 16 bits are supported")
        if block.compression not in (*LOSSLESS, JPEG, JPEG_XR):
            raise SlideError("the compression is not JPEG, JPEG XR, Zstandard or none")
    if any(one.pixel != other.pixel for one, other in pairwise(blocks)):
        raise SlideError("pictures have different kinds of pixels: colour beside gray, or 8 bits beside 16")
    values: dict[str, set[int]] = {}
    for block in blocks:
        for name, value in block.single:
            values.setdefault(name, set()).add(value)
    several = {name for name, found in values.items() if len(found) > 1}
    if _TIME in several:
        raise SlideError("there are several points in time: whole-slide images in DICOM have one")
    if several:
        raise SlideError("there are several rotations, phases, views or lightings of the same place")


def decoded(file: FileBytes, block: Block) -> NDArray[Any]:
    """Return a picture as rows x columns x samples, in RGB; raise CorruptSlideError."""
    import numpy as np  # heavy

    samples, bits = SAMPLES[block.pixel]
    shape = (block.stored_rows, block.stored_columns, samples)
    kind = np.dtype("u1" if bits == 8 else "<u2")
    data = file.read(block.data, block.size)
    try:
        pixels = _samples(data, block, kind, int(np.prod(shape)) * kind.itemsize)
        found: NDArray[Any] = pixels.reshape(shape)
    except DECODING:
        raise CorruptSlideError("a picture cannot be decoded") from None
    # A JPEG XR file says itself in which order its colours are, and the decoder heeds it; in all others they are BGR.
    return found[:, :, ::-1] if samples == 3 and block.compression != JPEG_XR else found


def _samples(data: bytes, block: Block, kind: Any, size: int) -> NDArray[Any]:
    import imagecodecs  # heavy
    import numpy as np  # heavy

    if block.compression in (JPEG, JPEG_XR):
        told = _jpeg_size(data) if block.compression == JPEG else _jpeg_xr_size(data)
        if told != (block.stored_columns, block.stored_rows):
            raise CorruptSlideError("a picture has another size than the directory says")
        decode: Any = imagecodecs.jpeg8_decode if block.compression == JPEG else imagecodecs.jpegxr_decode
        pixels: NDArray[Any] = decode(data)
        if pixels.dtype != kind:
            raise CorruptSlideError("a picture has other bits than the directory says")
        return pixels
    apart = False
    if block.compression == ZSTD_1:
        begin, apart = _zstd_head(data)
        data = data[begin:]
    raw = data if block.compression == UNCOMPRESSED else imagecodecs.zstd_decode(data, out=size)
    if len(raw) != size:
        raise CorruptSlideError("a picture has not as many bytes as its size says")
    if apart and kind.itemsize == 2:  # all low bytes, then all high ones
        return np.frombuffer(raw, np.uint8).reshape(2, -1).T.copy().view(kind)
    return np.frombuffer(raw, kind)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    head = read_head(data)
    return head.columns, head.rows


def _jpeg_xr_size(data: bytes) -> tuple[int, int]:
    """Return columns and rows out of the image header: a decoder asks memory for them (ITU-T T.832 8.3)."""
    at = data.find(b"WMPHOTO\0")
    if at < 0 or at + 20 > len(data):
        raise CorruptSlideError("a picture is no JPEG XR code stream")
    short = data[at + 10] & 0x80
    columns, rows = struct.unpack_from(">HH" if short else ">II", data, at + 12)
    return columns + 1, rows + 1


def _zstd_head(data: bytes) -> tuple[int, bool]:
    """Return the length of what lies in front of a Zstandard frame, and whether low and high bytes lie apart."""
    if data[0] == 1:
        return 1, False
    if data[0] == 3 and data[1] == 1:
        return 3, bool(data[2] & 1)
    raise CorruptSlideError("what lies in front of a Zstandard frame cannot be read")
