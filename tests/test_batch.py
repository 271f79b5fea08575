from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.batch import Job, Result, deidentify_files, dicom_files
from dicomanon.errors import StorageError
from tests.canary import make_canary_slide
from tests.verify.made import ROOT, file_of, identity

if TYPE_CHECKING:
    from pathlib import Path


def job_in(folder: Path, profile: str = "basic", key: bytes = bytes(range(32)), scope: str = "") -> Job:
    return Job(folder, profile, (), key, ephemeral=False, scope=scope, durable=False)


def files_in(folder: Path, count: int = 6) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"{number}.dcm" for number in range(count)]
    for number, path in enumerate(paths):
        elements = identity(instance=ROOT + b"1.%d" % number, patient=b"MRN-%d" % (number // 2))
        path.write_bytes(file_of(elements | {0x00080020: (b"DA", b"20210317")}))
    return paths


def run(files: list[Path], job: Job, processes: int = 1) -> list[Result]:
    return [result for batch in deidentify_files(files, job, processes) for result in batch]


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_files_are_named_by_their_new_uids(tmp_path: Path) -> None:
    results = run(files_in(tmp_path / "in"), job_in(tmp_path / "out"))

    assert sorted(tree(tmp_path / "out")) == sorted(result.output for result in results)
    for result in results:
        study, series, instance = result.output.split("/")
        assert study.startswith("2.25.")
        assert series.startswith("2.25.")
        assert instance.startswith("2.25.")
        assert instance.endswith(".dcm")
        assert (tmp_path / "out" / result.output).stat().st_size == result.size


def test_two_processes_write_the_same_files_as_one(tmp_path: Path) -> None:
    files = files_in(tmp_path / "in")

    one = run(files, job_in(tmp_path / "one", "research-wsi"))
    two = run(files, job_in(tmp_path / "two", "research-wsi"), processes=2)

    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert [(result.source, result.output) for result in one] == [
        (result.source, result.output) for result in two
    ]


def test_another_day_gives_the_same_files_and_another_key_others(tmp_path: Path) -> None:
    files = files_in(tmp_path / "in", 2)
    run(files, job_in(tmp_path / "out"))
    before = tree(tmp_path / "out")

    again = run(files, job_in(tmp_path / "out"))
    other = run(files, job_in(tmp_path / "other", key=bytes(32)))

    assert {result.outcome for result in again} == {"cleared"}
    assert tree(tmp_path / "out") == before
    assert {result.output for result in other}.isdisjoint(before)


def test_each_file_that_cannot_leave_has_a_reason_and_the_others_leave(tmp_path: Path) -> None:
    files = files_in(tmp_path / "in", 3)
    files[1].write_bytes(files[1].read_bytes()[:-3])
    text = tmp_path / "in" / "notes.txt"
    text.write_text("of CANARY SMITH, " * 30)
    absent = tmp_path / "in" / "absent.dcm"

    results = run([*files, text, absent], job_in(tmp_path / "out"))

    assert [result.outcome for result in results] == [
        "cleared",
        "quarantined",
        "cleared",
        "quarantined",
        "quarantined",
    ]
    assert [result.reason for result in results] == ["", "malformed", "", "not-dicom", "malformed"]
    assert all(
        result.message and "CANARY" not in result.message for result in results if result.outcome != "cleared"
    )
    assert len(tree(tmp_path / "out")) == 2


def test_nothing_half_written_is_left_after_any_run(tmp_path: Path) -> None:
    slide = make_canary_slide(tmp_path / "in")

    run(list(slide.files), job_in(tmp_path / "out"))

    assert all(name.endswith(".dcm") and "/." not in f"/{name}" for name in tree(tmp_path / "out"))


def test_hidden_files_and_folders_order_and_single_files_are_as_one_would_think(tmp_path: Path) -> None:
    for name in ("b/2.dcm", "a/1.dcm", ".hidden", "b/.DS_Store"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")

    assert [path.name for path in dicom_files([tmp_path, tmp_path / ".hidden"])] == [
        "1.dcm",
        "2.dcm",
        ".hidden",
    ]


def test_an_output_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError):
        run(files_in(tmp_path / "in", 1), job_in(tmp_path / "file" / "out"))


def test_a_worker_that_dies_takes_no_other_file_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that the system kills: each file that was not done is quarantined, none is forgotten."""
    files = files_in(tmp_path / "in", 4)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif '--multiprocessing-fork' in sys.argv: os._exit(9)\n"
    )

    results = run(files, job_in(tmp_path / "out"), processes=2)

    assert [result.source for result in results] == [str(path) for path in files]
    assert {(result.outcome, result.reason) for result in results} == {("quarantined", "internal")}
    assert tree(tmp_path / "out") == {}
