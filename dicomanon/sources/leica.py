"""Leica SCN: a BigTIFF whose first page says in XML what each page is: scans, channels, focal planes, the glass."""

from __future__ import annotations

import datetime as dt
import re
from array import array
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._peek import DESCRIPTION
from dicomanon.sources._pyramid import fingerprint, icc_of, number, opened, smaller
from dicomanon.sources._slide import (
    BRIGHTFIELD,
    Lossy,
    OpticalPath,
    PixelImage,
    Region,
    SlideFormat,
    SlideImage,
    SlideMetadata,
    SlideSource,
)
from dicomanon.sources._versions import is_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from numpy.typing import NDArray

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor, Image, Shape
    from dicomanon.sources._tiff import TiffSlide

_NAMESPACE = b"leica-microsystems.com/scn/"
_PREFIX = "ImageDescription"
_NAME = re.compile(r"[A-Za-z]\w{0,31}")
_MODEL = re.compile(r"(?:Leica )?(?:SCN ?400 ?F?|SCN)|(?:Leica |Aperio )?VERSA(?: 8| 200)?", re.IGNORECASE)
_VERSION = re.compile(r"(?<![\w.])\d{1,2}(?:\.\d{1,5}){1,3}(?![\w.])")
"""Both texts can be set by hand: what is not known to be a product, or a version, does not pass."""
_BAND = re.compile(r"(?:[A-Z]{2} )?(\d{3,4})(?:/\d{1,3})?(?: ?nm)?")
"""A filter: the middle of its band in nm, and how wide it is."""
_NANOMETRES = 1e6


@dataclass(frozen=True, slots=True)
class _Scan:
    """One image of the collection: `pages` are its TIFF pages by resolution, channel and focal plane."""

    element: Element
    whole: bool
    spacing: tuple[float, float]
    plane_spacing: float | None
    paths: Mapping[int, OpticalPath]
    pages: Mapping[tuple[int, int, int], Any]

    @property
    def fluorescence(self) -> bool:
        """Whether any channel is."""
        return any(path.fluorescence for path in self.paths.values())


def _detect(peek: Peek) -> bool:
    return peek.claimed(marked=_NAMESPACE in peek.text(DESCRIPTION), words=(_NAMESPACE,), suffixes=(".scn",))


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    tag = slide.pages[0].tags[DESCRIPTION]
    document = slide.file.read(tag.valueoffset, min(tag.count, slide.file.size)).rstrip(b"\0")
    collection = _collection(document)
    used: set[int] = set()
    scans = [_scan(slide, collection, each, used) for each in collection.findall("{*}image")]
    scenes = [each for each in scans if not each.whole]
    if not scenes:
        raise SlideError("every image shows the whole glass, label included: there is none of tissue alone")
    wholes = sorted((each for each in scans if each.whole), key=lambda each: each.fluorescence)
    overviews = [_overview(slide, each) for each in wholes[:1]]
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, document),
        metadata=_metadata(collection, scenes, path.stem),
        levels=tuple(level for at, each in enumerate(scenes) for level in _levels(slide, each, "VOLUME", at)),
        others=(*overviews, *_labels(slide, collection, used)),
        close=slide.close,
        fields=tuple(_told(tiff_fields(slide, {DESCRIPTION: _parts}))),
    )


def _collection(document: bytes) -> Element:
    from xml.etree import ElementTree as ET  # heavy

    from dicomanon.sources._xml import xml_texts  # heavy

    xml_texts(document)  # refuses what a document can make a parser do
    try:
        found = ET.fromstring(document).find("{*}collection")  # noqa: S314
    except (ET.ParseError, ValueError):
        raise CorruptSlideError("the XML of the slide cannot be read") from None
    if found is None:
        raise CorruptSlideError("the XML of the slide has no collection of images")
    return found


def _scan(slide: TiffSlide, collection: Element, element: Element, used: set[int]) -> _Scan:
    pages: dict[tuple[int, int, int], Any] = {}
    for each in element.findall("{*}pixels/{*}dimension"):
        place = (_count(each, "r", 0), _count(each, "c", 0), _count(each, "z", 0))
        page = _page(slide, _count(each, "ifd"), used)
        if place in pages or (_count(each, "sizeX"), _count(each, "sizeY")) != (
            page.imagewidth,
            page.imagelength,
        ):
            raise CorruptSlideError("the XML of the slide and its pages contradict each other")
        pages[place] = page
    view = element.find("{*}view")
    if not pages or view is None:
        raise CorruptSlideError("an image of the slide has no pixels, or no place on the glass")
    size = (_count(view, "sizeX"), _count(view, "sizeY"))
    largest = max(pages.values(), key=lambda page: page.imagewidth)
    if not (all(size) and largest.imagewidth and largest.imagelength):
        raise CorruptSlideError("an image of the slide has no size")
    between = _count(view, "spacingZ", 0)
    return _Scan(
        element=element,
        whole=size == (_count(collection, "sizeX"), _count(collection, "sizeY"))
        and not (_count(view, "offsetX", 0) or _count(view, "offsetY", 0)),
        spacing=(size[1] / largest.imagelength / _NANOMETRES, size[0] / largest.imagewidth / _NANOMETRES),
        plane_spacing=between / _NANOMETRES if between else None,
        paths={channel: _path(element, channel) for _, channel, _ in pages},
        pages=pages,
    )


def _page(slide: TiffSlide, index: int, used: set[int]) -> Any:
    """Return a page by its number, each once."""
    if index >= len(slide.pages) or index in used:
        raise CorruptSlideError("the XML of the slide names a page that is not there, or names one twice")
    used.add(index)
    return slide.pages[index]


def _count(element: Element, name: str, otherwise: int | None = None) -> int:
    """Return an attribute that is a whole number; raise CorruptSlideError for any other."""
    text = element.get(name, "" if otherwise is None else str(otherwise)).strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise CorruptSlideError("the XML of the slide has no number where one must be")
    return int(text)


def _path(element: Element, channel: int) -> OpticalPath:
    """Return how a channel was lit, from what may be carried on of it."""
    channels = element.findall("{*}scanSettings/{*}channelSettings/{*}channel")
    own = next((each for each in channels if each.get("index", "0") == str(channel)), None)
    said = facts(FORMAT.name, _fields(element if own is None else own))
    source = element.findtext(".//{*}illuminationSource", "").strip().lower()
    if source == "brightfield" or (source != "fluorescence" and own is None):
        return BRIGHTFIELD
    return OpticalPath(
        fluorescence=True,
        excitation=_band(said.get(f"{_PREFIX}/excitationFilter", "")),
        emission=_band(said.get(f"{_PREFIX}/suppressionFilter", "")),
    )


def _band(text: str) -> float | None:
    match = _BAND.fullmatch(text)
    return number(match[1]) if match else None


def _levels(slide: TiffSlide, scan: _Scan, flavor: Flavor, scene: int) -> tuple[Image, ...]:
    """Return the levels of a scan, the largest first, each with its channels and focal planes."""
    from dicomanon.sources._tiff import page_image  # heavy

    groups = [list(group) for _, group in groupby(sorted(scan.pages), key=lambda place: place[0])]
    groups.sort(key=lambda places: -scan.pages[places[0]].imagewidth)
    base = scan.pages[groups[0][0]]
    found: list[Image] = []
    for places in groups:
        channels = sorted({channel for _, channel, _ in places})
        planes = len({plane for *_, plane in places})
        if len(places) != len(channels) * planes:
            raise CorruptSlideError("a level lacks a channel or a focal plane")
        first = scan.pages[places[0]]
        spacing = smaller(
            scan.spacing, (base.imagewidth, base.imagelength), (first.imagewidth, first.imagelength)
        )
        images = []
        for place in places:
            page = scan.pages[place]
            if scan.fluorescence and not all(page.databytecounts):
                raise SlideError("tiles of fluorescence without data are not supported")
            images.append(page_image(slide, page, flavor, spacing, resampled=bool(found), scene=scene))
        paths = tuple(scan.paths[channel] for channel in channels)
        found.append(_joined(images, paths, planes, scan.plane_spacing if planes > 1 else None))
    if len({(image.columns, image.rows) for image in found}) != len(found):
        raise SlideError("two levels have the same size")
    return tuple(found)


def _overview(slide: TiffSlide, scan: _Scan) -> Image:
    """Return the glass as one frame, which is all that an OVERVIEW may have (PS3.3 C.8.12.4): one channel and plane."""
    from dicomanon.sources._tiff import MAX_PIXELS, page_image  # heavy

    sizes = {place: each.imagewidth * each.imagelength for place, each in scan.pages.items()}
    small = [place for place in sorted(scan.pages) if sizes[place] <= MAX_PIXELS]
    if not small:
        raise CorruptSlideError("the image of the whole glass is absurdly large")
    place = max(small, key=lambda each: sizes[each])
    page, base = scan.pages[place], max(scan.pages.values(), key=lambda each: each.imagewidth)
    spacing = smaller(scan.spacing, (base.imagewidth, base.imagelength), (page.imagewidth, page.imagelength))
    image = page_image(slide, page, "OVERVIEW", spacing)
    return replace(image, paths=(scan.paths[place[1]],))


def _joined(
    images: Sequence[Image], paths: tuple[OpticalPath, ...], planes: int, between: float | None
) -> Image:
    """Return images of one size, by channel and then by plane, as one: their frames follow each other."""
    first = images[0]
    losses = _losses(images)
    if len({_alike(image) for image in images}) > 1:
        raise CorruptSlideError("the channels or focal planes of a level are not alike")
    if isinstance(first, PixelImage):
        reads = [image.read for image in images if isinstance(image, PixelImage)]
        dark = any(path.fluorescence for path in paths)
        return replace(
            first,
            paths=paths,
            planes=planes,
            plane_spacing=between,
            losses=losses,
            read=partial(_read, reads, planes, first, dark),
        )
    frames = [image for image in images if isinstance(image, SlideImage)]
    lengths = array("Q", (length for image in frames for length in image.frame_lengths))
    return replace(
        first,
        paths=paths,
        planes=planes,
        plane_spacing=between,
        losses=losses,
        frame_lengths=lengths,
        frames=partial(_frames, frames),
    )


def _alike(image: Image) -> tuple[object, ...]:
    own: tuple[object, ...] = image.tile if isinstance(image, PixelImage) else ()
    if isinstance(image, SlideImage):
        own = (image.tile_columns, image.tile_rows, image.photometric, image.transfer_syntax_uid)
    return (type(image), image.columns, image.rows, image.samples, image.bits, *own)


def _losses(images: Sequence[Shape]) -> tuple[Lossy, ...]:
    """Return what all lost, as one."""
    methods = dict.fromkeys(loss.method for image in images for loss in image.losses)
    return tuple(
        Lossy(method, sum(loss.size for image in images for loss in image.losses if loss.method == method))
        for method in methods
    )


def _frames(images: Sequence[SlideImage], first: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """Yield frames of images that follow each other, numbered from 0."""
    at = 0
    for image in images:
        count = len(image.frame_lengths)
        begin, end = max(first - at, 0), count if stop is None else min(stop - at, count)
        if begin < end:
            yield from image.frames(begin, end)
        at += count


def _read(reads: Sequence[Any], planes: int, shape: Shape, dark: bool, region: Region) -> NDArray[Any]:  # noqa: FBT001
    """Read the channel and plane of a region; beyond the image fluorescence is dark."""
    flat = replace(region, plane=0, path=0)
    found: NDArray[Any] = reads[region.path * planes + region.plane](flat)
    if dark:
        found[max(0, shape.rows - region.top) :] = 0
        found[:, max(0, shape.columns - region.left) :] = 0
    return found


def _labels(slide: TiffSlide, collection: Element, used: set[int]) -> Iterator[Image]:
    """Yield the LABEL, where the collection names one; pages that it does not name are left out."""
    from dicomanon.sources._tiff import page_image  # heavy

    named = [each for each in collection.iterfind("{*}supplementalImage") if each.get("type") == "label"]
    if len(named) > 1:
        raise CorruptSlideError("there is more than one LABEL")
    for each in named:
        yield page_image(slide, _page(slide, _count(each, "ifd"), used), "LABEL", None)


def _parts(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield the texts of the XML: `image/name` of an attribute, `barcode` of what lies between tags."""
    from dicomanon.sources._xml import xml_texts  # heavy

    if not text.lstrip().startswith(b"<"):
        yield "", 0, len(text)
        return
    for each in xml_texts(text):
        names = [name for name in (each.path[-1], each.attribute) if name]
        known = all(_NAME.fullmatch(name) for name in names)
        yield "/".join(names) if known else "an unknown name", each.start, each.stop


def _told(fields: Iterator[Field]) -> Iterator[Field]:
    """Yield fields, and barcodes as they read where they are in base64."""
    from dicomanon.sources._philips_xml import unpacked  # heavy

    for each in fields:
        yield each
        if each.place.rpartition("/")[2] == "barcode" and unpacked(each.value) != each.value:
            yield Field(each.place, unpacked(each.value))


def _fields(element: Element) -> Iterator[Field]:
    """Yield what an element and those in it say, named as in the file, without an offset."""
    for each in element.iter():
        name = str(each.tag).rpartition("}")[2]
        yield Field(f"{_PREFIX}/{name}", (each.text or "").strip())
        for key, value in each.attrib.items():
            yield Field(f"{_PREFIX}/{name}/{key}", value)


def _metadata(collection: Element, scenes: Sequence[_Scan], stem: str) -> SlideMetadata:
    from dicomanon.sources._philips_xml import unpacked  # heavy

    whole = facts(FORMAT.name, (*_outer(collection), *_fields(scenes[0].element)))
    powers = {facts(FORMAT.name, _fields(each.element)).get(f"{_PREFIX}/objective", "") for each in scenes}
    models = [each.strip() for each in whole.get(f"{_PREFIX}/device/model", "").split(";")]
    versions = whole.get(f"{_PREFIX}/device/version", "").split(";")
    barcode = whole.get(f"{_PREFIX}/barcode") or whole.get(f"{_PREFIX}/collection/barcode", "")
    return SlideMetadata(
        manufacturer="Leica Microsystems",
        model=next((each for each in models if _MODEL.fullmatch(each)), ""),
        software=tuple(
            dict.fromkeys(
                match[0] for each in versions if (match := _VERSION.search(each)) and is_version(match[0])
            )
        ),
        acquired=_moment(whole.get(f"{_PREFIX}/creationDate", "")),
        objective_power=number(next(iter(powers))) if len(powers) == 1 else None,
        icc_profile=icc_of(max(scenes[0].pages.values(), key=lambda page: page.imagewidth)),
        barcode=unpacked(barcode),
        name=stem,
    )


def _outer(collection: Element) -> Iterator[Field]:
    """Yield what the collection says of itself, but not what its images say."""
    for key, value in collection.attrib.items():
        yield Field(f"{_PREFIX}/collection/{key}", value)
    for each in collection.iterfind("{*}barcode"):
        yield Field(f"{_PREFIX}/barcode", (each.text or "").strip())


def _moment(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="leica",
    title="Leica SCN",
    suffixes=(".scn",),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG; scenes, channels and focal planes",
    encoded="the overview, put together of its tiles; strips and 16 bits",
)
