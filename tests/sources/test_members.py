from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.batch import Job, convert_slides
from dicomanon.convert import ConvertOptions
from dicomanon.inputs import find_inputs, is_taken
from dicomanon.sources import members
from tests.dicom_slides import SMALL, level, write
from tests.ome_slides import make_set
from tests.slides import make_svs
from tests.sources.test_ome import NAMES, SET

if TYPE_CHECKING:
    from pathlib import Path


def outcomes(given: list[Path], out: Path) -> dict[str, list[str]]:
    """Convert; return what became of each file, by its name."""
    job = Job(out, "research-wsi", (), bytes(range(32)), ephemeral=False, durable=False)
    found: dict[str, list[str]] = {}
    paths = find_inputs(given, out).files
    for path, results in zip(paths, convert_slides(given, job, ConvertOptions(spacing=0.0005)), strict=True):
        found[path.name] = [each.outcome for each in results]
    return found


def test_a_set_of_files_is_converted_once_a_run(tmp_path: Path) -> None:
    paths = make_set(tmp_path, SET, NAMES)

    assert set(members(paths[1])) == set(paths)
    found = outcomes([tmp_path], tmp_path / "out")
    first, *others = sorted(found)
    assert set(found[first]) == {"cleared"}
    assert [found[name] for name in others] == [["skipped"]] * (len(paths) - 1)


def test_a_file_of_a_set_that_is_named_alone_stands_for_the_set(tmp_path: Path) -> None:
    paths = make_set(tmp_path, SET, NAMES)

    for number, path in enumerate(paths):
        assert set(outcomes([path], tmp_path / str(number))[path.name]) == {"cleared"}


def test_a_file_that_the_others_do_not_name_stands_for_itself(tmp_path: Path) -> None:
    paths = make_set(tmp_path, SET, NAMES)
    renamed = paths[0].rename(tmp_path / "another.ome.tif")

    assert members(renamed) == (renamed,)
    assert set(members(paths[1])) == set(paths[1:])


def test_a_slide_of_one_file_has_no_other_members(tmp_path: Path) -> None:
    path = make_svs(tmp_path / "slide.svs")
    missing = tmp_path / "missing.svs"

    assert members(path) == (path,)
    assert members(missing) == (missing,)


def test_hidden_members_of_a_slide_do_not_stand_for_it_unless_they_are_named(tmp_path: Path) -> None:
    first = level()
    hidden = write(first, tmp_path / ".a.dcm")
    shown = write(level(SMALL, 2, first.planted), tmp_path / "b.dcm")

    assert set(outcomes([tmp_path], tmp_path / "out")["b.dcm"]) == {"cleared"}
    assert outcomes([hidden, shown], tmp_path / "other")["b.dcm"] == ["skipped"]


@pytest.mark.parametrize("spelled", [".", "..", "in", "../.."])
def test_a_file_is_taken_where_a_run_takes_it_and_not_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    from pathlib import Path as Relative

    here = tmp_path / "one/two"
    for folder in (here / "in", tmp_path / "one/three"):
        folder.mkdir(parents=True)
        (folder / "a.dcm").write_text("")
        (folder / ".b.dcm").write_text("")
    monkeypatch.chdir(here)
    every = [
        Relative(each) / name for each in ("in", "../three", "../two/in") for name in ("a.dcm", ".b.dcm")
    ]
    given = [Relative(spelled)]

    found = {each.resolve() for each in find_inputs(given).files}
    for each in every:
        if is_taken(each, given):
            assert each.resolve() in found
    assert not is_taken(Relative("../three/a.dcm"), [Relative()])
    assert is_taken(Relative("../three/a.dcm"), [Relative("..")])
    assert is_taken(Relative("../three/.b.dcm"), [Relative("../three/.b.dcm")])
