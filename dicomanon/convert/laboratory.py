"""What the laboratory knows of a slide and the scanner does not: patient, case, block, stain."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from dicomanon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Code = tuple[str, str, str]
"""Code Value, Coding Scheme Designator, Code Meaning."""
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_DATE = re.compile(r"(?:\d{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))?")
_CODES = ("specimen_type", "anatomic_site", "collection_method", "fixative", "embedding")
_LONGEST = {"study_id": 16, "accession_number": 16}


@dataclass(frozen=True, slots=True)
class Laboratory:
    """Identified values for the header; what is not given stays empty (Type 2) or comes from the slide.

    Dates are YYYYMMDD. Raises UsageError, which names the field and never its value.
    """

    patient_id: str = ""
    patient_name: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    study_instance_uid: str = ""
    study_id: str = ""
    study_date: str = ""
    accession_number: str = ""
    container_identifier: str = ""
    specimen_identifier: str = ""
    part_identifier: str = ""
    block_identifier: str = ""
    specimen_description: str = ""
    specimen_type: Code | None = None
    anatomic_site: Code | None = None
    collection_method: Code | None = None
    fixative: Code | None = None
    embedding: Code | None = None
    stains: tuple[Code, ...] = ()

    def __post_init__(self) -> None:
        uid = self.study_instance_uid
        if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
            raise UsageError("the Study Instance UID is not a UID")
        for name in ("patient_birth_date", "study_date"):
            if not _DATE.fullmatch(getattr(self, name)):
                raise UsageError(f"{name} is no date of the form YYYYMMDD")
        if self.patient_sex not in ("", "M", "F", "O"):
            raise UsageError("patient_sex is M, F, O or nothing")
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str) and (len(value) > _LONGEST.get(each.name, 64) or not _plain(value)):
                raise UsageError(f"{each.name} is too long, or has characters that a DICOM value cannot have")


def _plain(text: str) -> bool:
    return text.isprintable() and "\\" not in text


COLUMNS = tuple(each.name for each in fields(Laboratory))
"""What a side file may say of a slide."""


def said(values: Mapping[str, str], base: Laboratory | None = None) -> Laboratory:
    """Return what texts say, over `base`; empty ones say nothing. Raises UsageError for what is unknown or wrong."""
    unknown = sorted(set(values) - set(COLUMNS))
    if unknown:
        raise UsageError(f"nothing is known of {', '.join(unknown)}; there are {', '.join(COLUMNS)}")
    found: dict[str, object] = {}
    for name, text in values.items():
        if not text.strip():
            continue
        if name == "stains":
            found[name] = tuple(code_of(part, name) for part in text.split(";") if part.strip())
        else:
            found[name] = code_of(text, name) if name in _CODES else text.strip()
    return replace(base or Laboratory(), **found)  # type: ignore[arg-type]  # each by the type of its name


def code_of(text: str, name: str) -> Code:
    """Return a code written as `SCT:12710003:hematoxylin stain`; raise UsageError."""
    scheme, first, rest = text.strip().partition(":")
    value, second, meaning = rest.partition(":")
    parts = (value.strip(), scheme.strip(), meaning.strip())
    sizes = (16, 16, 64)
    if not (first and second and all(parts)) or any(
        len(part) > most or not _plain(part) for part, most in zip(parts, sizes, strict=True)
    ):
        raise UsageError(f"{name} is a code of the form SCT:12710003:hematoxylin stain")
    return parts
