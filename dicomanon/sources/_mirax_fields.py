"""What the files of an MRXS say in words: Slidedat.ini, its identifier elsewhere, and records that are no pictures."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError
from dicomanon.sources import _jpeg
from dicomanon.sources._fields import Field
from dicomanon.sources._mirax_index import APART, VERSION, record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from dicomanon.sources._ini import Line
    from dicomanon.sources._mirax_index import Index
    from dicomanon.sources._mirax_settings import Settings

_NUMBERED = re.compile(r"(?<=_)\d+(?=_)")
_NUMBER = re.compile(r"-?\d{1,5}|-?\d{1,6}\.\d{1,17}")
_LARGEST, _LARGEST_FRONT = 1 << 22, 1 << 24
"""Bytes of a record that may be words, unpacked, and of the file with the suffix: both are small."""
_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_DECLARATION = re.compile(r"\A\s*<\?xml.{0,200}?\?>", re.DOTALL)


def ini_fields(lines: Iterable[Line], file: str) -> Iterator[Field]:
    """Yield the lines of Slidedat.ini; the numbers of sections are written as n."""
    for line in lines:
        section = _NUMBERED.sub("n", line.section)
        place = f"Slidedat/{section}/{line.key}" if line.key else "Slidedat/without a name"
        yield Field(place, line.value, line.start, line.stop - line.start, file)


def identifier_fields(index: Index, settings: Settings, folder: str) -> Iterator[Field]:
    """Yield the identifier of the slide as it stands in the index and in front of each data file."""
    identifier = settings.identifier.encode()
    files = (
        ("Index", settings.index, index.file),
        *zip(("Data",) * len(settings.files), settings.files, index.data.parts, strict=True),
    )
    for place, name, file in files:
        front = file.read(0, min(file.size, VERSION + len(identifier) + 64))
        at = front.find(identifier)
        if at >= 0:
            yield Field(f"{place}/SLIDE_ID", settings.identifier, at, len(identifier), f"{folder}/{name}")


def record_fields(index: Index, settings: Settings, folder: str) -> Iterator[Field]:
    """Yield the words of the records that are no tiles: XML, plain text, packed or not, and those of pictures.

    Raises CorruptSlideError where a record lies out of its file, or its XML has a document type.
    """
    for number, (_, layer) in enumerate(settings.layers):
        name = f"nonhier/{_NUMBERED.sub('n', layer)}"
        for at, size in record(index, number):
            file, offset = divmod(at, APART)
            where = f"{folder}/{settings.files[file]}"
            if size <= _LARGEST:
                yield from _of_record(index.data.read(at, size), name, offset, where)
            else:
                yield from _of_jpeg(index.data.read(at, _LARGEST), name, offset, where)


def front_fields(path: Path) -> Iterator[Field]:
    """Yield the words of the file with the suffix, which is a JPEG that readers do not need, or nothing."""
    with path.open("rb") as file:
        data = file.read(_LARGEST_FRONT)
    if data.startswith(_jpeg.SOI):
        yield from _of_jpeg(data, "mrxs", 0, "")
    else:
        yield from _plain(data, "mrxs", 0, "")


def _of_record(data: bytes, name: str, offset: int, file: str) -> Iterator[Field]:
    if data.startswith(_jpeg.SOI):
        yield from _of_jpeg(data, name, offset, file)
        return
    plain = unpacked(data, _LARGEST)
    text = data if plain is None else plain
    packed = plain is not None
    for mark, encoding in _MARKS:
        if text.startswith(mark):
            text, packed = text[len(mark) :].decode(encoding, "replace").encode(), True
    document = text.lstrip(b"\xef\xbb\xbf \t\r\n").rstrip(b"\0 \t\r\n")
    at = len(text.rstrip(b"\0 \t\r\n")) - len(document)
    found = tuple(_of_xml(document, name) if document.startswith(b"<") else _plain(document, name, 0, ""))
    for each in found:
        if packed:
            yield Field(each.place, each.value, offset, 0, file)
        else:
            yield Field(each.place, each.value, offset + at + each.offset, each.length, file)


def unpacked(data: bytes, most: int) -> bytes | None:
    """Return what zlib has packed, as far as `most` bytes; None where it has not."""
    if len(data) < 2 or data[0] & 15 != 8 or int.from_bytes(data[:2], "big") % 31:
        return None
    try:
        return zlib.decompressobj().decompress(data, most)
    except zlib.error:
        return None


def _of_xml(document: bytes, name: str) -> Iterator[Field]:
    from dicomanon.sources._xml import xml_texts  # heavy

    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise CorruptSlideError("the XML of the slide has a document type, which none has")
    try:
        texts = xml_texts(document)
    except CorruptSlideError:
        try:
            # What it declares is no longer so where it was UTF-16.
            texts = xml_texts(_DECLARATION.sub(lambda found: " " * len(found[0]), document.decode()).encode())
        except (CorruptSlideError, UnicodeDecodeError):
            yield from _plain(document, name, 0, "")
            return
    for text in texts:
        place = f"{name}/{text.attribute or text.path[-1]}"
        if _NUMBER.fullmatch(text.value):
            place = f"number/{place}"
        yield Field(place, text.value, text.start, text.stop - text.start)


def _plain(data: bytes, name: str, offset: int, file: str) -> Iterator[Field]:
    """Yield data whole where it is words."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    if text.strip() and all(each.isprintable() or each in "\t\r\n" for each in text):
        yield Field(name, text, offset, len(data), file)


def _of_jpeg(data: bytes, name: str, offset: int, file: str) -> Iterator[Field]:
    """Yield comments and application data of a JPEG, and what follows its end; a damaged head has none."""
    from dicomanon.sources._restart_head import texts  # heavy
    from dicomanon.sources._tiff_fields import text_of  # heavy

    try:
        found = list(texts(data))
    except CorruptSlideError:
        return
    end = data.rfind(_jpeg.EOI) + len(_jpeg.EOI)
    if len(_jpeg.EOI) < end < len(data):
        found.append(("JPEG/after the end", end, len(data)))
    for place, start, stop in found:
        yield Field(f"{name}/{place}", text_of(data[start:stop]), offset + start, stop - start, file)
