from __future__ import annotations

import json
import re
import stat
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from dicomanon.cli import main
from tests.pixels.pyramids import PATIENT
from tests.pixels.test_policies import written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pixels.test_policies import Shown


class Done(NamedTuple):
    """What a run printed, and its exit code."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["dicomanon", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return Done(int(str(caught.value.code or 0)), said.out, said.err)

    return call


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    picture = Image.new("RGB", (500, 300), "white")
    font = ImageFont.load_default(50)
    ImageDraw.Draw(picture).text((20, 60), f"ZEBRAWORD\n{PATIENT}", fill="black", font=font)
    return written(tmp_path_factory.mktemp("pixels") / "label.dcm", "LABEL", np.asarray(picture))


def test_pixels_shows_where_something_is_and_not_what_it_says(run: Run, shown: Shown) -> None:
    done = run("pixels", shown.path, "--policy", "clean")

    assert done.code == 0, done
    assert re.search(r"^cleaned +label\.dcm: LABEL", done.out, re.MULTILINE)
    assert re.search(r"text +[01]\.\d\d +columns \d+ to \d+, rows \d+ to \d+", done.out)
    assert "ZEBRA" not in (done.out + done.err).upper()
    assert PATIENT not in done.out + done.err


def test_pixels_for_machines_is_one_document_and_its_exit_code_says_what_could_not_leave(
    run: Run, shown: Shown
) -> None:
    done = run("pixels", shown.path, "--policy", "gate", "--json")

    assert done.code == 1
    (image,) = json.loads(done.out)
    assert image["outcome"] == "quarantined"
    assert image["flavour"] == "LABEL"
    assert {"kind", "score", "box"} == set(image["found"][0])


def test_pixels_without_a_policy_says_what_the_profile_does(run: Run, shown: Shown) -> None:
    done = run("pixels", shown.path)

    assert done.code == 0
    assert "dropped" in done.out


def test_the_review_page_shows_pictures_to_its_owner_alone_and_no_text_that_was_found(
    run: Run, shown: Shown, tmp_path: Path
) -> None:
    profile = tmp_path / "p.toml"
    profile.write_text('extends = "research-wsi"\n[pixels]\nLABEL = "clean"\n')
    page = tmp_path / "review.html"

    done = run("deid", shown.path, "--out", tmp_path / "out", "--profile", profile, "--review", page)

    assert done.code == 0, done
    text = page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert text.count("data:image/jpeg;base64,") == 2
    assert "cleaned" in text
    assert "ZEBRA" not in text
    assert "with a value of the header" in text
    assert "look, then delete it" in done.err


def test_a_page_of_a_run_in_several_processes_has_every_picture(
    run: Run, shown: Shown, tmp_path: Path
) -> None:
    profile = tmp_path / "p.toml"
    profile.write_text('extends = "research-wsi"\n[pixels]\nLABEL = "blank"\n')
    other = tmp_path / "in" / "other.dcm"
    other.parent.mkdir()
    other.write_bytes(shown.path.read_bytes().replace(b"1947.77.1.2.1", b"1947.77.1.2.7"))
    (other.parent / "first.dcm").write_bytes(shown.path.read_bytes())
    page = tmp_path / "review.html"

    done = run(
        "deid", other.parent, "--out", tmp_path / "out", "--profile", profile, "--review", page, "-j", "2"
    )

    assert done.code == 0, done
    assert page.read_text().count("<article>") == 2


def test_without_a_policy_that_looks_the_page_says_so(run: Run, shown: Shown, tmp_path: Path) -> None:
    page = tmp_path / "review.html"

    done = run("deid", shown.path, "--out", tmp_path / "out", "--review", page)

    assert done.code == 0
    assert "no picture was looked into" in done.err
