"""Pages of channels and focal planes laid together as one image: path by path, and plane by plane within a path."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._bytes import check_ranges
from dicomanon.sources._jpeg2000 import read_main_header
from dicomanon.sources._pyramid import smaller
from dicomanon.sources._slide import BRIGHTFIELD, Lossy, OpticalPath, PixelImage, Region, SlideImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from dicomanon.sources._slide import Flavor, Image, Shape
    from dicomanon.sources._tiff import TiffSlide

    Spacing = tuple[float, float] | None
    Read = Callable[[Region], NDArray[Any]]

_LARGEST_FRAME, _MOST_LEVELS, _ROUNDING = 0xFFFF, 64, 0.02
_HEADER = 1 << 12
"""Bytes that a main header of JPEG 2000 fits in."""
_WHY_STACK = "its channels or focal planes are not in tiles that DICOM has a place for"
_WHY_SINGLE = "an image beside the tissue is one frame, its tiles are several"


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page, and the file that it is in."""

    slide: TiffSlide
    page: Any

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return int(self.page.imagewidth), int(self.page.imagelength)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """What the pages of an image are to each other: `paths` of `planes` focal planes each, `plane_spacing` mm apart."""

    paths: tuple[OpticalPath, ...] = (BRIGHTFIELD,)
    planes: int = 1
    plane_spacing: float | None = None

    @property
    def dark(self) -> bool:
        """Whether any path is fluorescence: what it has no pixels of is black, not white."""
        return any(path.fluorescence for path in self.paths)


def stacked_levels(
    levels: Sequence[Sequence[FilePage]], stack: Stack, spacing: Spacing, *, scene: int = 0
) -> tuple[Image, ...]:
    """Return levels, each of the pages of all paths and planes, the largest first; `spacing` is that of the largest.

    Raises CorruptSlideError where there is none, SlideError where two are of one size.
    """
    if not levels or not all(levels):
        raise CorruptSlideError("there is no image of tissue")
    ordered = sorted(levels, key=lambda pages: -pages[0].size[0])
    sizes = [pages[0].size for pages in ordered]
    if not all(min(size) for size in sizes):
        raise CorruptSlideError("an image has no size, or an absurd one")
    if len(set(sizes)) != len(sizes):
        raise SlideError("two levels have the same size")
    return tuple(
        stacked(pages, stack, smaller(spacing, sizes[0], size), resampled=number > 0, scene=scene)
        for number, (pages, size) in enumerate(zip(ordered, sizes, strict=True))
    )


def stacked(
    pages: Sequence[FilePage], stack: Stack, spacing: Spacing, *, resampled: bool = False, scene: int = 0
) -> Image:
    """Return pages, path by path and plane by plane, as one VOLUME: their frames as they are, or their pixels.

    Raises CorruptSlideError where pages are missing or not of one kind, SlideError for what is not supported.
    """
    from dicomanon.sources._tiff import page_image  # heavy

    if len(pages) != len(stack.paths) * stack.planes:
        raise CorruptSlideError("a level lacks a channel or a focal plane")
    for each in pages:
        _check(each)
    if len({_kind(each.page) for each in pages}) > 1:
        raise CorruptSlideError("the channels or focal planes of a level are not alike")
    between = stack.plane_spacing if stack.planes > 1 else None
    if len(pages) == 1 and not stack.dark:
        only = page_image(pages[0].slide, pages[0].page, "VOLUME", spacing, resampled=resampled, scene=scene)
        return replace(only, paths=stack.paths)
    if all(_has_frames(each.page, dark=stack.dark) for each in pages):
        images = [
            page_image(each.slide, each.page, "VOLUME", spacing, resampled=resampled, scene=scene)
            for each in pages
        ]
        frames = [image for image in images if isinstance(image, SlideImage)]
        if len(frames) == len(images) and len({_form(image) for image in frames}) == 1:
            return _joined(frames, replace(stack, plane_spacing=between))
    return _pixels(pages, replace(stack, plane_spacing=between), spacing, resampled=resampled, scene=scene)


def reduced(pages: Sequence[FilePage]) -> tuple[tuple[FilePage, ...], ...]:
    """Return the levels of pages whose smaller ones are in SubIFDs (TIFF tag 330): the pages first, then those of each.

    Raises CorruptSlideError where a page has more levels than its neighbours, or absurdly many.
    """
    below = []
    for each in pages:
        found = list(islice(each.page.pages or (), _MOST_LEVELS + 1))
        if len(found) > _MOST_LEVELS:
            raise CorruptSlideError("an image has absurdly many levels")
        ordered = sorted(found, key=lambda page: -page.imagewidth)
        below.append([FilePage(each.slide, page) for page in ordered])
    if len({len(levels) for levels in below}) > 1:
        raise CorruptSlideError("a level lacks a channel or a focal plane")
    return tuple(pages), *zip(*below, strict=True)


def channel_count(page: Any, samples: int) -> int:
    """Return how many pages the samples of all channels take, of which `page` has as many as one has.

    Raises SlideError where samples of a page are channels.
    """
    own = int(page.samplesperpixel)
    if own > 2 and own - len(page.extrasamples) < 3:
        raise SlideError("channels are samples of one page, which is not supported")
    return -(-samples // own)


def alike(size: tuple[int, int], base: tuple[int, int]) -> bool:
    """Whether an image has the proportions of the base, which a picture of the whole glass has not."""
    if not (all(size) and all(base)):
        return False
    return abs(size[0] * base[1] / (size[1] * base[0]) - 1) < _ROUNDING + 1 / size[0] + 1 / size[1]


def single(levels: Sequence[FilePage], flavor: Flavor, spacing: Spacing) -> Image:
    """Return the largest page that fits in one frame, which is all that LABEL, OVERVIEW and THUMBNAIL have.

    `levels` are pages of one image, `spacing` is that of the largest. Raises CorruptSlideError where none fits.
    """
    from dicomanon.sources._tiff import MAX_PIXELS, check_page, page_image  # heavy

    ordered = sorted(levels, key=lambda each: -each.size[0])
    fitting = [
        each
        for each in ordered
        if max(each.size) <= _LARGEST_FRAME and 0 < each.size[0] * each.size[1] <= MAX_PIXELS
    ]
    if not fitting:
        raise CorruptSlideError("an associated image has no size, or an absurd one")
    found = fitting[0]
    check_page(found.page)
    scaled = smaller(spacing, ordered[0].size, found.size)
    resampled = flavor == "THUMBNAIL"
    if not found.page.is_tiled or len(found.page.dataoffsets) == 1:
        image = page_image(found.slide, found.page, flavor, scaled, resampled=resampled)
        if isinstance(image, SlideImage):
            return image
    pixels = _pixels_of(found, flavor, scaled, resampled=resampled, scene=0)
    return replace(pixels, tile=(pixels.rows, pixels.columns), why=_WHY_SINGLE)


def _check(each: FilePage) -> None:
    """Raise CorruptSlideError where a page has fewer tiles or strips than its size asks for, or some beyond the end."""
    from dicomanon.sources._tiff import DAMAGE, check_page  # heavy

    page = each.page
    try:
        check_page(page)
        high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else _strip(page)
        pieces = -(-page.imagelength // high) * -(-page.imagewidth // wide)
        apart = page.samplesperpixel if page.planarconfig == 2 else 1
        if len(page.dataoffsets) < pieces * apart:
            raise CorruptSlideError("the number of tiles does not fit the size of the image")
        check_ranges(each.slide.file, page.dataoffsets, page.databytecounts)
        if not any(page.databytecounts):
            raise CorruptSlideError("a level has no tile with any data")
    except DAMAGE:
        raise CorruptSlideError("a level is damaged") from None


def _strip(page: Any) -> tuple[int, int]:
    return min(int(page.rowsperstrip), int(page.imagelength)), int(page.imagewidth)


def _kind(page: Any) -> tuple[int, ...]:
    """Return what pages of one image have in common."""
    return (
        page.imagewidth,
        page.imagelength,
        page.samplesperpixel - len(page.extrasamples),
        page.bitspersample,
    )


def _has_frames(page: Any, *, dark: bool) -> bool:
    """Whether tiles of a page may follow those of others; a tile without data would be white."""
    from dicomanon.sources._tiff import JPEG, NEW_JPEG_2000  # heavy

    return bool(
        page.is_tiled
        and page.bitspersample == 8
        and (page.compression == JPEG or page.compression in NEW_JPEG_2000)
        and not (dark and 0 in page.databytecounts)
    )


def _form(image: SlideImage) -> tuple[object, ...]:
    return image.tile_columns, image.tile_rows, image.photometric, image.transfer_syntax_uid


def _joined(images: Sequence[SlideImage], stack: Stack) -> SlideImage:
    return replace(
        images[0],
        paths=stack.paths,
        planes=stack.planes,
        plane_spacing=stack.plane_spacing,
        losses=_losses(images),
        frame_lengths=array("Q", (length for image in images for length in image.frame_lengths)),
        frames=partial(_frames, tuple(images)),
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


def _losses(images: Sequence[Shape]) -> tuple[Lossy, ...]:
    """Return what the images lost, as one."""
    sizes: dict[str, int] = {}
    for loss in (loss for image in images for loss in image.losses):
        sizes[loss.method] = sizes.get(loss.method, 0) + loss.size
    return tuple(Lossy(method, size) for method, size in sizes.items())


def _pixels(
    pages: Sequence[FilePage], stack: Stack, spacing: Spacing, *, resampled: bool, scene: int
) -> PixelImage:
    images = [_pixels_of(each, "VOLUME", spacing, resampled=resampled, scene=scene) for each in pages]
    reads: list[Read] = [
        partial(_on_black, image.read, each.page)
        if stack.paths[number // stack.planes].fluorescence
        else image.read
        for number, (image, each) in enumerate(zip(images, pages, strict=True))
    ]
    return replace(
        images[0],
        paths=stack.paths,
        planes=stack.planes,
        plane_spacing=stack.plane_spacing,
        losses=_losses(images),
        exact=all(image.exact for image in images),
        read=partial(_read, reads, stack.planes),
        why=_WHY_STACK if len(images) > 1 else images[0].why,
    )


def _read(reads: Sequence[Read], planes: int, region: Region) -> NDArray[Any]:
    return reads[region.path * planes + region.plane](replace(region, plane=0, path=0))


def _pixels_of(
    each: FilePage, flavor: Flavor, spacing: Spacing, *, resampled: bool, scene: int
) -> PixelImage:
    """Return a page as pixels; JPEG 2000 that says so has lost nothing."""
    from dicomanon.sources._pixels import page_pixels  # heavy
    from dicomanon.sources._tiff import NEW_JPEG_2000, upright  # heavy

    _check(each)
    page = each.page
    image = page_pixels(each.slide.file, page, flavor, spacing, resampled=resampled, scene=scene)
    if not upright(page) and flavor == "VOLUME":
        raise SlideError("channels and focal planes on their side are not supported")
    if page.compression in NEW_JPEG_2000 and _reversible(each):
        return replace(image, losses=(), exact=True)
    return image


def _reversible(each: FilePage) -> bool:
    """Whether every JPEG 2000 tile says that it was made by the wavelet that loses nothing."""
    found = zip(each.page.dataoffsets, each.page.databytecounts, strict=True)
    try:
        return all(
            read_main_header(each.slide.file.read(at, min(count, _HEADER))).reversible
            for at, count in found
            if count
        )
    except CorruptSlideError:
        return False


def _on_black(read: Read, page: Any, region: Region) -> NDArray[Any]:
    """Read a region with black where the page has no pixels: beyond its edges, and in tiles without data."""
    found = read(region)
    found[max(0, int(page.imagelength) - region.top) :] = 0
    found[:, max(0, int(page.imagewidth) - region.left) :] = 0
    high, wide = (int(page.tilelength), int(page.tilewidth)) if page.is_tiled else _strip(page)
    across, down = -(-int(page.imagewidth) // wide), -(-int(page.imagelength) // high)
    for row in range(region.top // high, min(down, -(-(region.top + region.rows) // high))):
        for column in range(region.left // wide, min(across, -(-(region.left + region.columns) // wide))):
            if not page.databytecounts[row * across + column]:
                top, left = row * high - region.top, column * wide - region.left
                found[max(0, top) : max(0, top + high), max(0, left) : max(0, left + wide)] = 0
    return found
