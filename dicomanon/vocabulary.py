"""The words that a description may keep (PS3.15 E.3.5), and what judges the words around them.

From three places: terms of PS3.16 for specimens, stains, anatomy and procedures; `profiles/words/*.toml`; a profile.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dicomanon.profile import shipped_folder
from dicomanon.standard.stored import load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TOKEN = re.compile(r"\d+(?:\.\d+)?[^\W\d_]*|[^\W\d_][^\W_]*|[&+]")
"""A word, a number with its unit, or a sign that is part of a term."""


LISTS = ("joining", "words", "phrases", "surnames", "titles", "measured", "imaging")


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Words that may stay alone, terms by their first word (longest first), and what judges their surroundings."""

    words: frozenset[str]
    terms: Mapping[str, tuple[tuple[str, ...], ...]]
    joining: frozenset[str]
    titles: frozenset[str]
    measured: frozenset[str]


@cache
def _lists() -> dict[str, frozenset[str]]:
    """Return the lists of `profiles/words/*.toml`, those of one name together."""
    found: dict[str, set[str]] = {name: set() for name in LISTS}
    for path in sorted((shipped_folder() / "words").glob("*.toml")):
        with path.open("rb") as file:
            for name, entries in tomllib.load(file).items():
                found[name].update(entries)
    return {name: frozenset(entries) for name, entries in found.items()}


@cache
def vocabulary(own: tuple[str, ...] = ()) -> Vocabulary:
    """Return what is known, with the words and terms that a profile adds of its own."""
    lists = _lists()
    published = load("terms")["rows"]
    words = _alone(published) | lists["words"]
    words = {word.casefold() for word in words} - lists["surnames"] | lists["joining"]
    words |= {word.casefold() for word in own if len(TOKEN.findall(word)) == 1}
    terms: dict[str, set[tuple[str, ...]]] = {}
    for phrase in (*published, *lists["phrases"], *own):
        term = tuple(token.casefold() for token in TOKEN.findall(phrase))
        if (len(term) > 1 and any(len(token) > 1 for token in term)) or "&" in term or "+" in term:
            terms.setdefault(term[0], set()).add(term)
    return Vocabulary(
        words=frozenset(words),
        terms={first: tuple(sorted(each, key=len, reverse=True)) for first, each in terms.items()},
        joining=lists["joining"],
        titles=lists["titles"],
        measured=lists["measured"],
    )


def surnames() -> frozenset[str]:
    """Return words in lower case that are surnames too, and do not stay alone."""
    return _lists()["surnames"]


@cache
def every_word() -> frozenset[str]:
    """Return every word of the vocabulary in lower case, surnames among them and parts of terms."""
    known = vocabulary()
    parts = (word for terms in known.terms.values() for term in terms for word in term)
    return known.words.union(parts, _lists()["surnames"], _lists()["imaging"])


def _alone(phrases: Iterable[str]) -> set[str]:
    """Return the words of published terms that are no proper names: those written small, and terms of one word."""
    found = set()
    for phrase in phrases:
        tokens = re.findall(r"[^\W\d_]+", phrase)
        if len(tokens) == 1:
            found.add(tokens[0])
        found.update(token for token in tokens[1:] if token.islower())
    return {word for word in found if len(word) > 2}
