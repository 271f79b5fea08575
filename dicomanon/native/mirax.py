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
from dicomanon.native.fields import Overwriting
from dicomanon.native.mirax_index import check_positions, read_index
from dicomanon.native.mirax_ini import overwrite_ini
from dicomanon.native.opened import check_opened, seen
from dicomanon.native.plan import Plan
from dicomanon.native.ranges import Ranges, data_ranges, ranges, together
from dicomanon.native.report import Done
from dicomanon.native.values import identifying_values
from dicomanon.native.writing import check_file, check_name, write_file
from dicomanon.part10.write import storage_errors
from dicomanon.sources._bytes import open_bytes
from dicomanon.sources._ini import ini_lines
from dicomanon.sources._mirax_index import VERSION
from dicomanon.sources._mirax_settings import POSITIONS, read_settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from dicomanon.native.mirax_index import Index
    from dicomanon.sources._bytes import FileBytes

SLIDEDAT = "Slidedat.ini"
_MAX_INI = 1 << 22
_LONGEST_IDENTIFIER = 64
_VERSION = re.compile(rb"\d\d\.\d\d")
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
        if slidedat.size > _MAX_INI:
            raise CorruptSlideError("Slidedat.ini is absurdly large")
        raw = slidedat.read(0, slidedat.size)
        settings = read_settings(ini_lines(raw))
        old = settings.identifier.encode()
        values = identifying_values("mirax", fields, (path.stem, settings.identifier), frozenset())
        check_name(target, path, values)
        work = Overwriting("mirax", values)
        if len(old) > _LONGEST_IDENTIFIER or len({*settings.files, settings.index}) <= len(settings.files):
            raise CorruptSlideError("the slide has no identifier, or a file twice")
        new = _identifier(old)
        parts = [opened(folder / name) for name in settings.files]
        index_file = opened(folder / settings.index)
        index = read_index(index_file, settings, _lists(raw))
        check_positions(parts, index, settings)
        plans = {
            SLIDEDAT: (slidedat, _plan_ini(overwrite_ini(work, raw, settings, new))),
            settings.index: (index_file, _plan_index(index_file, index, new)),
        }
        for number, (name, part) in enumerate(zip(settings.files, parts, strict=True)):
            plans[name] = (part, _plan_data(part, number, index, new))
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
        unlinked=sum(group not in POSITIONS for group, _ in settings.layers),
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


def _lists(raw: bytes) -> int:
    """Return how many lists of tiles the index has, one a level of each hierarchy, in sound settings."""
    counts = {line.key: line.value for line in ini_lines(raw) if line.section == "HIERARCHICAL"}
    return sum(int(counts[f"HIER_{group}_COUNT"]) for group in range(int(counts["HIER_COUNT"])))


def _plan_ini(new: bytes) -> Plan:
    return Plan(len(new), ranges([(0, len(new))]), patches_in_order([Patch(0, new)]), ranges(()))


def _plan_index(file: FileBytes, index: Index, new: bytes) -> Plan:
    """Return the plan of Index.dat: records that go have an empty page, as all that is not kept is zeros."""
    if not _VERSION.fullmatch(file.read(0, VERSION)):
        raise CorruptSlideError("the index does not begin as it should")
    patches = [Patch(VERSION, new), *(Patch(at, data) for at, data in index.patches)]
    return Plan(file.size, ranges(index.structure), patches_in_order(patches), ranges(()))


def _plan_data(file: FileBytes, number: int, index: Index, new: bytes) -> Plan:
    tiles = together(
        _pieces(file, index.tiles, number, heads.PICTURE), _pieces(file, index.positions, number, heads.NONE)
    )
    gone = _pieces(file, index.labels, number, heads.JPEG)
    together(tiles, gone)
    front = min([file.size, VERSION + len(new) + _NUMBER, *tiles.starts[:1].tolist()])
    header = file.read(0, front)
    tail = header[VERSION + len(new) :]
    version = header[:VERSION] if _VERSION.fullmatch(header[:VERSION]) else bytes(VERSION)
    own = tail.strip(b"\0 ")
    patch = version + new + (tail if own.isdigit() and int(own) == number else bytes(len(tail)))
    return Plan(file.size, together(ranges([(0, front)]), tiles), (Patch(0, patch[:front]),), gone)


def _pieces(file: FileBytes, pieces: Sequence[NDArray[Any]], number: int, kind: int) -> Ranges:
    import numpy as np  # heavy

    every = np.concatenate([np.empty((0, 3), np.int64), *pieces])
    own = every[every[:, 2] == number]
    if (own[:, 0] + own[:, 1] > file.size).any():
        raise CorruptSlideError("a tile lies beyond the end of the file")
    return data_ranges([(own[:, 0], own[:, 1], kind)], "tiles")


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
