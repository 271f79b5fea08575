"""Which objects there are rules for, by SOP Class: others are refused by name, or dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomanon import standard
from dicomanon.actions import STANDARD_UIDS
from dicomanon.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.profile import Profile
    from dicomanon.standard import Iod

SOP_CLASS_UID = 0x00080016
STUDY_INSTANCE_UID = 0x0020000D
MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"
WHY: Mapping[str, str] = {
    "encapsulated": "an encapsulated document cannot be de-identified here",
    "voice": "recorded voices cannot be de-identified here",
    "dicomdir": "a DICOMDIR is an index of files: `dicomanon deid --dicomdir` makes a new one",
}
KINDS: Mapping[str, str] = {
    MEDIA_STORAGE_DIRECTORY: "dicomdir",
    **{f"1.2.840.10008.5.1.4.1.1.9.4.{number}": "voice" for number in (1, 2)},
    **{f"1.2.840.10008.5.1.4.1.1.104.{number}": "encapsulated" for number in range(1, 6)},
}
"""SOP Classes that never leave, whether they have an IOD table or not, with their kind in [objects]."""


def dropped_kind(sop_class: str, profile: Profile) -> str:
    """Return why a profile drops objects of this SOP Class, nothing where it does not."""
    kind = KINDS.get(sop_class, "")
    return f"{WHY[kind]}: [objects] {kind} = 'drop'" if kind and profile.objects[kind] == "drop" else ""


def iod_of(sop_class: str) -> Iod:
    """Return the IOD of a SOP Class; raise UnsupportedError where there is none, or where it never leaves."""
    kind = KINDS.get(sop_class)
    if kind:
        hint = f"; a profile may say [objects] {kind} = 'drop'"
        raise UnsupportedError(WHY[kind] + hint, tag=SOP_CLASS_UID)
    iod = standard.iod_for(sop_class)
    if iod is None:
        public = sop_class.startswith(STANDARD_UIDS.decode()) and sop_class.isascii()
        named = sop_class if public else "private"
        raise UnsupportedError(f"the SOP Class ({named}) has no IOD table here", tag=SOP_CLASS_UID)
    if STUDY_INSTANCE_UID not in iod.root.children:
        raise UnsupportedError(f"an object of this kind ({iod.name}) is of no study", tag=SOP_CLASS_UID)
    return iod
