"""Hamamatsu NDPI: a TIFF whose levels are one JPEG each, cut into frames at its restart markers."""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._peek import NDPI
from dicomanon.sources._pyramid import fingerprint, icc_of, number, smaller
from dicomanon.sources._slide import BRIGHTFIELD, OpticalPath, SlideFormat, SlideMetadata, SlideSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._restart import Place, Stream
    from dicomanon.sources._restart_intervals import Planes
    from dicomanon.sources._slide import Image
    from dicomanon.sources._tiff import TiffSlide
    from dicomanon.sources._tiff_fields import Parts

    Streams = Mapping[int, Stream]

_LENS, _DEPTH = 65421, 65424
"""Tags: magnification, or -1 for the macro and -2 for a map of focus; depth of the focal plane in nm."""
_FLUORESCENCE, _PROPERTIES = 65434, 65449
_MACRO = -1
_JPEG = 7
SMALL = 4096
"""Pixels on a side of what may pass as one frame where it cannot be cut."""
_ASPECT = 0.02
_ROUNDED = 8
"""Pixels on a side that a JPEG of one frame may differ by from what its page says."""
_NM = 1e-6
_VISIBLE = (300, 1200)
"""Wavelengths in nm that a scanner has filters for."""
_STRUCTURE = frozenset(f"tag {code}" for code in (65324, 65325, 65426, 65432))
"""Tags that say where restart intervals are, and upper halves of offsets."""

_NANOZOOMER = r"S20|S20MD|S60|S210|S360(?:MD)?|S540MD|SQ|XR|RS|HT|2\.0[- ]?(?:HT|RS)"
MODEL = re.compile(rf"C\d{{4,5}}(?:-\d\d[A-Z]?)?|(?:NanoZoomer)?[- ]?(?:{_NANOZOOMER})|NanoZoomer")
_SOFTWARE = re.compile(r"NDP\.scan \d{1,2}(?:\.\d{1,3}){1,3}")
"""Texts of the file: what is not known to be a product does not pass."""


def _detect(peek: Peek) -> bool:
    return peek.claimed(marked=bool(peek.text(NDPI)), words=(b"NDP.scan", b"NDP.S/N="), suffixes=(".ndpi",))


def _open(path: Path) -> SlideSource:
    from dicomanon.sources._ndpi import opened_ndpi  # heavy

    return opened_ndpi(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    from dicomanon.sources._ndpi import number_of  # heavy

    levels: list[Any] = []
    macros: list[Any] = []
    for page in slide.pages:
        lens = number_of(page, _LENS)
        if lens is None:
            raise CorruptSlideError("a page does not say with which lens it was taken")
        if lens > 0:
            levels.append(page)
        elif lens == _MACRO:
            macros.append(page)
    if len(macros) > 1:
        raise CorruptSlideError("there is more than one OVERVIEW")
    streams = _streams(slide)
    fields = tuple(dict.fromkeys(_fields(slide, streams)))
    said = facts(FORMAT.name, fields)
    found = _levels(slide, levels, streams, said)
    base = max(levels, key=lambda page: page.imagewidth)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file),
        metadata=_metadata(said, base, path.stem),
        levels=found,
        others=tuple(_overview(slide, page, streams) for page in macros),
        close=slide.close,
        fields=fields,
    )


def _streams(slide: TiffSlide) -> Streams:
    """Return the JPEG of each page that is one, by the number of the page."""
    from dicomanon.sources._ndpi import strip_of  # heavy
    from dicomanon.sources._restart import read_stream  # heavy

    jpegs = (page for page in slide.pages if page.compression == _JPEG)
    return {page.index: read_stream(slide.file, *strip_of(page)) for page in jpegs}


def _fields(slide: TiffSlide, streams: Streams) -> Iterator[Field]:
    """Yield what tags and heads of JPEG say in words; pages share values, which are then given again."""
    from dicomanon.sources._restart_head import texts  # heavy
    from dicomanon.sources._tiff_fields import text_of, tiff_fields  # heavy

    for field in tiff_fields(slide, {_PROPERTIES: _properties}):
        if field.place not in _STRUCTURE:
            yield field
    for stream in streams.values():
        at = stream.begin - len(stream.head)
        for place, start, stop in texts(stream.head):
            yield Field(place, text_of(stream.head[start:stop]), at + start, stop - start)


def _properties(text: bytes) -> Parts:
    """Yield the lines of the property map; those of the shading data are behind a semicolon."""
    from dicomanon.sources._tiff_fields import lines  # heavy

    return lines(text, ends=rb"[\r\n]+;?")


def _levels(
    slide: TiffSlide, pages: Sequence[Any], streams: Streams, said: Mapping[str, str]
) -> tuple[Image, ...]:
    """Return one image a magnification, with its focal planes from the lowest up, the largest first."""
    from dicomanon.sources._ndpi import number_of, resolution  # heavy
    from dicomanon.sources._restart import Place  # heavy
    from dicomanon.sources._restart_cut import cut_levels  # heavy

    planes: dict[tuple[int, int], dict[float, Any]] = {}
    for page in pages:
        size = _size(page, streams.get(page.index))
        if not min(size) or max(size) >= 1 << 31:
            raise CorruptSlideError("an image has no size, or an absurd one")
        depths = planes.setdefault(size, {})
        depth = number_of(page, _DEPTH) or 0
        if depth in depths:
            raise SlideError("two images of tissue have the same size and the same focal plane")
        depths[depth] = page
    if not planes:
        raise CorruptSlideError("there is no image of tissue")
    sizes = sorted(planes, key=lambda size: -size[0])
    base = sizes[0]
    spacing = resolution(planes[base][min(planes[base])])
    found: list[list[Any]] = []
    cuttable: list[tuple[Planes, Place]] = []
    for size in sizes:
        _check_shape(base, size)
        depths_here = sorted(planes[size])
        ordered = [planes[size][depth] for depth in depths_here]
        place = Place(
            flavor="VOLUME",
            columns=size[0],
            rows=size[1],
            spacing=smaller(spacing, base, size),
            resampled=size != base,
            plane_spacing=_plane_spacing(depths_here),
            path=_path(ordered[0], said),
        )
        found.append(ordered)
        cuttable.append((_intervals(ordered, streams, place), place))
    tile, images = cut_levels(cuttable)
    return tuple(
        image or _uncut(slide, ordered, streams, place, tile)
        for image, ordered, (_, place) in zip(images, found, cuttable, strict=True)
    )


def _size(page: Any, stream: Stream | None) -> tuple[int, int]:
    """Return columns and rows of a page: those of a JPEG without restart markers, which tags give rounded.

    See https://github.com/openslide/openslide/pull/729.
    """
    size = (int(page.imagewidth), int(page.imagelength))
    if stream is None or stream.coding.head.restart_interval:
        return size
    own = (stream.coding.head.columns, stream.coding.head.rows)
    near = all(abs(mine - said) <= _ROUNDED for mine, said in zip(own, size, strict=True))
    return own if min(own) and near else size


def _check_shape(base: tuple[int, int], size: tuple[int, int]) -> None:
    """Raise SlideError for an image of tissue that is no smaller copy of the base."""
    alike = size[0] * base[1] / (size[1] * base[0])
    if abs(alike - 1) > _ASPECT + 1 / size[0] + 1 / size[1]:
        raise SlideError("images of tissue have several shapes: pieces of tissue that nobody names")


def _plane_spacing(depths: Sequence[float]) -> float | None:
    """Return mm between focal planes, None where there is one; raise SlideError where they are uneven."""
    if len(depths) == 1:
        return None
    mean = (depths[-1] - depths[0]) / (len(depths) - 1)
    if any(abs(above - below - mean) > max(1.0, mean / 100) for below, above in pairwise(depths)):
        raise SlideError("focal planes are not evenly spaced, which TILED_FULL has no place for")
    return mean * _NM


def _path(page: Any, said: Mapping[str, str]) -> OpticalPath:
    """Return fluorescence where the page names a filter and the wavelength it lets through, else brightfield."""
    emission = number(said.get("tag 65451", ""))
    named = page.tags.get(_FLUORESCENCE)
    if emission is None or named is None or not str(named.value).strip("\0 "):
        return BRIGHTFIELD
    if not _VISIBLE[0] <= emission <= _VISIBLE[1]:
        return BRIGHTFIELD
    excitation = number(said.get("tag 65449/ExcitationWaveLength", ""))
    return OpticalPath(fluorescence=True, excitation=excitation, emission=emission)


def _intervals(pages: Sequence[Any], streams: Streams, place: Place) -> Planes:
    """Return the restart intervals of the focal planes of one magnification, nothing where one cannot be cut."""
    from dicomanon.sources._ndpi import mcu_starts, strip_of  # heavy
    from dicomanon.sources._restart_intervals import read_intervals  # heavy

    if any(page.index not in streams for page in pages):
        return ()
    found = [
        read_intervals(streams[page.index], place.columns, place.rows, mcu_starts(page, strip_of(page)[0]))
        for page in pages
    ]
    known = [[[each]] for each in found if each is not None]
    return known if len(known) == len(pages) else ()


def _uncut(
    slide: TiffSlide, pages: Sequence[Any], streams: Streams, place: Place, tile: tuple[int, int] | None
) -> Image:
    """Return a level that cannot be cut as one frame, or decoded, for frames of the size that other levels have."""
    from dicomanon.sources._ndpi import strip_of  # heavy
    from dicomanon.sources._restart import whole  # heavy
    from dicomanon.sources._restart_decoded import decoded, tiled  # heavy
    from dicomanon.sources._whole_pixels import whole_pixels  # heavy

    if len(pages) > 1:
        raise SlideError("focal planes are supported where they are JPEG with restart markers")
    stream = streams.get(pages[0].index)
    if stream is not None and not stream.is_frame:
        return tiled(decoded(stream, place), tile)
    image = whole(stream, place) if stream and max(place.columns, place.rows) <= SMALL else None
    return image or tiled(whole_pixels(slide.file, pages[0], strip_of(pages[0]), place), tile)


def _overview(slide: TiffSlide, page: Any, streams: Streams) -> Image:
    """Return the macro, which shows the label."""
    from dicomanon.sources._ndpi import resolution, strip_of  # heavy
    from dicomanon.sources._restart import Place, whole  # heavy
    from dicomanon.sources._tiff import check_page  # heavy
    from dicomanon.sources._whole_pixels import whole_pixels  # heavy

    check_page(page)
    place = Place(
        flavor="OVERVIEW",
        columns=int(page.imagewidth),
        rows=int(page.imagelength),
        spacing=resolution(page),
    )
    stream = streams.get(page.index)
    image = whole(stream, place) if stream is not None else None
    return image or whole_pixels(slide.file, page, strip_of(page), place)


def _metadata(said: Mapping[str, str], base: Any, stem: str) -> SlideMetadata:
    from dicomanon.sources._ndpi import number_of  # heavy

    model = said.get("Model", "")
    software = _SOFTWARE.fullmatch(said.get("Software", ""))
    return SlideMetadata(
        manufacturer="Hamamatsu",
        model=model if MODEL.fullmatch(model) else "",
        serial=said.get("tag 65442", "") or said.get("tag 65449/NDP.S/N", ""),
        software=(software.group(),) if software else (),
        acquired=_acquired(said.get("DateTime", "")),
        objective_power=number_of(base, _LENS),
        icc_profile=icc_of(base),
        barcode=said.get("tag 65468", "") or said.get("tag 65449/Barcode", ""),
        label_text=said.get("tag 65427", ""),
        name=stem,
    )


def _acquired(text: str) -> dt.datetime | None:
    """Return DateTime, which knows no zone, None where it is none."""
    try:
        return dt.datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="hamamatsu",
    title="Hamamatsu NDPI",
    suffixes=(".ndpi",),
    detect=_detect,
    open=_open,
    lossless="levels in JPEG, cut at their restart markers; focal planes",
    encoded="levels without restart markers that are larger than 4096 pixels, or progressive; 16 bits",
)
