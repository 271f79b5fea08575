"""Olympus VSI: a TIFF with a small picture and a tree of tags, beside a folder of stacks of tiles (ETS)."""

from __future__ import annotations

import datetime as dt
import re
import struct
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _vsi_tags as vsi
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._pyramid import fingerprint, number, opened
from dicomanon.sources._slide import BRIGHTFIELD, OpticalPath, SlideFormat, SlideMetadata, SlideSource
from dicomanon.sources._versions import is_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor, Image
    from dicomanon.sources._tiff import TiffSlide
    from dicomanon.sources._vsi_stacks import Stack

_MODEL = re.compile(
    r"(?:OLYMPUS |Olympus |EVIDENT )?(?:SLIDEVIEW )?"
    r"(?:VS(?:110|120|200)(?:-(?:S[156]|L100|BU))?|[BIS]X\d{2}[A-Z]?(?: P2ZF)?)"
)
_PROGRAM = re.compile(
    r"(?:OLYMPUS |Olympus |EVIDENT )?"
    r"(?:cellSens(?: (?:Dimension|Standard|Entry))?|VS(?:120|200)?[- ]ASW(?:-S[156])?|VS-DESKTOP|OlyVIA)"
)
"""What free texts may say and still be carried: names of products, numbers of versions."""
_EXIF, _SIS = 34665, 33560
_POINTERS = ("Exif", f"tag {_SIS}")
"""Tags whose values are places of other tags, which are fields themselves."""
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1, 9: 4, 10: 8}
_WORDS = frozenset((2, 7))
_MOST_ENTRIES, _LONGEST = 1000, 1 << 16


def _detect(peek: Peek) -> bool:
    return peek.suffix == ".vsi" or (peek.is_tiff and peek.front[8:12] == vsi.VOLUME_MAGIC)


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._ets import ets_images  # heavy
    from dicomanon.sources._vsi_stacks import alike, area, scan_of, stacks_beside  # heavy

    if not slide.pages:
        raise CorruptSlideError("the TIFF directory is missing")
    tags = vsi.read_tags(slide.file)
    with ExitStack() as files:
        stacks = stacks_beside(slide.file, path, tags, files)
        scans = sorted((each for each in stacks if each.flavor == "VOLUME"), key=area, reverse=True)
        if not scans:
            raise SlideError("there is no scan in the folder of the slide, only overviews of the glass")
        largest = scans[0]
        scenes = [each for each in scans if each is largest or alike(each, largest)]
        levels: list[Image] = []
        for scene, stack in enumerate(scenes):
            levels += ets_images(stack.ets, scan_of(slide.file, stack, scene))
        rest = [each for each in stacks if not any(each is scene for scene in scenes)]
        fields = tuple(_fields(slide, tags))
        own = () if largest.tag is None else _tag_fields(slide.file, (largest.tag,))
        found = SlideSource(
            format=FORMAT.name,
            fingerprint=fingerprint(slide.file, *(fingerprint(each.ets.file) for each in stacks)),
            metadata=_metadata({**facts(FORMAT.name, fields), **facts(FORMAT.name, own)}, fields, path.stem),
            levels=tuple(levels),
            others=tuple(_others(slide, rest)),
            close=(kept := ExitStack()).close,
            fields=fields,
        )
        kept.push(files.pop_all())
        kept.callback(slide.close)
        return found


def _others(slide: TiffSlide, stacks: Sequence[Stack]) -> Iterator[Image]:
    """Yield OVERVIEW and LABEL: the largest stack of each, or the picture of the TIFF, which may show the glass."""
    from dicomanon.sources._ets import Use, ets_picture  # heavy
    from dicomanon.sources._tiff import page_image  # heavy
    from dicomanon.sources._vsi_stacks import area  # heavy

    roles: tuple[tuple[Flavor, tuple[Flavor, ...]], ...] = (
        ("OVERVIEW", ("OVERVIEW", "VOLUME")),
        ("LABEL", ("LABEL",)),
    )
    for flavor, flavors in roles:
        stack = max((each for each in stacks if each.flavor in flavors), key=area, default=None)
        if stack is not None:
            lit = OpticalPath(fluorescence=True) if stack.ets.samples == 1 else BRIGHTFIELD
            use = Use(flavor, stack.columns, stack.rows, stack.spacing, paths=(lit,))
            picture = ets_picture(stack.ets, use)
            if picture is not None:
                yield picture
        elif flavor == "OVERVIEW":
            try:
                yield page_image(slide, slide.pages[0], flavor, None, resampled=False)
            except CorruptSlideError:
                raise
            except SlideError:
                continue


def _fields(slide: TiffSlide, tags: tuple[vsi.Tag, ...]) -> Iterator[Field]:
    """Yield what the tree of tags says, and the tags of the TIFF with those of its Exif directory."""
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    yield from _tag_fields(slide.file, tags)
    yield from (field for field in tiff_fields(slide) if field.place.partition("/")[0] not in _POINTERS)
    for page in slide.pages:
        if _EXIF in page.tags:
            tag = page.tags[_EXIF]
            yield from _exif_fields(slide.file, tag.valueoffset)
        if _SIS in page.tags:
            yield from _sis_fields(slide.file, page.tags[_SIS].valueoffset)


def _tag_fields(file: FileBytes, tags: Iterable[vsi.Tag]) -> Iterator[Field]:
    for tag in vsi.every(tags):
        if tag.below or not tag.size or tag.kind == vsi.DIRECTORY:
            continue
        place = f"Tags/{vsi.NAMES.get(tag.code, f'tag {tag.code}')}"
        words, length = vsi.text(file, tag)
        if words:
            yield Field(place, words, tag.at, length)
        else:
            yield Field(place, " ".join(map(str, vsi.numbers(file, tag))), tag.at, tag.size)


def _exif_fields(file: FileBytes, start: int) -> Iterator[Field]:
    """Yield the tags of an Exif directory that hold words; nothing else reads them with their places."""
    (count,) = struct.unpack("<H", file.read(start, 2))
    for index in range(min(count, _MOST_ENTRIES)):
        at = start + 2 + 12 * index
        code, kind, length, value = struct.unpack("<HHII", file.read(at, 12))
        size = _SIZES.get(kind, 1) * length
        where = value if size > 4 else at + 8
        if kind in _WORDS and 0 < size <= _LONGEST:
            raw = file.read(where, size).rstrip(b"\0")
            yield Field(f"Exif/tag {code}", raw.decode("latin-1"), where, len(raw))


def _sis_fields(file: FileBytes, start: int) -> Iterator[Field]:
    """Yield moment and name of the block that Olympus programs add to a TIFF."""
    minute, hour, day, month, year = struct.unpack("<5h", file.read(start + 10, 10))
    moment = f"{year + 1900}-{month + 1:02}-{day:02} {hour:02}:{minute:02}"
    yield Field("OlympusSIS/Time", moment, start + 10, 10)
    name = file.read(start + 26, 32).partition(b"\0")[0]
    if name:
        yield Field("OlympusSIS/Name", name.decode("latin-1"), start + 26, len(name))


def _metadata(said: Mapping[str, str], fields: Iterable[Field], stem: str) -> SlideMetadata:
    models = (each.value for each in fields if each.place == "Tags/DeviceModel")
    program, version = said.get("Tags/ProductName", ""), said.get("Tags/ProductVersion", "")
    software = f"{program} {version}" if is_version(version) else program
    return SlideMetadata(
        manufacturer="Olympus",
        model=next((model for model in models if _MODEL.fullmatch(model)), ""),
        software=(software,) if _PROGRAM.fullmatch(program) else (),
        acquired=_moment(said.get("Tags/CreationTime", "")) or _moment(said.get("Tags/DocumentTime", "")),
        objective_power=number(said.get("Tags/ObjectiveMagnification", "")),
        barcode=said.get("Tags/SlideBarcode", ""),
        name=stem,
    )


def _moment(seconds: str) -> dt.datetime | None:
    """Return a moment from seconds since 1970, which are UTC."""
    if not re.fullmatch(r"[0-9]{6,10}", seconds):
        return None
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)


FORMAT = SlideFormat(
    name="olympus",
    title="Olympus VSI (VS120, VS200, cellSens)",
    suffixes=(".vsi",),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000",
    encoded="tiles in PNG, BMP, lossless JPEG or without compression; fluorescence with missing tiles",
)
