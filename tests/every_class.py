"""An object of every SOP Class that has an IOD table: all attributes of the IOD, identifiers in every text place."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID

from dicomanon import standard
from dicomanon.profile import load_profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.standard import IodNode

ROOT = "1.2.826.0.1.3680043.10.1947.88."
DAY, CLOCK = "20210317", "091733.731"
DEEPEST = 2
"""Below that only what an item cannot do without: functional groups and content trees nest without end."""
TEXTS: Mapping[str, int] = {
    "AE": 16,
    "LO": 64,
    "LT": 64,
    "PN": 64,
    "SH": 16,
    "ST": 64,
    "UC": 64,
    "UR": 64,
    "UT": 64,
}
FIXED: Mapping[str, object] = {
    "AS": "067Y",
    "CS": "",
    "DA": DAY,
    "DS": "1",
    "DT": DAY + CLOCK,
    "FD": 1.0,
    "FL": 1.0,
    "IS": "1",
    "SL": 1,
    "SS": 1,
    "TM": CLOCK,
    "UL": 1,
    "US": 1,
    "AT": 0x00100010,
}
BYTES = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
SHAPE: Mapping[int, int] = {
    0x00280002: 1,
    0x00280010: 2,
    0x00280011: 2,
    0x00280100: 8,
    0x00280101: 8,
    0x00280102: 7,
    0x00280103: 0,
}
SAID_BY_US = frozenset(
    (0x00120062, 0x00120063, 0x00120064, 0x00280303, 0x0018A001, 0x00080005, 0x00287FE0, 0x00280006)
)
"""What de-identification says of itself, and what says how to read the rest."""
NOT_MADE = frozenset(
    (0x00282000, 0x00020010, 0x7FE00001, 0x7FE00002, 0x7FE00003, 0xFFFAFFFA, 0xFFFCFFFC, 0x04000550)
)


def planted_object(sop_class: str) -> Dataset:
    """Return an object that has every attribute of its IOD, to a depth, each text with a value of its own."""
    iod = standard.iod_for(sop_class)
    assert iod is not None
    maker = _Maker(sop_class)
    made = maker.items(iod.root.children, 0)
    if "ContentSequence" in made:
        made.ContentSequence = maker.content()
        made.ValueType, made.ContinuityOfContent = "CONTAINER", "SEPARATE"
        for keyword in ("TextValue", "PersonName", "UID", "Date", "Time", "DateTime", "ConceptCodeSequence"):
            made.pop(keyword, None)
    made.SOPClassUID = UID(sop_class)
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    _pixels(made, iod.root.children)
    return made


def _pixels(made: Dataset, children: Mapping[int, IodNode]) -> None:
    have = [tag for tag in PIXELS if tag in children]
    if not have:
        return
    tag = have[-1]
    bits = {0x7FE00008: 32, 0x7FE00009: 64}.get(tag, 8)
    for each, value in {**SHAPE, 0x00280100: bits}.items():
        made.add_new(each, "US", value)
    if 0x00280008 in children:
        made.NumberOfFrames = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.BurnedInAnnotation = "NO"
    if "SpecimenLabelInImage" in made:
        made.SpecimenLabelInImage = "NO"
    made.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    made.add_new(tag, {0x7FE00008: "OF", 0x7FE00009: "OD"}.get(tag, "OB"), bytes(4 * bits // 8))


def _public() -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = "121071", "DCM", "Finding"
    return made


class _Maker:
    """Gives out values: one number a value, so that no two are the same."""

    def __init__(self, sop_class: str) -> None:
        self._profile = load_profile("basic")
        self._class = sop_class
        self._count = 0

    def items(self, children: Mapping[int, IodNode], depth: int) -> Dataset:
        made = Dataset()
        for tag, node in sorted(children.items()):
            if tag in NOT_MADE or tag in SAID_BY_US or tag in PIXELS or tag >> 16 in range(0x6000, 0x6020):
                continue
            vr = standard.vr_of(tag) or "UN"
            if vr in ("SV", "UV"):
                continue  # the validator cannot read them
            if vr == "SQ":
                if depth < DEEPEST or (node.type == "1" and depth < 2 * DEEPEST):
                    made.add_new(tag, "SQ", [self.items(node.children, depth + 1)])
                continue
            if depth <= DEEPEST or node.type[0] in "12":
                made.add_new(tag, vr, self._value(tag, vr))
        if "CodeValue" in made:
            for each in [element.tag for element in made if element.keyword != "ContextUID"]:
                del made[each]
            made.update(_public())
        return made

    def content(self) -> list[Dataset]:
        """Return content items that any tree may have: a text, a person, a code, a container."""
        named = [
            ("TEXT", "TextValue", "UT"),
            ("PNAME", "PersonName", "PN"),
            ("CODE", "", ""),
            ("CONTAINER", "", ""),
        ]
        made = []
        for value_type, keyword, vr in named:
            item = Dataset()
            item.RelationshipType = "CONTAINS" if value_type == "CONTAINER" else "HAS OBS CONTEXT"
            item.ValueType = value_type
            item.ConceptNameCodeSequence = [_public()]
            if keyword:
                setattr(item, keyword, self._value(tag_for_keyword(keyword) or 0, vr))
            made.append(item)
        made[2].ConceptCodeSequence = [_public()]
        made[3].ContinuityOfContent = "SEPARATE"
        return made

    def _value(self, tag: int, vr: str) -> object:
        self._count += 1
        number = self._count
        if tag == 0x00080016:
            return self._class
        if vr == "UI":
            return "1.2.840.10008.5.1.4.1.1.2" if self._kept(tag, vr) else f"{ROOT}{number}"
        if vr in TEXTS:
            if self._kept(tag, vr):
                return "KEPT"
            return f"CANARY^P{number}" if vr == "PN" else f"CANARY{number}"
        if vr in BYTES:
            return struct.pack("<8x")
        return FIXED[vr]

    def _kept(self, tag: int, vr: str) -> bool:
        return self._profile.rule_for(tag, vr).code == "K"
