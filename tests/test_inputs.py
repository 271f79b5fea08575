from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dicomanon.inputs import find_inputs

if TYPE_CHECKING:
    from collections.abc import Iterator


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_hidden_files_and_folders_order_and_single_files_are_as_one_would_think(tmp_path: Path) -> None:
    put(*(tmp_path / name for name in ("b/2.dcm", "a/1.dcm", ".hidden", "b/.DS_Store")))

    found = find_inputs([tmp_path, tmp_path / ".hidden"])

    assert [path.name for path in found.files] == ["1.dcm", "2.dcm", ".hidden"]


def test_hidden_files_that_are_passed_over_are_known(tmp_path: Path) -> None:
    put(*(tmp_path / name for name in ("1.dcm", ".2.dcm", "b/.DS_Store")))

    assert [path.name for path in find_inputs([tmp_path]).hidden] == [".2.dcm", ".DS_Store"]
    assert find_inputs([tmp_path], hidden=True).hidden == []
    assert len(find_inputs([tmp_path], hidden=True).files) == 3


def test_links_to_folders_and_files_are_followed(tmp_path: Path) -> None:
    put(tmp_path / "disk" / "sub" / "1.dcm", tmp_path / "2.dcm")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "disk")
    (tmp_path / "in" / "2.dcm").symlink_to(tmp_path / "2.dcm")

    assert find_inputs([tmp_path / "in"]).files == [
        tmp_path / "in" / "2.dcm",
        tmp_path / "in" / "link" / "sub" / "1.dcm",
    ]


def test_a_link_that_leads_back_ends_and_a_folder_of_two_links_is_taken_once(tmp_path: Path) -> None:
    put(tmp_path / "in" / "a" / "1.dcm", tmp_path / "disk" / "2.dcm")
    (tmp_path / "in" / "a" / "back").symlink_to(tmp_path / "in")
    for name in ("one", "two"):
        (tmp_path / "in" / name).symlink_to(tmp_path / "disk")

    assert [path.name for path in find_inputs([tmp_path / "in"]).files] == ["1.dcm", "2.dcm"]


def test_no_link_leads_into_the_output_folder(tmp_path: Path) -> None:
    put(tmp_path / "in" / "1.dcm", tmp_path / "out" / "study" / "2.dcm")
    (tmp_path / "in" / "out").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "study").symlink_to(tmp_path / "out" / "study")

    assert [path.name for path in find_inputs([tmp_path / "in"], tmp_path / "out").files] == ["1.dcm"]


def test_a_folder_named_that_lies_below_the_output_folder_is_taken_whole(tmp_path: Path) -> None:
    put(tmp_path / "raw" / "1.dcm", tmp_path / "raw" / "sub" / "2.dcm")

    assert [path.name for path in find_inputs([tmp_path / "raw"], tmp_path).files] == ["1.dcm", "2.dcm"]


def test_a_link_that_leads_nowhere_is_not_overlooked(tmp_path: Path) -> None:
    (tmp_path / "1.dcm").symlink_to(tmp_path / "absent")

    assert find_inputs([tmp_path]).files == [tmp_path / "1.dcm"]


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user whom permissions bind."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_that_cannot_be_read_is_quarantined_and_not_overlooked() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed = folder / "closed"
        closed.mkdir()
        (closed / "1.dcm").write_bytes(b"")
        (folder / "2.dcm").write_bytes(b"")
        closed.chmod(0)
        with as_nobody():
            found = find_inputs([folder])
        assert found == ([folder / "2.dcm"], [closed], [])
        closed.chmod(0o755)
