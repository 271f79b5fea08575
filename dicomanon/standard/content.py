"""PS3.15 Table E.3.4-1 (concepts of structured content), Table E.1-1a (action codes) and PS3.16 CID 7050."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from dicomanon.standard.stored import load

if TYPE_CHECKING:
    from collections.abc import Mapping

DEIDENTIFICATION_METHODS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "basic": ("113100", "Basic Application Confidentiality Profile"),
        "clean-pixel-data": ("113101", "Clean Pixel Data Option"),
        "clean-recognizable-visual-features": ("113102", "Clean Recognizable Visual Features Option"),
        "clean-graphics": ("113103", "Clean Graphics Option"),
        "clean-structured-content": ("113104", "Clean Structured Content Option"),
        "clean-descriptors": ("113105", "Clean Descriptors Option"),
        "retain-full-dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
        "retain-modified-dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
        "retain-patient-characteristics": ("113108", "Retain Patient Characteristics Option"),
        "retain-device-identity": ("113109", "Retain Device Identity Option"),
        "retain-uids": ("113110", "Retain UIDs Option"),
        "retain-safe-private": ("113111", "Retain Safe Private Option"),
        "retain-institution-identity": ("113112", "Retain Institution Identity Option"),
    }
)
"""CID 7050: code value and meaning (scheme DCM) by the keyword of the profile or option."""

COLUMN_OF_OPTION: Mapping[str, str] = MappingProxyType(
    {
        "retain-safe-private": "retainSafePrivate",
        "retain-uids": "retainUIDs",
        "retain-device-identity": "retainDeviceIdentity",
        "retain-institution-identity": "retainInstitutionIdentity",
        "retain-patient-characteristics": "retainPatientCharacteristics",
        "retain-full-dates": "retainLongitudinalFullDates",
        "retain-modified-dates": "retainLongitudinalModifiedDates",
        "clean-descriptors": "cleanDescriptors",
        "clean-structured-content": "cleanStructuredContent",
        "clean-graphics": "cleanGraphics",
    }
)
"""Column of Table E.1-1 by the keyword of its option; the two options on pixels have none."""


@dataclass(frozen=True, slots=True)
class Concept:
    """One row of Table E.3.4-1: what to do with a content item of this concept name and value type.

    `basic` and the values of `options` are action codes; keys of `options` are columns of Table E.1-1.
    """

    code_value: str
    scheme: str
    meaning: str
    value_type: str
    retired: bool
    in_standard_template: bool
    basic: str
    options: Mapping[str, str]


@cache
def concepts() -> Mapping[tuple[str, str], tuple[Concept, ...]]:
    """Return all concepts by (code value, coding scheme designator); some have a row per value type.

    SNOMED concepts are also found by the codes and designators they had before (SRT, SNM3, 99SDM), as
    E.3.4 asks.
    """
    content = load("e3-4-1")
    found: dict[tuple[str, str], tuple[Concept, ...]] = {}
    for code_value, scheme, meaning, value_type, retired, standard, basic, options in content["rows"]:
        concept = Concept(
            code_value, scheme, meaning, value_type, retired, standard, basic, MappingProxyType(options)
        )
        names = [(code_value, scheme)]
        earlier = content["earlier"].get(code_value) if scheme == "SCT" else None
        if earlier:
            names += [(earlier, designator) for designator in ("SRT", "SNM3", "99SDM")]
        for name in names:
            found[name] = (*found.get(name, ()), concept)
    return MappingProxyType(found)


def concept_for(code_value: str, scheme: str, value_type: str) -> Concept | None:
    """Return the row for a content item, or None where the table is silent."""
    for concept in concepts().get((code_value, scheme), ()):
        if concept.value_type == value_type:
            return concept
    return None


@cache
def action_code_meanings() -> Mapping[str, str]:
    """Return the meaning of each action code, in the words of Table E.1-1a."""
    return MappingProxyType(dict(load("e1-1a")["rows"]))
