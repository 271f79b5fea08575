"""Every SOP Class that has an IOD table: nothing is left of what was planted, and no error is new."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon import standard
from dicomanon.errors import UnsupportedError
from dicomanon.objects import KINDS
from dicomanon.pipeline import clear_in_memory
from tests.every_class import DAY, ROOT, planted_object
from tests.peers import dciodvfy
from tests.verify.made import opened, route_of

if TYPE_CHECKING:
    from pathlib import Path

OF_NO_STUDY = {
    "1.2.840.10008.5.1.4.1.1.200.1": "ct-defined-procedure-protocol",
    "1.2.840.10008.5.1.4.1.1.200.3": "protocol-approval",
    "1.2.840.10008.5.1.4.1.1.200.7": "xa-defined-procedure-protocol",
    "1.2.840.10008.5.1.4.1.1.201.1": "inventory",
    "1.2.840.10008.5.1.4.38.1": "hanging-protocol",
    "1.2.840.10008.5.1.4.39.1": "color-palette",
    "1.2.840.10008.5.1.4.43.1": "generic-implant-template",
    "1.2.840.10008.5.1.4.44.1": "implant-assembly-template",
    "1.2.840.10008.5.1.4.45.1": "implant-template-group",
}
CLASSES = sorted(set(standard.sop_classes()) - set(KINDS) - set(OF_NO_STUDY))
KNOWN = {
    "ResponsiblePerson": "X in Table E.1-1; Type 2C, demanded of animals alone",
    "ResponsibleOrganization": "X in Table E.1-1; Type 2C, demanded of animals alone",
    "ClinicalTrialProtocolEthicsCommitteeName": "D in Table E.1-1, while the number that it belongs to is X",
    "UnassignedPerFrameConvertedAttributesSequence": "holds attributes of any kind that nobody has looked at: X",
    "BlockName": "Type 3 in the tables that ship, Type 2 in those of the validator",
}
"""Errors that de-identification makes on purpose, with the reason."""


def encoded(sop_class: str) -> bytes:
    out = BytesIO()
    planted_object(sop_class).save_as(out, enforce_file_format=True)
    return out.getvalue()


def errors(path: Path) -> set[str]:
    found = {re.sub(r"(?<=Value|value)[^<]*<[^>]*>", " <>", line) for line in dciodvfy(path)}
    return {line for line in found if not any(f"Element=<{name}>" in line for name in KNOWN)}


@pytest.mark.peer
@pytest.mark.parametrize("sop_class", CLASSES)
def test_nothing_planted_is_left_and_no_error_is_new(sop_class: str, tmp_path: Path) -> None:
    data = encoded(sop_class)
    assert data.count(b"CANARY") > 20
    paths = {"before": tmp_path / "before.dcm"}
    paths["before"].write_bytes(data)
    for profile in ("basic", "research-wsi"):
        after = clear_in_memory(opened(data), route_of(profile))
        lowered = after.lower()
        assert b"canary" not in lowered
        assert ROOT.encode() not in after
        assert DAY.encode() not in after
        assert dcmread(BytesIO(after)).SOPClassUID == sop_class
        paths[profile] = tmp_path / f"{profile}.dcm"
        paths[profile].write_bytes(after)

    assert errors(paths["research-wsi"]) <= errors(paths["before"])


@pytest.mark.parametrize("sop_class", OF_NO_STUDY)
def test_an_object_that_is_of_no_study_is_refused_by_name(sop_class: str) -> None:
    with pytest.raises(UnsupportedError, match=OF_NO_STUDY[sop_class]):
        clear_in_memory(opened(encoded(sop_class)), route_of("basic"))


def test_every_class_is_in_one_of_the_three_lists() -> None:
    assert len(CLASSES) > 160
    assert {*CLASSES, *OF_NO_STUDY} | set(KINDS) >= set(standard.sop_classes())
