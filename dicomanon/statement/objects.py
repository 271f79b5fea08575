"""SOP Classes, transfer syntaxes and character sets that really pass, as the code has them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from pydicom.uid import UID

from dicomanon import standard
from dicomanon.errors import InstanceError, UnsupportedError
from dicomanon.kept import CHARACTER_SET_TAG, check_for
from dicomanon.node.negotiate import storage_classes
from dicomanon.part10.encoding import EXPLICIT_LE, EXPLICIT_LITTLE, TRANSFER_SYNTAXES, VIDEO, pack_element
from dicomanon.part10.instance import Instance, Meta
from dicomanon.part10.readers import ChunkReader
from dicomanon.pipeline import clear_in_memory, make_route
from dicomanon.profile import load_profile
from dicomanon.pseudonym import KEY_BYTES, Pseudonymizer
from dicomanon.statement.choices import PLAIN
from dicomanon.statement.rules import tag_text

if TYPE_CHECKING:
    from dicomanon.pipeline import Route

SOP_CLASS_UID = 0x00080016
HIGHEST_REGISTERED = 256
"""Beyond the numbers of the character sets that PS3.3 C.12.1.1.2 has terms for."""


PASSED = "passed through as they are, but where a policy for images says otherwise (A.C.2.6.10)"
VIDEO_FATE = "accepted, then quarantined: between the pictures of a video anything may stand"


class SopClass(NamedTuple):
    """One storage SOP Class; `refused` says why its instances never leave, and is empty where they may."""

    uid: str
    name: str
    refused: str


def sop_classes() -> list[SopClass]:
    """Return every SOP Class that is accepted for storage, by name."""
    found = [SopClass(uid, _name(uid), refusal(uid)) for uid in storage_classes()]
    return sorted(found, key=lambda one: (one.name, one.uid))


@cache
def _route() -> Route:
    return make_route("statement", load_profile(PLAIN), Pseudonymizer(bytes(KEY_BYTES)), scope="statement")


@cache
def refusal(uid: str) -> str:
    """Return why instances of a SOP Class are refused, as the de-identifier says of one; nothing where they are not."""
    header = pack_element(SOP_CLASS_UID, b"UI", uid.encode(), EXPLICIT_LE)
    nothing_else = Instance(Meta(EXPLICIT_LITTLE), header, None, ChunkReader([]))
    try:
        clear_in_memory(nothing_else, _route())
    except UnsupportedError as error:
        return str(error).removesuffix(f" at {tag_text(SOP_CLASS_UID)}")
    except InstanceError:
        return ""  # the class is known: what else an instance needs is missing
    return ""


def transfer_syntaxes() -> list[tuple[str, str, str]]:
    """Return name and UID of every transfer syntax that is accepted, by UID, and what becomes of its pictures."""
    return [
        (UID(uid).name, uid, VIDEO_FATE if uid in VIDEO else PASSED)
        for uid in sorted(TRANSFER_SYNTAXES, key=_numbers)
    ]


def character_sets() -> list[str]:
    """Return the defined terms of Specific Character Set (PS3.3 C.12.1.1.2) that the code takes."""
    check = check_for(CHARACTER_SET_TAG, b"CS")
    numbered = (
        f"{word} {number}" for word in ("ISO_IR", "ISO 2022 IR") for number in range(HIGHEST_REGISTERED)
    )
    terms = [term.encode() for term in (*numbered, "GB18030", "GBK")]
    return [term.decode() for term in terms if check is None or check.passes(term, 0, len(term))]


def _name(uid: str) -> str:
    name = UID(uid).name
    iod = standard.iod_for(uid) if name == uid else None
    return iod.name.replace("-", " ").title() if iod else name


def _numbers(uid: str) -> list[int]:
    return [int(part) for part in uid.split(".")]
