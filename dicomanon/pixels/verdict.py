"""The verdict on an image by what it shows: which flavours leave, which are looked into, which a person must see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dicomanon.pixels.header import Header

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomanon.part10.instance import Instance
    from dicomanon.profile import Profile

SOP_CLASS_UID = 0x00080016
IMAGE_TYPE = 0x00080008
SPECIMEN_LABEL_IN_IMAGE = 0x00480010
BURNED_IN_ANNOTATION = 0x00280301
RECOGNIZABLE_VISUAL_FEATURES = 0x00280302
FACELESS = "113102"
"""Clean Recognizable Visual Features Option (PS3.16 CID 7050)."""
FLAVOURS = ("VOLUME", "THUMBNAIL", "LABEL", "OVERVIEW")
_CLASS = "1.2.840.10008.5.1.4.1.1."
FACES = frozenset(
    _CLASS + each
    for each in (
        *(
            "2",
            "2.1",
            "2.2",
            "13.1.1",
            "13.1.2",
            "4",
            "4.1",
            "4.3",
            "4.4",
            "20",
            "20.1",
            "128",
            "128.1",
            "130",
            "131",
        ),
        *("7", "7.1", "7.2", "7.3", "7.4", "77.1.1", "77.1.1.1", "77.1.4", "77.1.4.1"),
        *("77.1.5.1", "77.1.5.2", "77.1.5.5", "77.1.5.6", "77.1.7"),
    )
)
"""SOP Classes whose images can show a face, or be made into one: CT, MR, PET and NM of a head, three-dimensional X-ray,
secondary capture, endoscopy, photographs, ophthalmic and dermoscopic ones (PS3.15 E.3.2)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`policy` is a word of [pixels]; `why` says so in words that carry no value.

    `claims` are codes of CID 7050 that hold of such an image whatever is done to it.
    """

    policy: str
    why: str
    flavour: str = "other"
    claims: tuple[str, ...] = ()


def verdict(instance: Instance, profile: Profile) -> Verdict:
    """Judge an instance by Image Type value 3, Specimen Label in Image and Burned In Annotation (PS3.3 C.8.12.4).

    An image of any flavour that says it shows the label is judged as a LABEL is. Spaces and lower case make no
    difference, and what is neither NO nor empty is YES.
    """
    if instance.pixels is None:
        return Verdict("keep", "no pixels")
    header = Header.of(instance)
    image_type = header.texts(IMAGE_TYPE)
    flavour = image_type[2] if len(image_type) > 2 and image_type[2] in FLAVOURS else "other"
    policies = profile.pixels
    faces = header.text(SOP_CLASS_UID) in FACES or header.text(RECOGNIZABLE_VISUAL_FEATURES) not in ("NO", "")
    if faces and policies["recognizable"] != "keep":
        word = policies["recognizable"]
        return Verdict(word, f"it may show a face: [pixels] recognizable = {word!r}", flavour)
    judged = _by_flavour(header, flavour, policies)
    return judged if faces else replace(judged, claims=(FACELESS,))


def _by_flavour(header: Header, flavour: str, policies: Mapping[str, str]) -> Verdict:
    word = policies[flavour]
    if word in ("keep", "clean", "gate") and flavour not in ("LABEL", "OVERVIEW"):
        label = policies["LABEL"]
        if header.text(SPECIMEN_LABEL_IN_IMAGE) not in ("NO", "") and label != "keep":
            # What is drawn in the place of a label is none for a picture that shows more than the label.
            instead = "quarantine" if label == "replace" else label
            return Verdict(instead, f"it shows the label: [pixels] LABEL = {label!r}", flavour)
        burned = policies["burned-in"]
        if word == "keep" and header.text(BURNED_IN_ANNOTATION) not in ("NO", "") and burned != "keep":
            return Verdict(burned, f"[pixels] burned-in = {burned!r}", flavour)
    return Verdict(word, f"[pixels] {flavour} = {word!r}", flavour)
