"""What of a text that stays may stay: numbers, sizes, and words that everybody knows; any other word becomes X."""

from __future__ import annotations

import re
from functools import cache

from dicomanon.sources import catalogue

FORMATS = ("aperio", "hamamatsu")
"""Formats whose descriptions are lines of words; the others say what they keep in places of their own."""
_WORD = re.compile(rb"[^\s\[\](),;/|=]+")
_NUMBER = re.compile(
    rb"[-+]?\d{1,7}(?:\.\d{1,9})?(?:[eE][-+]?\d{1,3})?%?(?:um|nm|mm)?"
    rb"|\d{1,7}x\d{1,7}|->|-|[vV]?\d{1,2}(?:\.\d{1,3}){1,3}"
)
_KNOWN = frozenset(
    b"Aperio Image Library Leica Biosystems ScanScope AT AT2 CS CS2 GT GT450 DX FL LV1 VERSA T2 T3 XT OS "
    b"JPEG JPEG2000 J2K "
    b"KDU RGB YCC YCbCr BGR Q label macro thumbnail Hamamatsu NanoZoomer NDP.scan NDP.S C9600 C9600-02 C9600-12 C10730 "
    b"C10730-12 C12000 C12000-02 C13210 C13220 C13239 C13140 C14920 C16300 S20 S60 S210 S360 XR XT2 RS HT SQ".split()
)


@cache
def _names(name: str) -> frozenset[bytes]:
    """Return the words of the names of fields that the catalogue of a format knows."""
    places = (place.partition("/")[2].encode() for place in catalogue(name))
    return frozenset(word for place in places for word in _WORD.findall(place))


def kept_words(name: str, text: bytes, *, with_names: bool = False) -> bytes:
    """Return a text with X for each word that is not known; `with_names` knows the names of fields too."""
    known = _KNOWN | (_names(name) if with_names else frozenset())

    def one(found: re.Match[bytes]) -> bytes:
        word = found[0]
        if word in known or _NUMBER.fullmatch(word):
            return word
        return bytes(byte and 0x58 for byte in word)

    return _WORD.sub(one, text)
