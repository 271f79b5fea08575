"""The DPUfsImport document of Philips: attributes with names of their own, images in base64 among them."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field, catalogue, row_of
from dicomanon.sources._pyramid import number
from dicomanon.sources._slide import Lossy, SlideImage, SlideMetadata
from dicomanon.sources._versions import is_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from xml.etree.ElementTree import Element

    from dicomanon.sources._fields import Row
    from dicomanon.sources._slide import Flavor, Image

MARK = b"DPUfsImport"
PACKED = frozenset(("PIM_DP_IMAGE_DATA", "DICOM_ICCPROFILE", "UFS_IMAGE_BLOCK_HEADER_TABLE"))
"""Attributes that are base64 of something long: the place is told, the value is not repeated."""
BARCODE = "PIM_DP_UFS_BARCODE"
_NAME = re.compile(r"[A-Z][A-Z0-9_]{2,63}")
_STRUCTURE = {
    "Group": re.compile(r"0x[0-9A-Fa-f]{4}"),
    "Element": re.compile(r"0x[0-9A-Fa-f]{4}"),
    "PMSVR": re.compile(r"I(?:String|Double|Float|DataObject|U?Int(?:16|32|64)|Uint(?:16|32|64))(?:Array)?"),
    "ObjectType": re.compile(r"DPUfsImport|DPScannedImage|PixelDataRepresentation|UFSImage[A-Za-z]{1,40}"),
}
"""What XML attributes say of the form, and what else than form they would be."""
_PLAIN = re.compile(
    r'[-+\d.eE" ]*|"?(?:WSI|LABELIMAGE|MACROIMAGE|RGB|YBR_[A-Z0-9_]{3,12}|MONOCHROME[12])"?'
    r'|(?:NOT )?OK|"?PHILIPS_[A-Z0-9_]{1,12}"?'
)
_FLAVORS: Mapping[str, str] = {"LABEL": "LABELIMAGE", "OVERVIEW": "MACROIMAGE"}
_MAKER = re.compile(r"philips|hamamatsu(?: photonics)?|3d ?histech|leica(?: biosystems)?", re.IGNORECASE)
_MODEL = re.compile(
    r"UFS Scanner|UFSB?|(?:Philips )?(?:IntelliSite )?Ultra[ -]Fast Scanner|(?:Pathology Scanner )?SG(?:20|60|300)",
    re.IGNORECASE,
)
_RELEASE = re.compile(r"20\d{6}_R\d{1,3}")
"""Texts can be set by hand, at the scanner or in the file: what is not known to be a product does not pass."""
_LISTED = re.compile(r'"([^"]*)"|(\S+)')
_TYPE, _SEQUENCE = "PIM_DP_IMAGE_TYPE", "PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"


@dataclass(frozen=True, slots=True)
class Import:
    """What a document says: `own` of the slide, `scan` of its image of tissue, `levels` of each level of that.

    Each maps names to values; `pictures` are the other images in base64, by their type.
    """

    own: Mapping[str, str]
    scan: Mapping[str, str]
    levels: tuple[Mapping[str, str], ...]
    pictures: Mapping[str, str]

    def fields(self, prefix: str) -> list[Field]:
        """Return the slide's own values and those of its scan, as fields without an offset."""
        return [Field(f"{prefix}/{name}", value) for name, value in {**self.scan, **self.own}.items()]


def read_import(document: bytes) -> Import:
    """Read a document.

    Raises CorruptSlideError where it is none or has no scan, SlideError where it has more than one.
    """
    from xml.etree import ElementTree as ET  # heavy

    from dicomanon.sources._xml import xml_texts  # heavy

    xml_texts(document)  # refuses what a document can make a parser do
    try:
        root = ET.fromstring(document)  # noqa: S314
    except (ET.ParseError, ValueError):
        raise CorruptSlideError("the XML of the slide cannot be read") from None
    if root.tag != "DataObject" or root.get("ObjectType") != MARK.decode():
        raise CorruptSlideError("the XML of the slide is not that of its format")
    images = _objects(root, "PIM_DP_SCANNED_IMAGES")
    scans = [each for each in images if _values(each).get(_TYPE) == "WSI"]
    if not scans:
        raise CorruptSlideError("there is no image of tissue")
    if len(scans) > 1:
        raise SlideError("the file holds more than one scan")
    others = [_values(each) for each in images if each is not scans[0]]
    pictures = {each.get(_TYPE, ""): each.get("PIM_DP_IMAGE_DATA", "") for each in reversed(others)}
    levels = tuple(_values(each) for each in _objects(scans[0], _SEQUENCE))
    return Import(_values(root), _values(scans[0]), levels, pictures)


def _objects(element: Element, name: str) -> list[Element]:
    return [
        each
        for attribute in element.findall("Attribute")
        if attribute.get("Name") == name
        for each in attribute.findall("Array/DataObject")
    ]


def _values(element: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in element.findall("Attribute"):
        text = (each.text or "").strip()
        if text and not len(each):
            found.setdefault(each.get("Name", ""), text)
    return found


def parts(document: bytes, prefix: str, name: str) -> Iterator[tuple[str, int, int]]:
    """Yield the texts of a document as parts of a field: `name` is the format's, whose catalogue knows them."""
    from dicomanon.sources._xml import xml_texts  # heavy

    known = catalogue(name)
    for text in xml_texts(document):
        own = text.path[-1] == "Attribute" and not text.attribute
        called = text.attributes.get("Name", "")
        if own:
            yield _place(called, text.value, known.get(f"{prefix}/{called}")), text.start, text.stop
        elif text.attribute == "Name":
            if f"{prefix}/{text.value}" not in known:
                yield "Attribute/Name", text.start, text.stop
        elif text.attribute:
            form = _STRUCTURE.get(text.attribute)
            if form is None or not form.fullmatch(text.value):
                yield f"{text.path[-1]}/{text.attribute}", text.start, text.stop
        else:
            yield text.path[-1], text.start, text.stop


def _place(called: str, value: str, row: Row | None) -> str:
    """Return the name of an attribute; what must be a number or a word and is neither may be anything."""
    if not _NAME.fullmatch(called):
        return "an unknown name"
    plain = row is None or row.hides or called in PACKED or called.startswith("UFS_")
    return called if plain or _PLAIN.fullmatch(value) else "an unexpected value"


def told(fields: Iterable[Field], name: str) -> Iterator[Field]:
    """Yield fields with what is packed in them: no pictures in base64, but barcodes and quoted texts as they read."""
    import html  # a table of entities, needed here only

    for each in fields:
        last = each.place.rpartition("/")[2]
        yield replace(each, value="") if last in PACKED else each
        inner = (unpacked(each.value),) if last == BARCODE else _quoted(html.unescape(each.value))
        if last not in PACKED and row_of(name, each.place).hides:
            yield from (Field(each.place, text, file=each.file) for text in inner if text != each.value)


def _quoted(text: str) -> list[str]:
    return [text, *re.findall(r'"([^"]+)"', text)]


def unpacked(text: str) -> str:
    """Return a text that is base64 as what it means, any other as it is."""
    try:
        found = base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return text
    return found if found and found.isprintable() else text


def listed(text: str) -> tuple[str, ...]:
    """Return the values of a list: each in quotes, or apart by blanks."""
    return tuple(quoted or plain for quoted, plain in _LISTED.findall(text))


def spacing_of(said: Mapping[str, str], key: str) -> tuple[float, float] | None:
    """Return Pixel Spacing, in mm between rows and columns, None where it is none."""
    found = [number(each) for each in listed(said.get(key, ""))]
    if len(found) != 2 or found[0] is None or found[1] is None:
        return None
    return found[0], found[1]


def metadata(said: Mapping[str, str], prefix: str, icc: bytes | None, name: str) -> SlideMetadata:
    """Return the facts of a slide from the values that may be carried on."""

    def value(attribute: str) -> str:
        return said.get(f"{prefix}/{attribute}", "")

    maker, model = value("DICOM_MANUFACTURER"), value("DICOM_MANUFACTURERS_MODEL_NAME")
    versions = listed(value("DICOM_SOFTWARE_VERSIONS"))
    return SlideMetadata(
        manufacturer=maker if _MAKER.fullmatch(maker) else "",
        model=model if _MODEL.fullmatch(model) else "",
        serial=value("DICOM_DEVICE_SERIAL_NUMBER"),
        software=tuple(each for each in versions if is_version(each) or _RELEASE.fullmatch(each)),
        acquired=_moment(value("DICOM_ACQUISITION_DATETIME")),
        icc_profile=icc,
        barcode=unpacked(value(BARCODE)),
        name=name,
    )


def _moment(text: str) -> dt.datetime | None:
    for layout in ("%Y%m%d%H%M%S.%f%z", "%Y%m%d%H%M%S.%f", "%Y%m%d%H%M%S%z", "%Y%m%d%H%M%S"):
        try:
            return dt.datetime.strptime(text, layout)  # noqa: DTZ007 - the file may not know its zone
        except ValueError:
            continue
    return None


def icc_profile(said: Import) -> bytes | None:
    """Return the ICC profile of the scan, where it has a sound one."""
    profile = _bytes("".join(said.scan.get("DICOM_ICCPROFILE", "").split()))
    return profile if profile is not None and profile[36:40] == b"acsp" else None


def picture(said: Import, flavor: Flavor) -> Image | None:
    """Return the LABEL or OVERVIEW of a document, None where it has none or one that was overwritten.

    Raises CorruptSlideError for what is no image.
    """
    text = "".join(said.pictures.get(_FLAVORS[flavor], "").split())
    if len(set(text)) < 2:
        return None
    data = _bytes(text)
    if data is None:
        raise CorruptSlideError("a picture in the XML is damaged")
    return _jpeg_image(data, flavor)


def _bytes(text: str) -> bytes | None:
    """Return what base64 stands for, None where it is none; some writers put a stroke behind it."""
    for each in (text, text.removesuffix("/")):
        try:
            return base64.b64decode(each, validate=True)
        except (binascii.Error, ValueError):
            continue
    return None


def _jpeg_image(data: bytes, flavor: Flavor) -> Image:
    """Return a JPEG file as an image of one frame; one of a process that DICOM does not have is decoded."""
    from dicomanon.sources import _jpeg  # heavy
    from dicomanon.sources._tiff import MAX_PIXELS, RGB, YCBCR, only_frame  # heavy
    from dicomanon.sources._tiles import JPEG_METHOD, jpeg_syntax  # heavy

    head = _jpeg.read_head(data)
    if not 0 < head.rows * head.columns <= MAX_PIXELS or max(head.rows, head.columns) > 0xFFFF:
        raise CorruptSlideError("a picture in the XML has no size, or an absurd one")
    if head.process not in (0xC0, 0xC1) or head.bits != 8 or len(head.sampling) not in (1, 3):
        return _decoded(data, flavor)
    stop = data.rfind(_jpeg.EOI)
    if stop < head.length:
        raise CorruptSlideError("a picture in the XML ends too early")
    frame = data[: stop + 2]
    photometric, syntax = jpeg_syntax(head, RGB if _is_rgb(data) else YCBCR)
    return SlideImage(
        flavor=flavor,
        columns=head.columns,
        rows=head.rows,
        tile_columns=head.columns,
        tile_rows=head.rows,
        samples=len(head.sampling),
        photometric=photometric,
        transfer_syntax_uid=syntax,
        encapsulated=True,
        spacing=None,
        losses=(Lossy(JPEG_METHOD, len(frame)),),
        frame_lengths=[len(frame)],
        frames=only_frame(lambda: iter((frame,))),
    )


def _is_rgb(data: bytes) -> bool:
    """Whether Adobe's segment says that the components are no YCbCr."""
    from dicomanon.sources import _jpeg  # heavy

    return any(
        each.code == 0xEE
        and data.startswith(b"Adobe", each.start + 4)
        and each.stop - each.start >= 16
        and data[each.start + 15] == 0
        for each in _jpeg.segments(data)
    )


def _decoded(data: bytes, flavor: Flavor) -> Image:
    import imagecodecs  # heavy
    import numpy as np  # heavy

    from dicomanon.sources._openslide import held_pixels  # heavy

    try:
        pixels = np.atleast_3d(imagecodecs.jpeg8_decode(data))
    except (RuntimeError, ValueError):
        raise CorruptSlideError("a picture in the XML cannot be decoded") from None
    if pixels.dtype != np.uint8 or pixels.shape[2] not in (1, 3):
        raise SlideError("a picture in the XML has samples that DICOM has no place for")
    return held_pixels(pixels, flavor, "its JPEG process has no transfer syntax")
