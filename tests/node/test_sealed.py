"""What waits on the disk can be read with its key, whole and unchanged, and not otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import MalformedError
from dicomanon.node import sealed
from dicomanon.node.sealed import Sealer, sealed_text, unsealed, unsealed_text

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = bytes(range(32)), bytes(32)
PIECE, TAG, FRONT = 64, 16, 48
CANARY = b"GARCIA-PRUEBA"
DATA = (CANARY + bytes(range(256))) * 3


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "PIECE", PIECE)


def written(path: Path, data: bytes, step: int = 37, key: bytes = KEY) -> Path:
    with path.open("wb") as out:
        sealer = Sealer(out, key)
        for at in range(0, len(data), step):
            sealer.write(data[at : at + step])
        sealer.finish()
    return path


def read(path: Path, at: int = 0, key: bytes = KEY) -> bytes:
    return b"".join(unsealed(path, key, at))


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, len(DATA)])
@pytest.mark.parametrize("step", [1, PIECE, 1000])
def test_what_is_sealed_comes_back_from_any_place_on(tmp_path: Path, size: int, step: int) -> None:
    path = written(tmp_path / "held", DATA[:size], step)

    for at in {0, 1, PIECE - 1, PIECE, PIECE + 1, size // 2, max(size - 1, 0)}:
        if at <= size:
            assert read(path, at) == DATA[at:size]


def test_nothing_of_it_can_be_read_on_the_disk_and_no_two_files_are_alike(tmp_path: Path) -> None:
    one, two = (written(tmp_path / name, DATA).read_bytes() for name in ("one", "two"))

    assert CANARY not in one
    assert one[FRONT:] != two[FRONT:]
    assert not any(one[at : at + 8] in two for at in range(FRONT, len(one) - 8))


@pytest.mark.parametrize("at", [FRONT, FRONT + PIECE + TAG + 3, -1, 20])
def test_one_bit_that_changed_is_noticed(tmp_path: Path, at: int) -> None:
    path = written(tmp_path / "held", DATA)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)

    with pytest.raises(MalformedError, match="damaged"):
        read(path)


@pytest.mark.parametrize(
    "left", [0, 10, FRONT, FRONT + 5, FRONT + PIECE + TAG, FRONT + 2 * (PIECE + TAG) + 7]
)
def test_a_file_that_was_cut_is_noticed(tmp_path: Path, left: int) -> None:
    path = written(tmp_path / "held", DATA)
    path.write_bytes(path.read_bytes()[:left])

    with pytest.raises(MalformedError, match="damaged"):
        read(path)


def test_pieces_that_changed_places_or_files_are_noticed(tmp_path: Path) -> None:
    path, other = written(tmp_path / "held", DATA), written(tmp_path / "other", DATA)
    data, step = path.read_bytes(), PIECE + TAG
    swapped = data[:FRONT] + data[FRONT + step : FRONT + 2 * step] + data[FRONT : FRONT + step]
    path.write_bytes(swapped + data[FRONT + 2 * step :])
    with pytest.raises(MalformedError):
        read(path)
    path.write_bytes(data[:FRONT] + other.read_bytes()[FRONT : FRONT + step] + data[FRONT + step :])
    with pytest.raises(MalformedError):
        read(path)


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(MalformedError):
        read(written(tmp_path / "held", DATA), key=OTHER)


def test_a_file_without_an_end_cannot_be_opened(tmp_path: Path) -> None:
    with (tmp_path / "held").open("wb") as out:
        Sealer(out, KEY).write(DATA)

    with pytest.raises(MalformedError):
        read(tmp_path / "held")


def test_texts_are_sealed_too() -> None:
    data = sealed_text("Größe", KEY)

    assert unsealed_text(data, KEY) == "Größe"
    assert "Größe".encode() not in data
    for wrong in (data[:-1], b"", data + b"x"):
        with pytest.raises(MalformedError):
            unsealed_text(wrong, KEY)
    with pytest.raises(MalformedError):
        unsealed_text(data, OTHER)


def test_a_text_is_as_long_as_it_likes() -> None:
    text = "x" * (3 * PIECE + 1)

    assert unsealed_text(sealed_text(text, KEY), KEY) == text
