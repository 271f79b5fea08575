"""Argos AVS: a BigTIFF of sparse tiles, its focal planes one after the other, with XML in tag 65000."""

from __future__ import annotations

import datetime as dt
from array import array
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._pyramid import fingerprint, icc_of, number, opened, smaller
from dicomanon.sources._slide import Lossy, PixelImage, SlideFormat, SlideImage, SlideMetadata, SlideSource
from dicomanon.sources.generic_tiff import resolution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._peek import Peek
    from dicomanon.sources._pyramid import Spacing
    from dicomanon.sources._slide import Flavor, Image, Region
    from dicomanon.sources._tiff import TiffSlide

    Plane = list[Any]

_METADATA = 65000
_ROOT = b"Argos.Scan.Metadata"
_XML = "tag 65000"
_ASPECT = 0.02


def _detect(peek: Peek) -> bool:
    return peek.claimed(marked=_ROOT in peek.text(_METADATA), words=(b"<" + _ROOT,), suffixes=(".avs",))


def _open(path: Path) -> SlideSource:
    return opened(path, _source)


def _source(slide: TiffSlide, path: Path) -> SlideSource:
    base = slide.pages[0]
    fields = tuple(_fields(slide))
    said = facts(FORMAT.name, fields)
    spacing = resolution(base)
    planes = _planes([page for page in slide.pages if page.is_tiled])
    _check_planes(planes, said)
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(slide.file, repr([(each.place, each.value) for each in fields]).encode()),
        metadata=_metadata(said, base, path.stem),
        levels=tuple(_levels(slide, planes, spacing, _between(said, len(planes)))),
        others=tuple(_others(slide, spacing)),
        close=slide.close,
        fields=fields,
    )


def _fields(slide: TiffSlide) -> Iterator[Field]:
    """Yield the fields of the tags, and each text of the XML under its own place."""
    from dicomanon.sources._tiff_fields import tiff_fields  # heavy

    yield from tiff_fields(slide, {_METADATA: lambda _: iter(())})
    for page in slide.pages:
        tag = page.tags.get(_METADATA)
        if tag is not None:
            yield from _xml_fields(slide, int(tag.valueoffset), int(tag.count))


def _xml_fields(slide: TiffSlide, offset: int, count: int) -> Iterator[Field]:
    from dicomanon.sources._xml import LARGEST, xml_texts  # heavy

    if count > LARGEST:
        raise CorruptSlideError("the XML of the slide is absurdly large")
    # The type of the tag is text, without the zero at the end that TIFF asks for.
    document = slide.file.read(offset, count).rstrip(b"\0")
    for text in xml_texts(document):
        parts = (_XML, *text.path[1:], *((text.attribute,) if text.attribute else ()))
        raw = document[text.start : text.stop]
        start = text.start + len(raw) - len(raw.lstrip())
        yield Field("/".join(parts), text.value.strip(), offset + start, len(raw.strip()))


def _planes(pages: Sequence[Any]) -> list[Plane]:
    """Return the levels of each focal plane, the lowest plane first: a wider page begins the next."""
    if not pages:
        raise CorruptSlideError("there is no image of tissue")
    planes: list[Plane] = [[pages[0]]]
    for before, page in pairwise(pages):
        if page.imagewidth >= before.imagewidth:
            planes.append([])
        planes[-1].append(page)
    return planes


def _check_planes(planes: Sequence[Plane], said: Mapping[str, str]) -> None:
    sizes = [[(page.imagewidth, page.imagelength) for page in plane] for plane in planes]
    if any(each != sizes[0] for each in sizes):
        raise CorruptSlideError("the focal planes are not of the same sizes")
    try:
        count = int(said[f"{_XML}/MaxZ"]) - int(said[f"{_XML}/MinZ"]) + 1
    except (KeyError, ValueError):
        return
    if count != len(planes):
        raise CorruptSlideError("there are not as many focal planes as the slide says")


def _between(said: Mapping[str, str], planes: int) -> float | None:
    """Return mm between focal planes: ZRange is micrometres between the outermost."""
    whole = number(said.get(f"{_XML}/ZRange", ""))
    return None if whole is None or planes == 1 else whole / (planes - 1) / 1000


def _levels(
    slide: TiffSlide, planes: Sequence[Plane], spacing: Spacing, between: float | None
) -> Iterator[Image]:
    from dicomanon.sources._tiff import page_image  # heavy

    base = (planes[0][0].imagewidth, planes[0][0].imagelength)
    for index, pages in enumerate(zip(*planes, strict=True)):
        size = (pages[0].imagewidth, pages[0].imagelength)
        if not all(size):
            raise CorruptSlideError("a page has no size")
        own = smaller(spacing, base, size)
        images = [page_image(slide, page, "VOLUME", own, resampled=index > 0) for page in pages]
        yield _stacked(images, between)


def _stacked(images: Sequence[Image], between: float | None) -> Image:
    """Return the focal planes of a level as one image."""
    first = images[0]
    if len(images) == 1:
        return first
    method = first.losses[0].method if first.losses else ""
    if {tuple(loss.method for loss in image.losses) for image in images} != {(method,) if method else ()}:
        raise SlideError("the focal planes are not all compressed alike")
    losses = (Lossy(method, sum(image.losses[0].size for image in images)),) if method else ()
    coded = [image for image in images if isinstance(image, SlideImage)]
    drawn = [image for image in images if isinstance(image, PixelImage)]
    if isinstance(first, SlideImage) and not drawn:
        return _stacked_frames(first, coded, between, losses)
    if isinstance(first, PixelImage) and not coded:

        def read(region: Region) -> NDArray[Any]:
            return drawn[region.plane].read(replace(region, plane=0))

        return replace(first, planes=len(drawn), plane_spacing=between, losses=losses, read=read)
    raise SlideError("the focal planes are not all compressed alike")


def _stacked_frames(
    first: SlideImage, images: Sequence[SlideImage], between: float | None, losses: tuple[Lossy, ...]
) -> SlideImage:
    alike = {
        (each.photometric, each.transfer_syntax_uid, each.tile_columns, each.tile_rows) for each in images
    }
    if len(alike) > 1:
        raise SlideError("the focal planes are not all compressed alike")
    every = len(first.frame_lengths)
    lengths = array("Q")
    for image in images:
        lengths.extend(image.frame_lengths)

    def frames(begin: int = 0, stop: int | None = None) -> Iterator[bytes]:
        end = len(lengths) if stop is None else min(stop, len(lengths))
        for before, image in zip(range(0, len(lengths), every), images, strict=True):
            if begin < before + every and before < end:
                yield from image.frames(max(0, begin - before), min(every, end - before))

    return replace(
        first,
        planes=len(images),
        plane_spacing=between,
        losses=losses,
        frame_lengths=lengths,
        frames=frames,
    )


def _others(slide: TiffSlide, spacing: Spacing) -> Iterator[Image]:
    """Yield the last two: the scan of the area of tissue, the picture of the whole glass, which shows the label."""
    from dicomanon.sources._tiff import page_image  # heavy

    base, pages = slide.pages[0], slide.pages
    if any(not page.is_tiled for page in pages[:-2]):
        raise CorruptSlideError("an image in strips stands where only tiles can be")
    flavors: tuple[Flavor, ...] = ("THUMBNAIL", "OVERVIEW")
    for flavor, page in zip(flavors, pages[-2:], strict=False):
        if page.is_tiled:
            continue
        is_small = flavor == "THUMBNAIL" and _alike(page, base)
        size = (page.imagewidth, page.imagelength)
        own = smaller(spacing, (base.imagewidth, base.imagelength), size) if is_small else None
        yield page_image(slide, page, flavor, own, resampled=flavor == "THUMBNAIL")


def _alike(page: Any, base: Any) -> bool:
    """Whether a page has the proportions of the base, as what shows the same tissue has."""
    sizes = (page.imagewidth, page.imagelength, base.imagewidth, base.imagelength)
    if not all(sizes):
        return False
    proportion = sizes[0] * sizes[3] / (sizes[1] * sizes[2])
    return bool(abs(proportion - 1) < _ASPECT + 1 / sizes[0] + 1 / sizes[1])


def _metadata(said: Mapping[str, str], page: Any, stem: str) -> SlideMetadata:
    return SlideMetadata(
        manufacturer="Argos",
        acquired=_acquired(said),
        objective_power=number(said.get(f"{_XML}/ObjectiveMagnification", "")),
        icc_profile=icc_of(page),
        barcode=said.get(f"{_XML}/Barcode", ""),
        name=stem,
    )


def _acquired(said: Mapping[str, str]) -> dt.datetime | None:
    moment = f"{said.get(f'{_XML}/AcquisitionDate', '')} {said.get(f'{_XML}/AcquisitionTime', '')}"
    try:
        return dt.datetime.strptime(moment, "%m.%d.%Y %H:%M:%S")  # noqa: DTZ007 - the file knows no zone
    except ValueError:
        return None


FORMAT = SlideFormat(
    name="argos",
    title="Argos AVS",
    suffixes=(".avs",),
    detect=_detect,
    open=_open,
    lossless="tiles in JPEG, focal planes included",
)
