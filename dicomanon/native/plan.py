"""What a TIFF becomes: which bytes pass, what is written over them, what is destroyed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dicomanon.errors import SlideError
from dicomanon.native import heads
from dicomanon.native.copy import Patch, patches_in_order
from dicomanon.native.fields import LARGEST, Overwriting, overwrite_text, places_of
from dicomanon.native.icc import blank_profile
from dicomanon.native.pages import fates, is_alike, is_called_label
from dicomanon.native.placing import blank_page
from dicomanon.native.ranges import Ranges, data_ranges, ranges, together
from dicomanon.native.tiff import POINTERS, SUB_IFDS, TEXTS, Directory, Entry, Tiff, data_of, written
from dicomanon.sources import row_of
from dicomanon.sources._tiff_fields import STRUCTURE, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dicomanon.native.fields import Places
    from dicomanon.sources import Field

_OLD_JPEG = frozenset((512, 513, 514, 515, 519, 520, 521))
_JPEG_TABLES, _ICC = 347, 34675
_COMPRESSION = 259
_KINDS = {
    7: heads.JPEG,
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
    stays = [
        each for page in chain if fate[page.offset] == "stays" for each in (page, *_children(tiff, page))
    ]
    everything = [each for page in tiff.directories for each in (page, *page.children)]
    kept_offsets = {page.offset for page in stays}
    goes = [page for page in everything if page.offset not in kept_offsets]
    images = data_ranges(_data(tiff, stays), "tiles")
    gone = data_ranges(_data(tiff, goes), "labels")
    head = (0, tiff.layout.first + tiff.layout.pointer.size)
    work = _Work(tiff, places_of(fields), overwriting, [head], {})
    patches = [Patch(tiff.layout.first, tiff.layout.pointer.pack(chain[0].offset))]
    size = tiff.file.size
    ours: list[tuple[int, int]] = []
    for page, following in zip(chain, [*(page.offset for page in chain[1:]), 0], strict=True):
        children = _children(tiff, page)
        entries = _entries(work, page, with_children=bool(children))
        if page in blanked:
            entries, more, size = blank_page(tiff, page, entries, size)
            patches += more
            ours += [(patch.offset, patch.stop) for patch in more]
        patches.append(Patch(page.offset, written(tiff.layout, page, entries, following)))
        for child in children:
            entries = _entries(work, child, with_children=False)
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


def _children(tiff: Tiff, page: Directory) -> tuple[Directory, ...]:
    """Return the directories below a page where all of them are smaller copies of it, none otherwise."""
    below = page.children
    return (
        below if all(is_alike(tiff, each, page) and not is_called_label(tiff, each) for each in below) else ()
    )


def _data(tiff: Tiff, pages: Iterable[Directory]) -> Iterator[tuple[Any, Any, int]]:
    for page in pages:
        yield *data_of(tiff, page), _KINDS.get(int(tiff.number(page, _COMPRESSION, 1)), heads.NONE)


def _entries(work: _Work, page: Directory, *, with_children: bool) -> list[Entry]:
    """Return the entries that stay, values within them overwritten; note what lies outside of them."""
    if _OLD_JPEG & page.entries.keys():
        raise SlideError("an image is in the JPEG of TIFF before 1995, which is not supported in this format")
    work.structure.append((page.offset, page.offset + page.length))
    found = []
    for entry in page.entries.values():
        if entry.tag in POINTERS or (entry.tag == SUB_IFDS and not with_children):
            continue
        new = _new_value(work, entry)
        if entry.inline:
            raw = entry.raw if new is None else new
            high = entry.high if new is None else 0
            found.append(
                replace(entry, raw=raw[: entry.size].ljust(work.tiff.layout.inline, b"\0"), high=high)
            )
            continue
        found.append(entry)
        if new is None or any(new):
            # What is to be zeros is not kept at all.
            work.structure.append((entry.offset, entry.offset + entry.size))
        if new is not None and any(new):
            work.fields.patches.append(Patch(entry.offset, new))
    return found


def _new_value(work: _Work, entry: Entry) -> bytes | None:
    """Return what stands for a value, None where it stays; pages may share one."""
    key = (entry.tag, entry.offset, entry.size)
    if key not in work.values:
        known = entry.tag in STRUCTURE
        work.values[key] = _new_structure(work, entry) if known else _new_field(work, entry)
    return work.values[key]


def _new_structure(work: _Work, entry: Entry) -> bytes | None:
    if entry.kind not in TEXTS or (entry.inline and entry.kind in (1, 7)):
        return None
    if entry.tag not in (_JPEG_TABLES, _ICC) or entry.size > LARGEST:
        return b""
    raw = bytearray(work.tiff.file.read(entry.offset, entry.size))
    if entry.tag == _JPEG_TABLES:
        heads.jpeg_head(raw, 0, len(raw))
    else:
        blank_profile(raw)
    return bytes(raw)


def _new_field(work: _Work, entry: Entry) -> bytes | None:
    inside = work.places.within(entry.offset, entry.offset + max(entry.size, 1))
    place = name_of(entry.tag)
    if entry.kind not in TEXTS:
        row = row_of(work.fields.format, inside[0].place if inside else place)
        if row.native == "keep":
            return None
        if entry.inline and not any(entry.raw[: entry.size]):
            return None
        work.fields.count(place)
        return b""
    if entry.size > LARGEST:
        work.fields.count(place)
        return b""
    raw = work.tiff.file.read(entry.offset, entry.size)
    new = overwrite_text(work.fields, raw, entry.offset, inside, place)
    return None if new == raw else new
