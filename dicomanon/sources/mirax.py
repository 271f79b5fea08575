"""3DHISTECH MRXS: a file beside a folder of its name, with Slidedat.ini, an index and data files."""

from __future__ import annotations

import datetime as dt
import re
import struct
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import facts
from dicomanon.sources._ini import ini_lines
from dicomanon.sources._mirax_fields import unpacked
from dicomanon.sources._mirax_index import SEQUENTIAL, grid, open_index, record, tiles
from dicomanon.sources._mirax_settings import POSITIONS, read_settings
from dicomanon.sources._pyramid import fingerprint, number, smaller
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from dicomanon.sources._mirax_index import Index
    from dicomanon.sources._mirax_settings import Settings
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._restart import Place
    from dicomanon.sources._slide import Flavor, Image

_INI = "Slidedat.ini"
_LARGEST_INI = 1 << 22
_ASPECT = 0.05
_POSITION = struct.Struct("<B2i")
_POSITION_TYPE = [("flag", "u1"), ("x", "<i4"), ("y", "<i4")]
_FAR_TILES = 64
_LABEL, _MACRO, _WHOLE, _PREVIEW = (
    f"ScanDataLayer_{name}" for name in ("SlideBarcode", "SlideThumbnail", "WholeSlide", "SlidePreview")
)
_MODEL = re.compile(
    r"(?:3DHISTECH )?(?:Pannoramic|MIRAX)(?: (?:1000|250|480|150|Confocal|Desk|DX|Flash|II|III|Midi|Scan)){0,3}"
    r"|P(?:1000|250|480|150)",
    re.IGNORECASE,
)
"""What is not known to be a product does not pass."""


def _detect(peek: Peek) -> bool:
    return peek.suffix == ".mrxs" and not peek.is_tiff


def _open(path: Path) -> SlideSource:

    folder = path.with_suffix("")
    if not folder.is_dir():
        raise CorruptSlideError("its folder is missing")
    raw = _ini(folder / _INI)
    settings = read_settings(ini_lines(raw))
    if settings.fluorescence:
        raise SlideError(
            "fluorescence in MRXS is not supported: its reader puts the channels into one picture"
        )
    with ExitStack() as stack:
        index = open_index(folder, settings)
        stack.callback(index.close)
        try:
            return _source(path, raw, settings, index, stack)
        except OSError:
            raise CorruptSlideError("the files of the slide cannot be read") from None


def _ini(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LARGEST_INI:
            raise CorruptSlideError("Slidedat.ini is absurdly large")
        return path.read_bytes()
    except OSError:
        raise CorruptSlideError("Slidedat.ini is missing") from None


def _source(path: Path, raw: bytes, settings: Settings, index: Index, stack: ExitStack) -> SlideSource:
    from dicomanon.sources._mirax_fields import (  # heavy
        front_fields,
        identifier_fields,
        ini_fields,
        record_fields,
    )

    folder = path.with_suffix("").name
    fields = (
        *ini_fields(ini_lines(raw), f"{folder}/{_INI}"),
        *identifier_fields(index, settings, folder),
        *record_fields(index, settings, folder),
        *front_fields(path),
    )
    levels = grid(settings, index) or _put_together(path, settings, index, stack)
    others = tuple(_others(settings, index, levels[0]))
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(index.file, raw),
        metadata=_metadata(facts(FORMAT.name, fields), path.stem),
        levels=levels,
        others=others,
        close=stack.pop_all().close,
        fields=fields,
    )


def _put_together(path: Path, settings: Settings, index: Index, stack: ExitStack) -> tuple[Image, ...]:
    """Return the levels as OpenSlide puts them together."""
    from dicomanon.sources._openslide import level_pixels, open_with  # heavy

    if not any(tiles(index, each)[:, 2].any() for each in range(len(settings.levels))):
        raise CorruptSlideError("the slide has no tile with any data")
    _check_positions(settings, index)
    slide = open_with(path, "mirax")
    stack.callback(slide.close)
    overlaps = any(level.overlaps for level in settings.levels)
    why = "fields of view overlap" if overlaps else "fields of view have to be put together"
    if settings.planes > 1:
        why += "; of several focal planes only the one that OpenSlide gives is taken"
    return level_pixels(slide, index.size, why)


def _check_positions(settings: Settings, index: Index) -> None:
    """Raise CorruptSlideError where a field of view lies far from the slide: OpenSlide would look for ever."""
    import numpy as np  # heavy

    base = settings.levels[0]
    largest = (settings.across * base.columns, settings.down * base.rows)
    for each, (group, _) in enumerate(settings.layers):
        for at, size in record(index, each) if group in POSITIONS else ():
            data = index.data.read(at, size)
            packed = unpacked(data, _POSITION.size * settings.across * settings.down)
            data = data if packed is None else packed
            places = np.frombuffer(data[: len(data) // _POSITION.size * _POSITION.size], _POSITION_TYPE)
            for axis, tile, most in zip("xy", (base.columns, base.rows), largest, strict=True):
                far = _FAR_TILES * tile
                if ((places[axis] < -far) | (places[axis] > most + far)).any():
                    raise CorruptSlideError("a field of view lies far from the slide")


def _others(settings: Settings, index: Index, base: Image) -> Iterator[Image]:
    """Yield THUMBNAIL, OVERVIEW and LABEL, as far as there are any.

    A preview of other proportions than the base may be of the whole glass, which shows the label.
    """
    pieces = {name: record(index, each) for each, (_, name) in enumerate(settings.layers)}
    macro = next((name for name in (_MACRO, _WHOLE) if pieces.get(name)), "")
    roles: tuple[tuple[str, Flavor], ...] = (
        (_PREVIEW, "THUMBNAIL"),
        (macro, "OVERVIEW"),
        (_LABEL, "LABEL"),
    )
    for name, flavor in roles:
        for at, size in pieces.get(name, ())[:1]:
            image = _picture(index, at, size, flavor, base)
            if image is not None:
                yield image


def _picture(index: Index, at: int, size: int, flavor: Flavor, base: Image) -> Image | None:
    """Return a picture of a record, None where it is no JPEG, or a thumbnail that may show more than the tissue."""
    from dicomanon.sources import _jpeg  # heavy
    from dicomanon.sources._restart import Place, read_stream, whole  # heavy
    from dicomanon.sources._tiff import MAX_PIXELS  # heavy

    if index.data.read(at, min(size, 2)) != _jpeg.SOI:
        return None
    head = _jpeg.read_head(index.data.read(at, size))
    columns, rows = head.columns, head.rows
    if not 0 < columns * rows <= MAX_PIXELS:
        raise CorruptSlideError("a picture of the slide has no size, or an absurd one")
    spacing = None
    if flavor == "THUMBNAIL":
        if abs(columns * base.rows / (rows * base.columns) - 1) > _ASPECT + 1 / columns + 1 / rows:
            return None
        spacing = smaller(base.spacing, (base.columns, base.rows), (columns, rows))
    place = Place(flavor=flavor, columns=columns, rows=rows, spacing=spacing, resampled=flavor == "THUMBNAIL")
    image = whole(read_stream(index.data, at, size), place) if head.process in SEQUENTIAL else None
    return _decoded(index.data.read(at, size), place) if image is None else image


def _decoded(data: bytes, place: Place) -> Image:
    """Return a picture that is a JPEG of a kind that DICOM has no transfer syntax for."""
    import imagecodecs  # heavy

    from dicomanon.sources._openslide import held_pixels  # heavy
    from dicomanon.sources._pixels import DECODING  # heavy

    try:
        pixels = imagecodecs.jpeg8_decode(data)
    except DECODING:
        raise CorruptSlideError("a picture of the slide cannot be decoded") from None
    pixels = pixels.reshape((*pixels.shape[:2], -1))
    if pixels.shape[2] not in (1, 3):
        raise CorruptSlideError("a picture of the slide has an absurd number of colours")
    why = "DICOM has no transfer syntax for it"
    return replace(held_pixels(pixels, place.flavor, why, resampled=place.resampled), spacing=place.spacing)


def _metadata(said: Mapping[str, str], stem: str) -> SlideMetadata:
    general, records = "Slidedat/GENERAL", "Slidedat/NONHIERLAYER_n_LEVEL_n_SECTION"
    serials = (
        f"{general}/SCANNER_HARDWARE_ID",
        f"{general}/VIMSLIDE_SCANNER_HARDWARE_ID",
        "Slidedat/NONHIERLAYER_n_SECTION/SCANNER_HARDWARE_ID",
        f"{records}/SCANNER_HARDWARE_ID",
    )
    barcodes = (f"{general}/SLIDE_BARCODE", f"{records}/BARCODE_VALUE")
    model = said.get(f"{general}/SCANNER_HARDWARE_VERSION", "")
    return SlideMetadata(
        manufacturer="3DHISTECH",
        model=model if _MODEL.fullmatch(model) else "",
        serial=next((said[place] for place in serials if said.get(place)), ""),
        acquired=_moment(said),
        objective_power=number(said.get(f"{general}/OBJECTIVE_MAGNIFICATION", "")),
        barcode=next((said[place] for place in barcodes if said.get(place)), ""),
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
    lossless="tiles in JPEG that do not overlap",
    encoded="fields of view that overlap and are put together",
    needs=("openslide",),
    extra="slides",
)
