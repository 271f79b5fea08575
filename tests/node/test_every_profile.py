"""The canary slide over the wire under each shipped profile: what the files' way promises, the node's way keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from dicomanon.profile import shipped_names
from tests.canary import assert_codes_kept, assert_no_canary, make_canary_slide
from tests.node.process import TITLE, NodeProcess, wait_until
from tests.peers import dcentvfy, dciodvfy, dcmsend

if TYPE_CHECKING:
    from pathlib import Path

    from tests.canary import CanarySlide

KEEPS_DATES = "hipaa-limited-data-set"
NO_STEPS = "basic"
"""The Basic Profile empties the preparation steps, and with them the stains."""
DROPPED = "Missing SOPInstanceUID that was referenced"
"""An image refers to the LABEL, which stays behind."""


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> CanarySlide:
    return make_canary_slide(tmp_path_factory.mktemp("canary") / "in")


@pytest.mark.peer
@pytest.mark.parametrize("profile", shipped_names())
def test_a_slide_that_went_through_the_node_names_nobody_and_is_whole(
    slide: CanarySlide, tmp_path: Path, profile: str
) -> None:
    before = {error for path in slide.files for error in dciodvfy(path)}
    node = NodeProcess(tmp_path / "node", [f"file://{tmp_path / 'out'}"], profile=profile)
    node.start()
    try:
        dcmsend(node.port, list(slide.files), TITLE)
        wait_until(lambda: node.states() == ["sent"] * 3, 30, "three images are delivered")
    finally:
        node.stop()
    files = sorted((tmp_path / "out").rglob("*.dcm"))

    planted = slide
    if profile == KEEPS_DATES:
        planted = replace(slide, dates={place: day for place, day in slide.dates.items() if "Birth" in place})
    assert_no_canary([tmp_path / "out", tmp_path / "node"], planted)
    if profile != NO_STEPS:
        assert_codes_kept(files, slide)
    assert {error for path in files for error in dciodvfy(path)} - before == set()
    assert [line for line in dcentvfy(files) if DROPPED not in line] == []
    assert {dcmread(path).PatientIdentityRemoved for path in files} == {"YES"}
