"""An instance that waits for the others of its pyramid: looked at by its header at once, by its pixels later.

Levels of a slide come one by one, and a box that is found on one belongs on all. Until a pyramid is complete its
levels lie sealed in the spool, as they came.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING

from dicomanon.audit import AuditRecord
from dicomanon.errors import DicomanonError, StorageError
from dicomanon.node.sealed import Sealer, unsealed
from dicomanon.part10.instance import Instance, Meta, PixelElement
from dicomanon.part10.readers import ChunkReader, take
from dicomanon.part10.write import aside_file
from dicomanon.pipeline import Quarantined, record_of, refusal, settled
from dicomanon.pixels.frames import index_frames
from dicomanon.pixels.picture import picture_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dicomanon.node.lane import Keeper, Lane
    from dicomanon.part10.readers import Buffer
    from dicomanon.part10.write import AsideFile
    from dicomanon.pipeline import Outcome, Route
    from dicomanon.pixels.pyramid import Level

    Clear = Callable[..., Outcome]

_LENGTH = Struct(">I")
_STEP = 1 << 20


@dataclass(frozen=True, slots=True)
class Held:
    """A sealed file with an instance in it; the digests are keyed: whose pyramid, which instance, and which bytes."""

    path: Path
    pyramid: str
    instance: str
    content: str
    size: int


def take_in(
    source: Callable[[], Instance], lane: Lane, folder: Path, named: str, keeper: Keeper, clear: Clear
) -> Held | Outcome:
    """Hold what is a level of a pyramid whose tissue is looked into; clear what is none.

    Raises as `clear` does.
    """
    route = lane.route
    if not lane.key:
        return clear(source, route, folder, named)
    instance = settled(source)
    if isinstance(instance, Quarantined):
        _note(route, instance, named.encode())
        return instance
    level = level_in(instance, route)
    if level is None:
        return clear(lambda: instance, route, folder, named)
    with keeper.arriving(route.name, pyramid_of(level, lane.key)):
        taken = _hold(instance, level, lane, folder)
        try:
            _note(route, taken, level.uid.encode())
            if isinstance(taken, Held):
                keeper.hold(taken, lane)
        except StorageError:
            if isinstance(taken, Held):
                taken.path.unlink(missing_ok=True)
            raise
    return taken


def _note(route: Route, taken: Held | Outcome, uid: bytes) -> None:
    if route.audit is None:
        return
    digest = route.deidentifier.pseudonymizer.fingerprint(uid) if uid else ""
    if isinstance(taken, Held):
        route.audit.add(AuditRecord("held", route.deidentifier.profile.name, route.name, source=digest))
    else:
        route.audit.add(record_of(route, taken, digest))


def level_in(instance: Instance, route: Route) -> Level[None] | None:
    """Return what an instance is of a pyramid whose tissue is looked into, None where it is none or is damaged."""
    from dicomanon.pixels.pyramid import level_of  # heavy

    profile = route.deidentifier.profile
    try:
        return level_of(instance, profile, None)
    except (DicomanonError, ArithmeticError, ValueError, MemoryError):
        return None  # whoever clears it says what is wrong


def fingerprint(value: bytes, key: bytes) -> str:
    """Return a keyed digest, the same as long as the key is."""
    return hmac.digest(key, value, "sha256")[:16].hex()


def pyramid_of(level: Level[None], key: bytes) -> str:
    """Return a keyed digest of the pyramid that a level belongs to."""
    return fingerprint(repr((level.owner, level.plane.frame)).encode(), key)


def _hold(instance: Instance, level: Level[None], lane: Lane, folder: Path) -> Held | Outcome:
    """Seal an instance as it came into a file in `folder`, unless its header alone keeps it from leaving.

    Raises StorageError; whatever else is wrong comes back as Quarantined, with the file gone.
    """

    def work() -> Held | Outcome:
        return refusal(instance, lane.route) or _sealed(instance, level, lane, folder)

    return settled(work)


def _sealed(instance: Instance, level: Level[None], lane: Lane, folder: Path) -> Held:
    with aside_file(folder) as out:
        digest = _write(instance, out, lane.key)
        # What is cut short is said while the sender is there to hear it.
        index_frames(reopened(out.path, lane.key, instance.meta.name)(), picture_of(instance))
        out.sync()
    names = (fingerprint(level.uid.encode(), lane.key), fingerprint(digest, lane.key))
    return Held(out.path, pyramid_of(level, lane.key), *names, out.size)


def _write(instance: Instance, out: AsideFile, key: bytes) -> bytes:
    """Write front, header and body, and return a digest of them."""
    sealer, digest = Sealer(out, key), hmac.new(key, digestmod="sha256")

    def write(data: Buffer) -> None:
        digest.update(data)
        sealer.write(data)

    pixels, meta = instance.pixels, instance.meta
    front = {
        "meta": [meta.transfer_syntax_uid, meta.sop_class_uid, meta.sop_instance_uid],
        "pixels": None if pixels is None else [pixels.tag, pixels.vr.decode("ascii"), pixels.length],
        "header": len(instance.header),
    }
    text = json.dumps(front).encode()
    write(_LENGTH.pack(len(text)) + text)
    write(instance.header)
    window = memoryview(bytearray(_STEP))
    while count := instance.body.readinto(window):
        write(window[:count])
    sealer.finish()
    return digest.digest()


def reopened(path: Path, key: bytes, name: str) -> Callable[[], Instance]:
    """Return what gives an instance that is held anew as often as it is asked for.

    Raises MalformedError where the file is damaged.
    """
    reader = ChunkReader(unsealed(path, key))
    (length,) = _LENGTH.unpack(take(reader, _LENGTH.size))
    front = json.loads(take(reader, length))
    header = bytes(take(reader, front["header"]))
    pixels = None
    if front["pixels"] is not None:
        tag, vr, size = front["pixels"]
        pixels = PixelElement(tag, vr.encode("ascii"), size)
    body = _LENGTH.size + length + len(header)
    syntax, sop_class, sop_instance = front["meta"]
    meta = Meta(syntax, sop_class, sop_instance, name)
    return partial(_instance, meta, header, pixels, path, key, body)


def _instance(
    meta: Meta, header: bytes, pixels: PixelElement | None, path: Path, key: bytes, body: int
) -> Instance:
    return Instance(meta, header, pixels, ChunkReader(unsealed(path, key, body)))
