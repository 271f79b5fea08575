"""The elements around offsets in a header: which attribute a match lies in, and where its value begins and ends."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

from dicomanon import standard
from dicomanon.part10.elements import element_items, elements_in, is_sequence
from dicomanon.standard.content import PUBLIC_SCHEMES
from dicomanon.verify.structure import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry

CODING_SCHEME = 0x00080102


class Leaf(NamedTuple):
    """An element: where it and its value start, what it is, and whether a code it belongs to is a public one.

    `raw` is the value with its padding, empty for a sequence.
    """

    start: int
    value_at: int
    path: str
    tag: int
    vr: bytes
    raw: bytes
    public: bool


class Leaves:
    """The elements around offsets in a header; each top-level element is opened once, and only if asked for."""

    def __init__(self, header: bytes, entries: list[Entry], encoding: Encoding) -> None:
        self._header = header
        self._entries = entries
        self._starts = [entry.start for entry in entries]
        self._encoding = encoding
        self._opened: dict[int, tuple[list[int], list[Leaf]]] = {}

    def around(self, at: int) -> Leaf:
        """Return the innermost element around an offset."""
        number = bisect_right(self._starts, at) - 1
        if number not in self._opened:
            entry = self._entries[number]
            leaves = list(self._below("", entry.start, entry.next, self._encoding, public=False, depth=1))
            self._opened[number] = [leaf.start for leaf in leaves], leaves
        starts, leaves = self._opened[number]
        return leaves[max(bisect_right(starts, at) - 1, 0)]

    def _below(
        self, path: str, at: int, stop: int, encoding: Encoding, *, public: bool, depth: int
    ) -> Iterator[Leaf]:
        header = self._header
        for element in elements_in(header, at, stop, encoding):
            own = path + path_of(element.tag)
            known = standard.vr_of(element.tag)
            vr = known.encode() if element.vr == b"UN" and known else element.vr
            sequence = is_sequence(element)
            raw = b"" if sequence else header[element.value : element.end]
            yield Leaf(element.start, element.value, own, element.tag, vr, raw, public)
            if not sequence:
                continue
            for item in element_items(header, element, depth):
                schemes = [
                    header[each.value : each.end].strip(b" \0")
                    for each in elements_in(header, item.value, item.end, element.encoding)
                    if each.tag == CODING_SCHEME
                ]
                inner = bool(schemes) and schemes[0] in PUBLIC_SCHEMES
                yield from self._below(
                    own, item.value, item.end, element.encoding, public=inner, depth=depth + 1
                )
