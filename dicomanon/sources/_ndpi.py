"""The directories of an NDPI: a classic TIFF whose pointers between directories have 8 bytes, not 4.

Behind the pointer to the next directory is a word for each entry, the upper half of its offset.
"""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._bytes import open_bytes
from dicomanon.sources._tiff import DAMAGE, MAX_PAGES, TiffSlide

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._slide import SlideSource

_MCU_STARTS, _MCU_STARTS_HIGH = 65426, 65432
_ENTRY = struct.Struct("<HHII")
_INLINE = 4
_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4), 1))
"""Bytes of the TIFF field types."""
_UNITS = {2: 25.4, 3: 10.0}
"""Millimetres of the units of TIFF tag 296."""
_WIDEST = 1.0


def opened_ndpi(path: Path, source: Callable[[TiffSlide, Path], SlideSource]) -> SlideSource:
    """Open an NDPI and make a slide of it; whatever is wrong, nothing stays open, and the error is one of ours."""
    slide = _opened(path)
    try:
        return source(slide, path)
    except DAMAGE:
        slide.close()
        raise CorruptSlideError("the TIFF pages contradict themselves") from None
    except SlideError:
        slide.close()
        raise


def _opened(path: Path) -> TiffSlide:
    import tifffile  # heavy

    # The library logs what it stumbles over, values included.
    logging.getLogger("tifffile").disabled = True
    file = open_bytes(path)
    tiff = None
    try:
        offsets = tuple(_directories(file))
        tiff = tifffile.TiffFile(path, is_ndpi=True)
        return TiffSlide(file, tiff, _pages(tiff, offsets))
    except DAMAGE:
        _close(tiff, file)
        raise CorruptSlideError("the TIFF directories cannot be read") from None
    except CorruptSlideError:
        _close(tiff, file)
        raise


def _close(tiff: Any, file: FileBytes) -> None:
    if tiff is not None:
        tiff.close()
    file.close()


def _pages(tiff: Any, offsets: tuple[int, ...]) -> tuple[Any, ...]:
    pages = tuple(tiff.pages)
    if tuple(page.offset for page in pages) != offsets:
        raise CorruptSlideError("the TIFF directories cannot be read")
    return pages


def _directories(file: FileBytes) -> Iterator[int]:
    """Yield where directories are; raise CorruptSlideError where the chain, or a value, leaves the file."""
    (at,) = struct.unpack("<Q", file.read(4, 8))
    seen: set[int] = set()
    while at:
        if at in seen or len(seen) >= MAX_PAGES:
            raise CorruptSlideError("the chain of TIFF directories has no end")
        seen.add(at)
        yield at
        (entries,) = struct.unpack("<H", file.read(at, 2))
        table = file.read(at + 2, 16 * entries + 8)
        highs = struct.unpack_from(f"<{entries}I", table, 12 * entries + 8)
        for (_, kind, count, low), high in zip(_ENTRY.iter_unpack(table[: 12 * entries]), highs, strict=True):
            size = _SIZES.get(kind, 0) * count
            if size > _INLINE and (high << 32) + low + size > file.size:
                raise CorruptSlideError("a value of a TIFF directory lies beyond the end of the file")
        (at,) = struct.unpack_from("<Q", table, 12 * entries)
    if not seen:
        raise CorruptSlideError("there is no TIFF directory")


def number_of(page: Any, code: int) -> float | None:
    """Return the one number of a tag, None where it is not there; raise CorruptSlideError where it is none."""
    tag = page.tags.get(code)
    if tag is None:
        return None
    value = tag.value[0] if isinstance(tag.value, tuple) and len(tag.value) == 1 else tag.value
    if not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise CorruptSlideError("a number of a TIFF directory is none")
    return value


def mcu_starts(page: Any, offset: int) -> NDArray[Any] | None:
    """Return where the restart intervals of a page begin in the file, None where it does not say."""
    import numpy as np  # heavy

    tag = page.tags.get(_MCU_STARTS)
    if tag is None:
        return None
    starts: NDArray[Any] = np.atleast_1d(np.asarray(tag.value, np.uint64))
    high = page.tags.get(_MCU_STARTS_HIGH)
    if high is not None:
        starts = starts + (np.atleast_1d(np.asarray(high.value, np.uint64)) << np.uint64(32))
    if int(starts.max()) >= 1 << 62:
        raise CorruptSlideError("restart intervals are out of order")
    return starts.astype(np.int64) + offset


def strip_of(page: Any) -> tuple[int, int]:
    """Return offset and length of the data of a page; raise CorruptSlideError where there is not one strip."""
    offset, count = number_of(page, 273), number_of(page, 279)
    if offset is None or count is None or count <= 0:
        raise CorruptSlideError("a page has no data")
    return int(offset), int(count)


def resolution(page: Any) -> tuple[float, float] | None:
    """Return mm between rows and columns as the tags of a page say, None where they do not."""
    unit = _UNITS.get(int(number_of(page, 296) or 2))
    found = []
    for code in (283, 282):
        tag = page.tags.get(code)
        above, below = tag.value if tag is not None and isinstance(tag.value, tuple) else (0, 1)
        found.append(unit * below / above if unit and above and below else 0)
    return (found[0], found[1]) if all(0 < each < _WIDEST for each in found) else None
