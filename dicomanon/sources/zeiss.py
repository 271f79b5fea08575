"""Zeiss CZI: pictures with places in levels, scenes, channels and focal planes; label and preview as attachments."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources import _czi, _jpeg
from dicomanon.sources._bytes import open_bytes
from dicomanon.sources._czi_mosaic import Optics, kept, scene_levels, single_picture
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._pyramid import fingerprint, number
from dicomanon.sources._slide import (
    BRIGHTFIELD,
    Lossy,
    OpticalPath,
    SlideFormat,
    SlideImage,
    SlideMetadata,
    SlideSource,
)
from dicomanon.sources._versions import is_version
from dicomanon.sources._xml import xml_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._czi import Attachment, Czi
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._slide import Flavor, Image
    from dicomanon.sources._xml import Text

_FLAVORS: tuple[tuple[Flavor, tuple[str, ...]], ...] = (
    ("OVERVIEW", ("SlidePreview", "Preview")),
    ("LABEL", ("Label",)),
)
"""Attachments that are carried. `Thumbnail` may be of the tissue or of the glass with its label, so it is not."""
_CHANNEL = ("Information", "Image", "Dimensions", "Channels", "Channel")
_OBJECTIVE = ("Information", "Instrument", "Objectives", "Objective")
_OBJECTIVE_USED = "Information/Image/ObjectiveSettings/ObjectiveRef/Id"
_MICROSCOPE = "Information/Instrument/Microscopes/Microscope"
_DISTANCE = ("Scaling", "Items", "Distance")
_TRANSMITTED = re.compile(r"bright ?field|transmitted|dic|phase ?contrast|polari[sz]ation", re.IGNORECASE)
_MODEL = re.compile(
    r"(?:Zeiss |ZEISS )?(?:Axio ?[Ss]can(?:\.Z1| 7)?|Axio (?:Imager|Observer|Examiner)(?:\.[A-Z]\d[mp]?| [357])?"
    r"|Axio Zoom\.V16|Celldiscoverer 7|LSM ?[789]\d0|Mirax (?:Scan|Desk|Midi))"
)
_PROGRAM = re.compile(
    r"(?:AIM|(?:ZEISS )?ZEN)(?: \d{1,2}\.\d{1,2})?(?: (?:slidescan|desk|lite|pro|core|system))?"
    r"(?: \d{1,2}\.\d{1,2})?(?: \((?:blue|black) edition\))?"
)
"""What free texts may say and still be carried: names of products, numbers of versions."""
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)?")
_LOOKED_AT, _LONGEST = 256, 1 << 16
"""Pictures whose own texts are fields (each repeats the settings of the scanner); bytes of a text that are read."""
_IDENTIFIERS = (("FileHeader/PrimaryFileGuid", 48), ("FileHeader/FileGuid", 64))
_MAX_PIXELS = 1 << 26


def _detect(peek: Peek) -> bool:
    return peek.front.startswith(_czi.MAGIC) or (peek.suffix == ".czi" and not peek.is_tiff)


def _open(path: Path) -> SlideSource:
    file = open_bytes(path)
    try:
        return _source(file, path)
    except SlideError:
        file.close()
        raise


def _source(file: FileBytes, path: Path) -> SlideSource:
    container = _czi.read_czi(file)
    blocks = container.blocks
    _czi.check_blocks(blocks)
    texts = xml_texts(container.xml) if container.xml else []
    fields = tuple(_fields(file, container, texts))
    told = _told(texts)
    decode = kept(file, blocks)
    levels: list[Image] = []
    whole = {block.scene for block in blocks if block.columns == block.stored_columns}
    for scene, name in enumerate(sorted(whole or {block.scene for block in blocks})):
        own = [block for block in blocks if block.scene == name]
        levels += scene_levels(decode, own, told.optics, scene)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(file, container.xml),
        metadata=_metadata(facts(FORMAT.name, fields), told, path.stem),
        levels=tuple(levels),
        others=tuple(_others(file, container)),
        close=file.close,
        fields=fields,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What the XML says of pixels: mm between them by axis, channels by number, magnifications by objective."""

    distances: Mapping[str, float]
    channels: Mapping[int, Mapping[str, str]]
    powers: Mapping[str, float | None]

    @property
    def optics(self) -> Optics:
        """Return spacings and optical paths."""
        rows, columns = self.distances.get("Y"), self.distances.get("X")
        spacing = None if rows is None or columns is None else (rows, columns)
        return Optics(spacing, self.distances.get("Z"), self._path)

    def _path(self, channel: int) -> OpticalPath:
        """Return how a gray channel was lit: by fluorescence, unless the file says otherwise."""
        said = self.channels.get(channel, {})
        if any(_TRANSMITTED.fullmatch(said.get(key, "")) for key in ("ContrastMethod", "IlluminationType")):
            return BRIGHTFIELD
        return OpticalPath(
            fluorescence=True,
            excitation=number(said.get("ExcitationWavelength", "")),
            emission=number(said.get("EmissionWavelength", "")),
        )

    def power(self, used: str) -> float | None:
        """Return the magnification of the objective that was used, or of the only one."""
        several = set(self.powers.values())
        return self.powers.get(used) or (several.pop() if len(several) == 1 else None)


def _told(texts: Iterable[Text]) -> _Told:
    distances: dict[str, float] = {}
    channels: dict[int, dict[str, str]] = {}
    powers: dict[str, float | None] = {}
    axis = objective = ""
    channel = -1
    for text in texts:
        path = text.path[2:]
        if text.attribute == "Id":
            if path == _DISTANCE:
                axis = text.value
            elif path == _OBJECTIVE:
                objective = text.value
            elif path == _CHANNEL:
                after = text.value.rpartition(":")[2]
                channel = int(after) if re.fullmatch(r"[0-9]{1,4}", after) else channel + 1
        elif text.attribute:
            continue
        elif path == (*_DISTANCE, "Value"):
            metres = number(text.value)
            if metres is not None:
                distances.setdefault(axis, metres * 1000)
        elif path == (*_OBJECTIVE, "NominalMagnification"):
            powers[objective] = number(text.value)
        elif path[:-1] == _CHANNEL:
            channels.setdefault(channel, {})[path[-1]] = text.value
    return _Told(distances, channels, powers)


def _others(file: FileBytes, container: Czi) -> Iterator[Image]:
    """Yield OVERVIEW and LABEL, the first of each; one whose pixels have no place in DICOM is left out."""
    for flavor, names in _FLAVORS:
        for each in container.attachments:
            found = _attached(file, each, flavor) if each.name in names else None
            if found is not None:
                yield found
                break


def _attached(file: FileBytes, each: Attachment, flavor: Flavor) -> Image | None:
    front = file.read(each.data, min(each.size, len(_czi.MAGIC)))
    try:
        if front.startswith(_jpeg.SOI):
            return _jpeg_picture(file, each, flavor)
        if front != _czi.MAGIC:
            return None
        inner = _czi.read_czi(file, each.data, each.size)
        _czi.check_blocks(inner.blocks)
        return single_picture(kept(file, inner.blocks), inner.blocks, flavor)
    except CorruptSlideError:
        raise
    except SlideError:
        return None


def _jpeg_picture(file: FileBytes, each: Attachment, flavor: Flavor) -> SlideImage:
    from dicomanon.sources._tiff import RGB, YCBCR, only_frame  # heavy
    from dicomanon.sources._tiles import JPEG_METHOD, jpeg_syntax  # heavy

    stream = file.read(each.data, each.size)
    head = _jpeg.read_head(stream)
    if min(head.rows, head.columns) < 1 or head.rows * head.columns > _MAX_PIXELS:
        raise CorruptSlideError("an attached picture has no size, or an absurd one")
    adobe = stream.find(b"Adobe", 0, head.length)
    plain = adobe >= 0 and stream[adobe + 11] == 0
    photometric, syntax = jpeg_syntax(head, RGB if plain else YCBCR)
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
        losses=(Lossy(JPEG_METHOD, len(stream)),),
        frame_lengths=[len(stream)],
        frames=only_frame(lambda: iter((stream,))),
    )


def _fields(file: FileBytes, container: Czi, texts: Iterable[Text]) -> Iterator[Field]:
    """Yield what the XML says, the identifiers of the file, texts of pictures and of attachments."""
    for text in texts:
        yield Field(_place(text), text.value, container.xml_at + text.start, text.stop - text.start)
    for place, offset in _IDENTIFIERS:
        at = container.base + offset
        yield Field(place, file.read(at, 16).hex(), at, 16)
    for block in container.blocks[:_LOOKED_AT]:
        yield from _block_fields(file, block.data - block.metadata, min(block.metadata, _LONGEST))
    for each in container.attachments:
        yield Field("Attachment/Name", each.name, each.name_at, each.name_length)
        if not container.base and file.read(each.data, min(each.size, len(_czi.MAGIC))) == _czi.MAGIC:
            inner = _czi.read_czi(file, each.data, each.size)
            for field in _fields(file, inner, xml_texts(inner.xml) if inner.xml else ()):
                yield Field(f"Attachment/{field.place}", field.value, field.offset, field.length)
        elif each.size:
            raw = file.read(each.data, min(each.size, _LONGEST))
            yield Field("Attachment/Content", _readable(raw), each.data, each.size)


def _block_fields(file: FileBytes, start: int, length: int) -> Iterator[Field]:
    raw = file.read(start, length).rstrip(b"\0 \r\n")
    if not raw:
        return
    try:
        texts = xml_texts(raw)
    except CorruptSlideError:
        yield Field("SubBlock", _readable(raw), start, len(raw))
        return
    for text in texts:
        place = "/".join(("SubBlock", *text.path[1:], *((text.attribute,) if text.attribute else ())))
        yield Field(place, text.value, start + text.start, text.stop - text.start)


def _place(text: Text) -> str:
    """Return the names of the elements around a text, ImageDocument and Metadata left out, and of its attribute."""
    path = text.path[2:] if text.path[:2] == ("ImageDocument", "Metadata") else text.path
    return "/".join((*path, text.attribute) if text.attribute else path)


def _readable(raw: bytes) -> str:
    """Return a text, or nothing where the bytes are none."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    return text if "\0" not in text else ""


def _metadata(said: Mapping[str, str], told: _Told, stem: str) -> SlideMetadata:
    models = (said.get(f"{_MICROSCOPE}/{key}", "") for key in ("Name", "System", "Manufacturer/Model"))
    program, version = (said.get(f"Information/Application/{key}", "") for key in ("Name", "Version"))
    software = f"{program} {version}" if is_version(version) else program
    return SlideMetadata(
        manufacturer="Carl Zeiss",
        model=next((model for model in models if _MODEL.fullmatch(model)), ""),
        serial=said.get(f"{_MICROSCOPE}/Manufacturer/SerialNumber", ""),
        software=(software,) if _PROGRAM.fullmatch(program) else (),
        acquired=_moment(said.get("Information/Image/AcquisitionDateAndTime", ""))
        or _moment(said.get("Information/Document/CreationDate", "")),
        objective_power=told.power(said.get(_OBJECTIVE_USED, "")),
        barcode=said.get("AttachmentInfos/AttachmentInfo/Label/Barcodes/Barcode/Content", ""),
        name=stem,
    )


def _moment(text: str) -> dt.datetime | None:
    """Return a moment as XML Schema writes it; there may be more digits of a second than a computer counts."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    whole, fraction, zone = found.groups()
    try:
        return dt.datetime.fromisoformat(f"{whole}.{(fraction or '').ljust(6, '0')}{zone or ''}")
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="zeiss",
    title="Zeiss CZI (Axioscan)",
    suffixes=(".czi",),
    detect=_detect,
    open=_open,
    encoded="all pictures: they overlap, in JPEG XR, Zstandard, JPEG or without compression",
)
