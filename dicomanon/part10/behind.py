"""Write what is ready while the next window is read: the disk and the source work at the same time."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future, ThreadPoolExecutor

    from dicomanon.part10.readers import Buffer

    Write = Callable[[Buffer], object]

SMALLEST = 1 << 20
"""Fewer bytes are written before a thread could be told to (measured)."""


class _Behind:
    """One write after the other, on a thread that the first large one starts; none follows one that failed."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._sound = True
        self._thread: ThreadPoolExecutor | None = None
        self._under_way: deque[Future[None]] = deque()

    def __call__(self, data: Buffer) -> None:
        if len(data) < SMALLEST:
            self.settle()
            self._write(data)
            return
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor  # only large data sets need it

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="write")
        # Before waiting: the thread goes from one to the next by itself.
        self._under_way.append(self._thread.submit(self._write_one, data))
        self.settle(1)

    def settle(self, most: int = 0) -> None:
        """Wait until at most so many writes are under way; raise what one of them raised."""
        while len(self._under_way) > most:
            self._under_way.popleft().result()

    def stop(self) -> None:
        """End the thread, whatever it is doing."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _write_one(self, data: Buffer) -> None:
        if self._sound:
            self._sound = False
            self._write(data)
            self._sound = True


@contextmanager
def behind(write: Write) -> Iterator[Write]:
    """Give a `write` that returns before its bytes are written; all are when the block ends.

    What it was given must stay as it is until the next call has returned. What `write` raises comes out of a
    later call, or of the end of the block.
    """
    later = _Behind(write)
    try:
        yield later
        later.settle()
    finally:
        later.stop()
