"""3DHISTECH MRXS: a file beside a folder of its name, with Slidedat.ini, an index and data files."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._pyramid import fingerprint, number
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor, Image

_INI, _INDEX = "Slidedat.ini", "Index.dat"
_LARGEST_INI, _MOST_FILES = 1 << 22, 4096
_SECTION = re.compile(rb"\s*\[([^\]\r\n]{1,128})\]\s*")
_NUMBERS = re.compile(r"(?<=_)\d+(?=_)")
_DATA = re.compile(r"(?:Index|Data\d{4,6})\.dat")
_VERSION = 5
"""Bytes of the version in front of the identifier of the slide in Index.dat and the data files."""


def _detect(peek: Peek) -> bool:
    return peek.suffix == ".mrxs"


def _open(path: Path) -> SlideSource:
    from dicomanon.sources._bytes import open_bytes  # heavy
    from dicomanon.sources._openslide import level_pixels, open_with  # heavy

    folder = path.with_suffix("")
    if not folder.is_dir():
        raise CorruptSlideError("the folder of the slide is missing")
    fields = tuple(_fields(folder))
    said = {each.place: each.value for each in reversed(fields)}
    if "FLUORESCENCE" in said.get("Slidedat/GENERAL/VIMSLIDE_SLIDE_TYPE", "").upper():
        raise SlideError(
            "fluorescence in MRXS is not supported: its reader puts the channels into one picture"
        )
    stored = _check_data(folder, fields)
    slide = open_with(path, "mirax")
    try:
        levels = level_pixels(slide, stored, "fields of view may overlap")
        others = tuple(_others(slide))
        file = open_bytes(folder / _INDEX)
        try:
            digest = fingerprint(file, (folder / _INI).read_bytes())
        finally:
            file.close()
    except (SlideError, OSError) as error:
        slide.close()
        raise (
            error if isinstance(error, SlideError) else CorruptSlideError("the folder cannot be read")
        ) from None
    return SlideSource(
        format=FORMAT.name,
        fingerprint=digest,
        metadata=_metadata(facts(FORMAT.name, fields), path.stem),
        levels=levels,
        others=others,
        close=slide.close,
        fields=fields,
    )


def _others(slide: object) -> Iterator[Image]:
    from dicomanon.sources._openslide import associated_pixels  # heavy

    roles: tuple[tuple[str, Flavor], ...] = (
        ("thumbnail", "THUMBNAIL"),
        ("macro", "OVERVIEW"),
        ("label", "LABEL"),
    )
    for name, flavor in roles:
        found = associated_pixels(slide, name, flavor, resampled=flavor == "THUMBNAIL")
        # The preview is a picture of the glass on some scanners: nobody says that it leaves the label out.
        if found is not None and flavor != "THUMBNAIL":
            yield found


def _check_data(folder: Path, fields: tuple[Field, ...]) -> int:
    """Return the bytes of the data files; raise CorruptSlideError where one is missing or of another slide."""
    names = [each.value for each in fields if re.fullmatch(r"Slidedat/DATAFILE/FILE_\d+", each.place)]
    identifier = next((each.value for each in fields if each.place == "Slidedat/GENERAL/SLIDE_ID"), "")
    total = 0
    for name in (_INDEX, *names):
        if not _DATA.fullmatch(name):
            raise SlideError("the files of the slide do not have the names that the format gives them")
        try:
            with (folder / name).open("rb") as file:
                front = file.read(_VERSION + len(identifier))
                total += file.seek(0, 2) if name != _INDEX else 0
        except OSError:
            raise CorruptSlideError("a file of the slide is missing") from None
        if name == _INDEX and front[_VERSION:] != identifier.encode():
            raise CorruptSlideError("the index belongs to another slide")
    return total


def _fields(folder: Path) -> Iterator[Field]:
    """Yield the lines of Slidedat.ini, and the identifier of the slide where it comes again."""
    try:
        if (folder / _INI).stat().st_size > _LARGEST_INI:
            raise CorruptSlideError("Slidedat.ini is absurdly large")
        raw = (folder / _INI).read_bytes()
    except OSError:
        raise CorruptSlideError("Slidedat.ini is missing") from None
    lines = list(_lines(raw, f"{folder.name}/{_INI}"))
    places = {each.place for each in lines}
    if not {"Slidedat/GENERAL/SLIDE_ID", "Slidedat/HIERARCHICAL/INDEXFILE"} <= places:
        raise CorruptSlideError("Slidedat.ini lacks its sections")
    yield from lines
    identifier = next(each.value for each in lines if each.place == "Slidedat/GENERAL/SLIDE_ID").encode()
    for path in sorted(folder.iterdir())[:_MOST_FILES]:
        if _DATA.fullmatch(path.name):
            with path.open("rb") as file:
                front = file.read(_VERSION + len(identifier) + 64)
            at = front.find(identifier)
            if at >= 0:
                place = "Index/SLIDE_ID" if path.name == _INDEX else "Data/SLIDE_ID"
                yield Field(place, identifier.decode(), at, len(identifier), f"{folder.name}/{path.name}")


def _lines(raw: bytes, file: str) -> Iterator[Field]:
    section = ""
    at = 0
    for line in raw.splitlines(keepends=True):
        body = line.removeprefix(b"\xef\xbb\xbf") if at == 0 else line
        match = _SECTION.fullmatch(body)
        if match:
            section = _NUMBERS.sub("n", match[1].decode("latin-1"))
        elif section and b"=" in body:
            key, _, value = body.partition(b"=")
            start = at + len(line) - len(value.lstrip())
            stop = max(start, at + len(line.rstrip()))
            place = f"Slidedat/{section}/{key.strip().decode('latin-1')}"
            yield Field(place, raw[start:stop].decode("utf-8", "replace"), start, stop - start, file)
        elif body.strip():
            text = body.strip().decode("utf-8", "replace")
            yield Field("Slidedat/without a name", text, at, len(line.rstrip()), file)
        at += len(line)


def _metadata(said: Mapping[str, str], stem: str) -> SlideMetadata:
    general = "Slidedat/GENERAL"
    serials = (
        f"{general}/VIMSLIDE_SCANNER_HARDWARE_ID",
        f"{general}/SCANNER_HARDWARE_ID",
        "Slidedat/NONHIERLAYER_n_SECTION/SCANNER_HARDWARE_ID",
        "Slidedat/NONHIERLAYER_n_LEVEL_n_SECTION/SCANNER_HARDWARE_ID",
    )
    return SlideMetadata(
        manufacturer="3DHISTECH",
        serial=next((said[place] for place in serials if said.get(place)), ""),
        acquired=_moment(said),
        objective_power=number(said.get(f"{general}/OBJECTIVE_MAGNIFICATION", "")),
        barcode=said.get(f"{general}/SLIDE_BARCODE", ""),
        name=stem,
    )


def _moment(said: Mapping[str, str]) -> dt.datetime | None:
    """Return the time of the scan, day first; that in UTC where it is told."""
    for place, zone in (("SLIDE_UTC_CREATIONDATETIME", dt.UTC), ("SLIDE_CREATIONDATETIME", None)):
        text = said.get(f"Slidedat/GENERAL/{place}", "")
        for layout in ("%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S"):
            try:
                return dt.datetime.strptime(text, layout).replace(tzinfo=zone)
            except ValueError:
                continue
    return None


FORMAT = SlideFormat(
    name="mirax",
    title="3DHISTECH MRXS",
    suffixes=(".mrxs",),
    detect=_detect,
    open=_open,
    encoded="all tiles: fields of view overlap and are put together",
    needs=("openslide",),
    extra="slides",
)
