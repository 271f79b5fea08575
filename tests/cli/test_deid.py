from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

import pytest

from dicomanon.cli import main
from dicomanon.pseudonym import write_key
from tests.canary import CanarySlide, assert_no_canary, make_canary_slide
from tests.slides import Shape, make_svs
from tests.verify.made import ROOT, file_of, found_in, identity, value_at

if TYPE_CHECKING:
    from pathlib import Path

MAIN = "from dicomanon.cli import main; main()"


class Done(NamedTuple):
    """What a run printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["dicomanon", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        code = caught.value.code
        assert isinstance(code, int)
        return Done(code, said.out, said.err)

    return call


if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., Done]


@pytest.fixture
def slide(tmp_path: Path) -> CanarySlide:
    return make_canary_slide(tmp_path / "in")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    write_key(path)
    return path


def process(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, *map(str, arguments)]
    environment = os.environ | more
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, env=environment)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_cleared_or_dropped_is_exit_code_0(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    done = run("deid", slide.folder, "--out", tmp_path / "out", "--key", key)

    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("3 cleared, 2 dropped, 0 quarantined; ")
    assert done.err == ""
    assert_no_canary([tmp_path / "out"], slide)


def test_one_quarantined_is_exit_code_1_and_it_has_its_reason(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    slide.files[0].write_bytes(slide.files[0].read_bytes()[:-50])

    done = run("deid", slide.folder, "--out", tmp_path / "out", "--key", key)

    assert done.code == 1
    (line,) = (line for line in done.out.splitlines() if line.startswith("quarantined "))
    assert str(slide.files[0]) in line
    assert ": malformed: " in line
    assert "2 cleared, 2 dropped, 1 quarantined" in done.out


WRONG = [
    (("deid",), "Missing argument"),
    (("deid", "/absent", "--out", "x"), "does not exist"),
    (("deid", ".", "--out", "x", "--profile", "basics"), "did you mean 'basic'"),
    (("deid", ".", "--out", "x", "--profile", "nothing-like-it"), "shipped are basic, gdpr-anonymous, "),
    (("deid", ".", "--out", "x", "--option", "retain-uid"), "did you mean 'retain-uids'"),
    (("deid", ".", "--out", "x", "--option", "clean-pixel"), "did you mean 'clean-pixel-data'"),
    (("deid", ".", "--out", "x", "--option", "retain-full-dates"), "exclude each other"),
    (("deid", ".", "--out", "x", "--key", "/absent"), "dicomanon key"),
    (("deid", ".", "--out", "x", "--jobs", "0"), "range"),
    (("deid", "."), "--out"),
    (("deid", ".", "--out", "x", "--frobnicate"), "No such option"),
    (("frobnicate",), "No such command"),
    (("explain", "basic", "PatientNmae"), "did you mean 'PatientName'"),
    (("verify", "."), "--source"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_what_is_asked_for_wrongly_is_exit_code_2_in_a_few_words(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = run(*arguments)

    assert done.code == 2
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) <= 4


def test_a_real_process_has_the_same_exit_codes_and_no_traceback(slide: CanarySlide, tmp_path: Path) -> None:
    whole = process("deid", slide.files[1], "--out", tmp_path / "out")
    slide.files[0].write_bytes(b"DICM" * 100)
    broken = process("deid", slide.files[0], "--out", tmp_path / "out")
    usage = process("deid", slide.files[0], "--out", tmp_path / "out", "--option", "nothing")

    assert [done.returncode for done in (whole, broken, usage)] == [0, 1, 2]
    assert not any("Traceback" in done.stderr for done in (whole, broken, usage))


def test_a_key_file_that_others_can_read_is_a_usage_error(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    key.chmod(0o644)

    done = run("deid", slide.folder, "--out", tmp_path / "out", "--key", key)

    assert done.code == 2
    assert done.err == f"dicomanon: the key file {key} can be read by others; `chmod 600 {key}` mends that\n"
    assert not (tmp_path / "out").exists()


def test_an_anonymous_profile_with_a_key_that_is_kept_says_what_its_data_are(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "mine.toml"
    profile.write_text('extends = "gdpr-anonymous"\nname = "mine"\n')
    chosen = ("deid", slide.folder, "--profile", profile, "--scope", "x")

    kept = run(*chosen, "--out", tmp_path / "out", "--key", key)
    not_kept = run(*chosen, "--out", tmp_path / "other")

    assert "Profile mine is for data that nobody can trace back: while somebody keeps the key" in kept.err
    assert "key" not in not_kept.err


def test_without_a_key_the_run_and_the_files_say_so(run: Run, slide: CanarySlide, tmp_path: Path) -> None:
    done = run("deid", slide.files[0], "--out", tmp_path / "out")

    assert done.code == 0
    assert "No --key" in done.err
    (written,) = tree(tmp_path / "out").values()
    assert b"ephemeral key" in value_at(found_in(written), 0x00120063)


def test_json_is_one_document_with_a_known_shape(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    slide.files[0].write_bytes(slide.files[0].read_bytes()[:-50])

    done = run("deid", slide.folder, "--out", tmp_path / "out", "--key", key, "--json")
    document = json.loads(done.out)

    assert done.code == 1
    assert done.err == ""
    assert {"cleared": 2, "dropped": 2, "quarantined": 1, "note": ""}.items() <= document.items()
    assert len(document["instances"]) == 5
    for instance in document["instances"]:
        assert set(instance) == {"source", "outcome", "reason", "message", "output", "size"}
        assert (instance["outcome"] == "cleared") == bool(instance["output"]) == bool(instance["size"])
        assert (instance["outcome"] == "cleared") != bool(instance["reason"] and instance["message"])


def test_what_is_said_of_a_source_is_its_name_and_nothing_in_it(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    """The user typed the name of the input; all else must carry no value."""
    for path in slide.files[:2]:
        path.write_bytes(path.read_bytes()[: 700 * (1 + slide.files.index(path))])

    document = json.loads(run("deid", slide.folder, "--out", tmp_path / "out", "--key", key, "--json").out)

    rest = [
        {name: value for name, value in each.items() if name != "source"} for each in document["instances"]
    ]
    assert_no_canary([json.dumps(rest).encode()], slide)


def test_two_processes_write_the_same_files_as_one_with_a_key(
    slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    for jobs in (1, 2):
        assert (
            process(
                "deid", slide.folder, "--out", tmp_path / str(jobs), "--key", key, "--jobs", jobs
            ).returncode
            == 0
        )

    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    assert len(tree(tmp_path / "1")) == 3


def test_files_are_named_by_study_series_and_instance(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    run("deid", slide.folder, "--out", tmp_path / "out", "--key", key)

    for name, data in tree(tmp_path / "out").items():
        found = found_in(data)
        uids = [value_at(found, tag).decode() for tag in (0x0020000D, 0x0020000E, 0x00080018)]
        assert name == "/".join(uids) + ".dcm"


def test_a_scope_lets_instances_without_patient_out(run: Run, key: Path, tmp_path: Path) -> None:
    path = tmp_path / "nobody.dcm"
    path.write_bytes(file_of(identity(patient=b"") | {0x00080020: (b"DA", b"20210317")}))

    refused = run("deid", path, "--out", tmp_path / "out", "--key", key)
    assert refused.code == 1
    assert "--scope" in refused.out
    assert run("deid", path, "--out", tmp_path / "out", "--key", key, "--scope", "trial 7").code == 0


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_it_leaves_nothing_half_written_and_says_so_in_one_line(
    tmp_path: Path, key: Path, jobs: int, number: signal.Signals, code: int
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    pixels = bytes(8 << 20)
    for each in range(24):
        elements = identity(instance=ROOT + b"1.%d" % each) | {0x7FE00010: (b"OB", pixels)}
        (folder / f"{each}.dcm").write_bytes(file_of(elements))
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-c",
        MAIN,
        "deid",
        str(folder),
        "--out",
        str(out),
        "--key",
        str(key),
        "--jobs",
        str(jobs),
        "--deep",
    ]
    started = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 60
    while time.monotonic() < end and not any(out.rglob("*.dcm")):
        time.sleep(0.01)
    os.killpg(started.pid, number)  # as Ctrl-C does: to the whole group
    _, said = started.communicate(timeout=60)

    assert started.returncode == code
    assert said.strip() == "dicomanon: stopped; nothing half-written is left"  # below the ^C of the terminal
    written = [path for path in out.rglob("*") if path.is_file()]
    assert 0 < len(written) < 24
    assert {path.suffix for path in written} == {".dcm"}
    assert all(path.stat().st_size > len(pixels) for path in written)


def test_a_full_disk_ends_the_run_with_a_document_that_says_so(
    run: Run, slide: CanarySlide, key: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"a file where the folder should be")
    (tmp_path / "other").mkdir()

    done = process("deid", slide.folder, "--out", tmp_path / "out" / "in", "--key", key, "--json")
    document = json.loads(done.stdout)

    assert done.returncode == 1
    assert document["aborted"] == "the output could not be written (ENOTDIR)"
    assert "Traceback" not in done.stderr
    fine = json.loads(run("deid", slide.folder, "--out", tmp_path / "fine", "--key", key, "--json").out)
    assert fine["aborted"] == ""


def test_a_disk_that_fills_on_the_way_leaves_no_file_unreported(tmp_path: Path, key: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(3):
        elements = identity(instance=ROOT + b"1.%d" % number) | {0x7FE00010: (b"OB", bytes(1 << 20))}
        (folder / f"{number}.dcm").write_bytes(file_of(elements))
    limited = f"ulimit -f 512; exec {sys.executable} -c '{MAIN}' deid {folder} --out {tmp_path}/out --key {key} --json"
    done = subprocess.run(["bash", "-c", limited], check=False, capture_output=True, text=True, timeout=60)
    document = json.loads(done.stdout)

    assert done.returncode == 1
    assert [each["reason"] for each in document["instances"]] == ["storage", "aborted", "aborted"]
    assert document["aborted"] == "the output could not be written (EFBIG)"
    assert tree(tmp_path / "out") == {}


def test_a_folder_without_dicom_is_exit_code_1_and_says_what_to_do(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    make_svs(tmp_path / "in" / "1.svs", Shape(tiles=(2, 2)))
    (tmp_path / "in" / "notes.txt").write_text("nothing")

    done = run("deid", tmp_path / "in", "--out", tmp_path / "out")
    document = json.loads(run("deid", tmp_path / "in", "--out", tmp_path / "out", "--json").out)

    assert done.code == 1
    assert "0 cleared, 0 dropped, 0 quarantined, 2 skipped; " in done.out
    assert "1.svs: not-dicom: " in done.out
    assert done.err.startswith("Nothing was done: no file of the folder is DICOM. ")
    assert "`dicomanon convert` takes slides" in document["note"]


def test_hidden_files_are_counted(run: Run, slide: CanarySlide, key: Path, tmp_path: Path) -> None:
    (slide.folder / ".6.dcm").write_bytes(slide.files[0].read_bytes())

    done = run("deid", slide.folder, "--out", tmp_path / "out", "--key", key)
    document = json.loads(run("deid", slide.folder, "--out", tmp_path / "out", "--key", key, "--json").out)

    assert done.code == 0
    assert "0 quarantined, 1 hidden and passed over; " in done.out
    assert document["hidden"] == 1


@pytest.mark.parametrize("verb", ["deid", "convert"])
def test_nothing_to_do_is_a_usage_error_that_says_so(run: Run, tmp_path: Path, verb: str) -> None:
    (tmp_path / "empty").mkdir()
    empty = run(verb, tmp_path / "empty", "--out", tmp_path / "out")
    same = run(verb, tmp_path / "empty", "--out", tmp_path / "empty")

    assert (empty.code, same.code) == (2, 2)
    assert "no file in the folder" in empty.err
    assert "another one with --out" in same.err
    assert not (tmp_path / "out").exists()
