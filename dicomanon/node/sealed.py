"""Bytes on a disk that only the holder of a key can read, and that nobody can shorten or change unnoticed.

AES-256-GCM over pieces of a megabyte, each numbered and the last one marked as such (the STREAM construction of Hoang
et al., 2015), under a key of the file's own.
"""

from __future__ import annotations

import hmac
import io
import secrets
from typing import TYPE_CHECKING, Any

from dicomanon.errors import MalformedError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dicomanon.part10.readers import Buffer
    from dicomanon.part10.write import Sink

PIECE = 1 << 20
_MAGIC = b"DICOMANON SEALED"
_SALT, _TAG, _COUNTER = 32, 16, 11


def _cipher(key: bytes, salt: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # only where pixels are looked into
    except ImportError:
        raise UnsupportedError(
            "holding pictures needs the packages of the extra 'pixels', which are not installed"
        ) from None
    return AESGCM(hmac.digest(key, _MAGIC + salt, "sha256"))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_COUNTER, "big") + bytes((last,))


class Sealer:
    """Write bytes sealed into a sink; without `finish` nobody can open what was written."""

    def __init__(self, out: Sink, key: bytes) -> None:
        salt = secrets.token_bytes(_SALT)
        self._out = out
        self._cipher = _cipher(key, salt)
        self._rest = bytearray()
        self._number = 0
        out.write(_MAGIC + salt)

    def write(self, data: Buffer, /) -> None:
        """Append all of `data`."""
        self._rest += data
        while len(self._rest) > PIECE:
            self._seal(self._rest[:PIECE], last=False)
            del self._rest[:PIECE]

    def finish(self) -> None:
        """Write what is left, marked as the end."""
        self._seal(self._rest, last=True)
        self._rest.clear()

    def _seal(self, piece: bytearray, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last=last), bytes(piece), None))
        self._number += 1


def unsealed(path: Path, key: bytes, at: int = 0) -> Iterator[bytes]:
    """Yield what a sealed file holds from offset `at` on; raise MalformedError where it is damaged."""
    with io.FileIO(path) as file:
        yield from _pieces(file, path.stat().st_size, key, at)


def _pieces(file: io.RawIOBase | io.BytesIO, size: int, key: bytes, at: int) -> Iterator[bytes]:
    front = file.read(len(_MAGIC) + _SALT) or b""
    size -= len(front)
    if not front.startswith(_MAGIC) or size < _TAG:
        raise MalformedError("a file that is held is damaged", offset=0)
    cipher = _cipher(key, front[len(_MAGIC) :])
    sealed = PIECE + _TAG
    number, skipped = divmod(at, PIECE)
    file.seek(number * sealed, io.SEEK_CUR)
    count = -(-size // sealed)
    while number < count:
        yield _opened(cipher, file.read(sealed) or b"", number, last=number == count - 1)[skipped:]
        number, skipped = number + 1, 0


def _opened(cipher: Any, piece: bytes, number: int, *, last: bool) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        opened: bytes = cipher.decrypt(_nonce(number, last=last), piece, None)
    except (InvalidTag, ValueError):
        raise MalformedError("a file that is held is damaged", offset=number * PIECE) from None
    return opened


def sealed_text(text: str, key: bytes) -> bytes:
    """Return a short text sealed."""
    out = io.BytesIO()
    sealer = Sealer(out, key)
    sealer.write(text.encode())
    sealer.finish()
    return out.getvalue()


def unsealed_text(data: bytes, key: bytes) -> str:
    """Return a text that was sealed; raise MalformedError where it is damaged."""
    return b"".join(_pieces(io.BytesIO(data), len(data), key, 0)).decode()
