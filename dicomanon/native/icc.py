"""An ICC profile without words: names, copyrights and dates in it are overwritten, colours are not touched."""

from __future__ import annotations

import base64
import binascii

from dicomanon.errors import MalformedError
from dicomanon.icc import without_text


def blank_profile(profile: bytearray) -> None:
    """Overwrite the words of a profile in place; all of it where it is none."""
    try:
        profile[:] = _plain(profile)
    except MalformedError:
        profile[:] = bytes(len(profile))


def _plain(profile: bytearray) -> bytearray:
    """Return a profile without texts, of the length that it says."""
    found = bytearray(without_text(bytes(profile))[0])
    found[:4] = len(found).to_bytes(4, "big")
    return found


def blank_packed_profile(text: bytes) -> bytes:
    """Return a profile in base64 without its words, its line ends where they were; X where it is none."""
    places = [at for at, byte in enumerate(text) if byte not in b"\0 \t\r\n"]
    try:
        profile = bytearray(base64.b64decode(bytes(text[at] for at in places), validate=True))
        profile = _plain(profile)
    except (binascii.Error, ValueError, MalformedError):
        packed = b"X" * len(places)
    else:
        packed = base64.b64encode(profile)
    found = bytearray(text)
    for at, byte in zip(places, packed, strict=True):
        found[at] = byte
    return bytes(found)
