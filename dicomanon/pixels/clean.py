"""Find and redact, or find and refuse: only the frames that a box touches are encoded again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dicomanon.errors import PixelsError
from dicomanon.part10.offsets import EXTENDED_LENGTHS, EXTENDED_OFFSETS
from dicomanon.part10.readers import ChunkReader
from dicomanon.pixels.box import Box, Found, distinct
from dicomanon.pixels.find import find, find_in_tissue, find_on_glass, find_on_label
from dicomanon.pixels.find.again import LOOKS, find_again
from dicomanon.pixels.frames import index_frames, read_frames
from dicomanon.pixels.header import with_values
from dicomanon.pixels.level import Part, enlarged, pictures, sees_all, shrinking, whole_of
from dicomanon.pixels.places import owner_of
from dicomanon.pixels.redact import redact_frame
from dicomanon.pixels.splice import new_end, new_lengths, new_offsets, packed, spliced
from dicomanon.pixels.verdict import SPECIMEN_LABEL_IN_IMAGE
from dicomanon.pixels.work import BURNED_IN, CLEANED, ICON, Treated, changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.pixels.frames import FrameIndex
    from dicomanon.pixels.report import Image
    from dicomanon.pixels.work import Work

MOST_CHANGED = 1 << 30
"""Bytes of frames that were encoded again and are held until they are written."""
_LOOKS = {
    "LABEL": find_on_label,
    "OVERVIEW": find_on_glass,
    "VOLUME": find_in_tissue,
    "THUMBNAIL": find_in_tissue,
}
TISSUE = ("VOLUME", "THUMBNAIL")
"""Flavours that show the slide, and each other's contents."""
SHOWN = 256
"""Frames of a level that are decoded for a review alone."""
SOP_INSTANCE = 0x00080018
_PLAIN = 16.0
"""Levels of colour that a picture may spread over and still be empty."""


def gate(work: Work) -> Treated:
    """Let an instance through as it is, or raise PixelsError where something is found in it, or should have been."""
    index = index_frames(work.reopen(), work.picture)
    found = _found(work, index, looks=0)
    if found:
        kinds = " and ".join(sorted({each.kind for each in found}))
        raise PixelsError(f"{work.judged.why}: {kinds} found in the picture")
    _check_doubts(work, index, found)
    return _passed(work)


def _passed(work: Work) -> Treated:
    work.report.done = "passed"
    told = with_values(work.instance, {BURNED_IN: (b"CS", b"NO"), ICON: None})
    return Treated(replace(told, body=work.reopen().body), claims=(CLEANED,))


def clean(work: Work) -> Treated:
    """Cover what is found, in every frame it touches.

    Raises PixelsError where something is still found after that, or where nothing is found on a label that is not
    empty, or in a picture that says there is text.
    """
    index = index_frames(work.reopen(), work.picture)
    found = _found(work, index)
    _check_doubts(work, index, found)
    if not found:
        return _passed(work)
    boxes = distinct(each.box.within(work.layout.columns, work.layout.rows) for each in found)
    return _redacted(work, index, boxes)


def _check_doubts(work: Work, index: FrameIndex, found: Sequence[Found]) -> None:
    """Raise PixelsError where there should be text and none was found.

    A mask of the device answers for what the header says is burned in; strokes of a pen are no text.
    """
    why = work.judged.why
    seen = {each.kind for each in found if each.box.within(work.layout.columns, work.layout.rows)}
    if work.says_burned_in and not seen - {"pen"}:
        raise PixelsError(f"{why}: the header says that there is text, and none was found")
    shows_label = work.judged.flavour == "OVERVIEW" and work.header.text(SPECIMEN_LABEL_IN_IMAGE) not in (
        "NO",
        "",
    )
    if shows_label and not seen & {"label", "mask"}:
        raise PixelsError(f"{why}: the header says that the label is in the picture, and it was not found")
    if work.judged.flavour == "LABEL" and not seen - {"pen", "mask"} and not _is_empty(work, index):
        raise PixelsError(f"{why}: there should be text on a label that is not empty, and none was found")


def _found(work: Work, index: FrameIndex, looks: int = LOOKS) -> list[Found]:
    """Return everything found, in pixels of the whole picture: masks, what another level told, or what is seen here."""
    found = [Found("mask", box, 1.0) for box in work.masks]
    known, enough = _known(work)
    found += known
    if not enough:
        found += found_in(work, [_only(work, index)], looks)
    elif work.report.wants_looks and work.picture.frames <= SHOWN:
        _show(work, index, [each.box for each in found])
    work.report.found = tuple(found)
    return found


def _show(work: Work, index: FrameIndex, boxes: Sequence[Box]) -> None:
    """Make pictures for who reviews: of a small level, since nobody looked at it."""
    parts = [_only(work, index)]
    if not sees_all(parts):
        return
    factor = shrinking(work.layout, work.plane, float(work.policy["search"]) / 1000)
    for image in pictures(parts, factor):
        after = image.copy()
        small = [
            Box(*(value // factor for value in (each.left, each.top, each.right, each.bottom)))
            for each in boxes
        ]
        cover(after, small, work.fill)
        work.report.look(image, after, factor)


def _known(work: Work) -> tuple[list[Found], bool]:
    """Return what was found on other images of the pyramid, and whether nothing else has to be looked for."""
    plane = work.plane
    if plane is None or work.judged.flavour not in TISSUE:
        return [], False
    owner, uid = owner_of(work.header), work.header.text(SOP_INSTANCE)
    of_this = [places for places in work.places if places.of(owner, plane)]
    for places in of_this:
        if places.refused:
            raise PixelsError(f"{work.judged.why}: {places.refused}")
    found = [each for places in of_this for each in places.found_in(plane, work.layout)]
    return found, any(uid in places.enough for places in of_this)


def _only(work: Work, index: FrameIndex) -> Part:
    return Part(work.reopen, index, work.picture, work.layout)


def found_in(work: Work, parts: Sequence[Part], looks: int = LOOKS) -> list[Found]:
    """Look at every layer of a picture, and so many times again with what was found covered, until nothing is.

    `parts` are those of the picture; `work` is about the first of them. Raises PixelsError where something still is.
    """
    if not sees_all(parts):
        raise PixelsError(f"{work.judged.why}: there are more frames than are looked at one by one")
    factor = shrinking(whole_of(parts), work.plane, float(work.policy["search"]) / 1000)
    look = _LOOKS.get(work.judged.flavour, find)
    found: list[Found] = []
    for image in pictures(parts, factor):
        try:
            seen = find_again(image, look, looks)
        except PixelsError as error:
            work.report.look(image, None, factor)
            raise PixelsError(f"{work.judged.why}: {error}") from None
        found += [replace(each, box=enlarged(each.box, factor)) for each in seen]
        if work.report.wants_looks:
            covered = image.copy()
            cover(covered, [each.box for each in seen], work.fill)
            work.report.look(image, covered if looks else None, factor)
    return found


def cover(image: Image, boxes: Sequence[Box], colour: str) -> None:
    """Fill boxes of an 8-bit RGB picture."""
    for box in boxes:
        part = box.within(image.shape[1], image.shape[0])
        image[part.top : part.bottom, part.left : part.right] = 255 if colour == "white" else 0


def _is_empty(work: Work, index: FrameIndex) -> bool:
    """Tell whether a picture is of one colour, and nothing in it stands out."""
    import numpy as np  # heavy

    factor = shrinking(work.layout, work.plane, float(work.policy["search"]) / 1000)
    return all(
        float(np.ptp(np.percentile(image, (0.05, 99.95)))) < _PLAIN
        for image in pictures([_only(work, index)], factor)
    )


def _redacted(work: Work, index: FrameIndex, boxes: Sequence[Box]) -> Treated:
    picture = work.picture
    touched = work.layout.frames_at(boxes)
    fresh: dict[int, bytes] = {}
    held = 0
    for number, frame in read_frames(work.reopen().body, index, picture, touched):
        fresh[number] = redact_frame(frame, picture, touched[number], work.fill)
        held += len(fresh[number])
        if held > MOST_CHANGED:
            raise PixelsError(
                f"{work.judged.why}: more of the picture would be covered than the limit allows"
            )
    instance = changed(work.instance, _tables(work, index, fresh), derived=False)
    body = ChunkReader(spliced(work.reopen().body, index, fresh, encapsulated=picture.encapsulated))
    work.report.done = "cleaned"
    return Treated(replace(instance, body=body), claims=(CLEANED,))


def _tables(work: Work, index: FrameIndex, fresh: dict[int, bytes]) -> dict[int, tuple[bytes, bytes] | None]:
    """Return the Extended Offset Table anew where the source has one."""
    if EXTENDED_OFFSETS not in work.header:
        return {}
    offsets = new_offsets(index, fresh)
    lengths = new_lengths(offsets, new_end(index, fresh))
    return {
        EXTENDED_OFFSETS: (b"OV", packed(offsets)),
        EXTENDED_LENGTHS: (b"OV", packed(lengths)),
    }
