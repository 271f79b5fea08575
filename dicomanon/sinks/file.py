"""A folder as destination: ``<study>/<series>/<sop>.dcm`` by the new UIDs, complete or not there at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dicomanon.errors import ConfigError, ExistsError, PeerRefusedError, StorageError
from dicomanon.part10.write import PART_SUFFIX, sync_folder
from dicomanon.sinks import Receipt, SinkType, Timeouts

if TYPE_CHECKING:
    from dicomanon.pipeline import Cleared

_WINDOW = 1 << 20


class FileSink:
    """A folder tree; the cleared file itself stays where it is."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def send(self, cleared: Cleared) -> Receipt:
        """Put a copy (on the same file system a link) in place; other bytes there are never replaced."""
        folder = self._root / cleared.study_instance_uid / cleared.series_instance_uid
        target = folder / f"{cleared.sop_instance_uid}.dcm"
        if self._root not in target.parents or ".." in target.parts:
            raise PeerRefusedError("the UIDs of an instance do not make a path")
        # Writing aside first: a name that ends in .dcm always stands for a whole file.
        aside = folder / f".{secrets.token_hex(16)}{PART_SUFFIX}"
        try:
            _make_folders(self._root, folder)
            link_or_copy(cleared.path, aside)
            _put_in_place(aside, target)
            sync_folder(folder)
        except OSError as error:
            word = errno.errorcode.get(error.errno or 0, "unknown error")
            raise StorageError(f"the output could not be written ({word})") from error
        finally:
            with suppress(OSError):
                aside.unlink()
        return Receipt(destination=str(self._root), status=0x0000, stored=True)

    def close(self) -> None:
        """Nothing is held."""


def _make_folders(root: Path, folder: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for one in (folder.parent, folder):
        if not one.is_dir():
            one.mkdir(exist_ok=True)
            sync_folder(one.parent)


def link_or_copy(source: Path, aside: Path) -> None:
    """Give a file a second name, or where the file system has no links, a copy."""
    try:
        os.link(source, aside)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            raise
        with source.open("rb") as reader, aside.open("xb") as writer:
            shutil.copyfileobj(reader, writer, _WINDOW)
            writer.flush()
            os.fsync(writer.fileno())


def _put_in_place(aside: Path, target: Path) -> None:
    try:
        os.link(aside, target)
    except FileExistsError:
        if not _same_bytes(aside, target):
            raise ExistsError from None
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        # A file system without hard links: the check and the rename are two steps there.
        if target.exists() and not _same_bytes(aside, target):
            raise ExistsError from None
        aside.replace(target)


def _same_bytes(one: Path, other: Path) -> bool:
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as left, other.open("rb") as right:
        while block := left.read(_WINDOW):
            if block != right.read(_WINDOW):
                return False
    return True


def _root_of(url: str) -> Path:
    if "://" not in url:
        return Path(url).absolute()
    from urllib.parse import unquote, urlsplit  # a plain folder is the usual case

    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path or parts.query or parts.fragment:
        raise ConfigError("a folder is written as file:///folder")
    return Path(unquote(parts.path))


def _check(url: str) -> None:
    _root_of(url)


def _open(url: str, _timeouts: Timeouts) -> FileSink:
    return FileSink(_root_of(url))


SINK = SinkType(scheme="file", check=_check, open=_open)
