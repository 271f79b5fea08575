"""A folder as destination: whole files only, and never one in the place of another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dicomanon.errors import ConfigError, PeerRefusedError, StorageError
from dicomanon.pipeline import Cleared
from dicomanon.sinks import open_sink


def cleared(path: Path, data: bytes, *, sop: str = "2.25.1") -> Cleared:
    path.write_bytes(data)
    return Cleared(
        path, "1.2.840.10008.5.1.4.1.1.2", sop, "2.25.3", "2.25.2", "1.2.840.10008.1.2.1", len(data)
    )


def test_a_file_is_named_by_its_new_uids_and_the_source_stays(tmp_path: Path) -> None:
    one = cleared(tmp_path / "one", b"bytes")

    receipt = open_sink(str(tmp_path / "out")).send(one)

    assert receipt.stored
    assert (tmp_path / "out/2.25.3/2.25.2/2.25.1.dcm").read_bytes() == b"bytes"
    assert one.path.exists()


def test_a_url_and_a_plain_path_name_the_same_folder(tmp_path: Path) -> None:
    open_sink(f"file://{tmp_path}/a%20b").send(cleared(tmp_path / "one", b"bytes"))

    assert (tmp_path / "a b/2.25.3/2.25.2/2.25.1.dcm").exists()


def test_another_file_system_gets_a_copy(tmp_path: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108  # the one other file system there usually is
    if not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system at /dev/shm")
    source = other / f"dicomanon-test-{os.getpid()}"
    try:
        open_sink(str(tmp_path / "out")).send(cleared(source, b"bytes" * 1000))
    finally:
        source.unlink()

    assert (tmp_path / "out/2.25.3/2.25.2/2.25.1.dcm").read_bytes() == b"bytes" * 1000


def test_the_same_bytes_again_are_fine(tmp_path: Path) -> None:
    sink = open_sink(str(tmp_path / "out"))
    sink.send(cleared(tmp_path / "one", b"bytes"))

    assert sink.send(cleared(tmp_path / "two", b"bytes")).stored
    assert [path.name for path in (tmp_path / "out/2.25.3/2.25.2").iterdir()] == ["2.25.1.dcm"]


@pytest.mark.parametrize("other", [b"other", b"longer than before", b""])
def test_an_existing_file_with_other_bytes_is_never_replaced(tmp_path: Path, other: bytes) -> None:
    sink = open_sink(str(tmp_path / "out"))
    sink.send(cleared(tmp_path / "one", b"bytes"))

    with pytest.raises(PeerRefusedError):
        sink.send(cleared(tmp_path / "two", other))

    folder = tmp_path / "out/2.25.3/2.25.2"
    assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("2.25.1.dcm", b"bytes")]


def test_a_uid_that_is_a_path_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(PeerRefusedError):
        open_sink(str(tmp_path / "out")).send(cleared(tmp_path / "one", b"", sop="../../../../elsewhere"))

    assert not list(tmp_path.rglob("elsewhere*"))


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file, not a folder")

    with pytest.raises(StorageError):
        open_sink(str(tmp_path / "out")).send(cleared(tmp_path / "one", b"bytes"))


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("dicm://A@b:1", "dicom"),
        ("fil:///tmp", "file"),
        ("_paced://x", "file"),
        ("file://host/folder", "file:///"),
    ],
)
def test_an_unknown_destination_is_refused_with_the_nearest_one(url: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        open_sink(url)
