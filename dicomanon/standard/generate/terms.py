"""Terms of PS3.16 context groups that say what a specimen is, where it is from and what was done to it."""

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


def terms() -> dict[str, Any]:
    """Return the code meanings of GROUPS as pydicom has them; raise ImportError without it."""
    concepts = importlib.import_module("pydicom.sr._concepts_dict").concepts
    found = {
        meaning
        for scheme in SCHEMES
        for codes in concepts[scheme].values()
        for meaning, groups in codes.values()
        if not GROUPS.isdisjoint(groups) and _LETTERS.search(meaning)
    }
    version = importlib.metadata.version("pydicom")
    return {
        "acknowledgement": f"DICOM PS3.16, (c) NEMA, by way of pydicom {version} (MIT License)",
        "rows": sorted(found),
    }
