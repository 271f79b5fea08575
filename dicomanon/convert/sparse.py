"""Where each frame lies, said frame by frame: for the parts of a concatenation, whose frames are not all of the image.

PS3.3 C.7.6.17.3 has TILED_FULL for images that are whole; encoded by hand, since a slide has 100,000 tiles.
"""

from __future__ import annotations

from struct import pack
from typing import TYPE_CHECKING

from dicomanon.convert.items import item
from dicomanon.convert.text import decimal
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element, pack_sequence

if TYPE_CHECKING:
    from dicomanon.convert.dataset import Dataset
    from dicomanon.sources import SlideImage

_PER_FRAME = 0x52009230
_FRAME_CONTENT, _INDEX_VALUES = 0x00209111, 0x00209157
_PLANE_POSITION = 0x0048021A
_X, _Y, _Z, _COLUMN, _ROW = 0x0040072A, 0x0040073A, 0x0040074A, 0x0048021E, 0x0048021F
_OPTICAL_PATH, _PATH_IDENTIFIER = 0x00480207, 0x00480106


def dimension_index(organization: str) -> list[Dataset]:
    """Return the items of Dimension Index Sequence: row, column, focal plane, optical path."""
    pointers = (
        (_ROW, _PLANE_POSITION),
        (_COLUMN, _PLANE_POSITION),
        (_Z, _PLANE_POSITION),
        (_PATH_IDENTIFIER, _OPTICAL_PATH),
    )
    return [
        item(DimensionOrganizationUID=organization, DimensionIndexPointer=tag, FunctionalGroupPointer=group)
        for tag, group in pointers
    ]


def per_frame_groups(image: SlideImage, spacing: tuple[float, float], between: float) -> bytes:
    """Return Per-Frame Functional Groups Sequence of a part, encoded as Explicit VR Little Endian."""
    part = image.part
    first = part.offset if part is not None else 0
    across = -(-image.columns // image.tile_columns)
    tiles = across * -(-image.rows // image.tile_rows)
    items = []
    for number in range(first, first + len(image.frame_lengths)):
        stack, place = divmod(number, tiles)
        path, plane = divmod(stack, image.planes)
        row, column = divmod(place, across)
        items.append(_frame(image, spacing, between, (row, column, plane, path)))
    return pack_sequence(_PER_FRAME, items, EXPLICIT_LE)


def _frame(
    image: SlideImage, spacing: tuple[float, float], between: float, place: tuple[int, int, int, int]
) -> bytes:
    row, column, plane, path = place
    top, left = row * image.tile_rows, column * image.tile_columns
    position = (
        # The image lies on the slide with its columns going up and its rows going left (PS3.3 C.8.12.2.1).
        _element(_X, b"DS", decimal(-top * spacing[0]).encode())
        + _element(_Y, b"DS", decimal(-left * spacing[1]).encode())
        + _element(_Z, b"DS", decimal(plane * between * 1000).encode())
        + _element(_COLUMN, b"SL", pack("<i", left + 1))
        + _element(_ROW, b"SL", pack("<i", top + 1))
    )
    index = pack("<4I", row + 1, column + 1, plane + 1, path + 1)
    return (
        _sequence(_FRAME_CONTENT, _element(_INDEX_VALUES, b"UL", index))
        + _sequence(_OPTICAL_PATH, _element(_PATH_IDENTIFIER, b"SH", str(path + 1).encode()))
        + _sequence(_PLANE_POSITION, position)
    )


def _element(tag: int, vr: bytes, value: bytes) -> bytes:
    return pack_element(tag, vr, value, EXPLICIT_LE)


def _sequence(tag: int, value: bytes) -> bytes:
    return pack_sequence(tag, [value], EXPLICIT_LE)
