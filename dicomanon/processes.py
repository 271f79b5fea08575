"""Work on many files in several processes that can be stopped: none dies of a signal, none leaves half a file."""

from __future__ import annotations

from contextlib import contextmanager
from signal import SIG_BLOCK, SIG_IGN, SIG_UNBLOCK, SIGINT, SIGTERM, pthread_sigmask, signal
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future, ProcessPoolExecutor
    from pathlib import Path

T = TypeVar("T")

_SIGNALS = (SIGINT, SIGTERM)


class _StoppedError(BaseException):
    """The work at hand is to be left, and tidied up on the way out."""


class _Worker:
    """What a process of the pool knows of itself."""

    working = False
    stopping = False


@contextmanager
def started(
    work: Callable[[Path], T], paths: Iterable[Path], processes: int
) -> Iterator[list[Future[T | None]]]:
    """Begin `work` on every path, `processes` at a time; the results are in the order of the paths.

    A result is None where a worker was told to stop; one that was killed raises BrokenExecutor. If the block raises,
    what is being worked on is left at once, as by an exception, and the rest is not begun.
    """
    from concurrent.futures import ProcessPoolExecutor  # only for several
    from multiprocessing import active_children, get_context

    with ProcessPoolExecutor(processes, get_context("spawn"), _become_worker) as pool:
        futures = _submitted(pool, work, paths)
        try:
            yield futures
        except BaseException:
            for future in futures:
                future.cancel()
            for child in active_children():
                child.terminate()
            raise


def _submitted(
    pool: ProcessPoolExecutor, work: Callable[[Path], T], paths: Iterable[Path]
) -> list[Future[T | None]]:
    """Submit everything, or as much as a pool takes whose workers were killed meanwhile."""
    from concurrent.futures import BrokenExecutor
    from multiprocessing.resource_tracker import ensure_running

    futures: list[Future[T | None]] = []
    ensure_running()  # it would let the signals through again when it is started later
    # A process starts with the signals of its parent blocked, so that none reaches it before it is ready.
    pthread_sigmask(SIG_BLOCK, _SIGNALS)
    try:
        futures.extend(pool.submit(_in_worker, work, path) for path in paths)
    except BrokenExecutor:
        pass
    finally:
        pthread_sigmask(SIG_UNBLOCK, _SIGNALS)
    return futures


def _become_worker() -> None:
    """Leave Ctrl-C to the parent; take SIGTERM as its word to stop."""
    signal(SIGINT, SIG_IGN)
    signal(SIGTERM, _stop)
    pthread_sigmask(SIG_UNBLOCK, _SIGNALS)


def _stop(*_: object) -> None:
    """Stop once: the group and then the parent may both send the signal, and tidying up is not to be cut short."""
    first, _Worker.stopping = not _Worker.stopping, True
    if first and _Worker.working:
        raise _StoppedError


def _in_worker(work: Callable[[Path], T], path: Path) -> T | None:
    try:
        _Worker.working = True
        return None if _Worker.stopping else work(path)
    except _StoppedError:
        return None
    finally:
        _Worker.working = False
