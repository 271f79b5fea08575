"""An instance to a Part 10 file exactly as it is: identified data, for those who ask for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon.part10.encoding import UNDEFINED, encoding_of, pack_header
from dicomanon.part10.write import aside_file, file_meta, storage_errors, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from dicomanon.part10.instance import Instance

_BUFFER = 1 << 20


def write_identified(instance: Instance, path: Path) -> int:
    """Write `instance` to `path` aside, make it durable, put it in place; return its size in bytes.

    What the body raises passes through, and leaves no file. Raises StorageError.
    """
    meta = instance.meta
    with aside_file(path.parent) as out:
        out.write(file_meta(meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid))
        out.write(instance.header)
        if instance.pixels is not None:
            pixels = instance.pixels
            length = UNDEFINED if pixels.length is None else pixels.length
            out.write(pack_header(pixels.tag, pixels.vr, length, encoding_of(meta.transfer_syntax_uid)))
        buffer = memoryview(bytearray(_BUFFER))
        while count := instance.body.readinto(buffer):
            out.write(buffer[:count])
        out.sync()
        with storage_errors():
            out.path.replace(path)
        sync_folder(path.parent)
        return out.size
