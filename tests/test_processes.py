"""Processes that stop in order: what is at hand is tidied up, nothing hangs, nothing dies with a traceback."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

from dicomanon.processes import started

LONG = 60.0


class PlannedError(Exception):
    """What the block of a test raises."""


def name_of(path: Path) -> str:
    time.sleep(0.01 * (len(path.name) % 3))
    return path.name


def stopped_while_working(path: Path) -> str:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(LONG)
    finally:
        path.write_text("tidied up")
    return "never"


def killed(path: Path) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def endless(path: Path) -> str:
    path.write_text("begun")
    try:
        time.sleep(LONG)
    finally:
        path.write_text("tidied up")
    return "never"


def test_results_are_in_the_order_of_the_paths() -> None:
    paths = [Path("x" * number) for number in range(1, 20)]
    with started(name_of, paths, 3) as futures:
        assert [future.result() for future in futures] == [path.name for path in paths]


def test_a_worker_that_is_told_to_stop_tidies_up_and_the_pool_lives_on(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    with started(stopped_while_working, paths, 1) as futures:
        assert [future.result(timeout=LONG / 2) for future in futures] == [None, None]
    assert paths[0].read_text() == "tidied up"
    assert not paths[1].exists()


def test_a_worker_that_is_killed_is_told_of(tmp_path: Path) -> None:
    with started(killed, [tmp_path / "one"], 1) as futures, pytest.raises(BrokenExecutor):
        futures[0].result(timeout=LONG / 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_no_worker_that_is_not_ready_for_it(tmp_path: Path, number: signal.Signals) -> None:
    """The whole group is signalled, as Ctrl-C does, while the processes are being started."""
    before = signal.signal(number, _raise)
    group = os.getpgrp()
    if group != os.getpid():
        os.setpgid(0, 0)  # this test's own group: the parent of pytest is not meant
    try:
        for _ in range(3):
            with pytest.raises(PlannedError):
                _signalled(number, [tmp_path / f"{each}" for each in range(4)])
    finally:
        if group != os.getpid():
            os.setpgid(0, group)
        signal.signal(number, before)


def _signalled(number: signal.Signals, paths: list[Path]) -> None:
    with started(endless, paths, 2) as futures:
        os.killpg(0, number)
        for future in futures:
            future.result(timeout=LONG / 2)


def _raise(*_: object) -> None:
    raise PlannedError


def test_what_is_at_hand_is_left_at_once_when_the_block_raises(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two", tmp_path / "three"]
    begin = time.monotonic()
    with pytest.raises(PlannedError):
        _raise_when_begun(paths)
    assert time.monotonic() - begin < LONG / 2
    assert [path.read_text() for path in paths[:2]] == ["tidied up"] * 2
    assert not paths[2].exists()


def _raise_when_begun(paths: list[Path]) -> None:
    with started(endless, paths, 2):
        while not all(path.exists() for path in paths[:2]):
            time.sleep(0.01)
        raise PlannedError
