"""Container, specimen and how it was prepared (PS3.3 C.7.6.22, PS3.16 TID 8001): what a laboratory knows of a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dicomanon.convert.items import code, item
from dicomanon.convert.text import clean

if TYPE_CHECKING:
    from dicomanon.convert.dataset import Dataset
    from dicomanon.convert.laboratory import Code, Laboratory

_SPECIMEN_IDENTIFIER = ("121041", "DCM", "Specimen Identifier")
_PROCESSING = ("111701", "DCM", "Processing type")
_COLLECTION = ("17636008", "SCT", "Specimen collection")
_SAMPLING = ("433465004", "SCT", "Sampling of tissue specimen")
_STAINING = ("127790008", "SCT", "Staining")
_PREPARATION = ("9265001", "SCT", "Specimen processing")
_METHOD = ("111704", "DCM", "Sampling Method")
_PARENT = ("111705", "DCM", "Parent Specimen Identifier")
_SECTION = ("434472006", "SCT", "Block sectioning")
_SUBSTANCE = ("424361007", "SCT", "Using substance")
_FIXATIVE = ("430864009", "SCT", "Tissue Fixative")
_EMBEDDING = ("430863003", "SCT", "Embedding medium")
_COLLECTION_METHOD = ("17636008", "SCT", "Specimen collection")


def specimen(lab: Laboratory, identifier: str, uid: str) -> Dataset:
    """Return the one item of Specimen Description Sequence; the issuer is not known, nor guessed."""
    found = item(
        SpecimenIdentifier=identifier,
        SpecimenUID=uid,
        IssuerOfTheSpecimenIdentifierSequence=[],
        SpecimenPreparationSequence=list(_steps(lab, identifier)),
    )
    if lab.specimen_type:
        found.SpecimenTypeCodeSequence = [code(*lab.specimen_type)]
    if lab.specimen_description:
        found.SpecimenShortDescription = clean(lab.specimen_description, 64)
    if lab.anatomic_site:
        found.PrimaryAnatomicStructureSequence = [code(*lab.anatomic_site)]
    return found


def _steps(lab: Laboratory, identifier: str) -> list[Dataset]:
    """Return the steps in their order: collected, fixed and embedded, cut from its block, stained."""
    steps = []
    part = lab.part_identifier or lab.block_identifier
    if lab.collection_method and part:
        steps.append(_step(part, _COLLECTION, _coded(_COLLECTION_METHOD, lab.collection_method)))
    substances = [
        _coded(name, value)
        for name, value in ((_FIXATIVE, lab.fixative), (_EMBEDDING, lab.embedding))
        if value
    ]
    if substances:
        steps.append(_step(lab.block_identifier or identifier, _PREPARATION, *substances))
    if lab.block_identifier:
        parent = _text(_PARENT, lab.block_identifier)
        steps.append(_step(identifier, _SAMPLING, _coded(_METHOD, _SECTION), parent))
    if lab.stains:
        steps.append(_step(identifier, _STAINING, *(_coded(_SUBSTANCE, stain) for stain in lab.stains)))
    return steps


def _step(identifier: str, kind: Code, *contents: Dataset) -> Dataset:
    whose = _text(_SPECIMEN_IDENTIFIER, identifier)
    return item(SpecimenPreparationStepContentItemSequence=[whose, _coded(_PROCESSING, kind), *contents])


def _coded(name: Code, value: Code) -> Dataset:
    return _content("CODE", name, ConceptCodeSequence=[code(*value)])


def _text(name: Code, value: str) -> Dataset:
    return _content("TEXT", name, TextValue=clean(value, 64))


def _content(kind: str, name: Code, **value: Any) -> Dataset:
    return item(ValueType=kind, ConceptNameCodeSequence=[code(*name)], **value)
