"""Keyed replacement values: one key, one value, one answer, on any day and any machine.

Every answer is HMAC-SHA-256(key, role || scope || value): nothing is stored, roles cannot be confused with one
another, and without the key no list of candidate names or dates leads back.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from base64 import b32encode
from functools import lru_cache
from typing import TYPE_CHECKING

from dicomanon.errors import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
SHIFT_DAYS = 3650
_REMEMBERED = 1 << 14


class Pseudonymizer:
    """Maps values of one scope (a project, a route) under one key; `ephemeral` if the key dies with the process."""

    def __init__(self, key: bytes, *, scope: str = "", ephemeral: bool = False) -> None:
        if len(key) < KEY_BYTES:
            raise KeyFileError(f"a key has at least {KEY_BYTES} bytes")
        self._key = key
        self._scope = scope.encode()
        self.ephemeral = ephemeral
        # Values repeat, frame after frame: remember a bounded number of answers.
        self.uid = lru_cache(maxsize=_REMEMBERED)(self._uid)
        self.identifier = lru_cache(maxsize=_REMEMBERED)(self._identifier)

    def _digest(self, role: str, value: bytes) -> bytes:
        """Keep role, scope and value apart by their lengths, so that no two triples read the same."""
        name = role.encode()
        message = b"%d:%b%d:%b%b" % (len(name), name, len(self._scope), self._scope, value)
        return hmac.digest(self._key, message, "sha256")

    def _uid(self, value: bytes) -> bytes:
        """Return the UID that stands for `value` everywhere: 2.25 and a version 8 UUID (PS3.5 B.2, RFC 9562 5.8)."""
        number = int.from_bytes(self._digest("uid", value)[:16], "big")
        number = number & ~(0xF << 76) | 8 << 76
        number = number & ~(0x3 << 62) | 2 << 62
        return b"2.25.%d" % number

    def _identifier(self, role: str, value: bytes, length: int = 16) -> str:
        """Return `length` (at most 51) letters and digits (RFC 4648 base 32) that stand for `value` in `role`."""
        return b32encode(self._digest(f"identifier/{role}", value))[:length].decode()

    def date_shift(self, patient: bytes) -> int:
        """Return by how many days (1 to 3650) every date of `patient` moves into the past."""
        return 1 + int.from_bytes(self._digest("date", patient)[:8], "big") % SHIFT_DAYS

    def fingerprint(self, value: bytes) -> str:
        """Return a short keyed digest for audit records: it tells equal values apart from others, and no more."""
        return self._digest("audit", value)[:8].hex()

    def storage_key(self) -> bytes:
        """Return a key to encrypt with what waits on a disk; it tells nothing of the one it is made of."""
        return self._digest("storage", b"")


def ephemeral_key() -> bytes:
    """Return a key that nobody will have again once the process ends."""
    return secrets.token_bytes(KEY_BYTES)


def read_key(path: Path) -> bytes:
    """Return the key in `path`: hexadecimal digits, at least 64, in a file only its owner can read."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise KeyFileError(f"the key file {path} cannot be read; `dicomanon key {path}` makes one") from None
    if stat.S_IMODE(mode) & 0o077:
        raise KeyFileError(f"the key file {path} can be read by others; `chmod 600 {path}` mends that")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise KeyFileError(f"the key file {path} holds something other than hexadecimal digits") from None
    if len(key) < KEY_BYTES:
        raise KeyFileError(f"the key in {path} is shorter than {KEY_BYTES} bytes")
    return key


def write_key(path: Path) -> None:
    """Make a new key file, mode 0600; an existing one is never touched, for its pseudonyms would be lost."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists already; it is left as it is") from None
    except OSError:
        raise KeyFileError(f"the key file {path} cannot be written") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(ephemeral_key().hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
