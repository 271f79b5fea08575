"""Programs that the demo starts: found on the PATH, waited for until they answer, and ended with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dicomanon.errors import PeerUnreachableError
from dicomanon.part10.write import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_T = TypeVar("_T")

START_SECONDS = 20.0
STOP_SECONDS = 10.0
_PAUSE = 0.05


def find_program(name: str) -> str | None:
    """Return the full path of a program that no Python package brought, or None.

    pynetdicom puts a storescp of its own beside the interpreter, and a server's folder is not on every PATH.
    """
    own = Path(sys.executable).parent.resolve()
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/usr/local/sbin"]
    outside = [folder for folder in folders if folder and Path(folder).resolve() != own]
    return shutil.which(name, path=os.pathsep.join(outside))


def find_validator(name: str) -> str | None:
    """Return the full path of a program from the PATH, or from beside the interpreter."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def python(*arguments: str) -> list[str]:
    """Return the command that runs this very package in a process of its own."""
    return [sys.executable, "-P", *arguments]


def environment() -> dict[str, str]:
    """Return the environment in which `python` finds this package also where it is not installed."""
    package = str(Path(__file__).resolve().parents[2])
    path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def free_port() -> int:
    """Return a port that was free a moment ago on the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A running program; `output` is the file that its standard output goes to."""

    def __init__(self, name: str, command: Sequence[str], output: Path) -> None:
        self.name = name
        self.output = output
        with storage_errors(), output.open("wb") as out, output.with_suffix(".log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=log, env=environment()
            )

    def wait_until(self, ready: Callable[[], _T | None], seconds: float = START_SECONDS) -> _T:
        """Return what `ready` returns as soon as that is something; raise PeerUnreachableError."""
        deadline = time.monotonic() + seconds
        while (answer := ready()) is None:
            if self._process.poll() is not None:
                raise PeerUnreachableError(f"{self.name} ended with exit code {self._process.returncode}")
            if time.monotonic() > deadline:
                raise PeerUnreachableError(f"{self.name} did not answer within {seconds:.0f} seconds")
            time.sleep(_PAUSE)
        return answer

    def stop(self, *, gently: bool = True) -> None:
        """End the program, by force if it must be, or at once where it has nothing worth keeping."""
        if gently:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS if gently else 0)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()


@contextmanager
def running(name: str, command: Sequence[str], output: Path, *, gently: bool = True) -> Iterator[Child]:
    """Start a program and end it with the block."""
    child = Child(name, command, output)
    try:
        yield child
    finally:
        child.stop(gently=gently)
