"""Words of a profile: tags, keywords and paths of them, and the nearest word to one that is unknown."""

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


ANYWHERE = "*"


def parse_path(text: str) -> tuple[tuple[int, ...], bool]:
    """Read tags or keywords with slashes between them, from the top level down, or from anywhere after `*/`.

    The second value tells whether it begins anywhere. Raises ProfileError for what is no attribute, or holds no items.
    """
    words = text.split("/")
    anywhere = words[0] == ANYWHERE
    path = tuple(parse_tag(word) for word in words[anywhere:])
    if not path:
        raise ProfileError(f"the path {text!r} ends before an attribute")
    for tag, word in zip(path[:-1], words[anywhere:], strict=False):
        if standard.vr_of(tag) not in ("SQ", None):
            raise ProfileError(f"{word!r} in a path is no sequence, and has nothing below it")
    return path, anywhere
