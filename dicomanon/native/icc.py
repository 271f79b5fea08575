"""An ICC profile without words: names, copyrights and dates in it are overwritten, colours are not touched."""

from __future__ import annotations

from dicomanon.errors import MalformedError
from dicomanon.icc import without_text


def blank_profile(profile: bytearray) -> None:
    """Overwrite the words of a profile in place; all of it where it is none."""
    try:
        profile[:] = without_text(bytes(profile))[0]
    except MalformedError:
        profile[:] = bytes(len(profile))
