"""A body that comes once, held so that it can be read again: in memory, or encrypted on a disk."""

from __future__ import annotations

import os
import secrets
import tempfile
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from dicomanon.errors import MalformedError, UnsupportedError
from dicomanon.part10.readers import ChunkReader
from dicomanon.part10.write import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dicomanon.part10.instance import Instance

IN_MEMORY = 4 << 20
"""Bytes of a body that are held in memory, for each association of a node; more goes to the disk."""
_STEP = 1 << 20
_KEY, _COUNTER = 32, 16


def held(instance: Instance, folder: Path) -> Callable[[], Instance]:
    """Read the body to its end; return what gives the instance anew as often as it is asked for.

    What is larger than `IN_MEMORY` lies in a file without a name in `folder`, encrypted with AES in counter mode: what
    identifies does not rest on a disk. Raises StorageError where the disk is full, UnsupportedError where the package
    for that is not installed.
    """
    chunks: list[bytes] = []
    size = 0
    spool: _Spool | None = None
    window = memoryview(bytearray(_STEP))
    while count := instance.body.readinto(window):
        size += count
        if spool is None and size > IN_MEMORY:
            spool = _Spool(folder)
            for chunk in chunks:
                spool.add(chunk)
            chunks.clear()
        if spool is None:
            chunks.append(bytes(window[:count]))
        else:
            spool.add(bytes(window[:count]))
    source = partial(iter, chunks) if spool is None else spool.chunks

    def again() -> Instance:
        return replace(instance, body=ChunkReader(source()))

    return again


class _Spool:
    """An encrypted file without a name; it is gone when nobody holds it any more, or when the process dies."""

    def __init__(self, folder: Path) -> None:
        with storage_errors():
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # lives as long as its readers
        self._key, self._counter = secrets.token_bytes(_KEY), secrets.token_bytes(_COUNTER)
        self._encrypt = self._cipher().encryptor()
        self._size = 0

    def _cipher(self) -> Any:
        try:
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        except ImportError:
            raise UnsupportedError(
                "looking into large pictures needs the packages of the extra 'pixels', which are not installed"
            ) from None
        return Cipher(algorithms.AES256(self._key), modes.CTR(self._counter))

    def add(self, chunk: bytes) -> None:
        """Append bytes."""
        with storage_errors():
            self._file.write(self._encrypt.update(chunk))
        self._size += len(chunk)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes from the front."""
        with storage_errors():
            self._file.flush()
        decrypt = self._cipher().decryptor()
        at = 0
        while at < self._size:
            chunk = os.pread(self._file.fileno(), min(_STEP, self._size - at), at)
            if not chunk:
                raise MalformedError("Pixel Data is cut short", offset=at)
            at += len(chunk)
            yield decrypt.update(chunk)
