"""The demo: it passes with what there is, says what it did, fails in one line, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import openslide
import pytest
from PIL import Image

from dicomanon.demo import archive, checks, compare, demo, way
from dicomanon.demo.identified import PATIENT, write_identified_slide
from dicomanon.demo.processes import find_program, free_port
from dicomanon.demo.show import Story
from dicomanon.demo.slide import NAME, make_slide
from dicomanon.errors import PeerRefusedError, UsageError
from dicomanon.part10.read import read_instance
from tests.peers import peer_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMAND = [sys.executable, "-c", "from dicomanon.cli import main; main()", "demo"]
SECONDS = 60


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the slide that the demo makes where there is no other."""
    path = tmp_path_factory.mktemp("made") / NAME
    make_slide(path)
    return path


@pytest.fixture(scope="module")
def sent(made: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Write what the demo sends to the node."""
    return write_identified_slide(made, tmp_path_factory.mktemp("sent"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Let temporary files go to a folder of this test; at its end nothing is in there, and no process uses it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    assert list(folder.iterdir()) == []
    assert processes_with(str(folder)) == []


def processes_with(word: str) -> list[str]:
    """Command lines of all processes of this machine that name `word`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        found += [command] if word in command else []
    return found


def without(*names: str) -> Callable[[str], str | None]:
    """Find programs as the demo does, but for some that are not there."""
    return lambda name: None if name in names else find_program(name)


def hide(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(archive, "find_program", without(*names))
    monkeypatch.setattr(way, "find_program", without(*names))


def test_it_passes_with_python_packages_alone(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "Orthanc", "storescp", "dcmsend")
    monkeypatch.setenv("DICOMANON_CORPUS", str(tmp_path / "nothing"))
    keep = tmp_path / "keep" / "here"
    lines: list[str] = []

    assert demo(None, keep, lines.append) == 0

    text = "\n".join(lines)
    assert f"{NAME}, made for this" in text
    assert "pynetdicom's storage SCP is running" in text
    assert "pynetdicom sent 5 instances" in text
    assert "3 de-identified as they arrived and forwarded; 2 dropped (flavour)" in text
    assert lines[-1].startswith("PASSED")
    assert str(temporary) not in text, "no path of this machine but those that were given"
    report = json.loads((keep / "report.json").read_text())
    assert report["passed"] is True
    assert {check["what"]: check["passed"] for check in report["checks"]}.items() >= {
        "accounted for": True,
        "identifying values": True,
        "negative control": True,
        "frames": True,
    }.items()
    assert {path.name for path in keep.iterdir()} == {
        *("report.json", "report.txt", "thumbnail.jpg", "thumbnail-256x192.dcm"),
        *("volume-2048x1536.dcm", "volume-512x384.dcm"),
    }
    assert lines[-1] in (keep / "report.txt").read_text()
    with Image.open(keep / "thumbnail.jpg") as picture:
        assert picture.size == (256, 192)


@pytest.mark.peer
@pytest.mark.usefixtures("temporary")
@pytest.mark.parametrize(("hidden", "used"), [((), "Orthanc"), (("Orthanc",), "dcmtk storescp")])
def test_it_uses_the_best_archive_that_is_installed(
    hidden: tuple[str, ...], used: str, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, package in (("Orthanc", "orthanc"), ("storescp", "dcmtk"), ("dcmsend", "dcmtk")):
        peer_program(name, package)
    hide(monkeypatch, *hidden)
    lines: list[str] = []

    assert demo(made, None, lines.append) == 0

    assert [line for line in lines if used in line and line.endswith(" is running")]
    assert [line for line in lines if "dcmtk's dcmsend sent 5 instances" in line]


@pytest.mark.usefixtures("temporary")
def test_it_takes_the_real_slide_of_the_sample_files(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "Orthanc", "storescp", "dcmsend")
    monkeypatch.setenv("DICOMANON_CORPUS", str(corpus))
    lines: list[str] = []

    assert demo(None, None, lines.append) == 0

    assert "CMU-1-Small-Region.svs, a real Aperio slide" in lines[0]


@pytest.mark.usefixtures("temporary")
def test_an_archive_that_will_not_run_makes_room_for_the_next(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, "storescp", "dcmsend")
    broken = {"Orthanc": "/bin/false"}
    monkeypatch.setattr(archive, "find_program", broken.get)
    lines: list[str] = []

    assert demo(made, None, lines.append) == 0

    assert "pynetdicom's storage SCP is running" in "\n".join(lines)


@pytest.mark.usefixtures("temporary")
def test_no_archive_at_all_is_one_clear_line(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "Orthanc", "storescp")
    monkeypatch.setattr(archive, "python", lambda *_: ["/bin/false"])
    lines: list[str] = []

    assert demo(made, None, lines.append) == 1

    assert lines[-1] == (
        "demo stopped at 'archive': no archive would run; "
        "the last one: pynetdicom's storage SCP ended with exit code 1"
    )


@pytest.mark.usefixtures("temporary")
def test_a_file_that_is_no_slide_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no slide")
    lines: list[str] = []

    assert demo(tmp_path / "notes.txt", None, lines.append) == 1

    assert (
        lines[-1]
        == "demo stopped at 'to DICOM': no slide format claims the file; `dicomanon formats` lists them"
    )


@pytest.mark.usefixtures("temporary")
def test_a_keep_folder_that_cannot_be_made_is_one_clear_line(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lines: list[str] = []

    assert demo(made, tmp_path / "file" / "folder", lines.append) == 1

    assert lines == ["demo stopped at 'keep': the output could not be written (ENOTDIR)"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopping_it_half_way_leaves_no_process_and_no_file(
    number: signal.Signals, temporary: Path, made: Path
) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [*COMMAND, str(made)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("4. node"):
            break
    assert processes_with(str(temporary)), "the archive and the node are running"
    process.send_signal(number)
    _, errors = process.communicate(timeout=SECONDS)

    assert process.returncode != 0
    assert "Traceback" not in errors
    # `temporary` looks for what is left.


@pytest.mark.parametrize("hidden", [(), ("dcmsend",)])
def test_a_node_that_does_not_answer_fails_the_sending(
    hidden: tuple[str, ...], sent: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(monkeypatch, *hidden)

    with pytest.raises(PeerRefusedError, match="the node did not take every instance"):
        way._send(free_port(), sent)


def test_the_made_slide_is_an_svs_with_all_its_parts_and_a_name_on_it(made: Path) -> None:
    with openslide.OpenSlide(made) as slide:
        assert slide.properties["openslide.vendor"] == "aperio"
        assert slide.level_dimensions == ((2048, 1536), (512, 384))
        assert set(slide.associated_images) == {"label", "macro", "thumbnail"}
        label = slide.associated_images["label"].convert("L")
        assert sum(label.histogram()[:128]) > 1000, "something is written on the label"
    assert b"MUSTERFRAU, ERIKA" in made.read_bytes()


def test_what_is_sent_names_the_patient_and_says_how_it_was_stained(sent: list[Path]) -> None:
    rows = {row.what: row.before for row in compare.rows(sent[0], sent[0])}

    assert rows["Patient's Name"] == PATIENT.patient_name
    assert rows["Accession Number"] == PATIENT.accession_number
    assert rows["Stain (codes)"] == "Staining, hematoxylin stain, water soluble eosin stain"
    assert rows["Private (0099,1001)"].startswith("Musterfrau")


def test_the_checks_fail_on_what_was_not_cleared(sent: list[Path], tmp_path: Path) -> None:
    assert not checks.identifying_values(sent[:1], sent).passed
    assert checks.negative_control(sent[0], sent, tmp_path).passed
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    with pytest.raises(UsageError):
        checks.negative_control(sent[0], [nothing], tmp_path)


def test_a_changed_frame_is_not_the_same_frame(sent: list[Path], tmp_path: Path) -> None:
    changed = bytearray(sent[0].read_bytes())
    changed[-100] ^= 1
    (tmp_path / "changed.dcm").write_bytes(changed)

    assert checks.same_frames([(sent[0], sent[0])]).passed
    assert not checks.same_frames([(sent[0], tmp_path / "changed.dcm")]).passed
    with sent[0].open("rb", buffering=0) as file:
        assert len(list(compare.scans(read_instance(file)))) == 48


@pytest.mark.parametrize(
    ("before", "after", "expected", "well"),
    [
        *(("A", "A", "kept", True), ("A", "B", "kept", False)),
        *(("A", "", "gone", True), ("A", "A", "gone", False)),
        *(("A", "B", "new", True), ("A", "A", "new", False)),
        *(("", "", "new", True), ("", "", "gone", True)),
    ],
)
def test_a_row_says_whether_the_value_became_what_it_should(
    before: str, after: str, expected: str, *, well: bool
) -> None:
    assert compare.Row("Patient ID", before, after, expected).as_expected is well


def test_without_a_check_nothing_has_passed() -> None:
    done = checks.Check("frames", passed=True, found="")
    still_there = compare.Row("Patient ID", "A", "A", "gone")

    assert not Story(str, terminal=False).passed
    assert Story(str, terminal=False, checks=[done]).passed
    assert not Story(str, terminal=False, checks=[done], table=[still_there]).passed
    assert not Story(str, terminal=False, checks=[done, checks.Check("label", passed=False, found="")]).passed


def test_the_table_is_ruled_on_a_terminal_and_plain_elsewhere() -> None:
    row = compare.Row("Patient ID", "MRN-[bold]1", "B" * 60, "new")
    shown: dict[bool, list[str]] = {}
    for terminal in (True, False):
        said: list[str] = []
        Story(said.append, terminal=terminal, table=[row]).show_table()
        shown[terminal] = said

    assert "│" in shown[True][-2]
    assert shown[False][-1].split() == ["Patient", "ID", "MRN-[bold]1", f"{'B' * 20}...{'B' * 20}", "new"]
    assert any("[bold]1" in line for line in shown[True]), "a value is never taken for markup"
