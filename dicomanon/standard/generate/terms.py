"""Codes of PS3.16 with their meanings, and the terms that say what a specimen is and what was done to it."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
from typing import Any

GROUPS = frozenset(
    (
        *(2, 4, 29, 33, 212, 244, 245, 3011, 4029, 4030, 4031, 4040, 6054, 6114, 6135, 6301),
        *(
            7150,
            7151,
            7159,
            7166,
            7191,
            7192,
            7600,
            7601,
            8103,
            8104,
            8109,
            8110,
            8111,
            8112,
            8113,
            8114,
            8115,
        ),
        *(8120, 8121, 8122, 8123, 8124, 8130, 8131, 8132, 8133, 8134),
    )
)
"""Anatomy, sides, modalities, findings of tissue; specimens, stains, fixatives, embedding, microscopy (PS3.16 B)."""
SCHEMES = ("SCT", "DCM")
_LETTERS = re.compile(r"[^\W\d_]{2}")
_LONGEST_MEANING = 64
"""Characters of an LO, which Code Meaning is."""
_AXIS = re.compile(r" \([a-z /]+\)")
"""What kind of concept it is, as SNOMED CT tells same names apart: "(observable entity)"."""


def terms() -> dict[str, Any]:
    """Return the code meanings of GROUPS as pydicom has them; raise ImportError without it."""
    concepts = _concepts()
    found = {
        meaning
        for scheme in SCHEMES
        for codes in concepts[scheme].values()
        for meaning, groups in codes.values()
        if not GROUPS.isdisjoint(groups) and _LETTERS.search(meaning)
    }
    return {"acknowledgement": _acknowledgement(), "rows": sorted(found)}


def codes() -> dict[str, Any]:
    """Return the meaning of each code by its scheme, the one of a context group and the shorter one of several."""
    schemes: dict[str, dict[str, str]] = {}
    for scheme, named in _concepts().items():
        found: dict[str, tuple[bool, int, str]] = {}
        for meanings in named.values():
            for code, (meaning, groups) in meanings.items():
                plain = _AXIS.sub("", meaning).replace("\u200b", "").strip()
                rank = (not groups, len(plain), plain)
                if code and plain.isascii() and len(plain) <= _LONGEST_MEANING:
                    found[code] = min(rank, found.get(code, rank))
        schemes[scheme] = {code: meaning for code, (_, _, meaning) in sorted(found.items())}
    return {"acknowledgement": _acknowledgement(), **dict(sorted(schemes.items()))}


def retired_codes() -> dict[str, Any]:
    """Return the number of each concept that PS3.16 uses by the code that SNOMED had for it before."""
    mapping = importlib.import_module("pydicom.sr._snomed_dict").mapping["SRT"]
    numbered = codes()["SCT"]
    rows = {code: now for code, now in sorted(mapping.items()) if now in numbered}
    return {"acknowledgement": _acknowledgement(), "rows": rows}


def _concepts() -> Any:
    return importlib.import_module("pydicom.sr._concepts_dict").concepts


def _acknowledgement() -> str:
    version = importlib.metadata.version("pydicom")
    return f"DICOM PS3.16, (c) NEMA, by way of pydicom {version} (MIT License)"
