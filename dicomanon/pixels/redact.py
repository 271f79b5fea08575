"""Boxes of one colour in an encoded frame, everything outside of them as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.errors import MalformedError
from dicomanon.pixels.codecs import JPEG, check_head, decode, encode
from dicomanon.pixels.colour import fill_of
from dicomanon.pixels.jpeg_scan import redact_jpeg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dicomanon.pixels.box import Box
    from dicomanon.pixels.picture import Picture


def redact_frame(frame: bytes, picture: Picture, boxes: Sequence[Box], colour: str) -> bytes:
    """Return the frame with every box filled, in the same transfer syntax and without any loss outside.

    In JPEG whole MCUs are filled and the other blocks of the scan stay; other codecs write again, without loss, what
    they have read, and what they wrote is read back. Raises MalformedError, UnsupportedError as `decode` and
    `redact_jpeg` do.
    """
    fill = fill_of(picture, colour)
    if picture.transfer_syntax_uid in JPEG:
        check_head(frame, picture)
        return redact_jpeg(frame, boxes, fill)
    samples = decode(frame, picture).copy()
    for box in boxes:
        samples[box.top : box.bottom, box.left : box.right] = fill
    written = encode(samples, picture)
    if picture.encapsulated and not (decode(written, picture) == samples).all():
        raise MalformedError("a frame that was encoded again does not decode to what it should")
    return written
