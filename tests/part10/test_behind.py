from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

from dicomanon.errors import StorageError
from dicomanon.part10.behind import SMALLEST, behind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def window(number: int, size: int = SMALLEST) -> bytearray:
    return bytearray([number]) * size


def write_ten(to: Callable[[object], object], numbers: Iterable[int] = range(10)) -> None:
    with behind(to) as write:
        for number in numbers:
            write(window(number))


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("write_")]


def test_everything_is_written_in_order_when_the_block_ends() -> None:
    found = bytearray()
    sizes = [SMALLEST, 3, SMALLEST + 1, SMALLEST, 0, 1, SMALLEST * 2]
    expected = b"".join(bytes(window(number, size)) for number, size in enumerate(sizes))
    with behind(found.extend) as write:
        for number, size in enumerate(sizes):
            write(window(number, size))
    assert found == expected


def test_two_windows_in_turn_are_never_changed_while_they_are_written() -> None:
    found = bytearray()

    def slowly(data: object) -> None:
        time.sleep(0.002)
        assert isinstance(data, bytearray)
        found.extend(data)

    one, other = window(0), window(0)
    with behind(slowly) as write:
        for number in range(20):
            one[:] = window(number)
            write(one)
            one, other = other, one
    assert found == b"".join(window(number) for number in range(20))


def test_what_a_write_raises_comes_out_and_nothing_is_written_after_it() -> None:
    written = []

    def full(data: object) -> None:
        written.append(data)
        if len(written) == 2:
            raise StorageError("the output could not be written (ENOSPC)")

    with pytest.raises(StorageError):
        write_ten(full)
    assert len(written) == 2


def test_a_failure_of_the_last_write_comes_out_at_the_end_of_the_block() -> None:
    def full(_data: object) -> None:
        raise StorageError("the output could not be written (ENOSPC)")

    with pytest.raises(StorageError), behind(full) as write:
        write(window(1))


def test_the_thread_ends_with_the_block_also_when_the_source_fails() -> None:
    def numbers() -> Iterator[int]:
        yield 1
        assert writers()
        raise ValueError("the source")

    with pytest.raises(ValueError, match="the source"):
        write_ten(lambda _data: time.sleep(0.01), numbers())
    assert not writers()


def test_small_data_sets_start_no_thread() -> None:
    found = bytearray()
    with behind(found.extend) as write:
        write(window(1, SMALLEST - 1))
        assert not writers()
