"""What the tags of a TIFF say in words: every value that is not the structure of an image is a field."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dicomanon.sources._fields import Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dicomanon.sources._tiff import TiffSlide

    Parts = Iterator[tuple[str, int, int]]
    Splitter = Callable[[bytes], Parts]

STRUCTURE = frozenset(
    (
        *range(254, 260),
        *(262, 263, 264, 265, 266, 273, 274, 277, 278, 279, 280, 281, 282, 283, 284, 286, 287, 296, 297),
        *(301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330, 332, 334, 336, 338, 339, 340, 341, 342, 347),
        *(512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532, 32997, 34675),
    )
)
"""Tags that say how pixels lie in the file (TIFF 6.0), and the ICC profile, which the de-identifier looks into."""
NAMES = {
    269: "DocumentName",
    270: "ImageDescription",
    271: "Make",
    272: "Model",
    285: "PageName",
    305: "Software",
    306: "DateTime",
    315: "Artist",
    316: "HostComputer",
    333: "InkNames",
    337: "TargetPrinter",
    700: "XMP",
    33432: "Copyright",
    33723: "IPTC",
    34377: "Photoshop",
    34665: "Exif",
    37510: "UserComment",
}
_LONGEST_TOLD = 1 << 12
LONGEST = 1 << 24
"""Bytes of one value: a label as base64 is the largest there is."""
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
TEXTS = frozenset((1, 2, 6, 7))
"""Field types that hold text, or bytes that may be text."""


def tiff_fields(slide: TiffSlide, splitters: Mapping[int, Splitter] | None = None) -> Iterator[Field]:
    """Yield the fields of every page, in order; a tag with a splitter gives one a part, named `Tag/part`."""
    split = splitters or {}
    for page in _directories(slide.pages):
        for tag in page.tags.values():
            if tag.code not in STRUCTURE:
                yield from _of_tag(slide, tag, split.get(tag.code))


def _directories(pages: Any) -> Iterator[Any]:
    for page in pages:
        yield page
        yield from page.pages or ()


def name_of(code: int) -> str:
    """Return the name of a tag, or its number."""
    return NAMES.get(code, f"tag {code}")


def _of_tag(slide: TiffSlide, tag: Any, splitter: Splitter | None) -> Iterator[Field]:
    length = _SIZES.get(int(tag.dtype), 1) * tag.count
    name = name_of(tag.code)
    if length > LONGEST:
        yield Field(name, "", tag.valueoffset, length)
        return
    if isinstance(tag.value, dict):  # a directory of its own, such as Exif
        for key, value in tag.value.items():
            yield Field(f"{name}/{key}", str(value)[:_LONGEST_TOLD])
        return
    if int(tag.dtype) not in TEXTS:
        yield Field(name, _numbers(tag.value), tag.valueoffset, length)
        return
    raw = slide.file.read(tag.valueoffset, length)
    whole = raw.rstrip(b"\0")
    if splitter is None:
        yield Field(name, text_of(whole), tag.valueoffset, len(whole))
        return
    for part, start, stop in splitter(whole):
        place = f"{name}/{part}" if part else name
        yield Field(place, text_of(whole[start:stop]), tag.valueoffset + start, stop - start)


def _numbers(value: Any) -> str:
    """Return numbers as text, a few of them: tables of them say nothing."""
    found = value if isinstance(value, tuple) else (value,)
    return " ".join(map(str, found[:16]))


def text_of(raw: bytes) -> str:
    """Return bytes as text: UTF-8, else Latin-1, which fits anything."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


_PAIR = re.compile(rb"\s*([^=|]{1,64}?)\s*=\s*([^|]*?)\s*(?=\||$)", re.DOTALL)


def piped(text: bytes) -> Parts:
    """Yield the parts of `header|key = value|...`, as Aperio and others after it write; the header has no name."""
    at = text.find(b"|")
    header = len(text) if at < 0 else at
    yield "", 0, header
    while 0 <= at < len(text):
        stop = text.find(b"|", at + 1)
        stop = len(text) if stop < 0 else stop
        found = _PAIR.match(text, at + 1, stop)
        if found:
            yield text_of(found[1]), found.start(2), found.end(2)
        elif text[at + 1 : stop].strip():
            yield "without a name", at + 1, stop
        at = stop


def lines(text: bytes, separator: bytes = b"=", ends: bytes = rb"[\r\n;]+") -> Parts:
    """Yield the parts of lines `key=value`; what has no key is `without a name`."""
    at = 0
    for end in (*re.finditer(ends, text), None):
        stop = len(text) if end is None else end.start()
        line = text[at:stop]
        key, found, value = line.partition(separator)
        if found and key.strip():
            begin = at + len(key) + len(separator) + len(value) - len(value.lstrip())
            yield text_of(key.strip()), begin, max(begin, at + len(line.rstrip()))
        elif line.strip():
            yield "without a name", at, stop
        at = stop if end is None else end.end()
