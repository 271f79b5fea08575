"""The elements around offsets in a header: which attribute a match lies in, and where its value begins and ends."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from dicomanon import standard
from dicomanon.codes import read_code
from dicomanon.part10.elements import element_items, elements_in, is_sequence
from dicomanon.standard.codes import PUBLIC_SCHEMES, meaning_of
from dicomanon.verify.structure import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry


class Leaf(NamedTuple):
    """An element: where it and its value start, what it is, and whether a code it belongs to is a public one.

    `raw` is the value with its padding, empty for a sequence. `term` is what the code means by PS3.16 or the profile.
    """

    start: int
    value_at: int
    path: str
    tag: int
    vr: bytes
    raw: bytes
    public: bool
    term: bytes


class Leaves:
    """The elements around offsets in a header; each top-level element is opened once, and only if asked for."""

    def __init__(
        self,
        header: bytes,
        entries: list[Entry],
        encoding: Encoding,
        local_codes: Mapping[tuple[str, str], str],
    ) -> None:
        self._header = header
        self._entries = entries
        self._starts = [entry.start for entry in entries]
        self._encoding = encoding
        self._local_codes = local_codes
        self._opened: dict[int, tuple[list[int], list[Leaf]]] = {}

    def around(self, at: int) -> Leaf:
        """Return the innermost element around an offset."""
        number = bisect_right(self._starts, at) - 1
        if number not in self._opened:
            entry = self._entries[number]
            leaves = list(self._below("", entry.start, entry.next, self._encoding, ("", ""), depth=1))
            self._opened[number] = [leaf.start for leaf in leaves], leaves
        starts, leaves = self._opened[number]
        return leaves[max(bisect_right(starts, at) - 1, 0)]

    def _below(
        self, path: str, at: int, stop: int, encoding: Encoding, code: tuple[str, str], depth: int
    ) -> Iterator[Leaf]:
        header = self._header
        public = code[1].encode() in PUBLIC_SCHEMES
        term = (self._local_codes.get(code) or meaning_of(*code)).encode()
        for element in elements_in(header, at, stop, encoding):
            own = path + path_of(element.tag)
            known = standard.vr_of(element.tag)
            vr = known.encode() if element.vr == b"UN" and known else element.vr
            sequence = is_sequence(element)
            raw = b"" if sequence else header[element.value : element.end]
            yield Leaf(element.start, element.value, own, element.tag, vr, raw, public, term)
            if not sequence:
                continue
            for item in element_items(header, element, depth):
                inner = read_code(header, item.value, item.end, element.encoding)
                yield from self._below(own, item.value, item.end, element.encoding, inner, depth + 1)
