"""PNG and JPEG files as Pillow writes them, with a canary in every place that they have for words."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from dicomanon.sources import PixelImage, Region
from tests.small_vendor_slides import picture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources import Field

ROWS, COLUMNS = 90, 131
XMP = (
    '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="dc" dc:Case="CANARYXMPCASE">'
    "<dc:creator> CANARYXMPCREATOR </dc:creator></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)


def pixels(mode: str) -> NDArray[Any]:
    """Return a picture with the samples of a mode, alpha last."""
    colours = picture(ROWS, COLUMNS)
    if mode.endswith("16"):
        wide = colours.astype(np.uint16) * 257 + 3
        alpha = np.full((ROWS, COLUMNS, 1), 40_000, np.uint16)
        return {"I;16": wide[:, :, 0], "rgb16": wide, "rgba16": np.dstack([wide, alpha])}[mode]
    return colours


def png(mode: str = "RGB", **options: Any) -> bytes:
    """Return a PNG in a mode of Pillow's, or one with 16 bits, which only another library writes."""
    if mode in ("rgb16", "rgba16"):
        return bytes(imagecodecs.png_encode(pixels(mode)))
    made = Image.fromarray(pixels(mode))
    if mode in ("LA", "RGBA"):
        made = made.convert(mode)
        made.putalpha(Image.linear_gradient("L").resize((COLUMNS, ROWS)))
    elif mode != "I;16":
        made = made.convert(mode.removesuffix("-clear"))
    options = {"transparency": 7, **options} if mode == "P-clear" else options
    file = io.BytesIO()
    made.save(file, "PNG", **options)
    return file.getvalue()


def interlaced() -> bytes:
    """Return a PNG in seven passes (Adam7), which Pillow does not write."""
    passes = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    parts = [pixels("RGB")[top::down, left::across] for top, left, down, across in passes]
    rows = b"".join(b"\0" + row.tobytes() for part in parts for row in part)
    header = struct.pack(">IIBBBBB", COLUMNS, ROWS, 8, 2, 0, 0, 1)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"".join((b"\x89PNG\r\n\x1a\n", *chunks))


def jpeg(mode: str = "RGB", **options: Any) -> bytes:
    """Return a JPEG in a mode of Pillow's."""
    file = io.BytesIO()
    Image.fromarray(picture(ROWS, COLUMNS)).convert(mode).save(file, "JPEG", quality=85, **options)
    return file.getvalue()


def segment(code: int, body: bytes) -> bytes:
    return bytes((0xFF, code)) + (len(body) + 2).to_bytes(2, "big") + body


def with_segments(data: bytes, *more: bytes) -> bytes:
    """Return a JPEG with segments behind its SOI."""
    return data[:2] + b"".join(more) + data[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def with_chunks(data: bytes, *more: bytes) -> bytes:
    """Return a PNG with chunks behind its header."""
    return data[:33] + b"".join(more) + data[33:]


def exif(orientation: int = 1) -> Image.Exif:
    """Return EXIF with a canary in every kind of place."""
    made = Image.Exif()
    made[0x0112] = orientation
    made[0x013B] = "CANARYARTIST, ZOE"
    made[0x010E] = "CANARYDESCRIPTION"
    made[0x0132] = "2026:03:07 16:02:37"
    made[0x9C9D] = "CANARYAUTHOR Zoë".encode("utf-16-le") + b"\0\0"
    below = made.get_ifd(0x8769)
    below[0xA431] = "CANARYBODY-77"
    below[0x9286] = b"ASCII\0\0\0CANARYCOMMENT"
    below[0x927C] = b"\x01\x02CANARYMAKER\x03"
    place = made.get_ifd(0x8825)
    place[29] = "2026:03:07"
    place[27] = b"CANARYPLACE"
    return made


def canary_jpeg() -> bytes:
    """Return a JPEG with a canary in every place that it has for words."""
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x40\x1c\x02\x50\0\x2bCANARYBYLINE, ZOE, WITH FORTY-THREE LETTERS "
    return with_segments(
        jpeg(comment="CANARYCOM", exif=exif(), xmp=XMP.encode()),
        segment(0xED, iptc),
        segment(0xE2, b"MPF\0CANARYMPF"),
        segment(0xEC, b"Ducky\0" + "CANARYDUCKY".encode("utf-16-le")),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<broken CANARYBROKEN"),
        segment(0xFE, b"CANARYSECOND \xe9"),
    )


def canary_png() -> bytes:
    """Return a PNG with a canary in every place that it has for words."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "CANARYAUTHOR")
    text.add_text("CANARYKEYWORD", "CANARYTEXT")
    text.add_text("Comment", "CANARYPACKED", zip=True)
    text.add_itxt("Title", "CANARYTITLE Zoë", "en", "CANARYTRANSLATED")
    text.add_itxt("Description", "CANARYITXTPACKED", zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP)
    raw = b"\niptc\n      34\n" + b"\x1c\x02\x50\0\x0cCANARYHIDDEN".hex().encode() + b"\n"
    data = png(pnginfo=text, exif=exif(), icc_profile=b"x" * 40)
    return with_chunks(
        data,
        chunk(b"tIME", struct.pack(">HBBBBB", 1948, 2, 3, 4, 5, 6)),
        chunk(b"caNy", b"\x01CANARYCHUNK\x02"),
        chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(raw)),
        chunk(b"tEXt", b"CANARYNOVALUE"),
    )


def write(tmp_path: Path, data: bytes, name: str = "picture") -> Path:
    """Write a picture under a name that says nothing."""
    path = tmp_path / name
    path.write_bytes(data)
    return path


def scan(stream: bytes) -> bytes:
    """Return a JPEG stream from its SOS on."""
    at = 2
    while stream[at + 1] != 0xDA:
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return stream[at:]


def seen(data: bytes) -> NDArray[Any]:
    """Return what Pillow shows of a picture, turned upright and laid over white."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    if image.has_transparency_data:
        kept = "L" if image.mode == "LA" else "RGB"
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA")).convert(kept)
    elif image.mode in ("1", "P"):
        image = image.convert("RGB" if image.mode == "P" else "L")
    found = np.asarray(image)
    return found if found.ndim == 3 else found[:, :, np.newaxis]


def shown(image: Any) -> NDArray[Any]:
    """Return the pixels of an image of ours."""
    if isinstance(image, PixelImage):
        return image.read(Region(0, 0, image.columns, image.rows))
    (frame,) = image.frames()
    found: NDArray[Any] = imagecodecs.jpeg8_decode(frame)
    return found if found.ndim == 3 else found[:, :, np.newaxis]


def in_place(field: Field, data: bytes) -> bool:
    """Whether the bytes at the place of a field are its value."""
    raw = data[field.offset : field.offset + field.length]
    return raw in (
        field.value.encode(),
        field.value.encode("latin-1", "replace"),
        field.value.encode("utf-16-le"),
    )
