"""Frames that were just encoded, until the header in front of them is written: sealed, and gone with the process."""

from __future__ import annotations

import os
import tempfile
from array import array
from typing import TYPE_CHECKING

from dicomanon.part10.write import storage_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_KEY_BYTES, _COUNTER_BYTES = 32, 8


class Spool:
    """A file without a name, encrypted with AES-CTR under a key that is in memory only: pixels may identify.

    Frames are numbered from 0 in the order of `add`; the number is the upper half of the counter block, so that no
    part of the key stream is used twice. Raises StorageError where the disk is full.
    """

    def __init__(self, folder: Path | None) -> None:
        with storage_errors():
            self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115  # closed by `close`
        self._key = os.urandom(_KEY_BYTES)
        self._offsets = array("Q", (0,))

    def add(self, frame: bytes) -> int:
        """Write a frame behind the others and return its number."""
        number = len(self._offsets) - 1
        sealed = memoryview(self._coded(number, frame))
        at = self._offsets[-1]
        with storage_errors():
            while sealed:
                written = os.pwrite(self._file.fileno(), sealed, at)
                at += written
                sealed = sealed[written:]
        self._offsets.append(at)
        return number

    def frames(self, numbers: range) -> Iterator[bytes]:
        """Yield frames by their numbers."""
        for number in numbers:
            start, stop = self._offsets[number], self._offsets[number + 1]
            with storage_errors():
                sealed = os.pread(self._file.fileno(), stop - start, start)
            yield self._coded(number, sealed)

    def lengths(self, numbers: range) -> array[int]:
        """Return the lengths of frames."""
        return array("Q", (self._offsets[number + 1] - self._offsets[number] for number in numbers))

    def close(self) -> None:
        """Let the file go: it has no name, so its bytes go with it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _coded(self, number: int, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # heavy

        counter = number.to_bytes(_COUNTER_BYTES, "big") + bytes(16 - _COUNTER_BYTES)
        worker = Cipher(algorithms.AES(self._key), modes.CTR(counter)).encryptor()
        return worker.update(data) + worker.finalize()
