"""What Linux offers to those who write large files; elsewhere nothing happens, and nothing is needed."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_WRITE = 2
"""SYNC_FILE_RANGE_WRITE: start, and do not wait."""
_KEEP_SIZE = 1
"""FALLOC_FL_KEEP_SIZE: the file gets no longer; what is not used goes when the file is cut to its size."""


def start_writing_back(descriptor: int, at: int, length: int) -> None:
    """Let the disk begin with bytes that are written, so that a later fsync has less to wait for."""
    _start()(descriptor, at, length, _WRITE)


def reserve(descriptor: int, at: int, length: int) -> None:
    """Find room on the disk for bytes to come at once, not page by page; that it is full the write will say."""
    _allocate()(descriptor, _KEEP_SIZE, at, length)


@cache
def _start() -> Callable[[int, int, int, int], object]:
    return _function("sync_file_range", "iqqI")


@cache
def _allocate() -> Callable[[int, int, int, int], object]:
    return _function("fallocate", "iiqq")


def _function(name: str, arguments: str) -> Callable[[int, int, int, int], object]:
    """Return a function of the system by the sizes of its arguments (as in `struct`), or one that does nothing."""
    import ctypes  # only large files need it

    sizes = {"i": ctypes.c_int, "I": ctypes.c_uint, "q": ctypes.c_int64}
    function: Any = getattr(ctypes.CDLL(None), name, None)
    if function is None:
        return lambda *_: None
    function.argtypes = [sizes[each] for each in arguments]
    found: Callable[[int, int, int, int], object] = function
    return found
