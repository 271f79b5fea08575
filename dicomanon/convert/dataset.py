"""A data set by the keywords of PS3.6, written once and encoded: what a header is made of."""

from __future__ import annotations

from struct import pack
from typing import Any

from dicomanon import standard
from dicomanon.convert.text import decimal
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element, pack_sequence, pack_tag

_NUMBERS = {"FD": "d", "FL": "f", "SL": "i", "SS": "h", "UL": "I", "US": "H"}


class Dataset:
    """Elements as attributes: text, numbers, bytes, lists of them where there are several values, lists of items.

    `encoded` raises KeyError for a keyword that PS3.6 does not have.
    """

    def __init__(self, **elements: Any) -> None:
        vars(self).update(elements)

    def __getattr__(self, keyword: str) -> Any:
        raise AttributeError(keyword)

    def __setattr__(self, keyword: str, value: Any) -> None:
        vars(self)[keyword] = value

    def encoded(self) -> bytes:
        """Return the elements by ascending tag, in UTF-8 and Explicit VR Little Endian."""
        tagged = {_tag(keyword): value for keyword, value in vars(self).items()}
        return b"".join(_element(tag, tagged[tag]) for tag in sorted(tagged))


def _tag(keyword: str) -> int:
    tag = standard.tag_of(keyword)
    if tag is None:
        raise KeyError(keyword)
    return tag


def _element(tag: int, value: Any) -> bytes:
    vr = standard.vr_of(tag) or "UN"
    if vr == "SQ":
        return pack_sequence(tag, [each.encoded() for each in value], EXPLICIT_LE)
    return pack_element(tag, vr.encode(), _value(vr, value), EXPLICIT_LE)


def _value(vr: str, value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    values = value if isinstance(value, list | tuple) else [value]
    if vr == "AT":
        return b"".join(pack_tag(each, EXPLICIT_LE) for each in values)
    if vr in _NUMBERS:
        return pack(f"<{len(values)}{_NUMBERS[vr]}", *values)
    return "\\".join(_text(each) for each in values).encode()


def _text(value: str | float) -> str:
    return decimal(value) if isinstance(value, float) else str(value)
