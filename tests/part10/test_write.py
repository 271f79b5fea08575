from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from dicomanon.part10 import disk
from dicomanon.part10.write import RESERVE_STRIDE, SMALL, aside_file

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 512
WINDOW = bytes(range(256)) * (1 << 12)


def write_large(folder: Path, *, durable: bool) -> tuple[Path, int]:
    with aside_file(folder, durable=durable) as out:
        for _ in range(2 * SMALL // len(WINDOW)):
            out.write(WINDOW)
        out.write(b"end")
        if durable:
            out.sync()
    return out.path, out.size


@pytest.mark.parametrize("durable", [False, True])
def test_a_large_file_has_its_bytes_and_keeps_no_room_it_does_not_use(
    tmp_path: Path, *, durable: bool
) -> None:
    path, size = write_large(tmp_path, durable=durable)
    assert path.stat().st_size == size == 2 * SMALL + 3
    assert path.read_bytes() == WINDOW * (2 * SMALL // len(WINDOW)) + b"end"
    assert path.stat().st_blocks * BLOCK < size + RESERVE_STRIDE // 8


def test_room_is_found_ahead_and_the_file_is_no_longer_for_it(tmp_path: Path) -> None:
    with aside_file(tmp_path) as out:
        out.write(b"front")
        out.write(WINDOW * (SMALL // len(WINDOW)))
        held = os.fstat(out.fileno())
        if held.st_blocks * BLOCK < RESERVE_STRIDE:
            pytest.skip("this file system finds no room ahead")
        assert held.st_size == SMALL + 5


def test_a_system_without_these_calls_writes_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "_start", lambda: lambda *_: None)
    monkeypatch.setattr(disk, "_allocate", lambda: lambda *_: None)
    path, size = write_large(tmp_path, durable=True)
    assert path.stat().st_size == size == 2 * SMALL + 3
