"""Aperio and Leica SVS: a TIFF with an ImageDescription in each page that begins with "Aperio"."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import struct
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._slide import Flavor, SlideImage
    from dicomanon.sources._tiff import TiffSlide

_MARK = b"Aperio"
_DESCRIPTION, _DATE_TIME, _ICC_PROFILE = 270, 306, 34675
_MAX_ENTRIES = 4096
_PEEK = 1 << 20
_SCANNERS = "AT2?|AT Turbo|CS[25O]?|FL|GLE?|GT ?(?:180|450)(?: ?DX)?|LV1|OS|T[23]|VERSA(?: 8| 200)?|XT[2e]?"
_MODEL = re.compile(rf"(?:Aperio )?(?:ScanScope|(?:ScanScope )?(?:{_SCANNERS}))", re.IGNORECASE)
_SOFTWARE = re.compile(
    rf"(?<!\w)Aperio (?:Image(?: Library)?|Leica Biosystems (?:{_SCANNERS}))"
    r" v(?:\d{1,2}(?:\.\d{1,3}){1,3}|FS\d\d \d\d)(?![\w.])"
)
"""Both texts can be set by hand, at the scanner or in the file: what is not known to be a product does not pass."""
_ZONE = re.compile(r"GMT([+-])(\d\d):?(\d\d)")
_REDUCED, _MACRO = 1, 9


def _detect(path: Path) -> bool:
    """Whether the file is an SVS, sound or not.

    It is if it has a TIFF header and its first ImageDescription begins with "Aperio". Where damage hides
    that page, the same word near the front or the end of the file counts, and failing that the extension.
    """
    with path.open("rb") as file:
        head = file.read(16)
        if head[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            return False
        try:
            description = _first_description(file, head)
        except (struct.error, ValueError):
            size = file.seek(0, 2)
            file.seek(0)
            found = b"Aperio Image" in file.read(_PEEK)
            file.seek(max(0, size - _PEEK))
            return found or b"Aperio Image" in file.read(_PEEK) or path.suffix.lower() == ".svs"
        return description.startswith(_MARK)


def _first_description(file: Any, head: bytes) -> bytes:
    """Return the front of the first ImageDescription, empty if there is none; struct.error if cut short."""
    order = "<" if head[:1] == b"I" else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    count, entry, word = ("Q", "HHQ8s", "Q") if big else ("H", "HHI4s", "I")
    (at,) = struct.unpack_from(order + word, head, 8 if big else 4)
    file.seek(at)
    (entries,) = struct.unpack(order + count, file.read(struct.calcsize(order + count)))
    if not 0 < entries <= _MAX_ENTRIES:
        raise ValueError
    layout = struct.Struct(order + entry)
    for tag, _, length, value in layout.iter_unpack(
        _whole(file.read(entries * layout.size), entries * layout.size)
    ):
        if tag == _DESCRIPTION:
            if length <= len(value):
                return bytes(value[:length])
            file.seek(struct.unpack(order + word, value)[0])
            return _whole(file.read(len(_MARK)), len(_MARK))
    return b""


def _whole(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError
    return data


def _open(path: Path) -> SlideSource:
    from dicomanon.sources._tiff import DAMAGE, open_tiff  # heavy

    slide = open_tiff(path)
    try:
        return _source(slide, path)
    except DAMAGE:
        slide.close()
        raise CorruptSlideError("the TIFF pages contradict themselves") from None
    except SlideError:
        slide.close()
        raise


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._tiff import level_image, single_image  # heavy

    roles: dict[str, list[Any]] = {"VOLUME": [], "LABEL": [], "OVERVIEW": [], "THUMBNAIL": []}
    for number, page in enumerate(slide.pages):
        roles[_role(number, page)].append(page)
    levels = sorted(roles["VOLUME"], key=lambda page: -page.imagewidth)
    if not levels:
        raise CorruptSlideError("there is no tiled image")
    sizes = [(page.imagewidth, page.imagelength) for page in levels]
    if len(set(sizes)) != len(sizes):
        raise SlideError("more than one focal plane is not supported")
    base = levels[0]
    fields = _fields(base.description or "")
    mpp = _number(fields.get("MPP", ""))

    def one(flavor: Flavor) -> SlideImage | None:
        found = roles[flavor]
        if len(found) > 1:
            raise CorruptSlideError(f"there is more than one {flavor}")
        spacing = _spacing(mpp, sizes[0], found[0]) if found and flavor == "THUMBNAIL" else None
        return single_image(slide, found[0], flavor, spacing) if found else None

    return SlideSource(
        format=FORMAT.name,
        fingerprint=_fingerprint(slide.file, base),
        metadata=_metadata(fields, base, path.stem),
        levels=tuple(
            level_image(slide.file, page, _spacing(mpp, sizes[0], page), resampled=page is not base)
            for page in levels
        ),
        label=one("LABEL"),
        overview=one("OVERVIEW"),
        thumbnail=one("THUMBNAIL"),
        close=slide.close,
    )


def _role(number: int, page: Any) -> Flavor:
    """Return what a page is: by its own word, then by its subfile type, then by its place and layout."""
    lines = (page.description or "").split("|")[0].splitlines()
    word = lines[1].strip().split(" ")[0].lower() if len(lines) > 1 and lines[1].strip() else ""
    if word == "label":
        return "LABEL"
    if word == "macro":
        return "OVERVIEW"
    if number and page.subfiletype in (_REDUCED, _MACRO):
        return "OVERVIEW" if page.subfiletype == _MACRO else "LABEL"
    return "VOLUME" if page.is_tiled else "THUMBNAIL"


def _fields(description: str) -> Mapping[str, str]:
    """Return the `key = value` fields of an ImageDescription, the first of each; "" is the text before."""
    header, *parts = description.split("|")
    fields = {"": header}
    for part in parts:
        key, equals, value = part.partition("=")
        if equals:
            fields.setdefault(key.strip(), value.strip())
    return fields


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < 1e6 else None


def _spacing(mpp: float | None, base: tuple[int, int], page: Any) -> tuple[float, float] | None:
    """Return mm between rows and columns; a level is a whole number of times smaller, rounded down."""
    if mpp is None:
        return None
    width, height = page.imagewidth, page.imagelength
    factor = round(base[0] / width)
    if factor and abs(width * factor - base[0]) <= factor and abs(height * factor - base[1]) <= factor:
        return mpp * factor / 1000, mpp * factor / 1000
    return mpp * base[1] / height / 1000, mpp * base[0] / width / 1000


def _metadata(fields: Mapping[str, str], page: Any, stem: str) -> SlideMetadata:
    header = fields[""]
    serial = fields.get("ScanScope ID", "")
    icc = page.tags.get(_ICC_PROFILE)
    profile = bytes(icc.value) if icc is not None and isinstance(icc.value, bytes) else b""
    return SlideMetadata(
        manufacturer="Leica Biosystems" if "Leica" in header else "Aperio",
        model=_model(header, fields.get("ScannerType", ""), serial),
        serial=serial,
        software=_software(header),
        acquired=_acquired(fields) or _tag_date(page),
        objective_power=_number(fields.get("AppMag", "")),
        icc_profile=profile if profile[36:40] == b"acsp" else None,
        barcode=fields.get("Barcode", ""),
        label_text=fields.get("Title", ""),
        name=stem,
        properties=fields,
    )


def _model(header: str, scanner_type: str, serial: str) -> str:
    """Return the model of the scanner if it is a known one, as far as the file says."""
    if _MODEL.fullmatch(scanner_type):
        return scanner_type
    for model in ("GT450 DX", "GT450"):
        if model in header:
            return model
    return "ScanScope" if serial else ""


def _software(header: str) -> tuple[str, ...]:
    """Return names and versions of known programs in the header line, and nothing else of that line."""
    return tuple(dict.fromkeys(match.group() for match in _SOFTWARE.finditer(header)))


def _acquired(fields: Mapping[str, str]) -> dt.datetime | None:
    """Return Date and Time (month first, year of two or four digits), with Time Zone where it is given."""
    date, time = fields.get("Date", ""), fields.get("Time", "")
    zone = _ZONE.fullmatch(fields.get("Time Zone", ""))
    offset = ""
    if zone is not None:
        offset = "".join(zone.groups())
    for year in ("%Y", "%y"):
        moment = _parsed(f"{date} {time}{offset}", f"%m/%d/{year} %H:%M:%S{'%z' if offset else ''}")
        if moment is not None:
            return moment
    return None


def _tag_date(page: Any) -> dt.datetime | None:
    tag = page.tags.get(_DATE_TIME)
    return None if tag is None else _parsed(str(tag.value), "%Y:%m:%d %H:%M:%S")


def _parsed(text: str, layout: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, layout)  # noqa: DTZ007 - the file may not know its zone
    except ValueError:
        return None


def _fingerprint(file: FileBytes, page: Any) -> bytes:
    """Digest the size, both ends and the description of a file: the middle is tiles that these tell apart."""
    digest = hashlib.sha256(file.size.to_bytes(8, "big"))
    peek = min(_PEEK, file.size)
    for offset in (0, file.size - peek):
        digest.update(file.read(offset, peek))
    digest.update((page.description or "").encode("utf-8", "surrogateescape"))
    return digest.digest()


FORMAT = SlideFormat(name="aperio", detect=_detect, open=_open)
