from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openslide
import pytest

from tests.cli.test_deid import process
from tests.slides import PLANTED, Shape, make_svs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return make_svs(tmp_path / "in" / "CANARYNAME.svs", Shape(tiles=(3, 2), levels=2))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    assert process("key", tmp_path / "key").returncode == 0
    return tmp_path / "key"


def test_a_folder_of_slides_is_copied_in_their_own_format(slide: Path, key: Path, tmp_path: Path) -> None:
    (slide.parent / "notes.txt").write_text("nothing")
    before = slide.read_bytes()

    done = process("deid", "--native", slide.parent, "--out", tmp_path / "out", "--key", key)

    assert done.returncode == 0, done.stdout
    assert "anonymised to level IV of Bisson et al. 2023" in done.stdout
    assert "1 skipped" in done.stdout
    (copy,) = (tmp_path / "out").iterdir()
    data = copy.read_bytes()
    assert not [value for value in (*PLANTED.values(), "CANARYNAME") if value.encode() in data]
    assert "CANARYNAME" not in copy.name
    assert slide.read_bytes() == before
    with openslide.OpenSlide(copy) as opened:
        assert opened.level_count == 2
        assert set(opened.associated_images) <= {"thumbnail"}


def test_the_same_slide_has_the_same_name_under_the_same_key(slide: Path, key: Path, tmp_path: Path) -> None:
    names = set()
    for folder in ("1", "2"):
        process("deid", "--native", slide, "--out", tmp_path / folder, "--key", key)
        names |= {each.name for each in (tmp_path / folder).iterdir()}

    assert len(names) == 1


def test_a_format_that_is_not_copied_says_what_takes_it(corpus: Path, tmp_path: Path) -> None:
    path = corpus / "slides/synthetic/synthetic-scn.scn"

    done = process("deid", "--native", path, "--out", tmp_path / "out", "--json")

    assert done.returncode == 1
    (instance,) = json.loads(done.stdout)["instances"]
    assert "`dicomanon convert` takes it" in instance["message"]
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_options_that_mean_nothing_there_are_refused(slide: Path, tmp_path: Path) -> None:
    done = process("deid", "--native", slide, "--out", tmp_path / "out", "--profile", "basic", "--no-sync")

    assert done.returncode == 2
    assert "--native follows no profile: leave out --profile and --no-sync" in done.stderr
