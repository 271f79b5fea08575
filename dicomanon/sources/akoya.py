"""PerkinElmer and Akoya QPTIFF (Vectra, PhenoImager, Fusion): each page says in XML what it is; a channel is a page."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._channels import FilePage, Stack, alike, single, stacked_levels
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._peek import DESCRIPTION, SOFTWARE
from dicomanon.sources._pyramid import fingerprint, icc_of, number, opened, smaller, square
from dicomanon.sources._slide import BRIGHTFIELD, OpticalPath, SlideFormat, SlideMetadata, SlideSource
from dicomanon.sources.generic_tiff import resolution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._pyramid import Spacing
    from dicomanon.sources._slide import Flavor, Image
    from dicomanon.sources._tiff import TiffSlide
    from dicomanon.sources._tiff_fields import Parts

_ROOT = b"<PerkinElmer-QPI-ImageDescription"
_PREFIX = "ImageDescription"
_RESOLUTION = f"{_PREFIX}/ScanProfile/root/ScanResolution"
_ROLES: Mapping[str, Flavor] = {
    "FullResolution": "VOLUME",
    "ReducedResolution": "VOLUME",
    "Thumbnail": "THUMBNAIL",
    "Overview": "OVERVIEW",
    "Label": "LABEL",
}
_UTF_16 = re.compile(rb"""(?<=<\?xml version=.1\.0.) encoding=["']utf-16["']""", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z][\w.-]{0,63}")
_MODEL = re.compile(
    r"(?:Akoya |PerkinElmer )?(?:Vectra(?: ?(?:2|3|Polaris))?|Mantra(?: 2)?|Pheno(?:Imager|Cycler)[- ]?(?:HT|Fusion)?"
    r"|Polaris|Fusion)(?: 2(?:\.0)?)?",
    re.IGNORECASE,
)
_SOFTWARE = re.compile(
    r"(?:Vectra(?:Scan| ?Polaris)?|Mantra|inForm|Pheno(?:Imager|Cycler|chart)[- ]?(?:HT|Fusion)?|Fusion)"
    r"(?: v?\d{1,4}(?:\.\d{1,6}){0,3})?",
    re.IGNORECASE,
)
_AKOYA = re.compile(r"Pheno|Fusion|Akoya", re.IGNORECASE)
"""Instrument and program can be named by hand: what is not known to be a product does not pass."""
_POWER = re.compile(r"(\d{1,3}(?:\.\d{1,2})?) ?x(?![a-z])", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})[-:](\d\d)[-:](\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)?")
_WIDEST = 50
"""Micrometres: pixels of tissue are smaller."""
_SHORTEST, _LONGEST = 200, 2000
"""Nanometres of light."""


def _detect(peek: Peek) -> bool:
    text = peek.text(DESCRIPTION)
    marked = _ROOT in text or (b"<OME" not in text and peek.text(SOFTWARE).startswith(b"PerkinElmer-QPI"))
    return peek.claimed(marked=marked, words=(_ROOT,), suffixes=(".qptiff",))


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    pages = [FilePage(slide, page) for page in slide.pages]
    told = [_description(each) for each in pages]
    if told[0] is None:
        raise CorruptSlideError("the first page does not say what it is")
    roles: dict[Flavor, list[FilePage]] = {}
    levels: dict[tuple[int, int], list[FilePage]] = {}
    for each, root in zip(pages, told, strict=True):
        flavor = _role(each, pages[0], root)
        roles.setdefault(flavor, []).append(each)
        if flavor == "VOLUME":
            levels.setdefault(each.size, []).append(each)
    if not levels:
        raise CorruptSlideError("there is no image of tissue")
    full = levels[max(levels)]
    channels = [root for each, root in zip(pages, told, strict=True) if each in full]
    fields = tuple(tiff_fields(slide, {DESCRIPTION: xml_parts}))
    said = facts(FORMAT.name, fields)
    base = full[0].page
    spacing = resolution(base) or _square(said.get(f"{_RESOLUTION}/PixelSizeMicrons", ""))
    stack = Stack(paths=tuple(_paths(channels)) if base.samplesperpixel < 3 else (BRIGHTFIELD,) * len(full))
    if base.samplesperpixel > 2 and len(full) > 1:
        raise SlideError("there are several colour images of the same size, which nobody names")
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file),
        metadata=_metadata(said, icc_of(base), path.stem),
        levels=stacked_levels(tuple(levels.values()), stack, spacing),
        others=tuple(_others(roles, full[0].size, spacing)),
        close=slide.close,
        fields=fields,
    )


def _description(each: FilePage) -> Element | None:
    """Return the XML of a page, None where it has none; raise CorruptSlideError where it cannot be read."""
    from dicomanon.sources._xml import LARGEST  # heavy

    tag = each.page.tags.get(DESCRIPTION)
    if tag is None or not 0 < tag.count <= LARGEST:
        return None
    text = each.slide.file.read(tag.valueoffset, tag.count).rstrip(b"\0")
    return xml_root(text) if _ROOT in text else None


def xml_root(text: bytes) -> Element:
    """Return the outermost element of XML; raise CorruptSlideError for what is none, or would make a parser work."""
    from xml.etree import ElementTree as ET  # heavy

    from dicomanon.sources._xml import xml_texts  # heavy

    document = _as_utf_8(text)
    xml_texts(document)
    try:
        return ET.fromstring(document)  # noqa: S314
    except (ET.ParseError, ValueError):
        raise CorruptSlideError("the XML of the slide cannot be read") from None


def _as_utf_8(text: bytes) -> bytes:
    """Return XML, as long as it was, without the word that it is UTF-16, which no file of these is."""
    return _UTF_16.sub(lambda found: b" " * len(found[0]), text, count=1)


def xml_parts(text: bytes) -> Parts:
    """Yield the texts of XML, named by the elements around them but the root; what is no XML has no name."""
    from dicomanon.sources._xml import xml_texts  # heavy

    try:
        found = xml_texts(_as_utf_8(text)) if b"<" in text[:16] else []
    except CorruptSlideError:
        found = []
    if not found:
        yield "", 0, len(text)
    for each in found:
        names = [*each.path[1:], *filter(None, (each.attribute,))]
        known = all(_PLAIN.fullmatch(name) for name in names)
        yield "/".join(names) if known else "an unknown name", each.start, each.stop


def element_fields(element: Element, place: str) -> Iterator[Field]:
    """Yield what an element and those in it say, named from `place` on as in the file, without an offset."""
    if element.text and element.text.strip():
        yield Field(place, element.text.strip())
    for key, value in element.attrib.items():
        yield Field(f"{place}/{key.rpartition('}')[2]}", value)
    for child in element:
        yield from element_fields(child, f"{place}/{child.tag.rpartition('}')[2]}")


def moment(text: str) -> dt.datetime | None:
    """Return a moment as XML Schema or TIFF writes it; there may be more digits of a second than a computer counts."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    *day, time, fraction, zone = found.groups()
    try:
        return dt.datetime.fromisoformat(
            f"{'-'.join(day)}T{time}.{(fraction or '').ljust(6, '0')}{zone or ''}"
        )
    except ValueError:
        return None


def _role(each: FilePage, base: FilePage, root: Element | None) -> Flavor:
    """Return what a page is: by its own word, or else by its likeness; what is not sure may show the label."""
    said = facts(FORMAT.name, element_fields(root, _PREFIX)) if root is not None else {}
    word = said.get(f"{_PREFIX}/ImageType", "")
    same = alike(each.size, base.size)
    if word in _ROLES:
        flavor = _ROLES[word]
        return "OVERVIEW" if flavor == "THUMBNAIL" and not same else flavor
    kinds = [(one.page.samplesperpixel, one.page.is_tiled) for one in (each, base)]
    return "VOLUME" if not word and same and kinds[0] == kinds[1] else "OVERVIEW"


def _paths(channels: Sequence[Element | None]) -> Iterator[OpticalPath]:
    """Yield how each channel was lit, by its own filters, or else by those of the bands that were scanned."""
    for at, root in enumerate(channels):
        bands = root.findall("ScanProfile/root/ScanBands/ScanBands-i") if root is not None else []
        told = [root, bands[at] if len(bands) == len(channels) else None]
        light = {}
        for kind, plain in (("Excitation", "ExcitationWavelength"), ("Emission", "HomeWavelength")):
            found = (_middle(each, f"{kind}Filter", plain) for each in told if each is not None)
            light[kind] = next((each for each in found if each is not None), None)
        yield OpticalPath(fluorescence=True, excitation=light["Excitation"], emission=light["Emission"])


def _middle(element: Element, name: str, plain: str) -> float | None:
    """Return the middle of the one band of a filter in nm, or a wavelength said in plain words."""
    bands = [
        band
        for band in element.findall(f"{name}/Bands/Band")
        if band.findtext("Active", "true").strip().lower() == "true"
    ]
    cuts = [number(band.findtext(key, "")) for band in bands for key in ("Cuton", "Cutoff")]
    middle = (cuts[0] + cuts[1]) / 2 if len(cuts) == 2 and cuts[0] and cuts[1] else None
    found = middle or number(element.findtext(plain, ""))
    return found if found is not None and _SHORTEST < found < _LONGEST else None


def _square(text: str) -> Spacing:
    micrometres = number(text)
    return square(micrometres) if micrometres is not None and micrometres < _WIDEST else None


def _others(
    roles: Mapping[Flavor, Sequence[FilePage]], base: tuple[int, int], spacing: Spacing
) -> Iterator[Image]:
    """Yield THUMBNAIL, OVERVIEW and LABEL, of each the largest."""
    flavors: tuple[Flavor, ...] = ("THUMBNAIL", "OVERVIEW", "LABEL")
    for flavor in flavors:
        for each in sorted(roles.get(flavor, ()), key=lambda each: -each.size[0] * each.size[1])[:1]:
            small = flavor == "THUMBNAIL" and all(each.size)
            own = smaller(spacing, base, each.size) if small else resolution(each.page)
            yield single([each], flavor, own)


def _metadata(said: Mapping[str, str], profile: bytes | None, stem: str) -> SlideMetadata:
    program, instrument = (
        said.get(f"{_PREFIX}/{key}", "") for key in ("AcquisitionSoftware", "InstrumentType")
    )
    power = _POWER.match(said.get(f"{_PREFIX}/Objective", ""))
    return SlideMetadata(
        manufacturer="Akoya Biosciences" if _AKOYA.search(f"{program} {instrument}") else "PerkinElmer",
        model=instrument if _MODEL.fullmatch(instrument) else "",
        software=(program,) if _SOFTWARE.fullmatch(program) else (),
        acquired=moment(said.get(f"{_PREFIX}/DateTime", "")) or moment(said.get("DateTime", "")),
        objective_power=number(power[1] if power else said.get(f"{_RESOLUTION}/Magnification", "")),
        icc_profile=profile,
        barcode=said.get(f"{_PREFIX}/Barcode", ""),
        name=stem,
    )


FORMAT = SlideFormat(
    name="akoya",
    title="PerkinElmer and Akoya QPTIFF (Vectra, PhenoImager)",
    suffixes=(".qptiff",),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG and JPEG 2000, of channels too; brightfield in other tiles decoded without loss",
    encoded="strips, 16 bits, channels without JPEG",
)
