"""Codes of an instance: which of them can be local words of a site, and what a meaning may say.

Code Meaning (0008,0104) is free text beside a code, and some senders write more into it than the code means.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from dicomanon.descriptors import clean_text
from dicomanon.part10.elements import element_at, read_header
from dicomanon.part10.encoding import ITEM_DELIMITER
from dicomanon.standard.codes import SCHEMES, is_public, meaning_of, meanings
from dicomanon.vocabulary import surnames, vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.part10.encoding import Encoding
    from dicomanon.vocabulary import Vocabulary

CODE_VALUE = 0x00080100
SCHEME = 0x00080102
LOCAL_SCHEME = b"99LOCAL"
"""The scheme of codes that a key made (PS3.16 8.2: 99 and a word of one's own)."""
LONGEST_MEANING = 64
"""Characters of an LO."""
CODE_MEANING = 0x00080104
LONG_CODE_VALUE = 0x00080119
URN_CODE_VALUE = 0x00080120
CODE_TEXTS = frozenset((CODE_VALUE, LONG_CODE_VALUE, URN_CODE_VALUE, 0x00080103, CODE_MEANING))
"""Value, long value, URN, scheme version and meaning of a code."""
_WORD = re.compile(r"[^\W\d_]{3,}")
UNTOLD = "?"
"""Stands for a code that is a URN, or more than one."""


@dataclass(frozen=True, slots=True)
class Codes:
    """Which codes are known to everybody, or to the profile: `listed` are meanings by code and scheme."""

    listed: Mapping[tuple[str, str], str]

    def is_local(self, code: tuple[str, str]) -> bool:
        """Tell whether a code, with its scheme, can say anything."""
        return not is_public(*code) and code not in self.listed

    def is_known_scheme(self, raw: bytes) -> bool:
        """Tell whether a Coding Scheme Designator names nobody."""
        scheme = raw.strip(b" \0")
        name = scheme.decode("ascii", "replace")
        return (
            name in SCHEMES or scheme in (b"", LOCAL_SCHEME) or any(name == each for _, each in self.listed)
        )

    def term(self, code: tuple[str, str]) -> str:
        """Return what PS3.16 or the profile says a code means, nothing for any other code."""
        return self.listed.get(code) or meaning_of(*code)

    def meaning(self, code: tuple[str, str], raw: bytes) -> bytes | None:
        """Return what the meaning of a code becomes: what it was where it says nothing else, or what the code means.

        None where nothing is known of the code.
        """
        known = self.term(code)
        text = raw.strip(b" \0").decode("ascii", "replace")
        if known:
            return raw if text.casefold() == known.casefold() else known.encode()
        if b"\x1b" not in raw and len(text) <= LONGEST_MEANING and not clean_text(text, _all_words()).cut:
            return raw
        return f"{code[1]} {code[0]}".encode() if all(code) and is_public(*code) else None


def read_code(buffer: bytes, at: int, stop: int, encoding: Encoding) -> tuple[str, str]:
    """Return code and scheme of the item whose elements begin at `at`; empty where it has none."""
    found: dict[int, str] = {}
    while at < stop and read_header(buffer, at, encoding)[0] != ITEM_DELIMITER:
        element = element_at(buffer, at, stop, encoding)
        if element.tag in CODE_TEXTS or element.tag == SCHEME:
            text = buffer[element.value : element.end].strip(b" \0").decode("ascii", "replace")
            found[element.tag] = UNTOLD if element.tag in found else text
        at = element.next
    told = [tag for tag in (CODE_VALUE, LONG_CODE_VALUE, URN_CODE_VALUE) if found.get(tag)]
    code = found[told[0]] if told else ""
    return UNTOLD if len(told) > 1 or URN_CODE_VALUE in told else code, found.get(SCHEME, "")


def says_nothing_else(buffer: bytes, start: int, end: int) -> bool:
    """Tell whether a Code Meaning is of words known to be harmless alone, whatever its code is."""
    return _is_of_known_words(buffer[start:end])


@lru_cache(maxsize=4096)
def _is_of_known_words(raw: bytes) -> bool:
    if not raw.isascii() or b"\x1b" in raw or b"\\" in raw or len(raw) > LONGEST_MEANING:
        return False
    text = raw.strip(b" \0").decode()
    return text in _published() or not clean_text(text, vocabulary()).cut


@cache
def _published() -> frozenset[str]:
    """Return the meanings of PS3.16, which most meanings are: sooner read than the whole vocabulary.

    Those of one word are not among them: many are the name of who described a method, and of others.
    """
    texts = {text for codes in meanings().values() for text in codes.values()}
    return frozenset(text for text in texts if text.count(" ") or text.count("-"))


@cache
def _all_words() -> Vocabulary:
    """Return the vocabulary with the words in it that PS3.16 writes small within a meaning: names are written large."""
    texts = (text for codes in meanings().values() for text in codes.values())
    words = {word for text in texts for word in _WORD.findall(text)[1:] if word.islower()}
    return replace(vocabulary(), words=vocabulary().words | (words - surnames()))
