"""The verdict on an image by what it shows: which flavours leave, which are dropped, which a person must see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicomanon.part10.encoding import encoding_of
from dicomanon.part10.index import index_header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.part10.instance import Instance
    from dicomanon.profile import Profile

IMAGE_TYPE = 0x00080008
SPECIMEN_LABEL_IN_IMAGE = 0x00480010
BURNED_IN_ANNOTATION = 0x00280301
FLAVOURS = ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW")


@dataclass(frozen=True, slots=True)
class Verdict:
    """`policy` is keep, drop or quarantine; `why` says so in words that carry no value."""

    policy: str
    why: str


def verdict(instance: Instance, profile: Profile) -> Verdict:
    """Judge an instance by Image Type value 3, Specimen Label in Image and Burned In Annotation (PS3.3 C.8.12.4).

    An image of any flavour that says it shows the label is judged as a LABEL is. Spaces and lower case make no
    difference, and what is neither NO nor empty is YES.
    """
    if instance.pixels is None:
        return Verdict("keep", "no pixels")
    texts = _texts(instance, (IMAGE_TYPE, SPECIMEN_LABEL_IN_IMAGE, BURNED_IN_ANNOTATION))
    image_type = [value.strip() for value in texts[IMAGE_TYPE].split("\\")]
    flavour = image_type[2] if len(image_type) > 2 and image_type[2] in FLAVOURS else "other"
    policies = profile.pixels
    if policies[flavour] != "keep":
        return Verdict(policies[flavour], f"[pixels] {flavour} = {policies[flavour]!r}")
    if flavour not in ("LABEL", "OVERVIEW"):
        if texts[SPECIMEN_LABEL_IN_IMAGE] not in ("NO", "") and policies["LABEL"] != "keep":
            return Verdict(policies["LABEL"], f"it shows the label: [pixels] LABEL = {policies['LABEL']!r}")
        if texts[BURNED_IN_ANNOTATION] not in ("NO", "") and policies["burned-in"] != "keep":
            return Verdict(policies["burned-in"], f"[pixels] burned-in = {policies['burned-in']!r}")
    return Verdict("keep", f"[pixels] {flavour} = 'keep'")


def _texts(instance: Instance, tags: tuple[int, ...]) -> Mapping[int, str]:
    entries = instance.entries
    if entries is None:
        entries = index_header(instance.header, encoding_of(instance.meta.transfer_syntax_uid))
    found = dict.fromkeys(tags, "")
    for entry in entries:
        if entry.tag in found and entry.length is not None:
            found[entry.tag] = (
                instance.header[entry.value : entry.next].decode("ascii", "replace").strip(" \0").upper()
            )
    return found
