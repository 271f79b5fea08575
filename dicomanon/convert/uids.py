"""UIDs of a converted slide: made from its content, so that converting it twice agrees (PS3.5 B.2)."""

from __future__ import annotations

import hashlib
import uuid


def uid(fingerprint: bytes, role: str) -> str:
    """Return the 2.25. UID that `role` has on the slide with this fingerprint."""
    digest = bytearray(hashlib.sha256(b"convert\0" + role.encode() + b"\0" + fingerprint).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80  # version 8: made by the application's own rule (RFC 9562)
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{uuid.UUID(bytes=bytes(digest)).int}"
