"""What a TIFF becomes: which bytes pass, what is written over them, what is destroyed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dicomanon.errors import SlideError
from dicomanon.native import heads
from dicomanon.native.copy import Patch, patches_in_order
from dicomanon.native.fields import LARGEST, Overwriting, is_known, overwrite_text, places_of
from dicomanon.native.icc import blank_profile
from dicomanon.native.jpeg_segments import check_codes, read_head
from dicomanon.native.meanings import COMPRESSIONS, checked, tile_size, unpacked_sizes
from dicomanon.native.pages import children_that_stay, fates
from dicomanon.native.placing import blank_page
from dicomanon.native.ranges import Ranges, data_ranges, ranges, together
from dicomanon.native.tiff import (
    POINTER_KINDS,
    SUB_IFDS,
    TEXTS,
    Directory,
    Entry,
    Tiff,
    data_of,
    descendants,
    written,
)
from dicomanon.sources import row_of
from dicomanon.sources._tiff_fields import STRUCTURE, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dicomanon.native.fields import Places
    from dicomanon.sources import Field

_OLD_JPEG = frozenset((512, 513, 514, 515, 519, 520, 521))
_JPEG_TABLES, _ICC = 347, 34675
_BITS, _COMPRESSION = 258, 259
_SIZED = frozenset((heads.LZW, heads.DEFLATE, heads.PACKBITS))
LINKS = frozenset((273, 279, 324, 325))
"""Offsets and lengths of tiles; in an NDPI they have upper halves behind the directory."""
_KINDS = {
    5: heads.LZW,
    7: heads.JPEG,
    **dict.fromkeys((8, 32946), heads.DEFLATE),
    32773: heads.PACKBITS,
    **dict.fromkeys((33003, 33004, 33005, 34712), heads.JPEG_2000),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What one file becomes.

    `gone` are the data of images that are destroyed, `pictures` those in base64; `unlinked` and `blanked` are how
    many images, `levels` how many pages of tissue stay in the chain.
    """

    size: int
    kept: Ranges
    patches: tuple[Patch, ...]
    gone: Ranges
    pictures: tuple[tuple[int, int], ...] = ()
    unlinked: int = 0
    blanked: int = 0
    levels: int = 0
    ours: tuple[tuple[int, int], ...] = ()
    """(start, stop) of white pictures in the copy."""


@dataclass(slots=True)
class _Work:
    """What is being put together for one TIFF."""

    tiff: Tiff
    places: Places
    fields: Overwriting
    structure: list[tuple[int, int]]
    values: dict[tuple[int, int, int], bytes | None]


def plan_tiff(tiff: Tiff, fields: Iterable[Field], overwriting: Overwriting) -> Plan:
    """Return what a TIFF becomes; raise CorruptSlideError, SlideError where anything is in doubt."""
    fate = dict(zip((page.offset for page in tiff.directories), fates(overwriting.format, tiff), strict=True))
    chain = [page for page in tiff.directories if fate[page.offset] != "unlinked"]
    blanked = [page for page in chain if fate[page.offset] == "blanked"]
    below = {
        page.offset: children_that_stay(overwriting.format, tiff, page)
        if fate[page.offset] == "stays"
        else ()
        for page in chain
    }
    stays = [each for page in chain if fate[page.offset] == "stays" for each in (page, *below[page.offset])]
    everything = [each for page in tiff.directories for each in (page, *descendants(page))]
    kept_offsets = {page.offset for page in stays}
    goes = [page for page in everything if page.offset not in kept_offsets]
    images = data_ranges(_data(tiff, stays, stays=True), "tiles")
    gone = data_ranges(_data(tiff, goes, stays=False), "labels")
    head = (0, tiff.layout.first + tiff.layout.pointer.size)
    work = _Work(tiff, places_of(fields), overwriting, [head], {})
    patches = [Patch(tiff.layout.first, tiff.layout.pointer.pack(chain[0].offset))]
    size = tiff.file.size
    ours: list[tuple[int, int]] = []
    for page, following in zip(chain, [*(page.offset for page in chain[1:]), 0], strict=True):
        children = below[page.offset]
        entries = _entries(work, page, children, blanked=page in blanked)
        if page in blanked:
            entries, more, size = blank_page(tiff, page, entries, size)
            patches += more
            ours += [(patch.offset, patch.stop) for patch in more]
        patches.append(Patch(page.offset, written(tiff.layout, page, entries, following)))
        for child in children:
            entries = _entries(work, child, ())
            patches.append(Patch(child.offset, written(tiff.layout, child, entries, 0)))
    kept = together(ranges(work.structure), images)
    together(kept, gone)
    return Plan(
        size,
        kept,
        patches_in_order([*patches, *overwriting.patches]),
        gone,
        tuple(overwriting.pictures),
        len(goes) - len(blanked),
        len(blanked),
        sum(fate[page.offset] == "stays" for page in chain),
        (*ours, *((start, start + length) for start, length in overwriting.pictures)),
    )


def _data(tiff: Tiff, pages: Iterable[Directory], *, stays: bool) -> Iterator[tuple[Any, Any, Any]]:
    for page in pages:
        compression = int(tiff.number(page, _COMPRESSION, 1))
        if stays and compression not in COMPRESSIONS:
            raise SlideError("tiles are in a compression that is not looked into in this format")
        if not stays and not LINKS & page.entries.keys():
            continue
        offsets, counts = data_of(tiff, page)
        kind: Any = _KINDS.get(compression, heads.NONE)
        if stays:
            sizes = unpacked_sizes(tiff, page)
            if kind == heads.NONE:
                counts = counts.clip(max=sizes)
            elif kind in _SIZED:
                kind = kind + heads.KINDS * sizes
            elif not tiff.layout.ndpi:
                # The JPEG of an NDPI may be larger than a JPEG can say.
                kind = heads.sized(kind, *tile_size(tiff, page))
        yield offsets, counts, kind


def _entries(
    work: _Work, page: Directory, children: Sequence[Directory], *, blanked: bool = False
) -> list[Entry]:
    """Return the entries that stay, values within them overwritten; note what lies outside of them.

    Of a page that is blanked somebody else says where its tiles are.
    """
    if _OLD_JPEG & page.entries.keys():
        raise SlideError("an image is in the JPEG of TIFF before 1995, which is not supported in this format")
    work.structure.append((page.offset, page.offset + page.length))
    found = []
    for entry in page.entries.values():
        if blanked and entry.tag in LINKS:
            found.append(entry)
            continue
        new = _new_value(work, page, entry, children)
        if new is None:
            continue
        if entry.inline:
            raw = new[: entry.size].ljust(work.tiff.layout.inline, b"\0")
            found.append(replace(entry, raw=raw, high=entry.high if entry.tag in LINKS else 0))
            continue
        found.append(entry)
        # What is to be zeros is not kept at all.
        if any(new):
            work.structure.append((entry.offset, entry.offset + entry.size))
            work.fields.patches.append(Patch(entry.offset, new))
    return found


def _new_value(work: _Work, page: Directory, entry: Entry, children: Sequence[Directory]) -> bytes | None:
    """Return what stands for a value, None where the tag goes with it."""
    if entry.tag == SUB_IFDS:
        return work.tiff.value(page, SUB_IFDS) if children and entry.kind in POINTER_KINDS else None
    if entry.tag in (_JPEG_TABLES, _ICC):
        return _new_blob(work, page, entry)
    name = work.fields.format
    if entry.tag in STRUCTURE:
        return checked(work.tiff, page, entry, name)
    if not is_known(name, name_of(entry.tag)):
        if any(work.tiff.value(page, entry.tag)):
            work.fields.count(name_of(entry.tag))
        return None
    key = (entry.tag, entry.offset, entry.size)
    if key not in work.values:
        work.values[key] = _new_field(work, page, entry)
    return work.values[key]


def _new_blob(work: _Work, page: Directory, entry: Entry) -> bytes | None:
    if entry.kind not in TEXTS or entry.inline or entry.size > LARGEST:
        return None
    raw = bytearray(work.tiff.value(page, entry.tag))
    if entry.tag == _ICC:
        blank_profile(raw)
    elif raw.startswith(b"\xff\xd8"):
        heads.jpeg_tables(raw)
        if work.tiff.number(page, _BITS, 8) == 8:
            check_codes(raw, read_head(raw, 0, len(raw)))
    else:
        return None
    return bytes(raw)


def _new_field(work: _Work, page: Directory, entry: Entry) -> bytes | None:
    inside = work.places.within(entry.offset, entry.offset + max(entry.size, 1))
    place = name_of(entry.tag)
    if entry.kind not in TEXTS:
        # Text as numbers is text: what stays is checked as a number, whatever the tag is called.
        keeps = row_of(work.fields.format, place).native == "keep"
        found = checked(work.tiff, page, entry, work.fields.format) if keeps else None
        if found is None and any(work.tiff.value(page, entry.tag)):
            work.fields.count(place)
        return bytes(entry.size) if found is None else found
    if entry.size > LARGEST:
        work.fields.count(place)
        return bytes(entry.size)
    raw = work.tiff.file.read(entry.offset, entry.size)
    return overwrite_text(work.fields, raw, entry.offset, inside, place)
