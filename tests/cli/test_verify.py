from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.canary import make_canary_slide
from tests.cli.test_deid import process, tree
from tests.verify.made import file_of, identity

if TYPE_CHECKING:
    from pathlib import Path

    from tests.canary import CanarySlide


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[CanarySlide, Path]:
    folder = tmp_path_factory.mktemp("verify")
    slide = make_canary_slide(folder / "in")
    assert process("deid", slide.folder, "--out", folder / "out").returncode == 0
    return slide, folder / "out"


def test_clean_files_are_exit_code_0(folders: tuple[CanarySlide, Path]) -> None:
    slide, out = folders

    for more in ((), ("--deep",)):
        done = process("verify", out, "--source", slide.folder, *more)
        assert done.returncode == 0, done.stdout
        assert done.stdout.startswith("3 of 3 files have a source; nothing found: 3 files searched ")
        assert "of no source" not in done.stdout
        assert done.stderr == ""


def test_a_planted_value_is_exit_code_1_and_is_not_said(
    folders: tuple[CanarySlide, Path], tmp_path: Path
) -> None:
    slide, out = folders
    name, data = next(iter(tree(out).items()))
    planted = tmp_path / "planted.dcm"
    planted.write_bytes(slide.canaries["NAMEFAMILY"].encode() + data[len(slide.canaries["NAMEFAMILY"]) :])

    done = process("verify", planted, "--source", slide.folder)
    document = json.loads(process("verify", planted, "--source", slide.folder, "--json").stdout)

    assert done.returncode == 1
    assert name
    assert f"{planted}: value in container: " in done.stdout
    assert "CANARY" not in done.stdout + done.stderr
    assert set(document) == {
        "files",
        "paired",
        "sources",
        "values",
        "unread",
        "skipped",
        "unpaired",
        "ambiguous",
        "deep",
        "findings",
    }
    assert {each["path"] for each in document["findings"]} == {"container", "preamble"}
    assert set(document["findings"][0]) == {"file", "path", "check", "expected"}


def test_the_original_itself_is_full_of_findings(folders: tuple[CanarySlide, Path]) -> None:
    slide, _ = folders

    done = process("verify", slide.files[0], "--source", slide.folder)

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) > 60


def test_nothing_to_search_is_a_usage_error_and_no_clean_bill(
    folders: tuple[CanarySlide, Path], tmp_path: Path
) -> None:
    slide, out = folders

    for arguments in ((tmp_path, "--source", slide.folder), (out, "--source", tmp_path)):
        done = process("verify", *arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def test_a_source_that_cannot_be_read_is_exit_code_2_and_an_output_is_a_finding(
    folders: tuple[CanarySlide, Path], tmp_path: Path
) -> None:
    slide, out = folders
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(slide.files[0].read_bytes()[:300])

    source = process("verify", out, "--source", slide.folder, "--source", cut)
    output = process("verify", out, cut, "--source", slide.folder)

    assert (source.returncode, output.returncode) == (2, 1)
    assert "1 source could not be read" in source.stdout
    assert f"{cut}: malformed in file: " in output.stdout
    assert "Traceback" not in source.stderr + output.stderr


def test_outputs_of_no_source_are_listed_and_are_no_clean_bill(folders: tuple[CanarySlide, Path]) -> None:
    slide, out = folders

    done = process("verify", out, "--source", slide.files[0], "--json")

    assert done.returncode == 1
    assert len(json.loads(done.stdout)["unpaired"]) == 2


def test_the_wrong_sources_are_exit_code_2(folders: tuple[CanarySlide, Path], tmp_path: Path) -> None:
    _, out = folders
    (tmp_path / "wrong.dcm").write_bytes(file_of(identity()))

    done = process("verify", out, "--source", tmp_path / "wrong.dcm")

    assert done.returncode == 2
    assert "\n0 of 3 files have a source; " in done.stdout
