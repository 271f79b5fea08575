"""Pixels of a slide to frames: for what the container does not let pass as it is, and for levels that are missing."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.sources import Lossy, PixelImage, Region, SlideImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from numpy.typing import NDArray

    from dicomanon.convert.options import ConvertOptions
    from dicomanon.convert.prepare import Watch
    from dicomanon.convert.spool import Spool
    from dicomanon.sources import Shape

    Item = TypeVar("Item")
    Made = TypeVar("Made")

JPEG, JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
JPEG_METHOD = "ISO_10918_1"
THREADS = max(1, min(8, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Encoding:
    """How new frames of an image are encoded; `quality` is that of JPEG, None where nothing is lost."""

    quality: int | None
    photometric: str

    @property
    def transfer_syntax_uid(self) -> str:
        """JPEG Baseline, or JPEG 2000 Lossless Only."""
        return JPEG_2000_LOSSLESS if self.quality is None else JPEG

    def __call__(self, pixels: NDArray[Any]) -> bytes:
        """Return one frame of rows x columns x samples, of even length (PS3.5 A.4)."""
        from dicomanon.pixels.codecs import drawn, exact  # heavy

        return exact(pixels) if self.quality is None else drawn(pixels, self.quality)


def encoding_of(image: Shape, options: ConvertOptions, *, exact: bool) -> Encoding:
    """Return how an image is encoded: without loss where nothing was lost yet, or where samples have 16 bits."""
    if image.bits > 8 or (exact and options.lossless):
        return Encoding(None, "YBR_RCT" if image.samples == 3 else "MONOCHROME2")
    return Encoding(options.quality, "YBR_FULL_422" if image.samples == 3 else "MONOCHROME2")


def encoded(image: PixelImage, options: ConvertOptions, spool: Spool, watch: Watch | None) -> SlideImage:
    """Return an image with frames that lie in `spool`; `watch` is told of each. Raises what reading it raises."""
    rows, columns = image.tile
    regions = (
        Region(left, top, columns, rows, plane, path)
        for path in range(len(image.paths))
        for plane in range(image.planes)
        for top in range(0, image.rows, rows)
        for left in range(0, image.columns, columns)
    )
    how = encoding_of(image, options, exact=image.exact)

    def frame(region: Region) -> bytes:
        return how(image.read(region))

    first = stop = None
    for made in in_order(frame, regions):
        stop = spool.add(made) + 1
        first = stop - 1 if first is None else first
        if watch is not None:
            watch.advance(1, len(made))
    numbers = range(first or 0, stop or 0)
    return as_frames(image, image.tile, how, spool, numbers, f"encoded again: {image.why}")


def as_frames(
    shape: Shape, tile: tuple[int, int], how: Encoding, spool: Spool, numbers: range, derivation: str
) -> SlideImage:
    """Return the image that frames of a spool make up."""
    lengths = spool.lengths(numbers)
    losses = shape.losses
    if how.quality is not None:
        losses = (*losses, Lossy(JPEG_METHOD, sum(lengths)))
        derivation += f"; JPEG at quality {how.quality}"
    return SlideImage(
        flavor=shape.flavor,
        columns=shape.columns,
        rows=shape.rows,
        samples=shape.samples,
        spacing=shape.spacing,
        bits=shape.bits,
        planes=shape.planes,
        plane_spacing=shape.plane_spacing,
        paths=shape.paths,
        losses=losses,
        resampled=shape.resampled,
        scene=shape.scene,
        tile_columns=tile[1],
        tile_rows=tile[0],
        photometric=how.photometric,
        transfer_syntax_uid=how.transfer_syntax_uid,
        encapsulated=True,
        frame_lengths=lengths,
        frames=partial(_spooled, spool, numbers),
        derivation=derivation,
    )


def _spooled(spool: Spool, numbers: range, first: int = 0, stop: int | None = None) -> Iterator[bytes]:
    return spool.frames(numbers[first:stop])


def in_order(work: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Yield what `work` makes of each item, in their order, made by several threads a few items ahead."""
    with ThreadPoolExecutor(THREADS) as pool:
        ahead: deque[Any] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > 2 * THREADS:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()
