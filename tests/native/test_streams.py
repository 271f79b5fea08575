"""Words within the bytes of a tile, in every place that decoders pass over; pixels are the same afterwards."""

from __future__ import annotations

import struct
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.native import deidentify_native, heads
from dicomanon.native.copy import WINDOW, copied
from dicomanon.native.jpeg_words import JpegTail
from dicomanon.native.ranges import data_ranges
from dicomanon.sources._bytes import open_bytes
from tests.native.native_slides import jpeg_tile, page_ranges, picture

if TYPE_CHECKING:
    from pathlib import Path

NAME = b"DOE^JANE S26-77001"
GRAY = np.random.default_rng(1).integers(0, 255, (40, 37, 3), np.uint8)


def scrubbed(stream: bytes, kind: int) -> tuple[bytes, int]:
    data = bytearray(b"in front" + stream + b"behind")
    scrubber = heads.Scrubber()
    scrubber.scrub(data, 8, len(data) - 6, kind)
    assert bytes(data[:8] + data[-6:]) == b"in frontbehind"
    return bytes(data[8:-6]), scrubber.count


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


PLACES = {
    "comment": lambda tile: tile[:2] + segment(0xFE, NAME) + tile[2:],
    "application data": lambda tile: tile[:2] + segment(0xE7, NAME) + tile[2:],
    "extension": lambda tile: tile[:2] + segment(0xF3, NAME) + tile[2:],
    "reserved": lambda tile: tile[:2] + segment(0x42, NAME) + tile[2:],
    "between segments": lambda tile: tile[:2] + NAME + tile[2:],
    "thumbnail of JFIF": lambda tile: tile[:2] + segment(0xE0, b"JFIF\0" + bytes(9) + NAME) + tile[2:],
    "density of JFIF": lambda tile: tile[:2] + segment(0xE0, b"JFIF\0\1\1" + NAME[:5] + b"\0\0") + tile[2:],
    "flags of Adobe": lambda tile: tile[:2] + segment(0xEE, b"Adobe" + NAME[:6] + b"\1") + tile[2:],
    "a table of quantisers nobody asks for": lambda tile: (
        tile[:2] + segment(0xDB, b"\3" + NAME.ljust(64, b"\1")) + tile[2:]
    ),
    "a table of codes nobody asks for": lambda tile: (
        tile[:2] + segment(0xC4, b"\x13" + bytes((0,) * 7 + (len(NAME),) + (0,) * 8) + NAME) + tile[2:]
    ),
    "behind the end": lambda tile: tile + NAME,
    "behind two ends": lambda tile: tile + NAME + b"\xff\xd9",
    "before the end": lambda tile: tile[:-2] + segment(0xFE, NAME) + tile[-2:],
}


@pytest.mark.parametrize("place", PLACES)
def test_words_in_a_jpeg_go_wherever_they_are(place: str) -> None:
    plain = jpeg_tile(3)
    tile = PLACES[place](plain)

    clean, count = scrubbed(tile, heads.JPEG)

    assert b"DOE^J" in tile
    assert b"DOE^J" not in clean
    assert len(clean) == len(tile)
    assert count == 1
    if "extension" not in place and place != "reserved":
        assert (imagecodecs.jpeg8_decode(clean) == imagecodecs.jpeg8_decode(plain)).all()
    assert scrubbed(plain, heads.JPEG) == (plain, 0)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("cut", [*range(1, 40, 3), 600, 601, 602, 603])
def test_a_jpeg_in_windows_is_overwritten_as_a_whole_one(place: str, cut: int) -> None:
    """The windows are cut behind its head, at every place around what is there to find."""
    tile = PLACES[place](jpeg_tile(3))
    head, _ = heads.jpeg_head(bytearray(tile), 0, len(tile))
    whole, count = scrubbed(tile, heads.JPEG)
    data = bytearray(tile)
    heads.jpeg_head(data, 0, len(data))
    tail = JpegTail()
    places = sorted({head, *range(len(tile) - 2 * len(NAME), len(tile), cut), len(tile)})

    for start, stop in pairwise(places):
        window = bytearray(b"\xff\xfe" + data[start:stop] + b"\xff\xd9\xff")
        tail.feed(window, 2, 2 + stop - start)
        data[start:stop] = window[2 : 2 + stop - start]

    assert bytes(data) == whole
    assert bool(count) >= bool(tail.count)


def test_what_is_behind_the_end_of_a_jpeg_of_many_windows_goes(tmp_path: Path) -> None:
    tile = jpeg_tile(3)
    head, _ = heads.jpeg_head(bytearray(tile), 0, len(tile))
    scan = (tile[head:-2].replace(b"\xff", b"\xfe") * (2 * WINDOW // len(tile) + 1))[: 2 * WINDOW + 77]
    stream = tile[:head] + scan + b"\xff\xd9" + NAME
    (tmp_path / "a").write_bytes(stream)
    source = open_bytes(tmp_path / "a")
    kept = data_ranges([(np.array([0]), np.array([len(stream)]), heads.JPEG)], "tiles")
    out = bytearray()

    segments = copied(source, kept, (), len(stream), out.extend)
    source.close()

    assert out == stream[: -len(NAME)] + bytes(len(NAME))
    assert segments == 1


@pytest.mark.parametrize("kind", [heads.JPEG, heads.JPEG_2000, heads.PICTURE])
def test_a_tile_that_is_not_what_it_is_said_to_be_is_refused(kind: int) -> None:
    with pytest.raises(CorruptSlideError):
        scrubbed(NAME * 4, kind)
    if kind in (heads.JPEG, heads.JPEG_2000):
        assert scrubbed(bytes(70), kind) == (bytes(70), 0)


def jpeg_2000(*, behind: bytes = b"", part: bytes = b"", main: bytes = b"", open_end: bool = False) -> bytes:
    """Return a code stream with segments in its main header and in that of its tile-part, and bytes behind it."""
    stream = bytearray(imagecodecs.jpeg2k_encode(GRAY, codecformat="j2k", level=0))
    at = stream.index(b"\xff\x90")
    (length,) = struct.unpack_from(">I", stream, at + 6)
    struct.pack_into(">I", stream, at + 6, 0 if open_end else length + len(part))
    data_at = stream.index(b"\xff\x93", at)
    stream[data_at:data_at] = part
    stream[at:at] = main
    return bytes(stream) + behind


def test_words_in_jpeg_2000_go_from_headers_and_from_behind_the_end() -> None:
    comment = segment(0x64, b"\0\1" + NAME)
    unknown = segment(0x77, NAME)
    for stream in (
        jpeg_2000(main=comment),
        jpeg_2000(part=comment),
        jpeg_2000(main=unknown),
        jpeg_2000(part=unknown),
        jpeg_2000(behind=NAME),
        jpeg_2000(behind=NAME, open_end=True),
        jpeg_2000(behind=NAME + b"\xff\xd9", open_end=True),
        jpeg_2000(main=segment(0x64, NAME)),
    ):
        clean, _ = scrubbed(stream, heads.JPEG_2000)

        assert NAME in stream
        assert b"DOE" not in clean
        assert len(clean) == len(stream)
        if unknown not in stream:
            assert (imagecodecs.jpeg2k_decode(clean) == GRAY).all()


def test_boxes_around_jpeg_2000_that_say_more_go_wherever_they_stand() -> None:
    plain = bytes(imagecodecs.jpeg2k_encode(GRAY, codecformat="jp2", level=0))
    box = struct.pack(">I", 8 + len(NAME)) + b"xml " + NAME
    wide = struct.pack(">I", 1) + b"uuid" + struct.pack(">Q", 16 + len(NAME)) + NAME
    start = plain.index(b"jp2c") - 4
    open_ended = struct.unpack_from(">I", plain, start)[0] == 0
    places = [plain[:start] + each + plain[start:] for each in (box, wide)]
    if not open_ended:
        places += [plain + box, plain + wide]
    for stream in places:
        clean, count = scrubbed(stream, heads.JPEG_2000)

        assert count >= 1
        assert b"DOE" not in clean
        assert (imagecodecs.jpeg2k_decode(clean) == GRAY).all()


def test_what_is_behind_a_packed_tile_goes_and_more_than_its_pixels_is_refused() -> None:
    raw = GRAY.tobytes()
    packed = {
        heads.DEFLATE: zlib.compress(raw),
        heads.LZW: bytes(imagecodecs.lzw_encode(raw)),
        heads.PACKBITS: bytes(imagecodecs.packbits_encode(raw)),
    }
    for kind, stream in packed.items():
        sized = kind + heads.KINDS * len(raw)
        for behind in (NAME, NAME * 40, b"DOE^"):
            clean, count = scrubbed(stream + behind, sized)

            assert b"DOE" not in clean
            assert clean.startswith(stream)
            assert count == 1
        assert scrubbed(stream, sized) == (stream, 0)
    for kind in (heads.DEFLATE, heads.LZW):
        with pytest.raises(CorruptSlideError):
            scrubbed(packed[kind], kind + heads.KINDS * (len(raw) - 1))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize(
    "kind",
    [b"tEXt", b"iTXt", b"zTXt", b"eXIf", b"tIME", b"iCCP", b"doEj", b"gAMA", b"pHYs", b"PLTE", b"naDa"],
)
def test_chunks_of_a_png_that_are_no_picture_say_nothing(kind: bytes) -> None:
    plain = bytes(imagecodecs.png_encode(GRAY))
    for at in (33, len(plain) - 12):
        stream = plain[:at] + chunk(kind, NAME) + plain[at:]

        clean, count = scrubbed(stream, heads.PICTURE)

        assert count == 1
        assert b"DOE" not in clean
        assert len(clean) == len(stream)
        if at == 33:
            assert (imagecodecs.png_decode(clean) == GRAY).all()
    assert scrubbed(plain, heads.PICTURE) == (plain, 0)


def test_words_behind_a_png_and_behind_its_pixels_go() -> None:
    plain = bytes(imagecodecs.png_encode(GRAY))
    start = plain.index(b"IDAT") - 4
    (length,) = struct.unpack_from(">I", plain, start)
    pixels = plain[start + 8 : start + 8 + length] + NAME
    split = b"".join(chunk(b"IDAT", pixels[at : at + 1000]) for at in range(0, len(pixels), 1000))
    for stream in (plain + NAME, plain[:start] + split + plain[start + 12 + length :]):
        clean, count = scrubbed(stream, heads.PICTURE)

        assert count == 1
        assert b"DOE" not in clean
        assert (imagecodecs.png_decode(clean) == GRAY).all()
    with pytest.raises(CorruptSlideError):
        scrubbed(plain[:33] + chunk(b"tEXt", NAME)[:-4] + NAME[:4] + plain[33:], heads.PICTURE)
    with pytest.raises(CorruptSlideError):
        scrubbed(plain[:33] + chunk(b"DOEJ", NAME) + plain[33:], heads.PICTURE)


def bmp(tmp_path: Path) -> bytes:
    Image.fromarray(GRAY).save(tmp_path / "a.bmp")
    return (tmp_path / "a.bmp").read_bytes()


def test_of_a_bmp_only_the_pixels_stay(tmp_path: Path) -> None:
    plain = bmp(tmp_path)
    stream = bytearray(plain + NAME)
    stream[6:10] = NAME[:4]
    stream[38:46] = NAME[:8]
    for row in range(40):
        stream[54 + row * 112 + 111] = NAME[row % 8]
    wide = bytearray(plain[:54] + NAME + plain[54:])
    struct.pack_into("<I", wide, 10, 54 + len(NAME))
    for each in (bytes(stream), bytes(wide)):
        clean, count = scrubbed(each, heads.PICTURE)

        assert count == 1
        assert b"DOE" not in clean
        assert len(clean) == len(each)
        (tmp_path / "b.bmp").write_bytes(clean)
        assert (np.asarray(Image.open(tmp_path / "b.bmp")) == GRAY).all()
        first = int.from_bytes(clean[10:14], "little")
        assert not any(clean[at + 111] for at in range(first, first + 40 * 112, 112))


@pytest.mark.parametrize("compression", ["none", "lzw", "deflate", "packbits", "zlib"])
def test_a_tile_longer_than_its_data_loses_what_is_behind(tmp_path: Path, compression: str) -> None:
    slide = tmp_path / "a.tif"
    pixels = picture(192, 256, 5)
    tifffile.imwrite(
        slide,
        pixels,
        tile=(64, 64),
        compression=None if compression == "none" else compression,
        metadata=None,
    )
    start, stop = page_ranges(slide, 0)[-1]
    data = bytearray(slide.read_bytes())
    with tifffile.TiffFile(slide) as tiff:
        offsets, counts = (tiff.pages[0].tags[tag] for tag in (324, 325))
    at = len(data) + len(data) % 2
    data = data.ljust(at, b"\0") + data[start:stop] + NAME
    struct.pack_into("<I", data, offsets.valueoffset + 44, at)
    width = counts.valuebytecount // 12
    length = (stop - start + len(NAME)).to_bytes(width, "little")
    data[counts.valueoffset + 11 * width : counts.valueoffset + 12 * width] = length
    slide.write_bytes(bytes(data))

    copy = deidentify_native(slide, tmp_path / "out", "n1").path

    assert NAME not in copy.read_bytes()
    assert (tifffile.imread(copy) == pixels).all()


def test_a_compression_that_is_not_looked_into_is_refused_by_name(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", picture(128, 128, 1), tile=(64, 64), compression="zstd", metadata=None
    )

    with pytest.raises(SlideError, match="compression that is not looked into"):
        deidentify_native(tmp_path / "a.tif", tmp_path / "out", "n1")
