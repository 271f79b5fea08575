"""What the project promises of itself: lock files, commands, peers, and the canary slide others rely on."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.canary import assert_codes_kept, assert_no_canary, findings, make_canary_slide
from tests.canary_places import ACCENTED
from tests.parsed import parsed
from tests.peers import dcentvfy, dciodvfy, dcmsend, echo

if TYPE_CHECKING:
    from tests.peers import Orthanc, StoreScp

REPOSITORY = Path(__file__).resolve().parents[1]
CHARACTER_SETS = ("ISO_IR 192", "ISO_IR 100", "ISO 2022 IR 87")
KNOWN_ERRORS = {"not a recognized standard attribute", "ReferencedSeriesSequence present but"}
"""What dciodvfy says of the canary slide: unknown tags are unknown, and a reference has no use."""


def pyproject() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def pinned(lock: str) -> set[str]:
    text = (REPOSITORY / "requirements" / lock).read_text()
    return set(re.findall(r"^([a-z0-9.-]+)==", text, re.MULTILINE))


@pytest.mark.parametrize("lock", ["runtime.lock", "dev.lock"])
def test_a_lock_pins_what_pyproject_names_and_no_address(lock: str) -> None:
    text = (REPOSITORY / "requirements" / lock).read_text()
    wanted = pyproject()["project"]["dependencies"]
    wanted = wanted + pyproject()["dependency-groups"]["dev"] if lock == "dev.lock" else wanted
    names = {re.split(r"[<>=\[]", line)[0].lower().replace("_", "-") for line in wanted}

    assert names <= pinned(lock)
    assert "://" not in text
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z0-9])", text.strip()))


def test_make_help_tells_every_target() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    shown = subprocess.run(
        ["make", "help"], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()

    assert all(f"make {target} " in shown for target in phony)


def test_a_missing_peer_is_one_line_and_in_ci_a_failure(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "id").chmod(0o755)
    script = REPOSITORY / "scripts/install_peers.sh"
    environment = {"PATH": str(tmp_path), "PEER_FOLDERS": ""}
    command = ["/bin/bash", str(script)]

    alone = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    environment["CI"] = "true"
    in_ci = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)

    assert (alone.returncode, in_ci.returncode) == (0, 1)
    assert alone.stdout.count("\n") == 1
    assert "dcmtk orthanc" in alone.stdout


def test_every_test_is_named_as_a_promise() -> None:
    short = [
        f"{path.name}: {node.name}"
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for node in ast.walk(parsed(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name.count("_") < 3
    ]

    assert short == []


@pytest.mark.parametrize("character_set", CHARACTER_SETS)
def test_every_planted_canary_is_found_again_in_the_slide_itself(tmp_path: Path, character_set: str) -> None:
    slide = make_canary_slide(tmp_path, character_set)
    found = {finding.partition(" (")[0] for finding in findings(slide.files, slide)}

    assert len(slide.canaries) > 150
    assert len(slide.files) == 5
    assert len(found) == len(slide.canaries) + len(slide.uids) + len(slide.dates)
    assert_codes_kept(slide.files, slide)


def test_the_canary_search_sees_one_planted_value_in_any_form(tmp_path: Path) -> None:
    slide = make_canary_slide(tmp_path)
    assert_no_canary([b"nothing", "nothing".encode("utf-16")], slide)

    for value in ("CanaryPatientID", ACCENTED.upper(), "CANARYTOPLO"):
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
            with pytest.raises(AssertionError):
                assert_no_canary([b"nothing", b"x" + value.encode(encoding)], slide)
    with pytest.raises(AssertionError):
        assert_no_canary([], slide)


@pytest.mark.peer
def test_the_canary_slide_is_valid_but_for_what_is_planted(tmp_path: Path) -> None:
    slide = make_canary_slide(tmp_path)
    errors = [line for path in slide.files for line in dciodvfy(path)]

    assert [line for line in errors if not any(known in line for known in KNOWN_ERRORS)] == []
    assert dcentvfy(slide.files) == []


@pytest.mark.peer
def test_storescp_keeps_what_is_sent_and_comes_back_on_its_port(storescp: StoreScp, tmp_path: Path) -> None:
    slide = make_canary_slide(tmp_path)
    dcmsend(storescp.port, slide.files[:2])
    storescp.stop()
    down = echo(storescp.port, storescp.title)
    storescp.start()
    dcmsend(storescp.port, slide.files)

    assert not down
    assert len(storescp.files()) == len(slide.files)


@pytest.mark.peer
def test_orthanc_keeps_what_is_sent_to_its_title_only(orthanc: Orthanc, tmp_path: Path) -> None:
    slide = make_canary_slide(tmp_path)
    dcmsend(orthanc.port, slide.files, called=orthanc.title)
    refused = dcmsend(orthanc.port, slide.files[:1], called="SOMEONE", check=False)

    expected = sorted(uid for place, uid in slide.uids.items() if re.fullmatch(r"SOPInstanceUID\d", place))
    assert orthanc.sop_instance_uids() == expected
    assert refused.returncode != 0
    assert b"CANARY" in orthanc.file(orthanc.instances()[0])


@pytest.mark.parametrize(
    "name", ["Makefile", ".ci/run", "CONTRIBUTING.md", "NOTICE", "requirements/peers.txt"]
)
def test_the_house_names_no_place_on_somebodys_machine(name: str) -> None:
    text = (REPOSITORY / name).read_text()

    assert not re.search(r"(?<![\w.])/(home|root|work|opt|tmp)/", text)


def test_continuous_integration_may_be_run_as_it_is() -> None:
    assert os.access(REPOSITORY / ".ci/run", os.X_OK)
    assert os.access(REPOSITORY / "scripts/install_peers.sh", os.X_OK)
