"""Where each frame of a part lies, in the coordinates that the data set of its image tells (PS3.3 C.8.12.2.1)."""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from dicomanon.convert.text import decimal
from dicomanon.errors import SlideError
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element, pack_sequence
from dicomanon.sources import identifiers, inner, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.sources import SlideImage

_PER_FRAME, _FRAME_CONTENT, _INDEX_VALUES = 0x52009230, 0x00209111, 0x00209157
_PLANE_POSITION, _COLUMN, _ROW = 0x0048021A, 0x0048021E, 0x0048021F
_X, _Y, _Z = 0x0040072A, 0x0040073A, 0x0040074A
_OPTICAL_PATH, _PATH_IDENTIFIER, _PATHS = 0x00480207, 0x00480106, 0x00480105
_ORIGIN, _ORIENTATION = 0x00480008, 0x00480102
_SHARED, _MEASURES, _SPACING = 0x52009229, 0x00289110, 0x00280030
_NOWHERE = "the image does not say where it lies on the slide, which its parts have to: leave out --max-size"


def per_frame_groups(elements: Mapping[int, bytes], image: SlideImage) -> bytes:
    """Return Per-Frame Functional Groups Sequence of a part, encoded as Explicit VR Little Endian; raise SlideError."""
    paths = identifiers(elements.get(_PATHS), _PATH_IDENTIFIER)
    origin = (_numbers(inner(elements, _ORIGIN, _X), 1), _numbers(inner(elements, _ORIGIN, _Y), 1))
    depth = (_numbers(inner(elements, _ORIGIN, _Z), 1) or [0.0])[0]
    along = _numbers(elements.get(_ORIENTATION, b""), 6)
    spacing = _numbers(inner(elements, _SHARED, _MEASURES, _SPACING), 2)
    if not (all(origin) and along and spacing) or len(paths) < len(image.paths):
        raise SlideError(_NOWHERE)
    first = image.part.offset if image.part is not None else 0
    across = -(-image.columns // image.tile_columns)
    tiles = across * -(-image.rows // image.tile_rows)
    between = (image.plane_spacing or 0.0) * 1000
    items = []
    for number in range(first, first + len(image.frame_lengths)):
        stack, place = divmod(number, tiles)
        path, plane = divmod(stack, image.planes)
        row, column = divmod(place, across)
        top, left = row * image.tile_rows, column * image.tile_columns
        down, right = top * spacing[0], left * spacing[1]
        x, y = (origin[axis][0] + right * along[axis] + down * along[3 + axis] for axis in (0, 1))
        position = (
            _element(_X, b"DS", decimal(x).encode())
            + _element(_Y, b"DS", decimal(y).encode())
            + _element(_Z, b"DS", decimal(depth + plane * between).encode())
            + _element(_COLUMN, b"SL", pack("<i", left + 1))
            + _element(_ROW, b"SL", pack("<i", top + 1))
        )
        index = pack("<4I", row + 1, column + 1, plane + 1, path + 1)
        items.append(
            _sequence(_FRAME_CONTENT, _element(_INDEX_VALUES, b"UL", index))
            + _sequence(
                _OPTICAL_PATH, _element(_PATH_IDENTIFIER, b"SH", paths[path].encode("ascii", "replace"))
            )
            + _sequence(_PLANE_POSITION, position)
        )
    return pack_sequence(_PER_FRAME, items, EXPLICIT_LE)


def _numbers(element: bytes, count: int) -> list[float]:
    try:
        found = [float(each) for each in text_of(element).split("\\")]
    except ValueError:
        return []
    return found if len(found) == count and all(abs(each) < 1e9 for each in found) else []


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    return pack_element(tag, vr, value, EXPLICIT_LE)


def _sequence(tag: int, value: bytes) -> bytes:
    return pack_sequence(tag, [value], EXPLICIT_LE)
