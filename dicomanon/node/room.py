"""Whether the disk has room: what waits can only be delivered if something can still be written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

RESERVE = 64 << 20
"""Bytes of disk left for the outbox to work with: below this, or a twentieth of a small disk, senders get A700."""


def has_room(folder: Path, more: int = 0) -> bool:
    """Tell whether the disk has its reserve, and so many bytes more."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    return free >= min(RESERVE, whole // 20) + more
