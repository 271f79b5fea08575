"""Pictures made anew: a blank one, an overview without its label, a research label in place of the old one."""

from __future__ import annotations

from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING

from dicomanon.errors import PixelsError
from dicomanon.part10.body import copy_body
from dicomanon.part10.encoding import pack_sequence
from dicomanon.part10.readers import ChunkReader
from dicomanon.pixels.box import Box, Found, distinct
from dicomanon.pixels.clean import cover
from dicomanon.pixels.codecs import JPEG, decode, encode
from dicomanon.pixels.colour import fill_of, from_rgb, shown
from dicomanon.pixels.find import find_on_glass
from dicomanon.pixels.find.again import find_again
from dicomanon.pixels.frames import index_frames, read_frames
from dicomanon.pixels.header import packed_number
from dicomanon.pixels.jpeg_quality import encode_as
from dicomanon.pixels.layout import PER_FRAME, TOTAL_COLUMNS, TOTAL_ROWS
from dicomanon.pixels.picture import COLUMNS, ROWS
from dicomanon.pixels.splice import value_of
from dicomanon.pixels.work import CLEANED, Treated, changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dicomanon.part10.instance import Instance
    from dicomanon.pixels.codecs import Samples
    from dicomanon.pixels.report import Image
    from dicomanon.pixels.work import Work

LARGEST = 200 << 20
"""Samples of a picture that is decoded as a whole."""
_WIDTH, _HEIGHT = 0x00480001, 0x00480002
_ORIGIN = 0x00480008


class _Nowhere:
    """Takes bytes that nobody needs; what walked them has checked them."""

    def write(self, data: object, /) -> None:
        """Forget."""


def blank(work: Work) -> Treated:
    """Make every frame white: the instance stays in its series, its picture does not."""
    picture = work.picture
    _check_size(work)
    import numpy as np  # heavy

    index_frames(work.reopen(), picture)
    trailer = copy_body(work.reopen(), _Nowhere())
    kind = np.uint8 if picture.bits_allocated == 8 else np.uint16
    samples = np.empty((picture.rows, picture.columns, picture.samples), kind)
    samples[:] = fill_of(picture, "white")
    frame = encode(samples, picture)
    instance = changed(work.instance, {}, derived=True)
    body = ChunkReader(_body(work, repeat(frame, picture.frames), trailer))
    if work.report.wants_looks:
        work.report.look(_first_frame(work), shown(samples, picture))
    work.report.done = "blanked"
    return Treated(_with_body(instance, work, body, frame), claims=(CLEANED,))


def _first_frame(work: Work) -> Image:
    index = index_frames(work.reopen(), work.picture)
    _, frame = next(read_frames(work.reopen().body, index, work.picture, (0,)))
    return shown(decode(frame, work.picture), work.picture)


def _check_size(work: Work) -> None:
    picture = work.picture
    if picture.rows * picture.columns * picture.samples > LARGEST:
        raise PixelsError(f"{work.judged.why}: the picture is larger than the limit")


def _body(work: Work, frames: Iterator[bytes] | repeat[bytes], trailer: bytes) -> Iterator[bytes]:
    encapsulated = work.picture.encapsulated
    yield from value_of(frames, encapsulated=encapsulated, with_table=encapsulated)
    if trailer:
        yield trailer


def _with_body(instance: Instance, work: Work, body: ChunkReader, frame: bytes) -> Instance:
    """Return an instance with a new body, and the length of native pixels that it has."""
    pixels = instance.pixels
    if pixels is not None and not work.picture.encapsulated:
        size = len(frame) * work.picture.frames
        pixels = replace(pixels, length=size + (size & 1))
    return replace(instance, body=body, pixels=pixels)


def _one_picture(work: Work, what: str) -> tuple[Samples, bytes]:
    """Return the samples and the bytes of the only frame."""
    if work.picture.frames != 1 or work.layout.tiled:
        raise PixelsError(f"{work.judged.why}: a picture of several frames cannot be {what}")
    _check_size(work)
    index = index_frames(work.reopen(), work.picture)
    _, frame = next(read_frames(work.reopen().body, index, work.picture, (0,)))
    return decode(frame, work.picture), frame


def crop(work: Work) -> Treated:
    """Cut the label off an overview, and cover what is written or drawn on the rest.

    Raises PixelsError where the label is not found for sure.
    """
    samples, frame = _one_picture(work, "cropped")
    image = shown(samples, work.picture)
    seen = find_on_glass(image)
    label = next((each for each in seen if each.kind == "label"), None)
    if label is None:
        raise PixelsError(f"{work.judged.why}: where the label is was not found")
    rest = _rest(label.box, work)
    work.report.found = (
        label,
        *(each for each in seen if each is not label and not label.box.holds(each.box)),
    )
    cropped = samples[rest.top : rest.bottom, rest.left : rest.right].copy()
    view = image[rest.top : rest.bottom, rest.left : rest.right].copy()
    boxes = distinct(each.box.within(rest.width, rest.height) for each in find_again(view, _find_rest))
    cover(view, boxes, work.fill)
    for box in boxes:
        cropped[box.top : box.bottom, box.left : box.right] = fill_of(work.picture, work.fill)
    picture = replace(work.picture, columns=rest.width, rows=rest.height)
    encoded = (
        encode_as(frame, cropped, picture)
        if picture.transfer_syntax_uid in JPEG
        else encode(cropped, picture)
    )
    trailer = copy_body(work.reopen(), _Nowhere())
    instance = changed(work.instance, _geometry(work, rest), derived=True)
    body = ChunkReader(_body(work, iter((encoded,)), trailer))
    work.report.look(image, view)
    work.report.done = "cropped"
    return Treated(_with_body(instance, work, body, encoded), claims=(CLEANED,))


def _find_rest(image: Image) -> tuple[Found, ...]:
    """Return what is found in an overview whose label is gone: what looks like another one is an edge of the glass."""
    return tuple(each for each in find_on_glass(image) if each.kind != "label")


def _rest(label: Box, work: Work) -> Box:
    """Return what of the picture is not the label."""
    columns, rows = work.picture.columns, work.picture.rows
    if label.height == rows:
        return Box(label.right, 0, columns, rows) if label.left == 0 else Box(0, 0, label.left, rows)
    return Box(0, label.bottom, columns, rows) if label.top == 0 else Box(0, 0, columns, label.top)


def _geometry(work: Work, rest: Box) -> Mapping[int, tuple[bytes, bytes] | None]:
    """Return the attributes that tell size and place of a picture for the part of it that stays."""
    header, encoding = work.header, work.header.encoding
    if PER_FRAME in header:
        raise PixelsError(
            f"{work.judged.why}: a picture that tells the place of each frame cannot be cropped"
        )
    values: dict[int, tuple[bytes, bytes] | None] = {
        ROWS: (b"US", packed_number(rest.height, encoding)),
        COLUMNS: (b"US", packed_number(rest.width, encoding)),
    }
    for tag, size in ((TOTAL_COLUMNS, rest.width), (TOTAL_ROWS, rest.height)):
        if tag in header:
            values[tag] = (b"UL", size.to_bytes(4, header.order))
    values |= _volume(work, rest)
    moved = _moved_origin(work, rest)
    if moved is not None:
        values[_ORIGIN] = (b"SQ", moved)
    return values


def _volume(work: Work, rest: Box) -> dict[int, tuple[bytes, bytes] | None]:
    from struct import Struct

    code = Struct(work.header.encoding.order + "f")
    found: dict[int, tuple[bytes, bytes] | None] = {}
    for tag, new, old in (
        (_WIDTH, rest.width, work.picture.columns),
        (_HEIGHT, rest.height, work.picture.rows),
    ):
        raw = work.header.raw(tag)
        if len(raw) == code.size:
            found[tag] = (b"FL", code.pack(code.unpack(raw)[0] * new / old))
    return found


def _moved_origin(work: Work, rest: Box) -> bytes | None:
    """Return Total Pixel Matrix Origin Sequence for a picture whose first pixel is another one now."""
    from dicomanon.part10.encoding import pack_element

    plane = work.plane
    if plane is None:
        return None
    x, y = plane.slide(rest.left, rest.top)
    encoding = work.header.encoding
    item = b"".join(
        pack_element(tag, b"DS", f"{value:.9g}".encode(), encoding)
        for tag, value in ((0x0040072A, x), (0x0040073A, y))
    )
    return pack_sequence(_ORIGIN, [item], encoding)[12 if encoding.explicit else 8 :]


def replaced(work: Work, draw: Callable[[int, int, bytes], Image]) -> Treated:
    """Put a research label in the place of a label; `draw` makes it from columns, rows and the new header."""
    samples, frame = _one_picture(work, "replaced")
    trailer = copy_body(work.reopen(), _Nowhere())
    instance = changed(work.instance, {}, derived=True)
    before = shown(samples, work.picture)

    def finish(header: bytes) -> Instance:
        image = draw(work.picture.columns, work.picture.rows, header)
        encoded = encode(from_rgb(image, work.picture), work.picture)
        work.report.look(before, image)
        return _with_body(instance, work, ChunkReader(_body(work, iter((encoded,)), trailer)), encoded)

    empty = _with_body(instance, work, ChunkReader(()), frame)
    size = work.picture.frame_size
    if not work.picture.encapsulated and empty.pixels is not None:
        empty = replace(empty, pixels=replace(empty.pixels, length=size + (size & 1)))
    work.report.found = (Found("label", Box(0, 0, work.picture.columns, work.picture.rows), 1.0),)
    work.report.done = "replaced"
    return Treated(empty, claims=(CLEANED,), finish=finish)
