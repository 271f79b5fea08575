"""What the laboratory says of an image that has a data set: it fills what is empty, and contradicts nothing."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.characters import decode, encode
from dicomanon.convert.specimen import specimen
from dicomanon.convert.text import clean
from dicomanon.convert.uids import uid
from dicomanon.errors import SlideError
from dicomanon.identifying import names_nobody
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element, pack_sequence
from dicomanon.sources import identifiers, item_of, text_of, value_of, values_of, with_elements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dicomanon.convert.laboratory import Laboratory

_CHARACTER_SET = 0x00080005
_ATTRIBUTES = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "patient_birth_date": "PatientBirthDate",
    "patient_sex": "PatientSex",
    "study_instance_uid": "StudyInstanceUID",
    "study_id": "StudyID",
    "study_date": "StudyDate",
    "accession_number": "AccessionNumber",
    "container_identifier": "ContainerIdentifier",
}
_SPECIMENS, _IDENTIFIER, _STEPS = 0x00400560, 0x00400551, 0x00400610
_OF_SPECIMEN = {
    0x00400600: ("specimen_description",),
    0x0040059A: ("specimen_type",),
    0x00082228: ("anatomic_site",),
    _STEPS: ("part_identifier", "block_identifier", "collection_method", "fixative", "embedding", "stains"),
}
"""Attributes of a specimen, and what the laboratory can say that becomes them."""

_LETTERS = "the character set of the data set lacks letters of what the table says"


def with_laboratory(elements: dict[int, bytes], lab: Laboratory, source: str) -> dict[int, bytes]:
    """Return elements with what the laboratory says in the place of empty ones; `source` is the UID of the image.

    Raises SlideError, which names the attribute, where the data set says something else.
    """
    character_set = value_of(elements.get(_CHARACTER_SET))
    for name, keyword in _ATTRIBUTES.items():
        said = getattr(lab, name)
        tag = standard.tag_of(keyword) or 0
        raw = value_of(elements.get(tag))
        if said and names_nobody(raw):
            elements[tag] = _text(tag, said, character_set)
        elif said and decode(raw, character_set).strip(" \0^") != said.strip(" ^"):
            raise _contradicted(keyword)
    names = ("specimen_identifier", *(name for each in _OF_SPECIMEN.values() for name in each))
    if any(getattr(lab, name) for name in names):
        elements[_SPECIMENS] = _specimen(elements, lab, source, character_set)
    return elements


def _contradicted(keyword: str) -> SlideError:
    return SlideError(f"{keyword} of the data set is not what the table, or an option, says of the slide")


def _text(tag: int, text: str, character_set: bytes) -> bytes:
    try:
        value = encode(text, character_set)
    except UnicodeEncodeError:
        raise SlideError(_LETTERS) from None
    return pack_element(tag, (standard.vr_of(tag) or "UN").encode(), value, EXPLICIT_LE)


def _specimen(elements: dict[int, bytes], lab: Laboratory, source: str, character_set: bytes) -> bytes:
    """Return Specimen Description Sequence with what the laboratory says of its one specimen."""
    own = identifiers(elements.get(_SPECIMENS), _IDENTIFIER)
    if len(own) > 1:
        raise SlideError("the data set has several specimens, and nobody knows which of them the table means")
    described = item_of(elements.get(_SPECIMENS))
    known = values_of(described)
    identifier = clean(lab.specimen_identifier or lab.container_identifier, 64) or next(iter(own), "")
    made = specimen(lab, identifier, uid(hashlib.sha256(source.encode()).digest(), "specimen"))
    told = values_of(made.encoded())
    if character_set.strip(b" \0") != b"ISO_IR 192" and not all(each.isascii() for each in _words(lab)):
        raise SlideError(_LETTERS)
    if not described:
        return pack_sequence(_SPECIMENS, [made.encoded()], EXPLICIT_LE)
    new: dict[int, bytes] = {}
    if lab.specimen_identifier:
        if names_nobody(value_of(known.get(_IDENTIFIER))):
            new[_IDENTIFIER] = told[_IDENTIFIER]
        elif text_of(known.get(_IDENTIFIER)) != identifier:
            raise _contradicted("SpecimenIdentifier")
    for tag, names in _OF_SPECIMEN.items():
        if not any(getattr(lab, name) for name in names) or tag not in told:
            continue
        if value_of(known.get(tag)).strip(b" \0") and known[tag] != told[tag]:
            raise _contradicted(standard.keyword_of(tag) or "a specimen")
        new[tag] = told[tag]
    return pack_sequence(_SPECIMENS, [with_elements(described, new)], EXPLICIT_LE)


def _words(lab: Laboratory) -> Iterable[str]:
    yield from (
        lab.specimen_identifier,
        lab.container_identifier,
        lab.part_identifier,
        lab.block_identifier,
        lab.specimen_description,
    )
    for each in (lab.specimen_type, lab.anatomic_site, lab.collection_method, lab.fixative, lab.embedding):
        yield from each or ()
    for each in lab.stains:
        yield from each
