"""Attribute Types at their paths in the IODs."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from dicomanon import standard

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.standard import IodNode

WSI = "1.2.840.10008.5.1.4.1.1.77.1.6"
COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
CT = "1.2.840.10008.5.1.4.1.1.2"
CONTENT_SEQUENCE = 0x0040A730


def node_at(sop_class_uid: str, path: str) -> IodNode:
    iod = standard.iod_for(sop_class_uid)
    assert iod is not None
    node = iod.root
    for keyword in path.split("/"):
        tag = standard.tag_of(keyword)
        assert tag is not None
        node = node.children[tag]
    return node


def test_each_listed_path_of_a_slide_has_its_type(standard_folder: Path) -> None:
    with (standard_folder / "wsi-iod-resolved.csv").open(newline="") as file:
        expected = {row["path"]: row["type"] for row in csv.DictReader(file)}

    assert len(expected) == 419
    assert {path: node_at(WSI, path).type for path in expected} == expected


def test_every_path_of_a_slide_has_its_type(standard_folder: Path) -> None:
    rows = json.loads((standard_folder / "wsi-iod-resolved.json").read_text())["rows"]
    expected = {row["path"]: row["type"] for row in rows}

    assert len(expected) == 5059
    assert {path: node_at(WSI, path).type for path in expected} == expected


@pytest.mark.parametrize(
    ("path", "kind", "conditional"),
    [
        ("ContainerIdentifier", "1", False),
        ("SpecimenDescriptionSequence/SpecimenPreparationSequence", "2", False),
        ("ContentDate", "1", False),
        ("BarcodeValue", "2", True),
        ("PyramidUID", "1", True),
        ("SOPInstanceUIDOfConcatenationSource", "1C", False),
        ("FrameExtractionSequence/MultiFrameSourceSOPInstanceUID", "1", True),
        ("OpticalPathSequence/OpticalPathIdentifier", "1", False),
    ],
)
def test_the_strictest_module_decides_and_optional_modules_are_marked(
    path: str,
    kind: str,
    conditional: bool,  # noqa: FBT001  a parameter of the table above
) -> None:
    node = node_at(WSI, path)

    assert (node.type, node.conditional) == (kind, conditional)


def test_content_of_a_report_resolves_at_any_depth() -> None:
    node = node_at(COMPREHENSIVE_3D_SR, "ContentSequence")
    for _ in range(50):
        node = node.children[CONTENT_SEQUENCE]

    assert node.children[0x0040A160].type == "1C"
    assert node.children[0x0040A010].type == "1"


def test_overlays_of_all_sixteen_groups_are_in_an_image() -> None:
    iod = standard.iod_for(CT)

    assert iod is not None
    assert {tag >> 16 for tag in iod.root.children if tag & 0xFFFF == 0x3000} == set(range(0x6000, 0x6020, 2))


def test_a_private_or_unknown_sop_class_has_no_iod() -> None:
    assert standard.iod_for("1.2.3.4") is None
    assert standard.iod_for("") is None


def test_every_storage_class_has_an_iod_that_carries_identity() -> None:
    assert len(standard.sop_classes()) == 180
    for uid in standard.sop_classes():
        iod = standard.iod_for(uid)
        assert iod is not None
        if iod.name != "basic-directory":
            assert iod.root.children[0x00080018].type == "1", iod.name


def test_modules_nobody_has_tables_for_are_named() -> None:
    missing = {}
    for uid in standard.sop_classes():
        iod = standard.iod_for(uid)
        if iod is not None and iod.missing:
            missing[iod.name] = iod.missing

    assert set(missing) == {"waveform-presentation-state", "waveform-acquisition-presentation-state"}
