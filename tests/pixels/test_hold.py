"""A body that comes once and is read as often as one likes, with nothing readable on the disk."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import pytest

from dicomanon.errors import MalformedError, StorageError, UnsupportedError
from dicomanon.part10.instance import Instance, Meta, PixelElement
from dicomanon.pixels import hold
from dicomanon.pixels.hold import held
from tests.part10.building import CANARY, EXPLICIT
from tests.pixels.single import Dribble

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dicomanon.part10.instance import Reader

DATA = CANARY * 5000 + bytes(range(256)) * 40
SMALL = 4096


def instance(body: Reader) -> Instance:
    return Instance(Meta(EXPLICIT), b"", PixelElement(0x7FE00010, b"OB", len(DATA)), body)


def whole(body: Reader) -> bytes:
    found, window = bytearray(), bytearray(777)
    while count := body.readinto(memoryview(window)):
        found += window[:count]
    return bytes(found)


def spool_of(again: Callable[[], Instance]) -> Any:
    """Return what a body of the instance is read from, if that is no memory."""
    cells = [cell.cell_contents for cell in again.__closure__ or ()]
    spools = [each.__self__ for each in cells if isinstance(getattr(each, "__self__", None), hold._Spool)]
    return spools[0] if spools else None


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "IN_MEMORY", SMALL)
    monkeypatch.setattr(hold, "_STEP", 1000)


@pytest.mark.parametrize("size", [0, 1, SMALL - 1, SMALL, SMALL + 1, 3 * SMALL, len(DATA)])
@pytest.mark.usefixtures("small")
def test_a_body_is_the_same_again_and_again(size: int, tmp_path: Path) -> None:
    again = held(instance(Dribble(DATA[:size], 333)), tmp_path)

    assert [whole(again().body) for _ in range(3)] == [DATA[:size]] * 3
    assert (spool_of(again) is not None) == (size > SMALL)
    assert again().pixels == PixelElement(0x7FE00010, b"OB", len(DATA))


@pytest.mark.usefixtures("small")
def test_two_readers_do_not_get_in_the_way_of_each_other(tmp_path: Path) -> None:
    again = held(instance(Dribble(DATA)), tmp_path)
    one, other = again().body, again().body
    window = bytearray(1234)
    first = one.readinto(memoryview(window))

    assert whole(other) == DATA
    assert bytes(window[:first]) + whole(one) == DATA


@pytest.mark.usefixtures("small")
def test_the_disk_holds_no_plaintext_and_no_name(tmp_path: Path) -> None:
    again = held(instance(Dribble(DATA)), tmp_path)
    assert whole(again().body) == DATA
    descriptor = spool_of(again)._file.fileno()
    stored = os.pread(descriptor, len(DATA) + 1, 0)

    assert len(stored) == len(DATA)
    assert CANARY not in stored
    assert not any(DATA[at : at + 8] in stored for at in range(0, len(DATA), 997))
    assert len({stored[at : at + 16] for at in range(0, 5000, 16)}) > 300
    assert list(tmp_path.iterdir()) == []
    assert os.fstat(descriptor).st_nlink == 0


@pytest.mark.usefixtures("small")
def test_each_spool_has_a_key_of_its_own(tmp_path: Path) -> None:
    spools = [spool_of(held(instance(Dribble(DATA)), tmp_path)) for _ in range(2)]
    for spool in spools:
        next(spool.chunks())
    stored = [os.pread(spool._file.fileno(), 64, 0) for spool in spools]

    assert stored[0] != stored[1]
    assert spools[0]._key != spools[1]._key


@pytest.mark.usefixtures("small")
def test_a_full_disk_is_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "no space", str(len(data)))

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
    with pytest.raises(StorageError):
        held(instance(Dribble(DATA)), tmp_path)


@pytest.mark.usefixtures("small")
def test_a_disk_that_is_full_when_the_last_bytes_are_put_on_it_is_a_named_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = held(instance(Dribble(DATA)), tmp_path)

    class Full:
        def flush(self) -> None:
            raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(spool_of(again), "_file", Full())
    with pytest.raises(StorageError):
        whole(again().body)


@pytest.mark.usefixtures("small")
def test_a_folder_that_is_not_there_is_a_named_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        held(instance(Dribble(DATA)), tmp_path / "nowhere")


@pytest.mark.usefixtures("small")
def test_a_missing_package_is_a_named_error_for_large_bodies_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)
    with pytest.raises(UnsupportedError, match="pixels"):
        held(instance(Dribble(DATA)), tmp_path)

    assert whole(held(instance(Dribble(DATA[:100])), tmp_path)().body) == DATA[:100]


@pytest.mark.usefixtures("small")
def test_a_spool_that_lost_its_end_is_malformed(tmp_path: Path) -> None:
    again = held(instance(Dribble(DATA)), tmp_path)
    whole(again().body)
    os.ftruncate(spool_of(again)._file.fileno(), 2000)

    with pytest.raises(MalformedError):
        whole(again().body)


def test_what_goes_wrong_in_the_source_is_told_as_it_is(tmp_path: Path) -> None:
    class Broken:
        def readinto(self, _: memoryview, /) -> int:
            raise MalformedError("cut short")

    with pytest.raises(MalformedError, match="cut short"):
        held(instance(Broken()), tmp_path)
