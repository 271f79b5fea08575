"""Part 10 files: written aside under a hidden name, made durable, then put in place; and the container itself."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import shutil
import zlib
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Protocol

from dicomanon import __version__
from dicomanon.errors import StorageError
from dicomanon.part10.disk import reserve, start_writing_back
from dicomanon.part10.encoding import EXPLICIT_LE, pack_element

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dicomanon.part10.readers import Buffer

IMPLEMENTATION_CLASS_UID = "2.25.205386287937041527311873390203516209853"
IMPLEMENTATION_VERSION_NAME = f"DICOMANON_{__version__}"[:16]
PART_SUFFIX = ".part"
PART_NAME = re.compile(r"\.[0-9a-f]{32}\.part")
"""How files that are being written are called, here and below the folder of a file sink."""
WRITE_BACK_STRIDE = 16 << 20
SMALL = 4 << 20
RESERVE_STRIDE = 64 << 20
"""Room found on the disk at once for a file that grows beyond its first window (bytes)."""


class Sink(Protocol):
    """Where the bytes of one instance go."""

    def write(self, data: Buffer, /) -> object:
        """Take all of `data`."""


def file_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str) -> bytes:
    """Return an empty preamble and a group 0002 that says nothing of where the data set came from (PS3.10 7.1)."""
    elements = b"".join(
        (
            pack_element(0x00020001, b"OB", b"\0\1", EXPLICIT_LE),
            pack_element(0x00020002, b"UI", sop_class_uid.encode(), EXPLICIT_LE),
            pack_element(0x00020003, b"UI", sop_instance_uid.encode(), EXPLICIT_LE),
            pack_element(0x00020010, b"UI", transfer_syntax_uid.encode(), EXPLICIT_LE),
            pack_element(0x00020012, b"UI", IMPLEMENTATION_CLASS_UID.encode(), EXPLICIT_LE),
            pack_element(0x00020013, b"SH", IMPLEMENTATION_VERSION_NAME.encode(), EXPLICIT_LE),
        )
    )
    length = pack_element(0x00020000, b"UL", len(elements).to_bytes(4, "little"), EXPLICIT_LE)
    return bytes(128) + b"DICM" + length + elements


class AsideFile:
    """A hidden file being written; `write` takes every byte or raises StorageError, on one thread at a time.

    `durable` says that somebody will `sync` it: the disk then starts early.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = path
        self.size = 0
        self._durable = durable
        self._started = 0
        self._reserved = 0
        with storage_errors():
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, data: Buffer, /) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        if self.size and self.size + len(view) > max(self._reserved, SMALL):
            reserve(self._descriptor, self.size, RESERVE_STRIDE)
            self._reserved = self.size + RESERVE_STRIDE
        with storage_errors():
            while view:
                count = os.write(self._descriptor, view)
                self.size += count
                view = view[count:]
        self._start_writing_back()

    def _start_writing_back(self) -> None:
        """Let the disk work while more is to come, so that `sync` has little left to wait for."""
        if self._durable and self.size - self._started >= WRITE_BACK_STRIDE:
            start_writing_back(self._descriptor, self._started, self.size - self._started)
            self._started = self.size

    def sync(self) -> None:
        """Return when the bytes are on the disk."""
        self._give_back()
        with storage_errors():
            os.fsync(self._descriptor)

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """Wait for the disk while the block runs; leave it when both are done, or raise StorageError."""
        failed: list[StorageError] = []

        def wait() -> None:
            try:
                self.sync()
            except StorageError as error:
                failed.append(error)

        thread = Thread(target=wait)
        thread.start()
        try:
            yield
        finally:
            thread.join()
        if failed:
            raise failed[0]

    def _give_back(self) -> None:
        """Let go of room that was not used."""
        if self._reserved > self.size:
            with storage_errors():
                os.ftruncate(self._descriptor, self.size)
        self._reserved = 0

    def fileno(self) -> int:
        """Return the descriptor, open for reading and writing."""
        return self._descriptor

    def close(self) -> None:
        """Close the file; some file systems say only now that they are full."""
        self._give_back()
        with storage_errors():
            os.close(self._descriptor)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the operating system says of a write into StorageError, without the path."""
    try:
        yield
    except OSError as error:
        word = errno.errorcode.get(error.errno or 0, "unknown error")
        raise StorageError(f"the output could not be written ({word})") from None


@contextmanager
def aside_file(folder: Path, *, durable: bool = True) -> Iterator[AsideFile]:
    """Open a hidden file in `folder`; it is removed if the block raises, and left where it is if not."""
    out = AsideFile(folder / f".{secrets.token_hex(16)}{PART_SUFFIX}", durable=durable)
    try:
        try:
            yield out
        finally:
            out.close()
    except BaseException:
        out.path.unlink(missing_ok=True)
        raise


@contextmanager
def output_folder(folder: Path) -> Iterator[None]:
    """Make `folder`, hold it, and remove what is half-written in it; raise StorageError.

    Before, a run that was killed may have left that; afterwards, a signal that came between two steps.
    Several runs may hold one folder: nothing is removed while another does.
    """
    with storage_errors():
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _remove_parts(folder, descriptor)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
        try:
            yield
        finally:
            _remove_parts(folder, descriptor)
    finally:
        os.close(descriptor)


def _remove_parts(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # another run holds it, or the file system knows no locks
        return
    for pattern in (".*", "*/*/.*"):
        for path in folder.glob(pattern + PART_SUFFIX):
            if PART_NAME.fullmatch(path.name) and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif PART_NAME.fullmatch(path.name):
                path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` durable."""
    with storage_errors():
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Deflater:
    """Deflate what is written (PS3.5 A.5)."""

    def __init__(self, write: Callable[[Buffer], object]) -> None:
        self._write = write
        self._engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        self._size = 0

    def write(self, data: Buffer, /) -> None:
        """Take all of `data`."""
        out = self._engine.compress(data)
        self._size += len(out)
        self._write(out)

    def finish(self) -> None:
        """Write the end of the stream, padded to even length."""
        out = self._engine.flush()
        self._size += len(out)
        self._write(out + b"\0" if self._size & 1 else out)
