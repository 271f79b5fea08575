from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from dicomanon.batch import Job, Result, convert_slides, deidentify_files
from dicomanon.convert import ConvertOptions
from dicomanon.errors import StorageError
from dicomanon.part10.write import file_meta, output_folder
from tests.canary import make_canary_slide
from tests.slides import Shape, make_svs
from tests.verify.made import ROOT, file_of, found_in, identity, value_at

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
    assert [result.reason for result in results] == ["", "malformed", "", "not-dicom", "unreadable"]
    assert all(
        result.message and "CANARY" not in result.message for result in results if result.outcome != "cleared"
    )
    assert len(tree(tmp_path / "out")) == 2


def test_nothing_half_written_is_left_after_any_run(tmp_path: Path) -> None:
    slide = make_canary_slide(tmp_path / "in")

    run(list(slide.files), job_in(tmp_path / "out"))

    assert all(name.endswith(".dcm") and "/." not in f"/{name}" for name in tree(tmp_path / "out"))


def test_an_output_folder_that_cannot_be_made_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StorageError):
        run(files_in(tmp_path / "in", 1), job_in(tmp_path / "file" / "out"))


# The pool's own thread may raise as well when workers die while work is handed in: what counts is what comes back.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
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


def test_two_slides_of_one_name_in_two_folders_are_not_one_patient(tmp_path: Path) -> None:
    slides = []
    for name, tiles in (("a", (2, 2)), ("b", (3, 2))):
        (tmp_path / name).mkdir()
        slides.append(make_svs(tmp_path / name / "1.svs", Shape(tiles=tiles)))

    def patients(paths: list[Path], out: Path) -> list[bytes]:
        results = [
            each
            for batch in convert_slides(paths, job_in(out, "research-wsi"), ConvertOptions())
            for each in batch
        ]
        cleared = [each for each in results if each.outcome == "cleared" and "VOLUME" in each.source]
        return [value_at(found_in((out / each.output).read_bytes()), 0x00100020) for each in cleared]

    first, second = patients(slides, tmp_path / "out")

    assert first
    assert first != second
    renamed = slides[0].rename(tmp_path / "renamed.svs")
    assert patients([renamed], tmp_path / "again") == [first]


@pytest.mark.parametrize("scope", ["", "trial 7"])
def test_all_images_of_a_slide_are_of_one_patient(tmp_path: Path, scope: str) -> None:
    slide = make_svs(tmp_path / "1.svs", Shape(tiles=(2, 2)))
    job = job_in(tmp_path / "out", "research-wsi", scope=scope)

    (done,) = convert_slides([slide], job, ConvertOptions())

    images = [found_in((tmp_path / "out" / each.output).read_bytes()) for each in done if each.output]
    assert len(images) > 1
    for tag in (0x00100020, 0x00080020):
        assert len({tuple(found.get((tag,), ())) for found in images}) == 1


def test_what_is_below_the_output_folder_is_no_input(tmp_path: Path) -> None:
    files = files_in(tmp_path / "in", 2)
    job = job_in(tmp_path / "in" / "out")
    run([tmp_path / "in"], job)
    before = tree(job.out)

    again = run([tmp_path / "in"], job)

    assert [result.source for result in again] == [str(path) for path in files]
    assert tree(job.out) == before


def test_short_and_empty_files_in_a_folder_are_skipped_and_quarantined_when_named(tmp_path: Path) -> None:
    for name, data in (("empty", b""), ("short", b"abc"), ("text", b"of nobody, " * 30)):
        (tmp_path / name).write_bytes(data)

    inside = run([tmp_path], job_in(tmp_path / "out"))
    named = run([tmp_path / "empty", tmp_path / "short"], job_in(tmp_path / "out"))

    assert [(each.outcome, each.reason) for each in inside] == [("skipped", "not-dicom")] * 3
    assert [(each.outcome, each.reason) for each in named] == [("quarantined", "not-dicom")] * 2


def test_a_dicomdir_is_left_out_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "DICOMDIR"
    group_two = file_meta("1.2.840.10008.1.3.10", "2.25.1", "1.2.840.10008.1.2.1")
    path.write_bytes(group_two + b"\x04\x00\x30\x11CS\x04\x00DISK")

    for given in (path, path.parent):
        (result,) = run([given], job_in(tmp_path / "out"))
        assert (result.outcome, result.reason) == ("dropped", "object")
        assert "--dicomdir" in result.message


def test_a_slide_given_as_dicom_is_told_where_slides_go(tmp_path: Path) -> None:
    (result,) = run([make_svs(tmp_path / "1.svs")], job_in(tmp_path / "out"))

    assert (result.outcome, result.reason) == ("quarantined", "not-dicom")
    assert "`dicomanon convert`" in result.message


def test_slides_of_a_folder_are_taken_and_other_files_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    make_svs(tmp_path / "in" / "1.svs", Shape(tiles=(2, 2)))
    (tmp_path / "in" / "notes.txt").write_text("nothing")

    done = list(convert_slides([tmp_path / "in"], job_in(tmp_path / "out"), ConvertOptions()))

    assert {each.outcome for each in done[0]} == {"cleared", "dropped"}
    assert [(each.outcome, each.reason) for each in done[1]] == [("skipped", "unknown-slide")]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("1.ndpi", b"of another maker", "unknown-slide"),
        ("1.SVS", b"", "unknown-slide"),
        ("scan.tif", b"II*\0" + bytes(60), "corrupt-slide"),
        ("big", b"MM\0+\0\x08", "corrupt-slide"),
    ],
)
def test_what_may_be_a_slide_and_cannot_be_read_is_quarantined_and_not_passed_over(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)

    ((result,),) = convert_slides([tmp_path / "in"], job_in(tmp_path / "out"), ConvertOptions())

    assert (result.outcome, result.reason) == ("quarantined", reason)
    assert ("has the name of a slide" in result.message) == (reason == "unknown-slide")


def test_an_instance_under_a_taken_uid_says_so_without_a_path(tmp_path: Path) -> None:
    files = files_in(tmp_path / "in", 1)
    job = job_in(tmp_path / "out")
    (first,) = run(files, job)
    (tmp_path / "out" / first.output).write_bytes(b"other")

    (result,) = run(files, job)

    assert (result.outcome, result.reason) == ("quarantined", "exists")
    assert "another profile or version" in result.message
    assert str(tmp_path) not in result.message


def test_what_a_killed_run_left_is_removed_unless_another_run_holds_the_folder(tmp_path: Path) -> None:
    job = job_in(tmp_path / "out")
    (tmp_path / "out" / "2.25.1" / "2.25.2").mkdir(parents=True)
    left = [tmp_path / "out" / f".{'a' * 32}.part", tmp_path / "out/2.25.1/2.25.2" / f".{'b' * 32}.part"]
    other = tmp_path / "out" / ".mine.part"
    files = files_in(tmp_path / "in", 1)
    with output_folder(job.out):
        for path in (*left, other):
            path.write_bytes(b"half")
        run(files, job)
        assert all(path.exists() for path in left)

    run(files, job)

    assert not any(path.exists() for path in left)
    assert other.exists()


@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_ends_the_run_and_every_file_is_reported(tmp_path: Path, processes: int) -> None:
    """A file in the place of the folder of the first study stands for the disk: no rights are needed for it."""
    files = files_in(tmp_path / "in", 4)
    job = job_in(tmp_path / "out")
    first = run(files, job_in(tmp_path / "sample"))[0].output
    job.out.mkdir()
    (job.out / first.split("/")[0]).write_bytes(b"")

    results = run(files, job, processes)

    assert [result.source for result in results] == [str(path) for path in files]
    assert (results[0].outcome, results[0].reason) == ("quarantined", "storage")
    assert errno.errorcode[errno.EEXIST] in results[0].message or "ENOTDIR" in results[0].message
    if processes == 1:
        assert {result.reason for result in results[1:]} == {"aborted"}
    assert all(not name.endswith(".part") for name in tree(job.out))
