"""Clean Descriptors (PS3.15 E.3.5): of a text those words stay that are known to be harmless, and no others.

A word that is part of one of the instance's own identifiers goes although it is known; so do the words behind a
title, and a single known word that stands beside an unknown one: in "Dr. Hand" and "Hand, J." it is a name.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise, permutations
from typing import TYPE_CHECKING, NamedTuple

from dicomanon.characters import decode, encode
from dicomanon.vocabulary import TOKEN

if TYPE_CHECKING:
    from dicomanon.identifying import IdentifyingValues
    from dicomanon.vocabulary import Vocabulary

_WITHIN_TERM = re.compile(r"[\s\-/.'&+]{0,3}")
"""What may stand between two words of one term."""
_BESIDE = re.compile(r"[\s.,'^_]*")
"""What stands between two words that could be the parts of one name."""
_KEPT_BETWEEN = re.compile(r"[\s\-/,;:.()&+%]*")
_NUMBER = re.compile(r"(?:0|[1-9]\d{0,2})(?:\.\d{1,2})?")
_QUANTITY = re.compile(r"\d{1,3}(?:\.\d{1,2})?([^\W\d_]+)")
_DESIGNATION = re.compile(r"[A-Z]\d{0,2}")
"""A part, block or slide, as in "Part A" and "Block B2"."""
LONGEST = 10240
"""Bytes of a text that is looked into, as many as an LT has (PS3.5 6.2): a longer one goes whole."""
_WORDS_BEHIND_TITLE = 2
_TERM = 2
"""So many words, at least, are a term: its words stay or go together."""
_LONGEST_NAME = 8
"""Words of an identifying text that are compared with a description, at most."""


class Identifiers(NamedTuple):
    """What the instance itself says of persons: words of names, and other identifying texts word by word."""

    words: frozenset[str]
    phrases: frozenset[tuple[str, ...]]


NOBODY = Identifiers(frozenset(), frozenset())


class Cleaned(NamedTuple):
    """The text that stays, the runs of text that do not, and the single words that stay, in lower case."""

    text: str
    cut: tuple[str, ...]
    words: frozenset[str]


class Descriptors:
    """Cleans the descriptions of one instance; `known` is what it has been told of persons so far.

    `stayed` gathers every word that stays: whoever learns more about persons can tell whether to clean again.
    """

    def __init__(self, vocabulary: Vocabulary, character_set: bytes, known: Identifiers = NOBODY) -> None:
        self._vocabulary = vocabulary
        self._character_set = character_set
        self._known = known
        self.stayed: set[str] = set()

    def clean(self, vr: bytes, raw: bytes) -> bytes | None:
        """Return what may stay of a value, None where nothing may."""
        if len(raw) > LONGEST:
            return None
        found = self._values(vr, raw)
        for each in found:
            self.stayed |= each.words
        if not any(each.text for each in found):
            return None
        try:
            return encode("\\".join(each.text for each in found), self._character_set)
        except UnicodeEncodeError:
            return None

    def cut(self, vr: bytes, raw: bytes) -> list[bytes]:
        """Return the runs of text that `clean` leaves out, or the whole value where they cannot be told apart."""
        if len(raw) > LONGEST:
            return [raw]
        try:
            return [encode(run, self._character_set) for each in self._values(vr, raw) for run in each.cut]
        except UnicodeEncodeError:
            return [raw]

    def _values(self, vr: bytes, raw: bytes) -> list[Cleaned]:
        text = decode(raw, self._character_set).strip("\0 ")
        parts = text.split("\\") if vr in (b"LO", b"SH", b"UC") else [text]
        return [clean_text(part, self._vocabulary, self._known) for part in parts]

    def better(self, values: IdentifyingValues) -> Descriptors | None:
        """Return a cleaner that knows what `values` say of persons, None where no word that stayed is said there."""
        found = identifiers_of(values)
        said = found.words.union(*found.phrases) - self._known.words.union(*self._known.phrases)
        if said.isdisjoint(self.stayed):
            return None
        return Descriptors(self._vocabulary, self._character_set, found)


def identifiers_of(values: IdentifyingValues) -> Identifiers:
    """Return the words and numbers of every name and identifier, and of other texts that go each two of their words."""
    words: set[str] = set()
    phrases: set[tuple[str, ...]] = set()
    for value in values.values:
        if value.vr not in _TEXT:
            continue
        for part in decode(value.raw, values.character_set).split("\\"):
            tokens = tuple(token.casefold() for token in TOKEN.findall(part))
            if value.vr == b"PN" or not value.soft:
                words.update(tokens if len(tokens) <= _LONGEST_NAME else ())
                words.update(_DIGITS.findall(part))
            elif 1 < len(tokens) <= _LONGEST_NAME:
                phrases.update(permutations(tokens, 2))
    return Identifiers(frozenset(words), frozenset(phrases))


_DIGITS = re.compile(r"\d{2,}")
_TEXT = frozenset((b"PN", b"LO", b"SH", b"ST", b"LT", b"UT", b"UC", b"AE", b"UN"))


@lru_cache(maxsize=4096)
def clean_text(text: str, vocabulary: Vocabulary, known: Identifiers = NOBODY) -> Cleaned:
    """Return what may stay of a text; single known words beside unknown ones go with them."""
    found = list(TOKEN.finditer(text))
    tokens = [match.group().casefold() for match in found]
    gaps = [text[one.end() : two.start()] for one, two in pairwise(found)]
    gaps.append("")
    stays = _known(tokens, gaps, vocabulary)
    _drop_identifiers(tokens, stays, known)
    _allow_designations(found, tokens, gaps, stays, vocabulary)
    _drop_names(found, tokens, gaps, stays, vocabulary)
    for at, token in enumerate(tokens):
        if stays[at] < _TERM and _NUMBER.fullmatch(token) and token not in known.words:
            stays[at] = _is_measured(at, tokens, gaps, stays, vocabulary)
    if all(
        not stay or token in vocabulary.joining or not token.isalnum()
        for stay, token in zip(stays, tokens, strict=True)
    ):
        stays = [0] * len(stays)  # joining words alone say nothing
    return _put_together(text, found, tokens, stays)


def _known(tokens: list[str], gaps: list[str], vocabulary: Vocabulary) -> list[int]:
    """Return for each token how many words the term has that it is part of: 0 for unknown, 1 for a word by itself."""
    stays = [0] * len(tokens)
    at = 0
    while at < len(tokens):
        size = next(
            (
                len(term)
                for term in vocabulary.terms.get(tokens[at], ())
                if tuple(tokens[at : at + len(term)]) == term
                and all(_WITHIN_TERM.fullmatch(gap) for gap in gaps[at : at + len(term) - 1])
            ),
            0,
        )
        if not size and (tokens[at] in vocabulary.words or _is_quantity(tokens[at], vocabulary)):
            size = 1
        stays[at : at + max(size, 1)] = [size] * max(size, 1)
        at += max(size, 1)
    return stays


def _is_quantity(token: str, vocabulary: Vocabulary) -> bool:
    found = _QUANTITY.fullmatch(token)
    return found is not None and found[1] in vocabulary.measured


def _drop_identifiers(tokens: list[str], stays: list[int], known: Identifiers) -> None:
    """Drop what the instance says of persons, and the whole of a term that has it; `stays` changes in place."""
    gone = {at for at, token in enumerate(tokens) if token in known.words}
    for phrase in known.phrases:
        size = len(phrase)
        for at in range(len(tokens) - size + 1):
            if tuple(tokens[at : at + size]) == phrase:
                gone.update(range(at, at + size))
    at = 0
    while at < len(tokens):
        size = max(stays[at], 1)
        if not gone.isdisjoint(range(at, at + size)):
            stays[at : at + size] = [0] * size
        at += size


def _drop_names(
    found: list[re.Match[str]], tokens: list[str], gaps: list[str], stays: list[int], vocabulary: Vocabulary
) -> None:
    """Drop the words behind titles and initials, and single words beside unknown ones; `stays` changes in place."""
    for at, gap in enumerate(gaps):
        if gap in ("@", "@.") or (gap == "." and stays[at] < _TERM and not tokens[at][0].isdigit()):
            stays[at : at + 2] = [0] * len(stays[at : at + 2])  # of an address
    for at, token in enumerate(tokens):
        if token in vocabulary.titles:
            stays[at : at + 1 + _WORDS_BEHIND_TITLE] = [0] * len(stays[at : at + 1 + _WORDS_BEHIND_TITLE])
        elif (
            stays[at] == 1
            and len(token) == 1
            and found[at].group().isupper()
            and not _follows(at, tokens, gaps, stays, vocabulary)
        ):
            stays[at] = 0  # an initial
    lone = [
        at
        for at, size in enumerate(stays)
        if size == 1
        and tokens[at] not in vocabulary.joining
        and any(
            0 <= beside < len(stays)
            and not stays[beside]
            and not tokens[beside][0].isdecimal()
            and _BESIDE.fullmatch(gaps[min(at, beside)])
            for beside in (at - 1, at + 1)
        )
        and not _in_company(at, gaps, stays)
    ]
    for at in lone:
        stays[at] = 0


def _allow_designations(
    found: list[re.Match[str]], tokens: list[str], gaps: list[str], stays: list[int], vocabulary: Vocabulary
) -> None:
    for at, match in enumerate(found):
        if not stays[at] and _DESIGNATION.fullmatch(match.group()):
            stays[at] = int(_follows(at, tokens, gaps, stays, vocabulary))


def _follows(at: int, tokens: list[str], gaps: list[str], stays: list[int], vocabulary: Vocabulary) -> bool:
    """Tell whether a token stands directly behind a word that numbers and letters of blocks and parts belong to."""
    return at > 0 and bool(stays[at - 1]) and tokens[at - 1] in vocabulary.measured and gaps[at - 1].isspace()


def _in_company(at: int, gaps: list[str], stays: list[int]) -> bool:
    """Tell whether a word has another known one at its other side: "left breast Smith" loses one word only."""
    return any(
        0 <= beside < len(stays) and stays[beside] and gaps[min(at, beside)].isspace()
        for beside in (at - 1, at + 1)
    )


def _is_measured(
    at: int, tokens: list[str], gaps: list[str], stays: list[int], vocabulary: Vocabulary
) -> int:
    """Tell whether a short number stands beside a word that numbers belong to, and is no part of a date."""
    if not _NUMBER.fullmatch(tokens[at]):
        return 0
    if gaps[at].startswith("%"):
        return 1
    joined = [gaps[each].strip() for each in (at - 1, at) if 0 <= each < len(gaps) - 1]
    if any(mark and mark not in (",", ";", ")", "(", ":") for mark in joined):
        return 0
    beside = [each for each in (at - 1, at + 1) if 0 <= each < len(tokens)]
    return int(any(stays[each] and tokens[each] in vocabulary.measured for each in beside))


def _put_together(text: str, found: list[re.Match[str]], tokens: list[str], stays: list[int]) -> Cleaned:
    """Join what stays as it was joined; where something went a space is left."""
    out: list[str] = []
    cut: list[str] = []
    start = 0
    for at, match in enumerate(found):
        if not stays[at]:
            if not at or stays[at - 1]:
                start = match.start()
            if at + 1 == len(found) or stays[at + 1]:
                cut.append(text[start : match.end()])
            continue
        if out:
            gap = text[found[at - 1].end() : match.start()]
            out.append(gap if stays[at - 1] and _KEPT_BETWEEN.fullmatch(gap) else " ")
        out.append(match.group())
    words = frozenset(token for token, stay in zip(tokens, stays, strict=True) if stay)
    return Cleaned(re.sub(r"\s+", " ", "".join(out)), tuple(cut), words)
