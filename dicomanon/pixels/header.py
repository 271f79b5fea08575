"""Attributes of a header read and set as bytes, before any rule has looked at them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from dicomanon.part10.elements import element_at, element_items, elements_in
from dicomanon.part10.encoding import encoding_of, pack_element, u16
from dicomanon.part10.index import index_header

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dicomanon.part10.encoding import Encoding
    from dicomanon.part10.index import Entry
    from dicomanon.part10.instance import Instance


class Header:
    """The top level of a header, and the first items of its sequences."""

    def __init__(self, data: bytes, transfer_syntax_uid: str, entries: list[Entry] | None = None) -> None:
        self.data = data
        self.encoding = encoding_of(transfer_syntax_uid)
        self.entries = index_header(data, self.encoding) if entries is None else entries
        self._found = {entry.tag: entry for entry in self.entries}

    @classmethod
    def of(cls, instance: Instance) -> Header:
        """Return the header of an instance."""
        return cls(instance.header, instance.meta.transfer_syntax_uid, instance.entries)

    def __contains__(self, tag: int) -> bool:
        return tag in self._found

    @property
    def order(self) -> Literal["little", "big"]:
        """Byte order of numbers."""
        return "little" if self.encoding.little else "big"

    def entry(self, tag: int) -> Entry | None:
        """Return where an attribute lies."""
        return self._found.get(tag)

    def kind(self, tag: int) -> bytes:
        """Return the VR of an attribute, nothing where it is missing."""
        entry = self._found.get(tag)
        return b"" if entry is None else entry.vr

    def raw_items(self, tag: int) -> bytes:
        """Return the value of a sequence of defined length as encoded."""
        entry = self._found[tag]
        return self.data[entry.value : entry.next]

    def raw(self, tag: int) -> bytes:
        """Return the value of an attribute as encoded, nothing where it is missing or a sequence."""
        entry = self._found.get(tag)
        return b"" if entry is None or entry.length is None else self.data[entry.value : entry.next]

    def text(self, tag: int) -> str:
        """Return a value as text without padding, in capitals; what is not ASCII becomes a question mark."""
        return self.raw(tag).decode("ascii", "replace").strip(" \0").upper()

    def texts(self, tag: int) -> list[str]:
        """Return the values of an attribute as texts."""
        text = self.text(tag)
        return [each.strip() for each in text.split("\\")] if text else []

    def number(self, tag: int) -> int:
        """Return a value of VR US or UL, 0 where there is none."""
        return int.from_bytes(self.raw(tag), self.order)

    def whole(self, tag: int) -> int:
        """Return a value of VR IS, 0 where there is none or no number."""
        text = self.text(tag).removeprefix("+")
        return int(text) if text.isdigit() and len(text) < 10 else 0

    def items(self, tag: int) -> Iterator[tuple[bytes, Encoding]]:
        """Yield the items of a sequence as encoded, and their encoding."""
        entry = self._found.get(tag)
        if entry is None:
            return
        sequence = element_at(self.data, entry.start, entry.next, self.encoding)
        for item in element_items(self.data, sequence):
            yield self.data[item.value : item.end], sequence.encoding


def values_in(item: bytes, encoding: Encoding) -> dict[int, bytes]:
    """Return the values of one item by tag, those of sequences as encoded."""
    return {
        element.tag: item[element.value : element.end]
        for element in elements_in(item, 0, len(item), encoding)
    }


def inside(item: bytes, encoding: Encoding, tag: int) -> dict[int, bytes]:
    """Return the values of the first item of a sequence within an item, nothing where there is none."""
    for element in elements_in(item, 0, len(item), encoding):
        if element.tag == tag:
            for first in element_items(item, element):
                return values_in(item[first.value : first.end], element.encoding)
    return {}


def packed_number(value: int, encoding: Encoding) -> bytes:
    """Return a value of VR US."""
    return u16(encoding).pack(value)


def with_values(instance: Instance, values: Mapping[int, tuple[bytes, bytes] | None]) -> Instance:
    """Return an instance whose header has these attributes, VR and value each; those of None are gone."""
    encoding = encoding_of(instance.meta.transfer_syntax_uid)
    header = instance.header
    entries = instance.entries if instance.entries is not None else index_header(header, encoding)
    left = {
        tag: pack_element(tag, value[0], value[1], encoding)
        for tag, value in values.items()
        if value is not None
    }
    parts = []
    at = 0
    for entry in entries:
        before = [left.pop(tag) for tag in sorted(left) if tag < entry.tag]
        if before or entry.tag in values:
            parts += [header[at : entry.start], *before]
            at = entry.start
        if entry.tag in values:
            parts.append(left.pop(entry.tag, b""))
            at = entry.next
    parts += [header[at:], *(left[tag] for tag in sorted(left))]
    return replace(instance, header=b"".join(parts), entries=None)
