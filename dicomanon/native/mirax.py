"""MRXS: a small file and a folder of the same name; labels and everything else that is no tile are destroyed."""

from __future__ import annotations

import re
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from dicomanon.errors import CorruptSlideError
from dicomanon.native import heads
from dicomanon.native.blank import blank_stream
from dicomanon.native.copy import Patch, patches_in_order
from dicomanon.native.fields import Overwriting, overwrite_text, places_of
from dicomanon.native.mirax_index import (
    MAX_INI,
    POSITIONS,
    VERSION,
    data_files,
    image_formats,
    layers,
    line_of,
    read_index,
    read_ini,
)
from dicomanon.native.opened import check_opened, seen
from dicomanon.native.plan import Plan
from dicomanon.native.ranges import Ranges, data_ranges, ranges, together
from dicomanon.native.report import Done
from dicomanon.native.values import identifying_values
from dicomanon.native.writing import check_file, check_name, write_file
from dicomanon.part10.write import storage_errors
from dicomanon.sources._bytes import open_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from dicomanon.native.mirax_index import Index, Ini, Layer, Piece
    from dicomanon.sources import Field
    from dicomanon.sources._bytes import FileBytes

SLIDEDAT = "Slidedat.ini"
_FORM = re.compile(
    r"[-+\d.,eE]*|JPEG|PNG|BMP(?:24)?|(?:Index|Data\d{4,6})\.dat|(?:ZoomLevel|FilterLevel|ExtFocusLevel)_\d+"
    r"|(?:NONHIER)?LAYER_\d+(?:_LEVEL_\d+)?_SECTION|Slide (?:zoom|filter) level|Microscope focus level|Scan data layer"
    r"|VIMSLIDE_POSITION_BUFFER|StitchingIntensityLayer|StitchingIntensityLevel|default|True|False"
)
"""What a line may say that the reader gives no field for, and stays: structure, not words."""
_NEEDED = frozenset(("VIMSLIDE_POSITION_DATA_FORMAT_VERSION",))
_SECTION_NAME = re.compile(r"(?:NON)?HIER_\d+_(?:VAL_\d+_)?SECTION")
"""Lines without which readers do not find where tiles lie, whatever their neighbours are to the catalogue."""
_LONGEST_IDENTIFIER = 64
_NUMBER = 4
_MOST_FRONT = 1 << 24
_JPEG = 7


def copy_mirax(path: Path, target: Path) -> tuple[Done, int]:
    """Write a copy of an MRXS, the folder beside it; return what was done, and the bytes of all files."""
    before, fields = seen(path)
    folder = path.with_suffix("")
    with ExitStack() as stack:

        def opened(file: Path) -> FileBytes:
            found = open_bytes(file)
            stack.callback(found.close)
            return found

        slidedat = opened(folder / SLIDEDAT)
        if slidedat.size > MAX_INI:
            raise CorruptSlideError("Slidedat.ini is absurdly large")
        raw = slidedat.read(0, slidedat.size)
        ini = read_ini(raw)
        identifier = line_of(ini, "GENERAL", "SLIDE_ID")
        old = raw[identifier.start : identifier.stop]
        values = identifying_values("mirax", fields, (path.stem, identifier.value), frozenset())
        check_name(target, path, values)
        work = Overwriting("mirax", values)
        if not 0 < len(old) <= _LONGEST_IDENTIFIER:
            raise CorruptSlideError("the slide has no identifier")
        new = _identifier(old)
        names = data_files(ini)
        index_name = line_of(ini, "HIERARCHICAL", "INDEXFILE").value
        files = {name: opened(folder / name) for name in (*names, index_name)}
        index = read_index(files[index_name], old, ini)
        known = layers(ini)
        plans = {
            SLIDEDAT: (slidedat, _plan_ini(raw, ini, fields, work, (identifier.start, new), known)),
            index_name: (files[index_name], _plan_index(files[index_name], index, new)),
        }
        kind = heads.JPEG if image_formats(ini) == {"JPEG"} else heads.NONE
        for number, name in enumerate(names):
            plans[name] = (files[name], _plan_data(files[name], number, index, new, kind))
        front = opened(path)
        place = target.with_suffix("")
        with storage_errors():
            place.mkdir(mode=0o700)
        segments = 0
        every = [(front, _plan_front(front), target)]
        every += [(file, plan, place / name) for name, (file, plan) in plans.items()]
        for file, plan, where in every:
            segments += write_file(file, plan, where)
            check_file(file, plan, where, values)
    check_opened(target, before, values)
    done = Done(
        renamed=2,
        unlinked=sum(layer.group not in POSITIONS for layer in known),
        blanked=1,
        destroyed=sum(plan.gone.total for _, plan, _ in every),
        segments=segments,
        cleared=sum(plan.size - plan.kept.total for _, plan, _ in every),
        fields=work.places,
    )
    return done, sum(plan.size for _, plan, _ in every)


def _identifier(old: bytes) -> bytes:
    """Return an identifier of the same layout that is nobody's."""
    digits = secrets.token_hex(len(old)).upper().encode()
    lower = old.islower()
    found = bytes(
        digit if bytes((byte,)).isalnum() else byte for digit, byte in zip(digits, old, strict=False)
    )
    return found.lower() if lower else found


def _plan_ini(
    raw: bytes,
    ini: Ini,
    fields: Iterable[Field],
    work: Overwriting,
    identifier: tuple[int, bytes],
    known: Sequence[Layer],
) -> Plan:
    name = next((each.file for each in fields if each.file.endswith(SLIDEDAT)), SLIDEDAT)
    places = places_of(fields, name)
    found = bytearray(overwrite_text(work, raw, 0, places.within(0, len(raw)), "Slidedat"))
    covered = {(each.offset, each.offset + each.length) for each in places.fields}
    for lines in ini.values():
        for key, line in lines.items():
            inside = any(start <= line.start and line.stop <= stop for start, stop in covered)
            if not inside and not _FORM.fullmatch(line.value):
                found[line.start : line.stop] = b"X" * (line.stop - line.start)
                work.count("Slidedat/*")
            if (key in _NEEDED or _SECTION_NAME.fullmatch(key)) and _FORM.fullmatch(line.value):
                found[line.start : line.stop] = raw[line.start : line.stop]
    for layer in known:
        if layer.group not in POSITIONS:
            found[layer.name.start : layer.name.stop] = b"X" * (layer.name.stop - layer.name.start)
    at, new = identifier
    found[at : at + len(new)] = new
    whole = ranges([(0, len(raw))])
    return Plan(len(raw), whole, patches_in_order([Patch(0, bytes(found))]), ranges(()))


def _plan_index(file: FileBytes, index: Index, new: bytes) -> Plan:
    """Return the plan of Index.dat: records that go have an empty page, as all that is not kept is zeros."""
    return Plan(file.size, ranges(index.structure), (Patch(VERSION, new),), ranges(()))


def _plan_data(file: FileBytes, number: int, index: Index, new: bytes, kind: int) -> Plan:
    tiles = together(
        _pieces(file, index.tiles, number, kind), _pieces(file, index.positions, number, heads.NONE)
    )
    gone = _pieces(file, index.labels, number, heads.JPEG)
    together(tiles, gone)
    front = min([file.size, VERSION + len(new) + _NUMBER, *tiles.starts[:1].tolist()])
    header = file.read(0, front)
    tail = header[VERSION + len(new) :]
    patch = header[:VERSION] + new + (tail if tail.strip(b"\0 ").isdigit() else bytes(len(tail)))
    return Plan(file.size, together(ranges([(0, front)]), tiles), (Patch(0, patch[:front]),), gone)


def _pieces(file: FileBytes, pieces: Iterable[Piece], number: int, kind: int) -> Ranges:
    import numpy as np  # heavy

    own = [piece for piece in pieces if piece.file == number]
    starts = np.array([piece.start for piece in own], np.int64)
    stops = np.array([piece.stop for piece in own], np.int64)
    if (stops > file.size).any():
        raise CorruptSlideError("a tile lies beyond the end of the file")
    return data_ranges([(starts, stops - starts, kind)], "tiles")


def _plan_front(file: FileBytes) -> Plan:
    """Return the plan of the file with the suffix: a picture that readers do not need becomes white."""
    nothing = ranges(())
    if not file.size:
        return Plan(0, nothing, (), nothing)
    if file.size > _MOST_FRONT:
        raise CorruptSlideError("the file of the slide is absurdly large")
    white = blank_stream(_JPEG, (16, 16, 3), photometric=6)
    patch = Patch(0, white if len(white) <= file.size else bytes(file.size))
    gone = data_ranges([_whole(file)], "preview")
    return Plan(file.size, nothing, (patch,), gone, ours=((0, patch.stop),))


def _whole(file: FileBytes) -> tuple[Any, Any, int]:
    import numpy as np  # heavy

    kind = heads.JPEG if file.read(0, min(2, file.size)) == b"\xff\xd8" else heads.NONE
    return np.zeros(1, np.int64), np.array([file.size], np.int64), kind
