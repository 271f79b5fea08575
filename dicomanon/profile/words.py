"""Words of a profile: tags and keywords, and the nearest word to one that is unknown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.errors import ProfileError
from dicomanon.standard.stored import load

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint at the word that was probably meant."""
    from difflib import get_close_matches  # only for what is wrong

    close = get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")


def parse_tag(text: str) -> int:
    """Read `(0010,0020)`, `00100020` or a keyword; raise ProfileError for anything else."""
    found = _TAG.fullmatch(text)
    if found:
        return int(found[1] + found[2], 16)
    tag = standard.tag_of(text)
    if tag is None:
        keywords = (row[2] for row in load("dictionary")["rows"] if row[2])
        raise ProfileError(f"{text!r} is no tag and no keyword of PS3.6{nearest(text, keywords)}")
    return tag
