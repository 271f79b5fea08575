"""Hamamatsu VMS and VMU: lines of text that name the files of a slide, JPEG cut as in NDPI, or NGR."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from dicomanon.errors import CorruptSlideError, SlideError
from dicomanon.sources._fields import Field, facts
from dicomanon.sources._pyramid import fingerprint, number
from dicomanon.sources._slide import SlideFormat, SlideMetadata, SlideSource
from dicomanon.sources.hamamatsu import MODEL, SMALL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from dicomanon.sources._bytes import FileBytes
    from dicomanon.sources._peek import Peek
    from dicomanon.sources._restart import Place, Stream
    from dicomanon.sources._restart_intervals import Intervals, Planes
    from dicomanon.sources._slide import Image, PixelImage

_SECTIONS = (b"[Virtual Microscope Specimen]", b"[Uncompressed Virtual Microscope Specimen]")
_KEYS = (b"NoLayers=", b"ImageFile=", b"MapFile=", b"MacroImage=")
_SUFFIXES = (".vms", ".vmu")
_BLANK = b"\xef\xbb\xbf \t\r\n"
_MAX_LINES = 1 << 20
_MAX_FILES = 4096
_IMAGE = re.compile(r"ImageFile(?:\((?:0,)?(\d{1,4}),(\d{1,4})\))?")
"""ImageFile alone is column 0 of row 0; in parentheses are column and row, with the plane before."""
_PLANE = re.compile(r"ImageFile\((\d+)(?:,\d+,\d+)?\)")
_NANOMETRES = 1e-6
_ASPECT = 0.05
_NGR_SIZE = 28


@dataclass(frozen=True, slots=True)
class _Open:
    """The files of a slide that are open, by name; the lines are that of the empty name."""

    path: Path
    files: dict[str, FileBytes]

    def companion(self, name: str) -> FileBytes:
        """Open a file beside the lines; raise CorruptSlideError where there is none, or the name leads elsewhere."""
        from dicomanon.sources._bytes import open_bytes  # heavy

        if name in self.files and name:
            return self.files[name]
        if not name or name in (".", "..") or any(each in name for each in "/\\:\0"):
            raise CorruptSlideError("the name of a file of the slide leads out of its folder")
        if not (self.path.parent / name).is_file():
            raise CorruptSlideError("a file of the slide is missing")
        self.files[name] = open_bytes(self.path.parent / name)
        return self.files[name]

    def close(self) -> None:
        """Close all files."""
        for file in self.files.values():
            file.close()


def _detect(peek: Peek) -> bool:
    if peek.is_tiff:
        return False
    front = peek.front.lstrip(_BLANK)
    return front.startswith(_SECTIONS) or (peek.suffix in _SUFFIXES and any(key in front for key in _KEYS))


def _open(path: Path) -> SlideSource:
    from dicomanon.sources._bytes import open_bytes  # heavy
    from dicomanon.sources._tiff import DAMAGE  # heavy

    opened = _Open(path, {"": open_bytes(path)})
    try:
        return _source(opened)
    except DAMAGE:
        opened.close()
        raise CorruptSlideError("the files of the slide contradict themselves") from None
    except SlideError:
        opened.close()
        raise


def _source(opened: _Open) -> SlideSource:
    lines = tuple(_lines(opened.files[""]))
    every = {field.place: field.value.strip() for field in reversed(lines)}
    if not (every.get("NoLayers") and any(place.startswith("ImageFile") for place in every)):
        raise CorruptSlideError("the slide does not say which files it has")
    if every["NoLayers"] != "1" or any(_PLANE.fullmatch(k) and not _IMAGE.fullmatch(k) for k in every):
        raise SlideError("focal planes in VMS are not supported")
    raw = opened.files[""].read(0, min(64, opened.files[""].size)).lstrip(_BLANK)
    streams: dict[str, Stream] = {}
    overview = _overview(opened, every, streams)
    close: Callable[[], None] = opened.close
    levels: tuple[Image, ...]
    if raw.startswith(_SECTIONS[1]):
        levels, close = _uncompressed(opened, every)
    else:
        levels = _jpegs(opened, every, streams)
    fields = (*lines, *_texts(streams))
    files = [opened.files[name] for name in sorted(opened.files)]
    return SlideSource(
        format=FORMAT.name,
        fingerprint=fingerprint(files[0], *(fingerprint(file) for file in files[1:])),
        metadata=_metadata(facts(FORMAT.name, fields), opened.path.stem),
        levels=levels,
        others=overview,
        close=close,
        fields=fields,
    )


def _lines(file: FileBytes) -> Iterator[Field]:
    from dicomanon.sources._tiff_fields import lines, text_of  # heavy

    if file.size > _MAX_LINES:
        raise CorruptSlideError("the lines of a slide are absurdly many")
    text = file.read(0, file.size)
    for place, start, stop in lines(text, ends=rb"[\r\n\0]+"):
        value = text[start:stop]
        if not value.lstrip(_BLANK).startswith(_SECTIONS):
            yield Field(place, text_of(value), start, stop - start)


def _texts(streams: Mapping[str, Stream]) -> Iterator[Field]:
    """Yield what the heads of JPEG files say in words."""
    from dicomanon.sources._restart_head import texts  # heavy
    from dicomanon.sources._tiff_fields import text_of  # heavy

    for name, stream in streams.items():
        for place, start, stop in texts(stream.head):
            yield Field(place, text_of(stream.head[start:stop]), start, stop - start, name)


def _jpegs(opened: _Open, said: Mapping[str, str], streams: dict[str, Stream]) -> tuple[Image, ...]:
    """Return the base level, and the map of it as a small level, in frames of one size where they can be."""
    from dicomanon.sources._restart import Place  # heavy
    from dicomanon.sources._restart_cut import cut_levels  # heavy

    grid = _grid(said)
    found = [[_stream(opened, name, streams) for name in row] for row in grid]
    columns = sum(each.coding.head.columns for each in found[0])
    rows = sum(row[0].coding.head.rows for row in found)
    for row in found:
        for own, above in zip(row, found[0], strict=True):
            size = (own.coding.head.columns, own.coding.head.rows)
            if not min(size) or size != (above.coding.head.columns, row[0].coding.head.rows):
                raise CorruptSlideError("the files of the slide do not fit each other")
    place = Place(flavor="VOLUME", columns=columns, rows=rows, spacing=_spacing(said, columns, rows))
    files = _intervals(found)
    small = _map(opened, said, place, streams)
    levels: list[tuple[Planes, Place]] = [([files] if files and _meets(found) else (), place)]
    if small is not None:
        alone = _intervals([[small[0]]])
        levels.append(([alone] if alone else (), small[1]))
    tile, images = cut_levels(levels)
    base = images[0] or _uncut(found, files, place, tile)
    if small is None:
        return (base,)
    return (base, images[1] or _one_frame(*small, tile))


def _intervals(found: Sequence[Sequence[Stream]]) -> list[list[Intervals]]:
    """Return the restart intervals of files beside each other, nothing where one of them cannot be cut."""
    from dicomanon.sources._restart_intervals import read_intervals  # heavy

    known = [
        [read_intervals(each, each.coding.head.columns, each.coding.head.rows, None) for each in row]
        for row in found
    ]
    cuttable = [[each for each in row if each is not None] for row in known]
    return cuttable if all(len(row) == len(found[0]) for row in cuttable) else []


def _uncut(
    found: Sequence[Sequence[Stream]],
    files: Sequence[Sequence[Intervals]],
    place: Place,
    tile: tuple[int, int] | None,
) -> Image:
    """Return the base level where it has no frames of its own: put together, or as one frame, or decoded."""
    from dicomanon.sources._restart_decoded import tiled  # heavy

    pieces = _pieces(files, place) if files else None
    if pieces is not None:
        return tiled(pieces, tile)
    first = found[0][0]
    alone = len(found) == len(found[0]) == 1
    if alone and (max(place.columns, place.rows) <= SMALL or not first.is_frame):
        return _one_frame(first, place, tile)
    if not all(each.is_frame for row in found for each in row):
        raise SlideError("files of the slide are JPEG of a kind that DICOM has no transfer syntax for")
    raise SlideError("a file of the slide has no restart markers that it could be cut at")


def _one_frame(stream: Stream, place: Place, tile: tuple[int, int] | None) -> Image:
    """Return a JPEG as one frame, decoded where DICOM has no transfer syntax for it; raise SlideError."""
    from dicomanon.sources._restart import whole  # heavy
    from dicomanon.sources._restart_decoded import decoded, tiled  # heavy

    return whole(stream, place) or tiled(decoded(stream, place), tile)


def _pieces(grid: Sequence[Sequence[Intervals]], place: Place) -> PixelImage | None:
    """Return files as pieces of a picture, None where one cannot be cut, or is of another kind than the others."""
    from dicomanon.sources._mosaic import Piece, mosaic  # heavy
    from dicomanon.sources._restart_cut import cut  # heavy
    from dicomanon.sources._restart_tile import shared_tile  # heavy

    pieces = []
    top = 0
    for row in grid:
        left = 0
        for each in row:
            size = each.stream.coding.head
            own = replace(place, columns=size.columns, rows=size.rows)
            image = cut([[[each]]], own, shared_tile([[[[each]]]], (own.rows, own.columns)))
            if image is None or each.stream.coding.colour != grid[0][0].stream.coding.colour:
                return None
            pieces.append(Piece(image, left, top))
            left += size.columns
        top += row[0].stream.coding.head.rows
    return mosaic(pieces, place, "its files do not meet at edges of frames")


def _meets(found: Sequence[Sequence[Stream]]) -> bool:
    """Whether files but for the last of a row, or column, end on whole intervals and rows of blocks."""
    across = all(
        each.coding.head.columns % (each.coding.mcu_columns * each.coding.head.restart_interval) == 0
        for row in found
        for each in row[:-1]
    )
    return across and all(row[0].coding.head.rows % row[0].coding.mcu_rows == 0 for row in found[:-1])


def _grid(said: Mapping[str, str]) -> list[list[str]]:
    """Return the names of image files, rows of columns; raise CorruptSlideError where one is not named."""
    named: dict[tuple[int, int], str] = {}
    for key, value in said.items():
        match = _IMAGE.fullmatch(key)
        if match:
            named.setdefault((int(match[1] or 0), int(match[2] or 0)), value)
    columns, rows = (int(number(said.get(f"NoJpeg{each}", "1")) or 0) for each in ("Columns", "Rows"))
    if not 0 < columns * rows <= _MAX_FILES or len(named) != columns * rows:
        raise CorruptSlideError("the slide does not name as many files as it says to have")
    try:
        return [[named[column, row] for column in range(columns)] for row in range(rows)]
    except KeyError:
        raise CorruptSlideError("the slide does not name all its files") from None


def _stream(opened: _Open, name: str, streams: dict[str, Stream]) -> Stream:
    from dicomanon.sources._restart import read_stream  # heavy

    file = opened.companion(name)
    streams[name] = read_stream(file, 0, file.size)
    return streams[name]


def _map(
    opened: _Open, said: Mapping[str, str], base: Place, streams: dict[str, Stream]
) -> tuple[Stream, Place] | None:
    """Return the map, a small picture of the whole base, where it has the shape of it."""
    if not said.get("MapFile"):
        return None
    stream = _stream(opened, said["MapFile"], streams)
    size = (stream.coding.head.columns, stream.coding.head.rows)
    if not min(size):
        raise CorruptSlideError("an image has no size, or an absurd one")
    alike = size[0] * base.rows / (size[1] * base.columns)
    if abs(alike - 1) > _ASPECT or size[0] >= base.columns:
        return None
    place = replace(base, columns=size[0], rows=size[1], spacing=_spacing(said, *size), resampled=True)
    return stream, place


def _overview(opened: _Open, said: Mapping[str, str], streams: dict[str, Stream]) -> tuple[Image, ...]:
    """Return the macro, which shows the label."""
    from dicomanon.sources._restart import Place  # heavy

    if not said.get("MacroImage"):
        return ()
    stream = _stream(opened, said["MacroImage"], streams)
    size = (stream.coding.head.columns, stream.coding.head.rows)
    if not min(size):
        raise CorruptSlideError("an image has no size, or an absurd one")
    spacing = _spacing(said, *size, "Macro")
    place = Place(flavor="OVERVIEW", columns=size[0], rows=size[1], spacing=spacing)
    return (_one_frame(stream, place, size[::-1]),)


def _uncompressed(opened: _Open, said: Mapping[str, str]) -> tuple[tuple[Image, ...], Callable[[], None]]:
    """Return the levels of a VMU, which OpenSlide reads, and what closes them; samples keep 8 of their 12 bits."""
    if find_spec("openslide") is None:
        raise SlideError("VMU needs openslide: pip install 'dicomanon[slides]'")
    from dicomanon.sources._openslide import level_pixels, open_with  # heavy

    if said.get("NoJpegColumns", "1") != "1" or said.get("NoJpegRows", "1") != "1":
        raise SlideError("a VMU of several files is not supported")
    for key in ("ImageFile", "MapFile"):
        _check_ngr(opened.companion(said.get(key, "")))
    slide = open_with(opened.path, "hamamatsu")

    def close() -> None:
        slide.close()
        opened.close()

    levels = level_pixels(slide, 1, "its samples have 12 bits")
    return tuple(replace(each, losses=()) for each in levels), close


def _check_ngr(file: FileBytes) -> None:
    """Raise CorruptSlideError unless a file is an NGR that holds the samples it speaks of."""
    head = file.read(0, min(_NGR_SIZE, file.size))
    columns, rows, strip, start = (int.from_bytes(head[at : at + 4], "little") for at in (4, 8, 12, 24))
    if not head.startswith(b"GN") or len(head) < _NGR_SIZE or start < _NGR_SIZE:
        raise CorruptSlideError("a file of the slide is not of the kind that it should be")
    if not columns * rows * strip or columns % strip or start + columns * rows * 6 > file.size:
        raise CorruptSlideError("a file of the slide is cut short, or has an absurd size")


def _spacing(said: Mapping[str, str], columns: int, rows: int, what: str = "") -> tuple[float, float] | None:
    """Return mm between rows and columns, from nanometres of the whole, None where they are not given."""
    found = []
    for key, count in ((f"Physical{what}Height", rows), (f"Physical{what}Width", columns)):
        try:
            found.append(float(said.get(key, "0")) * _NANOMETRES / count)
        except ValueError:
            return None
    return (found[0], found[1]) if all(0 < each < 1 for each in found) else None


def _metadata(said: Mapping[str, str], stem: str) -> SlideMetadata:
    model = said.get("Product", "")
    return SlideMetadata(
        manufacturer="Hamamatsu",
        model=model if MODEL.fullmatch(model) else "",
        serial=said.get("NDP.S/N", ""),
        objective_power=number(said.get("SourceLens", "")),
        barcode=said.get("Barcode", ""),
        label_text=said.get("Reference", ""),
        name=stem,
    )


FORMAT = SlideFormat(
    name="hamamatsu_vms",
    title="Hamamatsu VMS and VMU",
    suffixes=_SUFFIXES,
    detect=_detect,
    open=_open,
    lossless="VMS: files in JPEG, cut at their restart markers",
    encoded="VMS of files that do not meet at edges of frames, or are progressive; VMU (OpenSlide)",
)
