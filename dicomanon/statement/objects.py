"""SOP Classes, transfer syntaxes and character sets that really pass, as the code has them."""

from __future__ import annotations

from typing import NamedTuple

from pydicom.uid import UID

from dicomanon import standard
from dicomanon.deidentify import REFUSED_CLASSES
from dicomanon.kept import CHARACTER_SET_TAG, check_for
from dicomanon.node.negotiate import storage_classes
from dicomanon.part10.encoding import TRANSFER_SYNTAXES

HIGHEST_REGISTERED = 256
"""Beyond the numbers of the character sets that PS3.3 C.12.1.1.2 has terms for."""
NO_TABLE = "no IOD table here"


class SopClass(NamedTuple):
    """One storage SOP Class; `refused` says why its instances never leave, and is empty where they may."""

    uid: str
    name: str
    refused: str


def sop_classes() -> list[SopClass]:
    """Return every SOP Class that is accepted for storage, by name."""
    found = [SopClass(uid, _name(uid), refusal(uid)) for uid in storage_classes()]
    return sorted(found, key=lambda one: (one.name, one.uid))


def refusal(uid: str) -> str:
    """Return why instances of a SOP Class are refused, nothing where they are de-identified."""
    return REFUSED_CLASSES.get(uid.encode(), "") or ("" if standard.iod_for(uid) else NO_TABLE)


def transfer_syntaxes() -> list[tuple[str, str]]:
    """Return name and UID of every transfer syntax that passes through, by UID."""
    return [(UID(uid).name, uid) for uid in sorted(TRANSFER_SYNTAXES, key=_numbers)]


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
