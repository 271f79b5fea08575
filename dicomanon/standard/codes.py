"""Public vocabularies (PS3.16 8): what a code of each looks like, and what the codes of PS3.16 mean."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from dicomanon.standard.check_digits import ends_as_luhn_says, ends_as_verhoeff_says
from dicomanon.standard.stored import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SNOMED = r"(?:[ACFGJLMST]|[DPR][0-9A-F]?)-[0-9A-F]{4,6}"
"""Codes that SNOMED had before they were numbers: an axis, of three axes a chapter too, and a place there."""
_IN_BRACKETS = (
    r"in_i|ft_i|yd_i|mi_i|lb_av|oz_av|degF|pH|[iI]U|arb'U|hnsf'U|wood'U|PRU|[CFP]FU|Ch|diop|car_m"
    r"|pp(?:m|b|th|tr)|10{0,3}"
)
"""Units of UCUM that are none of the metric system, as far as images need them; any other word there is free text."""
_UNIT = (
    r"(?:[YZEPTGMkhdcmunpfazy]|da|Ki|Mi|Gi)?(?:[mgsKCNJWAVFSTHlLtuRUGPb]|rad|cd|mol|sr|Hz|Pa|Ohm|Wb|lm|lx|Bq|Gy|Sv|bar|eV"
    r"|kat|Ci|Cel|osm|eq|dB|dyn|erg|Np|bit|By|Bd|pixel|px)"
    r"|min|h|d|a|wk|mo|deg|'|''|%|10[*^]-?\d{1,2}|10{0,4}|24"
    rf"|\[(?:{_IN_BRACKETS})\]|[cm]?m\[(?:Hg|H2O)\]"
)
_UCUM = rf"/?(?:{_UNIT})(?:[+-]?\d)?(?:[./](?:{_UNIT})(?:[+-]?\d)?){{0,5}}"

SCHEMES: Mapping[str, str] = {
    "99SDM": _SNOMED,
    "ACR": r"\d{1,4}(?:\.\d{1,6})?",
    "BARI": r"\d{1,3}",
    "C4": r"\d{4}[0-9A-Z]",
    "C5": r"\d{4}[0-9A-Z]",
    "CADSR": r"\d{1,9}",
    "DCM": r"\d{4,6}",
    "FMA": r"\d{1,7}",
    "HPC": r"[A-Z]\d{4}",
    "I10": r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?",
    "I10C": r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?",
    "I10P": r"\d[0-9A-HJ-NP-Z]{6}",
    "I9": r"[EV]?\d{2,3}(?:\.\d{1,2})?",
    "I9C": r"[EV]?\d{2,3}(?:\.\d{1,2})?",
    "IBSI": r"(?=[A-Z]*\d)[0-9A-Z]{3,4}",
    "ICDO3": r"C\d{2}(?:\.\d)?|\d{4}/\d{1,2}",
    "ISO3166_1": r"[A-Z]{2,3}",
    "ISO639_1": r"[a-z]{2}",
    "ISO639_2": r"[a-z]{3}",
    "ITIS_TSN": r"\d{1,7}",
    "LN": r"(?:LA|LP)?\d{1,6}-\d",
    "MDC": r"\d{1,3}: ?\d{1,6}",
    "MSH": r"[A-Z]\d{6,9}",
    "NCDR [2.0b]": r"\d{1,5}",
    "NCIt": r"C\d{2,7}",
    "NDC": r"\d{4,5}-\d{3,4}-\d{1,2}",
    "NEU": r"\d{1,5}",
    "PUBCHEM_CID": r"\d{1,9}",
    "RADELEMENT": r"RDES?\d{1,6}(?:\.\d{1,3})?",
    "RADLEX": r"RID\d{1,6}",
    "RFC3066": r"[a-z]{2,3}(?:-[A-Z]{2})?",
    "RFC5646": r"[a-z]{2,3}(?:-[A-Z]{2})?",
    "RXNORM": r"\d{1,8}",
    "SCT": r"[1-9]\d{2,14}[01]0\d",
    "SDM": _SNOMED,
    "SNM3": _SNOMED,
    "SRT": _SNOMED,
    "UBERON": r"\d{7}",
    "UCUM": _UCUM,
    "UMLS": r"C\d{7}",
}
"""Coding Scheme Designators of PS3.16 Table 8-1 and the form of their codes; other schemes can say anything.

A concept of SNOMED CT has 00 or 10 in front of its check digit (partition identifier).
"""
RETIRED_SCHEMES = ("SRT", "SNM3", "99SDM", "SDM")
"""Designators of SNOMED before its concepts were numbered."""
PUBLIC_SCHEMES = frozenset(scheme.encode() for scheme in SCHEMES)
ANNOTATIONS = ("cells", "counts", "nuclei", "pixel", "pixels", "points", "voxels")
"""What is counted in units of UCUM, beside the annotations of PS3.16; any other in curly brackets is free text."""
_ANNOTATION = re.compile(r"\{([^{}]*)\}")
_FORMS = {scheme: re.compile(form, re.ASCII).fullmatch for scheme, form in SCHEMES.items()}
_CHECKED: Mapping[str, Callable[[str], bool]] = {"LN": ends_as_luhn_says, "SCT": ends_as_verhoeff_says}


@cache
def meanings() -> Mapping[str, Mapping[str, str]]:
    """Return the meaning of the codes that PS3.16 uses, by scheme and code."""
    content = load("codes")
    return {scheme: content[scheme] for scheme in content.keys() - {"acknowledgement"}}


def is_public(code: str, scheme: str) -> bool:
    """Tell whether a code is one of a public vocabulary by its form, or one of PS3.16; no code is as good as one."""
    if scheme not in _FORMS:
        return False
    if not code or _has_form(code, scheme) or code in meanings().get(scheme, ()):
        return True
    return scheme == "UCUM" and _is_annotated(code)


def _has_form(code: str, scheme: str) -> bool:
    checked = _CHECKED.get(scheme)
    return bool(_FORMS[scheme](code)) and (checked is None or checked(code))


def _is_annotated(unit: str) -> bool:
    rest = _ANNOTATION.sub("", unit)
    return _annotations().issuperset(_ANNOTATION.findall(unit)) and bool(
        not rest or _FORMS["UCUM"](rest) or rest in meanings()["UCUM"]
    )


@cache
def _annotations() -> frozenset[str]:
    return frozenset(ANNOTATIONS).union(*map(_ANNOTATION.findall, meanings()["UCUM"]))


@cache
def _numbers() -> Mapping[str, str]:
    numbers: Mapping[str, str] = load("codes-retired")["rows"]
    return numbers


def meaning_of(code: str, scheme: str) -> str:
    """Return what PS3.16 says a code means, nothing for one that it does not use; a unit means itself."""
    if scheme in RETIRED_SCHEMES:
        scheme, code = "SCT", _numbers().get(code, "")
    known = meanings().get(scheme, {}).get(code, "")
    return known or (code if scheme == "UCUM" and is_public(code, scheme) else "")
