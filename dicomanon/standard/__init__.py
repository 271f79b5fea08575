"""The standard's tables as data; nothing is read before it is asked for, and then once.

DICOM PS3.15 2026d, PS3.6 2026c, PS3.3 2026b, (c) NEMA. Tags are integers 0xGGGGEEEE.
"""

from __future__ import annotations

from dicomanon.standard.content import (
    COLUMN_OF_OPTION,
    DEIDENTIFICATION_METHODS,
    Concept,
    action_code_meanings,
    concept_for,
    concepts,
)
from dicomanon.standard.dictionary import Entry, entry_for, keyword_of, name_of, tag_of, vr_of, vrs_of
from dicomanon.standard.iods import Iod, IodNode, iod_for, sop_classes
from dicomanon.standard.private import SafePrivate, safe_private, safe_private_for
from dicomanon.standard.stored import ACKNOWLEDGEMENT, EDITION
from dicomanon.standard.table import OPTION_COLUMNS, PRIVATE, Row, row_for, rows

__all__ = [
    "ACKNOWLEDGEMENT",
    "COLUMN_OF_OPTION",
    "DEIDENTIFICATION_METHODS",
    "EDITION",
    "OPTION_COLUMNS",
    "PRIVATE",
    "Concept",
    "Entry",
    "Iod",
    "IodNode",
    "Row",
    "SafePrivate",
    "action_code_meanings",
    "concept_for",
    "concepts",
    "entry_for",
    "iod_for",
    "keyword_of",
    "name_of",
    "row_for",
    "rows",
    "safe_private",
    "safe_private_for",
    "sop_classes",
    "tag_of",
    "vr_of",
    "vrs_of",
]
