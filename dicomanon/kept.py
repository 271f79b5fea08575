"""Whether a value that a rule keeps is what it should be: a place for a code or a number is no place for a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dicomanon import standard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Passes = Callable[[bytes, int, int], object]

CHARACTER_SET_TAG = 0x00080005
IMAGE_GROUP = 0x0028
"""What says how to read the pixels: a dummy there would make another image of them."""

WIDTHS: Mapping[bytes, int] = {
    b"AT": 4,
    b"FD": 8,
    b"FL": 4,
    b"SL": 4,
    b"SS": 2,
    b"SV": 8,
    b"UL": 4,
    b"US": 2,
    b"UV": 8,
}
"""Bytes of one value (PS3.5 6.2)."""

_DAY = rb"[0-9]{4}[.:\-]?(?:0[1-9]|1[0-2])[.:\-]?(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = rb"(?:[01][0-9]|2[0-3])(?::?[0-5][0-9](?::?(?:[0-5][0-9]|60)(?:\.[0-9]{0,6})?)?)?"
_OFFSET = rb"(?:[+\-](?:0[0-9]|1[0-4])[0-5][0-9])?"
_ONE: Mapping[bytes, bytes] = {
    b"AS": rb"(?:[0-9]{3}[DWMY])?+",
    b"CS": rb"[A-Z0-9 _]{0,16}+",
    b"DA": b"(?:" + _DAY + b"(?:-" + _DAY + b")?)?+",
    b"DS": rb"[0-9+\-.eE ]{0,24}+",
    b"DT": b"(?:(?:" + _DAY + b"(?:" + _CLOCK + b")?|[0-9]{4}(?:0[1-9]|1[0-2])?)" + _OFFSET + b")?+",
    b"IS": rb"[0-9+\-.eE ]{0,12}+",
    b"TM": b"(?:" + _CLOCK + b"(?:-" + _CLOCK + b")?)?+",
}
"""One value without its padding (PS3.5 6.2).

DS has room for a double in full, which many programs write in spite of the 16 characters allowed; dates and times for
a range and the separators of ACR-NEMA.
"""

_TERM = (
    rb" *(?:ISO_IR (?:6|13|100|101|109|110|126|127|138|144|148|166|192|203)|GB18030|GBK"
    rb"|ISO 2022 IR (?:6|13|58|87|100|101|109|110|126|127|138|144|148|149|159|166|203))? *"
)
"""Defined Terms of Specific Character Set (PS3.3 C.12.1.1.2), and the default repertoire by its old name."""
_CHARACTER_SETS = re.compile(_TERM + rb"(?:\\" + _TERM + rb")*\0?").fullmatch

REGISTRIES: Mapping[str, str] = {
    "1.2.840.10065.1.12": "ASTM E 2084",
    "1.3.6.1.4.1.19376.1.8.2.1": "PathLex",
    "2.16.1": "ISO 3166-1",
    "2.16.840.1.113883.15.2": "NBD",
    "2.16.840.1.113883.15.3": "NBG",
    "2.16.840.1.113883.2.1.3.2.4.21": "NICIP",
    "2.16.840.1.113883.3.26.1.1": "NCI Thesaurus",
    "2.16.840.1.113883.3.26.2": "caDSR",
    "2.16.840.1.113883.6.1": "LOINC",
    "2.16.840.1.113883.6.100": "ISO 639-2",
    "2.16.840.1.113883.6.119": "FMA",
    "2.16.840.1.113883.6.12": "CPT-4",
    "2.16.840.1.113883.6.121": "RFC 3066",
    "2.16.840.1.113883.6.13": "CDT-2",
    "2.16.840.1.113883.6.14": "HCPCS",
    "2.16.840.1.113883.6.177": "MeSH",
    "2.16.840.1.113883.6.2": "ICD-9-CM",
    "2.16.840.1.113883.6.210": "NeuroNames",
    "2.16.840.1.113883.6.24": "MDC",
    "2.16.840.1.113883.6.256": "RadLex",
    "2.16.840.1.113883.6.3": "ICD-10",
    "2.16.840.1.113883.6.316": "RFC 5646",
    "2.16.840.1.113883.6.4": "ICD-10-PCS",
    "2.16.840.1.113883.6.42": "ICD-9",
    "2.16.840.1.113883.6.43.1": "ICD-O-3",
    "2.16.840.1.113883.6.50": "POS",
    "2.16.840.1.113883.6.51": "SNOMED V3",
    "2.16.840.1.113883.6.53": "SDM",
    "2.16.840.1.113883.6.55": "UPC",
    "2.16.840.1.113883.6.6": "Clinical Terms Version 3",
    "2.16.840.1.113883.6.69": "National Drug Code Directory",
    "2.16.840.1.113883.6.76": "ACR Index",
    "2.16.840.1.113883.6.8": "UCUM",
    "2.16.840.1.113883.6.82": "CPT-5",
    "2.16.840.1.113883.6.86": "UMLS",
    "2.16.840.1.113883.6.88": "RxNorm",
    "2.16.840.1.113883.6.90": "ICD-10-CM",
    "2.16.840.1.113883.6.96": "SNOMED CT",
    "2.16.840.1.113883.6.99": "ISO 639-1",
}
"""Coding schemes of PS3.16 Table 8-1 whose UIDs are not under the root of the standard: the same for everybody."""
_REGISTERED = (
    rb"(?:1\.2\.840\.10008(?:\.[0-9]{1,4}){0,11}+|" + "|".join(map(re.escape, REGISTRIES)).encode() + rb")?"
)
"""A UID of the standard has components of up to four digits: a longer number is one that somebody hides there."""


_LANDMARKS = (
    *(
        "SLIDE_CORNER",
        "CORNEAL_VERTEX_R",
        "CORNEAL_VERTEX_L",
        "ILIAC CREST",
        "ORBITAL MEDIAL",
        "STERNAL NOTCH",
    ),
    *(
        "SYMPHYSIS PUBIS",
        "XIPHOID",
        "LOWER COSTAL MARGIN",
        "EXTERNAL AUDITORY MEATUS",
        "NASION",
        "VERTEX",
        "BB",
    ),
    *("AC", "EM", "IC", "LM", "NA", "NASION", "OM", "SN", "SP", "VX", "XP", "XY"),
)
"""PS3.3 C.7.4.1.1.2 and C.8.12.2.1.1, and what scanners write for them."""
_BY_TAG: Mapping[int, bytes] = {
    0x00080103: rb"(?:[0-9]{1,8}(?:[.\-][0-9]{1,4}){0,3}[a-z]?)?",  # of a coding scheme of PS3.16: number or date
    0x00080105: b"(?:DCMR|SDM)?",  # Mapping Resource (PS3.3 8.4)
    0x0008010F: b"[0-9]{0,5}",  # Context Identifier: one of PS3.16 has a number, one of a site a name
    0x00201040: b"(?:(?i:" + "|".join(_LANDMARKS).encode() + b"))?",  # Position Reference Indicator
    0x0040DB00: b"[0-9]{0,5}",  # Template Identifier
}
"""What text may say where the standard has terms for it, or numbers."""


class Check(NamedTuple):
    """How the kept values of one attribute are checked.

    `passes` takes a buffer and where the value starts and ends; what it answers is true where the value may stay.
    `demanded` says that nothing can stand in for the value; `searched` is the VR as which one that fails is
    remembered: what is written in it is text, whatever it should be.
    """

    passes: Passes
    demanded: bool
    searched: bytes


def check_for(tag: int, vr: bytes, *, registered: bool = False) -> Check | None:
    """Return the check of a kept attribute, or None where its VR allows any text or bytes.

    With `registered`, UIDs are checked too: only those that the standard or a public registry defines pass.
    """
    demanded = tag == CHARACTER_SET_TAG or tag >> 16 == IMAGE_GROUP
    if tag == CHARACTER_SET_TAG:
        return Check(_CHARACTER_SETS, demanded, b"LO")
    most = most_values(tag)
    if tag in _BY_TAG:
        return Check(_text(_BY_TAG[tag], most), demanded, b"LO")
    if vr == b"UI":
        return Check(_text(_REGISTERED, most), demanded, b"UI") if registered else None
    width = WIDTHS.get(vr)
    if width is not None:
        return Check(_whole(width, most), demanded, b"UN")
    one = _ONE.get(vr)
    return Check(_text(one, most), demanded, b"LO") if one is not None else None


def most_values(tag: int) -> int | None:
    """Return how many values PS3.6 allows, or None where there is no end to them or the attribute is unknown."""
    entry = standard.entry_for(tag)
    last = entry.vm.rpartition("-")[2] if entry else ""
    return int(last) if last.isdigit() and entry and "n" not in entry.vm else None


def _whole(width: int, most: int | None) -> Passes:
    if most is None:
        return lambda _buffer, start, end: not (end - start) % width
    fine = frozenset(range(0, width * most + 1, width))
    return lambda _buffer, start, end: end - start in fine


def _text(one: bytes, most: int | None) -> Passes:
    more = b"" if most is None else str(most - 1).encode()
    one = b" *+" + one + b" *+"
    return re.compile(one + rb"(?:\\" + one + b"){0," + more + rb"}+\0?").fullmatch
