"""Ventana and Roche BIF and TIFF: levels with a description of their own, and XML of the iScan family in XMP."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field, catalogue, facts
from dicomanon.sources._peek import DESCRIPTION, XMP
from dicomanon.sources._pyramid import (
    believed,
    fingerprint,
    icc_of,
    level_images,
    number,
    opened,
    other_images,
    square,
)
from dicomanon.sources._slide import Region, SlideFormat, SlideMetadata, SlideSource
from dicomanon.sources._versions import VERSION, is_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor, Image, PixelImage
    from dicomanon.sources._tiff import TiffSlide
    from dicomanon.sources._xml import Text

_MARK = b"<iScan"
_SUFFIX = ".bif"
_LEVEL = re.compile(rb"level=\d{1,2} mag=\d{1,3}(?:\.\d{1,6})?(?: quality=\d{1,3})?")
_ROLES: Mapping[bytes, Flavor] = {
    b"Label Image": "OVERVIEW",
    b"Label_Image": "OVERVIEW",
    b"Thumbnail": "THUMBNAIL",
}
"""`Label Image` is the whole glass with its label. Pages of other names are not carried."""
_NOT_CARRIED = frozenset((b"Probability_Image", b"Probability Image"))
_ANOTHER = "another"
_MANY: Mapping[str, frozenset[str]] = {
    "TileJointInfo": frozenset(
        ("FlagJoined", "Confidence", "Direction", "Tile1", "Tile2", "OverlapX", "OverlapY")
    ),
    "Frame": frozenset(("XY", "Z", "Focus", "FocusZ")),
}
_PLAIN = re.compile(r"-?\d{1,6}(?:[.,]-?\d{1,6})?|LEFT|RIGHT|UP|DOWN")
"""What the hundreds of thousands of attributes of tiles and joints are: the structure of the image, not words."""
_MODEL = re.compile(r"(?:VENTANA |Roche )?(?:DP ?(?:200|600)|iScan(?: Coreo(?: Au)?| HT)?)", re.IGNORECASE)
_SOFTWARE = re.compile(rf"(?:ScanOutputManager|StitchEncode(?:\.exe)?) +v?{VERSION}(?![\w.])")
_KEPT = re.compile(
    rf"-?\d{{1,7}}(?:\.\d{{1,6}})?|{VERSION}|{_MODEL.pattern}|true|false|auto|manual|brightfield",
    re.IGNORECASE,
)
"""Texts can be set by hand, at the scanner or in the file: what is not known to be a product does not pass."""
_TIMES = ("%I:%M:%S %p", "%H:%M:%S")
_MOMENTS = (
    *(f"{date} {time}" for date in ("%m/%d/%Y", "%Y-%m-%d", "%Y:%m:%d") for time in _TIMES),
    *("%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S"),
)
_BARCODES = tuple(f"{name}{number}" for name in ("Barcode1", "Barcode2") for number in ("D", "")) + tuple(
    f"{name}{number}" for name in ("BarCode1", "BarCode2") for number in ("D", "")
)


@dataclass(frozen=True, slots=True)
class _Document:
    """The XML of a page: where it begins in the file, and its texts."""

    page: Any
    offset: int
    raw: bytes
    texts: tuple[Text, ...]


def _detect(peek: Peek) -> bool:
    words = [page.get(DESCRIPTION, b"").rstrip(b"\0").strip() for page in peek.pages]
    # Philips describes levels in the same words, but no label before them.
    labelled = bool(words) and _ROLES.get(words[0]) == "OVERVIEW"
    own = labelled and (peek.suffix == _SUFFIX or any(_LEVEL.fullmatch(word) for word in words))
    marked = own or any(_MARK in page.get(XMP, b"") for page in peek.pages)
    return peek.claimed(marked=marked, words=(_MARK,), suffixes=(_SUFFIX,))


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    roles: dict[str, list[Any]] = {}
    for page in slide.pages:
        roles.setdefault(_role(page), []).append(page)
    roles = {**roles, **believed({role: roles.get(role, []) for role in ("VOLUME", "THUMBNAIL", "OVERVIEW")})}
    documents = tuple(_documents(slide))
    if not any(text.path[-1] == "iScan" for each in documents for text in each.texts):
        raise CorruptSlideError("the slide says nothing of its scanner")
    fields = tuple(_fields(slide, documents))
    said = facts(FORMAT.name, fields)
    spacing = square(number(said.get("XMP/iScan/ScanRes", "")))
    pages = roles.get("VOLUME", [])
    if any(page.imagedepth != 1 for page in pages):
        raise SlideError("focal planes in BIF are not supported")
    base = max(pages, key=lambda page: page.imagewidth, default=None)
    levels: tuple[Image, ...] = level_images(slide, pages, spacing)
    close = slide.close
    together = _put_together(path, documents, base, pages)
    if together is not None:
        levels, stop = together
        close = partial(_close, (stop, slide.close))
    size = (levels[0].columns, levels[0].rows)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, *(each.raw for each in documents)),
        metadata=_metadata(said, base, path.stem),
        levels=levels,
        others=other_images(slide, roles, spacing, size),
        close=close,
        fields=fields,
    )


def _close(every: Sequence[Callable[[], None]]) -> None:
    for each in every:
        each()


def _role(page: Any) -> str:
    description = _description(page)
    return "VOLUME" if _LEVEL.fullmatch(description) else _ROLES.get(description, "")


def _description(page: Any) -> bytes:
    return (page.description or "").strip().encode("utf-8", "surrogateescape")


def _documents(slide: TiffSlide) -> Iterator[_Document]:
    from dicomanon.sources._tiff_fields import LONGEST, TEXTS  # heavy
    from dicomanon.sources._xml import xml_texts  # heavy

    for page in slide.pages:
        tag = page.tags.get(XMP)
        if tag is None:
            continue
        if int(tag.dtype) not in TEXTS or tag.count > LONGEST:
            raise CorruptSlideError("the XML of the slide cannot be read")
        raw = slide.file.read(tag.valueoffset, tag.count).rstrip(b"\0")
        if raw.strip():
            yield _Document(page, tag.valueoffset, raw, tuple(xml_texts(raw)))


def _fields(slide: TiffSlide, documents: Sequence[_Document]) -> Iterator[Field]:
    """Yield the fields of the tags, and each text of the XML under its own place."""
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    yield from tiff_fields(slide, {XMP: lambda _: iter(()), DESCRIPTION: _described})
    for each in documents:
        for text in each.texts:
            own = each.raw[text.start : text.stop]
            if own.strip() and not _is_structure(text):
                start = each.offset + text.start + len(own) - len(own.lstrip())
                yield Field(_place(text), text.value.strip(), start, len(own.strip()))


def _described(text: bytes) -> Iterator[tuple[str, int, int]]:
    known = _LEVEL.fullmatch(text.strip()) or text.strip() in {*_ROLES, *_NOT_CARRIED}
    yield "" if known else _ANOTHER, 0, len(text)


def _is_structure(text: Text) -> bool:
    known = _MANY.get(text.path[-1], frozenset())
    return text.attribute in known and _PLAIN.fullmatch(text.value.strip()) is not None


def _place(text: Text) -> str:
    """Return the place of a text; names that nobody has written down may be somebody's, and are not repeated."""
    element = text.path[-1].rstrip("0123456789")
    place = "/".join(("XMP", element, *((text.attribute,) if text.attribute else ())))
    row = catalogue(FORMAT.name).get(place)
    known = row is not None and (row.native != "keep" or _KEPT.fullmatch(text.value.strip()))
    return place if known else f"XMP/{_ANOTHER}"


def _put_together(
    path: Path, documents: Sequence[_Document], base: Any, pages: Sequence[Any]
) -> tuple[tuple[PixelImage, ...], Callable[[], None]] | None:
    """Return levels whose tiles overlap, and what closes them; None where tiles are the picture, side by side."""
    document = next((each for each in documents if each.page is base), None)
    if document is None or not base.is_tiled:
        return None
    from dicomanon.sources._ventana_joints import read_stitching  # heavy

    tile = (int(base.tilewidth), int(base.tilelength))
    grid = (-(-base.imagewidth // tile[0]), -(-base.imagelength // tile[1]))
    stitching = read_stitching(document.texts, tile, grid)
    if stitching.is_plain:
        return None
    stitching.check_readable()
    why = "tiles overlap" if stitching.overlaps else "areas lie apart from each other"
    try:
        import openslide  # noqa: F401  # heavy; only asked for
    except (ImportError, OSError):
        raise SlideError(f"{why}, which needs OpenSlide: pip install 'dicomanon[slides]'") from None
    from dicomanon.sources._openslide import level_pixels, open_with  # heavy

    other = open_with(path, FORMAT.name)
    size = stitching.size
    if any(abs(own - said) > 1 for own, said in zip(other.dimensions, size, strict=True)):
        other.close()
        raise SlideError(f"{why}, and OpenSlide does not place them as the slide says")
    stored = sum(sum(page.databytecounts) for page in pages)
    levels = level_pixels(other, stored, why)
    return tuple(_without_margin(level, stitching.margin, size[0]) for level in levels), other.close


def _without_margin(level: PixelImage, margin: int, columns: int) -> PixelImage:
    """Return a level without what lies left of the first area; `margin` and `columns` are those of the base."""
    cut = margin * level.columns // columns
    if not cut:
        return level

    def read(region: Region) -> NDArray[Any]:
        return level.read(replace(region, left=region.left + cut))

    return replace(level, columns=level.columns - cut, read=read)


def _metadata(said: Mapping[str, str], page: Any, stem: str) -> SlideMetadata:
    scan = {
        place.rpartition("/")[2]: value for place, value in said.items() if place.startswith("XMP/iScan/")
    }
    model = scan.get("ScannerModel", "")
    return SlideMetadata(
        manufacturer="Ventana",
        model=model if _MODEL.fullmatch(model) else "",
        serial=scan.get("UnitNumber", "") or scan.get("DeviceSerialNumber", ""),
        software=_software(said.get("Software", ""), scan.get("BuildVersion", "")),
        acquired=_acquired(scan.get("ScanDate", ""), scan.get("ScanTime", ""), said.get("DateTime", "")),
        objective_power=number(scan.get("Magnification", "")),
        icc_profile=icc_of(page),
        barcode=next((scan[name] for name in _BARCODES if scan.get(name)), ""),
        name=stem,
    )


def _software(program: str, build: str) -> tuple[str, ...]:
    """Return names and versions of known programs, and the version of the scanner's own."""
    found = [re.sub(" +", " ", match.group()) for match in _SOFTWARE.finditer(program)]
    if is_version(build) and not any(build in each for each in found):
        found.append(build)
    return tuple(dict.fromkeys(found))


def _acquired(date: str, time: str, written: str) -> dt.datetime | None:
    """Return when the slide was scanned (month before day), or else when the first page was written."""
    for text in (time, f"{date} {time}", date, written):
        for layout in _MOMENTS:
            try:
                return dt.datetime.strptime(text, layout)  # noqa: DTZ007 - the file knows no zone
            except ValueError:
                continue
    return None


FORMAT = SlideFormat(
    name="ventana",
    title="Ventana and Roche BIF, Ventana TIFF",
    suffixes=(_SUFFIX, ".tif"),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG that do not overlap",
    encoded="tiles that overlap, areas apart from each other (OpenSlide)",
    extra="slides",
)
